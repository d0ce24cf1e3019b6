"""The core among simulated systems: order, duplicates and faults change nothing that counts (I1, I3, I9)."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core.model import RequestState
from schemas.completion import CompletionRecord
from schemas.outcomes import Kept
from schemas.requests import Right
from tests.support.simulated import FAULTS, World, company
from tests.support.stories import COMPANY, all_able

Faults = dict[str, list[str]]
NAMES = [one.system for one in COMPANY.systems]
FAULT_LISTS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(NAMES, st.lists(st.sampled_from(sorted(FAULTS)), max_size=6))
)
BILLS = st.lists(st.sampled_from(["2010-01-01", "2016-03-01", "2017-01-01", "2020-05-05", "2026-02-28"]), max_size=3)


def world(right: Right, faults: Faults, bills: tuple[str, ...] = ("2020-05-05", "2010-01-01")) -> World:
    stores = company(bills=bills)
    for name, some in faults.items():
        stores[name].faults = list(some)
    plan = COMPANY if right in {Right.ERASURE, Right.ACCESS} else all_able(COMPANY)
    return World(plan, stores, right)


def canonical(state: RequestState) -> dict[str, Any]:
    """A state without what numbers steps or keeps their order: generations, and the order of arrival."""
    plain: dict[str, Any] = msgspec.to_builtins(state)
    plain.pop("generation")
    plain.pop("package_job", None)
    plain["heard"] = sorted(plain.get("heard", ()))
    plain["timers"] = {name: timer["due"] for name, timer in plain.get("timers", {}).items()}
    plain["attention"] = sorted(plain.get("attention", ()), key=str)
    return plain


def told(one: World) -> tuple[dict[str, Any], list[CompletionRecord], list[tuple[str, str, str]]]:
    notices = [(n.kind, n.to, str(n.facts)) for n in one.story.notices]
    return canonical(one.story.state), one.story.records, sorted(notices)


@settings(deadline=None, max_examples=150)
@given(right=st.sampled_from(Right), faults=FAULT_LISTS, order=st.randoms(use_true_random=False))
def test_i03_in_any_order_between_two_timers_the_state_and_the_record_are_the_same(
    right: Right, faults: Faults, order: Any
) -> None:
    straight, shuffled = world(right, faults), world(right, faults)
    straight.settle(lambda _: 0)
    shuffled.settle(order.randrange)
    assert told(straight) == told(shuffled)


@settings(deadline=None, max_examples=150)
@given(right=st.sampled_from(Right), faults=FAULT_LISTS, order=st.randoms(use_true_random=False))
def test_i03_every_answer_again_and_late_changes_nothing(right: Right, faults: Faults, order: Any) -> None:
    once, twice = world(right, faults), world(right, faults)
    once.settle(lambda _: 0)
    twice.settle(lambda many: many - 1 if order.random() < 0.5 else order.randrange(many), twice=True)
    for place in range(len(twice.said)):
        assert twice.again(place).ignored
    assert told(once) == told(twice)


@settings(deadline=None, max_examples=150)
@given(faults=FAULT_LISTS, bills=BILLS, order=st.randoms(use_true_random=False))
def test_i01_what_is_complete_is_gone_or_kept_and_dated(faults: Faults, bills: list[str], order: Any) -> None:
    one = world(Right.ERASURE, faults, tuple(bills))
    bystander = copy.deepcopy(one.left("person-1"))
    one.close(order.randrange)
    kept = [day for day in bills if day >= "2017-01-01"]
    left = one.left("person-0")
    # hr is another domain: it is not searched, and the record says so (I9, I12).
    assert left.pop(("hr", "staff"))
    assert set(one.story.records[0].not_searched) >= {"hr"}
    assert [row.anchor for row in left.pop(("crm", "invoices"), [])] == kept
    if bills:
        assert not left
    assert one.left("person-1") == bystander
    line = one.story.line("crm", "invoices")
    assert isinstance(line, Kept) == bool(kept)
    # Every record is told once, however often it was tried (I3).
    told_of = (line.count + line.erased) if isinstance(line, Kept) else getattr(line, "before", 0)
    assert told_of == len(bills)


@settings(deadline=None, max_examples=60)
@given(faults=FAULT_LISTS, bills=BILLS, order=st.randoms(use_true_random=False))
def test_i08_until_the_last_obligation_and_then_nothing_is_known(faults: Faults, bills: list[str], order: Any) -> None:
    one = world(Right.ERASURE, faults, tuple(bills))
    one.close(order.randrange)
    for _ in range(20):
        if not one.story.state.obligations:
            break
        assert one.fire()
        one.close(order.randrange)
    left = one.left("person-0")
    assert set(left) <= {("hr", "staff"), *({("events", "clicks")} if not bills else ())}
    assert one.story.state.forgotten
    assert not one.story.state.known
    assert not one.story.state.timers
    assert [record.number for record in one.story.records] == list(range(1, len(one.story.records) + 1))


@settings(deadline=None, max_examples=60)
@given(faults=FAULT_LISTS, order=st.randoms(use_true_random=False))
def test_an_access_holds_all_that_was_found(faults: Faults, order: Any) -> None:
    one = world(Right.ACCESS, faults)
    before = copy.deepcopy(one.left("person-0"))
    one.close(order.randrange)
    lines = {
        (s.system, r.name): getattr(r.outcome, "count", 0) for s in one.story.records[0].systems for r in s.record_sets
    }
    assert lines == {
        ("crm", "contacts"): 1,
        ("crm", "invoices"): 2,
        ("events", "clicks"): 2,
        ("mail", "letters"): 1,
    }
    assert one.left("person-0") == before
