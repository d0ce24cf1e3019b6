"""Confirmations: a fact counts once, only from the system it is about, and a bad one stops nobody but itself."""

from __future__ import annotations

import msgspec
import pytest

from connectors.testing.people import OTHER, SUBJECT
from orchestrator.core import machine
from orchestrator.core.effects import IssueTask
from orchestrator.core.events import Confirmed, Event
from orchestrator.core.model import Phase, RequestState
from orchestrator.core.plan import Plan
from orchestrator.engine import batch, wire
from orchestrator.engine.answers import contradicts
from orchestrator.engine.causing import Caused
from schemas.codec import decode_event, encode
from schemas.outcomes import (
    Anonymised,
    Deleted,
    Failed,
    FailureKind,
    Kept,
    KeptWhy,
    Lifted,
    Located,
    NothingHeld,
    Outcome,
    Pending,
    Rectified,
    Restricted,
    Stopped,
    Survived,
    Unverifiable,
)
from schemas.requests import utc
from schemas.tasks import Action, Confirmation, Task
from schemas.wrapping import confirmation_event
from tests.support.rig import START, Rig


@pytest.fixture
def begun(rig: Rig) -> Rig:
    """Two requests whose searches are out."""
    rig.seed(SUBJECT, OTHER)
    rig.submit("r1", email=SUBJECT.email)
    rig.submit("r2", email=OTHER.email)
    rig.engine.apply_waiting()
    return rig


def _task(rig: Rig, request_id: str, system: str = "crm") -> Task:
    return next(one for one in rig.engine.next_tasks(system) if one.request_id == request_id)


def _forged(rig: Rig, task: Task, *, system: str, key: str | None = None) -> bytes:
    """An answer "nothing held" to a task, from a system, made with a key."""
    answer = Confirmation(
        task.task_id, task.request_id, system, task.action, "x/1", utc(rig.clock.now()), {"*": NothingHeld()}
    )
    return confirmation_event(answer, rig.keys.system(key or system))


def _again(rig: Rig, system: str, task: Task) -> bytes:
    rig.clock.move(seconds=1)
    return rig.execute(system, [task])[0]


def test_i03_the_same_confirmation_twice_in_one_batch_counts_once(begun: Rig) -> None:
    answer = begun.execute("crm", [_task(begun, "r1")])[0]
    assert begun.engine.confirm([answer, answer]) == 1
    assert begun.reasons("r1") == []
    assert begun.dead() == []


def test_i03_the_same_confirmation_in_two_batches_counts_once(begun: Rig) -> None:
    answer = begun.execute("crm", [_task(begun, "r1")])
    assert begun.engine.confirm(answer) == 1
    before = begun.state("r1")
    assert begun.engine.confirm(answer) == 0
    assert begun.state("r1") == before
    assert begun.dead() == []


@pytest.mark.parametrize("apart", [True, False])
def test_i03_a_task_that_two_workers_carried_out_counts_once_and_calls_nobody(begun: Rig, apart: bool) -> None:
    task = _task(begun, "r1")
    first, second = begun.execute("crm", [task])[0], _again(begun, "crm", task)
    assert first != second
    counted = [begun.engine.confirm(events) for events in ([[first], [second]] if apart else [[first, second]])]
    assert sum(counted) == 1
    state = begun.state("r1")
    assert (begun.reasons("r1"), begun.dead()) == ([], [])
    assert begun.engine.receive([second, first, second]) == 0
    assert begun.state("r1") == state
    begun.pump()
    assert begun.state("r1").phase is Phase.CLOSED


def test_i03_a_task_carried_out_again_after_it_was_answered_changes_nothing_even_after_the_close(begun: Rig) -> None:
    tasks: dict[str, Task] = {}
    for _ in range(20):
        for name in begun.systems:
            given = begun.engine.next_tasks(name)
            tasks |= {one.task_id: one for one in given}
            begun.engine.confirm(begun.execute(name, given), given)
        begun.engine.fire_timers()
    before = {one: begun.state(one) for one in ("r1", "r2")}
    assert {one.phase for one in before.values()} == {Phase.CLOSED}
    assert {one.action for one in tasks.values()} == {Action.LOCATE, Action.ERASE}
    begun.clock.move(seconds=1)
    for one in tasks.values():
        assert begun.engine.confirm(begun.execute(one.system, [one])) == 0
    assert {one: begun.state(one) for one in ("r1", "r2")} == before
    assert begun.dead() == []


def test_i03_an_answer_that_said_nothing_new_is_not_heard_after_the_close_either(begun: Rig) -> None:
    # The core remembers only what counted, and forgets whom it knew (I9): by itself it would take such an answer, when
    # it comes once more, for one that leads further. The inbox knows it.
    tasks = begun.engine.next_tasks("crm")
    late = begun.execute("crm", tasks)
    with begun.engine._batch() as batch:
        batch.load(["r1", "r2"])
        for one in tasks:
            batch.incident(one.request_id, "contradictory_answer", one.task_id, "crm")
    for name in ("r1", "r2"):
        begun.engine.resume(name, "operator")
    begun.engine.apply_waiting()
    again = begun.engine.next_tasks("crm")
    assert {one.task_id for one in again}.isdisjoint(one.task_id for one in tasks)
    assert begun.engine.confirm(begun.execute("crm", again), again) == 2
    assert begun.engine.confirm(late) == 0
    assert {row.verdict for row in begun.history("r1") if row.event_id in {one.task_id for one in tasks}} == {
        "ignored: the task is not awaited"
    }
    begun.pump()
    before = {one: begun.state(one) for one in ("r1", "r2")}
    assert {one.phase for one in before.values()} == {Phase.CLOSED}
    assert begun.engine.confirm(late) == 0
    assert begun.engine.receive(late) == 0
    assert {one: begun.state(one) for one in ("r1", "r2")} == before


_GONE = [NothingHeld(), Deleted(1, "delete", utc(START)), Anonymised(1, "mask", utc(START))]
_THERE = [Located(1), Survived(1), Kept(1, KeptWhy.HOLD, "t"), Pending("2026-03-02T00:00:00.000Z", "live_file", 1)]
_SAYS_NOTHING = [Failed(FailureKind.TRANSIENT, "lease_expired"), Unverifiable("x"), Pending(utc(START), "r")]


_CHANGED = [Rectified(1, utc(START)), Restricted(1, utc(START)), Lifted(1, utc(START)), Stopped(("ads",), 1)]


@pytest.mark.parametrize("done", _CHANGED)
@pytest.mark.parametrize("other", [*_CHANGED, *_GONE, *_THERE, *_SAYS_NOTHING])
def test_only_a_change_that_does_not_hold_takes_back_that_it_was_made(done: Outcome, other: Outcome) -> None:
    def told(first: Outcome, second: Outcome) -> bool:
        accepted = Confirmed(
            request_id="r", observed_at="", task_id="t", system="crm", action=Action.STOP, connector="c", acted_at="",
            sha256="", outcomes={"a": first},
        )  # fmt: skip
        return contradicts(accepted, Confirmation("t", "r", "crm", Action.STOP, "c", utc(START), {"a": second}))

    assert told(done, other) == isinstance(other, Survived)
    # Records that were changed are there: whoever said that there are none was wrong.
    assert told(other, done) == isinstance(other, NothingHeld | Deleted | Anonymised)


@pytest.mark.parametrize("first", [*_GONE, *_THERE, *_SAYS_NOTHING])
@pytest.mark.parametrize("second", [*_GONE, *_THERE, *_SAYS_NOTHING])
def test_only_what_was_gone_and_is_there_again_contradicts(first: Outcome, second: Outcome) -> None:
    accepted = Confirmed(
        request_id="r", observed_at="", task_id="t", system="crm", action=Action.ERASE, connector="c", acted_at="",
        sha256="", outcomes={"a": first},
    )  # fmt: skip
    again = Confirmation("t", "r", "crm", Action.ERASE, "c", utc(START), {"a": second})
    assert contradicts(accepted, again) == (first in _GONE and second in _THERE)
    assert contradicts(accepted, msgspec.structs.replace(again, action=Action.LOCATE))
    assert not contradicts(accepted, msgspec.structs.replace(again, outcomes={"b": second}))


@pytest.mark.parametrize("apart", [True, False])
def test_an_answer_that_takes_back_an_earlier_one_is_an_incident_once(begun: Rig, apart: bool) -> None:
    task = _task(begun, "r1")
    first, second = begun.take_back("crm", task)
    for events in [[first], [second]] if apart else [[first, second]]:
        begun.engine.confirm(events)
    assert begun.reasons("r1") == ["contradictory_answer"]
    assert begun.dead() == [("r1", "IncidentError")]
    begun.engine.confirm([second])
    begun.engine.confirm([second, second])
    assert begun.reasons("r1") == ["contradictory_answer"]
    assert begun.dead() == [("r1", "IncidentError")], "delivered again, it is the same incident"
    assert begun.reasons("r2") == []


def test_after_an_incident_a_retry_brings_the_request_to_its_end(begun: Rig) -> None:
    task = _task(begun, "r1")
    begun.engine.confirm(begun.take_back("crm", task))
    begun.pump()
    assert begun.state("r1").phase is not Phase.CLOSED
    begun.engine.resume("r1", "operator")
    begun.pump()
    assert begun.state("r1").phase is Phase.CLOSED


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda event: msgspec.structs.replace(event, expungemac="AAAA"), "SealError"),
        (lambda event: msgspec.structs.replace(event, expungemac=""), "SealError"),
        (lambda event: msgspec.structs.replace(event, source="/systems/hr"), "SealError"),
        (lambda event: msgspec.structs.replace(event, id="another"), "SealError"),
        (lambda event: msgspec.structs.replace(event, data=msgspec.Raw(b'{"task_id": 1}')), "MalformedMessageError"),
    ],
)
def test_what_the_system_did_not_send_changes_nothing(begun: Rig, spoil: object, error: str) -> None:
    event = decode_event(begun.execute("crm", [_task(begun, "r1")])[0])
    before = begun.state("r1")
    assert callable(spoil)
    assert begun.engine.confirm([encode(spoil(event))]) == 0
    assert begun.state("r1") == before
    assert begun.dead() == [("unknown", error)]
    assert _task(begun, "r1").request_id == "r1", "the task is still to be done"


def test_bytes_that_are_no_event_do_not_stop_the_neighbours(begun: Rig) -> None:
    good = begun.execute("crm", [_task(begun, "r1")])[0]
    assert begun.engine.confirm([b"", b"\xff\xfe", b"{}", b"[" * 100_000, good]) == 1
    assert len(begun.dead()) == 4


def test_no_system_can_confirm_for_another(begun: Rig) -> None:
    task = _task(begun, "r1")
    with_hrs_key = _forged(begun, task, system="crm", key="hr")
    as_itself = _forged(begun, task, system="hr")
    as_the_other = encode(msgspec.structs.replace(decode_event(as_itself), source="/systems/crm"))
    before = begun.state("r1")
    begun.engine.confirm([with_hrs_key, as_itself, as_the_other])
    assert begun.state("r1").systems == before.systems
    assert _task(begun, "r1").task_id == task.task_id, "nobody else can take a task out of the outbox"
    assert begun.engine.confirm(begun.execute("crm", [task])) == 1, "nor use up its event id"


def test_a_confirmation_for_another_or_an_unknown_request_is_buried(begun: Rig) -> None:
    task = _task(begun, "r1")
    stray = msgspec.structs.replace(task, request_id="r2")
    unknown = msgspec.structs.replace(task, request_id="nobody")
    begun.engine.confirm([_forged(begun, stray, system="crm"), _forged(begun, unknown, system="crm")])
    assert [one[0] for one in begun.dead()] == ["r2", "nobody"]
    assert {one.request_id for one in begun.engine.next_tasks("crm")} == {"r1", "r2"}


def test_an_unknown_system_is_buried(begun: Rig) -> None:
    task = _task(begun, "r1")
    assert begun.engine.confirm([_forged(begun, task, system="ghost", key="hr")]) == 0
    assert begun.dead() == [("unknown", "UsageError")]


# -- a task whose answer cannot be used ---------------------------------------------------------------------
def test_i06_an_unreadable_answer_keeps_its_task_calls_somebody_and_does_not_spin(begun: Rig) -> None:
    tasks = begun.engine.next_tasks("crm")
    assert begun.engine.confirm([b"rubbish"], tasks) == 0
    assert begun.reasons("r1") == begun.reasons("r2") == ["unusable_answer"]
    assert begun.engine.next_tasks("crm") == [], "held back"
    assert len([row for row in begun.rows("outbox") if row[2] == "crm"]) == 2, "but not lost"
    begun.clock.move(seconds=5)
    begun.engine.recall()
    assert begun.engine.hints.may_have_tasks("crm")
    again = begun.engine.next_tasks("crm")
    assert [one.task_id for one in again] == [one.task_id for one in tasks]
    begun.engine.confirm([], again)
    begun.clock.move(seconds=5)
    assert begun.engine.next_tasks("crm") == [], "the second pause is longer"
    begun.clock.move(seconds=15)
    assert begun.engine.confirm(begun.execute("crm", begun.engine.next_tasks("crm"))) == 2, "now it can be read"
    begun.pump()
    assert begun.reasons("r1") == ["unusable_answer"], "a person looks at what went wrong before it goes on"
    begun.engine.resume("r1", "operator")
    begun.pump()
    assert begun.state("r1").phase is Phase.CLOSED


def test_a_new_process_tries_what_was_held_back(begun: Rig) -> None:
    begun.engine.confirm([], begun.engine.next_tasks("crm"))
    assert begun.engine.next_tasks("crm") == []
    begun.close()
    begun.reopen()
    assert len(begun.engine.next_tasks("crm")) == 2


def test_a_retry_lets_a_held_task_go(begun: Rig) -> None:
    begun.engine.confirm([], [_task(begun, "r1")])
    begun.engine.resume("r1", "operator")
    begun.engine.apply_waiting()
    assert begun.engine.hints.may_have_tasks("crm")
    assert {one.request_id for one in begun.engine.next_tasks("crm")} == {"r1", "r2"}


# -- bugs of our own ----------------------------------------------------------------------------------------
def _broken_step(monkeypatch: pytest.MonkeyPatch, request_id: str, kind: type[Event] = Confirmed) -> None:
    real = machine.step

    def step(plan: Plan, state: RequestState | None, event: Event, newer: Plan | None = None) -> machine.Step:
        if event.request_id == request_id and isinstance(event, kind):
            raise ZeroDivisionError
        return real(plan, state, event, newer)

    monkeypatch.setattr(machine, "step", step)


def test_a_bug_in_step_stops_one_request_and_not_its_neighbours(begun: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        _broken_step(patch, "r1")
        for _ in range(3):  # and it may happen again and again
            tasks = begun.engine.next_tasks("crm")
            begun.engine.confirm(begun.execute("crm", tasks), tasks)
            begun.clock.move(minutes=10)
        begun.pump()
        assert begun.state("r2").phase is Phase.CLOSED
        assert set(begun.reasons("r1")) >= {"internal_error"}
        assert ("r1", "ZeroDivisionError") in begun.dead()
    begun.engine.resume("r1", "operator")  # the bug was mended
    begun.pump()
    assert begun.state("r1").phase is Phase.CLOSED
    assert begun.engine.audit() == []


def test_a_bug_in_realising_an_effect_stops_one_request(begun: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    real = wire.task_event

    def task_event(request_id: str, issue: IssueTask, *rest: object) -> bytes:
        if request_id == "r1":
            raise KeyError
        return real(request_id, issue, *rest)  # type: ignore[arg-type]  # passed on as they came

    with monkeypatch.context() as patch:
        patch.setattr(wire, "task_event", task_event)
        begun.pump()
        assert begun.state("r2").phase is Phase.CLOSED
        assert "internal_error" in begun.reasons("r1")
        assert begun.state("r1").phase is not Phase.CLOSED
    begun.engine.resume("r1", "operator")
    begun.pump()
    assert begun.state("r1").phase is Phase.CLOSED


def test_a_bug_in_telling_of_a_bug_is_in_the_dead_letters(begun: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def step(*_: object) -> machine.Step:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(machine, "step", step)
        assert begun.engine.confirm(begun.execute("crm", [_task(begun, "r1")])) == 0
    assert begun.dead() == [("r1", "ZeroDivisionError"), ("r1", "Incident: ZeroDivisionError")]


def test_a_row_the_database_refuses_stops_one_request(begun: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    # Two tasks under one id: a mistake that shows only when everything is written.
    original = batch.Batch._accept

    def accept(self: batch.Batch, state: RequestState, caused: Caused) -> None:
        if state.request_id == "r1":
            caused.outbox = [msgspec.structs.replace(one, task_id=taken.task_id) for one in caused.outbox]
        original(self, state, caused)

    taken = _task(begun, "r2", "hr")
    with monkeypatch.context() as patch:
        patch.setattr(batch.Batch, "_accept", accept)
        crm = begun.engine.next_tasks("crm")
        begun.engine.confirm(begun.execute("hr", [_task(begun, "r1", "hr")]))
        assert begun.engine.confirm(begun.execute("crm", crm), crm) >= 1
    assert begun.dead() == [("unknown", "ConflictError")]
    assert begun.reasons("r1") == ["unusable_answer"]
    assert begun.reasons("r2") == []
    begun.pump()
    assert begun.state("r2").phase is Phase.CLOSED


# -- late and odd ones --------------------------------------------------------------------------------------
def test_a_late_answer_does_not_replace_the_newer_handle(begun: Rig) -> None:
    early = _task(begun, "r1")
    late = begun.execute("crm", [early])[0]
    begun.engine.confirm([], [early])
    begun.engine.resume("r1", "operator")
    begun.engine.apply_waiting()
    begun.engine.confirm(begun.execute("crm", [_task(begun, "r1")]))
    with begun.store.read() as tx:
        before = begun.engine._box.open("r1", tx.capsules(["r1"])["r1"])
    assert before.handles["crm"]
    begun.engine.confirm([late])
    begun.engine.confirm(begun.execute("hr", begun.engine.next_tasks("hr")))
    with begun.store.read() as tx:
        after = begun.engine._box.open("r1", tx.capsules(["r1"])["r1"])
    assert after.handles["crm"] == before.handles["crm"]


def test_an_answer_to_another_action_is_refused_and_the_task_stays(begun: Rig) -> None:
    task = _task(begun, "r1")
    wrong = _forged(begun, msgspec.structs.replace(task, action=Action.ERASE), system="crm")
    begun.engine.confirm([wrong], [task])
    assert begun.dead()[0][0] == "r1"
    assert begun.state("r1").systems["crm"].task == task.task_id
    assert begun.reasons("r1") == ["unusable_answer"]
    begun.clock.move(minutes=1)
    assert begun.engine.confirm(begun.execute("crm", [_task(begun, "r1")])) == 1


def test_the_lease_of_an_erasure_runs_from_its_release(rig: Rig) -> None:
    rig.seed(SUBJECT)
    rig.submit("r1", email=SUBJECT.email)
    for _ in range(3):
        rig.engine.apply_waiting()
        tasks = [(name, one) for name in rig.systems for one in rig.engine.next_tasks(name)]
        if any(one.action is Action.ERASE for _, one in tasks):
            break
        for name, one in tasks:
            assert one.not_after is None
            rig.engine.confirm(rig.execute(name, [one]))
    rig.clock.move(hours=5)
    erase = rig.engine.next_tasks("crm")[0]
    assert erase.not_after == "2026-03-01T18:00:00.000Z"


def test_confirmations_keep_no_identifier_in_the_journal(begun: Rig) -> None:
    begun.pump()
    raw = b"".join(row.body or b"" for row in begun.history("r1"))
    assert raw
    for value in (SUBJECT.email, SUBJECT.phone, SUBJECT.customer_id):
        assert value.encode() not in raw
