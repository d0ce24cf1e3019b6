"""The key of records rotates, public halves stay, and a folder that is in use takes up what changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.keys import KeyFolder, intake, read_public, record, rotating
from orchestrator.keys.folder import create_missing
from orchestrator.runtime.clock import chance


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    create_missing(tmp_path / "keys", ["crm"], chance)
    return tmp_path / "keys"


def test_what_every_key_signed_is_checked_with_its_own_public_half_for_ever(keys: Path) -> None:
    held = KeyFolder(keys, ())
    first = held.signer
    kid = record.add(keys, chance).name.split(".")[1]
    assert record.held(keys) == rotating.HeldKeys("record", first.kid, (kid,))
    record.activate(keys, kid)
    held.refresh()
    assert held.signer.kid == kid
    record.retire(keys, first.kid)
    assert record.held(keys) == rotating.HeldKeys("record", kid, (), (first.kid,))
    for signer, name in ((first, f"record.{first.kid}.pub.jwk"), (held.signer, "record.pub.jwk")):
        read_public(keys / name).verify(signer.sign(b"x"), b"x")
    assert KeyFolder(keys, ()).signer.kid == kid
    assert not (keys / f"record.{first.kid}.jwk").exists(), "nobody signs with it any more"
    record.activate(keys, kid)  # once more is no harm
    assert record.held(keys).active == kid


def test_only_a_key_that_is_there_and_not_in_use_is_chosen(keys: Path) -> None:
    active = record.held(keys).active
    with pytest.raises(UsageError, match="in use"):
        record.retire(keys, active)
    for choose in (record.activate, record.retire):
        with pytest.raises(UsageError, match="no such key"):
            choose(keys, "x" * 43)


@pytest.mark.parametrize("after", range(1, 6))
def test_a_kill_at_any_write_leaves_every_key_and_the_next_try_ends_it(
    keys: Path, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = KeyFolder(keys, ()).signer
    kid = record.add(keys, chance).name.split(".")[1]
    real, left = rotating.write, after

    def write(*given: object) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise KeyboardInterrupt
        real(*given)  # type: ignore[arg-type]  # passed on

    with monkeypatch.context() as patch:
        patch.setattr(record, "write", write)
        try:
            record.activate(keys, kid)
        except KeyboardInterrupt:
            assert KeyFolder(keys, ()).signer.kid in {first.kid, kid}
    record.activate(keys, kid)
    assert KeyFolder(keys, ()).signer.kid == read_public(keys / "record.pub.jwk").kid == kid
    read_public(keys / f"record.{first.kid}.pub.jwk").verify(first.sign(b"x"), b"x")


def test_a_folder_in_use_takes_up_what_changed_and_nothing_half_copied(keys: Path) -> None:
    held = KeyFolder(keys, ["crm"])
    before = (held.system("crm"), held.intake, held.signer)
    held.refresh()
    assert (held.system("crm"), held.intake, held.signer) == before, "nothing changed: nothing is read"
    kid = rotating.add(keys, "crm", chance).name.split(".")[1]
    held.refresh()
    assert [one.kid for one in held.system("crm").accepted] == [before[0].kid, kid]
    rotating.activate(keys, "crm", kid)
    intake.activate(keys, intake.add(keys, chance).name.split(".")[1])
    held.refresh()
    assert held.system("crm").kid == kid
    assert held.intake.kid == intake.held(keys).active != before[1].kid
    good = (keys / "system-crm.jwk").read_bytes()
    (keys / "system-crm.jwk").write_bytes(good[:20])
    held.refresh()
    assert held.system("crm").kid == kid, "half a file"
    (keys / "system-crm.jwk").write_bytes(good)
    os.utime(keys / "system-crm.jwk", ns=(1, 1))
    held.refresh()
    assert held.system("crm").kid == kid
    for file in keys.iterdir():
        file.unlink()
    held.refresh()
    assert held.system("crm").kid == kid, "a folder that is away"


def test_every_key_of_the_ledger_that_is_there_signs_until_it_is_destroyed(keys: Path) -> None:
    held = KeyFolder(keys, ())
    (first,) = held.ledger("a.example/log")
    assert held.ledger("")[0].name.startswith("expunge/")
    kid = record.add(keys, chance, record.LEDGER).name.split(".")[1]
    held.refresh()
    assert len(held.ledger("a.example/log")) == 2
    record.activate(keys, kid, record.LEDGER)
    held.refresh()
    signers = held.ledger("a.example/log")
    assert [one.vkey for one in signers][1:] == [first.vkey], "the one in use first"
    before = record.held(keys, record.LEDGER).accepted[0]
    record.retire(keys, before, record.LEDGER)
    held.refresh()
    assert [one.vkey for one in held.ledger("a.example/log")] == [signers[0].vkey]
    assert (keys / f"ledger.{before}.pub.jwk").exists()
    assert record.held(keys).system == "record", "the keys of records are others"
