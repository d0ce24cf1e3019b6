"""Tasks for a relay: a window, the same bytes, and what can never be published."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import msgspec
import pytest

from connectors.testing.people import SUBJECT
from orchestrator.core.model import Phase
from orchestrator.engine import Engine
from orchestrator.ports import Released
from schemas.codec import decode, decode_event, encode
from schemas.errors import SealError
from schemas.requests import utc
from schemas.tasks import Action, Task
from tests.support.rig import Rig, Templates


@pytest.fixture
def rig(tmp_path: Path, templates: Templates) -> Rig:
    made = Rig(tmp_path, templates)
    made.engine = Engine(made.store, made.keys, made.clock, made.chance, made.plan, publish=True)
    return made


def begin(rig: Rig, count: int) -> None:
    for number in range(count):
        rig.submit(f"r{number}", email=SUBJECT.email)
    rig.engine.apply_waiting()


def task_of(one: Released) -> Task:
    return decode(bytes(decode_event(one.body).data), Task)


def answer(rig: Rig, released: list[Released]) -> None:
    tasks = [task_of(one) for one in released]
    rig.engine.receive(rig.execute(released[0].system, tasks))


def test_released_up_to_the_window_in_order_of_deadline_and_on_as_answers_come(rig: Rig) -> None:
    begin(rig, 2)
    rig.clock.move(days=1)
    begin_later = [f"s{number}" for number in range(3)]
    for one in begin_later:
        rig.submit(one, email=SUBJECT.email)
    rig.engine.apply_waiting()
    first = rig.engine.release("crm", window=3)
    assert [one.request_id for one in first] == ["r0", "r1", "s0"]
    assert rig.engine.release("crm", window=3) == []
    assert len(rig.engine.release("crm", window=4)) == 1
    assert [one.request_id for one in rig.engine.release("hr", window=9, limit=2)] == ["r0", "r1"], "each for itself"
    rig.engine.published([one.task_id for one in first])
    assert rig.engine.release("crm", window=4) == [], "published is not answered"
    answer(rig, first[:1])
    assert [one.request_id for one in rig.engine.release("crm", window=4)] == ["s2"]


def test_a_destructive_task_gets_its_lease_once_and_goes_out_again_with_the_same_bytes(rig: Rig) -> None:
    rig.seed(SUBJECT)
    begin(rig, 1)
    for _ in range(2):  # two rounds of searching
        for name in rig.systems:
            answer(rig, rig.engine.release(name, window=9))
    (first,) = rig.engine.release("crm", window=9)
    task = task_of(first)
    assert task.action is Action.ERASE
    assert task.not_after == utc(rig.clock.now() + dt.timedelta(minutes=rig.plan.limits.lease_minutes))
    event = decode_event(first.body)
    rig.keys.system("crm").check_task_mac(bytes(event.data), event.expungemac)
    with pytest.raises(SealError):
        rig.keys.system("hr").check_task_mac(bytes(event.data), event.expungemac)
    with pytest.raises(SealError):
        rig.keys.system("crm").check_task_mac(encode(msgspec.structs.replace(task, instructions={})), event.expungemac)
    assert rig.engine.unpublished() == [], "whoever took it is at it"
    rig.clock.move(seconds=31)
    assert first in rig.engine.unpublished()
    assert rig.engine.unpublished() == []
    rig.clock.move(seconds=31)
    assert first in rig.engine.unpublished()
    rig.engine.published([first.task_id, "long gone"])
    rig.clock.move(seconds=31)
    assert first not in rig.engine.unpublished()


def test_what_was_answered_meanwhile_is_not_published_again(rig: Rig) -> None:
    begin(rig, 1)
    answer(rig, rig.engine.release("crm", window=9))
    rig.clock.move(seconds=31)
    assert rig.engine.unpublished() == []


def test_a_task_that_can_never_be_published_is_given_up_and_a_person_called(rig: Rig) -> None:
    begin(rig, 2)
    (bad, good) = rig.engine.release("crm", window=9)
    assert rig.engine.quarantine(bad.task_id, "too_large") is True
    assert rig.dead() == [("r0", "Unpublishable: too_large")]
    assert rig.reasons("r0") == ["unpublishable"]
    assert rig.reasons("r1") == []
    rig.clock.move(days=1)
    assert [one.task_id for one in rig.engine.unpublished()] == [good.task_id]
    assert rig.engine.release("crm", window=9) == [], "never again by itself"
    rig.engine.resume("r0", "operator")
    rig.engine.apply_waiting()
    (new,) = rig.engine.release("crm", window=9)
    assert new.request_id == "r0"
    assert new.task_id != bad.task_id
    assert rig.engine.quarantine(bad.task_id, "too_large") is False, "nobody awaits it any more"


def test_a_publication_that_can_never_be_published_does_not_breed(rig: Rig) -> None:
    begin(rig, 1)
    (receipt,) = rig.engine.publications()
    assert rig.engine.quarantine(receipt.publication_id, "too_large")
    assert rig.dead() == [("r0", "Unpublishable: too_large")]
    assert rig.reasons("r0") == ["unpublishable"]
    rig.clock.move(seconds=31)
    left = rig.engine.publications()
    assert {one.topic for one in left} == {"expunge.notices"}, "a dead letter of a publication is not published"
    assert receipt not in left


def test_the_distributed_way_comes_to_the_same_end(rig: Rig) -> None:
    rig.seed(SUBJECT)
    begin(rig, 3)
    for _ in range(12):
        rig.engine.apply_waiting()
        for name in rig.systems:
            if out := rig.engine.release(name, window=2):
                rig.engine.published([one.task_id for one in out])
                answer(rig, out)
    assert {rig.state(f"r{number}").phase for number in range(3)} == {Phase.CLOSED}
    assert rig.rows("outbox") == []
    assert rig.engine.audit() == []


def test_what_a_newer_orchestrator_wrote_into_a_task_leaves_with_it(rig: Rig) -> None:
    """Two versions share the outbox during an upgrade: whichever releases, nothing of the other's task is lost."""
    rig.seed(SUBJECT)
    begin(rig, 1)
    for _ in range(2):
        for name in rig.systems:
            answer(rig, rig.engine.release(name, window=9))
    with rig.store.write() as tx:
        (row,) = tx.outbox_next("crm", 9)
        event = msgspec.json.decode(row.body)
        event |= {"expungeregion": "north", "data": event["data"] | {"urgency": {"days": 3}}}
        tx.connection.exec_driver_sql(
            "UPDATE outbox SET body = ? WHERE task_id = ?", (msgspec.json.encode(event), row.task_id)
        )
    (released,) = rig.engine.release("crm", window=9)
    assert task_of(released).action is Action.ERASE
    left = msgspec.json.decode(released.body)
    assert left["expungeregion"] == "north"
    assert left["data"]["urgency"] == {"days": 3}
    assert left["data"]["not_after"]
    read = decode_event(released.body)
    rig.keys.system("crm").check_task_mac(bytes(read.data), read.expungemac)
