"""What no search can have reached is not called empty, and what was found long ago is looked at again."""

from __future__ import annotations

from orchestrator.core.events import OtherClosed
from orchestrator.core.plan import RecordSetPlan
from schemas.outcomes import NothingHeld
from schemas.tasks import Action
from tests.support.stories import Story, at, contacts, deleted, found, plan, system


def test_i01_a_record_set_that_no_given_identifier_can_reach_is_not_called_empty() -> None:
    # `calls` is found by phone alone, and the person gave an e-mail address that leads to no phone.
    story = Story(plan(system("crm", contacts(), RecordSetPlan("calls", ("phone",)))))
    story.answer("crm", {"contacts": found(1), "calls": NothingHeld()})
    story.answer("crm", {"contacts": deleted(1), "calls": NothingHeld()})
    assert story.closed()
    assert story.records[-1].result == "partly_fulfilled"


def test_i01_a_request_that_waited_looks_again_before_it_decides() -> None:
    story = Story(plan(system("crm"), system("hr")), others=("access-1", "access-2"))
    story.answer("crm", found(1))
    story.answer("hr", NothingHeld())
    story.told(OtherClosed(request_id="req", observed_at=at(story.now), other="access-1"))
    assert not story.out()
    story.now = 20 * 86_400  # the access needed a person for weeks; meanwhile hr took data of the person in
    story.told(OtherClosed(request_id="req", observed_at=at(story.now), other="access-2"))
    assert {name: task.action for name, task in story.out().items()} == {"crm": Action.LOCATE, "hr": Action.LOCATE}
    story.answer("crm", found(1))
    story.answer("hr", found(3))
    assert {name: task.action for name, task in story.out().items()} == {"crm": Action.ERASE, "hr": Action.ERASE}
