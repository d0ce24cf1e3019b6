"""Rotation of the key that signs completion records (ADR 13).

``record.jwk`` signs, ``record.pub.jwk`` is its public half. ``record.<kid>.jwk`` is one that is prepared, or was in use
before. Its public half ``record.<kid>.pub.jwk`` stays for ever, also when the private one is destroyed: a record that
was signed years ago is still checked with it. A kill at any instruction leaves every key that was there.
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
_FILE: Final = re.compile(r"record\.([A-Za-z0-9_-]{43})\.(pub\.)?jwk\Z")
_PRIVATE: Final = 0o600
_PUBLIC: Final = 0o644


def held(folder: Path) -> HeldKeys:
    """Give the keys of records; of a retired one only the public half is left.

    Raises:
        UsageError: the one in use is missing or broken.
    """
    active = read_jwk(folder / "record.jwk", private=True).kid
    found = [match for file in folder.glob("record.*.jwk") if (match := _FILE.match(file.name))]
    private = {match[1] for match in found if not match[2]} - {active}
    public = {match[1] for match in found if match[2]} - {active}
    return HeldKeys(RECORD, active, tuple(sorted(private)), tuple(sorted(public - private)))


def add(folder: Path, chance: Chance) -> Path:
    """Make a further key, which signs nothing yet; its public half may be handed out already.

    Raises:
        DependencyError: the folder cannot be written.
    """
    held(folder)
    jwk = another("Ed25519", chance)
    file = folder / f"record.{jwk.kid}.jwk"
    write(file, encoded(jwk), _PRIVATE)
    write(folder / f"record.{jwk.kid}.pub.jwk", public_half(file, "Ed25519"), _PUBLIC)
    return file


def activate(folder: Path, kid: str) -> None:
    """Sign with a key from now on.

    Raises:
        UsageError: no such key.
    """
    keys = held(folder)
    if kid != keys.active:
        file = _prepared(folder, keys, kid)
        before = folder / f"record.{keys.active}.jwk"
        # Its public half first: whatever it has signed can be checked, whenever we are killed.
        write(folder / f"record.{keys.active}.pub.jwk", public_half(folder / "record.jwk", "Ed25519"), _PUBLIC)
        write(before, (folder / "record.jwk").read_bytes(), _PRIVATE)
        write(folder / "record.jwk", file.read_bytes(), _PRIVATE)
    # Also where it is in use already: a kill may have left the public half behind.
    write(folder / "record.pub.jwk", public_half(folder / "record.jwk", "Ed25519"), _PUBLIC)


def retire(folder: Path, kid: str) -> None:
    """Destroy the private half of a key: nobody signs with it any more. The public half stays.

    Raises:
        UsageError: it is in use, or there is none.
    """
    keys = held(folder)
    if kid == keys.active:
        raise UsageError("this key is in use", where=kid, fix="`expunge keys add record`, then activate the new one")
    file = _prepared(folder, keys, kid)
    write(folder / f"record.{kid}.pub.jwk", public_half(file, "Ed25519"), _PUBLIC)
    removed(file)


def _prepared(folder: Path, keys: HeldKeys, kid: str) -> Path:
    if kid not in keys.accepted:
        fix = f"held: {', '.join(keys.accepted)}" if keys.accepted else "`expunge keys add record` makes one"
        raise UsageError("there is no such key of records to choose", where=kid, fix=fix)
    return folder / f"record.{kid}.jwk"
