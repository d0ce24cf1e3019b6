"""Corrects a record: a further one, in which what people had noted wrongly is not claimed any more (ADR 52). Pure.

It only ever takes a claim away, so it is never stronger than what it corrects. What a system confirmed has been looked
at twice and is corrected by no hand: whoever doubts it has it looked at again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from orchestrator.core import refusing, requester
from orchestrator.core.commands_correcting import CorrectionSettled, RecordCorrected
from orchestrator.core.effects import Complete
from orchestrator.core.model import Attention, Phase, RequestState, Result
from orchestrator.core.work import Work
from schemas.completion import CORRECTED, CORRECTIONS, CompletionRecord, RecipientLine, RecordSetLine, SystemLine
from schemas.outcomes import Attested

NEEDED: Final = "record_corrected"
"""Stays in the list when the request is closed, until somebody says that it was seen to."""
Wrong = tuple[str, str] | None
_CLAIMS: Final = frozenset({Result.FULFILLED.value, Result.NOTHING_HELD.value, Result.NOT_SUBJECT.value})
"""Results that a record without all its lines does not support."""
_TODO: Final = (
    "what the corrected record does not claim any more is open: have it done, or submit a new request; answer the "
    "person anew; then `expunge correct ID --settled`"
)


def corrected(work: Work, command: RecordCorrected) -> str:
    """Issue the further record, and call somebody: the request is closed, and something of it is not done."""
    state = work.state
    made = _without(command, state.records + 1, work.now)
    state.corrected = state.corrected | {command.record.number: made.number}
    state.records = made.number
    state.result = Result(made.result)
    work.effects.append(Complete(made))
    to = requester.addressee(state, work.now)
    facts = refusing.remedies(work.plan, state)
    work.notice("answer", to, result=made.result, headline=made.headline, record=made.record_id, **facts)
    work.warn(Attention(NEEDED, "dpo", _TODO, work.now))
    return ""


def cannot_correct(state: RequestState, command: RecordCorrected) -> Wrong:
    """Say why a record cannot be corrected like this."""
    old = command.record
    if state.phase is not Phase.CLOSED:
        return "it is being worked on", "wait until it is closed: its next record comes then"
    if old.record_id != f"{state.request_id}.{old.number}" or not 1 <= old.number <= state.records:
        return "the request has no such record", f"--record, a number from 1 to {state.records}"
    if old.number in state.corrected:
        newer = state.corrected[old.number]
        return f"record {old.number} was corrected already, by record {newer}", f"--record {newer}"
    if command.reason not in CORRECTIONS:
        return f"{command.reason!r} is no reason to correct a record", f"--reason, one of: {', '.join(CORRECTIONS)}"
    if not command.places:
        return "it is not said which lines do not hold", "name at least one: SYSTEM/RECORD_SET, or a recipient"
    return next((wrong for one in command.places if (wrong := _not_noted(old, one))), None)


def settled(work: Work, _: CorrectionSettled) -> str:
    """Take in that somebody has seen to it."""
    work.settled(NEEDED)
    return ""


def not_corrected(state: RequestState, _: CorrectionSettled) -> Wrong:
    """Say that nothing is left to be seen to."""
    if any(one.reason == NEEDED for one in state.attention):
        return None
    return "no correction is to be seen to", "see `expunge show`"


def _not_noted(old: CompletionRecord, place: str) -> Wrong:
    found = dict(_lines(old)).get(place)
    if found is None:
        noted = ", ".join(name for name, one in _lines(old) if one) or "none"
        return f"record {old.number} has no line {place!r}", f"lines that people noted: {noted}"
    if not found:
        fix = "if it is wrong, have the systems looked at again by a new request"
        return f"{place}: a system confirmed it, and what a system confirmed is corrected by no hand", fix
    return None


def _lines(old: CompletionRecord) -> Iterator[tuple[str, bool]]:
    """Give each line of a record, and whether a person noted it."""
    for system in old.systems:
        for line in system.record_sets:
            yield f"{system.system}/{line.name}", _by_word(line)
    for line in old.by_hand:
        yield line.name, True
    for one in old.recipients:
        if one.outcome is not None:
            yield one.recipient, True


def _by_word(line: RecordSetLine) -> bool:
    # Where a system did a part of it (``also``), taking the line away would take what it confirmed.
    return isinstance(line.outcome, Attested) and not line.also


def _without(command: RecordCorrected, number: int, now: str) -> CompletionRecord:
    old, gone, why = command.record, set(command.places), f"{CORRECTED}{command.reason}"
    places = {one for one in gone if one not in {line.recipient for line in old.recipients}}
    return replace(
        old,
        record_id=f"{old.request_id}.{number}",
        number=number,
        follows=f"{old.request_id}.{number - 1}",
        corrects=old.record_id,
        correction=command.reason,
        completed_at=now,
        salt="",
        result=Result.PARTLY_FULFILLED.value if old.result in _CLAIMS else old.result,
        headline="not_searched",
        systems=tuple(left for one in old.systems if (left := _left(one, gone)).record_sets),
        by_hand=tuple(one for one in old.by_hand if one.name not in gone),
        recipients=tuple(_unsaid(one, why) if one.recipient in gone else one for one in old.recipients),
        not_searched=old.not_searched | dict.fromkeys(sorted(places), why),
    )


def _left(system: SystemLine, gone: set[str]) -> SystemLine:
    return replace(
        system, record_sets=tuple(one for one in system.record_sets if f"{system.system}/{one.name}" not in gone)
    )


def _unsaid(line: RecipientLine, why: str) -> RecipientLine:
    return replace(line, outcome=None, assurance="", why_not=why, found=None, document_sha256="", asked_on=None)
