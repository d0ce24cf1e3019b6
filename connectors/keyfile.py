"""The key files a worker needs: those of its own system, and the orchestrator's public one. No private key of others.

``system-<id>.jwk`` is the active key, ``system-<id>.<kid>.jwk`` are further ones that are accepted while keys rotate
(decision 8). They are read again when a task names a key that is not held: a new one is handed out while workers run.
"""

from __future__ import annotations

import stat
from pathlib import Path

import msgspec

from connectors.errors import MisconfiguredError
from schemas.errors import SealError
from schemas.sealing import IntakePublicKey, SharedKey, unb64u


class _Jwk(msgspec.Struct):
    kty: str
    kid: str
    k: str = ""
    crv: str = ""
    x: str = ""

    def __repr__(self) -> str:
        """Hide the secret."""
        return f"Jwk(kid={self.kid!r})"


class SystemKeys:
    """Keys of one system, as files in a folder."""

    def __init__(self, folder: Path, system: str) -> None:
        """Read them.

        Raises:
            MisconfiguredError: none is there, one is broken, or can be read by others.
        """
        self._folder = folder
        self._system = system
        self._keys: dict[str, SharedKey] = {}
        self._active = ""
        self.reload()

    @property
    def kids(self) -> tuple[str, ...]:
        """Give the ids of all keys that are held."""
        return tuple(sorted(self._keys))

    def active(self) -> SharedKey:
        """Give the key in use."""
        return self.of(self._active)

    def holds(self, kid: str) -> bool:
        """Tell whether a key is held."""
        return kid in self._keys

    def of(self, kid: str) -> SharedKey:
        """Give a key to answer with; the others are accepted beside it (a handle may be years old)."""
        return self._keys[kid]

    def reload(self) -> None:
        """Read the files again.

        Raises:
            MisconfiguredError: as the constructor. What was held stays held.
        """
        active = self._folder / f"system-{self._system}.jwk"
        files = [active, *sorted(self._folder.glob(f"system-{self._system}.*.jwk"))]
        secrets: dict[str, bytes] = {}
        for file in files:
            jwk = _read(file, private=True)
            secrets.setdefault(jwk.kid, _bytes(jwk.k, file))
            if file == active:
                self._active = jwk.kid
        plain = {kid: SharedKey(kid, secret) for kid, secret in secrets.items()}
        self._keys = {
            kid: SharedKey(kid, secret, [one for other, one in plain.items() if other != kid])
            for kid, secret in secrets.items()
        }


def intake_key(folder: Path) -> IntakePublicKey:
    """Read the orchestrator's public key, ``intake.pub.jwk``.

    Raises:
        MisconfiguredError: missing, or not an X25519 key.
    """
    file = folder / "intake.pub.jwk"
    jwk = _read(file, private=False)
    if jwk.crv != "X25519":
        raise _wrong("not an X25519 public key", file, "copy the orchestrator's keys/intake.pub.jwk")
    return IntakePublicKey(jwk.kid, _bytes(jwk.x, file))


def _read(file: Path, *, private: bool) -> _Jwk:
    try:
        mode = file.stat().st_mode
        raw = file.read_bytes()
    except FileNotFoundError:
        raise _wrong("a key is missing", file, "copy it from the orchestrator's keys folder") from None
    except OSError as error:
        raise _wrong(f"a key cannot be read: {error.strerror}", file, "let this user read it") from None
    if private and stat.S_IMODE(mode) & 0o077:
        raise _wrong("a private key can be read by others", file, f"chmod 600 {file}")
    try:
        return msgspec.json.decode(raw, type=_Jwk)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise _wrong("not a JWK file", file, "copy it again, or restore it from your backup") from None


def _bytes(text: str, file: Path) -> bytes:
    try:
        raw = unb64u(text)
    except SealError:
        raw = b""
    if len(raw) != 32:  # noqa: PLR2004 - decision 8
        raise _wrong("the key does not have 32 bytes", file, "copy it again, or restore it from your backup")
    return raw


def _wrong(message: str, file: Path, fix: str) -> MisconfiguredError:
    return MisconfiguredError("key", message, file=str(file), fix=fix)
