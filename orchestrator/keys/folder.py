"""The key folder: one JWK file a key, mode 0600, folder 0700. A missing or open key file refuses the start."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from orchestrator.errors import DependencyError, UsageError
from orchestrator.keys.notes import LedgerSigner
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

    def __repr__(self) -> str:
        """Hide the secret: a key must not reach a traceback."""
        return f"Jwk(kty={self.kty!r}, kid={self.kid!r})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        """Hide the secret from rich too; msgspec's own would show it."""
        return [("kty", self.kty), ("kid", self.kid)]


def create_missing(folder: Path, systems: Iterable[str], chance: Chance) -> list[Path]:
    """Create every key that is not there yet, never touching one that is; returns the files written."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    written: list[Path] = []
    for name in (*OWN, *(f"system-{one}" for one in systems)):
        secret = chance(KEY_BYTES)
        jwk = Jwk("oct", kid=chance(9).hex(), k=b64u(secret))
        written += _write(folder / f"{name}.jwk", jwk, 0o600)
    for name, curve in (("intake", "X25519"), ("record", "Ed25519"), ("ledger", "Ed25519")):
        file = folder / f"{name}.jwk"
        private = chance(KEY_BYTES)
        written += _write(file, okp(curve, private, secret=True), 0o600)
        # From the file, so that a public key that is missing is made for the private key that is there.
        held = _bytes(read_jwk(file, private=True).d, file)
        written += _write(folder / f"{name}.pub.jwk", okp(curve, held, secret=False), 0o644)
    return written


def encoded(jwk: Jwk) -> bytes:
    """Give a key as its file holds it."""
    return msgspec.json.format(msgspec.json.encode(jwk), indent=2) + b"\n"


def okp(curve: str, private: bytes, *, secret: bool) -> Jwk:
    """Give the JWK of a private key, or of its public half."""
    public = _public_of(curve, private)
    kid = thumbprint(curve, public)
    return Jwk("OKP", kid=kid, crv=curve, x=b64u(public), d=b64u(private) if secret else "")


def _public_of(curve: str, private: bytes) -> bytes:
    if curve == "X25519":
        return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def _write(file: Path, jwk: Jwk, mode: int) -> list[Path]:
    """Write a key whole or not at all, and never over one that is there: half a key could not be told from a lost one.

    Raises:
        DependencyError: the folder cannot be written.
    """
    if file.exists():
        return []
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        temporary.unlink(missing_ok=True)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "wb") as out:
            out.write(encoded(jwk))
            out.flush()
            os.fsync(out.fileno())
        file.hardlink_to(temporary)  # unlike a rename, this fails where the name is taken
    except FileExistsError:
        return []
    except OSError as error:
        raise DependencyError("a key cannot be written", where=str(file), why=error.strerror or "") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return [file]


class KeyFolder:
    """All keys. Those that rotate are read again when their files change: what runs need not be started anew."""

    def __init__(self, folder: Path, systems: Iterable[str]) -> None:
        """Read and check every key.

        Raises:
            UsageError: a key is missing, readable by others, or broken; names the file and the fix.
        """
        self._folder = folder
        self._names = tuple(systems)
        self._guard = threading.Lock()
        self.store, self.subject, self.log = (self._symmetric(name)[1] for name in OWN)
        self._seen = _look(folder)
        self._read()

    def refresh(self) -> None:
        """Read the keys that rotate again if a file changed. What cannot be read yet, half copied, changes nothing."""
        with self._guard:  # else an older reading of one thread could stay under the newer look of another
            found = _look(self._folder)
            if found != self._seen:
                with contextlib.suppress(UsageError):
                    self._read()
                    self._seen = found

    def _read(self) -> None:
        folder = self._folder
        accepted, retired = intake_files(folder)
        others = [self._intake(file.name.removesuffix(".jwk")) for file in accepted.values()]
        active = self._intake("intake")
        raw = self._private("intake", "X25519")
        signer = RecordSigner(self._private("record", "Ed25519"))
        # Those that are prepared and those in use before sign beside it until they are destroyed: so whoever pins one
        # of them can check, and nobody has to change a pinned key on the same day as we do.
        beside = sorted(match[1] for file in folder.glob("ledger.*.jwk") if (match := _LEDGER_FILE.match(file.name)))
        ledger = [self._private(name, "Ed25519") for name in ("ledger", *(f"ledger.{kid}" for kid in beside))]
        shared = {name: self._shared(name) for name in self._names}
        # All or none: half of a rotation is no state to work in.
        self.intake, self.signer, self._systems = IntakePrivateKey(active.kid, raw, others, retired), signer, shared
        self._ledger = list(dict.fromkeys(ledger))

    def ledger(self, origin: str) -> list[LedgerSigner]:
        """Give the keys that sign checkpoints of a ledger, the one in use first.

        Args:
            origin: Name of the ledger; empty: it is called by its first key.
        """
        if not origin:
            public = _public_of("Ed25519", self._ledger[0])
            origin = f"expunge/{thumbprint('Ed25519', public)}"
        return [LedgerSigner(origin, one) for one in self._ledger]

    def public_records(self) -> dict[str, bytes]:
        """Give the public halves of all keys of records that ever signed, as files: name -> bytes."""
        files = [self._folder / "record.pub.jwk", *sorted(self._folder.glob("record.*.pub.jwk"))]
        return {one.name: one.read_bytes() for one in dict.fromkeys(files) if one.is_file()}

    def system(self, name: str) -> SharedKey:
        """Give the key shared with one system."""
        try:
            return self._systems[name]
        except KeyError:
            raise UsageError(f"no key for system {name!r}", fix="run `expunge init` in the folder again") from None

    def _intake(self, name: str) -> IntakePrivateKey:
        raw = self._private(name, "X25519")
        return IntakePrivateKey(thumbprint("X25519", _public_of("X25519", raw)), raw)

    def _shared(self, name: str) -> SharedKey:
        """Give the active key of a system, with the others that are accepted while keys rotate (decision 8)."""
        files = sorted(self._folder.glob(f"system-{name}.*.jwk"))
        others = [SharedKey(*self._symmetric(file.name.removesuffix(".jwk"))) for file in files]
        return SharedKey(*self._symmetric(f"system-{name}"), others)

    def _symmetric(self, name: str) -> tuple[str, bytes]:
        jwk = read_jwk(self._folder / f"{name}.jwk", private=True)
        raw = _bytes(jwk.k, self._folder / f"{name}.jwk")
        return jwk.kid, raw

    def _private(self, name: str, curve: str) -> bytes:
        file = self._folder / f"{name}.jwk"
        jwk = read_jwk(file, private=True)
        if jwk.crv != curve:
            raise UsageError(f"not an {curve} key", where=str(file), fix="restore the file from your backup")
        return _bytes(jwk.d, file)


def _look(folder: Path) -> list[tuple[str, int, int, int]]:
    """Tell one state of the key files from another. A copied secret may be a link that is turned: it is followed."""
    try:
        with os.scandir(folder) as found:
            files = [(one.name, one.stat()) for one in found if one.name.endswith(".jwk")]
    except OSError:
        return []  # vanished between two calls, or the folder is away: looked at again next time
    return sorted((name, stat.st_mtime_ns, stat.st_ino, stat.st_size) for name, stat in files)


_LEDGER_FILE: Final = re.compile(r"ledger\.([A-Za-z0-9_-]{43})\.jwk\Z")
_INTAKE_FILE: Final = re.compile(r"intake\.([A-Za-z0-9_-]{43})\.(retired\.)?jwk\Z")
"""Named by the thumbprint of the key; ``intake.pub.jwk`` is none of them."""


def intake_files(folder: Path) -> tuple[dict[str, Path], frozenset[str]]:
    """Give the further intake keys, by id, and the ids of those that were destroyed on purpose."""
    found = {file: match for file in sorted(folder.glob("intake.*.jwk")) if (match := _INTAKE_FILE.match(file.name))}
    retired = frozenset(match[1] for match in found.values() if match[2])
    # Where both are there, retiring was interrupted: it was meant.
    return {match[1]: file for file, match in found.items() if not match[2] and match[1] not in retired}, retired


def read_public(file: Path) -> RecordVerifier:
    """Read the public key that records are checked with (a JWK file).

    Raises:
        UsageError: missing, or not an Ed25519 key.
    """
    jwk = read_jwk(file, private=False)
    if jwk.kty != "OKP" or jwk.crv != "Ed25519":
        raise UsageError("not an Ed25519 public key", where=str(file), fix="use keys/record.pub.jwk of the issuer")
    return RecordVerifier(_bytes(jwk.x, file))


def read_jwk(file: Path, *, private: bool) -> Jwk:
    """Read one key file.

    Raises:
        UsageError: missing, not a JWK, or private and readable by others.
    """
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
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise UsageError("not a JWK file", where=str(file), fix="restore it from your backup") from None


def _bytes(text: str, file: Path) -> bytes:
    try:
        raw = unb64u(text)
    except SealError:
        raw = b""
    if len(raw) != KEY_BYTES:
        raise UsageError(f"the key does not have {KEY_BYTES} bytes", where=str(file), fix="restore it from your backup")
    return raw
