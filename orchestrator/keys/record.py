"""Rotation of the keys that sign evidence: completion records (ADR 13), and checkpoints of the ledger (ADR 37).

``record.jwk`` signs, ``record.pub.jwk`` is its public half. ``record.<kid>.jwk`` is one that is prepared, or was in use
before. Its public half ``record.<kid>.pub.jwk`` stays for ever, also when the private one is destroyed: a record that
was signed years ago is still checked with it. A kill at any instruction leaves every key that was there.

``ledger.jwk`` is the same for the ledger, but that every private key that is there signs checkpoints: whoever pins one
of them can check, and need not change it on the day we do.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from orchestrator.errors import UsageError
from orchestrator.keys.folder import encoded, read_jwk
from orchestrator.keys.rotating import HeldKeys, another, public_half, removed, write
from orchestrator.ports import Chance

RECORD: Final = "record"
LEDGER: Final = "ledger"
_FILE: Final = re.compile(r"(?:record|ledger)\.([A-Za-z0-9_-]{43})\.(pub\.)?jwk\Z")
_PRIVATE: Final = 0o600
_PUBLIC: Final = 0o644


def held(folder: Path, name: str = RECORD) -> HeldKeys:
    """Give the keys of records, or of the ledger; of a retired one only the public half is left.

    Raises:
        UsageError: the one in use is missing or broken.
    """
    active = read_jwk(folder / f"{name}.jwk", private=True).kid
    found = [match for file in folder.glob(f"{name}.*.jwk") if (match := _FILE.match(file.name))]
    private = {match[1] for match in found if not match[2]} - {active}
    public = {match[1] for match in found if match[2]} - {active}
    return HeldKeys(name, active, tuple(sorted(private)), tuple(sorted(public - private)))


def add(folder: Path, chance: Chance, name: str = RECORD) -> Path:
    """Make a further key, which signs nothing yet; its public half may be handed out already.

    Raises:
        DependencyError: the folder cannot be written.
    """
    held(folder, name)
    jwk = another("Ed25519", chance)
    file = folder / f"{name}.{jwk.kid}.jwk"
    write(file, encoded(jwk), _PRIVATE)
    write(folder / f"{name}.{jwk.kid}.pub.jwk", public_half(file, "Ed25519"), _PUBLIC)
    return file


def activate(folder: Path, kid: str, name: str = RECORD) -> None:
    """Sign with a key from now on.

    Raises:
        UsageError: no such key.
    """
    keys = held(folder, name)
    if kid != keys.active:
        file = _prepared(folder, keys, kid)
        before = folder / f"{name}.{keys.active}.jwk"
        # Its public half first: whatever it has signed can be checked, whenever we are killed.
        write(folder / f"{name}.{keys.active}.pub.jwk", public_half(folder / f"{name}.jwk", "Ed25519"), _PUBLIC)
        write(before, (folder / f"{name}.jwk").read_bytes(), _PRIVATE)
        write(folder / f"{name}.jwk", file.read_bytes(), _PRIVATE)
    # Also where it is in use already: a kill may have left the public half behind.
    write(folder / f"{name}.pub.jwk", public_half(folder / f"{name}.jwk", "Ed25519"), _PUBLIC)


def retire(folder: Path, kid: str, name: str = RECORD) -> None:
    """Destroy the private half of a key: nobody signs with it any more. The public half stays.

    Raises:
        UsageError: it is in use, or there is none.
    """
    keys = held(folder, name)
    if kid == keys.active:
        raise UsageError("this key is in use", where=kid, fix=f"`expunge keys add {name}`, then activate the new one")
    file = _prepared(folder, keys, kid)
    write(folder / f"{name}.{kid}.pub.jwk", public_half(file, "Ed25519"), _PUBLIC)
    removed(file)


def _prepared(folder: Path, keys: HeldKeys, kid: str) -> Path:
    if kid not in keys.accepted:
        fix = f"held: {', '.join(keys.accepted)}" if keys.accepted else f"`expunge keys add {keys.system}` makes one"
        raise UsageError(f"there is no such key of {keys.system} to choose", where=kid, fix=fix)
    return folder / f"{keys.system}.{kid}.jwk"
