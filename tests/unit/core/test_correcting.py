"""A further record takes back what people had noted wrongly, and never what a system confirmed (ADR 52)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from orchestrator.core import commanding
from orchestrator.core.commands_correcting import CorrectionSettled, RecordCorrected
from orchestrator.core.commands_recipients import RecipientAnswered
from orchestrator.core.commands_rights import DoneByHand
from orchestrator.core.model import Phase
from orchestrator.core.plan import RecipientPlan
from orchestrator.core.replay import replay
from orchestrator.errors import VerificationError
from orchestrator.ledger import claims
from schemas.completion import CompletionRecord
from schemas.requests import Right
from tests.support.stories import Story, at, contacts, plan, system

SHA = "a" * 64
WHY = "corrected: recipient_word_wrong"


def with_processor() -> Story:
    mailer = RecipientPlan("mailer", "Mailer", "processor", ("crm/contacts",))
    story = Story(msgspec.structs.replace(plan(system("crm", contacts())), recipients=(mailer,)))
    story.all_answer()
    story.all_answer()
    story.told(RecipientAnswered(request_id="req", observed_at=at(story.now), role="dpo", recipient="mailer", found=2,
                                 document_sha256=SHA))  # fmt: skip
    assert story.closed()
    return story


def by_hand() -> Story:
    story = Story(plan(), Right.COMPLAINT)
    story.told(DoneByHand(request_id="req", observed_at=at(story.now), role="dpo", document_sha256=SHA))
    assert story.closed()
    return story


def command(record: CompletionRecord, *places: str, reason: str = "recipient_word_wrong") -> RecordCorrected:
    return RecordCorrected(request_id="req", observed_at=at(9), role="dpo", record=record, places=places, reason=reason)


def test_the_word_of_a_processor_is_taken_back_and_somebody_is_called_until_they_have_seen_to_it() -> None:
    story = with_processor()
    old = story.records[0]
    assert not story.told(command(old, "mailer")).ignored
    new = story.records[-1]
    claims.supports(new)
    assert (new.record_id, new.corrects, new.correction, new.follows) == ("req.2", "req.1", "recipient_word_wrong",
                                                                         "req.1")  # fmt: skip
    assert (new.result, new.headline) == ("partly_fulfilled", "not_searched")
    (line,) = new.recipients
    assert (line.outcome, line.why_not, line.assurance, line.document_sha256) == (None, WHY, "", "")
    assert new.systems == old.systems, "what a system confirmed stays"
    assert story.reasons == ["record_corrected"]
    assert [one.facts["record"] for one in story.notices if one.kind == "answer"] == ["req.1", "req.2"]
    assert replay(lambda _: story.plan, story.history) == story.state
    assert not story.told(CorrectionSettled(request_id="req", observed_at=at(10), role="dpo")).ignored
    assert not story.state.attention
    assert "no correction" in story.told(CorrectionSettled(request_id="req", observed_at=at(11), role="dpo")).ignored


def test_what_a_person_answered_is_not_claimed_any_more() -> None:
    story = by_hand()
    story.told(command(story.records[0], "complaint", reason="attestation_wrong"))
    new = story.records[-1]
    claims.supports(new)
    assert new.by_hand == ()
    assert new.not_searched == story.records[0].not_searched | {"complaint": "corrected: attestation_wrong"}


def test_a_line_that_was_attested_for_a_system_goes_and_others_stay() -> None:
    story = with_processor()
    (one,) = story.records[0].systems
    (line,) = one.record_sets
    attested = msgspec.structs.replace(
        line, name="letters", outcome=story.records[0].recipients[0].outcome, assurance="attested"
    )
    old = msgspec.structs.replace(
        story.records[0], systems=(msgspec.structs.replace(one, record_sets=(line, attested)),)
    )
    claims.supports(old)
    story.told(command(old, "crm/letters", reason="attestation_wrong"))
    new = story.records[-1]
    claims.supports(new)
    assert [at_.name for at_ in new.systems[0].record_sets] == ["contacts"]
    assert new.not_searched["crm/letters"] == "corrected: attestation_wrong"
    assert new.recipients == old.recipients


def test_a_result_that_claims_nothing_stays() -> None:
    story = by_hand()
    old = msgspec.structs.replace(story.records[0], result="withdrawn")
    story.told(command(old, "complaint"))
    assert story.records[-1].result == "withdrawn"


def test_a_record_is_corrected_once_and_then_the_one_that_corrects_it() -> None:
    story = with_processor()
    story.told(command(story.records[0], "mailer"))
    again = story.told(command(story.records[0], "mailer"))
    assert "corrected already, by record 2" in again.ignored
    assert "no line 'mailer'" in story.told(command(story.records[-1], "mailer")).ignored


@pytest.mark.parametrize(
    ("change", "places", "reason", "says"),
    [
        ({}, ("crm/contacts",), "attestation_wrong", "corrected by no hand"),
        ({}, ("crm/contcts",), "attestation_wrong", "no line 'crm/contcts'"),
        ({}, (), "attestation_wrong", "which lines"),
        ({}, ("mailer",), "changed_my_mind", "is no reason"),
        ({"record_id": "other.1"}, ("mailer",), "attestation_wrong", "no such record"),
        ({"record_id": "req.2", "number": 2}, ("mailer",), "attestation_wrong", "no such record"),
    ],
)
def test_it_is_refused_with_words(change: dict[str, Any], places: tuple[str, ...], reason: str, says: str) -> None:
    story = with_processor()
    one = command(msgspec.structs.replace(story.records[0], **change), *places, reason=reason)
    wrong = commanding.refusal(story.state, one)
    assert wrong is not None
    assert says in wrong[0]
    assert wrong[1]


def test_an_open_request_has_nothing_to_correct() -> None:
    story = with_processor()
    state = msgspec.structs.replace(story.state, phase=Phase.ACTING)
    wrong = commanding.refusal(state, command(story.records[0], "mailer"))
    assert wrong is not None
    assert "being worked on" in wrong[0]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"corrects": None}, "no earlier record"),
        ({"corrects": "req.2"}, "no earlier record"),
        ({"corrects": "other.1"}, "no earlier record"),
        ({"correction": None}, "no line says what"),
        ({"correction": "date_wrong"}, "no line says what"),
        ({"headline": "kept"}, "claims more"),
        ({"result": "fulfilled"}, "claims more"),
    ],
)
def test_the_verifier_refuses_a_correction_that_claims_more_or_corrects_nothing(
    change: dict[str, Any], says: str
) -> None:
    story = with_processor()
    story.told(command(story.records[0], "mailer"))
    with pytest.raises(VerificationError, match=says):
        claims.supports(msgspec.structs.replace(story.records[-1], **change))
