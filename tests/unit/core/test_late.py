"""Late, double and contradictory answers: a fact counts once (I3), a doubt is never passed over (I1)."""

from __future__ import annotations

import msgspec
import pytest

from orchestrator.core.aggregate import joined
from orchestrator.core.events import Incident, OtherClosed, PackageAssembled, RequestAccepted, TimerFired
from orchestrator.core.model import Phase
from orchestrator.errors import IllegalTransitionError
from schemas.outcomes import (
    Anonymised,
    Attested,
    Deleted,
    Exported,
    Failed,
    FailureKind,
    Kept,
    NothingHeld,
    Outcome,
    Survived,
)
from schemas.requests import Right
from schemas.tasks import Action
from tests.support.stories import TEN_YEARS, Story, at, contacts, deleted, found, invoices, link, plan, system

CRM = system("crm", contacts(backups_kept_days=30))
SHOP = system("shop", invoices(retain=None))


def test_i03_the_same_answer_again_is_heard_once_even_after_the_close() -> None:
    story = Story(plan(CRM))
    located = story.confirmation(story.out()["crm"], found(), (link("customer_id", "7"),))
    story.told(located)
    survived = story.confirmation(story.out()["crm"], Survived(1))
    story.told(survived)
    for again in (located, survived):
        assert story.told(again).ignored == "the confirmation was heard before"
    story.fire("retry:crm")
    story.answer("crm", deleted())
    assert story.closed()
    # What was found is partly forgotten by now; that must not make an old answer new, nor a contradiction.
    for again in (located, survived):
        assert story.told(again).ignored == "the confirmation was heard before"
    assert len(story.records) == 1


def test_a_late_link_before_the_close_opens_a_round() -> None:
    story = Story(plan(CRM, SHOP))
    first = story.out()["crm"]
    story.answer("crm", found())
    assert story.phase() is Phase.ACTING
    story.told(story.confirmation(first, found(), (link("customer_id", "7"),)))
    assert story.phase() is Phase.DISCOVERING
    story.answer("crm", deleted())
    # The erasure that was out is heard first; the new identifier is followed before anything else is decided.
    assert {one.system: one.action for one in story.out().values()} == {"shop": Action.LOCATE}
    story.answer("shop", found(2))
    story.answer("shop", deleted(2))
    assert story.closed()
    assert story.line("crm", "contacts") == Deleted(1, "delete", at())
    assert story.line("shop", "invoices") == Deleted(2, "delete", at())


def test_i01_an_erasure_that_was_done_before_a_new_search_does_not_count_for_what_it_finds() -> None:
    # The new identifier is one that the same system can be searched by: it finds more than was erased.
    both = system("crm", contacts(kinds=("email", "customer_id")))
    story = Story(plan(both, system("slow")))
    first = story.out()["crm"]
    story.all_answer()
    story.told(story.confirmation(first, found(), (link("customer_id", "7"),)))
    story.answer("crm", deleted(1))
    story.answer("slow", deleted(1))
    story.answer("crm", found(2))
    assert not story.closed()
    assert story.out()["crm"].action is Action.ERASE
    story.answer("crm", deleted(2))
    assert story.closed()
    # And what the first one erased is told, once.
    assert story.line("crm", "contacts") == Deleted(3, "delete", at())


def test_i02_what_was_erased_before_a_new_search_never_reads_as_nothing_held() -> None:
    both = system("crm", contacts(kinds=("email", "customer_id")))
    story = Story(plan(both, system("slow")))
    first = story.out()["crm"]
    story.all_answer(found(3))
    story.answer("crm", deleted(3))
    story.told(story.confirmation(first, found(3), (link("customer_id", "7"),)))
    story.answer("slow", deleted(3))
    story.nothing()
    assert story.closed()
    assert story.line("crm", "contacts") == Deleted(3, "delete", at())
    assert story.records[0].result == "fulfilled"


def test_i02_what_was_half_erased_before_a_new_search_has_to_be_accounted_for() -> None:
    both = system("crm", contacts(kinds=("email", "customer_id")))
    story = Story(plan(both))
    first = story.out()["crm"]
    story.answer("crm", found(3))
    story.answer("crm", Failed(FailureKind.TRANSIENT, "lock"))
    story.told(story.confirmation(first, found(3), (link("customer_id", "7"),)))
    story.nothing()
    # Nothing is left, and yet three were found: the erasure is sent again, and has to say what became of them.
    task = story.out()["crm"]
    assert task.action is Action.ERASE
    assert task.instructions["contacts"].found == 3
    story.answer("crm", deleted(3))
    assert story.line("crm", "contacts") == Deleted(3, "delete", at())


@pytest.mark.parametrize("closed", [False, True])
def test_a_late_link_that_leads_nowhere_is_ignored(*, closed: bool) -> None:
    story = Story(plan(CRM))
    first = story.out()["crm"]
    story.answer("crm", found())
    if closed:
        story.answer("crm", deleted())
    for one in (link("customer_id", "7"), link("email", "b", "staff")):
        made = story.told(story.confirmation(first, found(), (one,)))
        assert made.ignored == "the task is not awaited"


def test_a_late_link_after_the_close_opens_a_follow_up_over_what_it_can_search() -> None:
    story = Story(plan(CRM, SHOP))
    first = story.out()["crm"]
    story.answer("crm", found())
    story.answer("crm", deleted())
    assert story.closed()
    assert set(story.records[0].not_searched) == {"shop"}
    story.told(story.confirmation(first, found(), (link("customer_id", "7"),)))
    assert story.state.episode == 2
    story.answer("crm", NothingHeld())
    story.answer("shop", found(2))
    story.answer("shop", deleted(2))
    assert story.closed()
    one, two = story.records
    assert (one.result, two.result) == ("partly_fulfilled", "fulfilled")
    assert (two.record_id, two.follows, two.not_searched) == ("req.2", "req.1", {})


def test_i01_a_late_survivor_stops_a_request_that_believed_it_gone() -> None:
    story = Story(plan(CRM, system("slow")))
    story.all_answer()
    task = story.out()["crm"]
    story.answer("crm", deleted())
    story.told(story.confirmation(task, Survived(1)))
    assert story.reasons == ["contradictory_answer"]
    story.answer("slow", deleted())
    assert not story.closed()
    story.resume()
    story.answer("crm", deleted())
    assert story.closed()


def test_a_late_survivor_is_left_to_the_answer_that_is_awaited() -> None:
    story = Story(plan(CRM))
    story.answer("crm", found())
    first = story.out()["crm"]
    story.answer("crm", Survived(1))
    story.fire("retry:crm")
    assert story.told(story.confirmation(first, Survived(1, "again"))).ignored == "the task is not awaited"


def test_i01_a_late_survivor_after_the_close_opens_a_follow_up() -> None:
    story = Story(plan(CRM))
    story.answer("crm", found())
    task = story.out()["crm"]
    story.answer("crm", deleted())
    story.told(story.confirmation(task, Survived(1)))
    assert story.out()["crm"].action is Action.LOCATE
    assert story.out()["crm"].task_id.startswith("req.2.")
    story.all_answer()
    story.all_answer()
    assert len(story.records) == 2


def test_i01_a_late_survivor_after_all_is_forgotten_calls_a_person() -> None:
    story = Story(plan(system("crm")))
    story.answer("crm", found())
    task = story.out()["crm"]
    story.answer("crm", deleted())
    assert story.state.forgotten
    story.told(story.confirmation(task, Survived(1)))
    assert story.reasons == ["contradictory_answer"]
    assert not story.closed()
    story.resume()
    assert story.closed()
    assert story.records[1].result == "unidentifiable"


def test_i01_a_late_survivor_of_a_system_outside_the_episode_counts() -> None:
    kept = Kept(1, TEN_YEARS.why, TEN_YEARS.text, "2030-05-05")
    mail = system("mail", contacts(backups_kept_days=9999))
    story = Story(plan(system("crm", invoices(kinds=("email",))), mail))
    for name in ("crm", "mail"):
        story.answer(name, found(1, last="2020-05-05"))
    task = story.out()["mail"]
    story.answer("mail", deleted())
    story.answer("crm", kept)
    story.fire("owed")
    assert set(story.state.systems) == {"crm"}
    story.told(story.confirmation(task, Survived(1)))
    assert story.reasons == ["contradictory_answer"]
    story.resume()
    story.nothing()
    assert {name: one.action for name, one in story.out().items()} == {"mail": Action.LOCATE}
    story.nothing()
    assert {one.system for one in story.records[1].systems} == {"crm", "mail"}


def test_i01_a_late_search_that_found_what_was_believed_not_held_stops() -> None:
    story = Story(plan(CRM, system("slow")))
    task = story.out()["crm"]
    story.nothing()
    assert story.closed()
    story = Story(plan(CRM, system("slow")))
    task = story.out()["crm"]
    story.answer("crm", NothingHeld())
    story.told(story.confirmation(task, found(2)))
    assert story.reasons == ["contradictory_answer"]
    story.resume()
    story.answer("crm", found(2))
    story.answer("slow", NothingHeld())
    story.answer("crm", deleted(2))
    assert story.records[0].result == "fulfilled"


def test_i01_the_same_after_deciding_searches_again() -> None:
    story = Story(plan(CRM, system("mail")))
    task = story.out()["crm"]
    story.answer("crm", NothingHeld())
    story.answer("mail", found())
    story.told(story.confirmation(task, found(2)))
    story.answer("mail", deleted())
    assert not story.closed()
    story.resume()
    story.answer("mail", NothingHeld())
    story.answer("crm", found(2))
    story.answer("crm", deleted(2))
    assert story.line("mail", "contacts") == deleted()
    assert story.line("crm", "contacts") == deleted(2)


@pytest.mark.parametrize(
    ("past", "now", "told"),
    [
        (None, deleted(1), deleted(1)),
        (deleted(2), NothingHeld(), deleted(2)),
        (deleted(2), deleted(1), deleted(3)),
        (Anonymised(2, "anonymise", "t"), deleted(1), Anonymised(3, "anonymise", at())),
        (deleted(2), Anonymised(1, "mask", "t"), Anonymised(3, "mask", "t")),
        (deleted(2), Kept(1, TEN_YEARS.why, "x", "2030-01-01"), Kept(1, TEN_YEARS.why, "x", "2030-01-01", erased=2)),
        (
            Kept(2, TEN_YEARS.why, "x", "2030-01-01", erased=1),
            deleted(3),
            Kept(2, TEN_YEARS.why, "x", "2030-01-01", erased=4),
        ),
        (Kept(2, TEN_YEARS.why, "x", "2030-01-01"), NothingHeld(), Kept(2, TEN_YEARS.why, "x", "2030-01-01")),
        (
            Kept(2, TEN_YEARS.why, "x", "2031-01-01", "2029-01-01", erased=1),
            Kept(1, TEN_YEARS.why, "x", "2030-01-01", "2030-01-01", erased=2),
            Kept(2, TEN_YEARS.why, "x", "2031-01-01", "2029-01-01", erased=3),
        ),
        (Attested("dpo", "2026-01-01", "0"), NothingHeld(), Attested("dpo", "2026-01-01", "0")),
        (Attested("dpo", "2026-01-01", "0"), deleted(2), Attested("dpo", "2026-01-01", "0")),
        (deleted(2), Attested("dpo", "2026-01-01", "0"), Attested("dpo", "2026-01-01", "0")),
        (Exported(1, "a", "b"), Exported(2, "c", "d"), Exported(2, "c", "d")),
    ],
)
def test_the_weaker_word_counts_and_every_record_once(past: Outcome | None, now: Outcome, told: Outcome) -> None:
    assert joined(past, now) == told


def test_answers_that_cannot_be_are_refused_and_change_nothing() -> None:
    story = Story(plan(CRM))
    task = story.out()["crm"]
    right = story.confirmation(task, found())
    for wrong in (
        msgspec.structs.replace(right, system="nowhere"),
        msgspec.structs.replace(right, task_id="other.1.crm.locate.1"),
        msgspec.structs.replace(right, action=Action.ERASE),
    ):
        before = msgspec.json.encode(story.state)
        with pytest.raises(IllegalTransitionError):
            story.told(wrong)
        assert msgspec.json.encode(story.state) == before


def test_an_incident_is_not_settled_by_the_next_answer() -> None:
    story = Story(plan(CRM))
    story.told(Incident(request_id="req", observed_at=at(1), reason="contradictory_answer", system="crm"))
    story.answer("crm", found())
    assert story.reasons == ["contradictory_answer"]
    assert not story.out()
    story.resume()
    assert story.out()["crm"].action is Action.LOCATE


def test_every_other_event_twice_is_ignored_with_a_reason() -> None:
    story = Story(plan(CRM, system("mail")), Right.ERASURE, others=("acc",))
    closed = OtherClosed(request_id="req", observed_at=at(1), other="acc")
    assert story.told(closed).ignored == ""
    assert story.told(closed).ignored == "not waited for"
    accepted = story.history[0]
    assert isinstance(accepted, RequestAccepted)
    assert story.told(accepted).ignored == "the request is already known"
    fired = story.fire("silent:mail")
    assert fired.ignored == ""
    old = TimerFired(request_id="req", observed_at=at(1), name="silent:mail", generation=1)
    assert story.told(old).ignored == "an older timer"
    unknown = TimerFired(request_id="req", observed_at=at(1), name="nothing", generation=1)
    assert story.told(unknown).ignored == "an older timer"
    package = PackageAssembled(request_id="req", observed_at=at(1), job_id="j", file="f", sha256="0" * 64)
    assert story.told(package).ignored == "the package is not awaited"
