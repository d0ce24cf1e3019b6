"""Places and releases legal holds: in the registry, and in the journal of every request they reach (S29, decision 4).

All in one transaction, while nobody else takes a request in: a request either is told, or finds the hold in the
registry when it is accepted. Whom a hold is about stands in the registry as keyed digests only.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from orchestrator.core.commands_deciding import HoldPlaced, HoldReleased
from orchestrator.core.moments import date_of, is_date
from orchestrator.core.plan import Plan
from orchestrator.core.resting import objection as objection_to
from orchestrator.engine import wire
from orchestrator.engine.base import a_role, a_text, again
from orchestrator.engine.capsule import CapsuleBox
from orchestrator.engine.commands import SOURCE
from orchestrator.engine.reach import as_hold, refs_of
from orchestrator.engine.stored import read_state
from orchestrator.errors import UsageError
from orchestrator.ports import Chance, Clock, HoldRow, JournalRow, Keyring, Store, Transaction
from schemas.codec import decode, encode
from schemas.identifiers import Identifier
from schemas.requesters import is_code
from schemas.requests import utc

_PLACE: Final = re.compile(r"[a-z0-9][a-z0-9_-]*(/[a-z0-9][a-z0-9_-]*)?\Z")
_RELEASE: Final = "expunge hold release"
_LIST: Final = "see `expunge hold list`"
_TEXTS: Final = {
    "unknown_text": "nobody knows this legal text",
    "text_not_yet_in_force": "this legal text is not in force yet",
    "text_repealed": "this legal text is repealed",
    "unknown_rule": "the policy has no such rule",
}


class Order(msgspec.Struct, frozen=True):
    """A hold as somebody asks for it; dates are ISO 8601, ``scope`` systems and record sets (``crm/invoices``)."""

    owner: str
    reason: str
    text: str
    review_by: str
    scope: tuple[str, ...] = ()
    anchor_from: str | None = None
    anchor_to: str | None = None
    identifiers: tuple[Identifier, ...] | None = None


class Told(msgspec.Struct, frozen=True):
    """What became of it: its id, and how many requests were told."""

    hold_id: str
    requests: int


def place(
    store: Store,
    clock: Clock,
    keys: Keyring,
    chance: Chance,
    order: Order,
    here: Collection[str] = (),
    own: Mapping[str, int] | None = None,
) -> Told:
    """Place a hold. ``here``: connected systems, and their record sets (``crm/notes``), that no plan may know yet.

    ``own``: the rules of the policy file (``Plan.own_rules``), which it may rest on; None: there is no file.

    Raises:
        UsageError: no owner, no day of review, an unknown text, a scope that nothing has, nobody's own identifier;
            nothing is written then.
    """
    now = utc(clock.now())
    refs = _checked(order, keys, now, own)
    row = HoldRow(
        hold_id=f"hold-{chance(6).hex()}",
        reason=order.reason,
        text=order.text,
        owner=order.owner,
        review_by=order.review_by,
        placed_at=now,
        scope=" ".join(sorted(set(order.scope))),
        anchor_from=order.anchor_from,
        anchor_to=order.anchor_to,
        by_person=int(order.identifiers is not None),
    )

    def write() -> Told:
        with store.write() as tx:
            tx.everybody()
            _known(tx, order.scope, here)
            tx.add_hold(row, refs)
            hold, reached = as_hold(row), _reached(tx, keys, chance, refs, everyone=not row.by_person)
            tx.journal(
                [
                    _noted(HoldPlaced(request_id=one, observed_at=now, role=row.owner, given_at=now, hold=hold), row)
                    for one in reached
                ]
            )
        return Told(row.hold_id, len(reached))

    return again(write)


def release(store: Store, clock: Clock, hold_id: str, role: str) -> Told:
    """Release a hold: what it kept is decided afresh.

    Raises:
        UsageError: no role but a name, no such hold, or it was released before; nothing is written then.
    """
    a_role(role)
    now = utc(clock.now())

    def write() -> Told:
        with store.write() as tx:
            tx.everybody()
            row = tx.hold(hold_id)
            if row is None:
                raise UsageError(f"there is no hold {hold_id}", where=_RELEASE, fix=_LIST)
            if row.released_at is not None:
                before = f"on {row.released_at[:10]}, by {row.released_by}"
                raise UsageError(
                    f"hold {hold_id} was released before",
                    where=_RELEASE,
                    why=before,
                    fix=_LIST,
                )
            tx.release_hold(hold_id, now, role)
            told = {
                one
                for one, state, _ in tx.erasures()
                if any(hold.hold_id == hold_id for hold in read_state(one, state).holds)
            } | tx.waiting_holds(hold_id)
            events = [
                HoldReleased(request_id=one, observed_at=now, role=role, given_at=now, hold_id=hold_id)
                for one in sorted(told)
            ]
            tx.journal([_noted(one, row) for one in events])
        return Told(hold_id, len(told))

    return again(write)


def _checked(order: Order, keys: Keyring, now: str, own: Mapping[str, int] | None) -> list[bytes]:
    today = date_of(now)
    if not is_code(order.owner):
        raise UsageError("a hold needs an owner", where="--owner", fix="--owner, a role and never a name, e.g. legal")
    if not is_code(order.reason):
        raise UsageError("a hold needs a reason", where="--reason", fix="--reason, a code word, e.g. litigation")
    a_text(order.text)
    objection = objection_to(order.text, today, own)
    if objection:
        what = f"{order.text or 'no text'}: {_TEXTS[objection]}"
        rules = f", or one of: {', '.join(own)}" if own else ""
        raise UsageError(what, where="--text", fix=f"--text, e.g. gdpr-17-3-e{rules}")
    if not order.review_by or not is_date(order.review_by) or order.review_by <= today.isoformat():
        fix = "--review, a date in the future (YYYY-MM-DD)"
        raise UsageError("a hold needs a day of review", where="--review", fix=fix)
    for day in (order.anchor_from, order.anchor_to):
        if day is not None and not is_date(day):
            raise UsageError(f"{day!r} is no date", where="--from, --to", fix="YYYY-MM-DD")
    if order.anchor_from and order.anchor_to and order.anchor_from > order.anchor_to:
        raise UsageError("the window of time ends before it begins", where="--from, --to", fix="--from, then --to")
    if order.identifiers is None:
        if not order.scope:
            what = "a hold on everything of everybody"
            raise UsageError(what, where="expunge hold place", fix="--person-file, or --system")
        return []
    refs = refs_of(keys.subject, order.identifiers)
    if not refs:
        fix = "an e-mail address, a customer id, ..."
        raise UsageError("nothing that was given is one person's own", where="--person-file", fix=fix)
    return refs


def _known(tx: Transaction, scope: Sequence[str], here: Collection[str]) -> None:
    """Hold the scope against every plan there ever was, and what is here: one that nothing has protects nothing."""
    plans = [decode(body, Plan) for body in tx.all_plans()]
    known = {one.system for plan in plans for one in plan.systems}
    known |= {f"{one.system}/{name}" for plan in plans for one in plan.systems for name in one.names}
    known |= set(here)
    listed = {one.partition("/")[0] for one in known if "/" in one}
    for one in scope:
        system = one.partition("/")[0]
        # Of a system whose data map is not here, and that no plan has yet, every record set may be one.
        there = one in known or not known or (system in known and system not in listed)
        if not _PLACE.match(one) or not there:
            fix = f"--system, one of: {', '.join(sorted(known))}"
            raise UsageError(f"there is no {one}", where="--system", fix=fix)


def _reached(tx: Transaction, keys: Keyring, chance: Chance, refs: Sequence[bytes], *, everyone: bool) -> list[str]:
    """Give the erasures that a hold is about: by what the person gave, and by what was found since."""
    box, wanted = CapsuleBox(keys.store, chance), set(refs)
    given = tx.subjects_of(refs) if refs else set()
    return [
        one
        for one, _, sealed in tx.erasures()
        if everyone or one in given or wanted & set(refs_of(keys.subject, _identifiers(box, one, sealed)))
    ]


def _identifiers(box: CapsuleBox, request_id: str, sealed: bytes) -> Iterable[Identifier]:
    return [Identifier(*one) for one in box.open(request_id, sealed).identifiers.values()]


def _noted(event: HoldPlaced | HoldReleased, row: HoldRow) -> JournalRow:
    body, kind = encode(event), type(event).__name__
    event_id = f"{event.request_id}.{kind.lower()}.{row.hold_id}"
    return JournalRow(
        SOURCE, event_id, event.request_id, kind, event.observed_at, wire.digest(body)[0], None, body, "waiting"
    )


def due(row: HoldRow, today: str) -> bool:
    """Tell whether somebody has to look at a hold again."""
    return row.released_at is None and row.review_by <= today
