"""Commands that may not be given: each is refused with words and a fix, and told all the same it changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from orchestrator.core import commanding, overruling
from orchestrator.core.asked import Asked, Balance
from orchestrator.core.commands import AnyCommand, RequestWithdrawn
from orchestrator.core.commands_clock import ClockPaused, ClockResumed, Extended
from orchestrator.core.commands_deciding import SetDecided
from orchestrator.core.commands_identity import (
    DeadDecided,
    FeeAccepted,
    FeeQuoted,
    FeeWaived,
    IdentityConfirmed,
    IdentityDoubted,
    IdentityRefused,
    Refused,
)
from orchestrator.core.commands_rights import DoneByHand, ObjectionBalanced
from orchestrator.core.events import Recalled, Resumed
from orchestrator.core.model import Phase, RequestState, Result
from orchestrator.core.plan import RecipientPlan
from schemas.outcomes import Deleted, NothingHeld
from schemas.requesters import Relation, Requester
from schemas.requests import Right
from schemas.tasks import Action
from tests.support.stories import Story, all_able, at, deleted, found, plan, system

SHA = "a" * 64
AGENT = Requester(Relation.AGENT, "power_of_attorney", valid_until="2026-12-31")


def command(kind: type[AnyCommand], **what: Any) -> AnyCommand:
    return kind(request_id="req", observed_at=at(60), role=what.pop("role", "dpo"), **what)


def erasure() -> RequestState:
    return Story(plan()).state


def ending() -> RequestState:
    story = Story(plan())
    story.told(command(RequestWithdrawn))
    assert story.state.ending is not None
    return story.state


def later_episode() -> RequestState:
    """What is still owed after the answer is being worked on."""
    return msgspec.structs.replace(Story(plan(), Right.ACCESS).state, episode=2)


def doubted() -> RequestState:
    story = Story(plan())
    story.told(command(IdentityDoubted, reason="address_unknown", asks="question"))
    return story.state


def unverified() -> RequestState:
    return Story(plan(), identity="unverified").state


def for_somebody() -> RequestState:
    return Story(plan(), requester=AGENT).state


def for_the_dead() -> RequestState:
    return Story(plan(), requester=Requester(Relation.HEIR, "certificate_of_inheritance")).state


def further_copy() -> Story:
    return Story(plan(lapse_days=14), Right.ACCESS, copies=1)


def quoted() -> RequestState:
    story = further_copy()
    story.told(command(FeeQuoted, cents=500, currency="EUR"))
    return story.state


def paid() -> RequestState:
    story = further_copy()
    story.told(command(FeeQuoted, cents=500, currency="EUR"))
    story.told(command(FeeAccepted))
    return story.state


def objection() -> Story:
    return Story(all_able(plan()), Right.OBJECTION, asked=Asked(purposes=("scoring",)))


def objection_ending() -> RequestState:
    return msgspec.structs.replace(objection().state, ending=Result.WITHDRAWN)


def restriction() -> RequestState:
    return Story(plan(system("crm", attested=True)), Right.RESTRICTION).state


def restriction_ending() -> RequestState:
    story = Story(plan(system("crm", attested=True)), Right.RESTRICTION)
    story.told(command(RequestWithdrawn))
    return story.state


def processor_asked() -> RequestState:
    mailer = RecipientPlan("mailer", "Mailer", "processor", ("crm/contacts",))
    story = Story(msgspec.structs.replace(plan(), recipients=(mailer,)))
    story.all_answer()
    return story.state


REFUSED = {"ground": "excessive", "reason": "third_in_a_month", "text": "gdpr-12-5"}


@pytest.mark.parametrize(
    ("state", "kind", "what", "says"),
    [
        (later_episode, IdentityDoubted, {"reason": "odd", "asks": "question"}, "was answered"),
        (doubted, IdentityDoubted, {"reason": "odd", "asks": "question"}, "doubted already"),
        (erasure, IdentityDoubted, {"reason": "Ann Other", "asks": "question"}, "needs its reason"),
        (unverified, IdentityConfirmed, {"method": "intuition"}, "no means to know"),
        (
            unverified,
            IdentityConfirmed,
            {"method": "callback", "valid_until": "2026-12-31"},
            "nobody asks for somebody",
        ),
        (for_somebody, IdentityConfirmed, {"method": "callback", "valid_until": "2026-02-30"}, "lies in the past, or"),
        (for_somebody, IdentityConfirmed, {"method": "callback", "valid_until": "2026-01-01"}, "lies in the past, or"),
        (unverified, IdentityRefused, {"reason": "Ann Other"}, "needs its reason"),
        (later_episode, ClockPaused, {"reason": "identity"}, "was answered"),
        (doubted, ClockResumed, {}, "waits for the identity"),
        (later_episode, Extended, {"reason": "complexity"}, "was answered"),
        (later_episode, Refused, REFUSED, "was answered"),
        (erasure, Refused, REFUSED | {"text": "nonsense"}, "unknown text"),
        (erasure, Refused, REFUSED | {"text": "fr-decret-2011-219"}, "is not in force"),
        (later_episode, FeeQuoted, {"cents": 500, "currency": "EUR"}, "was answered"),
        (quoted, FeeQuoted, {"cents": 500, "currency": "EUR"}, "quoted already"),
        (paid, FeeAccepted, {}, "it was accepted on 2026-03-01"),
        (ending, SetDecided, {"system": "crm", "record_set": "contacts", "ground": "a"}, "about to end"),
        (objection_ending, ObjectionBalanced, {"balance": Balance.UPHELD, "why": "fraud"}, "about to end"),
        (objection().state, ObjectionBalanced, {"balance": Balance.UPHELD, "why": "Ann said so"}, "one word"),
        (erasure, DeadDecided, {"why": "estate"}, "not an heir's"),
        (for_the_dead, DeadDecided, {"why": "curiosity"}, "no ground to touch data of the dead"),
        (restriction_ending, DoneByHand, {"system": "crm", "document_sha256": SHA}, "about to end"),
        (restriction, DoneByHand, {"system": "crm", "document_sha256": "my scan.pdf"}, "64 hexadecimal"),
        (restriction, DoneByHand, {"system": "crm", "document_sha256": SHA, "role": "Ann Other"}, "one word"),
        (restriction, DoneByHand, {"system": "erp", "document_sha256": SHA}, "nothing is to be done by hand"),
        (processor_asked, DoneByHand, {"system": "mailer", "document_sha256": SHA}, "is asked, and answers"),
    ],
)
def test_it_is_refused_with_words_and_changes_nothing(
    state: Callable[[], RequestState] | RequestState, kind: type[AnyCommand], what: dict[str, Any], says: str
) -> None:
    made = state if isinstance(state, RequestState) else state()
    wrong = commanding.refusal(made, command(kind, **what))
    assert wrong is not None
    assert says in wrong[0]
    assert wrong[1]


def test_a_closed_objection_is_not_weighed() -> None:
    closed = msgspec.structs.replace(objection().state, phase=Phase.CLOSED)
    wrong = commanding.refusal(closed, command(ObjectionBalanced, balance=Balance.UPHELD, why="fraud"))
    assert wrong is not None
    assert wrong[0] == "the request is closed"


def test_a_decision_about_a_system_that_the_plan_does_not_know() -> None:
    wrong = overruling.unknown(plan(), SetDecided(request_id="req", observed_at=at(), role="dpo", system="erp",
                                                  record_set="contacts", ground="a"))  # fmt: skip
    assert wrong == ("no system erp", "one of: crm")


def test_what_comes_after_the_end_has_begun_changes_nothing() -> None:
    story = Story(plan(system("crm"), system("mail")))
    first = story.out()["crm"]
    story.all_answer(found())
    story.told(command(RequestWithdrawn))
    assert (
        story.told(Resumed(request_id="req", observed_at=at(60), role="dpo")).ignored == "the request is about to end"
    )
    late = story.told(story.confirmation(first, found(7)))
    assert late.ignored == "the task is not awaited, and the request is about to end"
    story.answer("crm", deleted())
    story.answer("mail", deleted())
    assert story.closed()


def test_an_answer_to_a_request_that_a_person_answers_changes_nothing() -> None:
    asked = Story(plan())
    story = Story(plan(), Right.COMPLAINT)
    late = story.told(asked.confirmation(asked.out()["crm"], found()))
    assert late.ignored == "no system was asked anything"


@pytest.mark.parametrize("kind", [FeeAccepted, FeeWaived])
def test_a_fee_that_is_settled_leaves_the_end_of_waiting_for_the_identity(kind: type[AnyCommand]) -> None:
    story = further_copy()
    story.told(command(FeeQuoted, cents=500, currency="EUR"))
    story.told(command(IdentityDoubted, reason="odd", asks="question"))
    story.told(command(kind))
    assert "lapse" in story.state.timers
    assert "fee_open" not in story.reasons
    story.told(command(IdentityConfirmed, method="callback"))
    assert "lapse" not in story.state.timers


def test_an_identity_that_is_found_leaves_the_end_of_waiting_for_the_fee() -> None:
    story = further_copy()
    story.told(command(FeeQuoted, cents=500, currency="EUR"))
    story.told(command(IdentityDoubted, reason="odd", asks="question"))
    story.told(command(IdentityConfirmed, method="callback"))
    assert "lapse" in story.state.timers
    story.fire("lapse")
    assert story.state.ending is not None or story.closed()


def test_what_takes_effect_at_receipt_does_not_lapse_with_a_doubt() -> None:
    story = Story(all_able(plan(lapse_days=14)), Right.WITHDRAWAL_OF_CONSENT)
    story.told(command(IdentityDoubted, reason="odd", asks="question"))
    story.fire("lapse")
    assert story.state.ending is None
    assert not story.closed()


def test_a_doubt_that_is_settled_while_it_waits_for_another_looks_afresh() -> None:
    story = Story(plan(), others=("other",))
    story.answer("crm", found())
    assert story.phase() is Phase.DECIDING
    story.told(command(IdentityDoubted, reason="odd", asks="question"))
    story.told(command(IdentityConfirmed, method="callback"))
    assert story.phase() is Phase.DISCOVERING


def test_a_doubt_while_systems_are_searched_counts_nothing_that_was_found_before() -> None:
    story = Story(plan(system("crm"), system("hr")))
    story.answer("crm", found(1))
    before = story.out()["hr"]
    story.told(command(IdentityDoubted, reason="odd", asks="question"))
    story.told(command(IdentityConfirmed, method="callback", afresh=True))
    assert story.out().keys() == {"crm", "hr"}
    assert story.out()["hr"].task_id != before.task_id
    assert story.told(story.confirmation(before, found(9))).ignored, "it may have looked before the doubt"
    story.all_answer(found(2))
    assert {one.instructions["contacts"].found for one in story.out().values()} == {2}


def test_a_doubt_while_systems_act_lets_nothing_leave_that_was_decided_before() -> None:
    story = Story(plan(system("crm"), system("hr"), system("mail")))
    story.all_answer(found(2))
    crm, hr = story.out()["crm"].task_id, story.out()["hr"]
    story.answer("mail", deleted(2))
    story.told(command(IdentityDoubted, reason="odd", asks="question"))
    story.told(Recalled(request_id="req", observed_at=at(60), tasks=(crm,)))
    story.told(command(IdentityConfirmed, method="callback", afresh=True))
    assert story.phase() is Phase.DISCOVERING
    assert {name: one.action for name, one in story.out().items() if name != "hr"} == {
        "crm": Action.LOCATE, "mail": Action.LOCATE
    }  # fmt: skip
    story.told(story.confirmation(hr, deleted(2)))
    assert story.out()["hr"].action is Action.LOCATE, "what it did is looked at again as well"
    story.answer("hr", NothingHeld())
    story.answer("mail", NothingHeld())
    story.answer("crm", found(5))
    assert {name: one.action for name, one in story.out().items()} == {"crm": Action.ERASE}
    story.answer("crm", deleted(5))
    assert story.closed()
    lines = [story.line(one, "contacts") for one in ("crm", "hr", "mail")]
    assert [one.before for one in lines if isinstance(one, Deleted)] == [5, 2, 2]


def test_a_new_proof_of_one_who_is_not_doubted_changes_nothing_of_the_search() -> None:
    who = Requester(Relation.AGENT, "power_of_attorney", rights=("erasure",), valid_until="2026-12-31")
    story = Story(plan(), requester=who)
    before = story.out()
    story.told(command(IdentityConfirmed, method="proof_of_mandate", valid_until="2027-12-31", afresh=True))
    assert story.out() == before


def test_one_without_proof_does_not_keep_a_withdrawal_of_consent_waiting_for_ever() -> None:
    agent = Requester(Relation.AGENT, "")
    for lapses in (True, False):
        story = Story(
            all_able(plan(lapse_days=14)), Right.WITHDRAWAL_OF_CONSENT, requester=agent, unproven_lapses=lapses
        )
        assert story.reasons == ["requester_unproven"]
        assert ("lapse" in story.state.timers) is lapses
        if lapses:
            story.fire("lapse")
            assert story.closed()
            assert story.records[0].result == "lapsed"


def test_a_fee_that_is_waived_ends_the_waiting_for_it() -> None:
    story = further_copy()
    story.told(command(FeeQuoted, cents=500, currency="EUR"))
    assert "lapse" in story.state.timers
    story.told(command(FeeWaived))
    assert (story.reasons, "lapse" in story.state.timers) == ([], False)
