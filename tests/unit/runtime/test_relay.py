"""The relay among others: what another process keeps from it for a moment it does not forget."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from connectors.testing.people import SUBJECT
from orchestrator.core.model import Phase
from orchestrator.engine import Engine
from orchestrator.ports import Outgoing, Sent
from orchestrator.runtime.relay import POLL_SECONDS, Relay
from orchestrator.store.store import SqlTransaction
from tests.support.rig import Rig, Templates


class Broker:
    """Takes everything."""

    def __init__(self) -> None:
        self.topics: list[str] = []
        self.ids: list[str] = []

    def publish(self, events: Sequence[Outgoing]) -> Sent:
        self.ids += [one.event_id for one in events]
        self.topics += [one.topic for one in events if one.topic.startswith("expunge.tasks.")]
        return Sent([one.event_id for one in events])

    def close(self) -> None:
        pass


def test_while_topics_are_read_again_nothing_is_asked_and_no_time_is_up(tmp_path: Path, templates: Templates) -> None:
    rig, broker, reading = Rig(tmp_path, templates), Broker(), [True]
    rig.engine = Engine(rig.store, rig.keys, rig.clock, rig.chance, rig.plan, publish=True)
    rig.submit("r1", email=SUBJECT.email)
    rig.engine.apply_waiting()
    (taken,) = rig.engine.release("hr", window=9)
    rig.clock.move(days=3)
    relay = Relay(
        rig.engine, broker, tuple(rig.systems), window=9, clock=rig.clock, lock=threading.Lock(),
        reading_again=lambda: reading[0],
    )  # fmt: skip
    rig.submit("r2", email=SUBJECT.email)
    relay.turn()
    assert broker.topics == []
    assert rig.reasons("r1") == [], "whose answer may be there to be read"
    assert rig.state("r2").phase is Phase.DISCOVERING, "requests begin"
    assert 0.1 < relay._pause() <= POLL_SECONDS, "what is due does not make it spin"
    reading[0] = False
    relay.turn()
    assert broker.topics == [], "it is asked at a poll"
    relay._next_poll = 0.0
    relay.turn()
    assert sorted(set(broker.topics)) == ["expunge.tasks.crm", "expunge.tasks.hr"]
    assert taken.task_id in broker.ids, "also what an earlier relay had taken"
    assert rig.reasons("r1") != []


def test_a_task_that_came_while_another_process_gave_out_tasks_is_asked_for_again_at_once(
    tmp_path: Path, templates: Templates, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig, broker, others = Rig(tmp_path, templates), Broker(), {"release crm"}
    rig.engine = Engine(rig.store, rig.keys, rig.clock, rig.chance, rig.plan, publish=True)
    relay = Relay(rig.engine, broker, tuple(rig.systems), window=9, clock=rig.clock, lock=threading.Lock())
    monkeypatch.setattr(SqlTransaction, "alone", lambda _self, name: name not in others)
    rig.submit("r1", email=SUBJECT.email)
    relay.turn()
    assert broker.topics == ["expunge.tasks.hr"], "and it does not spin meanwhile"
    assert relay._pause() < POLL_SECONDS / 2
    others.clear()
    relay._next_poll = float("inf")
    relay.turn()
    assert broker.topics == ["expunge.tasks.hr", "expunge.tasks.crm"]
    assert relay._pause() > POLL_SECONDS
