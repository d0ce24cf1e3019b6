"""What is owed after the close: at its date looked at afresh, erased, and told by a record of its own (I8)."""

from __future__ import annotations

import msgspec
import pytest

from orchestrator.core.effects import AssemblePackage, Forget
from orchestrator.core.events import PackageAssembled, TimerFired
from orchestrator.core.model import Obligation
from schemas.outcomes import Failed, FailureKind, Kept, NothingHeld, Pending, Survived
from schemas.requests import Right
from tests.support.stories import EMAIL, TEN_YEARS, Story, at, contacts, deleted, found, invoices, link, plan, system

BOOKS = system("books", invoices(kinds=("email",)), contacts("people"))
OLD = system("old", invoices(kinds=("email",)))


def kept(until: str = "2030-05-05", review_by: str | None = None) -> Kept:
    return Kept(1, TEN_YEARS.why, TEN_YEARS.text, until, review_by, looked_at=at())


def closed_with_kept(**until: str) -> Story:
    """A request after its first record, with records kept in the systems named."""
    systems = {"books": BOOKS, "old": OLD}
    story = Story(plan(*(systems[name] for name in until)))
    for name in until:
        story.answer(name, found(1, last="2020-05-05"))
    for name, day in until.items():
        story.answer(name, {"invoices": kept(day), "people": deleted()} if name == "books" else kept(day))
    assert story.closed()
    return story


def test_i08_s18_the_whole_life_of_what_is_kept() -> None:
    story = closed_with_kept(books="2030-05-05")
    assert list(story.state.obligations) == [
        Obligation("retention", "2030-05-05", "books", "invoices", TEN_YEARS.text, "2030-05-05"),
    ]
    assert story.records[0].result == "partly_fulfilled"
    assert story.records[0].identifiers_kept_until == "2030-05-05"
    assert story.state.timers.keys() == {"owed"}
    story.fire("owed")
    # Looked at afresh, under the rules of that day, before anything is erased.
    assert [one.action for one in story.out().values()] == ["locate"]
    story.answer("books", {"invoices": found(1, last="2020-05-05"), "people": NothingHeld()})
    assert story.state.systems["books"].rules["invoices"].startswith("retention-over:")
    story.answer("books", {"invoices": deleted(), "people": NothingHeld()})
    assert story.closed()
    second = story.records[1]
    assert (second.number, second.follows, second.result) == (2, "req.1", "fulfilled")
    assert second.identifiers_kept_until is None
    assert not story.state.obligations
    assert not story.state.timers
    assert story.state.forgotten
    assert story.state.known == ()
    assert story.effects(Forget)[-1] == Forget()


def test_i08_a_review_may_find_a_reason_to_keep_longer() -> None:
    story = closed_with_kept(books="2030-05-05")
    story.fire("owed")
    story.answer("books", {"invoices": found(1, last="2025-01-01"), "people": NothingHeld()})
    story.answer("books", {"invoices": kept("2035-01-01"), "people": NothingHeld()})
    assert story.records[1].result == "partly_fulfilled"
    assert story.state.timers["owed"].due == "2035-01-01T00:00:00.000Z"


def test_the_first_due_date_is_the_review_and_the_last_is_how_long_identifiers_live() -> None:
    story = Story(plan(OLD))
    story.answer("old", found(2, last="2025-05-05"))
    story.answer("old", Kept(2, TEN_YEARS.why, TEN_YEARS.text, "2035-05-05", "2028-01-01"))
    assert story.state.timers["owed"].due == "2028-01-01T00:00:00.000Z"
    assert story.records[0].identifiers_kept_until == "2035-05-05"


def test_a_date_that_is_past_is_looked_at_tomorrow_not_for_ever_today() -> None:
    story = closed_with_kept(books="2020-01-01")
    assert story.state.timers["owed"].due == "2026-03-02T00:00:00.000Z"


def test_i01_a_second_record_does_not_claim_what_other_systems_still_keep() -> None:
    story = closed_with_kept(old="2028-01-01", books="2030-05-05")
    story.fire("owed")
    assert set(story.state.systems) == {"old"}
    story.all_answer(found(1, last="2017-12-31"))
    story.all_answer()
    assert story.records[1].result == "partly_fulfilled"
    assert story.records[1].headline == "kept"
    assert story.state.timers["owed"].due == "2030-05-05T00:00:00.000Z"
    assert story.state.known == (EMAIL,)


def test_i01_a_second_record_does_not_forget_what_was_never_searched() -> None:
    story = Story(plan(OLD, system("hr", contacts(kinds=("employee_id",)))))
    story.answer("old", found(1, last="2020-05-05"))
    story.answer("old", kept())
    story.fire("owed")
    story.nothing()
    assert story.records[1].result == "partly_fulfilled"
    assert story.records[1].headline == "not_searched"
    assert set(story.records[1].not_searched) == {"hr"}
    assert story.state.unsearched == ("hr",)


def test_i14_a_backup_outlives_an_episode_that_finds_nothing() -> None:
    backed = msgspec.structs.replace(OLD, record_sets=(invoices(kinds=("email",), backups_kept_days=90),))
    story = Story(plan(backed))
    story.answer("old", found(1, last="2020-05-05"))
    story.answer("old", kept("2026-03-05"))
    horizon = Obligation("backup_horizon", "2026-05-30", "old")
    assert horizon in story.state.obligations
    story.fire("owed")
    story.nothing()
    assert story.state.obligations == (horizon,)
    assert not story.state.forgotten
    story.fire("owed")
    assert story.closed()
    assert len(story.records) == 2
    assert story.state.forgotten


def test_i14_an_erasure_moves_the_horizon_and_leaves_one() -> None:
    backed = msgspec.structs.replace(OLD, record_sets=(invoices(kinds=("email",), backups_kept_days=90),))
    story = Story(plan(backed))
    story.answer("old", found(1, last="2020-05-05"))
    story.answer("old", kept("2026-03-05"))
    story.fire("owed")
    story.answer("old", found(1, last="2016-01-01"))
    story.answer("old", deleted())
    assert story.state.obligations == (Obligation("backup_horizon", "2026-06-03", "old"),)


def test_what_falls_due_during_an_episode_follows_at_once() -> None:
    story = closed_with_kept(old="2028-01-01", books="2028-01-03")
    story.fire("owed")
    # The store is down for months.
    story.answer("old", Failed(FailureKind.PERMANENT, "down"))
    assert "owed" not in story.state.timers
    story.now += 90 * 86400
    story.resume()
    story.nothing()
    assert story.closed()
    assert story.state.timers["owed"].due < at(story.now)
    story.fire("owed")
    assert set(story.state.systems) == {"books"}


def test_an_owed_timer_of_an_episode_that_runs_is_used_up() -> None:
    story = closed_with_kept(old="2028-01-01")
    story.fire("owed")
    story.state.timers["owed"] = msgspec.structs.replace(story.state.timers["deadline"], generation=99)
    made = story.told(TimerFired(request_id="req", observed_at=at(story.now), name="owed", generation=99))
    assert not made.ignored
    assert "owed" not in made.state.timers


def test_a_timer_that_fires_too_early_is_set_again() -> None:
    story = closed_with_kept(old="2028-01-01")
    timer = story.state.timers["owed"]
    story.told(TimerFired(request_id="req", observed_at=at(5), name="owed", generation=timer.generation))
    assert story.closed()
    assert story.state.timers["owed"].due == timer.due


def test_i06_an_episode_that_does_not_end_is_called_out() -> None:
    story = closed_with_kept(old="2028-01-01")
    story.fire("owed")
    story.answer("old", Pending("2028-09-01T00:00:00Z", "live_file"))
    assert story.state.timers["deadline"].due == "2028-01-25T00:00:00.000Z"
    story.fire("deadline")
    assert story.reasons == ["deadline_near"]


def access_closed(*more: object) -> Story:
    story = Story(plan(system("crm", contacts(kinds=("email", "phone")))), Right.ACCESS)
    story.all_answer()
    story.all_answer()
    story.told(_packaged(story, "1"))
    assert story.closed()
    return story


def _packaged(story: Story, digit: str) -> PackageAssembled:
    job = story.effects(AssemblePackage)[-1].job_id
    return PackageAssembled(
        request_id="req", observed_at=at(story.now), job_id=job, file=f"package-{digit}", sha256=digit * 64
    )


def test_a_package_expires_and_then_all_is_forgotten() -> None:
    story = access_closed()
    assert [one.kind for one in story.state.obligations] == ["package_expiry"]
    assert story.effects(Forget)[-1] == Forget(package=True)
    story.fire("owed")
    assert story.closed()
    assert story.state.forgotten
    assert story.effects(Forget)[-1] == Forget()


def test_i01_a_follow_up_of_an_access_makes_a_package_of_its_own() -> None:
    story = access_closed()
    first = story.tasks[0]
    story.told(story.confirmation(first, found(), (link("phone", "7"),)))
    assert story.state.episode == 2
    story.all_answer()
    story.all_answer()
    assert not story.closed()
    story.told(_packaged(story, "2"))
    assert [one.package_sha256 for one in story.records] == ["1" * 64, "2" * 64]
    assert [one.kind for one in story.state.obligations] == ["package_expiry"] * 2


def test_what_expired_does_not_wait_for_the_end_of_an_episode() -> None:
    story = closed_with_kept(old="2028-01-01")
    expiry = Obligation("package_expiry", "2028-01-01")
    story.state.obligations = (*story.state.obligations, expiry)
    made = story.fire("owed")
    assert not story.closed()
    assert Forget(("ref-email",), ("old",), package=False) in made.effects


@pytest.mark.parametrize("survives", [False, True])
def test_i08_a_second_look_at_the_end_counts_as_the_first_did(*, survives: bool) -> None:
    story = closed_with_kept(old="2028-01-01")
    story.fire("owed")
    story.answer("old", found(1, last="2017-01-01"))
    if survives:
        story.answer("old", Survived(1))
        story.fire("retry:old")
    story.all_answer()
    assert story.closed()
    assert story.records[1].systems[0].record_sets[0].outcome == deleted()
