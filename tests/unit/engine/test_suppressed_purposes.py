"""What was objected to, or whose consent was withdrawn, is suppressed for that purpose and no other (Art. 21(3))."""

from __future__ import annotations

import msgspec

from connectors.testing.people import SUBJECT
from orchestrator.core.model import RequestState
from orchestrator.engine import suppressing
from orchestrator.engine.capsule import Capsule
from orchestrator.engine.suppressing import Entry, Question, verdict
from schemas.completion import CompletionRecord
from schemas.requests import Right
from tests.support.stories import EMAIL, Story, all_able, plan

DAY = "2026-03-02"
ONLY = Entry("2026-03-01T09:00:00.000Z", "2029-03-01", only=("marketing",))


def asked(purpose: str, as_of: str = "") -> str:
    return verdict([ONLY], Question(b"", purpose, as_of=as_of), DAY)


def test_only_the_purpose_is_suppressed_of_whatever_time_the_data_is() -> None:
    assert asked("marketing") == "erased"
    assert asked("marketing", "2026-03-02T00:00:00.000Z") == "erased"
    assert asked("delivery") == "not_erased"
    assert asked("") == "not_erased"
    assert verdict([ONLY], Question(b"", "marketing"), "2029-03-01") == "not_erased"


def test_a_purpose_of_several_words_is_one_however_it_is_spelled() -> None:
    only = Entry("2026-03-01T09:00:00.000Z", "2029-03-01", only=("customer_care",))
    for purpose, said in (("customer care", "erased"), ("customer_care", "erased"), ("care", "not_erased")):
        assert verdict([only], Question(b"", purpose), DAY) == said


def entries(right: Right, *, found: bool = True) -> list[Entry]:
    story = Story(all_able(plan()), right)
    before: RequestState = story.state
    if found:
        story.all_answer()
    while story.out():
        before = story.state
        if found:
            story.all_answer()
        else:
            story.nothing()
    record: CompletionRecord = story.records[0]
    capsule = Capsule(b"", {EMAIL.ref: ("email", SUBJECT.email)}, {})
    rows = suppressing.rows(b"k", story.plan, before, story.state, capsule, record)
    return [msgspec.json.decode(one["entry"], type=Entry) for one in rows]


def test_an_objection_and_a_withdrawal_leave_an_entry_also_where_nothing_is_held() -> None:
    for right in (Right.OBJECTION, Right.WITHDRAWAL_OF_CONSENT):
        for found in (True, False):
            (entry,) = entries(right, found=found)
            assert entry.only == ("marketing",)
            assert entry.until == "2029-03-01"


def test_nothing_else_leaves_one() -> None:
    assert entries(Right.RESTRICTION) == []
    assert entries(Right.RECTIFICATION) == []
