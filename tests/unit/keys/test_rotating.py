from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from connectors.errors import MisconfiguredError
from connectors.keyfile import SystemKeys, intake_key
from orchestrator.errors import UsageError
from orchestrator.keys import KeyFolder, create_missing
from orchestrator.keys.rotating import activate, add, held, retire
from orchestrator.runtime.clock import chance
from schemas.errors import SealError, UnknownKeyError
from schemas.sealing import Binding, SharedKey, key_id_of

BOUND = Binding("r", "t", "crm", "task")


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    create_missing(tmp_path / "keys", ["crm", "crm2"], chance)
    return tmp_path / "keys"


def test_what_was_sealed_before_between_and_after_a_rotation_is_opened_on_both_sides(keys: Path) -> None:
    old = held(keys, "crm").active
    tokens = [KeyFolder(keys, ["crm"]).system("crm").seal(b"1", BOUND, nonce=os.urandom(12))]
    file = add(keys, "crm", chance)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    new = next(iter(held(keys, "crm").accepted))
    tokens.append(KeyFolder(keys, ["crm"]).system("crm").seal(b"2", BOUND, nonce=os.urandom(12)))
    activate(keys, "crm", new)
    activate(keys, "crm", new)
    tokens.append(KeyFolder(keys, ["crm"]).system("crm").seal(b"3", BOUND, nonce=os.urandom(12)))
    assert [key_id_of(one) for one in tokens] == [old, old, new]
    worker, ours = SystemKeys(keys, "crm"), KeyFolder(keys, ["crm"]).system("crm")
    assert worker.kids == tuple(sorted((old, new)))
    for kid in (old, new):
        assert [worker.of(kid).open(one, BOUND) for one in tokens] == [b"1", b"2", b"3"]
        ours.check_mac(b"answer", worker.of(kid).mac(b"answer"))
    assert held(keys, "crm2").accepted == ()
    retire(keys, "crm", old, needed=())
    with pytest.raises(UnknownKeyError):
        KeyFolder(keys, ["crm"]).system("crm").open(tokens[0], BOUND)
    with pytest.raises(SealError):
        KeyFolder(keys, ["crm"]).system("crm").check_mac(b"answer", worker.of(old).mac(b"answer"))


def test_a_key_that_is_used_or_needed_or_not_there_is_not_retired(keys: Path) -> None:
    add(keys, "crm", chance)
    kid = held(keys, "crm").accepted[0]
    for wrong, needed in ((held(keys, "crm").active, ()), (kid, (kid,)), ("nothing", ())):
        with pytest.raises(UsageError):
            retire(keys, "crm", wrong, needed)
    with pytest.raises(UsageError):
        activate(keys, "crm", "nothing")
    assert held(keys, "crm").accepted == (kid,)


def test_a_worker_keeps_what_it_holds_while_a_file_is_being_copied(keys: Path) -> None:
    worker = SystemKeys(keys, "crm")
    before = worker.kids
    half = keys / "system-crm.new.jwk"
    half.write_bytes(b'{"kty"')
    half.chmod(0o600)
    with pytest.raises(MisconfiguredError, match="not a JWK file"):
        worker.reload()
    assert worker.kids == before
    half.unlink()
    assert intake_key(keys).kid == KeyFolder(keys, []).intake.kid


def test_a_worker_refuses_keys_that_others_can_read(keys: Path) -> None:
    (keys / "system-crm.jwk").chmod(0o644)
    with pytest.raises(MisconfiguredError, match="can be read by others"):
        SystemKeys(keys, "crm")


def test_two_threads_that_look_while_keys_rotate_end_with_the_newest(
    keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = KeyFolder(keys, ["crm"])
    add(keys, "crm", chance)
    new = held(keys, "crm").accepted[0]
    has_read, first_is_done = threading.Event(), threading.Event()
    other = threading.Thread(target=ours.refresh)
    real_shared, real_read = KeyFolder._shared, KeyFolder._read

    def shared(self: KeyFolder, name: str) -> SharedKey:
        found = real_shared(self, name)
        if threading.current_thread() is not other and other.ident is None:
            activate(keys, "crm", new)
            other.start()
            has_read.wait(0.5)  # it must wait for us, and so we in vain for it
        return found

    def read(self: KeyFolder) -> None:
        real_read(self)
        if threading.current_thread() is other:
            has_read.set()
            first_is_done.wait(10)

    monkeypatch.setattr(KeyFolder, "_shared", shared)
    monkeypatch.setattr(KeyFolder, "_read", read)
    ours.refresh()
    first_is_done.set()
    other.join()
    ours.refresh()
    assert ours.system("crm").kid == new
