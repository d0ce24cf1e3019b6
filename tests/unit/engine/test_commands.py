"""Commands of a person in charge through the journal: refused with words, applied in order, tasks called back."""

from __future__ import annotations

import msgspec
import pytest

from connectors.testing.people import OTHER, SUBJECT
from orchestrator.core.commands import RequestWithdrawn
from orchestrator.core.commands_deciding import SetDecided
from orchestrator.engine import commands, holds
from orchestrator.engine.waiting import resume
from orchestrator.errors import UsageError
from schemas.outcomes import KeptWhy
from tests.support.rig import Rig


def _withdraw(rig: Rig, request_id: str = "r1") -> None:
    commands.give(rig.store, rig.clock, RequestWithdrawn(request_id=request_id, observed_at="", role="dpo"))


def test_a_command_about_nothing_or_something_closed_is_refused_and_not_journaled(rig: Rig) -> None:
    with pytest.raises(UsageError, match="no request r1"):
        _withdraw(rig)
    rig.submit("r1", email=OTHER.email)
    rig.pump()
    before = len(rig.history("r1"))
    with pytest.raises(UsageError, match="the request is closed"):
        _withdraw(rig)
    assert len(rig.history("r1")) == before


def test_tasks_that_did_not_leave_are_called_back_and_nothing_is_erased(rig: Rig) -> None:
    rig.seed(SUBJECT, OTHER)
    rig.submit("r1", email=SUBJECT.email)
    before = {name: {one: dict(rows) for one, rows in of.rows.items()} for name, of in rig.systems.items()}
    rig.engine.apply_waiting()
    _withdraw(rig)
    rig.pump()
    assert {name: of.rows for name, of in rig.systems.items()} == before
    assert rig.rows("outbox") == []
    (record,) = rig.records("r1")
    assert record.result == "withdrawn"
    assert [row.type for row in rig.history("r1")] == ["RequestAccepted", "RequestWithdrawn", "Recalled"]
    assert list(rig.engine.audit()) == []


def test_a_task_in_the_hands_of_a_connector_is_waited_for_and_told(rig: Rig) -> None:
    rig.seed(SUBJECT)
    rig.submit("r1", email=SUBJECT.email)
    rig.engine.apply_waiting()
    tasks = rig.engine.next_tasks("crm")
    while not tasks[0].instructions:
        rig.engine.confirm(rig.execute("crm", tasks), tasks)
        others = rig.engine.next_tasks("hr")
        rig.engine.confirm(rig.execute("hr", others), others)
        tasks = rig.engine.next_tasks("crm")
    _withdraw(rig)
    rig.engine.apply_waiting()
    assert rig.state("r1").phase != "closed"
    rig.engine.confirm(rig.execute("crm", tasks), tasks)
    rig.pump()
    (record,) = rig.records("r1")
    assert record.result == "withdrawn"
    assert "crm" in [one.system for one in record.systems]
    assert list(rig.engine.audit()) == []


@pytest.mark.parametrize("name", ["Jane Doe", "jane.doe@example.com", "Doe", "+33 6 12 34 56 78", ""])
def test_i04_who_decides_is_told_by_a_role_and_a_name_gets_nowhere(rig: Rig, name: str) -> None:
    rig.seed(SUBJECT)
    rig.submit("r1", email=SUBJECT.email)
    rig.engine.apply_waiting()
    before = rig.history("r1")
    given = (
        lambda: commands.give(rig.store, rig.clock, RequestWithdrawn(request_id="r1", observed_at="", role=name)),
        lambda: resume(rig.store, rig.clock, "r1", name),
        lambda: holds.release(rig.store, rig.clock, "hold-1", name),
    )
    for one in given:
        with pytest.raises(UsageError, match="told by a role") as refused:
            one()
        assert not name or name not in str(refused.value)
    assert rig.history("r1") == before


@pytest.mark.parametrize("text", ["policy:as agreed with Jane Doe", "gdpr-17-3-e for jane.doe@example.com", "a:b"])
def test_i04_what_a_decision_rests_on_is_the_id_of_a_text(rig: Rig, text: str) -> None:
    rig.seed(SUBJECT)
    rig.submit("r1", email=SUBJECT.email)
    rig.engine.apply_waiting()
    before = rig.history("r1")
    one = SetDecided(request_id="r1", observed_at="", role="dpo", system="crm", record_set="contacts")
    kept = msgspec.structs.replace(one, why=KeptWhy.LEGAL_CLAIMS, text=text, review_by="2027-01-01")
    with pytest.raises(UsageError, match="by the id of a text") as refused:
        commands.give(rig.store, rig.clock, kept)
    assert text not in str(refused.value)
    assert rig.history("r1") == before
