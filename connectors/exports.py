"""The encrypted spool file of an access request (decision 14): results never enter a topic, only a reference does.

Format, version 1::

    header  b"expunge1" + 16 random bytes of salt
    frame*  1 byte last (0/1) + 4 bytes length (big endian) + AES-256-GCM ciphertext with its tag

The frames together are one zlib stream of JSON lines ``{"record_set": ..., "row": {...}}``. The key of a file is
HMAC-SHA256(sealing key of the system, "expunge-export-v1" + task id + salt), so it serves this one file and its
nonces may count the frames. Each frame authenticates the header, its index and whether it is the last: frames that
are cut off, swapped or appended are detected. Memory stays flat on both sides.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
import secrets
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connectors.errors import PermanentError, TransientError
from schemas.errors import SealError
from schemas.sealing import SharedKey

MAGIC: Final = b"expunge1"
FRAME: Final = 64 * 1024
"""Compressed bytes per frame."""

_SALT: Final = 16
_HEADER: Final = len(MAGIC) + _SALT
_TAG: Final = 16
_NAME: Final = re.compile(r"[0-9a-f]{32}\.export\Z")
UNFINISHED: Final = ".unfinished"
_FAST: Final = 1
"""Level of zlib: the file lives for minutes and on our own disk, and 6 costs four times as much for a tenth less."""


class _Line(msgspec.Struct, frozen=True):
    record_set: str
    row: dict[str, str | int | float | bool | None]


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(_Line)


class ExportSink:
    """A folder that takes export files. Names are random; nothing about a person or a task is in them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create(self, key: SharedKey, task_id: str) -> ExportFile:
        """Start a file for one task.

        Raises:
            TransientError: code ``export_write``, e.g. disk full.
        """
        return ExportFile(self.folder, key, task_id)

    def path(self, ref: str) -> Path:
        """Give the path of a reference as it stands in ``Exported.file``.

        Raises:
            SealError: not a reference of a sink.
        """
        if not _NAME.match(ref):
            raise SealError("export.name", "not the name of an export file")
        return self.folder / ref

    def discard_unfinished(self) -> int:
        """Remove what a killed process left behind; to be called before anything runs. Gives their number."""
        left = list(self.folder.glob(f"*{UNFINISHED}"))
        for file in left:
            file.unlink(missing_ok=True)
        return len(left)


class ExportFile:
    """One file being written. Use ``with``: what is not committed is removed."""

    def __init__(self, folder: Path, key: SharedKey, task_id: str) -> None:
        self._folder = folder
        self.ref = f"{secrets.token_hex(16)}.export"
        self._temporary = folder / f"{self.ref}{UNFINISHED}"
        header = MAGIC + os.urandom(_SALT)
        self._frames = _Frames(_file_key(key, task_id, header), header)
        self._deflate = zlib.compressobj(_FAST)
        self._buffer = bytearray()
        self._digest = hashlib.sha256()
        self._file: IO[bytes] | None = None
        with _writing():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.fdopen(os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        try:
            self._put(header)
        except TransientError:
            self.discard()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    def write(self, record_set: str, row: Mapping[str, str | int | float | bool | None]) -> None:
        """Add one record.

        Raises:
            PermanentError: code ``export_row``, a value that is no text, number or null.
            TransientError: code ``export_write``.
        """
        # What a connector hands in is not what its types say.
        cells: Any = row
        if not isinstance(cells, Mapping) or not all(map(_is_cell, cells.items())):
            raise PermanentError("export_row")
        try:
            line = _ENCODER.encode(_Line(record_set, dict(row)))
        except (msgspec.MsgspecError, UnicodeEncodeError, OverflowError):
            raise PermanentError("export_row") from None
        self._buffer += self._deflate.compress(line + b"\n")
        self._put_full_frames()

    def commit(self) -> str:
        """Finish the file so that it survives a power cut; give the SHA-256 (hex) of its encrypted bytes.

        Raises:
            TransientError: code ``export_write``.
        """
        self._buffer += self._deflate.flush()
        self._put_full_frames()
        self._put(self._frames.seal(bytes(self._buffer), last=True))
        with _writing():
            file, self._file = self._file, None
            if file is None:
                raise TransientError("export_write")
            with file:
                file.flush()
                os.fsync(file.fileno())
            self._temporary.rename(self._folder / self.ref)
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        return self._digest.hexdigest()

    def discard(self) -> None:
        """Remove the file unless it was committed."""
        with contextlib.suppress(OSError):
            if self._file is not None:
                self._file.close()
            self._temporary.unlink(missing_ok=True)
        self._file = None

    def _put_full_frames(self) -> None:
        while len(self._buffer) >= FRAME:
            self._put(self._frames.seal(bytes(self._buffer[:FRAME]), last=False))
            del self._buffer[:FRAME]

    def _put(self, data: bytes) -> None:
        with _writing():
            if self._file is None:
                raise TransientError("export_write")
            self._file.write(data)
        self._digest.update(data)


def read_export(path: Path, key: SharedKey, task_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Read a file back, record by record: (record set, row).

    Rows come while the file is read; only the end of the iteration proves that nothing was cut off.

    Raises:
        SealError: rule ``export.altered``: truncated, altered, reordered, or not made for this task with this key.
        OSError: the file cannot be read.
    """
    inflate = zlib.decompressobj()
    parts: list[bytes] = []  # of one line: added up as they come, a line of 200 MB would take minutes
    with path.open("rb") as file:
        for compressed in _open_frames(file, key, task_id):
            data = compressed
            while data:
                try:
                    # Bounded, so that a file of zeros does not unfold in memory at once.
                    plain = inflate.decompress(data, FRAME)
                except zlib.error:
                    raise _altered() from None
                data = inflate.unconsumed_tail
                yield from map(_row, _lines(parts, plain))
    yield from map(_row, _lines(parts, inflate.flush()))
    if any(parts) or not inflate.eof:
        raise _altered()


def _lines(parts: list[bytes], more: bytes) -> list[bytes]:
    """Give the lines that ``more`` ends; what begins another one is left in ``parts``."""
    first, *others = more.split(b"\n")
    parts.append(first)
    if not others:
        return []
    lines = [b"".join(parts), *others[:-1]]
    parts[:] = others[-1:]
    return lines


def _row(line: bytes) -> tuple[str, dict[str, Any]]:
    try:
        entry = _DECODER.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise _altered() from None
    return entry.record_set, entry.row


def _open_frames(file: IO[bytes], key: SharedKey, task_id: str) -> Iterator[bytes]:
    header = file.read(_HEADER)
    if len(header) != _HEADER or not header.startswith(MAGIC):
        raise _altered()
    candidates = [_Frames(_file_key(one, task_id, header), header) for one in key.accepted]
    frames: _Frames | None = None
    last = False
    while not last:
        prefix = file.read(5)
        length = int.from_bytes(prefix[1:], "big")
        if len(prefix) != 5 or prefix[0] > 1 or not _TAG <= length <= FRAME + _TAG:  # noqa: PLR2004 - flag, length
            raise _altered()
        last = bool(prefix[0])
        sealed = file.read(length)
        # Written with the key of its task: while keys rotate, one of several.
        frames = frames or _fitting(candidates, sealed, last=last)
        yield frames.open(sealed, last=last)
    if file.read(1):
        raise _altered()


def _fitting(candidates: Sequence[_Frames], sealed: bytes, *, last: bool) -> _Frames:
    for one in candidates:
        with contextlib.suppress(SealError):
            one.open(sealed, last=last)
            return one.rewound()
    raise _altered()


class _Frames:
    """Seals and opens frames in their order."""

    def __init__(self, key: bytes, header: bytes) -> None:
        self._aead = AESGCM(key)
        self._header = header
        self._index = 0

    def rewound(self) -> _Frames:
        self._index = 0
        return self

    def _next(self, *, last: bool) -> tuple[bytes, bytes]:
        index = self._index.to_bytes(12, "big")
        self._index += 1
        return index, self._header + index + bytes([last])

    def seal(self, data: bytes, *, last: bool) -> bytes:
        nonce, bound = self._next(last=last)
        sealed = self._aead.encrypt(nonce, data, bound)
        return bytes([last]) + len(sealed).to_bytes(4, "big") + sealed

    def open(self, sealed: bytes, *, last: bool) -> bytes:
        nonce, bound = self._next(last=last)
        try:
            return self._aead.decrypt(nonce, sealed, bound)
        except (InvalidTag, ValueError):
            raise _altered() from None


def _is_cell(cell: tuple[object, object]) -> bool:
    return isinstance(cell[0], str) and isinstance(cell[1], str | int | float | None)


def _file_key(key: SharedKey, task_id: str, header: bytes) -> bytes:
    return hmac.digest(key.sealing_key, b"expunge-export-v1" + task_id.encode() + header[len(MAGIC) :], "sha256")


def _altered() -> SealError:
    return SealError("export.altered", "the export file is truncated, altered, or belongs to another task or key")


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    """A full or broken disk is mended by time or by the operator; the task is tried again."""
    try:
        yield
    except OSError:
        raise TransientError("export_write") from None
