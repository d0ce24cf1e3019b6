"""Commands of a person in charge in words. Pure."""

from __future__ import annotations

from orchestrator.core.commands import AnyCommand, RequestWithdrawn
from orchestrator.core.commands_clock import ClockPaused, ClockResumed, Extended
from orchestrator.core.commands_correcting import CorrectionSettled, RecordCorrected
from orchestrator.core.commands_deciding import Approved, HoldPlaced, HoldReleased, SetDecided
from orchestrator.core.commands_identity import (
    DeadDecided,
    DocumentDeleted,
    FeeAccepted,
    FeeQuoted,
    FeeWaived,
    IdentityConfirmed,
    IdentityDoubted,
    IdentityRefused,
    Refused,
)
from orchestrator.core.commands_recipients import RecipientAnswered, RecipientAsked
from orchestrator.core.commands_returning import CameBack, Restored
from orchestrator.core.commands_review import PassagesDecided, ReviewDone
from orchestrator.core.commands_rights import DoneByHand, LiftOrdered, ObjectionBalanced
from orchestrator.core.model import RequestState
from orchestrator.core.passages import GROUNDS
from orchestrator.core.rulings import SetDecision
from orchestrator.report.wording import KEPT


def said(command: AnyCommand) -> str:
    """Say what was decided, in one line, and by which role."""
    return f"{command.role}: {_what(command)}"


def code(word: str) -> str:
    """Give a code word as words."""
    return word.replace("_", " ")


def _what(command: AnyCommand) -> str:  # noqa: C901, PLR0912 - one branch per member of a closed union
    match command:
        case RequestWithdrawn():
            return "the person withdrew the request"
        case IdentityDoubted(reason=reason, asks=asks):
            return f"doubts who asks ({code(reason)}); asked for: {code(asks)}"
        case IdentityConfirmed(method=method, valid_until=until):
            return f"it is who they say, by {code(method)}" + (f"; the proof holds until {until}" if until else "")
        case IdentityRefused(reason=reason):
            return f"it could not be established who asks ({code(reason)})"
        case DocumentDeleted():
            return "the document that was looked at is deleted"
        case Refused(ground=ground, reason=reason, text=text):
            return f"refused: {code(ground)} ({code(reason)}), {text}"
        case DeadDecided(why=why):
            return f"data of the dead: may be carried out, {code(why)}"
        case ClockPaused(reason=reason, asked_at=asked):
            return f"the person was asked ({code(reason)})" + (f" on {asked[:10]}" if asked else "")
        case ClockResumed(answered_at=answered):
            return "what the person was asked for has come" + (f" on {answered[:10]}" if answered else "")
        case Extended(reason=reason):
            return f"two months more to answer: {code(reason)}"
        case FeeQuoted(cents=cents, currency=currency):
            return f"a further copy costs {cents / 100:.2f} {currency}"
        case FeeAccepted():
            return "the person accepts what the copy costs"
        case FeeWaived():
            return "the further copy costs nothing"
        case LiftOrdered():
            return "the restriction is to be lifted; the person is told first"
        case ObjectionBalanced(balance=balance, why=why):
            return f"objection {balance}: {why.replace('_', ' ')}"
        case PassagesDecided(ground=ground, passages=passages):
            kept = "held back" if GROUNDS[ground] else "given"
            return f"{len(passages)} passages of the copy are {kept} ({code(ground)})"
        case RecordCorrected(record=record, places=places, reason=reason):
            return f"record {record.number} does not hold for {', '.join(places)} ({code(reason)})"
        case CorrectionSettled():
            return "what a corrected record had left open was seen to"
        case ReviewDone():
            return "the copy was read: it can be made"
        case DoneByHand(system=system, record_set=record_set):
            return f"done by hand, with a document: {'/'.join(filter(None, (system, record_set))) or 'the answer'}"
        case RecipientAsked(recipient=recipient, asked_on=day):
            return f"{recipient} was written to" + (f" on {day}" if day else "")
        case RecipientAnswered():
            return f"answer of {command.recipient}: {_answer(command)}"
        case HoldPlaced(hold=hold):
            return f"legal hold {hold.hold_id} ({code(hold.reason)}, {hold.text}), looked at again by {hold.review_by}"
        case HoldReleased(hold_id=hold_id):
            return f"legal hold {hold_id} is released: what it kept is decided afresh"
        case SetDecided():
            return decided(command)
        case Approved(preview=preview):
            return f"approved what preview {preview[:12]} shows"
        case Restored(system=system, snapshot=snapshot):
            return f"{system} was restored from a snapshot of {snapshot}: what was erased since is looked for again"
        case CameBack(system=system, since=since, reason=reason):
            return f"the person came back themselves on {since} ({code(reason)})" + (f" in {system}" if system else "")


def _answer(one: RecipientAnswered) -> str:
    found = f"{one.found} found, " if one.found is not None else ""
    if not one.exception:
        return f"{found}done, with a document"
    if not one.text:
        return f"not told, {code(one.exception)}"
    days = f" until {one.until}" if one.until else f", looked at again by {one.review_by}"
    return f"{found}kept by exception {one.exception} of GDPR Art. 17(3), {one.text}{days}"


def decided(one: SetDecided | SetDecision) -> str:
    """Say what somebody decided about a record set."""
    place = f"{one.system}/{one.record_set}"
    if one.why is None:
        return f"{place} is erased, ground GDPR Art. 17(1)({one.ground})"
    return f"{place} stays: {KEPT[one.why]}, {one.text}, looked at again by {one.review_by}"


def standing(state: RequestState) -> list[str]:
    """Say what persons decided that stands above the rules: holds, decisions, approvals; with role, text, dates."""
    lines = [
        f"legal hold {one.hold_id} of {one.owner} since {one.placed_at[:10]}: {code(one.reason)}, {one.text},"
        f" looked at again by {one.review_by}" + (f" ({', '.join(one.scope)})" if one.scope else "")
        for one in state.holds
    ]
    lines += [f"{one.role} decided on {one.at[:10]}: {decided(one)}" for one in state.decisions]
    lines += [f"{one.role} approved preview {one.preview[:12]} on {one.at[:10]}" for one in state.approvals]
    return lines
