"""The connector of both kinds of files: five methods over one folder.

``locate`` and ``present`` share one pass where nothing changed in between; ``erase`` is in ``erasing``.
"""

from __future__ import annotations

import datetime as dt
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from connectors.contract import (
    Connector,
    ErasureOrder,
    ErasureReport,
    Holding,
    Holdings,
    Look,
    Presence,
    RecordWriter,
    Subject,
    TaskId,
)
from connectors.datamap import DataMap
from connectors.errors import PermanentError
from connectors.files import checking, erasing, found, keys, paths
from connectors.files.found import Record
from connectors.files.replace import LOCK_SECONDS
from connectors.files.scan import SetScan, formats, list_all, scan
from connectors.files.sets import FileSet
from schemas.outcomes import Facts
from schemas.requests import utc


def machine_time() -> float:
    """Give the time in seconds since 1970, as the file system stamps a file now."""
    with tempfile.TemporaryFile() as fresh:
        return os.fstat(fresh.fileno()).st_mtime


class FileConnector(Connector):
    """Lines and rows of files below one folder."""

    def __init__(
        self,
        root: Path,
        datamap: DataMap,
        *,
        now: Callable[[], float] = machine_time,
        lock_seconds: float = LOCK_SECONDS,
    ) -> None:
        """Take the folder and the data map (``sets.load``). ``now``: seconds since 1970."""
        self._root = root
        self._map = datamap
        self._sets: tuple[FileSet, ...] = datamap.sets
        self._now = now
        self._lock_seconds = lock_seconds
        self._last: _Pass | None = None

    def record_sets(self) -> Sequence[FileSet]:
        return self._sets

    def check(self) -> Sequence[str]:
        return checking.check(self._root, self._map)

    def locate(self, subjects: Sequence[Subject]) -> Mapping[TaskId, Holdings]:
        """Find the records of each subject in one pass.

        Raises:
            TransientError: ``file_changed`` (a rotation during the pass), ``root_missing``, ``input_output``.
            PermanentError: ``no_file``, ``unreadable_line``, ``truncated_gz``, ``broken_gz``, ``unknown_format``,
                ``line_too_long``, ``parquet_schema``, ``broken_parquet``, ``symlink``, ``not_a_file``,
                ``overlapping_globs``, ``not_permitted``.
        """
        self._last = _Pass(subjects, *scan(self._root, self._sets, subjects, {}))
        return {
            subject.task_id: {one.one.name: self._holding(one, owner) for one in self._last.results}
            for owner, subject in enumerate(subjects)
        }

    def _holding(self, seen: SetScan, owner: int) -> Holding:
        held = seen.of(owner)
        dates = [record.match.anchor for _, record in held if record.match.anchor]
        waiting = [record for _, record in held if record.live]
        dated = seen.one.retain is not None
        return Holding(
            keys=tuple(key for key, _ in held),
            links=tuple(dict.fromkeys(link for _, record in held for link in record.match.links)),
            facts=Facts(
                anchor_first=min(dates, default=None) if dated else None,
                anchor_last=max(dates, default=None) if dated else None,
                anchor_missing=len(held) - len(dates) if dated else 0,
                persons=max(1, len(held)) if seen.one.one_per_subject else 1,
            ),
            pending=self._pending(seen, waiting),
            pending_count=len(waiting),
            # Masked records are found by their token alone, so it has to be carried; the set as a whole is durable
            # then, since `execute` asks it of the search after the erasure, which finds no token.
            durable=bool(seen.one.retain and seen.one.retain.mask) or not held,
        )

    def _pending(self, seen: SetScan, waiting: Sequence[Record]) -> str | None:
        """Give when the live files among these will have been rotated."""
        if not waiting:
            return None
        period = seen.one.rotation_hours * 3600
        now = self._now()
        written = max(seen.files[record.file].stamp.mtime_ns / 1e9 for record in waiting)
        # A file nobody has written to for longer than a period: its next rotation is still at most one away.
        due = written + period if written + period > now else now + period
        return utc(dt.datetime.fromtimestamp(due, dt.UTC))

    def erase(self, orders: Sequence[ErasureOrder]) -> Mapping[TaskId, ErasureReport]:
        """Remove or mask the records of each order, file by file, under the store's lock.

        Raises:
            TransientError: ``busy``, ``file_changed``, ``disk_full``: no file is half written; call again.
            PermanentError: ``max_records`` (before anything is rewritten), ``hard_link``, ``line_count``,
                ``parquet_rewrite``, and those of ``locate``.
        """
        self._last = None
        return erasing.erase(self._root, self._sets, orders, self._pending, self._lock_seconds)

    def present(self, looks: Sequence[Look]) -> Mapping[TaskId, Mapping[str, Mapping[str, Presence]]]:
        """Look for records by key: a line by the identifiers that lead to it, a masked one by its token.

        Raises:
            TransientError, PermanentError: see ``locate``.
        """
        seen = self._last
        if seen is None or not seen.answers(looks) or not seen.holds(self._root, self._sets):
            subjects = [Subject(one.subject.task_id, one.subject.identifiers, one.keys) for one in looks]
            seen = self._last = _Pass(subjects, *scan(self._root, self._sets, subjects, {}))
        results = {one.one.name: one for one in seen.results}
        answers: dict[TaskId, dict[str, dict[str, Presence]]] = {}
        for look in looks:
            owner = seen.owners[look.subject.task_id]
            answers[look.subject.task_id] = {
                name: _presence(results[name], owner, asked) if name in results else _unknown()
                for name, asked in look.keys.items()
            }
        return answers

    def export(self, subject: Subject, into: RecordWriter) -> None:
        """Write the subject's records, one row each: fields joined by dots, or the line of a text log.

        Raises:
            TransientError, PermanentError: see ``locate``.
        """
        listed = list_all(self._root, self._sets)
        for one, files in zip(self._sets, listed, strict=True):
            query = found.query(one, [subject], {})
            if not query:
                continue
            readers = formats(one, query, {one.kind_of(file.path.name) for file in files})
            for file in files:
                for row in readers[one.kind_of(file.path.name)].rows(file):
                    into.write(one.name, row)
        if not paths.still(listed, paths.listing(self._root, [one.globs for one in self._sets])):
            raise paths.moved()

    def close(self) -> None:
        """Forget what the last pass found."""
        self._last = None


def _unknown() -> dict[str, Presence]:
    raise PermanentError("unknown_record_set")


class _Pass:
    """What one pass found, for whom, and in which files."""

    def __init__(
        self, subjects: Sequence[Subject], results: list[SetScan], listed: list[tuple[paths.File, ...]]
    ) -> None:
        self.results = results
        self._subjects = {subject.task_id: subject for subject in subjects}
        self.owners = {subject.task_id: owner for owner, subject in enumerate(subjects)}
        self._listed = listed

    def answers(self, looks: Sequence[Look]) -> bool:
        """Tell whether these looks ask for nothing but what the pass looked for."""
        for look in looks:
            subject = self._subjects.get(look.subject.task_id)
            if subject is None or subject.identifiers != look.subject.identifiers:
                return False
            for seen in self.results:
                known = seen.query.tokens
                owner = self.owners[look.subject.task_id]
                if any(owner not in known.get(t, ()) for t in found.tokens_in(look.keys.get(seen.one.name, ()))):
                    return False
        return True

    def holds(self, root: Path, sets: Sequence[FileSet]) -> bool:
        """Tell whether every file is as it was during the pass."""
        return self._listed == paths.listing(root, [one.globs for one in sets])


def _presence(seen: SetScan, owner: int, asked: Sequence[str]) -> dict[str, Presence]:
    lines: Counter[str] = Counter()
    tokens: Counter[str] = Counter()
    bare: set[str] = set()
    for _, record in seen.of(owner):
        led = owner in record.match.owners
        if led:
            lines[f"line:{record.digest}"] += 1
        for token in record.match.tokens:
            if owner in seen.query.tokens[token]:
                tokens[f"token:{token}"] += 1
                if led or not record.match.masked:
                    bare.add(f"token:{token}")
    searched = any(wanted.owner == owner for wanted in seen.query.wanted)
    answer: dict[str, Presence] = {}
    for key in asked:
        base, nth = keys.split(key)
        if base.startswith("token:"):
            there = Presence.PRESENT if base in bare else Presence.MASKED
            answer[key] = there if tokens[base] > nth else Presence.GONE
        elif searched:
            answer[key] = Presence.PRESENT if lines[base] > nth else Presence.GONE
        else:
            # Without an identifier nothing leads to a line: that it is gone cannot be shown.
            answer[key] = Presence.PRESENT
    return answer
