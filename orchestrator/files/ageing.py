"""A copy as an age file (age-encryption.org/v1), for channels that are not our own: streamed, to a recipient's key.

pyrage streams to a key and not under a passphrase. So a passphrase opens a key made for this one file, and the key
opens the copy: two files, which the program `age` reads as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any, Final, TypeAlias

from orchestrator.errors import DependencyError, UsageError
from orchestrator.ports import Chance

Recipient: TypeAlias = Any
"""Of pyrage, which has no types."""
_SYMBOLS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base32: 5 bits a symbol, none of which is taken for another."""
_GROUPS, _GROUP = 6, 4


class Unread:
    """Chunks as a file that is read once, from its beginning."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        """Take the chunks."""
        self._chunks = chunks
        self._left = b""
        self.failure: Exception | None = None
        """What the chunks raised: pyrage gives only its words on."""

    def read(self, count: int = -1) -> bytes:
        """Give at most so many bytes; none: it is at its end."""
        while not self._left:
            try:
                chunk = next(self._chunks, None)
            except Exception as error:
                self.failure = error
                raise
            if chunk is None:
                return b""
            self._left = chunk
        count = len(self._left) if count < 0 else count
        given, self._left = self._left[:count], self._left[count:]
        return given


def recipient(text: str) -> Recipient:
    """Read somebody's public key.

    Raises:
        UsageError: it is none, or the extra is not installed.
    """
    library = _library()
    try:
        return library.x25519.Recipient.from_str(text.strip())
    except library.RecipientError:
        fix = "a line that begins with age1, as `age-keygen` prints it"
        raise UsageError("no key of a recipient", where="--recipient", fix=fix) from None


def encrypt(chunks: Iterator[bytes], out: IO[bytes], to: Recipient) -> None:
    """Encrypt a stream to a key; memory stays flat.

    Raises:
        DependencyError: it cannot be written. What the chunks raise is raised as it is.
    """
    library, source = _library(), Unread(chunks)
    try:
        library.encrypt_io(source, out, [to])
    except library.EncryptError:
        if source.failure is not None:
            raise source.failure from None
        raise DependencyError("the age file cannot be written", fix="free some space, try again") from None


def locked_key(passphrase: str) -> tuple[Recipient, bytes]:
    """Make a key for one file; gives its public half, and its secret half under a passphrase (age's scrypt)."""
    library = _library()
    identity = library.x25519.Identity.generate()
    return identity.to_public(), library.passphrase.encrypt(f"{identity}\n".encode(), passphrase)


def passphrase(chance: Chance) -> str:
    """Make a passphrase of 120 bits, in groups that can be told by telephone."""
    number = int.from_bytes(chance(16), "big")
    symbols = [_SYMBOLS[number >> 5 * at & 31] for at in range(_GROUPS * _GROUP)]
    return "-".join("".join(symbols[at : at + _GROUP]) for at in range(0, len(symbols), _GROUP))


def _library() -> Any:
    try:
        import pyrage
    except ImportError:
        raise UsageError("age files cannot be written", fix="pip install 'expunge[age]'") from None
    return pyrage
