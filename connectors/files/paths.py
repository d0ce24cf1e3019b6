"""Which files a record set means: globs under the root, never through a symlink.

A symlink could lead out of the root, or to a file that is seen twice; where one matches, a person has to look.
The listing is a value: it is taken again after a pass, and a pass over files that moved meanwhile (a rotation)
does not count.
"""

from __future__ import annotations

import fnmatch
import functools
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from connectors.errors import PermanentError, TransientError
from connectors.files.faults import translated

OWN_FOLDER: Final = ".expunge"
TEMPORARY: Final = ".expunge-*.tmp"


class Stamp(NamedTuple):
    """What tells that a file is the same and unchanged."""

    device: int
    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


class File(NamedTuple):
    """One file of a record set, as it was when it was listed."""

    path: Path
    stamp: Stamp
    live: bool

    def __repr__(self) -> str:
        """Hide the path: a file may be named after a person (I4)."""
        return f"File(size={self.stamp.size}, live={self.live})"


class Globs(NamedTuple):
    """The globs of one record set."""

    files: tuple[str, ...]
    live: tuple[str, ...] = ()


def wrong(glob: str) -> str | None:
    """Say what is wrong with a glob of a data map, or None."""
    parts = glob.split("/")
    if not glob or "\0" in glob or "\\" in glob:
        return "an empty glob, or one with a backslash"
    if glob.startswith("/"):
        return "an absolute path"
    if any(part in {"..", ".", ""} for part in parts):
        return "a path with '..', '.' or an empty part"
    return None


def matches(glob: str, parts: Sequence[str]) -> bool:
    """Tell whether a path (its parts below the root) matches; ``**`` stands for any number of folders."""
    return _fits(tuple(glob.split("/")), tuple(parts))


def may_lead(glob: str, parts: Sequence[str]) -> bool:
    """Tell whether something below this folder could match."""
    return _leads(tuple(glob.split("/")), tuple(parts))


@functools.lru_cache(maxsize=65536)
def _fits(glob: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    if not glob:
        return not parts
    if glob[0] == "**":
        return _fits(glob[1:], parts) or bool(parts and _fits(glob, parts[1:]))
    return bool(parts) and fnmatch.fnmatchcase(parts[0], glob[0]) and _fits(glob[1:], parts[1:])


@functools.lru_cache(maxsize=65536)
def _leads(glob: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    if not parts:
        return bool(glob)
    if not glob:
        return False
    if glob[0] == "**":
        return True
    return fnmatch.fnmatchcase(parts[0], glob[0]) and _leads(glob[1:], parts[1:])


def listing(root: Path, sets: Sequence[Globs]) -> list[tuple[File, ...]]:
    """List the files of each record set, sorted by path.

    Raises:
        PermanentError: ``symlink``; ``not_a_file`` (a pipe or device matches); ``overlapping_globs`` (one file in
            two record sets: erasing it in one would break what the other says of it); ``not_permitted``.
        TransientError: the root is away (``root_missing``).
    """
    if not root.is_dir():
        raise TransientError("root_missing")
    found: list[list[File]] = [[] for _ in sets]
    with translated():
        for parts, entry in _walk(root, (), [glob for one in sets for glob in (*one.files, *one.live)]):
            hits = [n for n, one in enumerate(sets) if any(matches(glob, parts) for glob in (*one.files, *one.live))]
            if not hits:
                continue
            if len(hits) > 1:
                raise PermanentError("overlapping_globs")
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                continue
            if not stat.S_ISREG(status.st_mode):
                raise PermanentError("symlink" if stat.S_ISLNK(status.st_mode) else "not_a_file")
            live = any(matches(glob, parts) for glob in sets[hits[0]].live)
            found[hits[0]].append(File(Path(entry.path), Stamp.of(status), live))
    return [tuple(sorted(one, key=lambda file: os.fsencode(file.path))) for one in found]


def _walk(
    folder: Path, above: tuple[str, ...], globs: Sequence[str]
) -> Iterator[tuple[tuple[str, ...], os.DirEntry[str]]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if (entry.name == OWN_FOLDER and not above) or fnmatch.fnmatchcase(entry.name, TEMPORARY):
                continue
            parts = (*above, entry.name)
            leads = any(may_lead(glob, parts) for glob in globs)
            if entry.is_symlink() and leads and entry.is_dir():
                raise PermanentError("symlink")
            yield parts, entry
            if leads and entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path), parts, globs)


def leftovers(root: Path) -> Iterator[Path]:
    """Give the temporary files that a crash left below the root."""
    for folder, _, names in os.walk(root):
        for name in fnmatch.filter(names, TEMPORARY):
            yield Path(folder, name)


def still(before: Sequence[tuple[File, ...]], after: Sequence[tuple[File, ...]]) -> bool:
    """Tell whether nothing moved between two listings; a live file may have grown."""
    return all(
        len(old) == len(new) and all(_same(one, other) for one, other in zip(old, new, strict=True))
        for old, new in zip(before, after, strict=True)
    )


def moved() -> TransientError:
    """Make the error for files that moved during a pass."""
    return TransientError("file_changed")


def _same(old: File, new: File) -> bool:
    if old.live and new.live:
        return old.path == new.path and old.stamp[:2] == new.stamp[:2] and old.stamp.size <= new.stamp.size
    return old == new
