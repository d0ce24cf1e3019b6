"""What a person in charge decides about a request, as events: journaled like any other, and replayed (I5, I7).

Each carries the *role* of who decided, never a name. ``commanding`` says what each does; ``engine.commands`` takes them
in, beside a running process as well.
"""

from __future__ import annotations

from typing import Final, get_args

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
from orchestrator.core.happened import Command


class RequestWithdrawn(Command, frozen=True, kw_only=True):
    """The person does not want it any more. What was done stays done, and the record tells it."""


AnyCommand = (
    RequestWithdrawn
    | IdentityDoubted
    | IdentityConfirmed
    | IdentityRefused
    | DocumentDeleted
    | Refused
    | DeadDecided
    | ClockPaused
    | ClockResumed
    | Extended
    | FeeQuoted
    | FeeAccepted
    | FeeWaived
    | HoldPlaced
    | HoldReleased
    | SetDecided
    | Approved
    | LiftOrdered
    | ObjectionBalanced
    | DoneByHand
    | RecipientAsked
    | RecipientAnswered
    | Restored
    | CameBack
    | PassagesDecided
    | ReviewDone
    | RecordCorrected
    | CorrectionSettled
)
"""Closed union; ``commanding.HANDLERS`` has an entry for each."""
COMMANDS: Final[tuple[type[AnyCommand], ...]] = get_args(AnyCommand)
