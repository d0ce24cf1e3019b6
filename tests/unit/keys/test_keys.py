"""Key files: whole or not at all, never overwritten, never readable by others, and clear when something is wrong."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.pretty import pretty_repr

from orchestrator.errors import DependencyError, UsageError, VerificationError
from orchestrator.keys import KeyFolder, RecordSigner, RecordVerifier, create_missing, read_public
from orchestrator.keys.folder import Jwk
from orchestrator.runtime.clock import chance
from schemas.sealing import unb64u

ALL = [
    "intake.jwk",
    "intake.pub.jwk",
    "ledger.jwk",
    "ledger.pub.jwk",
    "log.jwk",
    "record.jwk",
    "record.pub.jwk",
    "store.jwk",
    "subject.jwk",
]


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    create_missing(tmp_path / "keys", ["crm"], chance)
    return tmp_path / "keys"


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def _mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_every_key_is_made_once_with_its_mode_whatever_the_umask(tmp_path: Path, open_umask: None) -> None:
    where = tmp_path / "a" / "keys"
    written = create_missing(where, ["crm", "hr"], chance)
    assert sorted(one.name for one in written) == sorted([*ALL, "system-crm.jwk", "system-hr.jwk"])
    assert sorted(one.name for one in where.iterdir()) == sorted(one.name for one in written)
    assert _mode(where) == 0o700
    for file in where.iterdir():
        assert _mode(file) == (0o644 if file.name.endswith(".pub.jwk") else 0o600)


def test_what_is_there_is_never_overwritten(keys: Path) -> None:
    before = {one.name: one.read_bytes() for one in keys.iterdir()}
    assert create_missing(keys, ["crm"], chance) == []
    assert [one.name for one in create_missing(keys, ["crm", "hr"], chance)] == ["system-hr.jwk"]
    (keys / "log.jwk").write_text("")
    create_missing(keys, ["crm"], chance)
    assert (keys / "log.jwk").read_text() == "", "not even a broken one: what it was may be in a backup"
    for name, raw in before.items():
        if name != "log.jwk":
            assert (keys / name).read_bytes() == raw


def test_a_public_key_that_is_missing_is_made_for_the_private_one(keys: Path) -> None:
    before = (keys / "record.pub.jwk").read_bytes()
    (keys / "record.pub.jwk").unlink()
    assert [one.name for one in create_missing(keys, ["crm"], chance)] == ["record.pub.jwk"]
    assert (keys / "record.pub.jwk").read_bytes() == before


def test_i11_a_kill_while_a_key_is_written_leaves_no_half_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def die(_: int) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", die)
        with pytest.raises(Killed):
            create_missing(tmp_path / "keys", [], chance)
    assert list((tmp_path / "keys").glob("*.jwk")) == []
    create_missing(tmp_path / "keys", [], chance)
    KeyFolder(tmp_path / "keys", [])


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(DependencyError, match="cannot be written") as caught:
        create_missing(tmp_path / "keys", [], chance)
    assert caught.value.why == "No space left on device"


def test_somebody_elses_key_that_appears_meanwhile_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fsync

    def slow(handle: int) -> None:
        (tmp_path / "keys" / "store.jwk").write_text("theirs")
        real(handle)

    monkeypatch.setattr(os, "fsync", slow)
    (tmp_path / "keys").mkdir()
    create_missing(tmp_path / "keys", [], chance)
    assert (tmp_path / "keys" / "store.jwk").read_text() == "theirs"


# -- reading ------------------------------------------------------------------------------------------------
def _set(file: Path, **changes: str) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


@pytest.mark.parametrize("name", ["store.jwk", "subject.jwk", "log.jwk", "intake.jwk", "record.jwk", "system-crm.jwk"])
def test_a_missing_key_refuses_the_start(keys: Path, name: str) -> None:
    (keys / name).unlink()
    with pytest.raises(UsageError, match="a key is missing") as caught:
        KeyFolder(keys, ["crm"])
    assert caught.value.where == str(keys / name)
    assert "backup" in caught.value.fix


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_private_key_that_others_can_read_refuses_the_start(keys: Path, mode: int) -> None:
    (keys / "store.jwk").chmod(mode)
    with pytest.raises(UsageError, match="read by others") as caught:
        KeyFolder(keys, ["crm"])
    assert caught.value.fix == f"chmod 600 {keys / 'store.jwk'}"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]", b'{"k": 1}', b"[" * 100_000, b'{"no": "kty"}'])
def test_a_file_that_is_no_key_is_told(keys: Path, content: bytes) -> None:
    (keys / "log.jwk").write_bytes(content)
    with pytest.raises(UsageError, match="not a JWK file") as caught:
        KeyFolder(keys, ["crm"])
    assert caught.value.where == str(keys / "log.jwk")


@pytest.mark.parametrize("k", ["", "AAAA", "not base64!", "A" * 64])
def test_a_key_of_another_length_is_told(keys: Path, k: str) -> None:
    _set(keys / "log.jwk", k=k)
    with pytest.raises(UsageError, match="does not have 32 bytes") as caught:
        KeyFolder(keys, ["crm"])
    assert k not in caught.value.what or not k


def test_a_key_of_another_curve_is_told(keys: Path) -> None:
    (keys / "intake.jwk").write_bytes((keys / "record.jwk").read_bytes())
    with pytest.raises(UsageError, match="not an X25519 key"):
        KeyFolder(keys, ["crm"])


def test_a_folder_in_the_place_of_a_key_is_told(keys: Path) -> None:
    (keys / "log.jwk").unlink()
    (keys / "log.jwk").mkdir()
    with pytest.raises(UsageError, match="cannot be read"):
        KeyFolder(keys, ["crm"])


def test_a_system_without_a_key_is_told(keys: Path) -> None:
    held = KeyFolder(keys, ["crm"])
    assert held.system("crm").kid
    with pytest.raises(UsageError, match="no key for system 'hr'"):
        held.system("hr")


def test_every_key_is_another(keys: Path) -> None:
    held = KeyFolder(keys, ["crm"])
    assert len({held.store, held.subject, held.log, held.system("crm").sealing_key}) == 4


# -- signing ------------------------------------------------------------------------------------------------
def test_the_public_file_checks_what_the_private_one_signed(keys: Path) -> None:
    signer = KeyFolder(keys, []).signer
    verifier = read_public(keys / "record.pub.jwk")
    assert verifier.kid == signer.kid
    verifier.verify(signer.sign(b"data"), b"data")
    for signature, data in ((signer.sign(b"data"), b"Data"), (b"x" * 64, b"data"), (b"", b"data")):
        with pytest.raises(VerificationError, match="does not fit"):
            verifier.verify(signature, data)
    with pytest.raises(VerificationError):
        RecordVerifier(RecordSigner(b"s" * 32).public).verify(signer.sign(b"data"), b"data")


def test_another_kind_of_public_key_is_told(keys: Path) -> None:
    for name in ("intake.pub.jwk", "store.jwk"):
        with pytest.raises(UsageError, match="not an Ed25519 public key"):
            read_public(keys / name)
    with pytest.raises(UsageError, match="missing"):
        read_public(keys / "nothing.jwk")


def test_the_thumbprint_is_that_of_rfc_8037() -> None:
    public = unb64u("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
    assert RecordVerifier(public).kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_a_secret_is_not_in_a_repr() -> None:
    jwk = Jwk("oct", kid="abc", k="the-secret", d="the-secret")
    assert "the-secret" not in repr(jwk) + pretty_repr(jwk)
