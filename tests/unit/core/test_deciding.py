"""Deciding: every record set has a rule (I7), what stays has a reason, a text and a date (I8)."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest

from orchestrator.core.deciding import decide_erasure
from orchestrator.core.model import Phase, SystemState
from orchestrator.core.plan import PolicyVersionPlan, RecordSetPlan, RetainRule, RetentionRulePlan
from orchestrator.core.rulings import Ended
from schemas.outcomes import Deleted, Facts, Kept, KeptWhy, Located, NothingHeld, Outcome
from schemas.tasks import Instruction
from tests.support.stories import TEN_YEARS, Story, at, contacts, found, invoices, plan, system

TODAY = dt.date(2026, 3, 1)
OVER = "2016-03-01"
"""The last anchor date whose ten years are over."""


def decide(
    located: dict[str, Outcome], *sets: RecordSetPlan, unproven: dict[str, int] | None = None, today: dt.date = TODAY
) -> tuple[dict[str, Instruction], dict[str, str], list[tuple[str, str, str]]]:
    state = SystemState(located=located, unproven=unproven or {})
    instructions, rules, blocked = decide_erasure(system("crm", *sets), state, at(), today)
    return instructions, rules, [(one.reason, one.owner, one.detail) for one in blocked]


def keep(count: int, *, up_to: str = OVER) -> Instruction:
    return Instruction(KeptWhy.LEGAL_OBLIGATION, "fr-ccom-l123-22", up_to, 120, count)


def test_what_has_no_retention_is_erased() -> None:
    instructions, rules, blocked = decide({"contacts": found(3)}, contacts())
    assert instructions == {"contacts": Instruction(found=3)}
    assert rules == {"contacts": "erase:gdpr-17-1"}
    assert not blocked


def test_what_the_law_keeps_is_kept_on_its_text() -> None:
    instructions, rules, blocked = decide({"invoices": found(3, last="2020-05-05")}, invoices())
    assert instructions == {"invoices": keep(3)}
    assert rules == {"invoices": "retain:fr-ccom-l123-22:120m"}
    assert not blocked


def test_what_is_over_is_erased_but_a_newer_record_that_came_since_is_not() -> None:
    instructions, rules, _ = decide({"invoices": found(3, last=OVER)}, invoices())
    assert rules == {"invoices": "retention-over:fr-ccom-l123-22:120m"}
    # ``erase_up_to`` erases all three; an invoice of today would stay.
    assert instructions == {"invoices": keep(3)}


@pytest.mark.parametrize(
    ("text", "months", "reason"),
    [
        ("policy:accounts", 12, None),
        ("policy:accounts", 11, None),
        ("policy:accounts", 13, "rule_exceeded"),
        ("policy:acounts", 12, "unknown_rule"),
        ("policy:open", 12, "rule_undecided"),
        ("policy:", 12, "unknown_rule"),
        ("fr-ccom-l123-22", 120, None),
        ("fr-decret-2011-219", 12, "text_repealed"),
    ],
)
def test_i08_s14_nothing_is_kept_on_a_period_that_the_policy_does_not_promise(
    text: str, months: int, reason: str | None
) -> None:
    sets = invoices("accounts", kinds=("email",), retain=RetainRule(KeptWhy.LEGAL_CLAIMS, text, months))
    rules = (RetentionRulePlan("accounts", 12), RetentionRulePlan("open"))
    bare = plan(system("crm", sets))
    versions = (PolicyVersionPlan("1", "2020-01-01"),)
    story = Story(msgspec.structs.replace(bare, policy_versions=versions, retention_rules=rules))
    story.answer("crm", found(last="2025-12-01"))
    assert story.phase() is (Phase.DECIDING if reason else Phase.ACTING)
    assert [(one.reason, one.owner, one.detail) for one in story.state.attention] == (
        [(reason, "dpo", text)] if reason else []
    )
    without = Story(bare)
    without.answer("crm", found(last="2025-12-01"))
    assert without.reasons == {"policy:": ["unknown_text"], "fr-decret-2011-219": ["text_repealed"]}.get(text, [])


@pytest.mark.parametrize(("text", "reason"), [("policy:open", None), ("policy:other", "unknown_rule")])
def test_s14_while_a_contract_runs_an_undecided_period_after_it_is_no_hindrance(text: str, reason: str | None) -> None:
    running = RetainRule(KeptWhy.LEGAL_CLAIMS, text, 12, "no_ground", 6)
    one = system("crm", invoices("accounts", kinds=("email",), retain=running))
    versions, rules = (PolicyVersionPlan("1", "2020-01-01"),), (RetentionRulePlan("open"),)
    story = Story(msgspec.structs.replace(plan(one), policy_versions=versions, retention_rules=rules))
    story.answer("crm", found(anchor_missing=1))
    assert story.reasons[:1] == ([reason] if reason else [])
    if reason is None:
        assert story.out()["crm"].instructions["accounts"].keep is KeptWhy.NO_GROUND
        story.answer("crm", Kept(1, KeptWhy.NO_GROUND, text, None, "2026-09-01", looked_at=at()))
        story.fire("owed")
        story.answer("crm", found(last="2026-08-01"))
        assert story.reasons == ["rule_undecided"], "the contract is over, and nobody said for how long (S14)"


def test_i09_a_kept_record_that_comes_after_the_search_is_not_swept_away() -> None:
    # The search found contacts only; between it and the erasure an invoice is written.
    instructions, rules, blocked = decide({"contacts": found(), "invoices": NothingHeld()}, contacts(), invoices())
    assert instructions["invoices"] == keep(0)
    assert rules["invoices"] == "retain:fr-ccom-l123-22:120m"
    assert not blocked


def test_children_share_the_fate_of_their_parent_whatever_the_order() -> None:
    lines = RecordSetPlan("lines", erase="with_parent", parent="invoices")
    parts = RecordSetPlan("parts", erase="with_parent", parent="lines")
    located: dict[str, Outcome] = {"parts": found(9), "lines": found(6), "invoices": found(3, last="2020-05-05")}
    instructions, rules, _ = decide(located, parts, lines, invoices())
    assert instructions == {"invoices": keep(3), "lines": keep(6), "parts": keep(9)}
    assert rules["parts"] == "with_parent:with_parent:retain:fr-ccom-l123-22:120m"


def test_a_cycle_of_parents_or_a_missing_one_does_not_hang() -> None:
    a = RecordSetPlan("a", erase="with_parent", parent="b")
    b = RecordSetPlan("b", erase="with_parent", parent="a")
    c = RecordSetPlan("c", erase="with_parent", parent="nowhere")
    instructions, rules, _ = decide({"a": found(), "b": found(), "c": found()}, a, b, c)
    assert set(instructions) == set(rules) == {"a", "b", "c"}
    assert instructions["c"] == Instruction(found=1)


def test_i02_what_an_earlier_erasure_left_unproven_has_to_be_accounted_for() -> None:
    instructions, _, _ = decide({"contacts": NothingHeld()}, contacts(), unproven={"contacts": 3})
    assert instructions == {"contacts": Instruction(found=3)}


@pytest.mark.parametrize(
    ("facts", "detail"), [(Facts(), "0"), (Facts("2020-01-01", "2020-01-01", 2), "2"), (Facts(anchor_missing=1), "1")]
)
def test_i08_without_a_date_a_person_decides(facts: Facts, detail: str) -> None:
    _, _, blocked = decide({"invoices": Located(3, facts)}, invoices())
    assert blocked == [("retention_without_date", "dpo", detail)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [("fr-decret-2011-219", "text_repealed"), ("nobody-knows", "unknown_text"), ("policy:", "unknown_text")],
)
def test_i07_a_text_that_does_not_hold_blocks(text: str, reason: str) -> None:
    one = invoices(retain=RetainRule(KeptWhy.LEGAL_OBLIGATION, text, 12))
    _, _, blocked = decide({"invoices": found(1, last="2026-01-01")}, one)
    assert blocked == [(reason, "dpo", text)]
    # Where nothing is held there is nothing to decide.
    assert decide({"invoices": NothingHeld()}, one)[2] == []


def test_i07_a_text_not_yet_in_force_blocks() -> None:
    _, _, blocked = decide({"invoices": found(1, last="1999-01-01")}, invoices(), today=dt.date(2000, 9, 20))
    assert [one[0] for one in blocked] == ["text_not_yet_in_force"]
    assert decide({"invoices": found(1, last="1999-01-01")}, invoices(), today=dt.date(2000, 9, 21))[2] == []


@pytest.mark.parametrize("last", ["2116-03-02", "9999-12-31"])
def test_i08_an_end_absurdly_far_away_blocks(last: str) -> None:
    _, _, blocked = decide({"invoices": found(1, last=last)}, invoices())
    assert blocked == [("retention_without_end", "dpo", "")]


def test_an_end_a_hundred_years_away_is_the_last_that_is_taken() -> None:
    assert decide({"invoices": found(1, last="2116-03-01")}, invoices())[2] == []
    # 29 February exists a hundred years later only in some centuries.
    assert decide({"invoices": found(1, last="2000-02-01")}, invoices(), today=dt.date(2000, 9, 29))[2] == []
    assert decide({"invoices": found(1, last="2400-02-01")}, invoices(), today=dt.date(2400, 2, 29))[2] == []


def test_a_blocked_decision_sends_nothing_and_is_made_afresh() -> None:
    story = Story(plan(system("crm", contacts(), invoices(kinds=("email",)))))
    story.answer("crm", {"contacts": found(), "invoices": found(2, anchor_missing=2)})
    assert story.phase() is Phase.DECIDING
    assert story.reasons == ["retention_without_date"]
    assert [one.action for one in story.tasks] == ["locate"]
    story.resume()
    assert story.phase() is Phase.DISCOVERING
    story.answer("crm", {"contacts": found(), "invoices": found(2, last="2020-05-05")})
    kept = Kept(2, TEN_YEARS.why, TEN_YEARS.text, "2030-05-05", looked_at=at())
    story.answer("crm", {"contacts": Deleted(1, "delete", at()), "invoices": kept})
    assert story.closed()
    assert {one.name: one.rule for one in story.records[0].systems[0].record_sets} == {
        "contacts": "erase:gdpr-17-1",
        "invoices": "retain:fr-ccom-l123-22:120m",
    }


# -- what the person has ended before -----------------------------------------------------------------------
UPHELD = Ended("obj-1", "gdpr-21-1", ("scoring",))
MARKETING = Ended("obj-2", "gdpr-21-3", ("marketing",))
WITHDRAWN = Ended("wd-1", "gdpr-7-3", ("marketing", "newsletter"))


def grounds(*ended: Ended, purpose: str, basis: str, retain: RetainRule | None = None) -> list[str]:
    one = contacts(purpose=purpose, basis=basis, retain=retain)
    story = Story(plan(system("crm", one)), ended=ended)
    story.all_answer(found(2, last="2026-01-01"))
    return [] if story.out() == {} else [story.state.systems["crm"].rules["contacts"]]


@pytest.mark.parametrize(
    ("purpose", "basis", "rule"),
    [
        ("scoring", "legitimate_interest", "erase:gdpr-17-1-c:gdpr-21-1:obj-1"),
        ("scoring", "", "erase:gdpr-17-1-c:gdpr-21-1:obj-1"),
        ("scoring", "contract", "erase:gdpr-17-1-a"),
        ("support", "legitimate_interest", "erase:gdpr-17-1-a"),
        ("newsletter", "consent", "erase:gdpr-17-1-b:gdpr-7-3:wd-1"),
        ("newsletter", "legitimate_interest", "erase:gdpr-17-1-a"),
        ("newsletter", "", "erase:gdpr-17-1"),
        ("marketing", "consent", "erase:gdpr-17-1-b:gdpr-7-3:wd-1"),
        ("marketing", "contract", "erase:gdpr-17-1-c:gdpr-21-3:obj-2"),
        ("other", "consent", "erase:gdpr-17-1-b"),
    ],
)
def test_s03_s05_s39_what_the_person_has_ended_before_is_the_ground(purpose: str, basis: str, rule: str) -> None:
    assert grounds(WITHDRAWN, UPHELD, MARKETING, purpose=purpose, basis=basis) == [rule]


@pytest.mark.parametrize(
    ("why", "rule"),
    [
        (KeptWhy.NO_GROUND, "erase:gdpr-17-1-c:gdpr-21-1:obj-1"),
        (KeptWhy.LEGAL_OBLIGATION, "retain:fr-ccom-l123-22:120m"),
    ],
)
def test_s39_a_ground_ends_what_is_kept_for_lack_of_one_and_no_exception(why: KeptWhy, rule: str) -> None:
    kept = msgspec.structs.replace(TEN_YEARS, why=why)
    assert grounds(UPHELD, purpose="scoring", basis="legitimate_interest", retain=kept) == [rule]


def test_s14_what_still_runs_is_erased_where_the_person_has_ended_its_use() -> None:
    running = RetainRule(KeptWhy.NO_GROUND, "policy:clients", 1, "no_ground", 6)
    one = contacts(purpose="scoring", basis="legitimate_interest", retain=running)
    for ended, rule in (((), "open:policy:clients:6m"), ((UPHELD,), "erase:gdpr-17-1-c:gdpr-21-1:obj-1")):
        story = Story(plan(system("crm", one)), ended=ended)
        story.all_answer(found(2, anchor_missing=2))
        assert story.state.systems["crm"].rules["contacts"] == rule


def test_a_child_goes_on_the_ground_of_its_parent() -> None:
    child = contacts("calls", erase="with_parent", parent="contacts")
    story = Story(plan(system("crm", contacts(purpose="scoring", basis="6(1)(f)"), child)), ended=(UPHELD,))
    story.all_answer(found(2))
    assert story.state.systems["crm"].rules["calls"] == "with_parent:erase:gdpr-17-1-c:gdpr-21-1:obj-1"
