"""Rotation of a system's key (decision 8): add it, hand it out, activate it, retire the old one when nothing needs it.

``system-<id>.jwk`` is the active key, ``system-<id>.<kid>.jwk`` are accepted beside it. A kill at any instruction
leaves every key that was there: files are written whole, and the active one is replaced in one step.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec

from orchestrator.errors import DependencyError, UsageError
from orchestrator.keys.folder import Jwk, encoded, okp, read_jwk
from orchestrator.ports import Chance
from schemas.sealing import KEY_BYTES, b64u, unb64u


class HeldKeys(msgspec.Struct, frozen=True):
    """Ids of the keys of one system, or of intake. ``retired``: of intake only; they open nothing any more."""

    system: str
    active: str
    accepted: tuple[str, ...]
    retired: tuple[str, ...] = ()


def held(folder: Path, system: str) -> HeldKeys:
    """Give the keys of a system.

    Raises:
        UsageError: there is none.
    """
    active = _kid(_active(folder, system))
    others = {_kid(file) for file in folder.glob(f"system-{system}.*.jwk")}
    return HeldKeys(system, active, tuple(sorted(others - {active})))


def add(folder: Path, system: str, chance: Chance) -> Path:
    """Make a further key, accepted and not used yet; gives its file, to be copied to every worker."""
    held(folder, system)
    jwk = Jwk("oct", kid=chance(8).hex(), k=b64u(chance(KEY_BYTES)))
    file = folder / f"system-{system}.{jwk.kid}.jwk"
    write(file, encoded(jwk))
    return file


def activate(folder: Path, system: str, kid: str) -> None:
    """Use an accepted key from now on; the one in use until now stays accepted.

    Raises:
        UsageError: no such key.
    """
    keys = held(folder, system)
    if kid == keys.active:
        return
    file = _accepted(folder, keys, kid)
    active = _active(folder, system)
    before = folder / f"system-{system}.{keys.active}.jwk"
    if not before.exists():
        write(before, active.read_bytes())
    write(active, file.read_bytes())


def retire(folder: Path, system: str, kid: str, needed: Collection[str]) -> None:
    """Destroy an accepted key.

    Args:
        folder: The key folder.
        system: The system.
        kid: The key.
        needed: Ids of keys that something in the store is still sealed with.

    Raises:
        UsageError: it is in use, or something could not be opened any more.
    """
    keys = held(folder, system)
    if kid == keys.active:
        raise UsageError("this key is in use", where=kid, fix="`expunge keys add`, then activate the new one")
    file = _accepted(folder, keys, kid)
    if kid in needed:
        why = "what a system remembers of records that are kept is sealed with it"
        raise UsageError("this key is still needed", where=kid, why=why, fix="keep it until those requests are over")
    removed(file)


def _active(folder: Path, system: str) -> Path:
    file = folder / f"system-{system}.jwk"
    if not file.is_file():
        raise UsageError("a key is missing", where=str(file), fix="restore it from your backup")
    return file


def _accepted(folder: Path, keys: HeldKeys, kid: str) -> Path:
    if kid not in keys.accepted:
        fix = (
            f"accepted: {', '.join(keys.accepted)}" if keys.accepted else f"`expunge keys add {keys.system}` makes one"
        )
        raise UsageError(f"system {keys.system} has no such key to choose", fix=fix)
    return next(one for one in folder.glob(f"system-{keys.system}.*.jwk") if _kid(one) == kid)


def _kid(file: Path) -> str:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Jwk).kid
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise UsageError("not a JWK file", where=str(file), fix="restore it from your backup") from None


def write(file: Path, raw: bytes, mode: int = 0o600) -> None:
    """Write whole or not at all.

    Raises:
        DependencyError: it cannot be written.
    """
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    with _explained(file):
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as out:
            out.write(raw)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(file)


def removed(file: Path) -> None:
    """Take a file away; one that is gone is fine.

    Raises:
        DependencyError: it cannot be.
    """
    with _explained(file):
        file.unlink(missing_ok=True)


@contextlib.contextmanager
def _explained(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DependencyError("a key cannot be written", where=str(file), why=error.strerror or "") from None


def another(curve: str, chance: Chance) -> Jwk:
    """Make a pair of keys whose id never looks like an option of a command."""
    while not re.match(r"[A-Za-z0-9]", (jwk := okp(curve, chance(KEY_BYTES), secret=True)).kid):
        pass
    return jwk


def public_half(file: Path, curve: str) -> bytes:
    """Give the file of the public half of a private key."""
    return encoded(okp(curve, unb64u(read_jwk(file, private=True).d), secret=False))
