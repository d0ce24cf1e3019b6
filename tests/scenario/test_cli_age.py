"""A copy as an age file on the command line: to a key, or under a passphrase that is told once."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import pyrage
import pytest

from tests.scenario import test_cli_journey as journey
from tests.scenario.test_cli_journey import Shell, only_crm, request, write

template, home, shell = journey.template, journey.home, journey.shell


@pytest.fixture
def ready(home: Path, tmp_path: Path, shell: Shell) -> Path:
    only_crm(home)
    shell("submit", write(tmp_path / "copy.json", request(7, "copy", "access")))
    assert shell("run", "--until-idle") == 0
    return home


def whole(raw: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(raw)) as copy:
        assert copy.testzip() is None
        assert "index.html" in copy.namelist()


def test_a_copy_goes_out_encrypted_and_nothing_in_clear_is_left(ready: Path, tmp_path: Path, shell: Shell) -> None:
    out = tmp_path / "out"
    out.mkdir()
    identity = pyrage.x25519.Identity.generate()
    to = ("package", "copy", "-O", str(out / "to.age"), "--recipient")
    assert shell(*to, str(identity.to_public())) == 0
    whole(pyrage.decrypt((out / "to.age").read_bytes(), [identity]))
    assert "no key of a recipient" in shell.error(2, *to[:-2], str(out / "b.age"), "--recipient", "age1x")["what"]
    assert not (out / "b.age").exists()

    file, words = out / "copy.zip.age", out / "passphrase.txt"
    given = ("package", "copy", "-O", str(file), "--passphrase-file")
    assert shell(*given, str(words)) == 0
    assert stat.S_IMODE(words.stat().st_mode) == 0o600
    passphrase = words.read_text().strip()
    assert passphrase not in shell.out + shell.err
    locked = (out / "copy.zip.age.key").read_bytes()
    opened = pyrage.x25519.Identity.from_str(pyrage.passphrase.decrypt(locked, passphrase).decode().strip())
    whole(pyrage.decrypt(file.read_bytes(), [opened]))
    raw = b"".join(one.read_bytes() for one in ready.glob("expunge.db*"))
    assert passphrase.encode() not in raw

    assert "the file exists" in shell.error(2, *given, str(out / "other.txt"))["what"]
    assert not (out / "other.txt").exists(), "all of them, or none"
    shown = shell.json("package", "copy", "-O", str(out / "c.age"), "--passphrase-file", "-")
    assert len(shown["passphrase"].replace("-", "")) == 24
    assert shell(*given, "-", "--recipient", "age1x") == 2
    assert sorted(one.name for one in out.iterdir()) == [
        "c.age", "c.age.key", "copy.zip.age", "copy.zip.age.key", "passphrase.txt", "to.age"
    ]  # fmt: skip
