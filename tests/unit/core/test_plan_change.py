"""A corrected data map: open requests and what comes due years later go by it, and nothing is lost (I1, I6)."""

from __future__ import annotations

import msgspec
import pytest

from orchestrator.core.events import Resumed
from orchestrator.core.machine import step
from orchestrator.core.model import Attention, Known
from orchestrator.core.plan import Plan, RetainRule
from orchestrator.core.replay import replay
from orchestrator.errors import IllegalTransitionError
from schemas.identifiers import Strength
from schemas.outcomes import Failed, FailureKind, Kept, KeptWhy, NothingHeld, Pending
from schemas.requests import Right
from schemas.tasks import Action
from tests.support.stories import EMAIL, TEN_YEARS, Story, at, contacts, deleted, found, invoices, plan, system

BROKEN = Failed(FailureKind.PERMANENT, "broken")
MAIL = system("mail", contacts("letters"))
BOOKS = system("books", invoices(kinds=("email",)))
PHONE = Known("ref-phone", "phone", Strength.UNIQUE)


def lacks(story: Story) -> list[tuple[str, str, str]]:
    """What the newer plan lacks, as a person is told it."""
    gone = [one for one in story.state.attention if one.reason == "system_gone"]
    assert all(one.owner == "dpo" and "expunge retry" in one.todo for one in gone)
    return [(one.system, one.record_set, one.detail) for one in gone]


def actions(story: Story) -> dict[str, Action]:
    return {name: one.action for name, one in story.out().items()}


def replays(story: Story, *plans: Plan) -> None:
    """The journal leads to the same state, each event under the plan it was stepped with (I5)."""
    applied = [event for event, made in zip(story.history, story.steps, strict=True) if not made.ignored]
    assert replay({one.digest(): one for one in plans}.__getitem__, applied) == story.state


def test_a_raised_limit_lets_an_open_request_go_on() -> None:
    before = plan(system("crm", contacts(max_records=1)))
    story = Story(before)
    story.answer("crm", found(2))
    assert story.reasons == ["max_records"]
    after = story.corrected(system("crm", contacts(max_records=10)))
    story.resume()
    assert story.state.plan_sha256 == after.digest()
    story.answer("crm", found(2))
    story.answer("crm", deleted(2))
    assert story.closed()
    assert story.records[0].plan_sha256 == after.digest()
    replays(story, before, after)


def test_a_text_in_force_replaces_a_repealed_one() -> None:
    old = RetainRule(KeptWhy.LEGAL_OBLIGATION, "nobody-knows-1", 120)
    story = Story(plan(system("books", invoices(kinds=("email",), retain=old))))
    story.answer("books", found(last="2020-05-05"))
    assert story.reasons == ["unknown_text"]
    story.corrected(BOOKS)
    story.resume()
    story.answer("books", found(last="2020-05-05"))
    assert story.out()["books"].instructions["invoices"].text == TEN_YEARS.text


def test_i01_a_record_set_that_was_added_has_to_answer() -> None:
    story = Story(plan(system("crm"), MAIL))
    story.answer("mail", found())
    story.answer("crm", BROKEN)
    story.corrected(system("crm", contacts(), contacts("leads")), MAIL)
    story.resume()
    story.answer("crm", {"contacts": NothingHeld()})
    assert [(one.reason, one.record_set) for one in story.state.attention] == [("unverifiable", "leads")]
    story.resume()
    story.answer("crm", {"contacts": NothingHeld(), "leads": found(3)})
    assert actions(story) == {"crm": Action.ERASE, "mail": Action.ERASE}
    story.answer("mail", deleted())
    story.answer("crm", {"contacts": NothingHeld(), "leads": deleted(3)})
    assert story.closed()
    assert story.line("crm", "leads") == deleted(3)


def test_i03_what_was_erased_under_the_older_plan_is_told_once() -> None:
    story = Story(plan(system("crm"), MAIL))
    story.all_answer(found(3))
    story.answer("crm", deleted(3))
    story.answer("mail", BROKEN)
    story.corrected(system("crm", contacts(), contacts("leads")), MAIL)
    story.resume()
    assert actions(story) == {"crm": Action.LOCATE, "mail": Action.LOCATE}
    story.nothing()
    # What was found in mail and never accounted for still is to be erased (I2).
    assert actions(story) == {"mail": Action.ERASE}
    story.answer("mail", deleted(3))
    assert story.closed()
    assert (story.line("crm", "contacts"), story.line("crm", "leads")) == (deleted(3), NothingHeld())


def test_i02_an_order_that_is_out_is_given_up_and_accounted_for() -> None:
    story = Story(plan(system("crm"), MAIL))
    story.all_answer(found(2))
    order = story.out()["crm"]
    story.answer("mail", BROKEN)
    story.corrected(system("crm", contacts(), contacts("leads")), MAIL)
    story.resume()
    assert actions(story)["crm"] is Action.LOCATE
    assert story.state.systems["crm"].unproven == {"contacts": 2}
    assert story.told(story.confirmation(order, deleted(2))).ignored


def test_what_did_not_change_is_left_at_work() -> None:
    story = Story(plan(system("crm"), MAIL))
    task = story.out()["mail"].task_id
    story.answer("crm", BROKEN)
    story.corrected(system("crm", contacts(max_records=5)), msgspec.structs.replace(MAIL, owner="somebody else"))
    story.resume()
    assert story.out()["mail"].task_id == task


def test_a_timer_of_an_answer_that_counts_no_more_is_put_off() -> None:
    story = Story(plan(system("crm"), MAIL))
    story.answer("crm", Pending("2026-09-01T00:00:00Z", "live_file"))
    story.answer("mail", BROKEN)
    # The person can no longer be found in the crm, and nothing was erased there: the record says so.
    story.corrected(system("crm", contacts(kinds=("phone",))), MAIL)
    story.resume()
    assert "pending:crm" not in story.state.timers
    story.nothing()
    assert story.closed()
    assert set(story.records[0].not_searched) == {"crm"}


def test_i06_a_system_that_is_gone_keeps_the_older_plan_and_calls_somebody() -> None:
    before = plan(system("crm"), MAIL)
    story = Story(before)
    story.answer("crm", BROKEN)
    gone = story.corrected(system("crm"))
    story.resume()
    assert lacks(story) == [("mail", "", "system")]
    assert "failed" in story.reasons
    assert story.state.plan_sha256 == before.digest()
    # Again and nothing mended: the same call, once, and still no step further.
    story.resume()
    assert lacks(story) == [("mail", "", "system")]
    assert "crm" not in story.out()
    replays(story, before, gone)
    # Connected again as it was.
    story.newer = None
    story.resume()
    assert set(story.out()) == {"crm", "mail"}
    story.nothing()
    assert story.closed()


@pytest.mark.parametrize(
    ("crm", "lack"),
    [
        (system("crm", contacts("people")), ("crm", "contacts", "record_set")),
        (system("crm", contacts(kinds=("phone",))), ("crm", "", "identifier")),
    ],
)
def test_i01_what_was_erased_or_ordered_cannot_be_taken_out_of_the_plan(
    crm: object, lack: tuple[str, str, str]
) -> None:
    story = Story(plan(system("crm"), MAIL))
    story.all_answer(found(2))
    story.answer("mail", BROKEN)
    story.newer = msgspec.structs.replace(story.plan, systems=(crm, MAIL))
    story.resume()
    assert lacks(story) == [lack]


def test_what_was_only_searched_may_leave_the_plan() -> None:
    story = Story(plan(system("crm", contacts(), contacts("leads", max_records=1))))
    story.answer("crm", found(2))
    story.corrected(system("crm"))
    story.resume()
    story.answer("crm", found(2))
    story.answer("crm", deleted(2))
    assert story.closed()


@pytest.mark.parametrize("scope", [(), ("crm",), ("crm", "mail"), ("crm", "mail", "shop")])
def test_i01_a_system_that_was_connected_since_is_searched_if_it_was_meant(scope: tuple[str, ...]) -> None:
    story = Story(plan(system("crm"), system("hr")), scope=scope)
    if not story.reasons:
        story.answer("crm", BROKEN)
    story.corrected(system("crm"), system("hr"), MAIL)
    story.resume()
    while story.out():
        story.nothing()
    assert story.closed()
    record = story.records[0]
    assert ("mail" in {one.system for one in record.systems}) is (scope != ("crm",))
    assert ("mail" in record.not_searched) is (scope == ("crm",))
    assert ("shop" in record.not_searched) is ("shop" in scope)


def test_an_access_is_packed_again_from_all_that_is_there() -> None:
    story = Story(plan(system("crm"), MAIL), Right.ACCESS)
    story.all_answer()
    story.answer("mail", BROKEN)
    story.all_answer()
    story.corrected(system("crm", contacts(), contacts("leads")), MAIL)
    story.resume()
    story.all_answer()
    story.all_answer()
    exported = story.state.systems["crm"].outcomes
    assert set(exported) == {"contacts", "leads"}


def kept(until: str = "2030-05-05") -> Kept:
    return Kept(1, TEN_YEARS.why, TEN_YEARS.text, until, None, looked_at=at())


def closed_with_kept() -> Story:
    story = Story(plan(BOOKS, MAIL), identifiers=(EMAIL, PHONE))
    story.answer("mail", NothingHeld())
    story.answer("books", found(last="2020-05-05"))
    story.answer("books", kept())
    assert story.closed()
    return story


def test_i08_what_comes_due_goes_by_the_map_of_that_day() -> None:
    story = closed_with_kept()
    before = story.plan
    after = story.corrected(system("books", invoices(kinds=("email",)), contacts("reminders")))
    story.fire("owed")
    assert story.state.plan_sha256 == after.digest()
    story.answer("books", {"invoices": found(last="2020-05-05"), "reminders": found(2)})
    story.answer("books", {"invoices": deleted(), "reminders": deleted(2)})
    assert story.closed()
    assert story.line("books", "reminders") == deleted(2)
    assert story.state.forgotten
    replays(story, before, after)


@pytest.mark.parametrize(
    ("books", "lack"),
    [
        (None, ("books", "", "system")),
        (system("books", contacts("bills")), ("books", "invoices", "record_set")),
        (system("books", invoices(kinds=("vat_id",))), ("books", "", "identifier")),
    ],
)
def test_i06_what_is_owed_is_not_forgotten_with_its_system(books: object, lack: tuple[str, str, str]) -> None:
    story = closed_with_kept()
    before = story.plan
    story.newer = msgspec.structs.replace(before, systems=(books, MAIL) if books else (MAIL,))
    story.fire("owed")
    assert lacks(story) == [lack]
    assert not story.out()
    assert story.state.plan_sha256 == before.digest()
    # Asking again does not make it vanish.
    story.resume()
    assert lacks(story) == [lack]
    story.newer = None
    story.resume()
    assert actions(story) == {"books": Action.LOCATE}
    story.all_answer(found(last="2020-05-05"))
    story.all_answer()
    assert story.closed()
    assert story.records[1].result == "fulfilled"


def test_where_nothing_is_looked_at_the_plan_stays() -> None:
    backed = system("crm", contacts(backups_kept_days=30))
    story = Story(plan(backed))
    story.all_answer()
    story.all_answer()
    before = story.state.plan_sha256
    story.corrected(MAIL)
    story.fire("owed")
    assert (story.reasons, story.state.forgotten, story.state.plan_sha256) == ([], True, before)


def test_a_second_episode_does_not_widen() -> None:
    story = closed_with_kept()
    story.fire("owed")
    story.answer("books", BROKEN)
    story.corrected(BOOKS, MAIL, system("crm"))
    story.resume()
    assert set(story.out()) == {"books"}


def test_the_plan_that_the_event_names_has_to_be_there() -> None:
    story = Story(plan())
    story.state.attention = (Attention("failed", "dpo", "mend", at()),)
    event = Resumed(request_id="req", observed_at=at(), role="dpo", plan_sha256="f" * 64)
    with pytest.raises(IllegalTransitionError):
        step(story.plan, story.state, event)
