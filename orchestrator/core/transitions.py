"""Where a request may go, as tables (the idea is h11's ``_state.py``). The docs' diagram is drawn from them.

Theory of operation. A request walks from RECEIVED to CLOSED. It goes back to DISCOVERING in three cases only:
a late answer brings new identifiers before the close, an obligation comes due after CLOSED, or a late
answer after CLOSED opens a follow-up. Everything that stops it (attention, waiting, retry) is an overlay: the
phase does not change, so that nothing has to remember where to return to.

A look at a closed erasure that finds nothing (``returning``) goes from DECIDING back to CLOSED, without an answer.

A request that ends before its work is done (``ending``) goes to ANSWERING from wherever it stands.

``ACCEPTS`` says which events mean something in which phase. What is not listed is either ignored with a reason
(``IGNORES``: a duplicate or late fact, harmless) or illegal: the state stays, the event goes to dead letters.
"""

from __future__ import annotations

from typing import Final

from orchestrator.core.commands import COMMANDS
from orchestrator.core.commands_correcting import CorrectionSettled, RecordCorrected
from orchestrator.core.commands_deciding import HoldPlaced, HoldReleased, SetDecided
from orchestrator.core.commands_identity import DocumentDeleted
from orchestrator.core.commands_returning import CameBack, Restored
from orchestrator.core.commands_rights import LiftOrdered
from orchestrator.core.events import (
    Confirmed,
    Incident,
    OtherClosed,
    OtherOpened,
    PackageAssembled,
    Recalled,
    RequestAccepted,
    Resumed,
    ReviewFound,
    TimerFired,
)
from orchestrator.core.model import Phase, RequestState
from orchestrator.errors import IllegalTransitionError

P = Phase

MOVES: Final[dict[Phase, frozenset[Phase]]] = {
    P.RECEIVED: frozenset({P.VERIFYING}),
    P.VERIFYING: frozenset({P.DISCOVERING, P.ANSWERING}),
    P.DISCOVERING: frozenset({P.DECIDING, P.ANSWERING}),
    P.DECIDING: frozenset({P.ACTING, P.DISCOVERING, P.ANSWERING, P.CLOSED}),
    P.ACTING: frozenset({P.REVIEWING, P.DISCOVERING, P.ANSWERING}),
    P.REVIEWING: frozenset({P.ANSWERING, P.DISCOVERING}),
    P.ANSWERING: frozenset({P.CLOSED}),
    P.CLOSED: frozenset({P.DISCOVERING}),
}

_OPEN: Final = frozenset(P) - {P.CLOSED}
_ANY: Final = frozenset(P)
_AT_ANY_TIME: Final = (
    DocumentDeleted,
    HoldPlaced,
    HoldReleased,
    SetDecided,
    LiftOrdered,
    Restored,
    CameBack,
    RecordCorrected,
    CorrectionSettled,
)

ACCEPTS: Final[dict[type, frozenset[Phase]]] = {
    RequestAccepted: frozenset(),
    Confirmed: _ANY,
    PackageAssembled: frozenset({P.REVIEWING}),
    ReviewFound: frozenset({P.REVIEWING}),
    TimerFired: _ANY,
    OtherClosed: _ANY,
    OtherOpened: _ANY,
    Resumed: _OPEN,
    Incident: _OPEN,
    Recalled: _OPEN,
    **dict.fromkeys(COMMANDS, _OPEN),
    **dict.fromkeys(_AT_ANY_TIME, _ANY),
}

IGNORES: Final[dict[type, str]] = {
    RequestAccepted: "the request is already known",
    PackageAssembled: "the package is not awaited",
    ReviewFound: "the package is not awaited",
    Resumed: "the request is closed",
    Incident: "the request is closed; the incident is in the list of dead letters",
    Recalled: "the request is closed",
    **dict.fromkeys(set(COMMANDS) - set(_AT_ANY_TIME), "the request is closed"),
}


def move(state: RequestState, to: Phase) -> None:
    """Change the phase.

    Raises:
        IllegalTransitionError: the table does not allow it; the state is unchanged.
    """
    if to not in MOVES[state.phase]:
        raise IllegalTransitionError(f"no way from {state.phase} to {to}")
    state.phase = to


def diagram() -> str:
    """Draw the table as a Mermaid state diagram, for the docs."""
    lines = ["stateDiagram-v2", f"    [*] --> {P.RECEIVED.name}"]
    lines += [f"    {a.name} --> {b.name}" for a in P for b in P if b in MOVES[a]]
    return "\n".join([*lines, f"    {P.CLOSED.name} --> [*]"]) + "\n"
