"""``expunge incident``: breaches and misuse, by codes and counts (ADR 34)."""

from __future__ import annotations

import msgspec
from rich.console import Console

from orchestrator.cli import words
from orchestrator.cli.desk import Desk
from orchestrator.cli.screen import table
from orchestrator.engine import incidents as registry
from orchestrator.engine.incidents import Controller, Report
from orchestrator.errors import UsageError
from orchestrator.runtime import policies
from orchestrator.runtime.clock import SystemClock, chance
from orchestrator.settings import Settings
from orchestrator.store.migrate import check as check_tables
from orchestrator.store.store import SqlStore
from schemas.incidents import Incident
from schemas.requests import utc

_NO_POLICY = "BE"
"""Where no policy file says which countries, the law of the Union is taken: 72 hours are the same in all of it."""


class Shown(msgspec.Struct):
    """An incident with its history: (when, what, who)."""

    incident: Incident
    notify_by: str
    history: list[tuple[str, str, str]]


def report(desk: Desk, told: Report) -> int:
    """Note an incident; prints its id.

    Raises:
        UsageError: something is missing or wrong; nothing is written then.
    """
    settings = desk.settings()
    systems = [one.system for one in settings.systems]
    with desk.store(settings) as store:
        check_tables(store.engine)
        done = registry.report(store, SystemClock(), chance, told, _controllers(settings), systems)
    desk.screen.data(done, lambda out: out.print(done.incident_id))
    _say(desk, done)
    return 0


def show_list(desk: Desk) -> int:
    """List the incidents; 1 if an authority is still to be told."""
    now = utc(SystemClock().now())
    with desk.store() as store:
        check_tables(store.engine)
        with store.read() as tx:
            found = [registry.read(one) for one in tx.incidents()]
    data = [msgspec.to_builtins(one) | {"notify_by": one.notify_by(), "overdue": _overdue(one, now)} for one in found]
    desk.screen.data(data, lambda out: _print(out, found, now))
    return int(any(one.owing() for one in found))


def show(desk: Desk, incident_id: str) -> int:
    """Show one incident; 1 if an authority is still to be told."""
    with desk.store() as store:
        check_tables(store.engine)
        one, history = _found(store, incident_id)
    shown = Shown(one, one.notify_by(), history)
    desk.screen.data(shown, lambda out: _print_one(out, shown))
    return int(bool(one.owing()))


def tell(desk: Desk, incident_id: str, controller: str, at: str, role: str) -> int:
    """Note that a controller told its authority."""
    with desk.store() as store:
        check_tables(store.engine)
        done = registry.tell(store, SystemClock(), incident_id, controller, role=role, at=at)
    desk.screen.data(done, lambda out: out.print(f"{incident_id}: noted for {controller}"))
    _say(desk, done)
    return 0


def amend(desk: Desk, incident_id: str, role: str, action: str, subjects: int | None, records: int | None) -> int:
    """Note what was done since, or is known better."""
    with desk.store() as store:
        check_tables(store.engine)
        done = registry.amend(
            store, SystemClock(), incident_id, role=role, action=action, subjects=subjects, records=records
        )
    desk.screen.data(done, lambda out: out.print(f"{incident_id}: noted, version {done.version}"))
    return 0


def close(desk: Desk, incident_id: str, outcome: str, persons: str, role: str) -> int:
    """End an incident."""
    with desk.store() as store:
        check_tables(store.engine)
        done = registry.close(store, SystemClock(), incident_id, role=role, outcome=outcome, persons=persons)
    desk.screen.data(done, lambda out: out.print(f"{incident_id} is closed"))
    return 0


def _controllers(settings: Settings) -> list[Controller]:
    register = policies.of(settings)
    if register is not None:
        return [Controller(one.id, one.calendar, one.authority) for one in register.document.controller]
    return [Controller(one, _NO_POLICY) for one in settings.policy.controllers or ("controller",)]


def _found(store: SqlStore, incident_id: str) -> tuple[Incident, list[tuple[str, str, str]]]:
    with store.read() as tx:
        row = tx.incident(incident_id)
        history = [one for one in tx.history(incident_id) if one.body is not None]
    if row is None:
        raise UsageError("there is no such incident", where=incident_id, fix="see `expunge incident list`")
    return registry.read(row), [
        (one.observed_at, one.type, msgspec.json.decode(one.body or b"", type=Incident).changed_by) for one in history
    ]


def _overdue(one: Incident, now: str) -> bool:
    return any(duty.notify_by is not None and duty.notify_by <= now for duty in one.owing())


def _say(desk: Desk, one: Incident) -> None:
    for duty in one.owing():
        authority = duty.authority or "an authority that the policy does not name"
        until = f"by {words.minute(duty.notify_by)}" if duty.notify_by else "no time is known: ask counsel"
        desk.screen.say(f"{duty.controller} tells {authority} {until}")


def _print(out: Console, found: list[Incident], now: str) -> None:
    if not found:
        return
    made = table("incident", "what", "where", "detected", "owner", "where it stands")
    for one in found:
        if one.closed_at is not None:
            standing = f"closed {one.closed_at[:10]}: {one.outcome.replace('_', ' ')}"
        elif not one.owing():
            standing = "open, every authority was told"
        else:
            by = one.notify_by()
            standing = f"authority by {words.minute(by)}" if by else "authority: ask counsel"
            standing += "  OVERDUE" if _overdue(one, now) else ""
        where = ", ".join(one.record_sets or one.systems) or "-"
        what = f"{one.kind}, {one.cause.replace('_', ' ')}"
        made.add_row(one.incident_id, what, where, words.minute(one.detected_at), one.owner, standing)
    out.print(made)


def _print_one(out: Console, shown: Shown) -> None:
    one = shown.incident
    out.print(f"{one.kind} {one.incident_id}: {one.cause.replace('_', ' ')}")
    out.print(f"detected {words.minute(one.detected_at)}, reported {words.minute(one.reported_at)}, owner {one.owner}")
    scope = {
        "systems": ", ".join(one.systems),
        "record sets": ", ".join(one.record_sets),
        "kinds of data": ", ".join(one.categories),
        "persons": "" if one.subjects is None else f"about {one.subjects}",
        "records": "" if one.records is None else f"about {one.records}",
        "request": one.request_id or "",
        "action": one.action.replace("_", " ") or "none yet",
        "closed": f"{words.minute(one.closed_at)}: {one.outcome.replace('_', ' ')}" if one.closed_at else "",
        "the persons": one.persons.replace("_", " "),
    }
    for name, value in scope.items():
        if value:
            out.print(f"  {name}: {value}")
    for duty in one.duties:
        told = f"told {words.minute(duty.told_at)}" if duty.told_at else "not told"
        by = f", by {words.minute(duty.notify_by)}" if duty.notify_by else ""
        out.print(f"\n{duty.controller}: {duty.authority or 'no authority is named'}{by}; {told}")
        for step in duty.trace:
            out.print(f"  {step}", highlight=False, markup=False)
    made = table("when", "what happened", "who")
    for when, what, who in shown.history:
        made.add_row(words.minute(when), what, who)
    out.print()
    out.print(made)
