"""Approval of a preview: bound to exactly what was shown, void once that changes, two persons where it is much."""

from __future__ import annotations

import msgspec
import pytest

from orchestrator.core import approving
from orchestrator.core.commanding import refusal
from orchestrator.core.commands_deciding import Approved, HoldPlaced
from orchestrator.core.machine import Step
from orchestrator.core.model import Phase
from orchestrator.core.plan import RetainRule
from orchestrator.core.replay import replay
from orchestrator.core.rulings import Hold
from schemas.outcomes import KeptWhy
from schemas.tasks import Action
from tests.support.stories import Story, at, contacts, deleted, found, invoices, link, plan, system

ONE = msgspec.structs.replace(plan(), approval_records=2)
TWO = msgspec.structs.replace(ONE, four_eyes_records=5)


def approve(story: Story, by: str = "a", preview: str = "") -> Step:
    return story.told(approval(story, by, preview))


def approval(story: Story, by: str = "a", preview: str = "") -> Approved:
    shown = preview or story.state.preview
    return Approved(request_id="req", observed_at=at(story.now), role="dpo", preview=shown, by=by)


def wrong(story: Story, one: Approved) -> str:
    said = refusal(story.state, one)
    return said[0] if said else ""


def waits(story: Story) -> bool:
    return story.phase() is Phase.DECIDING and story.reasons == ["approval_needed"]


def test_without_a_limit_and_up_to_it_nobody_is_asked() -> None:
    for one in (plan(), ONE):
        story = Story(one)
        story.answer("crm", found(2))
        assert story.out()["crm"].action is Action.ERASE
        assert story.state.preview == ""


def test_over_the_limit_it_waits_for_one_and_acts_on_what_was_shown() -> None:
    story = Story(ONE)
    story.answer("crm", found(3))
    assert waits(story)
    assert not story.out()
    shown = approving.preview(story.plan, story.state)
    assert shown["record_sets"] == {"crm/contacts": {"found": 3, "does": "erase", "rule": "erase:gdpr-17-1"}}
    assert approving.digest(shown) == story.state.preview
    approve(story)
    assert story.out()["crm"].instructions["contacts"].found == 3
    story.answer("crm", deleted(3))
    assert story.closed()
    assert [one.role for one in story.state.approvals] == ["dpo"]


def test_four_eyes_are_two_different_persons() -> None:
    story = Story(TWO)
    story.answer("crm", found(6))
    approve(story)
    assert waits(story)
    assert story.state.attention[0].detail == "1_of_2"
    assert wrong(story, approval(story)) == "the same person has approved it already"
    assert approve(story).ignored == "the same person has approved it already"
    approve(story, "b")
    assert story.out()["crm"].action is Action.ERASE


def test_an_approval_of_what_is_no_longer_true_is_refused_with_words() -> None:
    story = Story(TWO)
    story.answer("crm", found(6))
    older = story.state.preview
    approve(story)
    hold = Hold("h", "litigation", "gdpr-17-3-e", "legal", "2027-01-01", at(), ("crm/letters",))
    story.told(HoldPlaced(request_id="req", observed_at=at(), role="legal", hold=hold))
    assert story.state.preview not in {"", older}, "the hold is part of what is shown"
    assert story.state.approvals == (), "what was approved is not so any more"
    assert wrong(story, approval(story, "b", older)) == "this preview is not true any more"
    approve(story)
    assert waits(story), "it asks for both again"


def test_a_hold_on_everything_needs_no_approval_any_more() -> None:
    story = Story(ONE)
    story.answer("crm", found(3))
    hold = Hold("h", "litigation", "gdpr-17-3-e", "legal", "2027-01-01", at())
    story.told(HoldPlaced(request_id="req", observed_at=at(), role="legal", hold=hold))
    assert story.out()["crm"].instructions["contacts"].keep is KeptWhy.HOLD


def test_the_preview_tells_what_stays_why_and_until_and_does_not_hang_on_the_day() -> None:
    both = plan(system("crm", contacts(), invoices(kinds=("email",))))
    story = Story(msgspec.structs.replace(both, approval_records=1))
    story.answer("crm", {"contacts": found(2), "invoices": found(4, last="2020-05-05")})
    line = approving.preview(story.plan, story.state)["record_sets"]["crm/invoices"]
    assert line == {
        "found": 4,
        "does": "keep",
        "rule": "retain:fr-ccom-l123-22:120m",
        "why": "exception_17_3_b",
        "text": "fr-ccom-l123-22",
        "until": "2030-05-05",
    }
    before = story.state.preview
    story.fire("deadline")
    assert story.state.preview == before
    approve(story)
    assert story.out()["crm"].action is Action.ERASE


@pytest.mark.parametrize("phase", ["before", "after"])
def test_where_nothing_waits_an_approval_is_refused(phase: str) -> None:
    story = Story(ONE)
    if phase == "after":
        story.answer("crm", found(1))
    assert wrong(story, approval(story, preview="0")) == "nothing waits for an approval"


def test_i05_a_history_with_approvals_replays_to_the_same_state() -> None:
    story = Story(TWO)
    story.answer("crm", found(6))
    approve(story)
    approve(story, "b")
    story.answer("crm", deleted(6))
    assert replay(lambda _: story.plan, story.history) == story.state


def test_what_is_learnt_while_it_waits_leads_back_to_the_search_and_is_shown_anew() -> None:
    both = plan(system("crm"), system("events", contacts("clicks", kinds=("cookie_id",))))
    story = Story(msgspec.structs.replace(both, approval_records=1))
    story.answer("crm", found(3))
    assert waits(story)
    before = story.state.preview
    late = story.tasks[0]
    story.told(story.confirmation(late, found(3), (link("cookie_id", "9"),)))
    assert story.phase() is Phase.DISCOVERING
    assert story.reasons == [], "nothing waits for an approval while it is searched"
    story.answer("crm", found(3))
    story.answer("events", found(4))
    assert waits(story)
    assert story.state.preview != before


def test_what_is_done_needs_no_approval_again() -> None:
    story = Story(msgspec.structs.replace(plan(system("crm"), system("mail")), approval_records=3))
    story.all_answer(found(2))
    approve(story)
    story.answer("crm", deleted(2))
    hold = Hold("h", "litigation", "gdpr-17-3-e", "legal", "2027-01-01", at(), ("mail/other",))
    story.told(HoldPlaced(request_id="req", observed_at=at(), role="legal", hold=hold))
    story.fire("silent:mail")
    story.answer("mail", found(2))
    assert story.out()["mail"].action is Action.ERASE, "two records are left to erase, and three need nobody"


def test_the_preview_of_what_still_runs_does_not_hang_on_the_day_either() -> None:
    running = RetainRule(KeptWhy.LEGAL_OBLIGATION, "fr-ccom-l123-22", 120, "no_ground", 6)
    both = plan(system("crm", contacts(), invoices("accounts", kinds=("email",), retain=running)))
    story = Story(msgspec.structs.replace(both, approval_records=1))
    story.answer("crm", {"contacts": found(2), "accounts": found(anchor_missing=1)})
    line = approving.preview(story.plan, story.state)["record_sets"]["crm/accounts"]
    assert line == {
        "found": 1,
        "does": "keep",
        "rule": "open:fr-ccom-l123-22:6m",
        "why": "no_ground",
        "text": "fr-ccom-l123-22",
    }
