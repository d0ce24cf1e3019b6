"""What each command does to a request, as a table; and whether it may be given now, before it is journaled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from orchestrator.core import (
    approving,
    correcting,
    documents,
    ending,
    fees,
    holding,
    identity,
    overruling,
    pausing,
    recipients_answers,
    refusing,
    requester,
    returning,
    reviewing,
    righting,
)
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
from orchestrator.core.model import Phase, RequestState
from orchestrator.core.work import Work

HANDLERS: Final[dict[type[AnyCommand], Callable[[Work, Any], str]]] = {
    RequestWithdrawn: ending.withdrawn,
    IdentityDoubted: identity.doubted,
    IdentityConfirmed: identity.confirmed,
    IdentityRefused: identity.refused,
    DocumentDeleted: documents.deleted,
    Refused: refusing.refused,
    DeadDecided: requester.dead_decided,
    ClockPaused: pausing.paused,
    ClockResumed: pausing.resumed,
    Extended: pausing.extended,
    FeeQuoted: fees.quoted,
    FeeAccepted: fees.accepted,
    FeeWaived: fees.waived,
    HoldPlaced: holding.placed,
    HoldReleased: holding.released,
    SetDecided: overruling.decided,
    Approved: approving.approved,
    LiftOrdered: righting.lift,
    ObjectionBalanced: righting.balance,
    DoneByHand: righting.attest,
    RecipientAsked: recipients_answers.asked,
    RecipientAnswered: recipients_answers.answered,
    Restored: returning.restored,
    CameBack: returning.came_back,
    PassagesDecided: reviewing.decided,
    ReviewDone: reviewing.done,
    RecordCorrected: correcting.corrected,
    CorrectionSettled: correcting.settled,
}
"""Each gives why the command changed nothing, or an empty text."""

REFUSALS: Final[dict[type[AnyCommand], Callable[[RequestState, Any], tuple[str, str] | None]]] = {
    RequestWithdrawn: lambda state, _: _over(state),
    IdentityDoubted: lambda state, one: _over(state) or identity.no_doubt(state, one),
    IdentityConfirmed: lambda state, one: _over(state) or identity.no_confirmation(state, one),
    IdentityRefused: lambda state, one: _over(state) or identity.no_refusal(state, one),
    DocumentDeleted: documents.no_document,
    Refused: lambda state, one: _over(state) or refusing.no_refusal(state, one),
    DeadDecided: lambda state, one: _over(state) or requester.no_decision(state, one),
    ClockPaused: lambda state, one: _over(state) or pausing.no_pause(state, one),
    ClockResumed: lambda state, one: _over(state) or pausing.no_resumption(state, one),
    Extended: lambda state, one: _over(state) or pausing.no_extension(state, one),
    FeeQuoted: lambda state, one: _over(state) or fees.no_quote(state, one),
    FeeAccepted: lambda state, one: _over(state) or fees.no_acceptance(state, one),
    FeeWaived: lambda state, one: _over(state) or fees.no_waiver(state, one),
    # Placed and released in the registry, which is asked; what does not concern a request changes nothing in it.
    HoldPlaced: lambda _state, _one: None,
    HoldReleased: lambda _state, _one: None,
    SetDecided: overruling.refusal,
    Approved: lambda state, one: _over(state) or approving.refusal(state, one),
    LiftOrdered: righting.cannot_lift,
    ObjectionBalanced: righting.cannot_balance,
    DoneByHand: righting.cannot_attest,
    RecipientAsked: recipients_answers.not_asked,
    RecipientAnswered: recipients_answers.no_answer,
    # Told to every request that it may concern; what it does not concern changes nothing.
    Restored: lambda _state, _one: None,
    CameBack: returning.cannot_come_back,
    PassagesDecided: reviewing.no_decision,
    ReviewDone: lambda state, _: reviewing.not_open(state),
    RecordCorrected: correcting.cannot_correct,
    CorrectionSettled: correcting.not_corrected,
}
"""Each gives what is wrong and the fix where a command may not be given now; asked before it is journaled."""


def obey(work: Work, command: AnyCommand) -> str:
    """Carry out a command; gives why it changed nothing, or an empty text.

    Whether it may be given is asked once more: much may have happened since it was journaled.
    """
    wrong = refusal(work.state, command)
    return wrong[0] if wrong else HANDLERS[type(command)](work, command)


def refusal(state: RequestState, command: AnyCommand) -> tuple[str, str] | None:
    """Say what is wrong with a command in this state, and the fix; None where it may be given."""
    return REFUSALS[type(command)](state, command)


def _over(state: RequestState) -> tuple[str, str] | None:
    return _closed(state) or _ending(state)


def _closed(state: RequestState) -> tuple[str, str] | None:
    if state.phase is Phase.CLOSED:
        return "the request is closed", "see `expunge show`; submit a new request if more is wanted"
    return None


def _ending(state: RequestState) -> tuple[str, str] | None:
    return ("the request is about to end already", "see `expunge show`") if state.ending else None
