"""One pass over the files of all record sets, for a whole batch of subjects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from connectors.contract import Subject
from connectors.errors import PermanentError, TransientError
from connectors.files import found, keys, paths
from connectors.files.found import FileScan, Query, Record
from connectors.files.jsonl import JsonLines
from connectors.files.lines import LineFormat
from connectors.files.parquet import ParquetFormat
from connectors.files.sets import FileSet, Format
from connectors.files.text import TextLines

NOTHING: Final = Query((), {})


@dataclass(repr=False)
class SetScan:
    """What one pass found in one record set."""

    one: FileSet
    query: Query
    files: tuple[paths.File, ...]
    formats: Mapping[Format, LineFormat | ParquetFormat]
    scans: list[FileScan]

    def of(self, owner: int) -> list[tuple[str, Record]]:
        """Give one subject's records with their keys."""
        mine = self._by_owner.get(owner, [])
        return keys.number(mine, owner, self.query.tokens)

    def __post_init__(self) -> None:
        """Sort the records by subject once; a batch has up to a thousand of them."""
        self._by_owner: dict[int, list[Record]] = {}
        for scan in self.scans:
            for record in scan.records:
                for owner in record.owners(self.query.tokens):
                    self._by_owner.setdefault(owner, []).append(record)


def formats(one: FileSet, query: Query, needed: set[Format]) -> dict[Format, LineFormat | ParquetFormat]:
    """Make the readers a record set needs for one query."""
    made: dict[Format, LineFormat | ParquetFormat] = {}
    if "text" in needed:
        made["text"] = LineFormat(TextLines(query, one.match))
    if "json" in needed:
        made["json"] = LineFormat(JsonLines(query, one))
    if "parquet" in needed:
        made["parquet"] = ParquetFormat(query, one)
    return made


def list_all(root: Path, sets: Sequence[FileSet]) -> list[tuple[paths.File, ...]]:
    """List the files of each record set.

    Raises:
        PermanentError: ``no_file``: a record set has none, which must not read as "nothing held" (I1).
        TransientError, PermanentError: see ``paths.listing``.
    """
    listed = paths.listing(root, [one.globs for one in sets])
    if any(not files and not one.may_be_empty for one, files in zip(sets, listed, strict=True)):
        raise PermanentError("no_file")
    return listed


def scan(
    root: Path, sets: Sequence[FileSet], subjects: Sequence[Subject], more: Mapping[str, Mapping[int, Sequence[str]]]
) -> tuple[list[SetScan], list[tuple[paths.File, ...]]]:
    """Search every record set for every subject in one pass.

    Args:
        root: The system's folder.
        sets: Its record sets.
        subjects: The batch.
        more: Record set -> subject's place in the batch -> further tokens to look for.

    Returns:
        One result per record set, and the listing it holds for.

    Raises:
        TransientError: ``file_changed``: files moved meanwhile (a rotation), so that one may have been missed.
        PermanentError: ``no_file``: a record set has no file; a file cannot be searched, see ``lines``, ``parquet``.
    """
    listed = list_all(root, sets)
    results: list[SetScan] = []
    for one, files in zip(sets, listed, strict=True):
        query = found.query(one, subjects, more.get(one.name, {}), sum(file.stamp.size for file in files))
        readers = formats(one, query, {one.kind_of(file.path.name) for file in files}) if query else {}
        scans = [
            readers[one.kind_of(file.path.name)].scan(file, number) if readers else FileScan()
            for number, file in enumerate(files)
        ]
        results.append(SetScan(one, query, files, readers, scans))
    if not paths.still(listed, paths.listing(root, [one.globs for one in sets])):
        raise TransientError("file_changed")
    return results, listed
