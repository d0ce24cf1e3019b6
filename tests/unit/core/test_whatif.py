"""What another plan would have decided or dated: nothing against itself, and exactly what it changes."""

from __future__ import annotations

import json

import msgspec
import pytest

from orchestrator.core.asked import Asked
from orchestrator.core.events import Event
from orchestrator.core.machine import step
from orchestrator.core.model import RequestState, Retention
from orchestrator.core.plan import ControllerPlan, Plan, RetainRule
from orchestrator.core.whatif import Difference, differences
from orchestrator.errors import IllegalTransitionError
from schemas.outcomes import Kept, KeptWhy, NothingHeld
from schemas.requests import Right
from tests.golden.generate import HISTORIES
from tests.support.stories import TEN_YEARS, Story, at, contacts, deleted, found, invoices, plan, system

BOOKS = system("books", invoices(kinds=("email",)), contacts("people"))
NAMES = sorted(one.stem for one in HISTORIES.glob("*.json"))


def kept_story(**more: object) -> Story:
    """An erasure that keeps an invoice of 2020 until 2030, and deletes a person's line."""
    story = Story(plan(BOOKS, **more))  # type: ignore[arg-type]
    story.answer("books", {"invoices": found(last="2020-05-05"), "people": found()})
    kept = Kept(1, TEN_YEARS.why, TEN_YEARS.text, "2030-05-05", looked_at=at())
    story.answer("books", {"invoices": kept, "people": deleted()})
    assert story.closed()
    return story


def against(story: Story, other: Plan) -> list[Difference]:
    digest = story.plan.digest()
    return list(differences({digest: story.plan}.__getitem__, story.history, other))


def retained(rule: RetainRule | None) -> Plan:
    return plan(system("books", invoices(kinds=("email",), retain=rule), contacts("people")))


@pytest.mark.parametrize("name", NAMES)
def test_against_itself_nothing_differs(name: str) -> None:
    stored = json.loads((HISTORIES / f"{name}.json").read_text(encoding="utf-8"))
    own = msgspec.convert(stored["plan"], Plan)
    state: RequestState | None = None
    applied = []
    for told in stored["steps"]:
        event = msgspec.convert(told["event"], Event)
        made = step(own, state, event)
        state = made.state
        applied += [] if made.ignored else [event]
    assert list(differences({own.digest(): own}.__getitem__, applied, own)) == []


def test_a_shorter_period_changes_what_it_is_about_and_nothing_else() -> None:
    other = retained(msgspec.structs.replace(TEN_YEARS, months=60))
    (one,) = against(kept_story(), other)
    assert (one.what, one.place, one.episode, one.at) == ("decision", "books/invoices", 1, at(1))
    assert (one.before["until"], one.after["until"]) == ("2030-05-05", "2025-05-05")
    assert (one.before["does"], one.after["does"]) == ("keep", "erase_what_is_over")


def test_a_set_that_is_kept_no_longer_and_one_that_would_be() -> None:
    (one,) = against(kept_story(), retained(None))
    assert (one.before["does"], one.after["does"]) == ("keep", "erase")
    people = plan(system("books", invoices(kinds=("email",)), contacts("people", retain=TEN_YEARS)))
    (two,) = against(kept_story(), people)
    # Nobody knows the date from which it would have been kept: a person would have been asked.
    assert (two.place, two.after["waits_for"]) == ("books/people", "retention_without_date")


def test_a_repealed_text_would_have_waited_for_the_dpo() -> None:
    other = retained(RetainRule(KeptWhy.LEGAL_OBLIGATION, "fr-decret-2011-219", 12))
    (one,) = against(kept_story(), other)
    assert one.after["waits_for"] == "text_repealed"


def test_each_episode_is_decided_by_what_was_known_in_it() -> None:
    story = kept_story()
    story.fire("owed")
    story.answer("books", {"invoices": found(last="2020-05-05"), "people": NothingHeld()})
    story.answer("books", {"invoices": deleted(), "people": NothingHeld()})
    other = retained(msgspec.structs.replace(TEN_YEARS, months=180))
    first, second = against(story, other)
    assert (first.episode, first.after["until"]) == (1, "2035-05-05")
    assert (second.episode, second.before["does"], second.after["does"]) == (2, "erase_what_is_over", "keep")


def test_a_system_more_or_less_and_a_record_set_more_or_less() -> None:
    more = plan(BOOKS, system("crm"))
    (one,) = against(kept_story(), more)
    assert (one.place, one.before["does"], one.after["does"]) == ("crm", "not asked", "asked")
    other = plan(system("crm"))
    assert [(one.place, one.after["does"]) for one in against(kept_story(), other)] == [
        ("crm", "asked"),
        ("books", "not asked"),
    ]
    fewer = plan(system("books", invoices(kinds=("email",))))
    (gone,) = against(kept_story(), fewer)
    assert (gone.place, gone.after) == ("books/people", {"does": "not asked"})


def test_a_calendar_changes_the_date() -> None:
    controller = ControllerPlan("acme", "ES", "ES", "eu")
    other = msgspec.structs.replace(retained(TEN_YEARS), controllers_info=(controller,), target_hours=24)
    found_dates = {one.place: (one.before, one.after) for one in against(kept_story(), other)}
    assert found_dates["target"] == ({"target": "2026-03-04"}, {"target": "2026-03-02"})
    assert set(found_dates) <= {"due", "notice_by", "target"}


def test_a_right_that_reaches_further() -> None:
    portable = contacts(basis="contract", provided=("name",))
    story = Story(plan(system("crm", portable)), right=Right.PORTABILITY, asked=Asked())
    story.all_answer()
    other = plan(system("crm", msgspec.structs.replace(portable, basis="legal_obligation"), contacts("more")))
    one, two = against(story, other)
    assert one.place == "crm/contacts"
    assert one.after["does"] == ["GDPR Art. 20(1)(a): rests on neither consent nor contract"]
    assert (two.place, two.before) == ("crm/more", {"does": "not asked"})
    assert against(story, story.plan) == []


def test_a_journal_that_does_not_begin_with_the_request_is_said_so() -> None:
    story = kept_story()
    with pytest.raises(IllegalTransitionError):
        list(differences(lambda _: story.plan, story.history[1:], story.plan))
    assert list(differences(lambda _: story.plan, [], story.plan)) == []


def swept(months: int = 120) -> Plan:
    retain = msgspec.structs.replace(TEN_YEARS, months=months)
    return plan(system("crm", contacts(), invoices(kinds=("email",), retain=retain)))


def test_of_a_request_that_nobody_made_only_what_it_is_about_is_compared() -> None:
    story = Story(swept(), retention=Retention("crm", "invoices", "2026-03-01"))
    story.answer("crm", {"contacts": found(), "invoices": found(last="2016-03-01")})
    story.answer("crm", {"invoices": deleted()})
    assert story.closed()
    assert against(story, story.plan) == []
    (one,) = against(story, swept(240))
    assert (one.place, one.before["does"], one.after["does"]) == ("crm/invoices", "erase_what_is_over", "keep")
    bound = ControllerPlan("acme", "ES", "ES", "eu")
    assert against(story, msgspec.structs.replace(swept(), controllers_info=(bound,))) == [], "no clock of Art. 12 runs"
    more = msgspec.structs.replace(swept(), systems=(*swept().systems, system("hr")))
    assert against(story, more) == [], "a sweep is about one system"
