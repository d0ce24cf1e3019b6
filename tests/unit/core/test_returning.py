"""I14: what was erased is looked for again; what came back is erased again, unless the person came back themselves."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from orchestrator.core import commanding
from orchestrator.core.commands_deciding import HoldPlaced, HoldReleased, SetDecided
from orchestrator.core.commands_identity import Refused
from orchestrator.core.commands_recipients import RecipientAnswered
from orchestrator.core.commands_returning import CameBack, Restored
from orchestrator.core.effects import Forget
from orchestrator.core.model import Obligation, Phase, Result
from orchestrator.core.plan import RecipientPlan
from orchestrator.core.rulings import Hold
from schemas.outcomes import Kept, KeptWhy, Located, NothingHeld
from schemas.requests import Right
from tests.support.stories import EMAIL, TEN_YEARS, Story, at, contacts, deleted, found, invoices, link, plan, system

DAY = 86400
BACKED = system("crm", contacts(backups_kept_days=90), contacts("notes", erase="with_parent", parent="contacts"))
BOOKS = system("books", contacts("people", backups_kept_days=60), invoices(kinds=("email",)))
ERASED_ON = at()[:10]
BEFORE, AFTER = "2025-12-01", "2026-03-20"
HOLD = Hold("hold-1", "litigation", "gdpr-17-3-e", "legal", "2027-01-01", at(), ("crm",))


def erased(**limits: int) -> Story:
    """A request that erased one contact, a backup of which lives for 90 days."""
    wanted: dict[str, Any] = {"recheck_days": 30} | limits
    story = Story(plan(BACKED, **wanted))
    story.answer("crm", {"contacts": found(), "notes": NothingHeld()})
    story.answer("crm", {"contacts": deleted(), "notes": NothingHeld()})
    assert story.closed()
    return story


def back(first: str | None = BEFORE, last: str | None = None, missing: int = 0) -> dict[str, Any]:
    one = found(since_first=first, since_last=last or first, since_missing=missing)
    return {"contacts": one, "notes": NothingHeld()}


def command(kind: type[Any], **facts: Any) -> Any:
    return kind(request_id="req", observed_at=at(40 * DAY), role="dpo", given_at=at(40 * DAY), **facts)


def restored(snapshot: str = "2026-02-01T00:00:00.000Z", system: str = "crm") -> Restored:
    one: Restored = command(Restored, system=system, snapshot=snapshot)
    return one


def looked(story: Story, answer: dict[str, Any]) -> None:
    story.fire("recheck")
    assert [(one.system, one.action) for one in story.out().values()] == [("crm", "locate")]
    story.answer("crm", answer)


def test_i14_while_a_backup_lives_it_is_looked_again_and_the_last_time_before_it_is_gone() -> None:
    story = erased()
    dues = []
    while "recheck" in story.state.timers:
        dues.append(story.state.timers["recheck"].due[:10])
        looked(story, {"contacts": NothingHeld(), "notes": NothingHeld()})
        assert story.closed()
    assert dues == ["2026-03-31", "2026-04-30", "2026-05-29"]
    assert story.state.obligations == (Obligation("backup_horizon", "2026-05-30", "crm"),)
    assert story.state.timers.keys() == {"owed"}
    # Nothing came of it: no record, nobody is told, and the result is what it was.
    assert len(story.records) == 1
    assert [one.kind for one in story.notices if one.kind == "answer"] == ["answer"]
    assert story.state.result is Result.FULFILLED
    story.fire("owed")
    assert story.state.forgotten


@pytest.mark.parametrize("days", [0, 90])
def test_i14_no_look_where_none_is_wanted_or_only_the_first_day_is_left(days: int) -> None:
    story = erased(recheck_days=days)
    assert (
        story.state.timers.get("recheck") is None
        if not days
        else story.state.timers["recheck"].due[:10] == ("2026-05-29")
    )


def test_i14_what_an_import_brought_back_is_erased_again_with_a_record_of_its_own() -> None:
    story = erased()
    looked(story, back(BEFORE))
    assert [one.action for one in story.out().values()] == ["erase"]
    assert story.notices[-1].kind == "came_back"
    story.answer("crm", {"contacts": deleted(), "notes": NothingHeld()})
    assert story.closed()
    second = story.records[1]
    assert (second.number, second.follows, second.result, second.looked_again) == (2, "req.1", "fulfilled", "recheck")
    assert story.notices[-1].facts["looked_again"] == "recheck"
    assert story.state.look is None
    # The backups of today hold it once more.
    assert story.state.obligations[0].due > "2026-05-30"


def test_i14_who_registered_again_is_left_alone_and_noted_once() -> None:
    story = erased()
    looked(story, back(AFTER))
    assert story.closed()
    assert len(story.records) == 1
    assert [one.kind for one in story.notices].count("came_back_themselves") == 1
    assert story.state.returned.keys() == {"crm"}
    looked(story, back(AFTER))
    assert story.closed()
    assert [one.kind for one in story.notices].count("came_back_themselves") == 1


@pytest.mark.parametrize(
    ("first", "last", "missing"),
    [(None, None, 0), (ERASED_ON, ERASED_ON, 0), (BEFORE, AFTER, 0), (BEFORE, BEFORE, 1)],
    ids=["no column", "the same day", "both", "one without a day"],
)
def test_i14_in_doubt_a_person_is_asked_and_nothing_is_erased(
    first: str | None, last: str | None, missing: int
) -> None:
    story = erased()
    looked(story, back(first, last, missing))
    assert story.reasons == ["came_back"]
    assert not story.out()
    assert story.phase() is Phase.DECIDING
    assert story.resume().ignored == "nothing waits for a person"


def test_i14_in_doubt_the_person_in_charge_has_it_erased() -> None:
    story = erased()
    looked(story, back(None))
    story.told(command(SetDecided, system="crm", record_set="contacts", ground="a"))
    assert [one.action for one in story.out().values()] == ["erase"]


def test_i14_a_decision_from_before_the_look_says_nothing_about_what_came_back() -> None:
    story = Story(plan(BACKED, recheck_days=30))
    early = SetDecided(
        request_id="req", observed_at=at(1), role="dpo", given_at=at(1), system="crm", record_set="contacts", ground="a"
    )
    story.told(early)
    story.answer("crm", {"contacts": found(), "notes": NothingHeld()})
    story.answer("crm", {"contacts": deleted(), "notes": NothingHeld()})
    looked(story, back(None))
    assert story.reasons == ["came_back"]


def test_i14_in_doubt_the_person_in_charge_says_that_they_came_back() -> None:
    story = erased()
    looked(story, back(None))
    step = story.told(command(CameBack, since="2026-03-15", reason="new_relationship"))
    assert not step.ignored
    assert story.closed()
    assert len(story.records) == 1
    looked(story, back(None))
    assert story.closed()
    # What is of a known day before it was erased did not come with them.
    looked(story, back(BEFORE))
    assert [one.action for one in story.out().values()] == ["erase"]


def test_i14_one_system_with_both_is_for_a_person_to_say() -> None:
    two = system("crm", contacts(backups_kept_days=90), contacts("leads"))
    story = Story(plan(two, recheck_days=30))
    story.answer("crm", {"contacts": found(), "leads": found()})
    story.answer("crm", {"contacts": deleted(), "leads": deleted()})
    old = found(since_first=BEFORE, since_last=BEFORE)
    new = found(since_first=AFTER, since_last=AFTER)
    looked(story, {"contacts": old, "leads": new})
    assert [(one.reason, one.record_set) for one in story.state.attention] == [("came_back", "leads")]


def test_i14_what_is_kept_is_there_because_it_is_kept() -> None:
    story = Story(plan(BOOKS, recheck_days=30))
    story.answer("books", {"people": found(), "invoices": found(last="2020-05-05")})
    kept = Kept(1, TEN_YEARS.why, TEN_YEARS.text, "2030-05-05", looked_at=at())
    story.answer("books", {"people": deleted(), "invoices": kept})
    obligations = story.state.obligations
    story.fire("recheck")
    story.answer("books", {"people": NothingHeld(), "invoices": found(last="2020-05-05")})
    assert story.closed()
    assert story.state.obligations == obligations
    assert len(story.records) == 1


def test_i14_a_restore_brings_down_the_mask_of_what_is_kept() -> None:
    story = Story(plan(BOOKS))
    story.answer("books", {"people": found(), "invoices": found(last="2020-05-05")})
    kept = Kept(1, TEN_YEARS.why, TEN_YEARS.text, "2030-05-05", looked_at=at())
    story.answer("books", {"people": deleted(), "invoices": kept})
    story.told(restored(system="books"))
    story.answer("books", {"people": NothingHeld(), "invoices": found(last="2020-05-05")})
    assert [one.action for one in story.out().values()] == ["erase"]
    story.answer("books", {"people": NothingHeld(), "invoices": kept})
    assert story.records[1].result == "partly_fulfilled"


def test_i14_after_a_restore_it_is_erased_again_also_where_no_column_tells_since_when() -> None:
    story = erased(recheck_days=0)
    story.told(restored())
    story.answer("crm", back(None))
    story.answer("crm", {"contacts": deleted(), "notes": NothingHeld()})
    assert story.records[1].looked_again == "restored:2026-02-01T00:00:00.000Z"
    assert story.notices[-1].facts["looked_again"] == "restored"


def test_i14_after_a_restore_that_brought_nothing_there_is_a_record_and_nobody_is_told() -> None:
    story = erased()
    story.told(restored())
    story.nothing()
    assert story.records[1].result == "nothing_held"
    assert [one.kind for one in story.notices].count("answer") == 1


def test_i14_after_a_restore_who_came_back_is_told_apart_in_the_record() -> None:
    story = erased()
    story.told(restored())
    story.answer("crm", back(AFTER))
    assert story.closed()
    assert story.records[1].result == "nothing_held"
    assert story.records[1].not_searched["crm/contacts"].endswith("the person came back themselves")


def test_i14_a_hold_outlives_a_restore_and_its_release_has_it_erased() -> None:
    story = erased()
    story.told(HoldPlaced(request_id="req", observed_at=at(DAY), role="legal", given_at=at(DAY), hold=HOLD))
    story.told(restored())
    story.answer("crm", back(BEFORE))
    kept = Kept(1, KeptWhy.HOLD, "gdpr-17-3-e", review_by="2027-01-01", looked_at=at())
    story.answer("crm", {"contacts": kept, "notes": NothingHeld()})
    assert story.records[1].result == "partly_fulfilled"
    story.told(HoldReleased(request_id="req", observed_at=at(60 * DAY), role="legal", given_at=at(), hold_id="hold-1"))
    story.answer("crm", {"contacts": found(), "notes": NothingHeld()})
    story.answer("crm", {"contacts": deleted(), "notes": NothingHeld()})
    assert story.records[2].result == "fulfilled"
    assert story.records[2].looked_again is None


def test_i14_a_restore_before_anything_is_decided_has_it_searched_again() -> None:
    story = Story(plan(BACKED))
    story.told(restored())
    (task,) = story.out().values()
    story.answer("crm", {"contacts": NothingHeld(), "notes": NothingHeld()})
    (again,) = story.out().values()
    assert again.task_id != task.task_id
    assert again.action == "locate"


def test_i14_a_restore_while_it_is_erased_has_it_searched_again() -> None:
    story = Story(plan(BACKED))
    story.answer("crm", {"contacts": found(), "notes": NothingHeld()})
    assert [one.action for one in story.out().values()] == ["erase"]
    story.told(restored())
    story.answer("crm", {"contacts": deleted(), "notes": NothingHeld()})
    assert [one.action for one in story.out().values()] == ["locate"]


def test_i14_a_restore_while_somebody_has_to_decide_has_it_searched_again() -> None:
    story = erased()
    looked(story, back(None))
    story.told(restored())
    assert story.state.look is not None
    assert (story.state.look.why, story.state.look.result) == ("restored", Result.FULFILLED)
    assert story.phase() is Phase.DISCOVERING
    assert [one.action for one in story.out().values()] == ["locate"]
    story.answer("crm", back(None))
    # The restore explains what is there.
    assert [one.action for one in story.out().values()] == ["erase"]


@pytest.mark.parametrize(
    ("snapshot", "system", "why"),
    [
        ("2026-03-02T00:00:00.000Z", "crm", "the snapshot holds what was erased as erased"),
        ("2026-02-01T00:00:00.000Z", "hr", "nothing finds the person in that system any more"),
    ],
)
def test_i14_a_restore_that_is_no_matter_changes_nothing(snapshot: str, system: str, why: str) -> None:
    story = erased()
    assert story.told(restored(snapshot, system)).ignored == why


def test_i14_who_is_forgotten_or_does_not_ask_any_more_is_not_looked_for() -> None:
    story = erased(recheck_days=0)
    story.fire("owed")
    assert story.state.forgotten
    assert story.told(restored()).ignored == "nothing leads to the person any more"
    access = Story(plan(BACKED), right=Right.ACCESS)
    assert access.told(restored()).ignored == "nothing is erased by it"
    refused = Story(plan(BACKED))
    refused.told(
        Refused(request_id="req", observed_at=at(), role="dpo", given_at=at(), ground="manifestly_unfounded",
                reason="repeated", text="gdpr-12-5")
    )  # fmt: skip
    assert refused.told(restored()).ignored == "it ended, and nobody asks for it any more"


def test_i14_a_look_goes_by_the_plan_of_its_day_or_somebody_is_told_why_it_cannot() -> None:
    story = erased()
    story.corrected(system("other", contacts()), recheck_days=30)
    story.fire("recheck")
    assert "system_gone" in story.reasons


def test_i14_a_look_goes_by_the_plan_of_its_day() -> None:
    story = erased()
    stricter = msgspec.structs.replace(BACKED, owner="new-owner")
    story.corrected(stricter, recheck_days=30)
    story.fire("recheck")
    assert story.state.plan_sha256 == plan(stricter, recheck_days=30).digest()
    assert [one.action for one in story.out().values()] == ["locate"]


def test_i14_a_restore_before_it_is_known_who_asks_is_no_matter() -> None:
    story = Story(plan(BACKED), identity="unverified")
    assert story.phase() is Phase.VERIFYING
    assert story.told(restored()).ignored == "nothing was searched there yet"


def test_i14_a_look_that_comes_due_while_another_runs_waits_for_its_end() -> None:
    story = erased()
    timer = story.state.timers["recheck"]
    story.told(restored())
    story.state.timers["recheck"] = timer
    story.fire("recheck")
    assert story.state.look is not None
    assert story.state.look.why == "restored"


def test_i14_nothing_is_looked_for_where_nothing_finds_the_person() -> None:
    story = erased()
    story.state.known = ()
    story.fire("recheck")
    assert not story.out()
    assert story.closed()


@pytest.mark.parametrize(
    ("facts", "wrong"),
    [
        ({"system": "hr"}, "the request is not about hr"),
        ({"reason": "because"}, "'because' is no reason"),
        ({"since": "2027-01-01"}, "the day on which the person came back is missing or lies ahead"),
        ({"since": ""}, "the day on which the person came back is missing or lies ahead"),
    ],
)
def test_a_return_that_cannot_be_is_refused(facts: dict[str, str], wrong: str) -> None:
    story = erased()
    one = command(CameBack, **({"since": "2026-03-15", "reason": "fresh_consent"} | facts))
    refusal = commanding.refusal(story.state, one)
    assert refusal is not None
    assert refusal[0] == wrong


def test_only_who_was_erased_and_can_be_found_comes_back() -> None:
    one = command(CameBack, since="2026-03-15", reason="fresh_consent", system="crm")
    access = Story(plan(BACKED), right=Right.ACCESS)
    assert (commanding.refusal(access.state, one) or ("",))[0] == "only who was erased can come back"
    story = erased(recheck_days=0)
    assert commanding.refusal(story.state, one) is None
    story.fire("owed")
    assert (commanding.refusal(story.state, one) or ("",))[0] == "nothing leads to the person any more"


# -- beside what is kept, and while something else runs -----------------------------------------------------

TWO = (
    system("crm", contacts(backups_kept_days=90), invoices(kinds=("email",))),
    system("mail", contacts("letters", backups_kept_days=90)),
)
KEPT = Kept(1, TEN_YEARS.why, TEN_YEARS.text, "2030-05-05", looked_at=at())
HELD = Kept(1, KeptWhy.HOLD, "gdpr-17-3-e", review_by="2027-01-01", looked_at=at())
INVOICE = found(last="2020-05-05")
OLD = found(since_first=BEFORE, since_last=BEFORE)
NEW = found(since_first=AFTER, since_last=AFTER)
SAME_DAY = found(since_first=ERASED_ON, since_last=ERASED_ON)


def kept() -> Story:
    """A request that erased in two systems, and keeps an invoice in one of them."""
    story = Story(plan(*TWO, recheck_days=30))
    story.answer("crm", {"contacts": found(), "invoices": INVOICE})
    story.answer("mail", {"letters": found()})
    story.answer("crm", {"contacts": deleted(), "invoices": KEPT})
    story.answer("mail", {"letters": deleted()})
    assert story.closed()
    return story


def held(first: Located) -> Story:
    """A request whose contact, once restored, is under a hold; all backups are gone since."""
    story = kept()
    story.told(HoldPlaced(request_id="req", observed_at=at(DAY), role="legal", given_at=at(DAY), hold=HOLD))
    story.told(restored())
    story.answer("crm", {"contacts": first, "invoices": NothingHeld()})
    story.answer("crm", {"contacts": HELD, "invoices": NothingHeld()})
    assert story.closed()
    return story


def released(story: Story) -> None:
    when = at(story.now)
    story.told(HoldReleased(request_id="req", observed_at=when, role="legal", given_at=when, hold_id="hold-1"))


def due(story: Story) -> None:
    """Wait until what is kept is due, and nothing else is left."""
    story.state.timers.pop("recheck")
    while not story.out():
        story.fire("owed")


def ordered(story: Story, name: str = "crm") -> set[str]:
    task = story.out()[name]
    assert task.action == "erase"
    assert set(task.order.record_sets or task.instructions) == task.instructions.keys()
    return set(task.instructions)


def test_i14_who_came_back_is_left_alone_also_where_something_else_came_back() -> None:
    story = kept()
    story.fire("recheck")
    story.answer("crm", {"contacts": NEW, "invoices": INVOICE})
    story.answer("mail", {"letters": OLD})
    # What is kept is decided afresh with the rest; what is of the person now is in no order.
    assert ordered(story) == {"invoices"}
    assert ordered(story, "mail") == {"letters"}
    story.answer("crm", {"invoices": KEPT})
    story.answer("mail", {"letters": deleted()})
    assert story.closed()
    assert story.records[1].not_searched["crm/contacts"].endswith("the person came back themselves")
    assert [one.record_set for one in story.state.obligations if one.kind == "retention"] == ["invoices"]


def test_i14_what_comes_due_does_not_erase_who_came_back_and_the_record_says_so() -> None:
    story = kept()
    due(story)
    story.answer("crm", {"contacts": NEW, "invoices": INVOICE})
    assert ordered(story) == {"invoices"}
    story.answer("crm", {"invoices": deleted()})
    assert story.closed()
    second = story.records[1]
    assert second.looked_again == "due"
    assert second.not_searched["crm/contacts"].endswith("the person came back themselves")
    assert [one.kind for one in story.notices].count("came_back_themselves") == 1
    assert "looked_again" not in story.notices[-1].facts
    # What was erased since is of a later day than the return: it is the return that counts.
    assert story.state.returned == {"crm": AFTER}
    assert story.state.erased["crm"] > "2030"


def test_i14_who_came_back_is_known_by_the_day_also_when_something_was_erased_later() -> None:
    story = held(OLD)
    released(story)
    story.answer("crm", {"contacts": NEW, "invoices": INVOICE})
    assert ordered(story) == {"invoices"}
    story.now = 60 * DAY
    story.answer("crm", {"invoices": deleted()})
    assert story.closed()
    story.fire("recheck")
    story.answer("crm", {"contacts": NEW, "invoices": NothingHeld()})
    story.answer("mail", {"letters": NothingHeld()})
    assert story.closed()
    assert len(story.records) == 3


def test_i14_what_comes_due_goes_where_nothing_tells_that_somebody_came_back() -> None:
    for one in (found(), OLD, SAME_DAY):
        story = kept()
        due(story)
        story.answer("crm", {"contacts": one, "invoices": INVOICE})
        assert ordered(story) == {"contacts", "invoices"}
        story.answer("crm", {"contacts": deleted(), "invoices": deleted()})
        assert story.records[1].looked_again is None


@pytest.mark.parametrize(
    ("first", "told"),
    [
        (found(since_first=BEFORE, since_last=AFTER), False),
        (found(), True),
        (back(BEFORE, missing=1)["contacts"], True),
    ],
    ids=["both days", "no column", "one without a day"],
)
def test_i14_what_a_hold_has_kept_with_what_the_person_gave_since_is_for_a_person_to_say(
    first: Located, told: bool
) -> None:
    story = held(OLD)
    if told:
        story.told(command(CameBack, since=AFTER, reason="new_relationship"))
    released(story)
    story.answer("crm", {"contacts": first, "invoices": NothingHeld()})
    assert story.reasons == ["came_back"]
    assert not story.out()
    again = held(OLD)
    again.told(command(CameBack, since=AFTER, reason="new_relationship"))
    released(again)
    again.answer("crm", {"contacts": first, "invoices": NothingHeld()})
    again.told(command(CameBack, since=AFTER, reason="new_relationship"))
    assert again.closed()
    story.told(
        SetDecided(request_id="req", observed_at=at(90 * DAY), role="dpo", given_at=at(90 * DAY), system="crm",
                   record_set="contacts", ground="a")
    )  # fmt: skip
    assert ordered(story) == {"contacts", "invoices"}


def test_i14_what_comes_due_leaves_alone_who_is_said_to_have_come_back() -> None:
    story = kept()
    story.told(command(CameBack, since=AFTER, reason="new_relationship"))
    due(story)
    story.answer("crm", {"contacts": found(), "invoices": INVOICE})
    assert ordered(story) == {"invoices"}


def test_i14_nobody_who_came_back_loses_what_their_records_hang_on() -> None:
    crm = system("crm", contacts("people"), contacts("orders", parent="people"), contacts("lines", parent="orders"))
    story = Story(plan(crm, suppression_days=365))
    one = Hold("hold-1", "litigation", "gdpr-17-3-e", "legal", at(), "2027-01-01", ("crm/people",))
    story.told(HoldPlaced(request_id="req", observed_at=at(), role="legal", given_at=at(), hold=one))
    story.answer("crm", {"people": found(), "orders": NothingHeld(), "lines": NothingHeld()})
    story.answer("crm", {"people": HELD, "orders": NothingHeld(), "lines": NothingHeld()})
    assert story.closed()
    released(story)
    story.answer("crm", {"people": OLD, "orders": NothingHeld(), "lines": NEW})
    assert [(one.reason, one.record_set) for one in story.state.attention] == [("came_back", "lines")]


@pytest.mark.parametrize("one", [SAME_DAY, found(since_first=BEFORE, since_last=AFTER), back(missing=1)["contacts"]])
def test_i14_in_any_doubt_the_word_of_the_person_in_charge_counts(one: Located) -> None:
    story = erased()
    looked(story, {"contacts": one, "notes": NothingHeld()})
    assert story.reasons == ["came_back"]
    story.told(command(CameBack, since=AFTER, reason="new_relationship"))
    assert story.closed()
    assert len(story.records) == 1


def test_i14_where_one_system_has_both_the_person_in_charge_may_say_which_stays() -> None:
    two = system("crm", contacts(backups_kept_days=90), contacts("leads"))
    story = Story(plan(two, recheck_days=30))
    story.answer("crm", {"contacts": found(), "leads": found()})
    story.answer("crm", {"contacts": deleted(), "leads": deleted()})
    looked(story, {"contacts": OLD, "leads": NEW})
    assert story.reasons == ["came_back"]
    story.told(command(CameBack, since=AFTER, reason="new_relationship"))
    assert ordered(story) == {"contacts"}


def test_i14_a_restore_brings_back_what_was_before_the_person_came_back() -> None:
    story = erased()
    story.told(command(CameBack, since="2026-03-15", reason="new_relationship"))
    story.told(restored())
    story.answer("crm", back(None))
    assert story.reasons == ["came_back"]


def test_i14_who_registered_while_a_processor_was_waited_for_came_back_themselves() -> None:
    mailer = RecipientPlan("mailer", "Mailer", "processor", ("crm/contacts",))
    story = Story(msgspec.structs.replace(plan(BACKED, recheck_days=30), recipients=(mailer,)))
    story.answer("crm", {"contacts": found(), "notes": NothingHeld()})
    story.answer("crm", {"contacts": deleted(), "notes": NothingHeld()})
    story.now = 20 * DAY
    story.told(
        RecipientAnswered(request_id="req", observed_at=at(story.now), role="dpo", recipient="mailer", found=1,
                          document_sha256="0" * 64)
    )  # fmt: skip
    assert story.closed()
    looked(story, back("2026-03-10"))
    assert story.closed()
    assert story.state.gone == {"crm": ERASED_ON}


def test_i14_a_restore_while_an_episode_about_another_system_erases_has_it_searched() -> None:
    story = kept()
    story.told(restored())
    story.answer("crm", {"contacts": OLD, "invoices": NothingHeld()})
    assert ordered(story) == {"contacts", "invoices"}
    story.told(restored(system="mail"))
    story.answer("crm", {"contacts": deleted(), "invoices": NothingHeld()})
    assert [(one.system, one.action) for one in story.out().values()] == [("mail", "locate")]
    story.answer("mail", {"letters": OLD})
    story.answer("mail", {"letters": deleted()})
    assert story.closed()
    assert {one.system for one in story.records[1].systems} == {"crm", "mail"}


def test_i08_a_hold_that_is_released_while_it_is_looked_again_is_decided_afresh_after_it() -> None:
    story = held(OLD)
    story.fire("recheck")
    released(story)
    story.answer("crm", {"contacts": OLD, "invoices": NothingHeld()})
    story.answer("mail", {"letters": NothingHeld()})
    assert story.closed()
    assert story.state.timers["owed"].due <= at(story.now + 1)
    story.fire("owed")
    story.answer("crm", {"contacts": OLD, "invoices": NothingHeld()})
    assert ordered(story) == {"contacts", "invoices"}


def test_i08_what_is_decided_of_kept_records_while_it_is_looked_again_is_carried_out_after_it() -> None:
    story = kept()
    story.fire("recheck")
    when = at(story.now)
    story.told(
        SetDecided(request_id="req", observed_at=when, role="dpo", given_at=when, system="crm", record_set="invoices",
                   ground="a")
    )  # fmt: skip
    story.answer("crm", {"contacts": NothingHeld(), "invoices": INVOICE})
    story.answer("mail", {"letters": NothingHeld()})
    assert story.closed()
    story.fire("owed")
    story.answer("crm", {"contacts": NothingHeld(), "invoices": INVOICE})
    assert ordered(story) == {"contacts", "invoices"}


def late(story: Story, value: str) -> None:
    """A late answer leads to an identifier that nobody knew."""
    task = next(one for one in story.tasks if one.system == "mail" and one.action == "locate")
    story.told(story.confirmation(task, {"letters": NothingHeld()}, (link("email", value),)))


def test_i01_what_a_look_erased_has_its_record_also_if_it_is_searched_once_more() -> None:
    story = kept()
    story.fire("recheck")
    story.answer("crm", {"contacts": OLD, "invoices": NothingHeld()})
    story.answer("mail", {"letters": OLD})
    story.answer("crm", {"contacts": deleted(), "invoices": NothingHeld()})
    late(story, "new")
    story.answer("mail", {"letters": deleted()})
    while story.out():
        story.nothing()
    assert story.closed()
    assert story.records[1].looked_again == "recheck"
    assert story.line("crm", "contacts") == deleted()


def test_i14_what_was_erased_a_moment_ago_is_not_left_alone_by_its_day() -> None:
    story = kept()
    story.fire("recheck")
    story.answer("crm", {"contacts": OLD, "invoices": NothingHeld()})
    story.answer("mail", {"letters": OLD})
    story.answer("crm", {"contacts": deleted(), "invoices": NothingHeld()})
    late(story, "new")
    story.answer("mail", {"letters": deleted()})
    story.answer("crm", {"contacts": NEW, "invoices": NothingHeld()})
    story.answer("mail", {"letters": NothingHeld()})
    assert [(one.reason, one.record_set) for one in story.state.attention] == [("came_back", "contacts")]


def test_i04_what_a_look_has_learnt_of_who_came_back_is_forgotten_with_it() -> None:
    story = erased()
    known = story.state.known
    story.fire("recheck")
    story.answer("crm", back(AFTER), link("phone", "new"), link("customer_id", "new"))
    assert story.closed()
    assert story.state.known == known
    assert story.effects(Forget)[-1] == Forget((EMAIL.ref,), ("crm",))


BOTH = found(2, since_first=BEFORE, since_last=AFTER)


def test_i14_what_a_restore_brings_beside_what_the_person_gave_since_is_for_a_person_to_say_also_if_it_is_kept() -> (
    None
):
    story = held(OLD)
    story.told(restored())
    story.answer("crm", {"contacts": BOTH, "invoices": NothingHeld()})
    assert [(one.reason, one.record_set) for one in story.state.attention] == [("came_back", "contacts")]


def test_i14_what_the_person_gave_since_stays_theirs_whatever_is_erased_beside_it() -> None:
    story = held(OLD)
    story.fire("recheck")
    story.now = 60 * DAY
    story.answer("crm", {"contacts": BOTH, "invoices": NothingHeld()})
    story.answer("mail", {"letters": OLD})
    # What is held is kept with the rest: the record is of a day after the person came back.
    story.answer("crm", {"contacts": msgspec.structs.replace(HELD, count=2), "invoices": NothingHeld()})
    story.answer("mail", {"letters": deleted()})
    assert story.state.erased["crm"] > AFTER > story.state.gone["crm"]
    released(story)
    story.answer("crm", {"contacts": BOTH, "invoices": NothingHeld()})
    assert story.reasons == ["came_back"]


def test_i14_what_was_given_on_the_day_of_a_known_return_is_for_a_person_to_say() -> None:
    story = held(OLD)
    story.told(command(CameBack, since=ERASED_ON, reason="new_relationship"))
    released(story)
    story.answer("crm", {"contacts": found(2, since_first=BEFORE, since_last=ERASED_ON), "invoices": NothingHeld()})
    assert story.reasons == ["came_back"]


def test_i14_what_a_person_had_erased_of_it_is_erased() -> None:
    story = kept()
    story.fire("recheck")
    story.answer("crm", {"contacts": BOTH, "invoices": NothingHeld()})
    story.answer("mail", {"letters": NothingHeld()})
    when = at(story.now + 1)
    story.told(
        SetDecided(request_id="req", observed_at=when, role="dpo", given_at=when, system="crm", record_set="contacts",
                   ground="a")
    )  # fmt: skip
    story.answer("crm", {"contacts": deleted(2), "invoices": NothingHeld()})
    assert story.closed()
    assert "crm" not in story.state.gone
