"""Faults put into the processes on purpose, so that the harness is seen to fail. None of them is active by itself."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from connectors.contract import ErasureOrder, Holding, Presence, SetReport, TaskId

SLOW: Final = 0.4
"""Seconds that a rewrite takes in which nobody is kept out, so that the one who is frozen is frozen in it."""


def _inbox() -> None:
    """Nothing that was consumed before is recognised."""
    from orchestrator.store.store import SqlTransaction

    SqlTransaction.known = lambda _self, _keys: {}  # type: ignore[method-assign,assignment]


def _second_look() -> None:
    """The store loses every third erasure that it acknowledged, and nobody looks again: the report is believed."""
    from connectors import erasing
    from connectors.locating import Found
    from connectors.sql.adapter import SqlConnector
    from schemas.requests import utc

    _lose_every_third(SqlConnector)

    def believed(
        _first: object, _open: object, done: Mapping[TaskId, Any], sets: Sequence[Any], now: Callable[[], Any]
    ) -> dict[TaskId, Any]:
        nothing = {one.name: Found(Holding(), proven=True) for one in sets}
        at = utc(now())
        return {
            task_id: erasing._result(job, sets, erasing._Sight(reports, nothing, _as_told(job, reports), at))
            for task_id, (job, reports) in done.items()
        }

    erasing._second_look = believed  # type: ignore[assignment]


def _as_told(job: Any, reports: Mapping[str, Any]) -> dict[str, dict[str, Presence]]:
    told = {name: one for name, one in reports.items() if isinstance(one, SetReport)}
    return {
        name: dict.fromkeys((*job.subject.keys.get(name, ()), *one.erased), Presence.GONE)
        | dict.fromkeys(one.kept, Presence.MASKED)
        for name, one in told.items()
    }


def _lose_every_third(connector: Any) -> None:
    from connectors.sql.erasing import erase

    class Lost(Exception):
        pass

    kept = connector.erase

    def losing(self: Any, orders: Sequence[ErasureOrder]) -> Mapping[TaskId, Any]:
        lost = [one for one in orders if int(one.subject.task_id.split(".")[0][-1]) % 3 == 0]
        reports: dict[TaskId, Any] = {}
        if lost:
            with contextlib.suppress(Lost), self._transaction(write=True) as (connection, plan):
                told = erase(connection, plan, lost)
                reports = {one.task_id: report for one, report in zip(lost, told, strict=True)}
                raise Lost
        left = [one for one in orders if one.task_id not in reports]
        return reports | (dict(kept(self, left)) if left else {})

    connector.erase = losing


def _file_lock() -> None:
    """Nobody is kept out of files that somebody rewrites: no lock, and no look whether the file is still the same."""
    from connectors.files import erasing, lines, parquet, paths, replace
    from orchestrator.cli import connecting

    @contextlib.contextmanager
    def unlocked(root: Path, seconds: float = 0.0) -> Iterator[Path]:
        folder = root / paths.OWN_FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        yield folder

    connecting.lock_of = lambda system: None
    erasing.locked = unlocked  # type: ignore[attr-defined]
    replace._unchanged = lambda status, file: None
    for module in (lines, parquet):
        _slow(module)


def _slow(module: Any) -> None:
    original = module.replacing

    @contextlib.contextmanager
    def slow(*args: Any, **kwargs: Any) -> Iterator[Any]:
        with original(*args, **kwargs) as value:
            yield value
            time.sleep(SLOW)

    module.replacing = slow


SABOTAGES: Final[Mapping[str, tuple[str, Callable[[], None]]]] = {
    "inbox": ("orchestrate", _inbox),
    "second-look": ("connect", _second_look),
    "file-lock": ("connect", _file_lock),
}


def apply(name: str, command: str) -> None:
    """Put one fault in, where it belongs to this command; an empty name puts none."""
    if name and SABOTAGES[name][0] == command:
        SABOTAGES[name][1]()
