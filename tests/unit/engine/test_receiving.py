"""Events from topics: each fact counts once, whoever sends it, and the positions with what they caused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.testing.people import SUBJECT
from orchestrator.core.model import Phase
from orchestrator.engine import Engine
from orchestrator.engine.people import People
from orchestrator.errors import DependencyError
from orchestrator.ports import Position
from orchestrator.store.store import SqlTransaction
from schemas.codec import decode, decode_event, encode
from schemas.requests import RequestReceived, Right, utc
from schemas.sealing import IntakePrivateKey
from schemas.tasks import Task
from tests.support.events import TRACE, changed, request_event
from tests.support.rig import Rig, Templates

GROUP = "expunge.orchestrator"
AT = Position("expunge.requests", 0, 7, "topic-1")


@pytest.fixture
def rig(tmp_path: Path, templates: Templates) -> Rig:
    return Rig(tmp_path, templates)


def published(rig: Rig, request_id: str, right: Right = Right.ERASURE, **more: Any) -> bytes:
    return request_event(
        rig.keys.intake.public(), rig.clock, rig.chance, request_id, right, email=SUBJECT.email, **more
    )


def pump(rig: Rig) -> None:
    """Work as the distributed runtime does: tasks released, answers received."""
    for _ in range(60):
        worked = rig.engine.fire_timers() + rig.engine.replay_parked()
        for name in rig.systems:
            tasks = rig.engine.next_tasks(name)
            worked += len(tasks)
            rig.engine.receive(rig.execute(name, tasks))
        if not worked + rig.packages():
            return
    raise AssertionError("the pipeline does not come to rest")


def positions(rig: Rig) -> list[Position]:
    with rig.store.read() as tx:
        return tx.positions(GROUP)


def parked(rig: Rig) -> dict[str, int]:
    with rig.store.read() as tx:
        return tx.parked()


# -- requests ---------------------------------------------------------------------------------------------
def test_a_request_from_a_topic_goes_all_the_way_and_its_trace_with_it(rig: Rig) -> None:
    rig.seed(SUBJECT)
    assert rig.engine.receive([published(rig, "r1")], [AT], group=GROUP) == 1
    assert positions(rig) == [AT]
    with rig.store.read() as tx:
        assert {decode_event(row.body).traceparent for row in tx.outbox_next("crm", 9)} == {TRACE}
    pump(rig)
    assert rig.state("r1").phase is Phase.CLOSED
    assert rig.records("r1")[0].result == "partly_fulfilled"
    assert rig.dead() == []
    assert rig.engine.audit() == []


def test_i03_the_same_event_counts_once_in_one_batch_and_in_another(rig: Rig) -> None:
    event = published(rig, "r1")
    assert rig.engine.receive([event, event]) == 1
    assert rig.engine.receive([event]) == 0
    assert [row.event_id for row in rig.history("r1")] == ["r1"]
    assert rig.dead() == []


def test_another_content_under_the_same_id_is_an_incident_once_and_the_first_one_stands(rig: Rig) -> None:
    first, second = published(rig, "r1"), published(rig, "r1")
    rig.engine.receive([first, second])
    rig.engine.receive([second])
    assert rig.dead() == [("r1", "IncidentError")]
    assert rig.reasons("r1") == ["contradictory_request"]


def test_a_request_id_that_is_taken_is_buried_and_not_swallowed(rig: Rig) -> None:
    rig.engine.receive([published(rig, "r1"), published(rig, "r1", event_id="e2"), published(rig, "r1", source="/b")])
    assert rig.dead() == [("r1", "RequestIdTaken")] * 2
    assert rig.engine.receive([published(rig, "r2")]) == 1


def test_the_id_of_a_request_whose_evidence_was_deleted_stays_taken(rig: Rig) -> None:
    event = published(rig, "r1")
    rig.engine.receive([event])
    pump(rig)
    with rig.store.write() as tx:
        tx.retire(["r1"], "2029-03-02T12:00:00.000Z")
    assert rig.engine.receive([event]) == 0, "the same event, from a topic that was read anew"
    assert rig.dead() == []
    assert rig.engine.receive([published(rig, "r1", event_id="e2"), published(rig, "r2")]) == 1
    assert rig.dead() == [("r1", "RequestIdTaken")]
    assert rig.engine.audit() == []


@pytest.mark.parametrize("source", ["/intake", "/engine", "/timers", "/package", "/operator", "/systems/crm"])
def test_nobody_else_speaks_in_the_engines_name(rig: Rig, source: str) -> None:
    rig.engine.receive([published(rig, "r1", source=source)])
    assert rig.dead() == [("r1", "ReservedSource")]
    assert rig.history("r1") == []


def test_an_erasure_waits_for_the_access_that_came_with_it(rig: Rig) -> None:
    rig.engine.receive([published(rig, "erase"), published(rig, "copy", Right.ACCESS)])
    assert rig.state("erase").waits_for == ("copy",)


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda raw: b"\xff garbage", "MalformedMessageError"),
        (lambda raw: b"x" * 2_000_000, "MalformedMessageError"),
        (lambda raw: raw.replace(b'"id":', b'"not":'), "MalformedMessageError"),
        (lambda raw: changed(raw, type="com.example.other.v1"), "UnexpectedType"),
        (lambda raw: changed(raw, type="org.expunge.dsr.task.v1"), "UnexpectedType"),
        (lambda raw: changed(raw, subject="r9"), "SealError"),
        (lambda raw: changed(raw, data=msgspec.Raw(b"{}")), "MalformedMessageError"),
        (lambda raw: raw.replace(b'"request_id":"r1"', b'"request_id":"r2"'), "SealError"),
    ],
)
def test_what_cannot_be_applied_is_buried_alone_and_the_loop_goes_on(rig: Rig, spoil: Any, error: str) -> None:
    bad = spoil(published(rig, "r1"))
    assert rig.engine.receive([bad, published(rig, "good"), b""], [AT], group=GROUP) == 1
    assert [one for _, one in rig.dead()] == [error, "MalformedMessageError"]
    assert positions(rig) == [AT]
    assert rig.engine.receive([published(rig, "r1")]) == 1, "the mended event counts"


def test_i04_what_a_program_wrote_into_the_envelope_is_not_shown(rig: Rig) -> None:
    bad = changed(published(rig, "r1"), source="/people/ann@example.org", subject="ann@example.org", id="ann@x.org")
    rig.engine.receive([bad, changed(bad, type="other")])
    assert b"ann@" not in b"".join(str(row[:6]).encode() for row in rig.rows("dead_letters"))


def test_a_time_of_receipt_that_lies_ahead_would_hide_the_deadline(rig: Rig) -> None:
    event = decode_event(published(rig, "r1"))
    data = msgspec.json.decode(event.data, type=RequestReceived)
    late = msgspec.structs.replace(data, received_at=utc(rig.clock.now() + dt.timedelta(minutes=6)))
    rig.engine.receive([encode(msgspec.structs.replace(event, data=msgspec.Raw(encode(late))))])
    assert rig.dead() == [("r1", "SchemaError")]


# -- parked -----------------------------------------------------------------------------------------------
def test_a_request_sealed_to_a_retired_key_is_parked_for_ever_and_begun_when_the_key_is_there(rig: Rig) -> None:
    retired = IntakePrivateKey("intake-of-last-year", bytes(range(32)))
    event = request_event(retired.public(), rig.clock, rig.chance, "r1", email=SUBJECT.email)
    assert rig.engine.receive([event, event], [AT], group=GROUP) == 0
    assert parked(rig) == {"unknown_key": 1}
    assert rig.dead() == []
    for _ in range(40):
        rig.clock.move(hours=1)
        rig.engine.replay_parked()
    assert parked(rig) == {"unknown_key": 1}, "never given up"
    held, rig.keys.intake = rig.keys.intake, retired
    assert rig.engine.replay_parked(everything=True) == 1
    assert parked(rig) == {}
    assert rig.state("r1").phase is Phase.DISCOVERING
    rig.keys.intake = held


def test_an_answer_that_comes_before_its_request_is_known_waits_for_it(rig: Rig) -> None:
    request = published(rig, "r1")
    rig.engine.receive([request])
    answers = [one for name in rig.systems for one in rig.execute(name, rig.engine.next_tasks(name))]
    other = _another_store(rig)
    assert other.engine.receive(answers) == 0
    assert parked(other) == {"too_early": 2}
    assert other.engine.replay_parked() == 0, "not yet: every try costs"
    assert other.engine.receive([request]) == 1
    assert other.engine.replay_parked() == 2, "now they are asked for"
    assert parked(other) == {}
    assert all(one.answered for one in other.state("r1").systems.values())
    assert other.dead() == []


def test_an_answer_to_a_task_that_an_older_store_has_not_issued_yet_waits_for_it(rig: Rig) -> None:
    """A database restored from an hour ago hears the answers of that hour again, in any order."""
    rig.seed(SUBJECT)
    request = published(rig, "r1")
    rig.engine.receive([request])
    said: list[bytes] = []
    for _ in range(10):
        for name in rig.systems:
            found = rig.execute(name, rig.engine.next_tasks(name))
            rig.engine.receive(found)
            said += found
    assert rig.state("r1").phase is Phase.CLOSED
    old = _another_store(rig)
    old.engine.receive([request])
    old.engine.receive(said[::-1])
    for _ in range(10):
        old.clock.move(seconds=30)
        old.engine.replay_parked()
    assert old.state("r1").phase is Phase.CLOSED
    assert old.dead() == []
    assert old.reasons("r1") == []
    assert old.engine.audit() == []


def test_i01_what_an_older_store_was_told_before_it_asked_is_heard_before_it_asks_again(rig: Rig) -> None:
    """After a restore: a system asked again would find less, and its old answer would then contradict that (ADR 27)."""
    rig.seed(SUBJECT)
    request = published(rig, "r1")
    rig.engine.receive([request])
    said: list[bytes] = []
    for _ in range(10):
        for name in rig.systems:
            found = rig.execute(name, rig.engine.next_tasks(name))
            rig.engine.receive(found)
            said += found
    assert rig.state("r1").phase is Phase.CLOSED
    old = _another_store(rig)
    old.engine.receive(said[::-1])
    old.engine.receive([request])
    asked = 0
    for _ in range(20):
        old.clock.move(milliseconds=100)
        old.engine.replay_parked()
        for name in old.systems:
            released = old.engine.release(name, window=9)
            asked += len(released)
            tasks = [decode(bytes(decode_event(one.body).data), Task) for one in released]
            old.engine.receive(old.execute(name, tasks))
    assert asked == 0, "every answer was there"
    assert old.state("r1").phase is Phase.CLOSED
    assert parked(old) == {}
    assert old.dead() == []
    assert old.reasons("r1") == []
    assert old.engine.audit() == []
    assert old.records("r1")[0].systems == rig.records("r1")[0].systems


def test_an_answer_to_something_that_never_becomes_known_is_buried_after_a_day(rig: Rig) -> None:
    rig.engine.receive([published(rig, "r1")])
    answer = rig.execute("crm", rig.engine.next_tasks("crm"))
    other = _another_store(rig)
    other.engine.receive(answer)
    for _ in range(23):
        other.clock.move(hours=1)
        other.engine.replay_parked()
    assert other.dead() == []
    assert parked(other) == {"too_early": 1}
    other.clock.move(hours=2)
    other.engine.replay_parked()
    assert other.dead() == [("r1", "UnknownRequest")]
    assert parked(other) == {}


def _another_store(rig: Rig) -> Rig:
    """A store that has the same keys and knows nothing."""
    other = Rig(rig.home / "other", rig.templates)
    other.keys = rig.keys
    other.systems = rig.systems
    other.engine = Engine(other.store, rig.keys, other.clock, other.chance, other.plan)
    return other


# -- all or nothing ---------------------------------------------------------------------------------------
def test_the_culprit_is_found_under_savepoints_and_all_of_it_is_one_transaction(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = People.write

    def write(self: People) -> None:
        if any(one["request_id"] == "bad" for one in self._subjects):
            raise ZeroDivisionError
        real(self)

    monkeypatch.setattr(People, "write", write)
    events = [published(rig, one) for one in ("r1", "bad", "r2")]
    writes: list[str] = []
    kept = SqlTransaction.save_positions

    def save(self: SqlTransaction, group: str, given: Any) -> None:
        writes.append(group)
        kept(self, group, given)

    monkeypatch.setattr(SqlTransaction, "save_positions", save)
    assert rig.engine.receive(events, [AT], group=GROUP) == 2
    assert writes == [GROUP], "saved once, with everything"
    assert rig.dead() == [("unknown", "ZeroDivisionError")]
    assert rig.state("r1").phase is rig.state("r2").phase is Phase.DISCOVERING
    assert positions(rig) == [AT]


def test_a_store_that_fails_at_the_end_keeps_neither_events_nor_positions(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: SqlTransaction, group: str, given: Any) -> None:
        raise DependencyError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(SqlTransaction, "save_positions", fail)
        with pytest.raises(DependencyError):
            rig.engine.receive([published(rig, "r1")], [AT], group=GROUP)
    assert rig.history("r1") == []
    assert positions(rig) == []


def test_one_by_one_too_all_requests_are_locked_at_first_in_their_order(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    real = SqlTransaction.states

    def states(self: SqlTransaction, request_ids: Iterable[str]) -> dict[str, bytes]:
        asked.append(list(request_ids))
        return real(self, asked[-1])

    def fail(self: Engine, *_: Any) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(SqlTransaction, "states", states)
    monkeypatch.setattr(Engine, "_together", fail)
    odd = changed(published(rig, "r1"), subject="ann@example.org")
    assert rig.engine.receive([published(rig, "r2"), odd, b"garbage", published(rig, "r1")], [AT], group=GROUP) == 2
    assert asked[0] == ["r1", "r2", "unknown"]


def test_what_was_parked_too_is_locked_at_first_in_its_order(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    retired = IntakePrivateKey("intake-of-last-year", bytes(range(32)))
    for one in ("r3", "r1", "r2"):
        event = request_event(retired.public(), rig.clock, rig.chance, one, email=SUBJECT.email)
        rig.engine.receive([event], [AT], group=GROUP)
        rig.clock.move(seconds=1)
    asked: list[list[str]] = []
    real = SqlTransaction.states

    def states(self: SqlTransaction, request_ids: Iterable[str]) -> dict[str, bytes]:
        asked.append(list(request_ids))
        return real(self, asked[-1])

    monkeypatch.setattr(SqlTransaction, "states", states)
    assert rig.engine.replay_parked(everything=True) == 3
    assert asked[0] == ["r1", "r2", "r3"]


# -- what others are told ---------------------------------------------------------------------------------
def test_records_notices_and_dead_letters_go_out_once_where_there_is_a_broker(rig: Rig) -> None:
    rig.engine = Engine(rig.store, rig.keys, rig.clock, rig.chance, rig.plan, publish=True)
    rig.seed(SUBJECT)
    rig.engine.receive([published(rig, "r1"), b"garbage"])
    pump(rig)
    out = rig.engine.publications()
    assert [one.topic for one in out if one.topic == "expunge.completions"] == ["expunge.completions"]
    assert {one.topic for one in out} == {"expunge.completions", "expunge.notices", "expunge.dead-letters"}
    (done,) = [decode_event(one.body) for one in out if one.topic == "expunge.completions"]
    assert done.type == "org.expunge.dsr.completion.v1"
    assert done.subject == "r1"
    with rig.store.read() as tx:
        row = tx.connection.exec_driver_sql("SELECT record_id, jws FROM records").one()
    assert msgspec.json.decode(done.data)["jws"].encode() == row[1]
    assert rig.engine.publications() == [], "taken: they are this relay's for a while"
    rig.clock.move(seconds=31)
    assert rig.engine.publications() == out, "not reported: the same to the byte"
    rig.engine.publicised([one.publication_id for one in out])
    rig.clock.move(seconds=31)
    assert rig.engine.publications() == []


def test_without_a_broker_nothing_is_kept_to_go_out(rig: Rig) -> None:
    rig.engine.receive([published(rig, "r1"), b"garbage"])
    pump(rig)
    assert rig.rows("publications") == []


def test_a_dead_letter_that_is_too_large_to_travel_leaves_its_original_at_home(rig: Rig) -> None:
    rig.engine = Engine(rig.store, rig.keys, rig.clock, rig.chance, rig.plan, publish=True)
    rig.engine.receive([b"x" * 2_000_000, b"small"])
    large, small = (msgspec.json.decode(decode_event(one.body).data) for one in rig.engine.publications())
    assert large["sealed"] == ""
    assert small["sealed"]
    assert {len(row[6]) > 2_000_000 for row in rig.rows("dead_letters")} == {True, False}  # type: ignore[arg-type]
