"""The only place that changes a file: whole, under a lock, and either fully or not at all.

A temporary file in the same folder is written, checked and synced; the original is looked at again (same inode,
size, mtime) and replaced by an atomic rename; the folder is synced. A crash leaves the original and at most a
temporary file, which the next erasure removes.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import filelock

from connectors.errors import PermanentError, TransientError
from connectors.files import paths
from connectors.files.faults import translated

LOCK_SECONDS: Final = 30.0


class Temporary(NamedTuple):
    """The file that will take the place of another."""

    path: Path
    out: BinaryIO


@contextlib.contextmanager
def locked(root: Path, seconds: float = LOCK_SECONDS) -> Iterator[Path]:
    """Hold the store's exclusive lock, remove what a crash left, and give the folder for our own files.

    Raises:
        TransientError: ``busy``: another process has held the lock all this time.
        PermanentError: ``not_permitted``; ``symlink``: our own folder is one.
    """
    folder = root / paths.OWN_FOLDER
    with translated():
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.is_symlink():
            raise PermanentError("symlink")
        lock = filelock.FileLock(folder / "lock", timeout=seconds)
        try:
            lock.acquire()
        except filelock.Timeout:
            raise TransientError("busy") from None
    try:
        with translated():
            for left in paths.leftovers(root):
                left.unlink(missing_ok=True)
        yield folder
    finally:
        lock.release()


@contextlib.contextmanager
def replacing(file: paths.File, *, need: int) -> Iterator[Temporary]:
    """Replace a file by what the block writes; on any error the original stays and the temporary file goes.

    Args:
        file: The file as it was listed, under the lock.
        need: Bytes the new file will have at most.

    Raises:
        TransientError: ``file_changed``, ``disk_full``.
        PermanentError: ``hard_link``: the file has a second name, under which everything would stay.
    """
    folder = file.path.parent
    with translated():
        before = file.path.stat(follow_symlinks=False)
        _unchanged(before, file)
        if before.st_nlink > 1:
            raise PermanentError("hard_link")
        if shutil.disk_usage(folder).free < need:
            raise TransientError("disk_full")
        path = folder / f".expunge-{secrets.token_hex(8)}.tmp"
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(path, flags, 0o600), "w+b") as out:
                yield Temporary(path, out)
                out.flush()
                _dress(out.fileno(), before, file.path)
                os.fsync(out.fileno())
            _unchanged(file.path.stat(follow_symlinks=False), file)
            path.rename(file.path)
            _sync(folder)
        finally:
            path.unlink(missing_ok=True)


def _unchanged(status: os.stat_result, file: paths.File) -> None:
    if paths.Stamp.of(status) != file.stamp:
        raise TransientError("file_changed")


def _dress(descriptor: int, like: os.stat_result, original: Path) -> None:
    """Give the new file owner, mode and extended attributes (SELinux label, ACL) of the old one."""
    mine = os.fstat(descriptor)
    if (mine.st_uid, mine.st_gid) != (like.st_uid, like.st_gid):
        os.fchown(descriptor, like.st_uid, like.st_gid)
    os.fchmod(descriptor, like.st_mode & 0o7777)
    if hasattr(os, "listxattr"):
        with contextlib.suppress(OSError):  # file systems without attributes, or labels only the system may set
            for name in os.listxattr(original):
                os.setxattr(descriptor, name, os.getxattr(original, name))


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
