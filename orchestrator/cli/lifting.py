"""``expunge suppression lift``: a person who was erased is a data subject again, for a purpose, from a day on (I14)."""

from __future__ import annotations

import difflib

import msgspec

from orchestrator.cli.desk import Desk
from orchestrator.cli.holding import person
from orchestrator.core.plan import Plan
from orchestrator.core.returning import REASONS
from orchestrator.engine.base import a_role
from orchestrator.engine.suppressing import Entry, Lifted, digest
from orchestrator.errors import UsageError
from orchestrator.runtime.clock import SystemClock
from orchestrator.store import suppressions
from orchestrator.store.migrate import check as check_tables
from orchestrator.store.store import SqlTransaction
from schemas.codec import decode
from schemas.identifiers import canonical
from schemas.requesters import is_day
from schemas.requests import utc

_ENTRY = msgspec.json.Decoder(Entry)


class Told(msgspec.Struct, frozen=True):
    """How many entries it took away from; ``purpose`` empty: all."""

    purpose: str
    since: str
    entries: int


def lift(desk: Desk, source: str, purpose: str, since: str, reason: str, role: str, *, every: bool) -> int:
    """Take the suppression of a person away, for data from a day on.

    Args:
        desk: The installation.
        source: File of identifiers, or ``-``.
        purpose: For which purpose; with ``every`` none is named.
        since: ISO date; what is older stays suppressed.
        reason: ``fresh_consent`` or ``new_relationship``.
        role: Who says so.
        every: For every purpose.

    Raises:
        UsageError: no purpose, one that nobody has, no day, no reason, or nothing is suppressed of this person for it;
            nothing is written then.
    """
    a_role(role)
    today = utc(SystemClock().now())[:10]
    if bool(purpose) == every:
        raise UsageError(
            "a purpose is missing" if not every else "a purpose and every purpose",
            where="the command line",
            fix="--purpose marketing, or --all-purposes",
        )
    if not is_day(since) or since > today:
        raise UsageError(f"{since!r} is no day up to today", where="--since", fix="a date (YYYY-MM-DD)")
    if reason not in REASONS:
        raise UsageError(f"{reason!r} is no reason", where="--reason", fix=f"one of: {', '.join(REASONS)}")
    identifiers = person(source)
    settings = desk.settings()
    key = desk.own_keys(settings).subject
    digests = [digest(key, one.kind, canonical(one.kind, one.value) or "") for one in identifiers]
    lifted = Lifted(purpose, f"{since}T00:00:00.000Z", reason, role)

    def change(raw: bytes) -> bytes | None:
        entry = _ENTRY.decode(raw)
        concerned = not purpose or not entry.only or purpose in entry.only
        return (
            msgspec.json.encode(msgspec.structs.replace(entry, lifted=(*entry.lifted, lifted))) if concerned else None
        )

    with desk.store(settings) as store:
        check_tables(store.engine)
        with store.write() as tx:
            if purpose:
                _known(tx, purpose)
            count = suppressions.rewrite(tx, digests, change)
            if not count:
                raise UsageError(
                    "nothing of this person is suppressed" + (f" for {purpose}" if purpose else ""),
                    where=source,
                    fix="nothing has to be done; see that the identifiers are those of the request",
                )
    told = Told(purpose, since, count)
    desk.screen.data(told, lambda out: out.print(f"{count} entries do not count from {since} on"))
    desk.screen.say("the cache is fed with it by `expunge suppression serve`, within a second")
    return 0


def _known(tx: SqlTransaction, purpose: str) -> None:
    purposes = {
        one
        for body in tx.all_plans()
        for system in decode(body, Plan).systems
        for of in system.record_sets
        for one in (of.purpose, *of.stoppable)
        if one
    }
    if purpose not in purposes:
        close = difflib.get_close_matches(purpose, purposes, 1)
        fix = f"did you mean {close[0]}?" if close else f"one of: {', '.join(sorted(purposes)) or 'none'}"
        raise UsageError(f"nobody uses data for {purpose}", where="--purpose", fix=fix)
