"""Holds a data map against the files, before a system starts."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

from connectors.datamap import DataMap
from connectors.errors import ConnectorError, MisconfiguredError, PermanentError, TransientError
from connectors.files import columns, fields, jsonl, paths, stream
from connectors.files.found import Query
from connectors.files.parquet import ParquetFormat, opened
from connectors.files.sets import FileSet

_SAMPLE = 1000
"""Records of a file that are looked at when the map is checked."""

_FIXES = {
    "symlink": "no symlink below the root may match: make it a file, or narrow the glob",
    "not_a_file": "a pipe, socket or device matches: narrow the glob",
    "overlapping_globs": "one file stands in two record sets: make the globs exclude each other",
    "not_permitted": "let the account that runs the connector read and write the files and their folders",
    "unknown_format": "only plain text and gz can be searched: convert the file, or narrow the glob",
    "broken_gz": "a file named .gz is not gz: convert it, or narrow the glob",
    "broken_parquet": "a file is no Parquet file: repair it, or narrow the glob",
    "parquet_schema": "match, yields, mask and anchor name columns of text or whole numbers that every file has",
}


def check(root: Path, datamap: DataMap) -> list[str]:
    """Give warnings, e.g. a glob that matches nothing.

    Raises:
        MisconfiguredError: naming the data map's file, line and fix; file names are never shown.
        TransientError: files moved meanwhile.
    """
    where = datamap.location
    if not root.is_dir():
        raise MisconfiguredError(
            "root", "the root is not a folder", file=str(root), fix="create it, or correct root in the settings"
        )
    if not os.access(root, os.R_OK | os.W_OK | os.X_OK):
        fix = "the account that runs the connector reads the root and keeps its lock file there"
        raise MisconfiguredError("root", "the root cannot be read and written", file=str(root), fix=fix)
    sets: tuple[FileSet, ...] = datamap.sets
    warnings: list[str] = []
    for one in sets:
        try:
            (files,) = paths.listing(root, [one.globs])
            for number, file in enumerate(files):
                _readable(one, file, number, datamap)
            warnings.extend(_never_seen(one, files, datamap))
            warnings.extend(_never_written(one, files, datamap))
        except PermanentError as error:
            fix = _FIXES.get(error.code, "")
            raise where.wrong(f"record set {one.name!r}: {error.code}", one.name, "files", fix=fix) from None
        if not files and not one.may_be_empty:
            warnings.append(
                f"{where.file.name}: record set {one.name!r}: no file matches, and its requests stop (no_file); "
                "correct the glob or mount the folder, or say may_be_empty = true"
            )
        warnings.extend(
            f"{where.file.name}: record set {one.name!r}: {glob!r} under live matches no file"
            for glob in one.globs.live
            if not any(paths.matches(glob, file.path.relative_to(root).parts) for file in files)
        )
    try:
        paths.listing(root, [one.globs for one in sets])
    except PermanentError as error:
        raise where.wrong(error.code, "files", fix=_FIXES.get(error.code, "")) from None
    return warnings


def _never_seen(one: FileSet, files: Sequence[paths.File], datamap: DataMap) -> list[str]:
    """Warn of a mapped field that none of the first records has: a misspelt one would find nobody, for ever."""
    found_by = {place.field for places in one.match.values() for place in places}
    missing = found_by.union(place.field for places in one.yields.values() for place in places) - {"*"}
    seen = 0
    for file in files:
        if not missing or one.kind_of(file.path.name) != "json":
            continue
        with stream.content(file) as lines:
            for line in itertools.islice(lines, _SAMPLE):
                record = jsonl.parse(line)
                if record is not None:
                    seen += 1
                    missing = {field for field in missing if next(fields.at(record, field), None) is None}
    if not seen:
        return []
    return [
        f"{datamap.location.file.name}: record set {one.name!r}: none of the first {seen} records has the field"
        f" {field!r}; if it is misspelt, nobody is ever found there (a control record turns that into a stop)"
        for field in sorted(missing)
    ]


def _never_written(one: FileSet, files: Sequence[paths.File], datamap: DataMap) -> list[str]:
    """Warn of a field of free text that is nowhere: a misspelt one is never looked through for other people's data."""
    missing = set(one.free_text) - {"*"}
    seen = False
    for file in files:
        kind = one.kind_of(file.path.name)
        if not missing or kind == "text":
            continue
        if kind == "parquet":
            with opened(file) as source:
                missing = {field for field in missing if not columns.holds(source.schema_arrow, field)}
            seen = True
            continue
        with stream.content(file) as lines:
            for line in itertools.islice(lines, _SAMPLE):
                record = jsonl.parse(line)
                if record is not None:
                    seen = True
                    missing = {field for field in missing if next(fields.at(record, field), None) is None}
    return [
        f"{datamap.location.file.name}: record set {one.name!r}: free_text: nothing has the field {field!r}; if it is"
        " misspelt, nobody looks for other people's data there before a copy is given"
        for field in sorted(missing)
        if seen
    ]


def _readable(one: FileSet, file: paths.File, number: int, datamap: DataMap) -> None:
    folder_ok = file.live or os.access(file.path.parent, os.W_OK | os.X_OK)
    if not os.access(file.path, os.R_OK) or not folder_ok:
        raise PermanentError("not_permitted")
    try:
        if one.kind_of(file.path.name) == "parquet":
            ParquetFormat(Query((), {}), one).check(file)
        else:
            with stream.opened(file) as raw:
                stream.is_gzip(raw, file)
    except TransientError:
        raise
    except MisconfiguredError as error:
        raise datamap.location.wrong(error.message, one.name, "files", fix=error.fix, code=error.code) from None
    except ConnectorError as error:
        message = f"record set {one.name!r}: file number {number + 1} in sorted order: {error.code}"
        raise datamap.location.wrong(message, one.name, "files", fix=_FIXES.get(error.code, "")) from None
