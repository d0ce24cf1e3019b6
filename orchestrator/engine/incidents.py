"""Incidents with personal data: reported, told to authorities, closed; and when their owner hears of them (ADR 34).

Each change is a fact in the journal. Who is affected is never written: systems, record sets, kinds of data and counts.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Collection, Sequence
from typing import Final

import msgspec

from orchestrator.engine import wire
from orchestrator.engine.base import a_role, again
from orchestrator.engine.commands import SOURCE
from orchestrator.errors import UsageError
from orchestrator.law.incidents import notify_by
from orchestrator.ports import Chance, Clock, IncidentRow, JournalRow, Store, Transaction
from schemas.codec import decode, encode
from schemas.incidents import Duty, Incident, Kind
from schemas.requesters import is_code
from schemas.requests import CLOCK_SKEW, parse_time, utc

PERSONS: Final = ("told", "no_high_risk", "unreadable_to_others", "risk_averted", "public_notice")
"""Whether the persons were told of it, or which case of Art. 34(3) spares them."""
OUTCOMES: Final = ("notified", "risk_unlikely", "no_personal_data")
"""How an incident ends: the authorities were told, or need not be (Art. 33(1)), or it was none."""
_REMIND: Final = (24, 48, 66, 72)
"""Hours after it was detected at which the owner is reminded; then once a day."""
_DAY: Final = dt.timedelta(days=1)
_WEEK: Final = dt.timedelta(days=7)
_PLACE: Final = re.compile(r"[a-z0-9][a-z0-9_-]*(/[a-z0-9][a-z0-9_-]*)?\Z")
_MOST: Final = 1 << 53


class Controller(msgspec.Struct, frozen=True):
    """A controller that may have to tell its authority. ``calendar``: where it is, for the law that binds it."""

    id: str
    calendar: str
    authority: str = ""


class Report(msgspec.Struct, frozen=True):
    """An incident as somebody reports it; times are RFC 3339 with zone, empty: now."""

    kind: Kind
    cause: str
    owner: str = "dpo"
    role: str = "dpo"
    detected_at: str = ""
    places: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subjects: int | None = None
    records: int | None = None
    action: str = ""
    request_id: str = ""


def report(
    store: Store,
    clock: Clock,
    chance: Chance,
    told: Report,
    controllers: Sequence[Controller],
    systems: Collection[str],
) -> Incident:
    """Note an incident. Each controller of the policy has its own date and authority: all of them answer (Art. 26(3)).

    Raises:
        UsageError: no role, a word that is no code, a system that is not connected, a time in the future, an unknown
            request; nothing is written then.
    """
    now = clock.now()
    detected = _moment(told.detected_at, now, "--detected")
    _checked(told, systems)
    duties = tuple(_duty(one, detected) for one in controllers)
    incident = Incident(
        incident_id=f"incident-{chance(6).hex()}",
        version=1,
        kind=told.kind,
        cause=told.cause,
        detected_at=utc(detected),
        reported_at=utc(now),
        owner=told.owner,
        changed_by=told.role,
        duties=duties,
        systems=tuple(sorted({one.partition("/")[0] for one in told.places})),
        record_sets=tuple(sorted({one for one in told.places if "/" in one})),
        categories=tuple(sorted(set(told.categories))),
        subjects=told.subjects,
        records=told.records,
        action=told.action,
        request_id=told.request_id or None,
    )

    def write() -> Incident:
        with store.write() as tx:
            if told.request_id and not tx.history(told.request_id):
                raise UsageError("there is no such request", where=told.request_id, fix="see `expunge list`")
            _save(tx, incident, "IncidentReported", utc(now))
        return incident

    return again(write)


def tell(store: Store, clock: Clock, incident_id: str, controller: str, *, role: str, at: str = "") -> Incident:
    """Note that a controller told its authority.

    Raises:
        UsageError: no role, no such incident, it is closed, no such controller, or it was noted before.
    """
    a_role(role)
    now = clock.now()

    def change(one: Incident) -> Incident:
        duty = next((duty for duty in one.duties if duty.controller == controller), None)
        if duty is None:
            known = ", ".join(duty.controller for duty in one.duties)
            raise UsageError("no such controller", where=f"--controller of {incident_id}", fix=f"one of: {known}")
        if duty.told_at is not None:
            raise UsageError("that was noted before", where=incident_id, why=f"told at {duty.told_at}", fix="nothing")
        moment = _moment(at, now, "--at")
        if moment < parse_time(one.detected_at, where="detected_at"):
            raise UsageError("told before it was detected", where="--at", fix="check the time")
        done = msgspec.structs.replace(duty, told_at=utc(moment))
        return msgspec.structs.replace(one, duties=tuple(done if other is duty else other for other in one.duties))

    return _changed(store, clock, incident_id, role, "AuthorityTold", change)


def amend(
    store: Store,
    clock: Clock,
    incident_id: str,
    *,
    role: str,
    action: str = "",
    subjects: int | None = None,
    records: int | None = None,
) -> Incident:
    """Note what was found out, or done, since (Art. 33(4)).

    Raises:
        UsageError: as in ``tell``.
    """
    a_role(role)
    _counts(subjects, records)
    if action and not is_code(action):
        raise _no_code("--action", "access_revoked")

    def change(one: Incident) -> Incident:
        return msgspec.structs.replace(
            one,
            action=action or one.action,
            subjects=one.subjects if subjects is None else subjects,
            records=one.records if records is None else records,
        )

    return _changed(store, clock, incident_id, role, "IncidentAmended", change)


def close(store: Store, clock: Clock, incident_id: str, *, role: str, outcome: str, persons: str) -> Incident:
    """End an incident. It stays, for the authority may ask for its documentation (Art. 33(5)).

    Raises:
        UsageError: no role, an unknown outcome, no action that was taken, or an authority that was not told although
            the outcome says so; nothing is written then.
    """
    a_role(role)
    for where, word, known in (("--outcome", outcome, OUTCOMES), ("--persons", persons, PERSONS)):
        if word not in known:
            raise UsageError("not known", where=where, fix=f"one of: {', '.join(known)}")
    now = clock.now()

    def change(one: Incident) -> Incident:
        owing = ", ".join(duty.controller for duty in one.owing())
        if outcome == "notified" and owing:
            fix = f"`expunge incident tell {incident_id} --controller ...`, or --outcome risk_unlikely"
            raise UsageError("an authority was not told", where=incident_id, why=f"for {owing}", fix=fix)
        if not one.action:
            fix = f"`expunge incident amend {incident_id} --action ...`"
            raise UsageError("no action against it is noted", where=incident_id, fix=fix)
        return msgspec.structs.replace(one, closed_at=utc(now), outcome=outcome, persons=persons)

    return _changed(store, clock, incident_id, role, "IncidentClosed", change)


def read(row: IncidentRow) -> Incident:
    """Give an incident as the store keeps it."""
    return decode(row.body, Incident)


def next_telling(one: Incident, now: str) -> str | None:
    """Give when the owner hears of an incident again: none waits in silence (I6)."""
    if one.closed_at is not None:
        return None
    moment = parse_time(now, where="now")
    if not one.owing():
        return utc(moment + _WEEK)
    detected = parse_time(one.detected_at, where="detected_at")
    planned = (detected + dt.timedelta(hours=hours) for hours in _REMIND)
    return utc(next((at for at in planned if at > moment), moment + _DAY))


# -- checks and writes ------------------------------------------------------------------------------------
def _changed(
    store: Store, clock: Clock, incident_id: str, role: str, kind: str, change: Callable[[Incident], Incident]
) -> Incident:
    now = utc(clock.now())

    def write() -> Incident:
        with store.write() as tx:
            row = tx.incident(incident_id)
            if row is None:
                raise UsageError("there is no such incident", where=incident_id, fix="see `expunge incident list`")
            before = read(row)
            if before.closed_at is not None:
                raise UsageError("it is closed", where=incident_id, why=f"since {before.closed_at}", fix="report anew")
            after = msgspec.structs.replace(change(before), version=before.version + 1, changed_by=role)
            _save(tx, after, kind, now, row)
        return after

    return again(write)


def _save(tx: Transaction, one: Incident, kind: str, now: str, before: IncidentRow | None = None) -> None:
    body = encode(one)
    told, announced = (before.told, before.announced) if before is not None else (0, 0)
    # Told at once, with the next turn of the orchestrator: every version is an event for others, the last one too.
    tx.save_incident(
        IncidentRow(one.incident_id, one.version, one.detected_at, now, told, announced, one.closed_at, body)
    )
    event_id = f"{one.incident_id}.{one.version}"
    digest = wire.digest(body)[0]
    tx.journal([JournalRow(SOURCE, event_id, one.incident_id, kind, now, digest, body, None, "applied")])


def _duty(one: Controller, detected: dt.datetime) -> Duty:
    found = notify_by(detected, one.calendar)
    by = utc(found.by) if found.by is not None else None
    return Duty(one.id, wire.sayable(one.authority) if one.authority else "", by, found.text, found.trace)


def _moment(text: str, now: dt.datetime, where: str) -> dt.datetime:
    if not text:
        return now
    moment = parse_time(text, where=where)
    if moment > now + CLOCK_SKEW:
        raise UsageError("that lies in the future", where=where, fix="a time with zone, up to now")
    return moment


def _checked(told: Report, systems: Collection[str]) -> None:
    a_role(told.role)
    a_role(told.owner)
    if not is_code(told.cause):
        raise _no_code("--cause", "wrong_recipient")
    for one in told.categories:
        if not is_code(one):
            raise _no_code("--category", "contact")
    if told.action and not is_code(told.action):
        raise _no_code("--action", "access_revoked")
    for one in told.places:
        if not _PLACE.match(one) or one.partition("/")[0] not in systems:
            raise UsageError("there is no such system", where="--system", fix=f"one of: {', '.join(sorted(systems))}")
    _counts(told.subjects, told.records)


def _counts(subjects: int | None, records: int | None) -> None:
    for where, count in (("--subjects", subjects), ("--records", records)):
        if count is not None and not 0 <= count < _MOST:
            raise UsageError(
                "a number of them is 0 or more", where=where, fix="about how many; leave it out if unknown"
            )


def _no_code(where: str, example: str) -> UsageError:
    fix = f"small letters, digits, underscore, e.g. {example}; never free text, it could be about somebody"
    return UsageError("not a code word", where=where, fix=fix)
