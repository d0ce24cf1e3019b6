"""Reads a file of lines in chunks that end at a line's end, plain or gz, with memory that does not grow."""

from __future__ import annotations

import contextlib
import gzip
import os
import stat
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final, cast

from connectors.errors import PermanentError, TransientError
from connectors.files.faults import translated
from connectors.files.paths import File, Stamp

CHUNK: Final = 1 << 20
MAX_LINE: Final = 64 << 20
"""A line longer than this is no line; it would have to be held in memory."""

GZIP_LEVEL: Final = 6
_GZIP: Final = b"\x1f\x8b"
_OTHER_FORMATS: Final = (b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"PAR1", b"\xff\xfe", b"\xfe\xff")
"""bzip2, xz, zstd, zip, Parquet, UTF-16: searching their bytes would find nothing and mean nothing."""


@contextlib.contextmanager
def opened(file: File) -> Iterator[BinaryIO]:
    """Open a listed file for reading.

    Raises:
        TransientError: ``file_changed``: it is not the file that was listed.
        PermanentError: ``symlink``, ``not_a_file``, ``not_permitted``.
    """
    with translated():
        # O_NONBLOCK: a pipe put in the file's place must not hang the worker.
        descriptor = os.open(file.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    with translated(), os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise PermanentError("not_a_file")
        now = Stamp.of(status)
        if now != file.stamp and not (file.live and now[:2] == file.stamp[:2]):
            raise TransientError("file_changed")
        yield stream


def is_gzip(stream: BinaryIO, file: File) -> bool:
    """Tell by the first bytes whether the content is gz.

    Raises:
        PermanentError: ``unknown_format`` (another compression, UTF-16); ``broken_gz`` (named .gz and is not).
    """
    head = stream.read(6)
    stream.seek(0)
    if head.startswith(_OTHER_FORMATS):
        raise PermanentError("unknown_format")
    if head and file.path.name.endswith(".gz") and not head.startswith(_GZIP):
        raise PermanentError("broken_gz")
    return head.startswith(_GZIP)


@contextlib.contextmanager
def content(file: File) -> Iterator[BinaryIO]:
    """Open a file's content, decompressed.

    Raises:
        TransientError: ``file_changed``.
        PermanentError: ``truncated_gz``, ``broken_gz``, ``unknown_format``.
    """
    with opened(file) as raw:
        if not is_gzip(raw, file):
            yield raw
            return
        try:
            with gzip.GzipFile(fileobj=raw, mode="rb") as stream:
                yield cast("BinaryIO", stream)
        except EOFError:
            raise PermanentError("truncated_gz") from None
        except (gzip.BadGzipFile, zlib.error):
            raise PermanentError("broken_gz") from None


def chunks(stream: BinaryIO, size: int = CHUNK) -> Iterator[tuple[int, bytes]]:
    """Give the offset and bytes of chunks; each but the last ends with a newline, so no line is cut.

    Raises:
        PermanentError: ``line_too_long``.
    """
    offset = 0
    rest: list[bytes] = []
    held = 0
    while block := stream.read(size):
        cut = block.rfind(b"\n") + 1
        if not cut:
            rest.append(block)
            held += len(block)
            if held > MAX_LINE:
                raise PermanentError("line_too_long")
            continue
        chunk = b"".join((*rest, block[:cut]))
        yield offset, chunk
        offset += len(chunk)
        rest, held = ([block[cut:]], len(block) - cut) if cut < len(block) else ([], 0)
    if rest:
        yield offset, b"".join(rest)


def lines_in(chunk: bytes) -> int:
    """Count lines; a last one without a newline is a line."""
    return chunk.count(b"\n") + int(bool(chunk) and not chunk.endswith(b"\n"))
