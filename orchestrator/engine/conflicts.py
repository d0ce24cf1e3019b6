"""Which requests of one person go before which: by right, and by what still stands (decision 11). Pure."""

from __future__ import annotations

from typing import Final

from orchestrator.core.model import Phase, RequestState
from schemas.requests import Right

COPIES: Final = frozenset({Right.ACCESS, Right.PORTABILITY})
"""Give a copy of what an erasure would take away: they go first."""
FIRST: Final = COPIES | {Right.RESTRICTION}
"""What an erasure waits for: a copy, and the end of a restriction, which is there so that nothing is erased."""


def stands(state: RequestState) -> bool:
    """Tell whether an erasure of the same person still has to wait for this request."""
    if state.right not in FIRST:
        return False
    return state.phase is not Phase.CLOSED or restricts(state)


def restricts(state: RequestState) -> bool:
    """Tell whether records stay restricted by it."""
    return state.right is Right.RESTRICTION and any(one.kind == "restriction" for one in state.obligations)
