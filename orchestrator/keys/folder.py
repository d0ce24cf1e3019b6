"""The key folder: one JWK file a key, mode 0600, folder 0700. A missing or open key file refuses the start."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from orchestrator.errors import UsageError
from orchestrator.keys.signing import RecordSigner, RecordVerifier, thumbprint
from orchestrator.ports import Chance
from schemas.errors import SealError
from schemas.sealing import KEY_BYTES, IntakePrivateKey, SharedKey, b64u, unb64u

OWN: Final = ("store", "subject", "log")
"""Symmetric keys of the orchestrator itself."""


class Jwk(msgspec.Struct, omit_defaults=True):
    """A JSON Web Key: ``oct`` with ``k``, or ``OKP`` with ``x`` (and ``d`` when private)."""

    kty: str
    kid: str = ""
    k: str = ""
    crv: str = ""
    x: str = ""
    d: str = ""
    use: str = ""


def create_missing(folder: Path, systems: Iterable[str], chance: Chance) -> list[Path]:
    """Create every key that is not there yet, never touching one that is; returns the files written."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    written: list[Path] = []
    for name in (*OWN, *(f"system-{one}" for one in systems)):
        secret = chance(KEY_BYTES)
        jwk = Jwk("oct", kid=b64u(chance(9)), k=b64u(secret))
        written += _write(folder / f"{name}.jwk", jwk, 0o600)
    for name, curve in (("intake", "X25519"), ("record", "Ed25519")):
        file = folder / f"{name}.jwk"
        private = chance(KEY_BYTES)
        public = _public_of(curve, private)
        kid = thumbprint(curve, public)
        jwk = Jwk("OKP", kid=kid, crv=curve, x=b64u(public), d=b64u(private))
        made = _write(file, jwk, 0o600)
        if made:
            made += _write(folder / f"{name}.pub.jwk", Jwk("OKP", kid=kid, crv=curve, x=b64u(public)), 0o644)
        written += made
    return written


def _public_of(curve: str, private: bytes) -> bytes:
    if curve == "X25519":
        return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def _write(file: Path, jwk: Jwk, mode: int) -> list[Path]:
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        return []
    with os.fdopen(handle, "wb") as out:
        out.write(msgspec.json.format(msgspec.json.encode(jwk), indent=2) + b"\n")
        out.flush()
        os.fsync(out.fileno())
    return [file]


class KeyFolder:
    """All keys, read once at the start."""

    def __init__(self, folder: Path, systems: Iterable[str]) -> None:
        """Read and check every key.

        Raises:
            UsageError: a key is missing, readable by others, or broken; names the file and the fix.
        """
        self._folder = folder
        self.store, self.subject, self.log = (self._symmetric(name)[1] for name in OWN)
        intake = self._okp("intake", "X25519")
        self.intake = IntakePrivateKey(thumbprint("X25519", _public_of("X25519", intake)), intake)
        self.signer = RecordSigner(self._okp("record", "Ed25519"))
        self._systems = {name: SharedKey(*self._symmetric(f"system-{name}")) for name in systems}

    def system(self, name: str) -> SharedKey:
        """Give the key shared with one system."""
        try:
            return self._systems[name]
        except KeyError:
            raise UsageError(f"no key for system {name!r}", fix="run `expunge init` in the folder again") from None

    def _symmetric(self, name: str) -> tuple[str, bytes]:
        jwk = _read(self._folder / f"{name}.jwk", private=True)
        raw = _bytes(jwk.k, self._folder / f"{name}.jwk")
        return jwk.kid, raw

    def _okp(self, name: str, curve: str) -> bytes:
        file = self._folder / f"{name}.jwk"
        jwk = _read(file, private=True)
        if jwk.crv != curve:
            raise UsageError(f"not an {curve} key", where=str(file), fix="restore the file from your backup")
        return _bytes(jwk.d, file)


def read_public(file: Path) -> RecordVerifier:
    """Read the public key that records are checked with (a JWK file).

    Raises:
        UsageError: missing, or not an Ed25519 key.
    """
    jwk = _read(file, private=False)
    if jwk.kty != "OKP" or jwk.crv != "Ed25519":
        raise UsageError("not an Ed25519 public key", where=str(file), fix="use keys/record.pub.jwk of the issuer")
    return RecordVerifier(_bytes(jwk.x, file))


def _read(file: Path, *, private: bool) -> Jwk:
    try:
        mode = file.stat().st_mode
        raw = file.read_bytes()
    except FileNotFoundError:
        fix = "restore it from your backup; `expunge init` makes a new one only where none ever was"
        raise UsageError("a key is missing", where=str(file), fix=fix) from None
    except OSError as error:
        raise UsageError("a key cannot be read", where=str(file), why=error.strerror or "") from None
    if private and stat.S_IMODE(mode) & 0o077:
        fix = f"chmod 600 {file}"
        raise UsageError("a private key can be read by others", where=str(file), fix=fix)
    try:
        return msgspec.json.decode(raw, type=Jwk)
    except msgspec.MsgspecError:
        raise UsageError("not a JWK file", where=str(file), fix="restore it from your backup") from None


def _bytes(text: str, file: Path) -> bytes:
    try:
        raw = unb64u(text)
    except SealError:
        raw = b""
    if len(raw) != KEY_BYTES:
        raise UsageError(f"the key does not have {KEY_BYTES} bytes", where=str(file), fix="restore it from your backup")
    return raw
