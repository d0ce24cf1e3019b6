"""What no search can have reached is not called empty (I1); what is not surely one person's searches nothing (I9)."""

from __future__ import annotations

import pytest

from orchestrator.core import discovery
from orchestrator.core.discovery import refs_for
from orchestrator.core.model import Known, Phase, RequestState, SystemState
from orchestrator.core.plan import Plan, RecordSetPlan, SystemPlan
from schemas.identifiers import Strength
from schemas.outcomes import NothingHeld
from schemas.requests import Right
from tests.support.stories import EMAIL, Story, contacts, invoices, plan, system

NAME = Known("ref-name", "name", Strength.WEAK)
IP = Known("ref-ip", "ip", Strength.SHARED)


def _not_searched(*sets: RecordSetPlan, **more: object) -> dict[str, str]:
    story = Story(plan(system("crm", *sets), **more))  # type: ignore[arg-type]
    story.answer("crm", {one.name: NothingHeld() for one in sets})
    assert story.closed()
    (record,) = story.records
    assert record.result == ("partly_fulfilled" if record.not_searched else "nothing_held")
    return dict(record.not_searched)


def test_i01_a_set_found_by_a_kind_nobody_gave_was_not_searched() -> None:
    missing = _not_searched(contacts(), invoices())
    assert missing == {"crm/invoices": "GDPR Art. 11: cannot be identified there; would help: customer_id"}


def test_a_set_is_reached_by_what_another_would_have_led_to() -> None:
    calls = RecordSetPlan("calls", ("phone",), yields=("device_id",))
    devices = RecordSetPlan("devices", ("device_id",))
    assert _not_searched(devices, calls, contacts(yields=("phone",))) == {}


def test_a_set_is_reached_through_its_parent() -> None:
    lines = RecordSetPlan("lines", parent="invoices", erase="with_parent")
    assert _not_searched(lines, contacts(yields=("customer_id",)), invoices()) == {}
    assert set(_not_searched(lines, contacts(), invoices())) == {"crm/invoices", "crm/lines"}


def test_i09_what_leads_in_one_domain_does_not_reach_another() -> None:
    story = Story(
        plan(
            system("crm", contacts(yields=("phone",))),
            system("hr", contacts(), RecordSetPlan("calls", ("phone",)), domain="staff"),
        )
    )
    story.answer("crm", NothingHeld())
    story.answer("hr", {"contacts": NothingHeld(), "calls": NothingHeld()})
    assert set(story.records[-1].not_searched) == {"hr/calls"}


@pytest.mark.parametrize("given", [(NAME,), (IP,), (NAME, IP)])
def test_i09_what_is_not_surely_one_person_s_searches_nothing(given: tuple[Known, ...]) -> None:
    people = RecordSetPlan("people", ("email", "name", "ip"))
    story = Story(plan(system("crm", people)), identifiers=given)
    assert story.closed()
    (record,) = story.records
    assert record.result == "unidentifiable"
    assert record.not_searched["crm"].endswith("would help: email, ip, name")
    crm = plan(system("crm", people)).systems[0]
    assert refs_for(plan(system("crm", people)), crm, (*given, EMAIL)) == (*(one.ref for one in given), EMAIL.ref)


def test_what_a_plan_remembers_is_bounded_and_the_answer_stays_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "_REMEMBERED", 2)
    plan = Plan(systems=(SystemPlan("a", "c", "a", (RecordSetPlan("x", kinds=("email",)),)),), policy_version="1")
    asked = SystemState(asked=("r",))
    for kind in ("email", "phone", "customer_id", "phone", "email"):
        state = RequestState(
            logic=1, request_id="r", right=Right.ERASURE, received_at="", due_on="", due_rule="", plan_sha256="",
            phase=Phase.DISCOVERING, controllers=(), scope=("a",), locale="", waits_for=(), systems={"a": asked},
            known=(Known("r", kind, Strength.UNIQUE),),
        )  # fmt: skip
        assert discovery.unreached(plan, state) == (() if kind == "email" else ("a/x",))
        assert len(plan.reach) <= 2
