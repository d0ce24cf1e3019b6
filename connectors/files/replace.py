"""The only place that changes a file: whole, under a lock, and either fully or not at all.

A temporary file in the same folder is written, checked and synced; the original is looked at again (same inode,
size, mtime), the two change places in one step, and what was taken out is looked at once more; the folder is synced.
A crash leaves one whole file and at most a temporary one, which the next erasure removes.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
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

_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2
_renameat2: Final = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)


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
            exchange(path, file.path)
            # The old file stands under the temporary name now. If another process put its own in place after the look
            # above, that one stands there: it goes back, and nothing of it is lost.
            try:
                _unchanged(path.stat(follow_symlinks=False), file)
            except TransientError:
                exchange(path, file.path)
                raise
            _sync(folder)
        finally:
            path.unlink(missing_ok=True)


def exchange(one: Path, other: Path) -> None:
    """Swap two files of one folder in one step (``renameat2(2)``, Linux).

    Elsewhere, and on file systems that cannot swap, ``one`` replaces ``other`` by a rename; a hard link keeps the old
    file under the name of ``one``, at the price of the instant between link and rename.
    """
    if _renameat2 is not None:
        if _renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
            return
        code = ctypes.get_errno()
        if code not in (errno.ENOSYS, errno.EINVAL):
            raise OSError(code, os.strerror(code))
    spare = one.with_name(f".expunge-{secrets.token_hex(8)}.tmp")
    spare.hardlink_to(other)
    one.rename(other)
    spare.rename(one)


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
