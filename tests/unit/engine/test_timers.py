"""Timers live in the states, one column finds the next; none is skipped, none fires twice, none for ever."""

from __future__ import annotations

import pytest

from connectors.errors import TransientError
from connectors.testing.people import OTHER, SUBJECT
from orchestrator.core import closing, machine
from orchestrator.core.events import Event, TimerFired
from orchestrator.core.model import Phase, RequestState
from orchestrator.core.plan import Plan
from orchestrator.engine import batch
from orchestrator.engine.causing import Caused
from orchestrator.store.store import SqlTransaction
from tests.support.rig import PLAIN, Rig, Templates


def test_a_system_that_is_away_is_asked_again_ever_later_and_then_a_person_is_called(rig: Rig) -> None:
    rig.seed(SUBJECT)
    rig.systems["crm"].fault("raise", "locate", error=TransientError("busy"))
    rig.submit("r1", email=SUBJECT.email)
    waits: list[float] = []
    for _ in range(20):
        rig.pump()
        if rig.reasons("r1"):
            break
        due = rig.engine.next_timer()
        assert due is not None
        before = rig.clock.at
        rig.clock.at = rig.clock.at.fromisoformat(due)
        waits.append((rig.clock.at - before).total_seconds())
    assert rig.reasons("r1") == ["keeps_failing"]
    assert waits == [5, 20, 80, 320, 1280, 5120]
    rig.systems["crm"].faults.clear()
    rig.engine.resume("r1", "operator")
    rig.pump()
    assert rig.state("r1").phase is Phase.CLOSED
    assert rig.engine.audit() == []


def test_i12_a_silent_system_is_visible(rig: Rig) -> None:
    rig.submit("r1", email=SUBJECT.email)
    rig.engine.apply_waiting()
    rig.clock.move(minutes=61)
    assert rig.engine.fire_timers() > 0
    assert set(rig.reasons("r1")) == {"system_silent"}
    assert rig.engine.fire_timers() == 0
    rig.pump()
    assert rig.state("r1").phase is Phase.CLOSED, "it speaks again, and the work goes on"


def test_retention_that_ends_is_erased_and_a_second_record_says_so(rig: Rig) -> None:
    rig.seed(SUBJECT, OTHER)
    rig.submit("r1", email=SUBJECT.email)
    rig.pump()
    kept = [row for row in rig.systems["crm"].rows["invoices"].values() if row.cells["name"] == "masked"]
    assert len(kept) == 2
    rig.clock.move(days=366 * 11)
    rig.pump()
    first, second = rig.records("r1")
    assert (first.result, second.number, second.follows) == ("partly_fulfilled", 2, first.record_id)
    left = rig.systems["crm"].rows["invoices"].values()
    assert [row.cells["name"] for row in left] == [OTHER.name] * 2
    assert rig.state("r1").forgotten
    assert rig.engine.audit() == []


def test_what_comes_due_while_an_episode_runs_does_not_stop_the_timers(rig: Rig) -> None:
    rig.seed(SUBJECT)
    rig.systems["crm"].fault("raise", "erase", error=TransientError("busy"), times=0)
    rig.submit("r1", email=SUBJECT.email)
    rig.pump()
    rig.systems["crm"].fault("raise", "*", error=TransientError("busy"))
    for _ in range(60):  # both dates of the invoices go by while the system is away
        rig.clock.move(days=100)
        rig.engine.fire_timers()
        rig.turn()
    rig.systems["crm"].faults.clear()
    if rig.reasons("r1"):
        rig.engine.resume("r1", "operator")
    for _ in range(20):
        rig.pump()
        rig.clock.move(hours=5)
    assert rig.state("r1").phase is Phase.CLOSED
    assert rig.state("r1").forgotten


def test_a_bug_on_a_timer_stops_one_request_and_does_not_fire_for_ever(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = machine.step

    def step(plan: Plan, state: RequestState | None, event: Event, newer: Plan | None = None) -> machine.Step:
        if event.request_id == "r1" and isinstance(event, TimerFired):
            raise ZeroDivisionError
        return real(plan, state, event, newer)

    for name, person in (("r1", SUBJECT), ("r2", OTHER)):
        rig.submit(name, email=person.email)
    rig.engine.apply_waiting()
    rig.clock.move(minutes=61)
    with monkeypatch.context() as patch:
        patch.setattr(machine, "step", step)
        rig.engine.fire_timers()
        buried = len(rig.dead())
        assert buried > 0
        assert rig.engine.fire_timers() == 0
        assert len(rig.dead()) == buried, "what failed is not fired again and again"
        with rig.store.read() as tx:
            assert isinstance(tx, SqlTransaction)
            query = "SELECT next_timer FROM requests WHERE request_id = 'r1'"
            assert tx.connection.exec_driver_sql(query).scalar() == "2026-03-01T17:01:00.000Z", "but later, once more"
        assert "internal_error" in rig.reasons("r1")
        assert "system_silent" in rig.reasons("r2")
    rig.engine.resume("r1", "operator")
    rig.pump()
    assert rig.state("r1").phase is rig.state("r2").phase is Phase.CLOSED
    assert rig.engine.audit() == []


def test_an_obligation_with_a_bug_comes_up_again_and_is_met_once_it_is_mended(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.seed(SUBJECT)
    rig.submit("r1", email=SUBJECT.email)
    rig.pump()
    rig.clock.move(days=366 * 11)
    with monkeypatch.context() as patch:
        patch.setattr(closing, "reopen", lambda *_: 1 / 0)
        assert rig.engine.fire_timers() == 0
        assert rig.engine.fire_timers() == 0
        assert rig.dead() == [("r1", "ZeroDivisionError")]
    rig.clock.move(hours=4)
    rig.pump()
    assert len(rig.records("r1")) == 2
    assert rig.state("r1").forgotten


def test_a_timer_whose_effects_the_database_refuses_stops_one_request(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = batch.Batch._accept

    def accept(self: batch.Batch, state: RequestState, caused: Caused) -> None:
        if state.request_id == "r1":
            caused.notices = [*caused.notices, *caused.notices]
        original(self, state, caused)

    for name, person in (("r1", SUBJECT), ("r2", OTHER)):
        rig.submit(name, email=person.email)
    rig.engine.apply_waiting()
    rig.clock.move(minutes=61)
    with monkeypatch.context() as patch:
        patch.setattr(batch.Batch, "_accept", accept)
        for _ in range(4):
            rig.engine.fire_timers()
    assert set(rig.dead()) == {("r1", "ConflictError")}
    assert "system_silent" in rig.reasons("r2")


def test_the_next_timer_of_nothing_is_none(tmp_path: object, templates: Templates, rig: Rig) -> None:
    assert rig.engine.next_timer() is None
    assert rig.engine.fire_timers() == 0
    assert not rig.engine.hints.may_be_due("2026-03-01T12:00:00.000Z")
    assert len(PLAIN) == 3
