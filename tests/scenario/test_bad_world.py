"""Faults of the world around the product, on the real runtime: nothing is lost, nothing is called done that is not.

Each request here is an erasure of one person of a small company (``tests.support.company``). Where the world is bad,
it must stay open with a reason that names the cause; once the world is mended, it must close and leave no trace.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.files import replace
from orchestrator.core.model import Phase, RequestState
from orchestrator.engine.engine import load_state
from orchestrator.errors import DependencyError, UsageError
from orchestrator.runtime import embedded
from orchestrator.runtime.clock import ShiftedClock
from orchestrator.runtime.embedded import Embedded
from orchestrator.store.database import open_sqlite
from schemas.identifiers import Identifier
from schemas.outcomes import Failed, FailureKind, Pending
from schemas.requests import RequestForm, Right
from tests.support.company import Company, Snapshot, bystanders_differ, made_up

WHO = 1001
REQUEST = "erase-one"


class World:
    """A company with one erasure waiting, and what must be left of it."""

    def __init__(self, root: Path) -> None:
        self.company = Company.build(root, 6, dt.datetime.now(dt.UTC).date())
        self.logs = self.company.stores / "logs"
        self.events = self.company.stores / "events"

    def submit(self, request_id: str = REQUEST, number: int = WHO) -> None:
        who = made_up(number)
        found = (Identifier("email", who.email), Identifier("ip", who.ip))
        with Embedded.open(self.company.home) as home:
            home.intake.submit([RequestForm(Right.ERASURE, found, request_id=request_id)])

    def run(self, clock: ShiftedClock | None = None) -> None:
        with Embedded.open(self.company.home, clock=clock) as home:
            home.run(until_idle=True)

    def state(self, request_id: str = REQUEST) -> RequestState:
        with Embedded.open(self.company.home) as home, home.store.read() as tx:
            return load_state(tx, request_id)

    def resume(self, request_id: str = REQUEST) -> None:
        with Embedded.open(self.company.home) as home:
            home.engine.resume(request_id, "operator")

    def records(self) -> int:
        with contextlib.closing(sqlite3.connect(self.company.home / "expunge.db")) as database:
            return int(database.execute("SELECT count(*) FROM records").fetchone()[0])

    def needs_attention(self, system: str, detail: str) -> None:
        """The request stopped, names this cause, and nothing was completed."""
        state = self.state()
        assert state.phase is not Phase.CLOSED
        assert {(one.system, one.detail) for one in state.attention} == {(system, detail)}
        assert all(one.owner and one.todo for one in state.attention)
        assert self.records() == 0

    def is_done(self, before: Snapshot) -> None:
        """The request is closed, no trace is left, the others are untouched."""
        state = self.state()
        assert state.phase is Phase.CLOSED, state.attention
        assert self.records() == 1
        assert self.company.traces_of(WHO) == []
        assert bystanders_differ(before, self.company.contents(), [WHO]) == []


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def _set(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


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
    _set(world.company.home / "expunge.toml", "lock_timeout = 2", "lock_timeout = 0.1")
    before = world.company.snapshot_bystanders([WHO])
    world.submit()
    stop = threading.Event()
    with Embedded.open(world.company.home) as home:
        runner = threading.Thread(target=home.run, kwargs={"until_idle": False, "stop": stop})
        with _held(world.company.stores / "hr.sqlite"):
            runner.start()
            _until(lambda: world.state().systems["hr"].failures > 0)
            state = world.state()
            assert Failed(FailureKind.TRANSIENT, "locked") in (
                *state.systems["hr"].located.values(),
                *state.systems["hr"].outcomes.values(),
            )
            assert state.phase is not Phase.CLOSED
            assert "retry:hr" in state.timers
        _until(lambda: world.state().phase is Phase.CLOSED)
        stop.set()
        runner.join(20)
        assert not runner.is_alive()
    world.is_done(before)


def _until(true: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)


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
        _until((world.company.home / "expunge.db.lock").exists)
        with pytest.raises(DependencyError) as caught:
            _until(lambda: bool(second.run(until_idle=True)))  # type: ignore[func-returns-value]
        assert "another" in caught.value.what
        assert caught.value.fix
        # The one that may not run may still take requests in.
        found = (Identifier("email", made_up(WHO).email), Identifier("ip", made_up(WHO).ip))
        second.intake.submit([RequestForm(Right.ERASURE, found, request_id=REQUEST)])
        _until(lambda: world.records() == 1)
        stop.set()
        runner.join(20)
    world.is_done(before)


# -- files ----------------------------------------------------------------------------------------------------------


def _other_version(lines: list[bytes], extra: bytes) -> list[bytes]:
    return [*lines, b"192.0.2.9 - - [01/Jan/2026:00:00:00 +0000] " + extra + b"\n"]


def test_the_disk_is_full_in_the_middle_of_a_rewrite(world: World) -> None:
    log = world.logs / "access.log.1"
    filler = b'192.0.2.8 - - [01/Feb/2026:00:00:00 +0000] "GET /' + b"x" * 1000 + b'"\n'
    log.write_bytes(log.read_bytes() + filler * 4000)
    before, original = world.company.snapshot_bystanders([WHO]), log.read_bytes()
    world.submit()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, hard))
    clock = ShiftedClock()
    try:
        with Embedded.open(world.company.home, clock=clock) as home:
            home.engine.apply_waiting()
            runner = threading.Thread(target=_run_until, args=(home, lambda: world.state().systems["logs"].failures))
            runner.start()
            runner.join(60)
        state = world.state()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert log.read_bytes() == original
    assert state.phase is not Phase.CLOSED
    assert Failed(FailureKind.TRANSIENT, "disk_full") in state.systems["logs"].outcomes.values()
    assert "retry:logs" in state.timers
    assert world.records() == 0
    assert list(world.logs.rglob(".expunge-*.tmp")) == []
    clock.shift = dt.timedelta(minutes=10)
    world.run(clock)
    world.is_done(before)


def _run_until(home: Embedded, true: Callable[[], object]) -> None:
    stop = threading.Event()
    home.run(until_idle=False, stop=stop, progress=lambda: stop.set() if true() else None)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("a file system of our own cannot be mounted here; the same fault is tried with a file size limit")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_the_disk_is_full_before_a_rewrite(world: World, small_disk: Path) -> None:
    shutil.copytree(world.logs, small_disk, dirs_exist_ok=True)
    shutil.rmtree(world.logs)
    _set(world.company.home / "expunge.toml", 'root = "../stores/logs"', f'root = "{small_disk}"')
    log = small_disk / "access.log.1"
    original = log.read_bytes()
    world.submit()
    ballast = small_disk / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as out:
        while True:
            out.write(b"x" * 256)
    clock = ShiftedClock()
    with Embedded.open(world.company.home, clock=clock) as home:
        _run_until(home, lambda: world.state().systems and world.state().systems["logs"].failures)
    state = world.state()
    assert log.read_bytes() == original
    assert state.phase is not Phase.CLOSED
    assert Failed(FailureKind.TRANSIENT, "disk_full") in (
        *state.systems["logs"].outcomes.values(),
        *state.systems["logs"].located.values(),
    )
    assert world.records() == 0
    ballast.unlink()
    clock.shift = dt.timedelta(minutes=10)
    world.run(clock)
    assert world.state().phase is Phase.CLOSED
    assert made_up(WHO).email.encode() not in log.read_bytes()
    assert len(log.read_bytes().splitlines()) == len(original.splitlines())  # young: masked, not removed


def test_a_gz_is_truncated(world: World) -> None:
    file = world.logs / "access.log.2.gz"
    whole = file.read_bytes()
    before = world.company.snapshot_bystanders([WHO])
    file.write_bytes(whole[: len(whole) // 2])
    world.submit()
    world.run()
    world.needs_attention("logs", "truncated_gz")
    assert file.read_bytes() == whole[: len(whole) // 2]
    file.write_bytes(whole)
    world.resume()
    world.run()
    world.is_done(before)


def test_a_parquet_file_has_another_schema(world: World) -> None:
    before = world.company.snapshot_bystanders([WHO])
    other = world.events / "purchases" / "2026-02.parquet"
    pq.write_table(pa.table({"mail": [made_up(WHO).email], "customer": [1]}), other)
    world.submit()
    world.run()
    world.needs_attention("events", "parquet_schema")
    other.unlink()
    world.resume()
    world.run()
    world.is_done(before)


def test_a_line_of_five_megabytes(world: World) -> None:
    log = world.logs / "access.log.1"
    head = log.read_bytes()
    mine = f"192.0.2.8 - {made_up(WHO).email} [01/Jan/2020:00:00:00 +0000] ".encode()
    long = b"x" * 5_000_000
    log.write_bytes(head + mine + long + b"\n" + b"192.0.2.8 - - [01/Jan/2020:00:00:00 +0000] " + long + b"\n")
    before = world.company.snapshot_bystanders([WHO])
    world.submit()
    world.run()
    world.is_done(before)
    assert log.stat().st_size < len(head) + 5_200_000


def test_a_live_file_waits_for_its_rotation(world: World) -> None:
    live = 'files = "access.log*"\nlive = "access.log"\nrotation_hours = 24'
    _set(world.company.home / "maps" / "logs.toml", 'files = "access.log.*"', live)
    current = world.logs / "access.log"
    who = made_up(WHO)
    other = "192.0.2.9 - - [01/Jan/2020:00:00:00 +0000] x\n"
    current.write_text(f"{who.ip} - {who.email} [01/Jan/2020:00:00:00 +0000] x\n{other}")
    before = world.company.snapshot_bystanders([WHO])
    world.submit()
    world.run()
    state = world.state()
    assert state.phase is not Phase.CLOSED
    assert state.attention == ()
    (waiting,) = [one for one in state.systems["logs"].outcomes.values() if isinstance(one, Pending)]
    assert waiting.count == 1
    assert "pending:logs" in state.timers
    assert world.records() == 0
    assert who.email in current.read_text()
    current.rename(world.logs / "access.log.3")
    current.write_text("192.0.2.9 - - y\n")
    before |= {"logs/access.log.3": [other.encode()], "logs/access.log": [b"192.0.2.9 - - y\n"]}
    clock = ShiftedClock()
    clock.shift = dt.timedelta(hours=25)
    world.run(clock)
    world.is_done(before)
    assert current.read_text() == "192.0.2.9 - - y\n"


def test_a_file_is_replaced_during_the_rewrite(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The version that came in between has a line of another person and one of the subject: neither is lost."""
    log = world.logs / "access.log.1"
    dress = replace._dress
    replaced: list[bytes] = []

    def meanwhile(descriptor: int, like: os.stat_result, original: Path) -> None:
        dress(descriptor, like, original)
        if original.name == log.name and not replaced:
            late = f"late line about {made_up(WHO).email}".encode()
            lines = _other_version(log.read_bytes().splitlines(keepends=True), b"late line of another")
            new = log.with_name("new")
            new.write_bytes(b"".join(_other_version(lines, late)))
            new.rename(log)
            replaced.append(b"once")

    monkeypatch.setattr(replace, "_dress", meanwhile)
    before = world.company.snapshot_bystanders([WHO])
    world.submit()
    world.run()
    assert replaced
    place = "logs/access.log.1"
    before[place] = [*before[place], *_other_version([], b"late line of another")]
    world.is_done(before)


def test_a_file_is_replaced_again_and_again(world: World) -> None:
    """Never a false completion while somebody keeps writing new versions; done once that has ended."""
    log = world.logs / "access.log.1"
    lines = log.read_bytes().splitlines(keepends=True)
    written: list[bytes] = []
    stop = threading.Event()

    def writer() -> None:
        nonlocal lines
        while not stop.is_set():
            lines = _other_version(lines, f"line {len(written)}".encode())
            written.append(lines[-1])
            new = log.with_name("new")
            new.write_bytes(b"".join(lines))
            new.rename(log)
            time.sleep(0.001)

    world.submit()
    before = world.company.snapshot_bystanders([WHO])
    other = threading.Thread(target=writer)
    other.start()
    try:
        with Embedded.open(world.company.home) as home:
            _run_until(home, lambda: world.state().systems and world.state().systems["logs"].failures > 1)
        state = world.state()
        assert state.phase is not Phase.CLOSED
        assert world.records() == 0
    finally:
        stop.set()
        other.join()
    before["logs/access.log.1"] = [*before["logs/access.log.1"], *written]
    clock = ShiftedClock()
    clock.shift = dt.timedelta(minutes=10)
    world.run(clock)
    if world.state().attention:
        world.resume()
        world.run(clock)
    world.is_done(before)


def test_a_symlink_among_the_logs_is_not_followed(world: World) -> None:
    outside = world.company.root / "outside.log"
    outside.write_text(f"{made_up(WHO).ip} - {made_up(WHO).email} outside\n")
    text = outside.read_text()
    link = world.logs / "access.log.9"
    link.symlink_to(outside)
    before = world.company.snapshot_bystanders([])
    world.submit()
    world.run()
    world.needs_attention("logs", "symlink")
    assert outside.read_text() == text
    link.unlink()
    del before["logs/access.log.9"]
    world.resume()
    world.run()
    assert world.state().phase is Phase.CLOSED
    assert outside.read_text() == text


def test_a_path_out_of_the_root_is_refused(world: World) -> None:
    file = world.company.home / "maps" / "logs.toml"
    _set(file, 'files = "access.log.*"', 'files = "../../outside*"')
    with pytest.raises(UsageError) as caught:
        Embedded.open(world.company.home)
    assert "'..'" in caught.value.what
    assert caught.value.where == f"{file}:3"
    assert caught.value.fix


# -- keys -----------------------------------------------------------------------------------------------------------


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
