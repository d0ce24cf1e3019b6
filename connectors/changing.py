"""Changes records that stay, looks again on a fresh connection, and has what was seen judged (invariant I1).

Rectify, restrict, lift and stop are one procedure; what differs is which record sets can do it, and what the second
look asks. A record set that cannot is searched all the same: where nothing is held, nothing is left to do by hand.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from connectors import answers, leases, registry
from connectors.changes import Capability, Change, ChangeReport, Standing
from connectors.contract import ChangeOrder, Connector, Inspection, Subject, TaskId
from connectors.datamap import RecordSet
from connectors.jobs import Job, Result, scope
from connectors.locating import Found, Search, proven, search, union
from connectors.session import Session, second_look_failure
from connectors.verdict import Changed, judge_change
from schemas.outcomes import Failed, FailureKind, Never, Outcome, Unverifiable
from schemas.requests import utc

Reports = Mapping[str, ChangeReport | Unverifiable]
Sights = Mapping[str, Mapping[str, Standing] | Unverifiable]

_UNKNOWN_SET: Final = Unverifiable("unknown_record_set")


class _Order(msgspec.Struct, frozen=True):
    """A job, and what the system can do of it. ``names``: the record sets to answer for that there are."""

    job: Job
    names: tuple[str, ...]
    changes: Mapping[str, Change]

    @property
    def task_id(self) -> TaskId:
        return self.job.task_id


def change(
    session: Session,
    open_connector: Callable[[], Connector],
    capability: Capability,
    jobs: Sequence[Job],
    sets: Sequence[RecordSet],
    now: Callable[[], dt.datetime],
) -> dict[TaskId, Result]:
    """Carry out tasks of one action. ``session`` is closed before the second look opens a connection of its own."""
    results: dict[TaskId, Result] = {}
    orders: list[_Order] = []
    at, able = now(), _able(session, capability)
    for job in jobs:
        refusal = _refusal(job, capability, sets, at)
        if refusal is None:
            orders.append(_order(job, capability, sets, able=able))
        else:
            results[job.task_id] = Result(refusal)
    reports = _carry_out(session, capability, [one for one in orders if one.changes], now)
    session.close()
    done: dict[TaskId, tuple[_Order, Reports]] = {}
    for one in orders:
        report = reports.get(one.task_id, {})
        if isinstance(report, Mapping):
            done[one.task_id] = (one, report)
        else:
            results[one.task_id] = Result(report)
    return results | _second_look(session, open_connector, capability, done, sets, now)


def _able(session: Session, capability: Capability) -> bool:
    try:
        return capability in session.connector().capabilities
    except Exception:  # noqa: BLE001 - foreign code; the search that follows says what is wrong with it
        session.close()
        return False


def _refusal(job: Job, capability: Capability, sets: Sequence[RecordSet], at: dt.datetime) -> Failed | None:
    """Refuse an order as a whole, before anything is changed."""
    late = leases.refusal(job.task, at)
    if late is not None:
        return late
    # A record set without a value to correct would pass for corrected: all of nothing stands there.
    if capability is Capability.RECTIFY and not (job.corrections and all(job.corrections.values())):
        return Failed(FailureKind.PERMANENT, "no_correction")
    if capability is Capability.STOP and not job.task.purposes:
        return Failed(FailureKind.PERMANENT, "no_purpose")
    for one in sets:
        if one.rectify and not job.corrections.get(one.name, {}).keys() <= set(one.rectify):
            return Failed(FailureKind.PERMANENT, "unknown_field")
        # The connector counts what it finds now; what was found before counts as well (I9).
        if len(job.subject.keys.get(one.name, ())) > one.max_records:
            return Failed(FailureKind.PERMANENT, "max_records")
    return None


def _order(job: Job, capability: Capability, sets: Sequence[RecordSet], *, able: bool) -> _Order:
    asked = scope(job.task, job.corrections, sets)
    known = {one.name: one for one in sets}
    names = tuple(name for name in asked if name in known)
    changes: dict[str, Change] = {}
    for name in names if able else ():
        one = known[name]
        match capability:
            case Capability.RECTIFY:
                if one.rectify:
                    changes[name] = Change(values=job.corrections[name])
            case Capability.RESTRICT | Capability.LIFT:
                if one.restrict is not None:
                    changes[name] = Change()
            case Capability.STOP:
                # As much as can be is stopped at once; for the rest a person is called all the same.
                purposes = tuple(dict.fromkeys(purpose for purpose in job.task.purposes if purpose in one.stop))
                if purposes:
                    changes[name] = Change(purposes=purposes)
    return _Order(job, names, changes)


def _carry_out(
    session: Session, capability: Capability, orders: Sequence[_Order], now: Callable[[], dt.datetime]
) -> dict[TaskId, Reports | Never]:
    by_id = {one.task_id: one for one in orders}

    def deed(connector: Connector, some: Sequence[ChangeOrder]) -> dict[TaskId, Reports | Never]:
        method: Callable[[Sequence[ChangeOrder]], object] = getattr(connector, capability.value)
        raw = answers.by_task(method(some), [one.task_id for one in some])
        return {
            task_id: answers.by_set(one, list(by_id[task_id].changes), answers.change_report)
            for task_id, one in raw.items()
        }

    def order(subject: Subject) -> ChangeOrder:
        return ChangeOrder(subject, by_id[subject.task_id].changes)

    return leases.carry_out(session, [one.job for one in orders], order, deed, _joined, now)


def _joined(one: ChangeReport, other: ChangeReport) -> ChangeReport:
    return ChangeReport(union(one.records, other.records), union(one.changed, other.changed))


def _second_look(
    first: Session,
    open_connector: Callable[[], Connector],
    capability: Capability,
    done: Mapping[TaskId, tuple[_Order, Reports]],
    sets: Sequence[RecordSet],
    now: Callable[[], dt.datetime],
) -> dict[TaskId, Result]:
    if not done:
        return {}
    with Session(registry.fresh(open_connector), second_look_failure) as second:
        # Without keys: the search must find on its own what the connector may have passed over.
        subjects = [Subject(task_id, order.job.subject.identifiers) for task_id, (order, _) in done.items()]
        fresh = search(second, subjects, sets)
        asked = [_inspection(order, reports, fresh[task_id]) for task_id, (order, reports) in done.items()]
        sights = _inspect(second, capability, asked)
    looked_at = utc(now())
    used = {id(connector) for connector in first.opened}
    results: dict[TaskId, Result] = {}
    for task_id, (order, reports) in done.items():
        found, seen = fresh[task_id], sights[task_id]
        if any(id(connector) in used for connector in second.opened):
            failed: Never = Unverifiable("not_a_fresh_connection")
        elif not isinstance(found, Mapping):
            failed = found
        elif not isinstance(seen, Mapping):
            failed = seen
        else:
            results[task_id] = _result(order, capability, sets, _Sight(reports, found, seen, looked_at))
            continue
        results[task_id] = Result(failed, handle={name: _known(order, reports, name) for name in order.names})
    return results


def _known(order: _Order, reports: Reports, name: str) -> tuple[str, ...]:
    """Give the keys that were known before, and those that the connector named: no identifier may lead to them now."""
    report = reports.get(name)
    said = (*report.records, *report.changed) if isinstance(report, ChangeReport) else ()
    return union(order.job.subject.keys.get(name, ()), said)


def _inspection(order: _Order, reports: Reports, fresh: Search) -> Inspection:
    keys: dict[str, tuple[str, ...]] = {}
    for name in order.changes:
        found = fresh.get(name) if isinstance(fresh, Mapping) else None
        more = found.holding.keys if isinstance(found, Found) else ()
        if many := union(_known(order, reports, name), more):
            keys[name] = many
    return Inspection(order.job.subject, keys, {name: order.changes[name] for name in keys})


def _inspect(
    second: Session, capability: Capability, inspections: Sequence[Inspection]
) -> dict[TaskId, Sights | Never]:
    asked = {one.task_id: one for one in inspections}

    def call(connector: Connector, some: Sequence[Inspection]) -> dict[TaskId, Sights | Never]:
        raw = answers.by_task(connector.inspect(capability, some), [one.task_id for one in some])
        return {
            task_id: answers.by_set(one, list(asked[task_id].keys), answers.standings) for task_id, one in raw.items()
        }

    nothing: dict[TaskId, Sights | Never] = {one.task_id: {} for one in inspections if not one.keys}
    seen = second.ask(call, [one for one in inspections if one.keys])
    return nothing | seen


class _Sight(msgspec.Struct, frozen=True):
    """All that is known of one task after the second look."""

    reports: Reports
    fresh: Mapping[str, Found | Unverifiable]
    standing: Sights
    looked_at: str


def _result(order: _Order, capability: Capability, sets: Sequence[RecordSet], sight: _Sight) -> Result:
    by_name = {one.name: one for one in sets}
    outcomes: dict[str, Outcome] = {}
    handle: dict[str, Sequence[str]] = {}
    for name in scope(order.job.task, order.job.corrections, sets):
        if name not in by_name:
            outcomes[name] = _UNKNOWN_SET
            continue
        outcomes[name] = _outcome(order, capability, name, sight)
        handle[name] = _remembered(order, name, sight)
    return Result(outcomes, handle=handle)


def _outcome(order: _Order, capability: Capability, name: str, sight: _Sight) -> Outcome:
    report, fresh = sight.reports.get(name, ChangeReport()), sight.fresh[name]
    standing = sight.standing.get(name, {})
    for one in (report, fresh, standing):
        if isinstance(one, Unverifiable):
            return one
    assert isinstance(report, ChangeReport) and isinstance(fresh, Found) and isinstance(standing, Mapping)  # noqa: S101, PT018
    ordered = order.changes.get(name)
    purposes = order.job.task.purposes if capability is Capability.STOP else ()
    seen = Changed(
        known=frozenset((*order.job.subject.keys.get(name, ()), *fresh.holding.keys)),
        said=frozenset((*report.records, *report.changed)),
        standing=standing,
        able=ordered is not None and set(ordered.purposes) == set(purposes),
        looked_at=sight.looked_at,
    )
    return proven(judge_change(capability, tuple(dict.fromkeys(purposes)), seen), fresh)


def _remembered(order: _Order, name: str, sight: _Sight) -> Sequence[str]:
    fresh, standing = sight.fresh[name], sight.standing.get(name, {})
    found = fresh.holding.keys if isinstance(fresh, Found) and fresh.holding.durable else ()
    gone = {key for key, seen in standing.items() if seen is Standing.GONE} if isinstance(standing, Mapping) else set()
    return [key for key in union(_known(order, sight.reports, name), found) if key not in gone]
