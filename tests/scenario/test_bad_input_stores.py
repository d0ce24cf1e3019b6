"""Bad stores: locked, away, read-only, full, damaged; ``expunge`` says which and why; nothing is lost.

Each case: one erasure waits; a store is bad; no command shows a traceback or a value of the person, none says that it
is done; once the cause is mended, the same request closes with its record, without a trace, the others untouched.

``expunge run`` ends with 1 when a person has to look at a request (a damaged file), and with 3 when something is away,
locked or full and will be tried again. ``test_bad_input_requests.py`` has the table of what is proved elsewhere.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestrator.cli.causes import CAUSES
from orchestrator.runtime import embedded
from orchestrator.store import database
from tests.support.cli import REQUEST, WHO, CommandLine, edit
from tests.support.company import Company, made_up

TOML: Final = "expunge.toml"


# -- databases ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def held(file: Path) -> Iterator[None]:
    """Another connection holds an exclusive transaction, as another program would."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def test_the_database_is_locked_by_another_program(expunge: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = database.open_sqlite
    for module in (database, embedded):
        monkeypatch.setattr(module, "open_sqlite", lambda file: opened(file, busy_seconds=0.1))
    expunge.submit()
    file = expunge.file([{"right": "access", "request_id": "two", "identifiers": [{"kind": "ip", "value": "::1"}]}])
    with held(expunge.home / "expunge.db"):
        for command in (("run", "--until-idle"), ("submit", file)):
            told = expunge.error(3, *command)
            assert told["what"] == "the database is locked by another program"
            assert told["where"] == str(expunge.home / "expunge.db")
            assert told["fix"] == "close the other program, or wait, then try again"
    assert expunge.open_requests() == [REQUEST]
    expunge.is_done()


def test_a_store_is_locked_by_another_program(expunge: CommandLine) -> None:
    edit(expunge.home / TOML, "retry_first_seconds = 1", "retry_first_seconds = 60")
    text = (expunge.home / TOML).read_text()
    (expunge.home / TOML).write_text(text.replace("lock_timeout = 2", "lock_timeout = 0"))
    expunge.submit()
    with held(expunge.company.stores / "hr.sqlite"):
        waits_for(expunge, "hr", "locked")
    expunge.later(minutes=2)
    expunge.is_done()


def test_a_store_is_away(expunge: CommandLine) -> None:
    edit(expunge.home / TOML, "retry_first_seconds = 1", "retry_first_seconds = 60")
    expunge.submit()
    for name in ("crm.sqlite", "logs"):
        (expunge.company.stores / name).rename(expunge.company.stores / f"{name}.away")
    said = waits_for(expunge, "crm", "unreachable")
    assert "waiting for logs: root missing; tried again" in said
    assert f"where: {expunge.home / '../stores/logs'}\n" in said
    assert not (expunge.company.stores / "crm.sqlite").exists()
    for name in ("crm.sqlite", "logs"):
        (expunge.company.stores / f"{name}.away").rename(expunge.company.stores / name)
    expunge.later(minutes=2)
    expunge.is_done()


def waits_for(expunge: CommandLine, system: str, code: str) -> str:
    """``run`` ends with code 3 and says for what it waits, and until when."""
    assert expunge("run", "--until-idle", "-o", "json") == 3
    told: dict[str, Any] = json.loads(expunge.out)
    assert (told["open"], told["closed"], told["attention"]) == (1, 0, 0)
    assert (system, code) in {(one["system"], one["code"]) for one in told["held_up"]}
    said = expunge.err
    assert f"waiting for {system}: {code.replace('_', ' ')}; tried again by `expunge run` from 20" in said
    assert expunge("show", REQUEST) == 0
    assert f"FAILED (transient): {code}" in expunge.out
    assert expunge("record", REQUEST) == 2
    return said


def as_process(expunge: CommandLine, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process that the modes of files bind: root is not stopped by them."""
    prefix: list[str] = []
    if os.geteuid() == 0:
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            pytest.skip("runs as root, whom no mode stops, and setpriv (util-linux) is not there to give that up")
        prefix = [setpriv, "--bounding-set", "-dac_override,-dac_read_search"]
    command = [*prefix, sys.executable, "-m", "orchestrator", *arguments, "--home", str(expunge.home)]
    root = Path(__file__).parents[2]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=60)


def test_a_database_that_may_not_be_written(expunge: CommandLine) -> None:
    expunge.submit()
    files = [expunge.home / "expunge.db", expunge.company.stores / "crm.sqlite"]
    files[0].chmod(0o400)
    done = as_process(expunge, "run", "--until-idle", "-o", "json")
    assert done.returncode == 3, done.stderr
    told = json.loads(done.stderr)["error"]
    assert told["what"] == "the database is read-only"
    assert told["where"] == str(files[0])
    assert told["fix"] == "let this user write the file, its -wal and -shm, and the folder"
    for file in files:
        file.chmod(0o600 if file is files[0] else 0o400)
    for one in expunge.home.glob("expunge.db-*"):  # made by SQLite with the mode of the database
        one.chmod(0o600)
    done = as_process(expunge, "run", "--until-idle")
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert expunge("show", REQUEST) == 1
    assert "! crm/contacts: the system could not do it (read only)" in expunge.out
    files[1].chmod(0o600)
    for one in expunge.company.stores.glob("crm.sqlite-*"):
        one.chmod(0o600)
    expunge("retry", REQUEST)
    expunge.is_done()


# -- files ----------------------------------------------------------------------------------------------------------


def cut_short(company: Company) -> Callable[[], object]:
    file = company.stores / "logs" / "access.log.2.gz"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    return lambda: file.write_bytes(whole)


def other_schema(company: Company) -> Callable[[], object]:
    file = company.stores / "events" / "purchases" / "2026-02.parquet"
    pq.write_table(pa.table({"mail": [made_up(WHO).email], "customer": [1]}), file)
    return file.unlink


def file_link(company: Company) -> Callable[[], object]:
    outside = company.root / "outside.log"
    outside.write_text("192.0.2.1 - - outside\n")
    link = company.stores / "logs" / "access.log.9"
    link.symlink_to(outside)
    return link.unlink


def folder_link(company: Company) -> Callable[[], object]:
    folder = company.stores / "events" / "clicks"
    away = folder.rename(company.root / "elsewhere")
    folder.symlink_to(away)

    def mend() -> None:
        folder.unlink()
        away.rename(folder)

    return mend


DAMAGE: Final = {
    # name: (what happens to a file, record set, cause in words)
    "truncated_gz": (cut_short, "logs/access", "truncated gz"),
    "parquet_of_another_schema": (other_schema, "events/purchases", "parquet schema"),
    "symlink_to_a_file": (file_link, "logs/access", "symlink"),
    "symlink_to_a_folder": (folder_link, "events/clicks", "symlink"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_file_that_cannot_be_searched_calls_a_person(expunge: CommandLine, name: str) -> None:
    damage, record_set, cause = DAMAGE[name]
    expunge.submit()
    mend = damage(expunge.company)
    kept = {file: file.read_bytes() for file in expunge.company.files() if file.is_file()}
    assert expunge("run", "--until-idle") == 1
    assert expunge("show", REQUEST) == 1
    assert f"! {record_set}: the system could not do it ({cause})" in expunge.out
    assert CAUSES[cause.replace(" ", "_")] in " ".join(expunge.out.split())
    assert "what to do: look at the system, mend the cause, then `expunge retry`" in expunge.out
    assert expunge("record", REQUEST) == 2
    assert {file: file.read_bytes() for file in kept} == kept
    mend()
    assert expunge("retry", REQUEST) == 0
    expunge.is_done()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a file system of our own cannot be mounted here; test_bad_world tries it with a file size limit")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_the_disk_is_full_at_a_rewrite(expunge: CommandLine, small_disk: Path) -> None:
    edit(expunge.home / TOML, "retry_first_seconds = 1", "retry_first_seconds = 60")
    logs = expunge.company.stores / "logs"
    shutil.copytree(logs, small_disk, dirs_exist_ok=True)
    filler = b'192.0.2.8 - - [01/Feb/2026:00:00:00 +0000] "GET /' + b"x" * 1000 + b'"\n'
    with (small_disk / "access.log.1").open("ab") as log:
        log.write(filler * 300)  # 300 KB: there is no room for a second version beside it
    shutil.rmtree(logs)
    logs.mkdir()
    edit(expunge.home / TOML, "../stores/logs", str(small_disk))
    original = (small_disk / "access.log.1").read_bytes()
    expunge.submit()
    waits_for(expunge, "logs", "disk_full")
    assert (small_disk / "access.log.1").read_bytes() == original
    assert list(small_disk.rglob(".expunge-*.tmp")) == []
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    expunge.later(minutes=2)
    expunge.is_done()
    left = (small_disk / "access.log.1").read_bytes()
    assert made_up(WHO).email.encode() not in left
    assert left.endswith(filler * 300)


def test_a_line_of_five_megabytes(expunge: CommandLine) -> None:
    log = expunge.company.stores / "logs" / "access.log.1"
    long = b"x" * 5_000_000
    head = log.read_bytes()
    mine = f"192.0.2.8 - {made_up(WHO).email} [01/Jan/2020:00:00:00 +0000] ".encode()
    other = b"192.0.2.8 - - [01/Jan/2020:00:00:00 +0000] " + long + b"\n"
    log.write_bytes(head + mine + long + b"\n" + other)
    expunge.submit()
    expunge.is_done()
    assert log.read_bytes().endswith(other)
    assert log.stat().st_size < len(head) + 5_100_000


def test_a_live_file_waits_for_its_rotation(expunge: CommandLine) -> None:
    live = 'files = "access.log*"\nlive = "access.log"\nrotation_hours = 24'
    edit(expunge.home / "maps" / "logs.toml", 'files = "access.log.*"', live)
    current = expunge.company.stores / "logs" / "access.log"
    other = "192.0.2.9 - - [01/Jan/2020:00:00:00 +0000] x\n"
    current.write_text(f"192.0.2.1 - {made_up(WHO).email} [01/Jan/2020:00:00:00 +0000] x\n{other}")
    expunge.submit()
    assert expunge("run", "--until-idle") == 0
    assert expunge.err == "1 open, 0 closed, 0 need attention\n"
    assert expunge("show", REQUEST) == 0
    assert "NOT DONE YET: 1 in a file that is still written to; looked at again 20" in expunge.out
    assert expunge("record", REQUEST) == 2
    assert made_up(WHO).email in current.read_text()
    current.rename(current.with_name("access.log.3"))
    current.write_text("192.0.2.9 - - y\n")
    expunge.before |= {"logs/access.log.3": [other.encode()], "logs/access.log": [b"192.0.2.9 - - y\n"]}
    expunge.later(hours=25)
    expunge.is_done()
