"""A restriction and an erasure of one person, in whichever order they come (decision 11)."""

from __future__ import annotations

from connectors.testing.people import OTHER, SUBJECT
from orchestrator.core.commands import RequestWithdrawn
from orchestrator.core.commands_identity import IdentityConfirmed, IdentityDoubted
from orchestrator.engine import commands
from schemas.requests import Right
from schemas.tasks import Action
from tests.support.rig import Rig


def test_an_erasure_at_work_is_held_back_and_another_persons_is_not(rig: Rig) -> None:
    rig.seed(SUBJECT, OTHER)
    rig.submit("gone", email=SUBJECT.email)
    rig.submit("else", email=OTHER.email)
    rig.engine.apply_waiting()
    rig.submit("limit", right=Right.RESTRICTION, email=SUBJECT.email)
    rig.engine.apply_waiting()
    rig.engine.apply_waiting()
    assert rig.state("gone").waits_for == ("limit",)
    assert rig.state("else").waits_for == ()
    rig.pump()
    assert rig.state("gone").phase == "deciding"
    assert rig.state("else").phase == "closed"
    assert list(rig.engine.audit()) == []


def test_what_a_closed_erasure_keeps_is_not_erased_while_a_later_restriction_stands(rig: Rig) -> None:
    rig.seed(SUBJECT, OTHER)
    rig.submit("gone", email=SUBJECT.email)
    rig.pump()
    assert rig.state("gone").phase == "closed"
    kept = len(rig.systems["crm"].rows["invoices"])
    rig.submit("limit", right=Right.RESTRICTION, email=SUBJECT.email)
    rig.engine.apply_waiting()
    rig.engine.apply_waiting()
    assert rig.state("gone").waits_for == ("limit",)
    doubt = IdentityDoubted(request_id="limit", observed_at="", role="dpo", reason="odd_address", asks="question")
    commands.give(rig.store, rig.clock, doubt)
    rig.clock.move(days=366 * 11)
    rig.pump()
    assert rig.state("gone").phase == "deciding"
    assert len(rig.systems["crm"].rows["invoices"]) == kept
    commands.give(rig.store, rig.clock, RequestWithdrawn(request_id="limit", observed_at="", role="dpo"))
    rig.pump()
    assert len(rig.systems["crm"].rows["invoices"]) < kept
    assert rig.state("gone").forgotten
    assert rig.state("gone").waits_for == ()
    assert list(rig.engine.audit()) == []


def test_a_doubt_while_systems_act_is_followed_by_another_search(rig: Rig) -> None:
    rig.seed(SUBJECT)
    rig.submit("gone", email=SUBJECT.email)
    rig.engine.apply_waiting()
    while rig.state("gone").phase != "acting":
        for name in rig.systems:
            tasks = rig.engine.next_tasks(name)
            rig.engine.confirm(rig.execute(name, tasks), tasks)
    doubt = IdentityDoubted(request_id="gone", observed_at="", role="dpo", reason="odd", asks="question")
    commands.give(rig.store, rig.clock, doubt)
    rig.engine.apply_waiting()
    confirmed = IdentityConfirmed(request_id="gone", observed_at="", role="dpo", method="question")
    commands.give(rig.store, rig.clock, confirmed)
    rig.engine.apply_waiting()
    assert rig.state("gone").phase == "discovering"
    assert {one.action for name in rig.systems for one in rig.engine.next_tasks(name)} == {Action.LOCATE}
    rig.pump()
    assert rig.state("gone").phase == "closed"
    assert list(rig.engine.audit()) == []
