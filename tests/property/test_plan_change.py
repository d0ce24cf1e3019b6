"""Whenever a data map is corrected: nothing completes with a record set of the newer plan unanswered (I1)."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core.events import Incident
from orchestrator.core.replay import replay
from schemas.requests import Right
from tests.support.simulated import FAULTS, Row, Store, World, company, person
from tests.support.stories import COMPANY as SAMPLE
from tests.support.stories import able, all_able, at, contacts, plan, system

COMPANY = all_able(SAMPLE)
NAMES = [one.system for one in COMPANY.systems]
CRM, EVENTS, MAIL, HR = COMPANY.systems
LEADS = able(contacts("leads"))
NEWER = plan(
    msgspec.structs.replace(CRM, record_sets=(*CRM.record_sets, LEADS)),
    EVENTS,
    MAIL,
    HR,
    system("shop", able(contacts())),
)
REACH_ALL = [Right.ERASURE, Right.ACCESS, Right.RESTRICTION]
FAULT_LISTS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(NAMES, st.lists(st.sampled_from(sorted(FAULTS)), max_size=3))
)


def world(right: Right, faults: dict[str, list[str]]) -> World:
    """The company; its crm holds a record set, and a shop is there, that the first data map does not know."""
    stores = company()
    for name, some in faults.items():
        stores[name].faults = list(some)
    rows = {f"person-{n}/0": Row(f"person-{n}", frozenset({person(n)["email"].ref})) for n in (0, 1)}
    stores["crm"].rows["leads"] = copy.deepcopy(rows)
    stores["shop"] = Store({"contacts": copy.deepcopy(rows)})
    return World(COMPANY, stores, right)


@settings(deadline=None, max_examples=120)
@given(
    right=st.sampled_from(REACH_ALL),
    faults=FAULT_LISTS,
    steps=st.integers(0, 25),
    order=st.randoms(use_true_random=False),
)
def test_i01_nothing_completes_with_a_record_set_of_the_newer_plan_unanswered(
    right: Right, faults: dict[str, list[str]], steps: int, order: Any
) -> None:
    one = world(right, faults)
    story, bystander = one.story, copy.deepcopy(one.left("person-1"))
    for _ in range(steps):
        if one.answers:
            one.deliver(order.randrange(len(one.answers)))
        elif not story.closed():
            one.fire()
    opened = not story.closed()
    story.newer = NEWER
    if opened:
        story.told(Incident(request_id="req", observed_at=at(story.now), reason="internal_error"))
        one.resume()
        assert story.state.plan_sha256 == NEWER.digest()
    else:
        one.fire()
    one.close(order.randrange)
    for record in story.records:
        went_by = {COMPANY.digest(): COMPANY, NEWER.digest(): NEWER}[record.plan_sha256]
        for line in record.systems:
            assert {told.name for told in line.record_sets} == went_by.system(line.system).names
    if opened:
        assert {"crm", "shop"} <= {line.system for line in story.records[-1].systems}
    if right is Right.ERASURE:
        left = one.left("person-0")
        assert ("crm", "leads") not in left
        assert (("shop", "contacts") in left) is not opened
    assert one.left("person-1") == bystander
    applied = [event for event, made in zip(story.history, story.steps, strict=True) if not made.ignored]
    assert replay({COMPANY.digest(): COMPANY, NEWER.digest(): NEWER}.__getitem__, applied) == story.state
