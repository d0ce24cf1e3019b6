"""A legal hold at any moment of a request: it stops at once, waits for what is out, and decides afresh (decision 4)."""

from __future__ import annotations

import msgspec
import pytest

from orchestrator.core.commands import RequestWithdrawn
from orchestrator.core.commands_deciding import HoldPlaced, HoldReleased
from orchestrator.core.effects import IssueTask, Recall
from orchestrator.core.events import Recalled
from orchestrator.core.machine import Step
from orchestrator.core.model import Phase
from orchestrator.core.replay import replay
from orchestrator.core.rulings import Hold
from schemas.outcomes import Failed, FailureKind, Kept, KeptWhy, NothingHeld
from schemas.tasks import Action
from tests.support.stories import (
    TEN_YEARS,
    Story,
    at,
    contacts,
    deleted,
    found,
    invoices,
    plan,
    system,
)

HOLD = Hold("hold-1", "litigation", "gdpr-17-3-e", "legal", "2027-01-01", at())
TWO = plan(system("crm"), system("mail"))


def hold(hold_id: str = "hold-1", *scope: str, **more: object) -> Hold:
    return msgspec.structs.replace(HOLD, hold_id=hold_id, scope=scope, **more)


def place(story: Story, one: Hold = HOLD) -> Step:
    return story.told(HoldPlaced(request_id="req", observed_at=at(story.now), role="legal", hold=one))


def release(story: Story, hold_id: str = "hold-1") -> Step:
    return story.told(HoldReleased(request_id="req", observed_at=at(story.now), role="legal", hold_id=hold_id))


def recalled(story: Story, *names: str) -> Step:
    tasks = tuple(story.out()[name].task_id for name in names)
    return story.told(Recalled(request_id="req", observed_at=at(story.now), tasks=tasks))


def kept(count: int = 1, erased: int = 0, review_by: str = "2027-01-01") -> Kept:
    return Kept(count, KeptWhy.HOLD, "gdpr-17-3-e", None, review_by, erased, looked_at=at())


def orders(story: Story) -> list[IssueTask]:
    return [one for one in story.tasks if one.action is Action.ERASE]


def rule(story: Story, name: str, record_set: str = "contacts") -> str:
    lines = {one.system: one.record_sets for one in story.records[-1].systems}
    return {one.name: one.rule for one in lines[name]}[record_set]


def test_a_request_that_comes_under_a_hold_is_kept_and_says_so() -> None:
    story = Story(plan(), holds=(HOLD,))
    story.answer("crm", found(2))
    (order,) = orders(story)
    assert order.hold_version == 1
    assert order.instructions["contacts"].review_by == "2027-01-01"
    story.answer("crm", kept(2))
    assert story.records[0].result == "partly_fulfilled"
    assert rule(story, "crm") == "hold:hold-1:gdpr-17-3-e"
    (owed,) = story.state.obligations
    assert (owed.due, owed.holds) == ("2027-01-01", ("hold-1",))


def test_in_the_middle_of_acting_it_calls_back_what_has_not_left_and_the_rest_goes_on() -> None:
    story = Story(TWO)
    story.all_answer(found(2))
    place(story, hold("hold-1", "mail"))
    assert story.effects(Recall)[-1].tasks == (story.out()["mail"].task_id,)
    recalled(story, "mail")
    assert story.out()["mail"].action is Action.LOCATE, "decided afresh on what is there now"
    story.answer("mail", found(2))
    assert story.phase() is Phase.DISCOVERING, "the crm is still erasing"
    story.answer("crm", deleted(2))
    assert story.out()["mail"].instructions["contacts"].keep is KeptWhy.HOLD
    assert story.out()["mail"].hold_version == 1
    story.answer("mail", kept(2))
    assert story.closed()
    assert story.line("crm", "contacts") == deleted(2)
    assert rule(story, "crm") == "erase:gdpr-17-1"


def test_what_went_before_is_told_as_gone_before() -> None:
    story = Story(plan(system("crm", contacts(), contacts("letters"))))
    story.all_answer(found(2))
    place(story)
    story.answer("crm", {"contacts": deleted(2), "letters": Failed(FailureKind.TRANSIENT, "busy")})
    story.fire("retry:crm")
    assert story.out()["crm"].action is Action.LOCATE, "never the old order again"
    story.answer("crm", {"contacts": NothingHeld(), "letters": found(2)})
    story.answer("crm", {"contacts": NothingHeld(), "letters": kept(2)})
    assert story.line("crm", "contacts") == deleted(2)
    assert rule(story, "crm") == "gone-before"
    assert rule(story, "crm", "letters") == "hold:hold-1:gdpr-17-3-e"


def test_what_is_out_is_waited_for_until_its_lease_is_over() -> None:
    story = Story(plan(lease_minutes=90))
    story.all_answer(found())
    place(story)
    assert story.state.timers["silent:crm"].due == at(story.now + 90 * 60)
    story.fire("silent:crm")
    assert story.out()["crm"].action is Action.LOCATE
    story.answer("crm", found())
    story.answer("crm", kept())
    assert story.closed()


def test_its_release_decides_afresh_and_nothing_is_lost_on_the_way() -> None:
    story = Story(plan(), holds=(HOLD,))
    story.answer("crm", found(3))
    release(story)
    story.answer("crm", kept(3))
    assert story.out()["crm"].action is Action.LOCATE, "what was kept by a hold that is over is no answer"
    story.answer("crm", found(2))
    assert story.out()["crm"].instructions["contacts"].found == 3, "three were there (I2)"
    assert story.out()["crm"].hold_version == 2
    story.answer("crm", deleted(3))
    assert story.closed()
    assert story.line("crm", "contacts") == deleted(3)
    assert story.state.obligations == ()


def test_its_release_after_the_close_erases_with_a_second_record() -> None:
    story = Story(TWO, holds=(hold("hold-1", "crm"),))
    story.all_answer(found())
    story.answer("mail", deleted())
    story.answer("crm", kept())
    assert story.closed()
    release(story)
    assert set(story.out()) == {"crm"}
    story.answer("crm", found())
    story.answer("crm", deleted())
    assert [one.number for one in story.records] == [1, 2]
    assert story.records[1].result == "fulfilled"
    assert story.state.forgotten


def test_i08_what_comes_due_is_looked_at_afresh_under_a_hold_placed_since() -> None:
    story = Story(plan(system("crm", invoices(kinds=("email",)))))
    story.answer("crm", found(last="2020-05-05"))
    story.answer("crm", Kept(1, TEN_YEARS.why, TEN_YEARS.text, "2030-05-05", "2030-05-05", looked_at=at()))
    place(story, hold(review_by="2031-01-01"))
    assert story.closed(), "nothing is to be decided now"
    story.fire("owed")
    story.answer("crm", found(last="2020-05-05"))
    assert story.out()["crm"].instructions["invoices"].keep is KeptWhy.HOLD
    story.answer("crm", kept(review_by="2031-01-01"))
    assert len(story.records) == 2
    assert rule(story, "crm", "invoices") == "hold:hold-1:gdpr-17-3-e"


def test_a_hold_that_nobody_reviews_is_recalled_to_its_owner_and_makes_no_records() -> None:
    story = Story(plan(), holds=(HOLD,))
    story.answer("crm", found())
    story.answer("crm", kept())
    for number in (1, 2):
        story.fire("owed")
        assert story.closed()
        reminded = [one for one in story.notices if one.kind == "hold_review_due"]
        assert len(reminded) == number
        assert (reminded[-1].to, reminded[-1].facts["hold"]) == ("legal", "hold-1")
    assert story.state.obligations[0].due == "2027-03-02"
    assert len(story.records) == 1
    release(story)
    story.answer("crm", found())
    story.answer("crm", deleted())
    assert len(story.records) == 2


@pytest.mark.parametrize(
    ("window", "covered"),
    [
        ((None, None), True),
        (("2020-01-01", "2020-12-31"), True),
        (("2020-06-01", None), False),
        ((None, "2020-05-04"), False),
        (("2020-05-05", None), True),
    ],
)
def test_a_window_of_time_holds_a_set_that_may_lie_in_it(window: tuple[str | None, str | None], covered: bool) -> None:
    story = Story(
        plan(system("crm", invoices(kinds=("email",)))), holds=(hold(anchor_from=window[0], anchor_to=window[1]),)
    )
    story.answer("crm", found(last="2020-05-05"))
    why = story.out()["crm"].instructions["invoices"].keep
    assert why is (KeptWhy.HOLD if covered else KeptWhy.LEGAL_OBLIGATION)


def test_a_window_holds_what_has_no_date() -> None:
    story = Story(plan(), holds=(hold(anchor_from="2020-01-01"),))
    story.answer("crm", found(2))
    assert story.out()["crm"].instructions["contacts"].keep is KeptWhy.HOLD


def test_parents_stay_with_what_is_held_of_them_and_children_with_their_parents() -> None:
    sets = (
        contacts(),
        contacts("orders", parent="contacts"),
        contacts("items", erase="with_parent", parent="contacts"),
    )
    story = Story(plan(system("crm", *sets)), holds=(hold("hold-1", "crm/orders"),))
    story.answer("crm", found(2))
    instructions = story.out()["crm"].instructions
    assert {name for name, one in instructions.items() if one.keep is KeptWhy.HOLD} == {"contacts", "orders", "items"}
    rules = story.state.systems["crm"].rules
    assert rules["contacts"] == "with_child:hold:hold-1:gdpr-17-3-e"
    assert rules["items"] == "with_parent:with_child:hold:hold-1:gdpr-17-3-e"


def test_the_earliest_review_of_several_holds_counts_and_one_release_leaves_the_other() -> None:
    second = hold("hold-2", review_by="2026-12-01", placed_at=at(5))
    story = Story(plan(), holds=(second, HOLD))
    story.answer("crm", found())
    assert story.out()["crm"].instructions["contacts"].review_by == "2026-12-01"
    story.answer("crm", kept(review_by="2026-12-01"))
    assert rule(story, "crm") == "hold:hold-1+hold-2:gdpr-17-3-e"
    release(story, "hold-2")
    story.answer("crm", found())
    assert story.out()["crm"].instructions["contacts"].review_by == "2027-01-01"


def test_twice_is_once_and_a_release_of_an_unknown_one_changes_nothing() -> None:
    story = Story(plan())
    place(story)
    assert place(story).ignored == "the hold is known"
    assert release(story, "other").ignored == "the hold does not reach this request"
    assert story.state.hold_version == 1
    release(story)
    story.answer("crm", found())
    story.answer("crm", deleted())
    assert place(story).ignored == "nothing leads to the person any more"


def test_i05_a_history_with_holds_replays_to_the_same_state() -> None:
    story = Story(TWO)
    story.all_answer(found(2))
    place(story)
    recalled(story, "mail")
    story.answer("crm", deleted(2))
    story.answer("mail", found(2))
    story.answer("mail", kept(2))
    assert story.closed()
    release(story)
    story.answer("mail", found(2))
    story.answer("mail", deleted(2))
    assert replay(lambda _: story.plan, story.history) == story.state
    assert [one.number for one in story.records] == [1, 2]


def test_the_release_of_a_hold_erases_nothing_of_a_request_that_was_withdrawn() -> None:
    story = Story(TWO, holds=(hold("hold-1", "crm"),))
    story.all_answer(found(2))
    story.answer("crm", kept(2))
    story.told(RequestWithdrawn(request_id="req", observed_at=at(story.now), role="dpo"))
    recalled(story, "mail")
    assert story.closed()
    assert story.records[0].result == "withdrawn"
    sent = len(story.tasks)
    release(story)
    assert story.closed()
    assert len(story.tasks) == sent
    assert story.state.forgotten


def test_the_owner_of_the_hold_that_keeps_it_is_reminded_and_no_other() -> None:
    other = hold("hold-2", "mail")
    story = Story(TWO, holds=(HOLD, msgspec.structs.replace(other, owner="hr")))
    story.answer("crm", found())
    story.answer("mail", NothingHeld())
    story.answer("crm", kept())
    assert story.closed()
    story.fire("owed")
    assert [one.to for one in story.notices if one.kind == "hold_review_due"] == ["legal"]


def test_a_hold_that_is_released_while_the_request_ends_begins_nothing() -> None:
    story = Story(plan(), holds=(HOLD,))
    story.told(RequestWithdrawn(request_id="req", observed_at=at(story.now), role="dpo"))
    assert not release(story).ignored
    assert len(orders(story)) == 0
    recalled(story, "crm")
    assert story.closed()


def test_a_release_after_the_close_goes_by_the_plan_of_that_day() -> None:
    story = Story(plan(), holds=(HOLD,))
    story.answer("crm", found())
    story.answer("crm", kept())
    newer = story.corrected(system("crm", contacts(max_records=7)))
    event = HoldReleased(
        request_id="req", observed_at=at(story.now), role="legal", hold_id="hold-1", plan_sha256=story.in_force()
    )
    story.told(event)
    assert story.state.plan_sha256 == newer.digest()
    story.answer("crm", found())
    story.answer("crm", deleted())
    assert len(story.records) == 2


def test_what_is_to_be_tried_again_later_is_searched_again_under_a_hold() -> None:
    story = Story(TWO)
    story.all_answer(found())
    story.answer("crm", Failed(FailureKind.TRANSIENT, "busy"))
    assert "retry:crm" in story.state.timers
    place(story, hold("hold-1", "crm"))
    assert story.out()["crm"].action is Action.LOCATE
    assert "retry:crm" not in story.state.timers
