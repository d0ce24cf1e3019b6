"""Faults of files on the real runtime: nothing is lost, nothing is called done that is not.

Each request here is an erasure of one person of a small company (``tests.support.world``). Where the world is bad, it
must stay open with a reason that names the cause; once the world is mended, it must close and leave no trace.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import resource
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.files import replace
from orchestrator.core.model import Phase
from orchestrator.errors import UsageError
from orchestrator.runtime.clock import ShiftedClock
from orchestrator.runtime.embedded import Embedded
from schemas.outcomes import Failed, FailureKind, Pending
from tests.support.company import made_up
from tests.support.world import WHO, World, replace_in, run_until


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


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
            runner = threading.Thread(target=run_until, args=(home, lambda: world.state().systems["logs"].failures))
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
    replace_in(world.company.home / "expunge.toml", 'root = "../stores/logs"', f'root = "{small_disk}"')
    log = small_disk / "access.log.1"
    original = log.read_bytes()
    world.submit()
    ballast = small_disk / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as out:
        while True:
            out.write(b"x" * 256)
    clock = ShiftedClock()
    with Embedded.open(world.company.home, clock=clock) as home:
        run_until(home, lambda: world.state().systems and world.state().systems["logs"].failures)
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
    replace_in(world.company.home / "maps" / "logs.toml", 'files = "access.log.*"', live)
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
            # It fails again and again, or what was erased is there once more at the second look: a person is called.
            run_until(
                home,
                lambda: (
                    world.state().attention or (world.state().systems and world.state().systems["logs"].failures > 1)
                ),
            )
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
    replace_in(file, 'files = "access.log.*"', 'files = "../../outside*"')
    with pytest.raises(UsageError) as caught:
        Embedded.open(world.company.home)
    assert "'..'" in caught.value.what
    assert caught.value.where == f"{file}:3"
    assert caught.value.fix
