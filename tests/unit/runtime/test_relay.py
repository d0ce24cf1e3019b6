"""The relay among others: what another process keeps from it for a moment it does not forget."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from connectors.testing.people import SUBJECT
from orchestrator.engine import Engine
from orchestrator.ports import Outgoing, Sent
from orchestrator.runtime.relay import POLL_SECONDS, Relay
from orchestrator.store.store import SqlTransaction
from tests.support.rig import Rig, Templates


class Broker:
    """Takes everything."""

    def __init__(self) -> None:
        self.topics: list[str] = []

    def publish(self, events: Sequence[Outgoing]) -> Sent:
        self.topics += [one.topic for one in events if one.topic.startswith("expunge.tasks.")]
        return Sent([one.event_id for one in events])

    def close(self) -> None:
        pass


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
