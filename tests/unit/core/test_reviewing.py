"""A copy waits for whoever looks for other people's data in it; what they decide goes with it (ADR 46)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from orchestrator.core import commanding
from orchestrator.core.commands_review import PassagesDecided, ReviewDone
from orchestrator.core.effects import AssemblePackage
from orchestrator.core.events import PackageAssembled, ReviewFound
from orchestrator.core.model import Phase
from orchestrator.core.passages import GROUNDS, MOST, Passage, Review
from schemas.completion import HeldBackLine
from schemas.outcomes import Exported
from schemas.requests import Right
from tests.support.stories import Story, at, contacts, found, plan, system

NOTE = Passage("crm/contacts", 0, "body", 3, 9)
OTHER = Passage("crm/contacts", 1, "body", 0, 4)


def waiting() -> Story:
    """A copy about to be made."""
    story = Story(plan(system("crm", contacts(free_text=("body",)))), Right.ACCESS)
    story.answer("crm", {"contacts": found(2)})
    story.answer("crm", {"contacts": Exported(2, "0" * 32 + ".export", "0" * 64)})
    return story


def tell(story: Story, kind: type[Any], **more: Any) -> Any:
    role = {} if kind in (ReviewFound, PackageAssembled) else {"role": "dpo"}
    return story.told(kind(request_id="req", observed_at=at(5), **role, **more))


def jobs(story: Story) -> list[AssemblePackage]:
    return story.effects(AssemblePackage)


def phase(story: Story) -> Phase:
    return story.state.phase


def asked(story: Story) -> None:
    tell(story, ReviewFound, job_id=story.state.package_job, found={"crm/contacts": 2})


def assembled(story: Story) -> None:
    tell(story, PackageAssembled, job_id=story.state.package_job, file="f", sha256="0" * 64)


def test_what_was_found_calls_a_person_and_what_they_decide_goes_with_the_copy_and_its_record() -> None:
    story = waiting()
    (first,) = jobs(story)
    assert first.review is msgspec.UNSET, "as it was before there were reviews: the same bytes"
    asked(story)
    assert phase(story) is Phase.REVIEWING
    assert story.reasons == ["third_parties"]
    assert story.state.package == ""
    tell(story, PassagesDecided, ground="rights_of_others", passages=(NOTE, OTHER))
    tell(story, PassagesDecided, ground="own_data", passages=(OTHER,))
    tell(story, ReviewDone)
    assert story.reasons == []
    second = jobs(story)[-1]
    assert second.job_id != first.job_id
    assert isinstance(second.review, Review)
    assert {one: of.held for one, of in second.review.standing().items()} == {NOTE: True, OTHER: False}
    assembled(story)
    assert phase(story) is Phase.CLOSED
    assert story.records[-1].held_back == (HeldBackLine("crm/contacts", "rights_of_others", 1),)


def test_whoever_finds_more_asks_again_and_what_was_decided_stays() -> None:
    story = waiting()
    asked(story)
    tell(story, PassagesDecided, ground="trade_secret", passages=(NOTE,))
    tell(story, ReviewDone)
    tell(story, ReviewFound, job_id=story.state.package_job, found={"crm/contacts": 1})
    assert story.reasons == ["third_parties"]
    assert story.state.review is not None
    assert not story.state.review.done
    assert list(story.state.review.standing()) == [NOTE]


def test_a_job_that_is_not_awaited_changes_nothing() -> None:
    story = waiting()
    assert tell(story, ReviewFound, job_id="another", found={}).ignored == "the package is not awaited"
    asked(story)
    assert tell(story, ReviewFound, job_id="another", found={}).ignored == "the package is not awaited"


def test_nothing_is_told_of_a_copy_that_nobody_had_to_look_at() -> None:
    story = waiting()
    assembled(story)
    assert story.records[-1].held_back == ()
    assert story.state.review is None


@pytest.mark.parametrize(
    ("ground", "passages", "why"),
    [
        ("because", (NOTE,), "no such ground"),
        ("own_data", (), "no passage"),
        ("own_data", (Passage("crm/contacts", 0, "body", 4, 4),), "no passage"),
        ("own_data", (Passage("crm/contacts", -1, "body", 0, 4),), "no passage"),
        ("own_data", tuple(Passage("crm/contacts", row, "body", 0, 4) for row in range(MOST + 1)), "more than"),
    ],
)
def test_what_makes_no_sense_is_refused(ground: str, passages: tuple[Passage, ...], why: str) -> None:
    story = waiting()
    command = PassagesDecided(request_id="req", observed_at=at(), role="dpo", ground=ground, passages=passages)
    before = commanding.refusal(story.state, command)
    assert before is not None
    assert "waits for a review" in before[0]
    asked(story)
    wrong = commanding.refusal(story.state, command)
    assert wrong is not None
    assert why in wrong[0]
    assert tell(story, PassagesDecided, ground=ground, passages=passages).ignored


def test_after_it_is_done_nothing_more_is_decided() -> None:
    story = waiting()
    asked(story)
    tell(story, ReviewDone)
    assert "waits for a review" in tell(story, ReviewDone).ignored


def test_what_is_held_back_is_what_the_record_may_say() -> None:
    for ground, held in GROUNDS.items():
        line = msgspec.json.encode({"place": "crm/notes", "ground": ground, "count": 1})
        if held:
            assert msgspec.json.decode(line, type=HeldBackLine).ground == ground
        else:
            with pytest.raises(msgspec.ValidationError):
                msgspec.json.decode(line, type=HeldBackLine)
