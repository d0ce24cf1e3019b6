"""An answer counts only as an answer to what was asked (I1): the rest is parked as unverifiable, never final."""

from __future__ import annotations

import msgspec
import pytest

from orchestrator.core.fitting import fitting_answer
from orchestrator.core.model import Phase, SystemState
from schemas.outcomes import (
    Anonymised,
    Attested,
    Deleted,
    Exported,
    Facts,
    Failed,
    FailureKind,
    Kept,
    KeptWhy,
    Lifted,
    Located,
    NothingHeld,
    Notified,
    Outcome,
    Pending,
    Rectified,
    Restricted,
    Stopped,
    Survived,
    Unverifiable,
)
from schemas.requests import Right
from schemas.tasks import Action
from tests.support.stories import Story, all_able, at, contacts, deleted, found, invoices, link, plan, system

KEPT = Kept(2, KeptWhy.LEGAL_OBLIGATION, "fr-ccom-l123-22", "2030-05-05", "2030-05-05", looked_at=at())
FILE = Exported(1, "file", "0" * 64)
ATTESTED = Attested("processor", "2026-03-01", "0" * 64)


def stopped_for(story: Story) -> list[tuple[str, str]]:
    return [(one.reason, one.detail) for one in story.state.attention]


@pytest.mark.parametrize(
    "outcome",
    [
        deleted(),
        Anonymised(1, "anonymise", at()),
        KEPT,
        FILE,
        ATTESTED,
        Rectified(1),
        Restricted(1),
        Lifted(1),
        Stopped(("marketing",), 1),
        Notified("partner"),
    ],
)
def test_i01_nothing_that_locate_was_not_asked_for_counts_as_its_answer(outcome: Outcome) -> None:
    story = Story(plan())
    story.answer("crm", outcome)
    assert story.phase() is Phase.DISCOVERING
    assert stopped_for(story) == [("unverifiable", "not_an_answer_to_locate")]


@pytest.mark.parametrize(
    "outcome", [found(), FILE, Rectified(1), Restricted(1), Lifted(1), Stopped(("marketing",)), Notified("partner")]
)
def test_i01_nothing_that_erase_was_not_asked_for_counts_as_its_answer(outcome: Outcome) -> None:
    story = Story(plan())
    story.answer("crm", found())
    story.answer("crm", outcome)
    assert story.phase() is Phase.ACTING
    assert stopped_for(story) == [("unverifiable", "not_an_answer_to_erase")]


@pytest.mark.parametrize("outcome", [found(), deleted(), Anonymised(1, "anonymise", at()), KEPT, Rectified(1)])
def test_i01_nothing_that_export_was_not_asked_for_counts_as_its_answer(outcome: Outcome) -> None:
    story = Story(plan(), Right.ACCESS)
    story.answer("crm", found())
    story.answer("crm", outcome)
    assert story.phase() is Phase.ACTING
    assert stopped_for(story) == [("unverifiable", "not_an_answer_to_export")]


@pytest.mark.parametrize(
    ("sets", "outcome", "doubt"),
    [
        (contacts(), NothingHeld(), "nothing_held_after_found"),
        (contacts(), deleted(1), "fewer_than_found"),
        (contacts(erase="anonymise"), Anonymised(1, "anonymise", at()), "fewer_than_found"),
        (contacts(), Anonymised(2, "anonymise", at()), "anonymised_without_order"),
        (contacts(), KEPT, "kept_without_order"),
        (contacts(), ATTESTED, "attestation_not_allowed"),
        (contacts(), Pending("2026-02-30T00:00:00Z", "live_file"), "malformed_date"),
    ],
)
def test_i01_an_erasure_must_account_for_all_that_was_found_in_the_ordered_way(
    sets: object, outcome: Outcome, doubt: str
) -> None:
    assert not isinstance(sets, str)
    story = Story(plan(system("crm", sets)))  # type: ignore[arg-type]
    story.answer("crm", found(2))
    story.answer("crm", outcome)
    assert stopped_for(story) == [("unverifiable", doubt)]
    assert not story.records


@pytest.mark.parametrize(
    ("kept", "doubt"),
    [
        (Kept(2, KeptWhy.LEGAL_OBLIGATION, "fr-ccom-l123-22"), "kept_without_date"),
        (Kept(2, KeptWhy.LEGAL_OBLIGATION, "fr-ccom-l123-22", "2030-02-30"), "malformed_date"),
        (Kept(2, KeptWhy.LEGAL_OBLIGATION, "fr-ccom-l123-22", "2030-02-01", "2029-02-29"), "malformed_date"),
        (Kept(2, KeptWhy.LEGAL_OBLIGATION, "another-text", "2030-05-05"), "kept_without_order"),
        (Kept(2, KeptWhy.HOLD, "fr-ccom-l123-22", "2030-05-05"), "kept_without_order"),
        (Kept(1, KeptWhy.LEGAL_OBLIGATION, "fr-ccom-l123-22", "2030-05-05"), "fewer_than_found"),
    ],
)
def test_i08_records_stay_only_as_ordered_and_dated(kept: Kept, doubt: str) -> None:
    story = Story(plan(system("crm", invoices(kinds=("email",)))))
    story.answer("crm", found(2, last="2020-05-05"))
    story.answer("crm", kept)
    assert stopped_for(story) == [("unverifiable", doubt)]
    # Mended, and asked for again: only then is it complete.
    story.resume()
    story.answer("crm", KEPT)
    assert story.closed()


def test_kept_and_erased_together_account_for_what_was_found() -> None:
    story = Story(plan(system("crm", invoices(kinds=("email",)))))
    story.answer("crm", found(3, last="2020-05-05"))
    story.answer("crm", Kept(1, KeptWhy.LEGAL_OBLIGATION, "fr-ccom-l123-22", "2030-05-05", erased=2))
    assert story.closed()


@pytest.mark.parametrize("right", Right)
def test_attested_counts_where_the_policy_allows_it(right: Right) -> None:
    story = Story(all_able(plan(system("crm", attested=True))), right)
    if not story.out():
        return  # no system is asked anything: ``test_rights``
    story.answer("crm", found())
    story.answer("crm", ATTESTED)
    assert story.closed()
    assert story.records[0].headline == "attested"
    assert story.records[0].systems[0].record_sets[0].assurance == "attested"


@pytest.mark.parametrize("facts", [Facts("2020-02-30", "2021-01-01"), Facts("2020-01-01", "2021-02-29")])
def test_i01_a_date_that_does_not_exist_proves_nothing(facts: Facts) -> None:
    story = Story(plan())
    story.answer("crm", Located(1, facts))
    assert stopped_for(story) == [("unverifiable", "malformed_date")]


def test_i01_an_export_in_several_files_loses_none_in_silence() -> None:
    story = Story(plan(system("crm", contacts("a"), contacts("b"))), Right.ACCESS)
    story.answer("crm", found())
    story.answer("crm", {"a": FILE, "b": Exported(1, "other", "0" * 64)})
    assert stopped_for(story) == [("unverifiable", "several_files")] * 2


@pytest.mark.parametrize("claim", [NothingHeld(), found(), deleted()])
def test_i01_a_system_that_cannot_name_its_record_sets_proves_nothing(claim: Outcome) -> None:
    story = Story(plan(system("crm", contacts("a"), contacts("b"))))
    story.answer("crm", {"*": claim})
    assert stopped_for(story) == [("unverifiable", "whole_system_answer")] * 2


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        (Failed(FailureKind.PERMANENT, "broken"), "failed"),
        (Failed(FailureKind.MISCONFIGURED, "wrong"), "misconfigured"),
        (Unverifiable("strange"), "unverifiable"),
    ],
)
def test_i01_a_system_may_fail_as_a_whole(claim: Outcome, reason: str) -> None:
    story = Story(plan(system("crm", contacts("a"), contacts("b"))))
    story.answer("crm", {"*": claim})
    assert story.reasons == [reason, reason]


def test_i01_missing_and_unknown_record_sets_stop() -> None:
    story = Story(plan(system("crm", contacts("a"), contacts("b"))))
    story.answer("crm", {"a": NothingHeld(), "c": NothingHeld()})
    assert stopped_for(story) == [
        ("unverifiable", "no_answer_for_record_set"),
        ("unverifiable", "record_set_not_in_plan"),
    ]


def test_i01_a_link_says_nothing_about_what_is_held() -> None:
    story = Story(plan())
    story.answer("crm", {}, link("customer_id", "7"))
    assert stopped_for(story) == [("unverifiable", "no_answer_for_record_set")]


def test_survived_to_locate_stops_after_one_retry() -> None:
    story = Story(plan())
    story.answer("crm", Survived(1))
    story.fire("retry:crm")
    story.answer("crm", Survived(1))
    assert story.reasons == ["survived"]


def test_deleted_may_say_more_than_was_found() -> None:
    story = Story(plan())
    story.answer("crm", found(1))
    story.answer("crm", Deleted(5, "delete", at()))
    assert story.closed()


CHANGED: dict[Action, Outcome] = {
    Action.RECTIFY: Rectified(2, at()),
    Action.RESTRICT: Restricted(2, at()),
    Action.LIFT: Lifted(2, at()),
    Action.STOP: Stopped(("marketing",), 2, at()),
}


def fitted(action: Action, outcome: Outcome, before: Outcome) -> Outcome:
    state = SystemState(action=action, located={"contacts": before}, purposes=("marketing",))
    return fitting_answer(system("crm", contacts()), state, {"contacts": outcome})["contacts"]


@pytest.mark.parametrize("action", CHANGED)
@pytest.mark.parametrize("said", CHANGED)
def test_i01_a_change_is_an_answer_to_its_own_order_only(action: Action, said: Action) -> None:
    answer = fitted(action, CHANGED[said], Located(2))
    assert answer == (CHANGED[said] if action is said else Unverifiable(f"not_an_answer_to_{action.value}"))


@pytest.mark.parametrize("action", CHANGED)
def test_i01_a_change_accounts_for_every_record_found_and_was_looked_at(action: Action) -> None:
    outcome = CHANGED[action]
    assert fitted(action, outcome, Located(1)) == outcome
    assert fitted(action, outcome, NothingHeld()) == outcome
    none = msgspec.structs.replace(outcome, count=0)
    assert fitted(action, none, NothingHeld()) == Unverifiable("fewer_than_found")
    assert fitted(action, outcome, Located(3)) == Unverifiable("fewer_than_found")
    assert fitted(action, NothingHeld(), Located(1)) == Unverifiable("nothing_held_after_found")
    assert fitted(action, NothingHeld(), NothingHeld()) == NothingHeld()
    unseen = msgspec.structs.replace(outcome, looked_at=None)
    assert fitted(action, unseen, Located(1)) == Unverifiable("no_second_look")
