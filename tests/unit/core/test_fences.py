"""Fences that no path should reach: states made by hand, as a bug would make them (I1, I2)."""

from __future__ import annotations

import msgspec
import pytest

from orchestrator.core import aggregate, completion
from orchestrator.core.events import Event
from orchestrator.core.model import Phase, Result
from orchestrator.core.replay import replay
from orchestrator.errors import IllegalTransitionError
from schemas.outcomes import Kept, NothingHeld, Notified
from tests.support.stories import TEN_YEARS, Story, at, contacts, deleted, found, invoices, plan, system

TWO = plan(system("crm"), system("mail"))


def broken(phase: Phase) -> Story:
    """A request of which one system's answer has vanished."""
    story = Story(TWO)
    if phase is Phase.ACTING:
        story.all_answer()
    story.answer("crm", found() if phase is Phase.DISCOVERING else deleted())
    story.state.systems["crm"].located = {}
    story.state.systems["crm"].outcomes = {}
    return story


@pytest.mark.parametrize("phase", [Phase.DISCOVERING, Phase.ACTING])
def test_i01_i02_without_every_answer_nothing_goes_on(phase: Phase) -> None:
    story = broken(phase)
    story.answer("mail", found() if phase is Phase.DISCOVERING else deleted())
    assert story.phase() is phase
    assert [(one.reason, one.system) for one in story.state.attention] == [("not_final", "crm")]
    assert not story.records
    story.resume()
    while not story.closed():
        story.all_answer()
    assert len(story.records) == 1


def test_i01_a_record_is_not_made_without_every_line() -> None:
    story = broken(Phase.ACTING)
    for make in (
        lambda: completion.record(TWO, story.state, at(), Result.FULFILLED, "deleted", ()),
        lambda: completion.obligations(TWO, story.state, "2026-03-01"),
        lambda: aggregate.result_of(TWO, story.state, ()),
    ):
        with pytest.raises(IllegalTransitionError):
            make()


def test_i01_an_outcome_of_a_later_right_is_the_weakest_line() -> None:
    story = Story(plan())
    story.answer("crm", found())
    story.state.systems["crm"].outcomes = {"contacts": Notified("acme")}
    assert aggregate.result_of(story.plan, story.state, aggregate.unsearched(story.plan, story.state)) == (
        Result.UNIDENTIFIABLE,
        "not_searched",
    )


def test_a_plan_without_systems_is_unidentifiable() -> None:
    empty = msgspec.structs.replace(TWO, systems=())
    story = Story(empty)
    assert story.closed()
    assert story.records[0].result == "unidentifiable"


def test_a_second_record_does_not_repeat_what_was_out_of_scope() -> None:
    story = Story(plan(system("crm", invoices(kinds=("email",))), system("hr", contacts())), scope=("crm",))
    story.answer("crm", found(1, last="2020-05-05"))
    story.answer("crm", Kept(1, TEN_YEARS.why, TEN_YEARS.text, "2030-05-05"))
    assert story.records[0].not_searched == {"hr": completion.OUT_OF_SCOPE}
    story.fire("owed")
    story.answer("crm", NothingHeld())
    assert story.records[1].not_searched == {}
    assert story.records[1].result == "nothing_held"


def test_i05_a_history_begins_with_the_request() -> None:
    story = Story(plan())
    story.answer("crm", NothingHeld())
    plans = {story.plan.digest(): story.plan}
    assert replay(plans.__getitem__, story.history) == story.state
    assert replay(plans.__getitem__, list[Event]()) is None
    with pytest.raises(IllegalTransitionError):
        replay(plans.__getitem__, story.history[1:])


def test_the_plan_has_one_digest_whatever_made_it() -> None:
    stored = msgspec.json.decode(msgspec.json.encode(TWO), type=type(TWO))
    assert stored.digest() == TWO.digest()
    assert plan(system("crm")).digest() != TWO.digest()
