"""What `expunge show` says of who asks, and of the clock where it did not simply run. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.cli.words_commands import code
from orchestrator.core import clock
from orchestrator.core.model import RequestState
from orchestrator.core.plan import Plan


def lines(plan: Plan, state: RequestState) -> Iterator[str]:
    """Give the lines; none where the person asks, is known, and the clock runs."""
    yield from _who(state)
    bound = plan.bound(state.controllers)
    if bound:
        yield f"asked of {', '.join(state.controllers)}; binds {', '.join(bound)} (GDPR Art. 26(3))"
    if state.pauses or state.extension is not None:
        yield from (f"clock: {step}" for step in clock.trace(plan, state))
    if state.fee is not None:
        accepted = f"accepted {state.fee.accepted_at[:10]}" if state.fee.accepted_at else "not accepted yet"
        yield f"fee for a further copy: {state.fee.cents / 100:.2f} {state.fee.currency}, {accepted}"
    if state.ground:
        yield f"ground: {code(state.ground.replace(':', ', '))}"
    if state.continues:
        yield f"goes on from request {state.continues}"


def _who(state: RequestState) -> Iterator[str]:
    who, known = state.requester, state.identity
    if state.retention is not None:
        found = state.retention
        yield f"nobody asked: the period of {found.system}/{found.record_set} is over since {found.since}"
    if who is not None:
        until = f" until {who.valid_until}" if who.valid_until else ""
        rights = f" for {', '.join(who.rights)}" if who.rights else ""
        proof = f", {code(who.proof)}{rights}{until}" if who.proof else ""
        yield f"asked by {who.relation.value}{proof}; the answer goes to the {who.answer_to}"
    if state.minor_at_collection:
        yield "collected from a minor"
    if known.level != "verified" or known.method:
        why = f" ({code(known.reason)})" if known.reason else ""
        asked = f", asked for: {code(known.asks)}" if known.asks else ""
        by = f", by {code(known.method)}" if known.method else ""
        yield f"identity: {known.level}{by}{why}{asked}"
    if known.document == "deleted":
        yield f"document deleted {known.document_deleted_at[:10]}"
