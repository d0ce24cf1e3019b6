"""Holds a data map against the files, before a system starts."""

from __future__ import annotations

import os
from pathlib import Path

from connectors.datamap import DataMap
from connectors.errors import ConnectorError, MisconfiguredError, PermanentError, TransientError
from connectors.files import paths, stream
from connectors.files.found import Query
from connectors.files.parquet import ParquetFormat
from connectors.files.sets import FileSet

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
        except PermanentError as error:
            fix = _FIXES.get(error.code, "")
            raise where.wrong(f"record set {one.name!r}: {error.code}", one.name, "files", fix=fix) from None
        if not files:
            warnings.append(f"{where.file.name}: record set {one.name!r}: no file matches")
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
