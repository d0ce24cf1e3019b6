"""I5: the journal, replayed, gives the states byte for byte."""

from __future__ import annotations

import msgspec
import pytest

from connectors.errors import PermanentError, TransientError
from connectors.testing.people import NEIGHBOURS, OTHER, SUBJECT
from orchestrator.core.events import RequestAccepted, TimerFired
from orchestrator.core.replay import replay
from orchestrator.errors import IllegalTransitionError
from orchestrator.store.store import SqlTransaction
from schemas.requests import Right
from tests.support.rig import Rig


def _mixed(rig: Rig) -> None:
    """Everything that can happen to a request, in one history."""
    rig.seed(SUBJECT, *NEIGHBOURS)
    crm = rig.systems["crm"]
    crm.fault("raise", "locate", error=TransientError("busy"), times=1)
    crm.fault("keep_row", "erase", times=1)
    rig.submit("r1", email=SUBJECT.email)
    rig.submit("r2", Right.ACCESS, email=SUBJECT.email)
    rig.submit("r3", Right.ACCESS, email=OTHER.email)
    rig.submit("r4", account_id="nobody-knows-it")
    rig.engine.apply_waiting()
    task = rig.engine.next_tasks("hr")[0]
    first = rig.execute("hr", [task])
    rig.clock.move(seconds=1)
    rig.engine.confirm(first + rig.execute("hr", [task]) + [b"rubbish"])
    rig.engine.confirm([], rig.engine.next_tasks("crm"))
    for _ in range(8):
        rig.pump()
        rig.clock.move(minutes=30)
        for name in ("r1", "r2", "r3"):
            if any(one.reason != "deadline_near" for one in rig.state(name).attention):
                rig.engine.resume(name, "operator")
    crm.fault("raise", "export", error=PermanentError("x"), times=1)
    rig.clock.move(days=40)
    rig.pump()
    rig.clock.move(days=366 * 11)
    rig.pump()


def test_i05_a_mixed_history_replays_to_the_same_bytes(rig: Rig) -> None:
    _mixed(rig)
    kinds = {row.type for name in ("r1", "r2", "r3", "r4") for row in rig.history(name) if row.verdict == "applied"}
    assert kinds >= {
        "RequestAccepted", "Confirmed", "TimerFired", "Resumed", "Incident", "OtherClosed", "PackageAssembled",
    }  # fmt: skip
    assert rig.engine.audit() == []


def test_a_state_that_the_journal_does_not_lead_to_is_named(rig: Rig) -> None:
    rig.submit("r1", email=SUBJECT.email)
    rig.submit("r2", email=OTHER.email)
    rig.pump()
    with rig.store.write() as tx:
        assert isinstance(tx, SqlTransaction)
        tx.connection.exec_driver_sql(
            "UPDATE requests SET state = (SELECT state FROM requests WHERE request_id = 'r1') WHERE request_id = 'r2'"
        )
    assert rig.engine.audit() == ["r2"]


def test_a_journal_that_was_altered_is_named(rig: Rig) -> None:
    rig.seed(SUBJECT)
    rig.submit("r1", email=SUBJECT.email)
    rig.pump()
    with rig.store.write() as tx:
        assert isinstance(tx, SqlTransaction)
        tx.connection.exec_driver_sql("DELETE FROM journal WHERE type = 'RequestAccepted'")
    assert rig.engine.audit() == ["r1"]


def test_a_history_without_a_beginning_is_refused_and_none_is_none(rig: Rig) -> None:
    assert replay(lambda _: rig.plan, []) is None
    timer = TimerFired(request_id="r1", observed_at="2026-03-01T12:00:00.000Z", name="x", generation=1)
    with pytest.raises(IllegalTransitionError, match="begins with the request"):
        replay(lambda _: rig.plan, [timer])


def test_a_replayed_duplicate_changes_nothing(rig: Rig) -> None:
    rig.submit("r1", email=SUBJECT.email)
    rig.engine.apply_waiting()
    (row,) = rig.history("r1")
    assert row.body is not None
    event = msgspec.json.decode(row.body, type=RequestAccepted)
    assert replay(lambda _: rig.plan, [event, event]) == replay(lambda _: rig.plan, [event])
