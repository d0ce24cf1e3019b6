"""Replay: the events of one request, applied again in their order, give the same state (I5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from orchestrator.core import adopting, machine
from orchestrator.core.events import Event, RequestAccepted
from orchestrator.core.model import RequestState
from orchestrator.core.plan import Plan
from orchestrator.errors import IllegalTransitionError


def replay(plans: Callable[[str], Plan], events: Iterable[Event]) -> RequestState | None:
    """Apply events in order; effects are dropped, they took place long ago.

    Args:
        plans: Gives a plan by its digest (the one the request goes by, and a newer one that an event brings).
        events: What the journal says was applied. An event that now is ignored changes nothing.

    Returns:
        The state after the last of them; None without any event.

    Raises:
        IllegalTransitionError: an event is impossible where it stands: the journal or the logic is not the same.
    """
    state: RequestState | None = None
    for event in events:
        if state is None:
            if not isinstance(event, RequestAccepted):
                raise IllegalTransitionError("a history begins with the request")
            state = machine.step(plans(event.plan_sha256), None, event).state
            continue
        digest = adopting.brought(state, event)
        newer = plans(digest) if digest else None
        state = machine.step(plans(state.plan_sha256), state, event, newer).state
    return state
