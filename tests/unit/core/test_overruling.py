"""What a person decides per record set: exceptions with letter, text and review, no ground, grounds (S14, S39, S40)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from orchestrator.core.commanding import refusal
from orchestrator.core.commands_deciding import SetDecided
from orchestrator.core.machine import Step
from orchestrator.core.model import Phase, SystemState
from orchestrator.core.moments import date_of
from orchestrator.core.overruling import unknown
from orchestrator.core.plan import PolicyVersionPlan, RetainRule, RetentionRulePlan
from orchestrator.core.replay import replay
from orchestrator.core.rulings import Rulings, SetDecision
from orchestrator.core.staying import staying
from schemas.outcomes import Kept, KeptWhy, NothingHeld
from schemas.tasks import Action
from tests.support.stories import TEN_YEARS, Story, at, contacts, deleted, found, invoices, plan, system

CLAIMS = {"why": KeptWhy.LEGAL_CLAIMS, "text": "gdpr-17-3-e", "review_by": "2026-09-01"}
RUNNING = RetainRule(KeptWhy.LEGAL_OBLIGATION, "fr-ccom-l123-22", 120, "no_ground", 6)


def decision(story: Story, **what: Any) -> SetDecided:
    place = {"system": "crm", "record_set": "contacts"}
    return SetDecided(request_id="req", observed_at=at(story.now), role="dpo", **(place | what))


def decide(story: Story, **what: Any) -> Step:
    return story.told(decision(story, **what))


def kept(why: KeptWhy = KeptWhy.LEGAL_CLAIMS, text: str = "gdpr-17-3-e", review_by: str = "2026-09-01") -> Kept:
    return Kept(1, why, text, None, review_by, looked_at=at())


def rule(story: Story, record_set: str = "contacts") -> str:
    return {one.name: one.rule for one in story.records[-1].systems[0].record_sets}[record_set]


def test_an_exception_keeps_one_record_set_and_the_rest_goes() -> None:
    story = Story(plan(system("crm", contacts(), contacts("letters"))))
    decide(story, **CLAIMS)
    story.answer("crm", found(1))
    instructions = story.out()["crm"].instructions
    assert (instructions["contacts"].keep, instructions["contacts"].review_by) == (KeptWhy.LEGAL_CLAIMS, "2026-09-01")
    assert instructions["letters"].keep is None
    story.answer("crm", {"contacts": kept(), "letters": deleted()})
    assert rule(story) == "decided:exception_17_3_e:gdpr-17-3-e"
    assert story.records[0].result == "partly_fulfilled"


def test_its_day_of_review_asks_the_person_and_erases_nothing_by_itself() -> None:
    story = Story(plan())
    decide(story, **CLAIMS)
    story.answer("crm", found())
    story.answer("crm", kept())
    story.fire("owed")
    story.answer("crm", found())
    assert story.phase() is Phase.DECIDING
    assert story.reasons == ["review_due"]
    decide(story, ground="a")
    story.answer("crm", deleted())
    assert rule(story) == "erase:gdpr-17-1-a"
    assert [one.result for one in story.records] == ["partly_fulfilled", "fulfilled"]


def test_erasure_on_a_ground_overrules_a_retention_that_nobody_can_date() -> None:
    story = Story(plan(system("crm", invoices(kinds=("email",)))))
    story.answer("crm", found(anchor_missing=1))
    assert story.reasons == ["retention_without_date"]
    decide(story, record_set="invoices", ground="d")
    assert story.reasons == []
    assert story.out()["crm"].instructions["invoices"].keep is None
    story.answer("crm", deleted())
    assert rule(story, "invoices") == "erase:gdpr-17-1-d"


def test_while_it_is_acted_on_a_decision_stops_like_a_hold() -> None:
    story = Story(plan())
    story.answer("crm", found())
    decide(story, **CLAIMS)
    assert story.state.systems["crm"].stops
    story.fire("silent:crm")
    story.answer("crm", found())
    assert story.out()["crm"].instructions["contacts"].keep is KeptWhy.LEGAL_CLAIMS


@pytest.mark.parametrize(
    ("text", "said"), [("policy:acounts", "the policy has no such rule"), ("policy:accounts", ""), ("policy:open", "")]
)
def test_i08_a_person_keeps_nothing_on_a_rule_that_the_policy_does_not_have(text: str, said: str) -> None:
    rules = (RetentionRulePlan("accounts", 12), RetentionRulePlan("open"))
    versions = (PolicyVersionPlan("1", "2020-01-01"),)
    story = Story(msgspec.structs.replace(plan(), policy_versions=versions, retention_rules=rules))
    kept = CLAIMS | {"text": text}
    wrong = unknown(story.plan, decision(story, **kept))
    assert (wrong[0] if wrong else "").endswith(said)
    assert bool(wrong) is bool(said), "somebody looks afresh: an undecided period is no hindrance"
    story.answer("crm", found())
    assert bool(decide(story, **kept).ignored) is bool(said)


def test_after_the_close_what_it_keeps_may_be_decided_earlier() -> None:
    story = Story(plan())
    decide(story, **CLAIMS)
    story.answer("crm", found())
    story.answer("crm", kept())
    assert refusal(story.state, decision(story, ground="c")) is None
    decide(story, ground="c")
    assert story.out()["crm"].action is Action.LOCATE
    story.answer("crm", found())
    story.answer("crm", deleted())
    assert (rule(story), len(story.records)) == ("erase:gdpr-17-1-c", 2)


def test_s14_while_the_contract_runs_there_is_no_ground_and_then_its_period_counts() -> None:
    sets = invoices("accounts", kinds=("email",), retain=RUNNING)
    story = Story(plan(system("crm", sets)))
    story.answer("crm", found(anchor_missing=1))
    instruction = story.out()["crm"].instructions["accounts"]
    assert (instruction.keep, instruction.review_by) == (KeptWhy.NO_GROUND, "2026-09-01")
    story.answer("crm", kept(KeptWhy.NO_GROUND, "fr-ccom-l123-22"))
    assert rule(story, "accounts") == "open:fr-ccom-l123-22:6m"
    story.fire("owed")
    story.answer("crm", found(last="2026-08-01"))
    assert story.out()["crm"].instructions["accounts"].keep is TEN_YEARS.why, "it ended, and its ten years began"


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ({}, "needs a ground"),
        ({"ground": "g"}, "needs a ground"),
        (CLAIMS | {"text": "nonsense"}, "nobody knows"),
        (CLAIMS | {"text": "fr-decret-2011-219"}, "repealed"),
        (CLAIMS | {"text": ""}, "nobody knows"),
        (CLAIMS | {"review_by": ""}, "looks at it again"),
        (CLAIMS | {"review_by": "2026-03-01"}, "looks at it again"),
        (CLAIMS | {"review_by": "2026-02-30"}, "looks at it again"),
        (CLAIMS | {"why": KeptWhy.HOLD}, "nothing that a person decides"),
        ({"ground": "a", "system": "erp"}, "not about erp"),
    ],
)
def test_what_is_wrong_is_refused_with_words(what: dict[str, Any], says: str) -> None:
    story = Story(plan())
    said = refusal(story.state, decision(story, **what))
    assert said is not None
    assert says in said[0]
    assert decide(story, **what).ignored
    assert story.state.decisions == ()


def test_a_record_set_that_the_plan_does_not_know_and_a_closed_request_are_refused() -> None:
    story = Story(plan())
    said = unknown(story.plan, decision(story, ground="a", record_set="invoices"))
    assert said is not None
    assert said == ("no record set crm/invoices", "one of: contacts")
    assert decide(story, ground="a", record_set="invoices").ignored == said[0]
    story.nothing()
    closed = refusal(story.state, decision(story, ground="a"))
    assert closed is not None
    assert "nothing of this record set is kept" in closed[0]


def test_i05_a_history_with_decisions_replays_to_the_same_state() -> None:
    story = Story(plan())
    decide(story, **CLAIMS)
    story.answer("crm", found())
    story.answer("crm", kept())
    decide(story, ground="b")
    story.answer("crm", found())
    story.answer("crm", deleted())
    assert replay(lambda _: story.plan, story.history) == story.state


@pytest.mark.parametrize(("basis", "ground"), [("consent", "-b"), ("GDPR Art. 6(1)(b)", "-a"), ("", "")])
def test_s39_the_ground_follows_from_the_legal_basis_where_nobody_gave_one(basis: str, ground: str) -> None:
    story = Story(plan(system("crm", contacts(basis=basis))))
    story.answer("crm", found())
    story.answer("crm", deleted())
    assert rule(story) == f"erase:gdpr-17-1{ground}"


def test_what_was_decided_about_a_set_without_records_stops_nobody() -> None:
    story = Story(plan(system("crm", contacts(), contacts("notes"))))
    decide(story, record_set="notes", **CLAIMS)
    story.answer("crm", {"contacts": found(), "notes": NothingHeld()})
    assert story.out()["crm"].instructions["notes"].keep is KeptWhy.LEGAL_CLAIMS
    assert story.reasons == []


def test_a_decision_that_rests_on_nothing_any_more_waits_for_a_person() -> None:
    crm = system("crm")
    state = SystemState(located={"contacts": found(2)})
    said = SetDecision("crm", "contacts", "dpo", at(), KeptWhy.LEGAL_CLAIMS, "", "nonsense", "2026-09-01")
    _, blocked = staying(crm, state, Rulings(decisions=(said,)), at(), date_of(at()))
    assert [(one.reason, one.detail) for one in blocked] == [("unknown_text", "nonsense")]


def test_a_decision_about_a_closed_request_goes_by_the_newest_plan() -> None:
    story = Story(plan(system("crm", contacts(retain=TEN_YEARS))))
    story.answer("crm", found(1, last="2026-01-01"))
    story.answer("crm", kept(KeptWhy.LEGAL_OBLIGATION, TEN_YEARS.text))
    assert story.closed()
    story.corrected(system("crm", contacts(retain=TEN_YEARS, max_records=5), contacts("letters")))
    newest = story.in_force()
    decide(story, ground="d", plan_sha256=newest)
    assert story.state.plan_sha256 == newest
    story.answer("crm", found(1, last="2026-01-01"))
    assert story.out()["crm"].instructions.keys() == {"contacts", "letters"}


def test_a_decision_about_what_the_newest_plan_lacks_calls_a_person() -> None:
    story = Story(plan(system("crm", contacts(retain=TEN_YEARS))))
    story.answer("crm", found(1, last="2026-01-01"))
    story.answer("crm", kept(KeptWhy.LEGAL_OBLIGATION, TEN_YEARS.text))
    before = story.state.plan_sha256
    story.corrected(system("crm", contacts("people")))
    decide(story, ground="d", plan_sha256=story.in_force())
    assert (story.reasons, story.state.plan_sha256) == (["system_gone"], before)
    assert not story.out()


def test_a_decision_about_an_open_request_brings_no_plan() -> None:
    story = Story(plan())
    before = story.state.plan_sha256
    story.corrected(system("crm", contacts(max_records=5)))
    decide(story, ground="d", plan_sha256=story.in_force())
    assert story.state.plan_sha256 == before
