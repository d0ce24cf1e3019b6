"""A stream encrypted in chunks: AES-256-GCM, the place of each chunk and whether it is the last authenticated.

Format: ``expungeP1``, 16 bytes of salt, then frames of one byte (last or not), four bytes of length, and the sealed
chunk. The key of the stream is HMAC-SHA256(key, header), so its nonces may count the chunks.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import struct
from collections.abc import Iterator
from typing import IO, Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from orchestrator.errors import DependencyError

SALT: Final = 16
CHUNK: Final = 1 << 20
_MAGIC: Final = b"expungeP1"
_TAG: Final = 16


class Encrypting(io.RawIOBase):
    """A write-only stream: AES-256-GCM in chunks; index and "last" are authenticated, so truncation shows."""

    def __init__(self, raw: IO[bytes], key: bytes, salt: bytes) -> None:
        super().__init__()
        self._raw = raw
        self._aead = AESGCM(hmac.digest(key, _MAGIC + salt, "sha256"))
        self._buffer = bytearray()
        self._index = 0
        self._written = 0
        self._hash = hashlib.sha256()
        self._emit(_MAGIC + salt)

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        # The zip writer asks where it is, to note offsets of the plain stream.
        return self._written

    def write(self, data: Any, /) -> int:
        self._buffer += data
        self._written += len(data)
        while len(self._buffer) > CHUNK:
            self._seal(bytes(self._buffer[:CHUNK]), last=False)
            del self._buffer[:CHUNK]
        return len(data)

    def finish(self) -> str:
        self._seal(bytes(self._buffer), last=True)
        self._buffer.clear()
        return self._hash.hexdigest()

    def _seal(self, plain: bytes, *, last: bool) -> None:
        sealed = self._aead.encrypt(struct.pack(">IQ", last, self._index), plain, None)
        self._index += 1
        self._emit(struct.pack(">?I", last, len(sealed)) + sealed)

    def _emit(self, data: bytes) -> None:
        self._raw.write(data)
        self._hash.update(data)


def decrypted(raw: IO[bytes], key: bytes) -> Iterator[bytes]:
    """Give the plain chunks; only the end proves that nothing was cut off.

    Raises:
        DependencyError: not such a stream, altered, cut off, or another key.
    """
    head = raw.read(len(_MAGIC) + SALT)
    if not head.startswith(_MAGIC):
        raise DependencyError("not an access package", fix="give the file as it was written")
    aead = AESGCM(hmac.digest(key, head, "sha256"))
    index, last = 0, False
    while not last:
        frame = raw.read(5)
        try:
            last, length = struct.unpack(">?I", frame)
            if length > CHUNK + _TAG:
                raise ValueError
            yield aead.decrypt(struct.pack(">IQ", last, index), raw.read(length), None)
        except (struct.error, InvalidTag, ValueError):
            raise DependencyError(
                "the access package was altered or cut off", fix="run the access request again"
            ) from None
        index += 1
    if raw.read(1):
        raise DependencyError("the access package was altered", fix="run the access request again")
