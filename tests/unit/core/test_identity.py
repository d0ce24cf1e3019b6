"""Who asks, and how long it may take: nothing goes out before it is known, both times stay, nothing is too late."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.core import commanding
from orchestrator.core.asked import Asked
from orchestrator.core.commands import AnyCommand, RequestWithdrawn
from orchestrator.core.commands_clock import ClockPaused, ClockResumed, Extended
from orchestrator.core.commands_identity import (
    DeadDecided,
    DocumentDeleted,
    FeeAccepted,
    FeeQuoted,
    IdentityConfirmed,
    IdentityDoubted,
    IdentityRefused,
    Refused,
)
from orchestrator.core.effects import AssemblePackage, IssueTask
from orchestrator.core.events import Incident, PackageAssembled, Recalled
from orchestrator.core.machine import Step
from orchestrator.core.model import Phase
from orchestrator.core.replay import replay
from schemas.outcomes import Exported
from schemas.requesters import Relation, Requester
from schemas.requests import Right
from schemas.tasks import Action
from tests.support.stories import Story, at, contacts, deleted, found, plan, speaks, system

DAY = 86_400.0


def do(story: Story, kind: type[AnyCommand], **more: Any) -> Step:
    """Give a command as the engine does: refused before it is journaled, or it counts."""
    command = kind(request_id="req", observed_at=at(story.now), role="dpo", **more)
    assert commanding.refusal(story.state, command) is None
    return story.told(command)


def wrong(story: Story, kind: type[AnyCommand], **more: Any) -> str:
    """What is wrong with a command; told all the same, it changes nothing."""
    command = kind(request_id="req", observed_at=at(story.now), role="dpo", **more)
    refused = commanding.refusal(story.state, command)
    assert refused is not None
    assert all(refused)
    before = story.state
    made = story.told(command)
    assert made.ignored
    assert made.state is before
    return refused[0]


def unverified(right: Right = Right.ERASURE, **more: Any) -> Story:
    return Story(plan(**more), right, identity="unverified")


# -- identity ---------------------------------------------------------------------------------------------
def test_an_unverified_request_waits_with_an_owner_and_nothing_leaves() -> None:
    story = unverified()
    assert (story.phase(), story.reasons, story.tasks) == (Phase.VERIFYING, ["identity_unverified"], [])
    assert speaks(story.state)
    assert [one.kind for one in story.notices].count("identity_needed") == 1
    assert story.resume().ignored, "`retry` is no way past it"
    story.told(Incident(request_id="req", observed_at=at(story.now), reason="contradictory_request"))
    story.resume()
    assert (story.phase(), story.tasks) == (Phase.VERIFYING, [])
    do(story, IdentityConfirmed, method="account_login")
    assert story.phase() is Phase.DISCOVERING
    assert story.reasons == []
    story.all_answer()
    story.all_answer()
    assert story.records[0].result == "fulfilled"


def test_a_doubt_while_erasing_calls_back_stops_and_goes_on_when_it_is_confirmed() -> None:
    story = Story(plan(system("crm"), system("mail")))
    story.all_answer()
    do(story, IdentityDoubted, reason="address_unknown", asks="callback")
    gone = story.out()["mail"].task_id
    story.told(Recalled(request_id="req", observed_at=at(story.now), tasks=(gone,)))
    story.answer("crm", deleted())
    sent = len(story.tasks)
    assert not story.closed()
    story.now += 3 * DAY
    do(story, IdentityConfirmed, method="callback")
    assert [one.system for one in story.tasks[sent:]] == ["mail"]
    story.answer("mail", deleted())
    (record,) = story.records
    assert (record.result, record.paused_days) == ("fulfilled", 3)
    assert record.due_at == "2026-04-04"
    assert story.state.pauses[0].asked_at == at(1 + 1)
    assert story.state.pauses[0].answered_at == at(2 + 1 + 3 * DAY)
    assert replay(lambda _: story.plan, story.history) == story.state


def test_a_document_is_asked_for_on_a_doubt_only_in_time_and_has_to_go() -> None:
    story = unverified()
    assert "no document was asked for" in wrong(story, IdentityConfirmed, method="document")
    assert "needs its reason" in wrong(story, IdentityDoubted, reason="", asks="document")
    assert "nothing to ask for" in wrong(story, IdentityDoubted, reason="odd", asks="passport_copy")
    do(story, IdentityDoubted, reason="two_of_that_name", asks="document")
    assert story.notices[-1].facts == {"reason": "two_of_that_name", "asks": "document"}
    assert "not over" in wrong(story, DocumentDeleted)
    do(story, IdentityConfirmed, method="document")
    assert story.reasons == ["document_held"]
    story.all_answer()
    story.all_answer()
    assert story.closed()
    assert story.reasons == ["document_held"], "it is owed beyond the close"
    do(story, DocumentDeleted)
    assert story.reasons == []
    assert story.state.identity.document_deleted_at == at(story.now)
    assert "is noted" in wrong(story, DocumentDeleted)
    late = unverified()
    late.now += 32 * DAY
    assert "within one month" in wrong(late, IdentityDoubted, reason="odd", asks="document")
    do(late, IdentityDoubted, reason="odd", asks="question")
    late.now += 5 * DAY
    do(late, IdentityConfirmed, method="question")
    assert late.state.paused_days == 0, "asked for late: no credit"
    assert "later than one month" in late.state.due_rule or late.state.due_on == "2026-04-01"


def test_refused_identity_ends_it_and_claims_nothing() -> None:
    story = unverified()
    do(story, IdentityDoubted, reason="odd", asks="document")
    do(story, IdentityRefused, reason="no_match")
    (record,) = story.records
    assert (record.result, record.headline, record.systems) == ("identity_not_established", "not_searched", ())
    assert story.reasons == ["document_held"]
    assert "nobody doubted" in wrong(Story(plan()), IdentityRefused, reason="no_match")


def test_who_never_answers_lapses() -> None:
    story = unverified(lapse_days=20)
    story.fire("lapse")
    assert story.records[0].result == "lapsed"
    assert "lapse" not in unverified().state.timers
    confirmed = unverified(lapse_days=20)
    do(confirmed, IdentityConfirmed, method="callback")
    assert "lapse" not in confirmed.state.timers


# -- the clock --------------------------------------------------------------------------------------------
def test_a_pause_moves_the_answer_and_never_the_day_of_the_notice() -> None:
    story = Story(plan())
    story.now += 4 * DAY
    do(story, ClockPaused, reason="clarification", asked_at=at(2 * DAY))
    assert "stands still" in wrong(story, ClockPaused, reason="fee")
    assert story.state.due_on == "2026-04-01", "what is not answered is worth nothing yet"
    story.now = 12 * DAY
    assert "before the question" in wrong(story, ClockResumed, answered_at=at(DAY))
    do(story, ClockResumed)
    assert (story.state.due_on, story.state.paused_days) == ("2026-04-11", 10)
    assert story.state.timers["deadline"].due == "2026-04-04T00:00:00.000Z"
    assert story.state.timers["notice"].due == "2026-03-25T00:00:00.000Z"
    story.fire("notice")
    assert story.reasons == ["extension_notice_near"]
    do(story, Extended, reason="complexity")
    assert story.reasons == []
    assert (story.state.due_on, story.notices[-1].facts["due_on"]) == ("2026-06-11", "2026-06-11")
    assert "only once" in wrong(story, Extended, reason="complexity")
    story.all_answer()
    story.all_answer()
    assert (story.records[0].extended, story.records[0].paused_days) == (True, 10)


def test_an_extension_in_month_two_is_refused_and_one_given_in_time_is_not() -> None:
    story = Story(plan())
    assert "no reason to extend" in wrong(story, Extended, reason="effort")
    story.now = 32 * DAY
    assert "by 2026-04-01" in wrong(story, Extended, reason="complexity")
    do(story, Extended, reason="complexity", given_at=at(30 * DAY))
    assert story.state.due_on == "2026-06-01"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"reason": "holiday"}, "does not pause"),
        ({"reason": "fee", "asked_at": "2027-01-01T00:00:00.000Z"}, "in the future"),
        ({"reason": "fee", "asked_at": "2026-02-01T00:00:00.000Z"}, "before the receipt"),
        ({"reason": "fee", "asked_at": "2026-02-31T00:00:00.000Z"}, "not a time"),
    ],
)
def test_a_pause_that_cannot_be(more: dict[str, str], said: str) -> None:
    assert said in wrong(Story(plan()), ClockPaused, **more)


# -- refusal and fee --------------------------------------------------------------------------------------
def test_a_refusal_names_ground_fact_and_text() -> None:
    story = Story(plan(), Right.ACCESS)
    assert "no ground" in wrong(story, Refused, ground="busy", reason="x", text="gdpr-12-5")
    assert "has to prove" in wrong(story, Refused, ground="excessive", reason="", text="gdpr-12-5")
    assert "unknown text" in wrong(story, Refused, ground="excessive", reason="x", text="policy:mine")
    do(story, Refused, ground="excessive", reason="third_in_a_month", text="gdpr-12-5")
    story.all_answer()
    assert (story.records[0].result, story.records[0].ground) == ("refused", "excessive")
    assert story.notices[-1].facts["ground"] == "excessive"


def test_the_first_copy_is_free_and_a_further_one_waits_for_its_price() -> None:
    assert "the first copy is free" in wrong(Story(plan(), Right.ACCESS), FeeQuoted, cents=500, currency="EUR")
    assert "only a further copy" in wrong(Story(plan(), copies=2), FeeQuoted, cents=500, currency="EUR")
    story = Story(plan(), Right.ACCESS, copies=1)
    assert "not a reasonable fee" in wrong(story, FeeQuoted, cents=0, currency="EUR")
    assert "no currency" in wrong(story, FeeQuoted, cents=500, currency="euro")
    assert "no fee" in wrong(story, FeeAccepted)
    do(story, FeeQuoted, cents=500, currency="EUR")
    story.answer("crm", found())
    assert not any(one.action is Action.EXPORT for one in story.tasks), "nothing is copied before it is accepted"
    do(story, FeeAccepted)
    story.all_answer()
    story.answer("crm", found()) if story.out() and story.out()["crm"].action is Action.LOCATE else None
    if story.out():
        story.answer("crm", Exported(1, "file", "0" * 64))
    job = story.effects(AssemblePackage)[-1].job_id
    story.told(PackageAssembled(request_id="req", observed_at=at(story.now), job_id=job, file="p", sha256="1" * 64))
    assert story.records[0].result == "fulfilled"


# -- who asks for somebody else ---------------------------------------------------------------------------
def agent(**more: Any) -> Requester:
    given = {"proof": "power_of_attorney", "rights": ("erasure",), "answer_to": "requester", **more}
    return Requester(Relation.AGENT, **given)


def test_an_agents_proof_that_ends_while_it_runs_sends_the_answer_to_the_person() -> None:
    story = Story(plan(), requester=agent(valid_until="2026-03-10"))
    assert story.notices[0].to == "requester"
    story.answer("crm", found())
    story.fire("proof")
    assert story.reasons == ["proof_ended"]
    story.answer("crm", deleted())
    assert story.closed(), "what was asked in time is carried out"
    assert [one.to for one in story.notices if one.kind == "answer"] == ["subject"]
    assert story.records[0].requester == "agent"
    in_time = Story(plan(), requester=agent(valid_until="2026-03-10"))
    in_time.all_answer()
    in_time.all_answer()
    assert in_time.notices[-1].to == "requester"


@pytest.mark.parametrize(
    ("who", "detail"),
    [
        (agent(rights=("access",)), "right_not_covered"),
        (agent(rights=()), "no_right_named"),
        (agent(proof=""), "no_proof"),
        (agent(valid_until="2026-02-28"), "proof_expired"),
        (Requester(Relation.PARENT), "no_proof"),
    ],
)
def test_a_proof_that_does_not_suffice_waits_for_a_person(who: Requester, detail: str) -> None:
    story = Story(plan(), requester=who)
    assert story.reasons == ["requester_unproven"]
    assert (story.state.attention[0].detail, story.tasks) == (detail, [])
    assert story.notices[0].to == "subject"
    if detail == "proof_expired":
        assert "holds no more" in wrong(story, IdentityConfirmed, method="callback")
        do(story, IdentityConfirmed, method="proof_of_mandate", valid_until="2026-12-31")
    else:
        do(story, IdentityConfirmed, method="proof_of_mandate")
    assert story.phase() is Phase.DISCOVERING


def test_a_parent_needs_no_list_of_rights() -> None:
    story = Story(plan(), requester=Requester(Relation.PARENT, "birth_certificate"), minor_at_collection=True)
    assert story.phase() is Phase.DISCOVERING


def test_data_of_the_dead_is_never_an_ordinary_erasure() -> None:
    story = Story(plan(), requester=Requester(Relation.HEIR, "certificate_of_inheritance"))
    assert (story.phase(), story.reasons, story.tasks) == (Phase.VERIFYING, ["data_of_the_dead"], [])
    assert "does not allow erasure" in wrong(story, DeadDecided, why="estate")
    do(story, DeadDecided, why="account_closed")
    story.all_answer()
    story.all_answer()
    record = story.records[0]
    assert (record.requester, record.ground, record.result) == ("heir", "dead:account_closed", "fulfilled")
    refused = Story(plan(), requester=Requester(Relation.HEIR))
    do(refused, Refused, ground="data_of_the_dead", reason="no_estate", text="fr-lil-84")
    assert refused.records[0].result == "refused"
    assert refused.effects(IssueTask) == []


def test_what_ends_is_not_decided_twice() -> None:
    story = unverified()
    do(story, RequestWithdrawn)
    for kind, more in (
        (IdentityConfirmed, {"method": "callback"}),
        (Extended, {"reason": "complexity"}),
        (ClockPaused, {"reason": "fee"}),
    ):
        assert wrong(story, kind, **more) == "the request is closed"


@pytest.mark.parametrize(
    ("right", "basis"), [(Right.OBJECTION, "legitimate_interests"), (Right.WITHDRAWAL_OF_CONSENT, "consent")]
)
def test_objection_and_withdrawal_of_consent_survive_article_11(right: Right, basis: str) -> None:
    hr = contacts(kinds=("employee_id",), purpose="newsletter", basis=basis)
    story = Story(plan(system("hr", hr)), right, asked=Asked(purposes=("newsletter",)))
    assert not story.closed(), "no rule ends it: a person decides"
    assert story.reasons == ["cannot_be_found"]
    do(story, Refused, ground="cannot_identify", reason="only_an_address", text="gdpr-12-2")
    assert (story.records[0].result, story.records[0].ground) == ("refused", "cannot_identify")
    assert Story(plan(system("hr", hr)), Right.ACCESS).records[0].result == "unidentifiable"
