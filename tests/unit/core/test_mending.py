"""``expunge retry``: what was named is asked again, and nothing is decided before it was looked at (I1, I6)."""

from __future__ import annotations

import pytest

from orchestrator.core.effects import AssemblePackage
from orchestrator.core.events import Incident, OtherClosed, PackageAssembled
from orchestrator.core.model import Phase
from schemas.outcomes import Exported, Failed, FailureKind, NothingHeld, Survived
from schemas.requests import Right
from schemas.tasks import Action
from tests.support.stories import Story, at, deleted, found, plan, speaks, system

TWO = plan(system("crm"), system("mail"))
BROKEN = Failed(FailureKind.PERMANENT, "broken")


def incident(story: Story, reason: str = "internal_error", name: str = "") -> None:
    story.told(Incident(request_id="req", observed_at=at(story.now), reason=reason, system=name))


def packaged(story: Story) -> PackageAssembled:
    job = story.effects(AssemblePackage)[-1]
    return PackageAssembled(request_id="req", observed_at=at(story.now), job_id=job.job_id, file="p", sha256="1" * 64)


def test_i01_an_export_of_what_was_found_may_not_be_empty_and_is_searched_again() -> None:
    story = Story(plan(), Right.ACCESS)
    story.answer("crm", found())
    story.answer("crm", NothingHeld())
    assert [(one.reason, one.detail) for one in story.state.attention] == [("unverifiable", "nothing_held_after_found")]
    # It may have vanished by itself: then looking again shows it, and no export is asked for.
    story.resume()
    story.answer("crm", NothingHeld())
    assert story.closed()
    assert story.records[0].result == "nothing_held"


def test_nothing_to_mend_changes_nothing() -> None:
    story = Story(TWO)
    assert story.resume().ignored == "nothing waits for a person"


def test_what_failed_in_acting_is_erased_again_and_the_rest_is_left_alone() -> None:
    story = Story(TWO)
    story.all_answer(found(3))
    story.answer("mail", deleted(3))
    story.answer("crm", BROKEN)
    story.resume()
    assert {name: one.action for name, one in story.out().items()} == {"crm": Action.ERASE}
    assert story.out()["crm"].instructions["contacts"].found == 3
    story.answer("crm", deleted(3))
    assert story.closed()


def test_a_resume_gives_every_retry_anew() -> None:
    story = Story(plan(transient_retries=1))
    for _ in range(2):
        story.answer("crm", Failed(FailureKind.TRANSIENT, "busy"))
        story.fire("retry:crm")
        story.answer("crm", Failed(FailureKind.TRANSIENT, "busy"))
        assert [(one.reason, one.detail) for one in story.state.attention] == [("keeps_failing", "busy")]
        story.resume()
        assert not story.reasons


def test_an_answer_that_was_lost_is_asked_for_again() -> None:
    # The confirmation was buried as a dead letter: nobody but the person can know, and the task will not come again.
    story = Story(TWO)
    lost = story.out()["crm"]
    story.answer("mail", found())
    incident(story)
    story.resume()
    assert story.out()["crm"].task_id != lost.task_id
    assert [one.system for one in story.tasks].count("mail") == 1
    # Should it come after all, it is a late one.
    assert story.told(story.confirmation(lost, found(2))).ignored == "the task is not awaited"


def test_a_silent_system_is_asked_again() -> None:
    story = Story(plan())
    story.fire("silent:crm")
    assert story.reasons == ["system_silent"]
    story.resume()
    assert len(story.tasks) == 2
    assert set(story.state.timers) == {"deadline", "silent:crm"}


def test_a_lost_erasure_is_sent_again_with_what_was_found() -> None:
    story = Story(plan())
    story.answer("crm", found(3))
    incident(story)
    story.resume()
    first, second = (one for one in story.tasks if one.action is Action.ERASE)
    assert first.instructions == second.instructions
    # The first one did it: the second one, told what was found, says so.
    assert story.told(story.confirmation(first, deleted(3))).ignored == "the task is not awaited"
    story.answer("crm", deleted(3))
    assert story.closed()


@pytest.mark.parametrize("name", ["crm", "mail", "nowhere"])
def test_an_incident_about_any_system_is_survived(name: str) -> None:
    story = Story(TWO)
    story.answer("crm", found())
    story.answer("mail", NothingHeld())
    incident(story, "contradictory_answer", name)
    story.resume()
    while not story.closed():
        assert story.out()
        story.answer(
            *next(
                (one, NothingHeld() if story.out()[one].action is Action.LOCATE else deleted()) for one in story.out()
            )
        )
    assert story.line("crm", "contacts") == deleted()


def test_i06_a_package_that_was_lost_is_made_again() -> None:
    story = Story(plan(), Right.ACCESS)
    story.all_answer()
    story.all_answer()
    assert story.phase() is Phase.REVIEWING
    stale = packaged(story)
    incident(story)
    assert story.told(packaged(story)).ignored == ""
    assert not story.closed()  # a person has to look first
    story.resume()
    story.all_answer()
    story.all_answer()
    assert story.told(stale).ignored == "the package is not awaited"
    story.told(packaged(story))
    assert story.closed()
    assert story.records[0].package_sha256 == "1" * 64


def test_i06_a_package_that_does_not_come_is_seen() -> None:
    story = Story(plan(), Right.ACCESS)
    story.all_answer()
    story.all_answer()
    story.fire("silent:_package")
    assert story.reasons == ["package_silent"]
    story.fire("silent:_package")
    assert len([one for one in story.notices if one.kind == "needs_attention"]) == 1
    story.told(packaged(story))
    assert story.closed()
    assert not story.reasons


def test_i06_a_silent_package_is_searched_for_and_made_again() -> None:
    story = Story(plan(), Right.ACCESS)
    story.all_answer()
    story.all_answer()
    story.fire("silent:_package")
    story.resume()
    assert story.out()["crm"].action is Action.LOCATE
    assert "silent:_package" not in story.state.timers


def test_i06_the_nearness_of_the_deadline_cannot_be_mended_away() -> None:
    story = Story(TWO, others=("acc",))
    story.all_answer()
    story.fire("deadline")
    assert story.phase() is Phase.DECIDING
    assert story.resume().ignored == "nothing waits for a person"
    assert story.reasons == ["deadline_near"]
    incident(story)
    story.resume()
    assert story.reasons == ["deadline_near"]
    story.all_answer()
    # It waits for a request that may never close: that stands in a list, with an owner.
    assert story.state.waits_for == ("acc",)
    assert speaks(story.state)
    story.told(OtherClosed(request_id="req", observed_at=at(story.now), other="acc"))
    story.all_answer()  # it looks again: the wait may have been long
    story.all_answer()
    assert story.closed()
    assert not story.reasons


def test_i01_a_survivor_that_survives_again_never_completes() -> None:
    story = Story(plan())
    story.answer("crm", found())
    for _ in range(3):
        story.answer("crm", Survived(1, "trigger"))
        story.fire("retry:crm")
        story.answer("crm", Survived(1, "trigger"))
        assert [(one.reason, one.detail) for one in story.state.attention] == [("survived", "trigger")]
        story.resume()
    assert not story.records


def test_exported_again_after_a_failure() -> None:
    story = Story(TWO, Right.ACCESS)
    story.all_answer()
    story.answer("mail", Exported(1, "one", "0" * 64))
    story.answer("crm", BROKEN)
    story.resume()
    story.all_answer()
    story.all_answer()
    assert set(story.effects(AssemblePackage)[-1].parts) == {"crm", "mail"}
