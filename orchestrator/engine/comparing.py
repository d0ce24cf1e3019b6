"""Holds every past request of the store against another plan (``core.whatif``). Reads only."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import msgspec

from orchestrator.core.events import Event
from orchestrator.core.plan import Plan
from orchestrator.core.whatif import Difference, differences
from orchestrator.engine.batch import APPLIED
from orchestrator.engine.stored import Plans
from orchestrator.errors import IllegalTransitionError
from orchestrator.ports import Transaction

_EVENT = msgspec.json.Decoder(Event)


class Unreadable(msgspec.Struct, frozen=True):
    """A request whose journal does not lead anywhere: nothing can be said of it."""

    request_id: str
    why: str


def compare(
    tx: Transaction, plans: Plans, other: Plan, *, since: str = "", seen: Callable[[], None] = lambda: None
) -> Iterator[Difference | Unreadable]:
    """Give what another plan would have decided or dated differently, request by request.

    Args:
        tx: A transaction that reads.
        plans: Those of the store.
        other: The plan that is tried.
        since: Only requests received from this ISO date on.
        seen: Called after each request.
    """
    with contextlib.closing(tx.histories()) as every:
        for request_id, rows in every:
            events = [_EVENT.decode(body) for verdict, body in rows if verdict == APPLIED and body]
            if events and getattr(events[0], "received_at", "9999") >= since:
                try:
                    yield from list(differences(lambda digest: plans.get(tx, digest), events, other))
                except IllegalTransitionError as error:
                    yield Unreadable(request_id, error.what)
            seen()
