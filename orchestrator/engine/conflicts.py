"""Which requests of one person go before which: by right, and by what still stands (decision 11). Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from orchestrator.core import acting, holding, procedures
from orchestrator.core.model import Phase, RequestState
from orchestrator.core.plan import Plan
from orchestrator.core.rulings import Ended
from schemas.outcomes import Restricted
from schemas.requests import Right
from schemas.tasks import Action

HELD: Final = holding.RIGHTS
"""What a legal hold stops: nothing that is evidence may go, or become another."""
UNVERIFIED: Final = "unverified"
COPIES: Final = frozenset({Right.ACCESS, Right.PORTABILITY})
"""Give a copy of what an erasure would take away: they go first."""
FIRST: Final = COPIES | {Right.RESTRICTION}
"""What an erasure waits for: a copy, and the end of a restriction, which is there so that nothing is erased."""
ENDING: Final = frozenset({Right.OBJECTION, Right.WITHDRAWAL_OF_CONSENT})
"""End a use of the data, which is a ground for an erasure that follows (Art. 17(1)(b), (c))."""
RESTRICTING: Final = frozenset({Right.RESTRICTION, Right.OBJECTION})
"""Set a mark, which they share where a person asks twice."""
BEFORE: Final = FIRST | ENDING
"""Begun before an erasure that comes with them."""
AWAITED: Final = FIRST | {Right.ERASURE}
"""And an erasure that was begun before: two of one person would take away each other's evidence."""


def stands(state: RequestState) -> bool:
    """Tell whether an erasure of the same person still has to wait for this request.

    An erasure that nobody has confirmed yet is not waited for: anybody could stop another person's so. Once it is
    confirmed, it waits for those that are open then.
    """
    if state.right is Right.ERASURE:
        return state.phase is not Phase.CLOSED and not unconfirmed(state)
    if state.right not in FIRST:
        return False
    return state.phase is not Phase.CLOSED or restricts(state)


def marks(plan: Plan, state: RequestState) -> set[str] | None:
    """Give what a request keeps restricted, as "system/record_set"; None: it is about to restrict or to lift."""
    if state.right not in RESTRICTING:
        return set()
    if state.phase is Phase.CLOSED:
        return {f"{one.system}/{one.record_set}" for one in state.obligations if one.kind == "restriction"}
    if state.right is Right.OBJECTION and not _restricting(plan, state):
        return set()
    at_rest = "lift" in state.timers or any(one.reason == acting.BALANCE for one in state.attention)
    if state.right is Right.RESTRICTION or not at_rest or any(one.task for one in state.systems.values()):
        return None
    return {
        f"{name}/{record_set}"
        for name, one in state.systems.items()
        for some in (*one.earlier.items(), *((key, (value,)) for key, value in one.outcomes.items()))
        for record_set, outcomes in [some]
        if any(isinstance(each, Restricted) for each in outcomes)
    }


def _restricting(plan: Plan, state: RequestState) -> bool:
    return any(one.action in {Action.RESTRICT, Action.LIFT} for one in procedures.of(plan, state).legs)


def lifts(plan: Plan, state: RequestState) -> bool:
    """Tell whether a restriction is being lifted: whoever sets the same mark has to wait for that."""
    return (
        state.phase is not Phase.CLOSED
        and state.right in RESTRICTING
        and "lift" not in state.timers
        and any(one.action is Action.LIFT for one in procedures.of(plan, state).legs)
    )


def ended(plan: Plan, state: RequestState) -> tuple[Ended, ...]:
    """Give the uses that a request has ended, as long as that is in force: grounds for an erasure of the same person.

    An objection that is still weighed has ended nothing yet; nor has what nobody is sure that the person has asked for.
    """
    if state.right not in ENDING or state.identity.level != "verified" or state.ending is not None:
        return ()
    if state.phase is Phase.CLOSED and not any(one.kind == "suppression" for one in state.obligations):
        return ()
    legs = procedures.of(plan, state).legs
    return tuple(
        Ended(state.request_id, one.rule.removeprefix("stop:"), one.purposes)
        for one in legs
        if one.action is Action.STOP
    )


def unconfirmed(state: RequestState | None) -> bool:
    """Tell whether nobody ever confirmed who asks."""
    return state is not None and state.identity.level == UNVERIFIED


def share(scope: Collection[str], other: RequestState) -> bool:
    """Tell whether a request over these systems (none: all) and another one may touch the same records."""
    return not scope or not set(other.scope).isdisjoint(scope)


def restricts(state: RequestState) -> bool:
    """Tell whether records stay restricted by it."""
    return state.right is Right.RESTRICTION and any(one.kind == "restriction" for one in state.obligations)
