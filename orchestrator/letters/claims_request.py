"""What may be claimed of a request as a whole, held against all its signed records."""

from __future__ import annotations

import datetime as dt

from orchestrator.letters.case import Case, lines_of
from orchestrator.letters.claims_others import NO_ANSWER
from orchestrator.letters.said import GONE, NO_RECORD, Claim, Said
from schemas.completion import CompletionRecord
from schemas.outcomes import (
    Attested,
    Kept,
    NothingHeld,
    Notified,
)


def all_of(*kinds: type) -> Claim:
    """Give the claim that everything is gone in these ways: the first record of an erasure, all searched, all seen."""

    def claim(case: Case, _: Said) -> str:
        record = case.record
        if record is None:
            return NO_RECORD
        if record.right != "erasure" or record.number != 1:
            return "only the first record of an erasure can say it"
        if record.result != "fulfilled":
            return f"the result is {record.result}, not fulfilled"
        if record.not_searched:
            return f"not searched: {', '.join(sorted(record.not_searched))}"
        return _not_gone(record, kinds)

    return claim


def _not_gone(record: CompletionRecord, kinds: tuple[type, ...]) -> str:
    some = False
    for place, line in lines_of(record):
        for one in (line.outcome, *line.also):
            if not isinstance(one, (*kinds, NothingHeld)) or line.assurance != "verified":
                return f"{place} is {type(one).__name__}, {line.assurance}"
            some |= isinstance(one, kinds)
    for of in record.recipients:
        # Processors hold it for us: their word is no second look, and no word at all even less.
        if of.role == "processor" and (of.outcome is not None or of.why_not.startswith(NO_ANSWER)):
            return f"{of.recipient} holds data for us, and nobody looked there"
    return "" if some else "nothing was erased"


def erased_some(case: Case, _: Said) -> str:
    """Hold that something is erased, and was looked at again."""
    if case.record is None:
        return NO_RECORD
    for _place, line in lines_of(case.record):
        if line.assurance == "verified":
            for one in (line.outcome, *line.also):
                if isinstance(one, GONE) or (isinstance(one, Kept) and one.erased):
                    return ""
    return "the record says of nothing that it was erased"


def nothing_kept(case: Case, _: Said) -> str:
    """Hold that over all records nothing is kept, or rests on a word."""
    if case.record is None:
        return NO_RECORD
    if case.record.not_searched:
        return f"not searched: {', '.join(sorted(case.record.not_searched))}"
    last: dict[str, tuple[object, ...]] = {}
    for record in case.records:
        last |= {place: (line.outcome, *line.also) for place, line in lines_of(record)}
        for of in record.recipients:
            if of.role == "processor" and of.outcome is not None:
                last[f"@{of.recipient}"] = (of.outcome,)
    left = sorted(place for place, some in last.items() for one in some if isinstance(one, Kept | Attested | Notified))
    return f"the records do not say that it is gone: {', '.join(left)}" if left else ""


def nothing_erased(case: Case, said: Said) -> str:
    """Hold that nothing is erased."""
    if case.record is None:
        return NO_RECORD
    return "" if erased_some(case, said) else "the record says that something was erased"


def result(*results: str) -> Claim:
    """Give the claim that the request ended so."""

    def claim(case: Case, _: Said) -> str:
        if case.record is None:
            return NO_RECORD
        return "" if case.record.result in results else f"the result is {case.record.result}"

    return claim


def nothing_held(case: Case, said: Said) -> str:
    """Hold that nothing was found; what was not asked about is said beside it."""
    if wrong := result("nothing_held")(case, said):
        return wrong
    assert case.record is not None  # noqa: S101 - a result is one of a record
    # What the person did not ask about is said beside it: an answer owes a word on everything that was not searched.
    clear = ("not subject to this right", "out of the scope")
    unclear = [one for one, why in case.record.not_searched.items() if not why.startswith(clear)]
    if unclear:
        return f"not searched: {', '.join(sorted(unclear))}"
    held = [place for place, line in lines_of(case.record) if not isinstance(line.outcome, NothingHeld)]
    return f"something was held: {', '.join(held)}" if held else ""


def refused(case: Case, said: Said) -> str:
    """Hold that something was refused, on this ground."""
    if case.record is None:
        return NO_RECORD
    if case.record.result not in {"refused", "partly_fulfilled"} or not case.record.ground:
        return "the record says of no refusal"
    ground = said.values.get("ground", case.record.ground)
    return "" if ground == case.record.ground else f"the record says {case.record.ground}"


def backups(case: Case, said: Said) -> str:
    """Hold that backups end no later than on this day."""
    record = case.record
    if record is None:
        return NO_RECORD
    days = [
        one.backups_kept_days
        for one in record.systems
        if one.backups_kept_days and any(not isinstance(line.outcome, NothingHeld) for line in one.record_sets)
    ]
    if not days:
        return "the record says of no backup"
    until = dt.date.fromisoformat(record.completed_at[:10]) + dt.timedelta(days=max(days))
    return "" if said.values.get("backups_until", "") >= until.isoformat() else f"backups live until {until}"  # type: ignore[operator]


def restored(case: Case, _: Said) -> str:
    """Hold that a backup was restored, and that this is why it was looked at again (I14)."""
    if case.record is None:
        return NO_RECORD
    again = (case.record.looked_again or "").startswith("restored:")
    return "" if again else "the record does not say that a backup was restored"


def copy(case: Case, _: Said) -> str:
    """Hold that a copy was made."""
    if case.record is None:
        return NO_RECORD
    return "" if case.record.package_sha256 else "the record says of no copy"
