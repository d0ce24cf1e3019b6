"""Erases, looks again on a fresh connection, and has what was seen judged (invariants I1, I2)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence

import msgspec

from connectors import answers, leases, registry
from connectors.contract import Connector, ErasureOrder, Look, Presence, SetReport, Subject, TaskId
from connectors.datamap import RecordSet
from connectors.jobs import Job, Result
from connectors.locating import Found, earliest, latest, proven, search, union
from connectors.session import Session, second_look_failure
from connectors.verdict import Evidence, judge
from schemas.outcomes import Failed, FailureKind, KeptWhy, Never, Outcome, Unverifiable, is_final
from schemas.requests import utc
from schemas.tasks import Instruction

Reports = Mapping[str, SetReport | Unverifiable]
Sights = Mapping[str, Mapping[str, Presence] | Unverifiable]

_AS_IT_IS = Instruction(KeptWhy.NO_GROUND, review_by="9999-12-31")
"""For the record sets that an order is not about: everything stays, and exactly as it is."""
_NO_INSTRUCTION = Failed(FailureKind.PERMANENT, "no_instruction")


def erase(
    session: Session,
    open_connector: Callable[[], Connector],
    jobs: Sequence[Job],
    sets: Sequence[RecordSet],
    now: Callable[[], dt.datetime],
) -> dict[TaskId, Result]:
    """Carry out erase tasks. ``session`` is closed before the second look opens a connection of its own."""
    results: dict[TaskId, Result] = {}
    allowed: list[Job] = []
    at = now()
    for job in jobs:
        refusal = _refusal(job, sets, at)
        if refusal is None:
            allowed.append(job)
        else:
            results[job.task_id] = Result(refusal)
    reports = _erase(session, allowed, sets, now)
    session.close()
    done: dict[TaskId, tuple[Job, Reports]] = {}
    for job in allowed:
        report = reports[job.task_id]
        if isinstance(report, Mapping):
            done[job.task_id] = (job, report)
        else:
            results[job.task_id] = Result(report)
    return results | _second_look(session, open_connector, done, sets, now)


def _refusal(job: Job, sets: Sequence[RecordSet], at: dt.datetime) -> Failed | None:
    """Refuse an order whose lease is over (decision 4), or that does not say what to do with each record set.

    A task is refused as a whole: to erase parents while a child's instruction is missing would make orphans.
    """
    task = job.task
    late = leases.refusal(task, at)
    if late is not None:
        return late
    about = _about(job, sets)
    if any(one.name not in task.instructions for one in about):
        return _NO_INSTRUCTION
    for one in about:
        # The connector counts what it finds now; what was found before counts as well (I9).
        if max(task.instructions[one.name].found, len(job.subject.keys.get(one.name, ()))) > one.max_records:
            return Failed(FailureKind.PERMANENT, "max_records")
    return None


def _about(job: Job, sets: Sequence[RecordSet]) -> list[RecordSet]:
    """Give the record sets that an order is about; none are named: all of them."""
    named = job.task.record_sets
    return [one for one in sets if one.name in named] if named else list(sets)


def _erase(
    session: Session, jobs: Sequence[Job], sets: Sequence[RecordSet], now: Callable[[], dt.datetime]
) -> dict[TaskId, Reports | Never]:
    names = [one.name for one in sets]
    instructions = {
        job.task_id: dict.fromkeys(names, _AS_IT_IS)
        | {one.name: job.task.instructions[one.name] for one in _about(job, sets)}
        for job in jobs
    }

    def deed(connector: Connector, some: Sequence[ErasureOrder]) -> dict[TaskId, Reports | Never]:
        raw = answers.by_task(connector.erase(some), [order.task_id for order in some])
        return {task_id: answers.by_set(one, names, answers.report) for task_id, one in raw.items()}

    def order(subject: Subject) -> ErasureOrder:
        return ErasureOrder(subject, instructions[subject.task_id])

    return leases.carry_out(session, jobs, order, deed, _joined, now)


def _joined(one: SetReport, other: SetReport) -> SetReport:
    return SetReport(
        union(one.erased, other.erased),
        union(one.kept, other.kept),
        one.method if one.erased or one.kept else other.method,
        earliest(one.due_first, other.due_first),
        latest(one.due_last, other.due_last),
        latest(one.pending, other.pending),
        one.pending_count + other.pending_count,
    )


def _second_look(
    first: Session,
    open_connector: Callable[[], Connector],
    done: Mapping[TaskId, tuple[Job, Reports]],
    sets: Sequence[RecordSet],
    now: Callable[[], dt.datetime],
) -> dict[TaskId, Result]:
    if not done:
        return {}
    with Session(registry.fresh(open_connector), second_look_failure) as second:
        # Without keys: the search must find on its own what is still there.
        subjects = [Subject(job.task_id, job.subject.identifiers) for job, _ in done.values()]
        fresh = search(second, subjects, sets)
        sights = _present(second, [_look(job, reports) for job, reports in done.values()], sets)
    looked_at = utc(now())
    used = {id(connector) for connector in first.opened}
    results: dict[TaskId, Result] = {}
    for task_id, (job, reports) in done.items():
        seen = fresh[task_id], sights[task_id]
        if any(id(connector) in used for connector in second.opened):
            results[task_id] = Result(Unverifiable("not_a_fresh_connection"), handle=_masked(job, sets, reports))
        elif not isinstance(seen[0], Mapping):
            results[task_id] = Result(seen[0], handle=_masked(job, sets, reports))
        elif not isinstance(seen[1], Mapping):
            results[task_id] = Result(seen[1], handle=_masked(job, sets, reports))
        else:
            results[task_id] = _result(job, sets, _Sight(reports, seen[0], seen[1], looked_at))
    return results


def _masked(job: Job, sets: Sequence[RecordSet], reports: Reports) -> dict[str, Sequence[str]]:
    """Give the keys to remember where nobody could look: no identifier leads to what was masked any more."""
    return {
        one.name: union(job.subject.keys.get(one.name, ()), report.kept)
        for one in sets
        if one.retain and one.retain.mask and isinstance(report := reports[one.name], SetReport)
    }


def _look(job: Job, reports: Reports) -> Look:
    keys = {
        name: union(job.subject.keys.get(name, ()), (*one.erased, *one.kept) if isinstance(one, SetReport) else ())
        for name, one in reports.items()
    }
    return Look(job.subject, {name: many for name, many in keys.items() if many})


def _present(second: Session, looks: Sequence[Look], sets: Sequence[RecordSet]) -> dict[TaskId, Sights | Never]:
    names = [one.name for one in sets]
    asked = {look.subject.task_id: look for look in looks}

    def call(connector: Connector, some: Sequence[_Asked]) -> dict[TaskId, Sights | Never]:
        raw = answers.by_task(connector.present([one.look for one in some]), [one.task_id for one in some])
        return {task_id: _sights(one, asked[task_id], names) for task_id, one in raw.items()}

    found: dict[TaskId, Sights | Never] = {look.subject.task_id: {} for look in looks if not look.keys}
    seen = second.ask(call, [_Asked(look) for look in looks if look.keys])
    return found | seen


class _Asked(msgspec.Struct, frozen=True):
    """A look under the id of its task."""

    look: Look

    @property
    def task_id(self) -> TaskId:
        return self.look.subject.task_id


def _sights(raw: object, look: Look, names: Sequence[str]) -> Sights | Never:
    read = answers.by_set(raw, names, answers.presences)
    return {name: read[name] for name in look.keys} if isinstance(read, dict) else read


class _Sight(msgspec.Struct, frozen=True):
    """All that is known of one task after the second look."""

    reports: Reports
    fresh: Mapping[str, Found | Unverifiable]
    presence: Sights
    looked_at: str


def _result(job: Job, sets: Sequence[RecordSet], sight: _Sight) -> Result:
    outcomes: dict[str, Outcome] = {}
    handle: dict[str, Sequence[str]] = {}
    about = {one.name for one in _about(job, sets)}
    for one in sets:
        if one.name in about:
            outcomes[one.name] = _outcome(job.task.instructions[one.name], one, job, sight)
        handle[one.name] = _remembered(one.name, job, sight, final=one.name in about and is_final(outcomes[one.name]))
    for name in (job.task.instructions.keys() | set(job.task.record_sets)) - handle.keys():
        outcomes[name] = Unverifiable("unknown_record_set")
    return Result(outcomes, handle=handle)


def _outcome(instruction: Instruction, one: RecordSet, job: Job, sight: _Sight) -> Outcome:
    report, fresh, presence = sight.reports[one.name], sight.fresh[one.name], sight.presence.get(one.name, {})
    if isinstance(report, Unverifiable):
        return report
    if isinstance(fresh, Unverifiable):
        return fresh
    if isinstance(presence, Unverifiable):
        return presence
    handle = tuple(job.subject.keys.get(one.name, ()))
    evidence = Evidence(handle, report, fresh.holding, presence, sight.looked_at)
    return proven(judge(instruction, one, evidence), fresh)


def _remembered(name: str, job: Job, sight: _Sight, *, final: bool) -> Sequence[str]:
    """Give the durable keys of records that are still there.

    The key of a record that is anonymised for good would link it back to the person, so it is dropped (I1).
    """
    report, fresh, presence = sight.reports[name], sight.fresh[name], sight.presence.get(name, {})
    before: Sequence[str] = job.subject.keys.get(name, ())
    if isinstance(report, Unverifiable) or isinstance(fresh, Unverifiable) or isinstance(presence, Unverifiable):
        return before
    stays = frozenset(report.kept)
    # What was in the handle was durable; a file's line keys never are.
    known = union(before, (*report.erased, *report.kept, *fresh.holding.keys) if fresh.holding.durable else ())
    # What is kept for a time may look anonymised, if its mask is as wide; only by its key is it found when time is up.
    over = {key for key, seen in presence.items() if final and seen is Presence.ANONYMISED and key not in stays}
    return [key for key in known if presence.get(key) is not Presence.GONE and key not in over]
