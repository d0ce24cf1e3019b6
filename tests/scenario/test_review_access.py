"""A copy that holds less than was found is not the copy of Art. 15(3)."""

from __future__ import annotations

from schemas.outcomes import Exported
from schemas.requests import Right
from schemas.tasks import Action
from tests.support.stories import Story, found, plan


def test_i01_a_copy_with_fewer_records_than_were_found_is_no_answer() -> None:
    story = Story(plan(), Right.ACCESS)
    story.answer("crm", found(5))
    story.answer("crm", Exported(1, "a.export", "a" * 64))
    assert [(one.reason, one.detail) for one in story.state.attention] == [("unverifiable", "fewer_than_found")]
    story.resume()  # it searches again: records may have gone by themselves meanwhile
    assert story.out()["crm"].action is Action.LOCATE
    story.answer("crm", found(1))
    story.answer("crm", Exported(2, "b.export", "b" * 64))
    assert not story.reasons
