"""Looks for subjects, and proves that looking works.

Where a data map names a control record, it is looked for in the same call as the subjects: a search that misses
what is always there proves nothing about what it did not find.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from connectors import answers
from connectors.contract import Connector, Holding, Subject, TaskId
from connectors.datamap import RecordSet
from connectors.jobs import Job, Result, pieces
from connectors.session import Session
from schemas.identifiers import canonical
from schemas.outcomes import Facts, Located, Never, NothingHeld, Outcome, Unverifiable, is_final
from schemas.tasks import Link

CONTROL_NOT_FOUND: Final = Unverifiable("control_not_found")

_CONTROL: Final = "expunge-control/"
_One = TypeVar("_One")


class Found(msgspec.Struct, frozen=True):
    """What a search saw of one record set. ``proven``: the control record was found too, or none is named."""

    holding: Holding
    proven: bool


Search = Mapping[str, Found | Unverifiable] | Never


def locate(session: Session, jobs: Sequence[Job], sets: Sequence[RecordSet]) -> dict[TaskId, Result]:
    """Carry out locate tasks."""
    found = search(session, [job.subject for job in jobs], sets)
    limits = {one.name: one.max_records for one in sets}
    return {job.task_id: _result(job, found[job.task_id], limits) for job in jobs}


def _result(job: Job, found: Search, limits: Mapping[str, int]) -> Result:
    if not isinstance(found, Mapping):
        return Result(found)
    outcomes: dict[str, Outcome] = {}
    links: dict[Link, None] = {}
    handle: dict[str, Sequence[str]] = {}
    for name, one in found.items():
        if isinstance(one, Unverifiable):
            outcomes[name] = one
            continue
        held = one.holding
        outcomes[name] = proven(Located(len(held.keys), held.facts) if held.keys else NothingHeld(), one)
        links |= dict.fromkeys(held.links)
        # Above the limit nothing is erased until a person has looked, and then it is searched again.
        if held.durable and len(held.keys) <= limits[name]:
            # A search that proves nothing must not lose the keys that alone lead to masked records.
            handle[name] = held.keys if one.proven else union(job.subject.keys.get(name, ()), held.keys)
    return Result(outcomes, tuple(links), handle)


def proven(outcome: Outcome, found: Found) -> Outcome:
    """Let a final outcome stand only where the search it rests on is known to work."""
    return outcome if found.proven or not is_final(outcome) else CONTROL_NOT_FOUND


def search(session: Session, subjects: Sequence[Subject], sets: Sequence[RecordSet]) -> dict[TaskId, Search]:
    """Locate in as few calls as the limits allow; subjects with many identifiers are searched in pieces."""
    controls = _controls(sets)

    def call(connector: Connector, some: Sequence[Subject]) -> dict[TaskId, Search]:
        asked = [*some, *controls.values()]
        raw = answers.by_task(connector.locate(asked), [one.task_id for one in asked])
        names = [one.name for one in sets]
        working = {name: _is_found(raw[control.task_id], name, names) for name, control in controls.items()}
        return {one.task_id: _read(raw[one.task_id], names, working) for one in some}

    found: dict[TaskId, Search] = {}
    for some in rounds(subjects):
        for task_id, one in session.ask(call, some).items():
            found[task_id] = _merged(found[task_id], one, sets) if task_id in found else one
    return found


def rounds(subjects: Sequence[Subject]) -> list[list[Subject]]:
    """Give the calls to make: the first holds the first piece of every subject, the second the second, ..."""
    parts = [pieces(subject) for subject in subjects]
    deepest = max((len(part) for part in parts), default=0)
    return [[part[level] for part in parts if level < len(part)] for level in range(deepest)]


def _controls(sets: Sequence[RecordSet]) -> dict[str, Subject]:
    """Give one subject per record set with a control record, under a task id no orchestrator gives."""
    return {
        one.name: Subject(
            TaskId(_CONTROL + one.name),
            {kind: frozenset({canonical(kind, value)}) for kind, value in one.control.items()},
        )
        for one in sets
        if one.control
    }


def controls_found(session: Session, sets: Sequence[RecordSet]) -> dict[str, bool]:
    """Tell for each record set whether searching works there, without any subject."""
    controls = _controls(sets)
    names = [one.name for one in sets]

    def call(connector: Connector, some: Sequence[Subject]) -> dict[TaskId, bool]:
        raw = answers.by_task(connector.locate(some), [one.task_id for one in some])
        return {one.task_id: _is_found(raw[one.task_id], one.task_id.removeprefix(_CONTROL), names) for one in some}

    found = session.ask(call, list(controls.values()))
    return {name: name not in controls or found[controls[name].task_id] is True for name in names}


def _is_found(raw: object, name: str, names: Sequence[str]) -> bool:
    read = answers.by_set(raw, names, answers.holding)
    one = read.get(name) if isinstance(read, dict) else None
    return isinstance(one, Holding) and bool(one.keys)


def _read(raw: object, names: Sequence[str], working: Mapping[str, bool]) -> Search:
    read = answers.by_set(raw, names, answers.holding)
    if not isinstance(read, dict):
        return read
    return {
        name: one if isinstance(one, Unverifiable) else Found(one, working.get(name, True))
        for name, one in read.items()
    }


def _merged(one: Search, other: Search, sets: Sequence[RecordSet]) -> Search:
    if not isinstance(one, Mapping):
        return one
    if not isinstance(other, Mapping):
        return other
    return {record_set.name: _union(one[record_set.name], other[record_set.name], record_set) for record_set in sets}


def _union(one: Found | Unverifiable, other: Found | Unverifiable, record_set: RecordSet) -> Found | Unverifiable:
    """Unite two searches for one subject. A record found by both counts once."""
    if isinstance(one, Unverifiable):
        return one
    if isinstance(other, Unverifiable):
        return other
    a, b = one.holding, other.holding
    keys = union(a.keys, b.keys)
    facts = Facts(
        anchor_first=earliest(a.facts.anchor_first, b.facts.anchor_first),
        anchor_last=latest(a.facts.anchor_last, b.facts.anchor_last),
        anchor_missing=min(len(keys), a.facts.anchor_missing + b.facts.anchor_missing),
        persons=len(keys) if record_set.one_per_subject else max(a.facts.persons, b.facts.persons),
        since_first=earliest(a.facts.since_first, b.facts.since_first),
        since_last=latest(a.facts.since_last, b.facts.since_last),
        since_missing=min(len(keys), a.facts.since_missing + b.facts.since_missing),
    )
    holding = Holding(
        keys,
        union(a.links, b.links),
        facts,
        latest(a.pending, b.pending),
        min(len(keys), a.pending_count + b.pending_count),
        a.durable and b.durable,
    )
    return Found(holding, one.proven and other.proven)


def union(one: Sequence[_One], other: Sequence[_One]) -> tuple[_One, ...]:
    """Unite, without duplicates, in a stable order."""
    return tuple(dict.fromkeys((*one, *other)))


def earliest(one: str | None, other: str | None) -> str | None:
    """Give the earlier of two dates (or times of one form) that may be missing."""
    return min(filter(None, (one, other)), default=None)


def latest(one: str | None, other: str | None) -> str | None:
    """Give the later of two dates (or times of one form) that may be missing."""
    return max(filter(None, (one, other)), default=None)
