"""What may be claimed of processors and recipients: never more than their word (GDPR Art. 19, 28)."""

from __future__ import annotations

from typing import Final

from orchestrator.letters.case import Case, episode_of, outcomes_at, recipient_at
from orchestrator.letters.claims_lines import done, plain
from orchestrator.letters.claims_notices import of_notice
from orchestrator.letters.said import NO_RECORD, Claim, Said
from schemas.completion import CompletionRecord, RecipientLine
from schemas.outcomes import (
    Notified,
)

NO_ANSWER: Final = ("not asked: no connected", "not waited for")
"""Begin the reasons why nothing is known of a processor."""


_NOT_CONCERNED: Final = ("not told: a kind of", "not told: nothing", "not concerned", "answered for", "not waited for")
"""Begin the reasons why a recipient had not to be told."""


def other(kind: type, **same: str) -> Claim:
    """Give the claim that a processor or recipient did so, by its word."""

    def claim(case: Case, said: Said) -> str:
        line = recipient_at(case.record, said.place) if case.record is not None else None
        if line is None or not isinstance(line.outcome, kind):
            return f"the record does not say so of {said.place or 'anybody'}"
        if "recipient" in said.values and said.values["recipient"] != case.names.get(line.recipient, line.recipient):
            return f"{line.recipient} has another name"
        for name, field in same.items():
            if name in said.values and plain(getattr(line.outcome, field)) != said.values[name]:
                return f"the record says otherwise of {said.place}: {name}"
        return ""

    return claim


def notified(case: Case, said: Said) -> str:
    """Hold that this recipient was told."""
    if said.place.startswith("@"):
        return other(Notified)(case, said)
    wrong = done(Notified)(case, said)
    if wrong or case.record is None:
        return wrong
    names = [case.names.get(one.recipient, one.recipient) for one in _told_at(case.record, said.place)]
    return "" if said.values.get("recipient") in names else f"another was told of {said.place}"


def _told_at(record: CompletionRecord, place: str) -> list[Notified]:
    return [one for one in outcomes_at(record, place) if isinstance(one, Notified)]


def no_word(*, processor: bool) -> Claim:
    """Give the claim that nothing is known of a processor, or that a recipient could not be told."""

    def claim(case: Case, said: Said) -> str:
        line = recipient_at(case.record, said.place) if case.record is not None else None
        if line is None or line.outcome is not None or (line.role == "processor") is not processor:
            return f"the record does not say so of {said.place or 'anybody'}"
        fits = is_open(line)
        return "" if fits else f"the record says of {said.place}: {line.why_not}"

    return claim


def is_open(line: RecipientLine) -> bool:
    """Tell whether it has to be said that a processor gave no answer, or that a recipient could not be told."""
    if line.outcome is not None:
        return False
    if line.role == "processor":
        return line.why_not.startswith(NO_ANSWER)
    return not line.why_not.startswith(_NOT_CONCERNED)


def recipients(kind: type, notice: str) -> Claim:
    """Give the claim that the record says so of what was passed on (GDPR Art. 19)."""

    def claim(case: Case, said: Said) -> str:
        if wrong := of_notice(notice)(case, said):
            return wrong
        if case.record is None or case.record.number != episode_of(case.notice):
            return NO_RECORD
        places = [said.place] if said.place else case.notice.facts.get("record_sets", "").split(",")
        lacks = [one for one in places if not any(isinstance(of, kind) for of in outcomes_at(case.record, one))]
        return f"the record does not say so of {', '.join(lacks)}" if lacks else ""

    return claim
