"""Which requests of one person go before which: by right, and by what still stands (decision 11). Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from orchestrator.core.model import Phase, RequestState
from schemas.requests import Right

UNVERIFIED: Final = "unverified"
COPIES: Final = frozenset({Right.ACCESS, Right.PORTABILITY})
"""Give a copy of what an erasure would take away: they go first."""
FIRST: Final = COPIES | {Right.RESTRICTION}
"""What an erasure waits for: a copy, and the end of a restriction, which is there so that nothing is erased."""
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


def unconfirmed(state: RequestState | None) -> bool:
    """Tell whether nobody ever confirmed who asks."""
    return state is not None and state.identity.level == UNVERIFIED


def share(scope: Collection[str], other: RequestState) -> bool:
    """Tell whether a request over these systems (none: all) and another one may touch the same records."""
    return not scope or not set(other.scope).isdisjoint(scope)


def restricts(state: RequestState) -> bool:
    """Tell whether records stay restricted by it."""
    return state.right is Right.RESTRICTION and any(one.kind == "restriction" for one in state.obligations)
