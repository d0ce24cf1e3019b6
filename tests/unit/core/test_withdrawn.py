"""A request withdrawn at any moment: nothing new is sent, what was done is told, nothing is claimed (decision 4)."""

from __future__ import annotations

import pytest

from orchestrator.core.commands import RequestWithdrawn
from orchestrator.core.effects import IssueTask, Notice, Recall
from orchestrator.core.events import Recalled
from orchestrator.core.machine import Step
from orchestrator.core.model import Phase
from orchestrator.core.replay import replay
from schemas.outcomes import Failed, FailureKind, Kept, NothingHeld, Survived
from schemas.requests import Right
from tests.support.stories import TEN_YEARS, Story, at, contacts, deleted, found, invoices, link, plan, system

TWO = plan(system("crm"), system("mail", contacts(backups_kept_days=30)))


def withdrawn(story: Story) -> Step:
    return story.told(RequestWithdrawn(request_id="req", observed_at=at(story.now), role="dpo"))


def recalled(story: Story, *names: str) -> Step:
    tasks = tuple(story.out()[name].task_id for name in names)
    return story.told(Recalled(request_id="req", observed_at=at(story.now), tasks=tasks))


def test_in_the_middle_of_acting_what_is_out_is_waited_for_and_told() -> None:
    story = Story(TWO)
    story.all_answer(found(2))
    sent = len(story.tasks)
    withdrawn(story)
    assert story.effects(Recall)[-1].tasks == tuple(one.task_id for one in story.out().values())
    recalled(story, "mail")
    assert not story.closed(), "the crm may be erasing"
    story.answer("crm", deleted(2))
    assert story.closed()
    assert len(story.tasks) == sent, "nothing new was sent"
    (record,) = story.records
    assert (record.result, record.headline) == ("withdrawn", "not_searched")
    assert story.line("crm", "contacts") == deleted(2)
    assert record.not_searched == {
        "mail": "not looked at to the end: the request ended before; 2 records may have been erased, unproven"
    }


def test_before_anything_is_decided_nothing_was_erased() -> None:
    story = Story(TWO)
    story.answer("crm", found(2))
    withdrawn(story)
    recalled(story, "mail")
    assert story.closed()
    assert story.records[0].systems == ()
    assert set(story.records[0].not_searched) == {"crm", "mail"}
    assert story.state.forgotten


@pytest.mark.parametrize("answer", [Failed(FailureKind.TRANSIENT, "busy"), Survived(1)])
def test_what_comes_back_undone_is_not_tried_again_and_never_called_done(answer: Failed | Survived) -> None:
    story = Story(plan())
    story.all_answer(found(3))
    withdrawn(story)
    story.answer("crm", answer)
    assert story.closed()
    assert story.records[0].systems == ()
    assert "3 records may have been erased, unproven" in story.records[0].not_searched["crm"]


def test_a_system_that_stays_silent_is_given_up_when_the_lease_is_over() -> None:
    story = Story(plan(lease_minutes=90))
    story.all_answer(found())
    withdrawn(story)
    assert story.state.timers["silent:crm"].due == at(story.now + 90 * 60)
    story.fire("silent:crm")
    assert story.closed()
    late = story.told(story.confirmation(story.effects(IssueTask)[-1], deleted()))
    assert late.ignored == "the task is not awaited"


def test_one_that_waits_for_a_person_or_for_another_request_ends_at_once() -> None:
    story = Story(plan())
    story.answer("crm", Failed(FailureKind.PERMANENT, "broken"))
    withdrawn(story)
    assert story.closed()
    assert story.state.attention == ()
    waiting = Story(plan(), others=("other",))
    waiting.answer("crm", found())
    assert waiting.phase() is Phase.DECIDING
    withdrawn(waiting)
    assert waiting.closed()


def test_twice_is_once_and_after_the_close_it_changes_nothing() -> None:
    story = Story(plan())
    withdrawn(story)
    assert withdrawn(story).ignored == "the request is about to end already"
    recalled(story, "crm")
    assert withdrawn(story).ignored == "the request is closed"
    assert len(story.records) == 1


def test_an_access_is_withdrawn_too_and_leaves_no_package() -> None:
    story = Story(plan(), Right.ACCESS)
    story.answer("crm", found())
    withdrawn(story)
    story.answer("crm", NothingHeld())
    assert story.closed()
    assert story.state.package == ""


def test_i05_a_history_with_a_withdrawal_replays_to_the_same_state() -> None:
    story = Story(TWO)
    story.all_answer(found(2))
    withdrawn(story)
    recalled(story, "mail")
    story.answer("crm", deleted(2))
    assert replay(lambda _: story.plan, story.history) == story.state


def test_a_search_that_never_came_back_is_no_proof_that_nothing_is_held() -> None:
    by_id = system("mail", contacts(kinds=("email", "customer_id")))
    for recall in (True, False):
        story = Story(plan(system("crm", contacts(yields=("customer_id",))), by_id))
        story.answer("mail", NothingHeld())
        story.answer("crm", found(), link("customer_id", "1"))
        assert set(story.out()["mail"].refs) > set(story.tasks[0].refs), "searched again, by what was learnt"
        withdrawn(story)
        if recall:
            recalled(story, "mail")
        else:
            story.fire("silent:mail")
        assert story.closed()
        assert story.records[0].systems == ()
        assert set(story.records[0].not_searched) == {"crm", "mail"}


def test_what_was_erased_before_a_search_that_never_came_back_is_told() -> None:
    story = Story(
        plan(system("crm", contacts(yields=("customer_id",), kinds=("email", "customer_id"))), system("mail"))
    )
    story.all_answer(found(2))
    story.answer("crm", deleted(2))
    story.told(story.confirmation(story.tasks[0], found(2), (link("customer_id", "9"),)))
    story.answer("mail", deleted())
    assert story.out()["crm"].action == "locate"
    withdrawn(story)
    recalled(story, "crm")
    assert story.closed()
    assert "2 records were erased before" in story.records[0].not_searched["crm"]


def test_a_record_set_that_could_not_be_searched_counts_for_the_headline() -> None:
    story = Story(plan(system("crm", contacts(), contacts("orders", kinds=("customer_id",))), system("mail")))
    story.answer("crm", {"contacts": found(), "orders": NothingHeld()})
    story.answer("mail", found())
    story.answer("crm", {"contacts": deleted(), "orders": NothingHeld()})
    withdrawn(story)
    story.answer("mail", deleted())
    assert story.closed()
    assert "crm/orders" in story.records[0].not_searched
    assert story.records[0].headline == "not_searched"


def test_i08_what_is_kept_stays_owed_when_the_look_at_it_is_broken_off() -> None:
    story = Story(plan(system("books", invoices(kinds=("email",)))))
    story.answer("books", found(1, last="2020-05-05"))
    story.answer("books", Kept(1, TEN_YEARS.why, TEN_YEARS.text, "2030-05-05", None, looked_at=at()))
    owed = story.state.obligations
    story.fire("owed")
    withdrawn(story)
    recalled(story, "books")
    assert story.closed()
    (still,) = story.state.obligations
    assert (still.kind, still.system, still.record_set) == ("retention", "books", owed[0].record_set)
    assert still.due > at(story.now)[:10], "not at once again, and not forgotten"
    assert not story.state.forgotten
    assert story.state.known
    story.fire("owed")
    assert story.out()["books"].action == "locate"


def test_i01_nothing_that_is_learnt_after_the_withdrawal_begins_it_again() -> None:
    crm = contacts(kinds=("email", "customer_id"), yields=("customer_id",), backups_kept_days=30)
    story = Story(plan(system("crm", crm), system("mail")))
    first = story.tasks[0]
    story.all_answer(found(2))
    erasure = story.out()["crm"]
    withdrawn(story)
    recalled(story, "mail")
    story.answer("crm", deleted(2))
    assert story.closed()
    assert story.state.known, "the backups are owed"
    sent = len(story.tasks)
    late = story.told(story.confirmation(first, found(3), (link("customer_id", "7"),)))
    assert late.ignored == "the task is not awaited"
    late = story.told(story.confirmation(erasure, Survived(1)))
    assert [type(one) for one in late.effects] == [Notice], "somebody hears of it, and that is all"
    assert story.closed()
    assert len(story.tasks) == sent


def test_what_contradicts_the_record_of_a_withdrawn_request_is_told_once_and_begins_nothing() -> None:
    story = Story(plan(system("crm", contacts(backups_kept_days=30))))
    story.all_answer(found(2))
    task = story.out()["crm"]
    withdrawn(story)
    story.answer("crm", deleted(2))
    sent = len(story.tasks)
    late = story.confirmation(task, Survived(1))
    assert not story.told(late).ignored
    assert story.told(late).ignored == "the confirmation was heard before"
    told = [one for one in story.notices if one.kind == "record_contradicted"]
    assert [(one.to, one.facts) for one in told] == [("dpo", {"system": "crm", "record": "req.1"})]
    assert (story.closed(), len(story.tasks)) == (True, sent)
