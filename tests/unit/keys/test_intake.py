"""The intake key rotates: the old one opens until it is retired, and then what is sealed to it is refused."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from connectors.kafka.publisher import read_intake_key
from connectors.keyfile import intake_key
from orchestrator.errors import UsageError
from orchestrator.keys import KeyFolder, create_missing, intake
from orchestrator.runtime.clock import chance
from schemas.errors import RetiredKeyError, UnknownKeyError
from schemas.sealing import Binding, key_id_of

BOUND = Binding(req="r", use="request")


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    create_missing(tmp_path / "keys", [], chance)
    return tmp_path / "keys"


def sealed(keys: Path) -> str:
    return intake_key(keys).seal(b"who", BOUND, nonce=os.urandom(12), ephemeral=os.urandom(32))


def opened(keys: Path, token: str) -> bytes:
    return KeyFolder(keys, []).intake.open(token, BOUND)


def test_what_was_sealed_before_and_after_opens_until_the_old_key_is_retired(keys: Path) -> None:
    old = intake.held(keys).active
    before = sealed(keys)
    file = intake.add(keys, chance)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (new,) = intake.held(keys).accepted
    assert key_id_of(sealed(keys)) == old, "not handed out yet"
    intake.activate(keys, new)
    intake.activate(keys, new)
    after = sealed(keys)
    assert key_id_of(after) == new == KeyFolder(keys, []).intake.kid
    assert read_intake_key(keys / "intake.pub.jwk").kid == new
    assert stat.S_IMODE((keys / "intake.jwk").stat().st_mode) == 0o600
    assert [opened(keys, one) for one in (before, after)] == [b"who", b"who"]
    create_missing(keys, [], chance)  # `expunge init` again changes nothing
    assert intake.held(keys).accepted == (old,)

    intake.retire(keys, old, needed=())
    intake.retire(keys, old, needed=())
    assert opened(keys, after) == b"who"
    with pytest.raises(RetiredKeyError, match=r"intake\.pub\.jwk"):
        opened(keys, before)
    assert (intake.held(keys).accepted, intake.held(keys).retired) == ((), (old,))
    assert not any(b'"d"' in one.read_bytes() for one in keys.glob("*.retired.jwk"))


def test_a_key_that_nobody_here_knows_is_still_waited_for(keys: Path, tmp_path: Path) -> None:
    create_missing(tmp_path / "other", [], chance)
    with pytest.raises(UnknownKeyError):
        opened(keys, sealed(tmp_path / "other"))


def test_a_kill_between_two_steps_of_activating_or_retiring_loses_no_key(keys: Path) -> None:
    old, public = intake.held(keys).active, (keys / "intake.pub.jwk").read_bytes()
    kid = intake.add(keys, chance).name.split(".")[1]
    intake.activate(keys, kid)
    (keys / "intake.pub.jwk").write_bytes(public)  # killed before the public half was written
    assert opened(keys, sealed(keys)) == b"who"
    intake.activate(keys, kid)
    assert intake_key(keys).kid == kid
    private = (keys / f"intake.{old}.jwk").read_bytes()
    intake.retire(keys, old, needed=())
    (keys / f"intake.{old}.jwk").write_bytes(private)  # killed before it was taken away
    (keys / f"intake.{old}.jwk").chmod(0o600)
    assert intake.held(keys).retired == (old,)
    intake.retire(keys, old, needed=())
    assert not (keys / f"intake.{old}.jwk").exists()


def test_what_must_not_be_is_refused(keys: Path) -> None:
    active = intake.held(keys).active
    kid = intake.add(keys, chance).name.split(".")[1]
    for one, needed in ((active, ()), (kid, (kid,)), ("nothing", ())):
        with pytest.raises(UsageError):
            intake.retire(keys, one, needed)
    with pytest.raises(UsageError):
        intake.activate(keys, "nothing")
    assert intake.held(keys).accepted == (kid,)
    (keys / f"intake.{kid}.jwk").chmod(0o644)
    with pytest.raises(UsageError, match="read by others"):
        KeyFolder(keys, [])
