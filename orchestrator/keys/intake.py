"""Rotation of the intake key, to whose public half every request is sealed (decision 8).

``intake.jwk`` is the key in use, its public half ``intake.pub.jwk`` is handed out. ``intake.<kid>.jwk`` still open what
was sealed to them. Of a key that was destroyed ``intake.<kid>.retired.jwk`` stays, the public half: so that what a
sender still seals to it is refused and seen, instead of waiting for a key that nobody has. A kill at any instruction
leaves every key that was there.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

from orchestrator.errors import UsageError
from orchestrator.keys.folder import encoded, intake_files, read_jwk
from orchestrator.keys.rotating import HeldKeys, another, public_half, removed, write
from orchestrator.ports import Chance

INTAKE: Final = "intake"
_PRIVATE: Final = 0o600
_PUBLIC: Final = 0o644


def held(folder: Path) -> HeldKeys:
    """Give the intake keys.

    Raises:
        UsageError: the one in use is missing or broken.
    """
    active = read_jwk(folder / "intake.jwk", private=True).kid
    accepted, retired = intake_files(folder)
    return HeldKeys(INTAKE, active, tuple(sorted(accepted.keys() - {active})), tuple(sorted(retired)))


def add(folder: Path, chance: Chance) -> Path:
    """Make a further key, which opens and is not handed out yet; gives its file, for every orchestrator.

    Raises:
        DependencyError: the folder cannot be written.
    """
    held(folder)
    jwk = another("X25519", chance)
    file = folder / f"intake.{jwk.kid}.jwk"
    write(file, encoded(jwk), _PRIVATE)
    return file


def activate(folder: Path, kid: str) -> None:
    """Hand a key out from now on; the one in use until now still opens.

    Raises:
        UsageError: no such key.
    """
    keys = held(folder)
    if kid != keys.active:
        file = _accepted(folder, keys, kid)
        before = folder / f"intake.{keys.active}.jwk"
        if not before.exists():
            write(before, (folder / "intake.jwk").read_bytes(), _PRIVATE)
        write(folder / "intake.jwk", file.read_bytes(), _PRIVATE)
    # Also where it is in use already: a kill may have left the public half behind.
    write(folder / "intake.pub.jwk", public_half(folder / "intake.jwk", "X25519"), _PUBLIC)


def retire(folder: Path, kid: str, needed: Collection[str]) -> None:
    """Destroy a key; what is sealed to it from then on is refused.

    Args:
        folder: The key folder.
        kid: The key.
        needed: Ids of keys that something in the store is still sealed to.

    Raises:
        UsageError: it is in use, there is none, or something could not be opened any more.
    """
    keys = held(folder)
    if kid == keys.active:
        raise UsageError("this key is in use", where=kid, fix="`expunge keys add intake`, then activate the new one")
    if kid in needed:
        why = "a request that waits in the store is sealed to it"
        raise UsageError("this key is still needed", where=kid, why=why, fix="let an orchestrator take it in first")
    file = folder / f"intake.{kid}.jwk"
    if kid not in keys.retired:
        _accepted(folder, keys, kid)
        write(folder / f"intake.{kid}.retired.jwk", public_half(file, "X25519"), _PUBLIC)
    removed(file)


def _accepted(folder: Path, keys: HeldKeys, kid: str) -> Path:
    if kid not in keys.accepted:
        fix = f"accepted: {', '.join(keys.accepted)}" if keys.accepted else "`expunge keys add intake` makes one"
        raise UsageError("there is no such intake key to choose", where=kid, fix=fix)
    return folder / f"intake.{kid}.jwk"
