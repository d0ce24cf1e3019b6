"""The store's truth as Prometheus sees it."""

from __future__ import annotations

import sqlalchemy as sa

from connectors.testing.people import SUBJECT, person
from orchestrator.store import tables as t
from orchestrator.store.figures import GAUGES, Figures
from tests.support.rig import Rig


def _figures(rig: Rig) -> dict[tuple[str, ...], float]:
    return {(one.name, *one.labels.values()): one.value for one in Figures(rig.store, rig.clock)()}


def test_an_empty_store_has_figures(rig: Rig) -> None:
    found = _figures(rig)
    assert found["expunge_dead_letters",] == 0
    assert found["expunge_outbox", "unreleased"] == 0
    assert {name[0] for name in found} <= set(GAUGES)


def test_open_tasks_age_and_deadlines_come_near(rig: Rig) -> None:
    rig.seed(SUBJECT)
    rig.submit("r1", email=SUBJECT.email)
    rig.submit("r2", email=person(3).email)
    rig.engine.apply_waiting()
    rig.clock.move(minutes=10)
    found = _figures(rig)
    assert found["expunge_tasks_open", "crm"] == 2
    assert found["expunge_oldest_open_seconds", "hr"] == 600
    assert found["expunge_outbox", "unreleased"] == 4
    assert found["expunge_requests", "erasure", "discovering", ""] == 2
    assert (found["expunge_deadlines", "at_risk"], found["expunge_deadlines", "overdue"]) == (0, 0)
    rig.clock.move(days=28)
    assert _figures(rig)["expunge_deadlines", "at_risk"] == 2
    rig.clock.move(days=10)
    assert _figures(rig)["expunge_deadlines", "overdue"] == 2


def test_i08_what_is_looked_at_afresh_is_not_past_the_date_of_its_first_answer(rig: Rig) -> None:
    row = {
        "right": "erasure",
        "phase": "discovering",
        "received_at": "2020-01-01T00:00:00.000Z",
        "due_on": "2020-02-03",
    }
    with rig.store.write() as tx:
        for name in ("answered", "never"):
            one = row | {"request_id": name, "attention": 0, "logic": 1, "state": b"\x80"}
            tx.connection.execute(sa.insert(t.requests).values(**one))
        record = {"record_id": "answered.1", "request_id": "answered", "number": 1, "jws": b""}
        tx.connection.execute(sa.insert(t.records).values(completed_at="2020-01-20T00:00:00.000Z", **record))
    assert _figures(rig)["expunge_deadlines", "overdue"] == 1


def test_results_attention_and_dead_letters(rig: Rig) -> None:
    rig.seed(SUBJECT)
    rig.systems["hr"].fault("lie", "erase")
    rig.submit("r1", email=SUBJECT.email)
    rig.submit("r2", email=person(3).email)
    for _ in range(3):
        rig.pump()
        rig.clock.move(hours=5)
    rig.engine.receive([b"garbage"])
    found = _figures(rig)
    assert found["expunge_dead_letters",] == 1
    assert found["expunge_requests", "erasure", "closed", "nothing_held"] == 1
    assert found["expunge_attention", "survived"] == 1
