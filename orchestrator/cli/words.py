"""Codes in words, for people: rules, outcomes, reasons, events. Pure."""

from __future__ import annotations

import re
from typing import Final

from orchestrator.cli import words_commands, words_kept
from orchestrator.core import events
from orchestrator.law.texts import LIBRARY
from orchestrator.report.wording import KEPT
from schemas.outcomes import (
    Anonymised,
    Attested,
    Deleted,
    Exported,
    Failed,
    Kept,
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

_RESULTS: Final = {
    "fulfilled": "fulfilled",
    "partly_fulfilled": "partly fulfilled: something is kept, or was not searched",
    "nothing_held": "nothing held",
    "not_subject": "what is held is not what this right is about; why stands below",
    "withdrawn": "withdrawn by the person before it was done; what was done before stands below",
    "refused": "refused: the controller does not act on it, and says why",
    "identity_not_established": "it could not be established who asks",
    "lapsed": "the person was asked, and did not answer in time",
    "unidentifiable": "cannot be identified with what was given (GDPR Art. 11)",
}
_HEADLINES: Final = {
    "not_searched": "some systems were not searched",
    "kept": "some records are kept",
    "attested": "some lines rest on somebody's word",
    "anonymised": "erased or anonymised",
    "deleted": "erased",
    "lifted": "no longer restricted",
    "restricted": "restricted: only stored",
    "stopped": "no longer used for the purpose",
    "rectified": "corrected",
    "exported": "copied",
    "not_subject": "not what this right is about",
    "nothing_held": "nothing held",
}
REASONS: Final = {
    "survived": "said to be erased, and still there at the second look",
    "unverifiable": "the answer proves nothing",
    "misconfigured": "the configuration does not fit the system",
    "failed": "the system could not do it",
    "keeps_failing": "the system keeps failing",
    "record_corrected": "a record was corrected: something of it is open",
    "third_parties": "the copy may hold data of other people",
    "came_back": "data of an erased person is there again",
    "contradictory_answer": "two different answers under one id",
    "contradictory_request": "two different requests under one event id",
    "unpublishable": "something about it cannot be published",
    "manual_task": "no system can do it: a person has to",
    "objection_to_balance": "an objection has to be weighed",
    "recipient_to_ask": "a processor has to be asked, or a recipient told",
    "recipient_silent": "a processor or recipient did not answer in time",
    "unknown_record_set": "a correction of a record set that no data map has",
    "unknown_field": "a correction of a field that no data map has",
    "unknown_purpose": "a purpose that no system uses data for",
    "internal_error": "an event could not be applied",
    "system_silent": "the system does not answer",
    "package_silent": "the access package is not put together",
    "deadline_near": "the deadline is near",
    "system_gone": "the configuration lacks what this request still needs",
    "unknown_system": "a system that is not connected",
    "too_many_rounds": "the search does not come to an end",
    "too_many_identifiers": "too many identifiers: something links many people",
    "shared_identifier": "several persons share an identifier",
    "max_records": "more records than one person should have",
    "extension_notice_near": "the last day to announce an extension is near",
    "cannot_be_found": "nobody can be found by what was given, and the right does not end with that",
    "identity_unverified": "it is not known yet who asks",
    "identity_doubted": "who asks is in doubt, and was asked",
    "requester_unproven": "the proof of who asks for somebody else does not suffice",
    "proof_ended": "the proof of the requester holds no more",
    "data_of_the_dead": "an heir asks for data of the dead",
    "document_held": "a document that was asked for is to be deleted",
    "further_copy": "the person had a copy before: does this one cost something?",
    "fee_open": "the fee for a further copy is not accepted yet",
    "not_final": "an answer is incomplete",
    "kept_without_date": "records are kept without a date",
    "retention_without_date": "records without the date that retention counts from",
    "retention_without_end": "a retention date absurdly far away",
    "approval_needed": "what is about to be erased has to be approved first",
    "review_due": "the day to look again at a decision has come",
    "text_repealed": "kept on a legal text that is repealed",
    "text_not_yet_in_force": "kept on a legal text that is not in force yet",
    "unknown_text": "kept on a legal text that nobody knows",
    "unknown_rule": "kept on a rule that the policy does not have",
    "rule_undecided": "kept on a period that the policy leaves undecided",
    "rule_exceeded": "kept longer than the policy promises",
}
_NOT_AS_ORDERED: Final = frozenset({"not_rectified", "not_restricted", "still_restricted", "not_stopped"})
_OBLIGATIONS: Final = {
    "retention": "erase what is kept, when its time ends",
    "backup_horizon": "backups still hold it until then",
    "package_expiry": "the access package expires",
    "restriction": "look whether it has to stay restricted",
    "transfer": "hand the copy to the other controller",
    "recipient": "ask the processor again for what it keeps",
    "suppression": "keyed digests of the identifiers recognise what comes back, until then",
}


def result(code: str | None) -> str:
    """Say how a request ended."""
    return _RESULTS.get(code or "", code or "")


def headline(code: str) -> str:
    """Say the weakest line of a record."""
    return _HEADLINES.get(code, code)


def reason(code: str) -> str:
    """Say why a request needs attention."""
    return REASONS.get(code, code.replace("_", " "))


def obligation(kind: str) -> str:
    """Say what is owed."""
    return _OBLIGATIONS.get(kind, kind)


def months(count: int) -> str:
    """Say a period: ten years rather than 120 months."""
    if count and count % 12 == 0:
        years = count // 12
        return "1 year" if years == 1 else f"{years} years"
    return "1 month" if count == 1 else f"{count} months"


def text(text_id: str) -> str:
    """Name a legal text, or the controller's own rule."""
    if text_id.startswith("policy:"):
        return f"own policy, {text_id.removeprefix('policy:')}"
    known = LIBRARY.get(text_id)
    return known.short if known else text_id


def rule(code: str) -> str:
    """Say by which rule a decision was made (I7)."""
    inherited = code.startswith("with_parent:")
    code = code.removeprefix("with_parent:")
    stays = words_kept.rule(code, text)
    kept = re.fullmatch(r"(retain|retention-over):(.+):(\d+)m", code)
    ended = re.fullmatch(r"(erase:gdpr-17-1-[bc]):([^:]+):([^:]+)", code)
    if stays:
        said = stays
    elif ended:
        said = f"{rule(ended[1])}: ended by request {ended[3]}, {text(ended[2])}"
    elif kept:
        verb = "keep" if kept[1] == "retain" else "erase, time is over:"
        said = f"{verb} {months(int(kept[3]))}, {text(kept[2])}"
    else:
        said = {
            "erase:gdpr-17-1": "erase, GDPR Art. 17(1)",
            **{f"erase:gdpr-17-1-{one}": f"erase, GDPR Art. 17(1)({one})" for one in "abcdef"},
            "erase:gdpr-17-1-f": "erase, GDPR Art. 17(1)(f): collected from a minor",
            "export:gdpr-15-3": "copy, GDPR Art. 15(3)",
            "export:gdpr-20-1": "copy what the person provided, GDPR Art. 20(1)",
            "rectify:gdpr-16": "correct, GDPR Art. 16",
            "restrict:gdpr-18-1": "restrict, GDPR Art. 18(1)",
            "restrict:gdpr-18-1-d": "restrict while it is weighed, GDPR Art. 18(1)(d)",
            "lift:gdpr-18-3": "lift the restriction, GDPR Art. 18(3)",
            "lift:gdpr-21-1": "lift, the controller's grounds weigh more, GDPR Art. 21(1)",
            "stop:gdpr-7-3": "stop, consent was withdrawn, GDPR Art. 7(3)",
            "stop:gdpr-21-1": "stop, the objection is upheld, GDPR Art. 21(1)",
            "stop:gdpr-21-3": "stop, direct marketing, GDPR Art. 21(3)",
            "answer:gdpr-77": "answer, GDPR Art. 77",
            "answer:gdpr-15-2": "hand over the safeguards, GDPR Art. 15(2)",
            "nothing-found": "nothing found",
        }.get(code, code)
    return f"as its parent: {said}" if inherited else said


def outcome(one: Outcome) -> str:  # noqa: C901, PLR0912 - one branch per member of a closed union
    """Say what became of one record set."""
    match one:
        case Located(count=count):
            return f"found {count}"
        case NothingHeld():
            return "nothing held"
        case Deleted(before=count):
            return f"erased {count}; looked again: gone"
        case Anonymised(before=count):
            return f"anonymised {count}; looked again: nothing personal left"
        case Kept():
            return _kept(one)
        case Exported(count=count):
            return f"copied {count}"
        case Rectified(count=count):
            return f"corrected {count}"
        case Restricted(count=count):
            return f"restricted {count}"
        case Lifted(count=count):
            return f"restriction lifted {count}"
        case Stopped(purposes=purposes, count=count):
            return f"stopped {count}: {', '.join(purposes)}"
        case Notified(recipient=recipient):
            return f"told: {recipient}"
        case Attested(role=role, date=date):
            return f"attested by {role} on {date}; nobody could look"
        case Pending(check_after=when, ref=ref, count=count):
            cause = " in a file that is still written to" if ref == "live_file" else ""
            return f"NOT DONE YET: {count}{cause}; looked at again {minute(when)}"
        case Survived(count=count, detail=detail):
            said = "NOT AS ORDERED" if detail in _NOT_AS_ORDERED else "STILL THERE"
            return f"{said}: {count}" + (f" ({detail.replace('_', ' ')})" if detail else "")
        case Unverifiable(reason=why):
            return f"PROVES NOTHING: {why.replace('_', ' ')}"
        case Failed(kind=kind, code=code):
            return f"FAILED ({kind.value}): {code}"


def brief(one: Outcome) -> str:
    """Say what became of one record set in few words, for a line that names several."""
    match one:
        case Kept():
            return f"{one.count} kept" + (f" {one.erased} erased" if one.erased else "")
        case Deleted(before=count):
            return f"{count} erased"
        case Anonymised(before=count):
            return f"{count} anonymised"
        case Located(count=count):
            return f"{count} found"
        case Pending(count=count):
            return f"{count} NOT DONE YET"
        case _:
            return outcome(one)


def _kept(one: Kept) -> str:
    masked = ", masked" if one.masked else ""
    gone = f"; erased {one.erased} whose time was over" if one.erased else ""
    return f"kept {one.count} until {one.until or one.review_by}{masked}: {KEPT[one.why]}{gone}"


def _accepted(one: events.RequestAccepted) -> str:
    kinds = ", ".join(sorted({known.kind for known in one.identifiers}))
    waits = f"; waits for {len(one.others)} access request of the same person" if one.others else ""
    who = f", by {one.requester.relation.value}" if one.requester else ""
    if one.retention is not None:
        place = f"{one.retention.system}/{one.retention.record_set}"
        return f"found past its period by a sweep: {place}, to be found by {kinds}{waits}"
    return f"taken in: {one.right.value}{who}, to be found by {kinds}{waits}"


def event(one: events.Event) -> str:  # noqa: C901 - one branch per member of a closed union
    """Say what happened, in one line."""
    match one:
        case events.RequestAccepted():
            return _accepted(one)
        case events.Confirmed():
            held = [
                f"{name} {brief(found)}"
                for name, found in sorted(one.outcomes.items())
                if not isinstance(found, NothingHeld)
            ]
            return f"{one.system} answered to {one.action.value}: {', '.join(held) or 'nothing held'}"
        case events.PackageAssembled():
            return "the access package was written"
        case events.ReviewFound(found=found):
            return f"the copy waits for a review: {sum(found.values())} passages that may be about others"
        case events.TimerFired(name=name):
            kind, _, system = name.partition(":")
            said = {
                "retry": "try again",
                "pending": "look again at what was not done yet",
                "deadline": "a week before the deadline",
                "notice": "the last day to announce an extension comes near",
                "proof": "the proof of the requester has ended",
                "lapse": "the time to answer us is over",
                "silent": "see who is silent",
                "owed": "an obligation is due",
                "lift": "the person was told: lift the restriction",
                "answer": "the day of an answer is over",
                "remind": "remind whoever has to write or to hear",
            }.get(kind, kind)
            return f"timer: {said}" + (f" ({system})" if system else "")
        case events.OtherClosed(erased=True):
            return "the erasure of the same person that was begun before has closed"
        case events.OtherClosed():
            return "the access request of the same person has closed"
        case events.OtherOpened(erases=True):
            return "an erasure of the same person was begun before: this one waits for it"
        case events.OtherOpened():
            return "the same person asked for a restriction: nothing is erased until it is lifted"
        case events.Resumed(role=role):
            return f"{role}: the cause is mended, try again"
        case events.Incident(reason=why):
            return f"incident: {reason(why)}"
        case events.Recalled(tasks=tasks):
            return f"called back before it left: {len(tasks)} task{'s'[: len(tasks) != 1]}"
        case _:  # mypy has narrowed it to a command
            return words_commands.said(one)


def minute(moment: str) -> str:
    """Give a time to the minute, in UTC."""
    return f"{moment[:10]} {moment[11:16]} UTC"
