"""A copy as an age file: what comes out is what went in, for pyrage and for the program age, and memory stays flat."""

from __future__ import annotations

import io
import os
import pty
import shutil
import subprocess
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest

from orchestrator.errors import DependencyError, UsageError
from orchestrator.files import ageing
from orchestrator.runtime.clock import chance
from tests.support.absent import SERVICE_ABSENT

CHUNKS = [b"", b"first ", b"x" * 100_000, b"", b" last"]


def program() -> str:
    found = shutil.which("age")
    if found is None:
        pytest.skip(f"{SERVICE_ABSENT} age")
    return found


def test_what_comes_out_is_what_went_in() -> None:
    identity = pyrage.x25519.Identity.generate()
    out = io.BytesIO()
    ageing.encrypt(iter(CHUNKS), out, ageing.recipient(f" {identity.to_public()}\n"))
    assert pyrage.decrypt(out.getvalue(), [identity]) == b"".join(CHUNKS)


def test_a_passphrase_opens_the_key_and_the_key_the_copy() -> None:
    words = ageing.passphrase(chance)
    to, locked = ageing.locked_key(words)
    out = io.BytesIO()
    ageing.encrypt(iter(CHUNKS), out, to)
    identity = pyrage.x25519.Identity.from_str(pyrage.passphrase.decrypt(locked, words).decode().strip())
    assert pyrage.decrypt(out.getvalue(), [identity]) == b"".join(CHUNKS)
    with pytest.raises(pyrage.DecryptError):
        pyrage.passphrase.decrypt(locked, ageing.passphrase(chance))


def test_passphrases_have_120_bits_and_no_symbol_that_looks_like_another() -> None:
    made = {ageing.passphrase(chance) for _ in range(200)}
    assert len(made) == 200
    assert {len(one.replace("-", "")) for one in made} == {24}
    assert not set("ILOU") & set("".join(made))
    assert len(set("".join(made)) - {"-"}) == 32


@pytest.mark.parametrize("text", ["", "age1xyz", "AGE-SECRET-KEY-1QQ", "ssh-ed25519 AAAA", "\n", "age1" + "q" * 58])
def test_what_is_no_recipient_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        ageing.recipient(text)
    assert caught.value.where == "--recipient"


def test_what_the_source_raises_is_raised() -> None:
    def cut() -> Iterator[bytes]:
        yield b"begun"
        raise DependencyError("the package was altered")

    identity = pyrage.x25519.Identity.generate()
    with pytest.raises(DependencyError):
        ageing.encrypt(cut(), io.BytesIO(), identity.to_public())


def test_a_full_disk_is_told() -> None:
    class Full(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, _: object, /) -> int:
            raise OSError(28, "No space left on device")

    identity = pyrage.x25519.Identity.generate()
    with pytest.raises(DependencyError, match="cannot be written"):
        ageing.encrypt(iter([b"x" * 200_000]), Full(), identity.to_public())  # type: ignore[arg-type]


def test_memory_stays_flat() -> None:
    identity = pyrage.x25519.Identity.generate()

    class Nowhere(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: object, /) -> int:
            return len(data)  # type: ignore[arg-type]

    tracemalloc.start()
    ageing.encrypt((bytes(1 << 20) for _ in range(100)), Nowhere(), identity.to_public())  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20


def test_the_program_age_opens_both(tmp_path: Path) -> None:
    age = program()
    words = ageing.passphrase(chance)
    to, locked = ageing.locked_key(words)
    with (tmp_path / "copy.zip.age").open("wb") as out:
        ageing.encrypt(iter(CHUNKS), out, to)
    (tmp_path / "copy.zip.age.key").write_bytes(locked)
    # It asks for the passphrase on a terminal, and on nothing else.
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover - the child becomes the program
        os.chdir(tmp_path)
        os.execv(age, [age, "-d", "-i", "copy.zip.age.key", "-o", "copy.zip", "copy.zip.age"])
    asked = b""
    while b"assphrase" not in asked:
        asked += os.read(terminal, 1024)
    time.sleep(0.2)
    os.write(terminal, f"{words}\n".encode())
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0
    assert (tmp_path / "copy.zip").read_bytes() == b"".join(CHUNKS)

    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "own.key").write_text(f"{identity}\n")
    with (tmp_path / "to.age").open("wb") as out:
        ageing.encrypt(iter(CHUNKS), out, ageing.recipient(str(identity.to_public())))
    opened = subprocess.run([age, "-d", "-i", "own.key", "to.age"], cwd=tmp_path, capture_output=True, check=True)
    assert opened.stdout == b"".join(CHUNKS)
