"""The embedded runtime: threads, the lock, timers, what a kill leaves behind."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connectors.errors import MisconfiguredError, PermanentError, TransientError
from connectors.testing.fake import FakeSystem
from connectors.testing.people import OTHER, SUBJECT
from orchestrator.core.effects import AssemblePackage
from orchestrator.core.model import Phase
from orchestrator.engine import incidents
from orchestrator.engine.incidents import Controller, Report
from orchestrator.errors import DependencyError, UsageError
from orchestrator.files import package
from orchestrator.runtime.clock import ShiftedClock, SystemClock, chance
from orchestrator.runtime.embedded import Embedded, check_systems
from orchestrator.runtime.packing import Made, Packet
from schemas.identifiers import Identifier
from schemas.requests import RequestForm, Right, Scope
from tests.support.rig import Rig, Templates


class House:
    """A rig's files and systems under the embedded runtime."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.clock = ShiftedClock()
        self.home = self.opened()

    def opened(self) -> Embedded:
        openers = {name: system.open for name, system in self.rig.systems.items()}
        return Embedded(self.rig.settings, openers, clock=self.clock)

    def submit(self, request_id: str, right: Right = Right.ERASURE, email: str = SUBJECT.email) -> None:
        self.home.intake.submit([RequestForm(right, (Identifier("email", email),), request_id=request_id)])

    def run(self) -> None:
        self.home.run(until_idle=True)

    @property
    def exports(self) -> list[str]:
        folder = self.rig.settings.exports
        return sorted(one.name for one in folder.iterdir()) if folder.exists() else []


@pytest.fixture
def house(rig: Rig) -> Iterator[House]:
    rig.seed(SUBJECT, OTHER)
    made = House(rig)
    yield made
    made.home.close()


def test_an_erasure_and_an_access_run_to_their_end(house: House) -> None:
    house.submit("r1")
    house.submit("r2", Right.ACCESS, OTHER.email)
    calls: list[int] = []
    house.home.run(until_idle=True, progress=lambda: calls.append(1))
    assert house.rig.state("r1").phase is house.rig.state("r2").phase is Phase.CLOSED
    assert calls
    assert [name for name in house.exports if name.endswith(".export")] == [], "parts go once they are packaged"
    assert len(house.exports) == 1
    assert house.rig.engine.audit() == []


def test_running_twice_at_once_is_refused_and_the_second_leaves_the_first_alone(house: House) -> None:
    house.submit("r1")
    house.rig.systems["crm"].fault("slow", "locate", seconds=0.4, times=1)
    other = house.opened()
    thread = threading.Thread(target=house.run)
    thread.start()
    try:
        _until(lambda: ("locate", 1) in house.rig.systems["crm"].calls)
        with pytest.raises(DependencyError, match="another `expunge run`") as caught:
            other.run(until_idle=True)
        assert caught.value.exit_code == 3
    finally:
        thread.join()
        other.close()
    assert house.rig.state("r1").phase is Phase.CLOSED
    house.run()  # and once it has ended, the next may


def test_a_lock_file_that_cannot_be_written_is_a_clear_error(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(house.home._lock, "acquire", refuse)
    with pytest.raises(DependencyError, match="lock file"):
        house.run()


def test_stop_ends_after_what_is_running(house: House) -> None:
    stop = threading.Event()
    house.submit("r1")
    house.rig.systems["crm"].fault("slow", "locate", seconds=0.3, times=1)
    thread = threading.Thread(target=lambda: house.home.run(until_idle=False, stop=stop))
    thread.start()
    _until(lambda: ("locate", 1) in house.rig.systems["crm"].calls)
    stop.set()
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert house.rig.state("r1").systems["crm"].located, "what was running was taken in"


def test_an_idle_runtime_does_not_spin(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    real = house.home.engine.apply_waiting

    def counted(limit: int) -> int:
        asked.append(limit)
        return real(limit)

    monkeypatch.setattr(house.home.engine, "apply_waiting", counted)
    stop = threading.Event()
    thread = threading.Thread(target=lambda: house.home.run(until_idle=False, stop=stop))
    thread.start()
    time.sleep(1.2)
    stop.set()
    thread.join()
    assert 1 <= len(asked) <= 6


def test_a_request_that_comes_in_while_it_runs_is_taken_in(house: House) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=lambda: house.home.run(until_idle=False, stop=stop))
    thread.start()
    house.rig.submit("r1", email=SUBJECT.email)  # by another program
    _until(lambda: _closed(house, "r1"))
    stop.set()
    thread.join()


def test_an_incident_that_another_program_reports_while_it_runs_is_told_and_nothing_spins(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[int] = []
    real = house.home.engine.apply_waiting

    def counted(limit: int) -> int:
        turns.append(limit)
        return real(limit)

    monkeypatch.setattr(house.home.engine, "apply_waiting", counted)
    stop = threading.Event()
    thread = threading.Thread(target=lambda: house.home.run(until_idle=False, stop=stop))
    thread.start()
    _until(lambda: len(turns) > 1)
    told = Report("breach", "lost_device")
    incidents.report(house.rig.store, house.clock, house.rig.chance, told, [Controller("acme", "FR")], ())
    _until(lambda: house.rig.rows("notices") != [])
    turns.clear()
    time.sleep(1.2)
    stop.set()
    thread.join()
    assert len(turns) <= 6


def test_a_slow_system_delays_nobody_else(house: House) -> None:
    # r1 is held up in crm; r2 needs hr only, arrives later, and is done before crm answers.
    house.rig.systems["crm"].fault("slow", "locate", seconds=3.0, times=1)
    house.submit("r1")
    thread = threading.Thread(target=house.run)
    thread.start()
    _until(lambda: ("locate", 1) in house.rig.systems["crm"].calls)
    form = RequestForm(Right.ERASURE, (Identifier("email", OTHER.email),), request_id="r2", scope=Scope(("hr",)))
    house.home.intake.submit([form])
    _until(lambda: _closed(house, "r2"))
    assert not house.rig.state("r1").systems["crm"].located, "crm is still at it"
    thread.join()
    assert house.rig.state("r1").phase is Phase.CLOSED


def test_an_exception_in_a_worker_stops_only_its_tasks(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    real = house.home._carry_out

    def carry_out(name: str, tasks: object) -> list[bytes]:
        if name == "crm":
            raise MemoryError
        return real(name, tasks)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(house.home, "_carry_out", carry_out)
    house.submit("r1")
    house.run()
    assert house.rig.reasons("r1") == ["unusable_answer"]
    assert house.rig.state("r1").systems["hr"].located
    monkeypatch.undo()
    house.home.engine.resume("r1", "operator")
    house.run()
    assert house.rig.state("r1").phase is Phase.CLOSED


def test_a_retry_within_the_patience_is_waited_for_and_a_later_one_is_not(house: House) -> None:
    house.rig.systems["crm"].fault("raise", "locate", error=TransientError("busy"), times=2)
    house.submit("r1")
    began = time.monotonic()
    threading.Timer(0.3, lambda: setattr(house.clock, "shift", dt.timedelta(seconds=6))).start()
    threading.Timer(0.9, lambda: setattr(house.clock, "shift", dt.timedelta(seconds=40))).start()
    house.run()
    assert time.monotonic() - began < 20
    assert house.rig.state("r1").phase is Phase.CLOSED

    house.rig.systems["crm"].fault("raise", "locate", error=TransientError("busy"))
    house.submit("r2", email=OTHER.email)
    house.clock.shift += dt.timedelta(days=1)
    thread = threading.Thread(target=house.run)
    thread.start()
    deadline = time.monotonic() + 20
    while thread.is_alive() and time.monotonic() < deadline:
        house.clock.shift += dt.timedelta(seconds=10)
        time.sleep(0.05)
    thread.join(timeout=1)
    assert not thread.is_alive(), "it does not wait for what is due much later"
    assert house.rig.state("r2").phase is Phase.DISCOVERING


# -- packages -----------------------------------------------------------------------------------------------
def test_a_lost_part_stops_its_request_and_not_the_others(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    real = house.home._assemble
    lost: list[str] = []

    def assemble(packet: Packet, job: AssemblePackage) -> Made:
        if not lost:
            for file in house.rig.settings.exports.glob("*.export"):
                if file.name in {one[0] for one in job.parts.values()}:
                    file.unlink()
                    lost.append(file.name)
        return real(packet, job)

    monkeypatch.setattr(house.home, "_assemble", assemble)
    house.submit("r1", Right.ACCESS)
    house.submit("r2", Right.ACCESS, OTHER.email)
    house.run()
    states = {one: house.rig.state(one) for one in ("r1", "r2")}
    stuck = next(one for one, state in states.items() if state.phase is not Phase.CLOSED)
    assert [one.reason for one in states[stuck].attention] == ["package_parts_lost"]
    assert sum(state.phase is Phase.CLOSED for state in states.values()) == 1
    house.home.engine.resume(stuck, "operator")
    house.run()
    assert house.rig.state(stuck).phase is Phase.CLOSED, "the retry exports anew"
    assert len([name for name in house.exports if name.endswith(package.SUFFIX)]) == 2


def test_what_a_killed_process_left_is_swept_and_what_is_needed_stays(house: House) -> None:
    house.submit("r1", Right.ACCESS)
    house.run()
    (mine,) = house.exports
    folder = house.rig.settings.exports
    (folder / ".assembling-x").mkdir()
    (folder / ".assembling-x" / "half").write_bytes(b"x")
    for name in ("f" * 32 + ".package", "e" * 32 + ".export", "d" * 32 + ".export.unfinished"):
        (folder / name).write_bytes(b"x")
    (folder / "notes.txt").write_bytes(b"not ours")
    house.run()
    assert house.exports == sorted([mine, "notes.txt"])


def test_parts_of_an_open_access_are_not_swept(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house.home, "_packages", lambda *_: 0)
    house.submit("r1", Right.ACCESS)
    house.run()
    parts = [name for name in house.exports if name.endswith(".export")]
    assert parts
    monkeypatch.undo()
    house.home.close()
    house.home = house.opened()
    house.run()
    assert house.rig.state("r1").phase is Phase.CLOSED
    assert [name for name in house.exports if name.endswith(".export")] == []


def test_i09_an_expired_package_is_deleted_with_its_key(house: House) -> None:
    house.submit("r1", Right.ACCESS)
    house.run()
    assert len(house.exports) == 1
    house.clock.shift = dt.timedelta(days=31)
    house.run()
    assert house.exports == []
    with pytest.raises(UsageError, match="expired"):
        house.home.engine.package_key("r1")


def test_a_full_disk_while_packaging_is_told_and_loses_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> tuple[str, str]:
        raise DependencyError("the access package cannot be written")

    monkeypatch.setattr(package, "write", full)
    house.submit("r1", Right.ACCESS)
    with pytest.raises(DependencyError, match="cannot be written"):
        house.run()
    monkeypatch.undo()
    house.run()
    assert house.rig.state("r1").phase is Phase.CLOSED


# -- opening ------------------------------------------------------------------------------------------------
def test_opening_without_a_database_or_with_another_version(rig: Rig) -> None:
    openers = {name: system.open for name, system in rig.systems.items()}
    with rig.store.write() as tx:
        tx.connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(UsageError, match="newer version"):
        Embedded(rig.settings, openers, clock=SystemClock())
    rig.close()
    rig.settings.store.unlink()
    with pytest.raises(UsageError, match="no database yet"):
        Embedded(rig.settings, openers, clock=SystemClock())


def test_opening_with_a_system_that_is_away_or_wrongly_mapped(rig: Rig) -> None:
    away = FakeSystem()
    away.fault("raise", "record_sets", error=TransientError("busy"))
    with pytest.raises(DependencyError, match="cannot be reached"):
        Embedded(rig.settings, {"crm": away.open, "hr": away.open}, clock=SystemClock())
    wrong = FakeSystem()
    wrong.fault("raise", "record_sets", error=MisconfiguredError("x", "no such table", file="m.toml", line=3))
    with pytest.raises(UsageError) as caught:
        Embedded(rig.settings, {"crm": wrong.open, "hr": wrong.open}, clock=SystemClock())
    assert caught.value.where == "m.toml:3"
    assert wrong.opened == wrong.closed


def test_check_names_what_does_not_fit(rig: Rig) -> None:
    fine = FakeSystem()
    assert check_systems({"crm": fine.open}) == []
    for error, kind in (
        (MisconfiguredError("x", "no such table", file="m.toml", line=3), UsageError),
        (PermanentError("gone"), DependencyError),
    ):
        broken = FakeSystem()
        broken.fault("raise", "check", error=error)
        with pytest.raises(kind):
            check_systems({"crm": broken.open})
        assert broken.opened == broken.closed


def test_the_whole_from_a_home_folder_names_what_is_missing(tmp_path: Path, templates: Templates) -> None:
    templates.copy(tmp_path / "h")
    (tmp_path / "h" / "expunge.toml").write_text('version = 1\n[systems.crm]\nconnector = "sqll"\nmap = "m.toml"\n')
    with pytest.raises(UsageError, match="no connector 'sqll'") as caught:
        Embedded.open(tmp_path / "h")
    assert caught.value.fix == "did you mean 'sql'?"


def test_the_clock_is_in_utc_and_chance_is_fresh() -> None:
    assert SystemClock().now().utcoffset() == dt.timedelta(0)
    shifted = ShiftedClock()
    shifted.shift = dt.timedelta(days=1)
    assert shifted.now() - SystemClock().now() > dt.timedelta(hours=23)
    assert len(chance(32)) == 32
    assert chance(32) != chance(32)


def _until(done: Callable[[], bool], seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def _closed(house: House, request_id: str) -> bool:
    with house.rig.store.read() as tx:
        if not tx.states([request_id]):
            return False
    return house.rig.state(request_id).phase is Phase.CLOSED
