"""What a further copy costs: the first one never; nothing is handed out before the price is accepted (S32)."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from orchestrator.core import identity, pausing
from orchestrator.core.asking import Fee
from orchestrator.core.commands_identity import FeeAccepted, FeeQuoted, FeeWaived
from orchestrator.core.model import Attention, RequestState
from orchestrator.core.pausing import Wrong
from orchestrator.core.requester import addressee
from orchestrator.core.work import Work
from schemas.requests import Right

OPEN: Final = "fee_open"
FURTHER: Final = "further_copy"
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_MOST: Final = 100_000
"""Cents. A fee is for the work of a copy; above this somebody mistyped."""


def begin(work: Work) -> None:
    """Ask somebody whether a further copy costs something, where the limits say so."""
    free = work.plan.limits.free_copies
    if free and work.state.copies >= free:
        todo = "decide whether this further copy costs something: `expunge fee quote`, or `expunge fee waive`"
        work.stop(Attention(FURTHER, "dpo", todo, work.now, detail=str(work.state.copies)))


def quoted(work: Work, command: FeeQuoted) -> str:
    """Tell the person what the copy costs, and wait."""
    work.state.fee = Fee(command.cents, command.currency, command.when)
    work.settled(FURTHER)
    todo = "wait for the person: `expunge fee accept`; or `expunge withdraw`"
    work.stop(Attention(OPEN, "dpo", todo, work.now))
    to = addressee(work.state, work.now)
    work.notice("fee", to, amount_cents=str(command.cents), currency=command.currency)
    identity.wait(work)
    return ""


def accepted(work: Work, command: FeeAccepted) -> str:
    """Hand the copy out: the person accepts what it costs."""
    fee = work.state.fee
    assert fee is not None  # noqa: S101 - `no_acceptance` was asked right before
    work.state.fee = msgspec.structs.replace(fee, accepted_at=command.when)
    work.settled(OPEN)
    if not identity.waits_for_identity(work.state):
        work.state.timers.pop("lapse", None)
    return ""


def no_quote(state: RequestState, command: FeeQuoted) -> Wrong:
    """Say why nothing may be asked for."""
    if (again := pausing.answered(state)) is not None:
        return again
    if state.right is not Right.ACCESS:
        return (
            "only a further copy may cost something",
            "this is free (GDPR Art. 12(5)); `expunge refuse` if it is excessive",
        )
    if not state.copies:
        return "the first copy is free (GDPR Art. 15(3))", "hand it out"
    if state.fee is not None:
        return "a fee was quoted already", "see `expunge show`"
    if not 0 < command.cents <= _MOST:
        return "not a reasonable fee", f"1 to {_MOST} cents: what the copy costs you"
    if not _CURRENCY.fullmatch(command.currency):
        return f"{command.currency!r} is no currency", "ISO 4217, e.g. EUR"
    return None


def no_acceptance(state: RequestState, _: FeeAccepted) -> Wrong:
    """Say why nothing can be accepted."""
    if state.fee is None:
        return "no fee was quoted", "`expunge fee quote`"
    if state.fee.accepted_at:
        return f"it was accepted on {state.fee.accepted_at[:10]}", "nothing is left to do"
    return None


def waived(work: Work, _: FeeWaived) -> str:
    """Hand the copy out for nothing."""
    work.state.fee = None
    for reason in (FURTHER, OPEN):
        work.settled(reason)
    if not identity.waits_for_identity(work.state):
        work.state.timers.pop("lapse", None)
    return ""


def no_waiver(state: RequestState, _: FeeWaived) -> Wrong:
    """Say why there is nothing to waive."""
    if any(one.reason in {FURTHER, OPEN} for one in state.attention):
        return None
    return "nothing is asked for this", "see `expunge show`"
