"""Faults of databases, runs and keys on the real runtime: nothing is lost, nothing is called done that is not.

Each request here is an erasure of one person of a small company (``tests.support.world``). Where the world is bad, it
must stay open with a reason that names the cause; once the world is mended, it must close and leave no trace.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.core.model import Phase
from orchestrator.errors import DependencyError, UsageError
from orchestrator.runtime import embedded
from orchestrator.runtime.embedded import Embedded
from orchestrator.store.database import open_sqlite
from schemas.identifiers import Identifier
from schemas.outcomes import Failed, FailureKind
from schemas.requests import RequestForm, Right
from tests.support.company import made_up
from tests.support.world import REQUEST, WHO, World, replace_in, until


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@contextlib.contextmanager
def _held(database: Path) -> Iterator[None]:
    """Another program holds an exclusive transaction."""
    program = (
        "import sqlite3, sys\n"
        "one = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "one.execute('BEGIN EXCLUSIVE')\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
        "one.execute('ROLLBACK')\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdin
        assert other.stdout
        assert other.stdout.readline() == b"held\n"
        yield
        other.stdin.close()
        assert other.wait(10) == 0


# -- databases ------------------------------------------------------------------------------------------------------


def test_the_orchestrators_database_is_locked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "open_sqlite", lambda file: open_sqlite(file, busy_seconds=0.2))
    before = world.company.snapshot_bystanders([WHO])
    world.submit()
    with Embedded.open(world.company.home) as home, _held(world.company.home / "expunge.db"):
        with pytest.raises(DependencyError) as caught:
            home.run(until_idle=True)
        assert "locked" in caught.value.what
        assert caught.value.fix
        assert str(world.company.home / "expunge.db") in caught.value.where
        with pytest.raises(DependencyError):
            home.intake.submit([RequestForm(Right.ERASURE, (Identifier("email", made_up(1002).email),))])
    world.run()
    world.is_done(before)


def test_a_store_is_locked_by_another_program(world: World) -> None:
    replace_in(world.company.home / "expunge.toml", "lock_timeout = 2", "lock_timeout = 0.1")
    before = world.company.snapshot_bystanders([WHO])
    world.submit()
    stop = threading.Event()
    with Embedded.open(world.company.home) as home:
        home.engine.apply_waiting()  # else there is no state to look at yet
        runner = threading.Thread(target=home.run, kwargs={"until_idle": False, "stop": stop}, daemon=True)
        with _held(world.company.stores / "hr.sqlite"):
            runner.start()
            until(lambda: world.state().systems["hr"].failures > 0)
            state = world.state()
            assert Failed(FailureKind.TRANSIENT, "locked") in (
                *state.systems["hr"].located.values(),
                *state.systems["hr"].outcomes.values(),
            )
            assert state.phase is not Phase.CLOSED
            assert "retry:hr" in state.timers
        until(lambda: world.state().phase is Phase.CLOSED)
        stop.set()
        runner.join(20)
        assert not runner.is_alive()
    world.is_done(before)


def _run_bound(world: World) -> subprocess.CompletedProcess[str]:
    """Run until idle in a process that modes of files bind."""
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from orchestrator.runtime.embedded import Embedded\n"
        "from orchestrator.errors import ExpungeError\n"
        "try:\n"
        "    with Embedded.open(Path(sys.argv[1])) as home:\n"
        "        home.run(until_idle=True)\n"
        "except ExpungeError as error:\n"
        "    print(type(error).__name__, error.what, error.where, error.fix, sep='|')\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    return subprocess.run(
        [*_bound_by_modes(), sys.executable, "-c", program, str(world.company.home)],
        cwd=Path(__file__).parents[2],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def _bound_by_modes() -> list[str]:
    """Give what to put before a command so that a file's mode counts: root is not stopped by it."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("runs as root, whom no mode stops, and setpriv (util-linux) is not there to give that up")
    return [setpriv, "--bounding-set", "-dac_override,-dac_read_search"]


def _writable(database: Path) -> None:
    """Make a database writable again, with the log that SQLite put beside it under the same mode."""
    for file in database.parent.glob(f"{database.name}*"):
        file.chmod(0o600)


def test_the_orchestrators_database_is_read_only(world: World) -> None:
    world.submit()
    database = world.company.home / "expunge.db"
    database.chmod(0o400)
    refused = _run_bound(world)
    kind, what, where, fix = refused.stdout.strip().split("|")
    assert kind == "DependencyError", refused.stderr
    assert "read-only" in what
    assert where == str(database)
    assert fix
    before = world.company.snapshot_bystanders([WHO])
    # SQLite gave its log the mode of the database, so the database alone is not enough, and the advice says so.
    database.chmod(0o600)
    half = _run_bound(world)
    assert "read-only" in half.stdout
    assert "-wal" in half.stdout
    _writable(database)
    again = _run_bound(world)
    assert (again.stdout, again.stderr) == ("", "")
    world.is_done(before)


def test_a_store_is_read_only(world: World) -> None:
    before = world.company.snapshot_bystanders([WHO])
    world.submit()
    (world.company.stores / "crm.sqlite").chmod(0o400)
    run = _run_bound(world)
    assert (run.stdout, run.stderr) == ("", "")
    world.needs_attention("crm", "read_only")
    _writable(world.company.stores / "crm.sqlite")
    world.resume()
    run = _run_bound(world)
    assert (run.stdout, run.stderr) == ("", "")
    world.is_done(before)


def test_two_runs_at_once(world: World) -> None:
    before = world.company.snapshot_bystanders([WHO])
    stop = threading.Event()
    with Embedded.open(world.company.home) as first, Embedded.open(world.company.home) as second:
        runner = threading.Thread(target=first.run, kwargs={"until_idle": False, "stop": stop})
        runner.start()
        until((world.company.home / "expunge.db.lock").exists)
        with pytest.raises(DependencyError) as caught:
            until(lambda: bool(second.run(until_idle=True)))  # type: ignore[func-returns-value]
        assert "another" in caught.value.what
        assert caught.value.fix
        # The one that may not run may still take requests in.
        found = (Identifier("email", made_up(WHO).email), Identifier("ip", made_up(WHO).ip))
        second.intake.submit([RequestForm(Right.ERASURE, found, request_id=REQUEST)])
        until(lambda: world.records() == 1)
        stop.set()
        runner.join(20)
    world.is_done(before)


@pytest.mark.parametrize("key", ["store", "subject", "log", "intake", "record", "system-crm"])
def test_a_key_is_missing(world: World, key: str) -> None:
    file = world.company.home / "keys" / f"{key}.jwk"
    file.unlink()
    with pytest.raises(UsageError) as caught:
        Embedded.open(world.company.home)
    assert caught.value.what == "a key is missing"
    assert caught.value.where == str(file)
    assert caught.value.fix
    assert not file.exists()


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_key_is_readable_by_others(world: World, mode: int) -> None:
    file = world.company.home / "keys" / "store.jwk"
    file.chmod(mode)
    with pytest.raises(UsageError) as caught:
        Embedded.open(world.company.home)
    assert "read by others" in caught.value.what
    assert caught.value.fix == f"chmod 600 {file}"
    file.chmod(0o600)
    Embedded.open(world.company.home).close()
