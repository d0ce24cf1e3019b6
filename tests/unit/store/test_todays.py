"""What needs whom now: everything that waits for a person is in it, and nothing that does not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from connectors.testing.people import SUBJECT, person
from orchestrator.errors import DependencyError
from orchestrator.report import period
from orchestrator.report.today import Item, Today
from orchestrator.store import reporting, todays
from orchestrator.store import tables as t
from schemas.incidents import Duty, Incident
from schemas.requests import utc
from tests.support.rig import Rig

OWNERS = {"crm": "sales", "hr": "people"}


def day(rig: Rig) -> Today:
    return todays.today(rig.store, utc(rig.clock.now()), OWNERS)


def insert(rig: Rig, table: sa.Table, **values: Any) -> None:
    with rig.store.write() as tx:
        tx.connection.execute(sa.insert(table).values(**values))


def brief(found: Today) -> list[tuple[str, str, str]]:
    return [(one.who, one.what, one.request_id) for one in found.items]


def test_nothing_needs_anybody(rig: Rig) -> None:
    assert day(rig) == Today(utc(rig.clock.now()), 0, [])


def test_what_was_taken_in_and_not_begun_is_open(rig: Rig) -> None:
    rig.submit("r1", email=SUBJECT.email)
    assert (day(rig).open, day(rig).items) == (1, [])
    rig.engine.apply_waiting()
    assert (day(rig).open, day(rig).items) == (1, [])


def test_a_request_that_stopped_names_its_owner_what_to_do_and_the_last_day(rig: Rig) -> None:
    rig.seed(SUBJECT)
    rig.systems["hr"].fault("lie", "erase")
    rig.submit("r1", email=SUBJECT.email)
    for _ in range(3):
        rig.pump()
        rig.clock.move(hours=5)
    found = [one for one in day(rig).items if one.what == "survived"]
    assert len({one.record_set for one in found}) == len(found) > 0
    one = found[0]
    assert (one.request_id, one.system, one.late) == ("r1", "hr", False)
    assert one.who != todays.SYSTEM_OWNER
    assert "expunge retry" in one.todo
    due = rig.clock.now().date()
    assert one.by > due.isoformat()
    rig.clock.move(days=40)
    assert all(one.late for one in day(rig).items if one.request_id == "r1")
    rig.pump()
    # Whoever was called because it was near reads that it is over now.
    assert {one.what for one in day(rig).items} >= {"survived", "deadline_over"}
    assert "deadline_near" not in {one.what for one in day(rig).items}


def test_i01_the_same_lie_is_in_the_report(rig: Rig) -> None:
    rig.seed(SUBJECT)
    rig.systems["hr"].fault("lie", "erase")
    rig.submit("r1", email=SUBJECT.email)
    for _ in range(3):
        rig.pump()
        rig.clock.move(hours=5)
    today = rig.clock.now().date().isoformat()
    found = reporting.report(rig.store, period.read("2020-01-01", today, utc(rig.clock.now())), OWNERS)
    (one,) = found.caught
    assert (one.system, one.kind, one.requests) == ("hr", "survived", 1)
    assert one.count >= 2
    assert found.completed_total == 0


def test_i03_an_answer_that_was_not_awaited_is_not_counted_as_caught(rig: Rig) -> None:
    now = utc(rig.clock.now())
    late: dict[str, Any] = {
        "event": "confirmed",
        "system": "hr",
        "outcomes": {"files": {"outcome": "survived", "count": 1}},
    }
    odd: dict[str, Any] = {"event": "incident", "system": "hr", "reason": "contradictory_answer"}
    other: dict[str, Any] = {"event": "incident", "system": "", "reason": "internal_error"}
    said = [("Confirmed", "applied", late), ("Confirmed", "ignored: the task is not awaited", late)]
    said += [("Incident", "applied", odd), ("Incident", "applied", other)]
    for number, (kind, verdict, body) in enumerate(said):
        row = {"type": kind, "verdict": verdict, "body": msgspec.json.encode(body), "observed_at": now}
        insert(rig, t.journal, source="/systems/hr", event_id=f"e{number}", request_id="r1", payload_hash=b"", **row)
    found = reporting.report(rig.store, period.read(now[:10], now[:10], now), OWNERS)
    assert [(one.system, one.kind, one.count) for one in found.caught] == [
        ("hr", "contradictory_answer", 1),
        ("hr", "survived", 1),
    ]


def test_i06_a_date_that_is_near_or_over_is_seen_though_nobody_was_called(rig: Rig) -> None:
    rig.seed(SUBJECT)
    rig.submit("r1", email=SUBJECT.email)
    rig.submit("r2", email=person(3).email)
    rig.engine.apply_waiting()
    rig.clock.move(days=27)
    assert brief(day(rig)) == [("dpo", "deadline_near", "r1"), ("dpo", "deadline_near", "r2")]
    rig.clock.move(days=10)
    found = day(rig)
    assert brief(found) == [("dpo", "deadline_over", "r1"), ("dpo", "deadline_over", "r2")]
    assert all(one.late for one in found.items)


def test_i08_what_is_looked_at_afresh_is_not_late_by_the_date_of_the_first_answer(rig: Rig) -> None:
    now = utc(rig.clock.now())
    stopped = {"reason": "keeps_failing", "owner": "people", "todo": "mend it", "since": now, "system": "hr"}
    given = {"right": "erasure", "phase": "acting", "received_at": "2020-01-01T00:00:00.000Z", "due_on": "2020-02-03"}
    for request_id, attention in (("calm", ()), ("stopped", (stopped,))):
        state = msgspec.msgpack.encode({"attention": attention})
        for answered in (True, False):
            name = f"{request_id}-{'answered' if answered else 'never'}"
            insert(rig, t.requests, request_id=name, attention=len(attention), logic=1, state=state, **given)
            if answered:
                insert(rig, t.records, record_id=name, request_id=name, number=1, completed_at=now, jws=b"")
    assert {(one.who, one.what, one.request_id, one.by, one.late) for one in day(rig).items} == {
        ("dpo", "deadline_over", "calm-never", "2020-02-03", True),
        ("people", "keeps_failing", "stopped-never", "2020-02-03", True),
        ("people", "keeps_failing", "stopped-answered", "", False),
    }


def test_holds_incidents_mails_and_letters_that_are_dead(rig: Rig) -> None:
    now = utc(rig.clock.now())
    today = now[:10]
    hold = {
        "reason": "suit",
        "text": "gdpr-17-3-e",
        "placed_at": "2026-01-01T00:00:00.000Z",
        "scope": "",
        "by_person": 0,
    }
    insert(rig, t.holds, hold_id="h1", owner="legal", review_by=today, **hold)
    insert(rig, t.holds, hold_id="h2", owner="legal", review_by="2099-01-01", **hold)
    insert(rig, t.holds, hold_id="h3", owner="legal", review_by=today, released_at=now, released_by="legal", **hold)
    owed = {"record_set": "contacts", "text": "gdpr-18-1", "system": "crm"}
    insert(rig, t.obligations, request_id="o1", place=0, kind="restriction", due=today, **owed)
    insert(rig, t.obligations, request_id="o1", place=1, kind="retention", due=today, **owed)
    insert(rig, t.obligations, request_id="o2", place=0, kind="restriction", due="2099-01-01", **owed)
    duty = Duty("acme", notify_by="2026-01-03T00:00:00.000Z")
    incident = Incident("i1", 1, "breach", "lost_device", now, now, "ciso", "ciso", (duty,))
    row: dict[str, Any] = {"version": 1, "detected_at": now, "told": 0, "announced": 1}
    insert(rig, t.incidents, incident_id="i1", body=msgspec.json.encode(incident), **row)
    insert(rig, t.incidents, incident_id="i2", closed_at=now, body=msgspec.json.encode(incident), **row)
    mail = {"content": b"", "dated": "received", "taken_at": now, "reason": "no_rule", "size": 1}
    for number, standing in enumerate(("waiting", "waiting", "settled")):
        insert(rig, t.mails, mail_id=f"m{number}", arrived_at=now, standing=standing, **mail)
    rig.engine.receive([b"garbage"])
    found = day(rig)
    assert {(one.who, one.what, one.by, one.count) for one in found.items} == {
        ("ciso", "incident_open", "2026-01-03", 1),
        ("legal", "hold_review_due", today, 1),
        ("dpo", "restriction_due", today, 1),
        ("intake", "mail_waiting", "", 2),
        ("operator", "dead_letter", "", 1),
    }
    # The most urgent role first; what has no date comes last.
    assert found.items[0].who == "ciso"
    assert [one.by for one in found.items][-2:] == ["", ""]


def test_a_state_that_cannot_be_read_is_an_error_and_no_empty_list(rig: Rig) -> None:
    rig.submit("r1", email=SUBJECT.email)
    rig.engine.apply_waiting()
    with rig.store.write() as tx:
        tx.connection.execute(sa.update(t.requests).values(state=b"\xc1", attention=1))
    with pytest.raises(DependencyError) as broken:
        day(rig)
    assert broken.value.where == "request r1"
    today = rig.clock.now().date().isoformat()
    with pytest.raises(DependencyError):
        reporting.report(rig.store, period.read(today, today, utc(rig.clock.now())), OWNERS)


def test_a_record_that_cannot_be_read_is_an_error(rig: Rig) -> None:
    now = utc(rig.clock.now())
    insert(rig, t.records, record_id="r1.1", request_id="r1", number=1, completed_at=now, jws=b"nothing")
    with pytest.raises(DependencyError) as broken:
        reporting.report(rig.store, period.read(now[:10], now[:10], now), OWNERS)
    assert "record" in broken.value.what


def test_every_code_has_words() -> None:
    from orchestrator.cli.reporting import TODAY
    from orchestrator.cli.words import REASONS

    given = {"deadline_over", "deadline_near", "restriction_due", "transfer_due", "incident_open", "mail_waiting"}
    given |= {"unknown_key", "dead_letter", "hold_review_due", "unpublishable"}
    assert given <= {*TODAY, *REASONS}
    assert Item("dpo", "deadline_near", "").count == 1
