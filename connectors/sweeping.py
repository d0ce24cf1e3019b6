"""Carries out sweep tasks: one page of a record set, and what is past its period there by data subject (ADR 36).

A page is believed no more than any other answer: of the wrong type, with more records than were asked for, with one
that is not past, or where it gets no further, it proves nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from connectors.contract import Connector, TaskId
from connectors.datamap import RecordSet
from connectors.errors import PermanentError
from connectors.jobs import Job, Result, handle_for
from connectors.past import PastPage, PastQuestion, PastRecord
from connectors.session import Session
from schemas.identifiers import Identifier, Strength
from schemas.outcomes import Facts, Failed, FailureKind, Located, Never, NothingHeld, Outcome, Unverifiable
from schemas.sealing import SharedKey
from schemas.tasks import Page, Past

NO_SWEEP = Failed(FailureKind.PERMANENT, "no_sweep")
_MALFORMED = Unverifiable("malformed_answer")


class _Asked(msgspec.Struct, frozen=True):
    job: Job
    question: PastQuestion

    @property
    def task_id(self) -> TaskId:
        return self.job.task_id


def sweep(
    session: Session, jobs: Sequence[Job], sets: Sequence[RecordSet], key: SharedKey, nonce: Callable[[], bytes]
) -> dict[TaskId, Result]:
    """Carry out sweep tasks, one page each."""
    results: dict[TaskId, Result] = {}
    asked: list[_Asked] = []
    for job in jobs:
        question = _question(job)
        if question is None:
            results[job.task_id] = Result(NO_SWEEP)
        else:
            asked.append(_Asked(job, question))
    for one in asked:
        results |= _page(session, one, sets, key, nonce)
    return results


def _question(job: Job) -> PastQuestion | None:
    wanted = job.task.sweep
    if wanted is None or not wanted.rows or not wanted.found:
        return None
    try:
        up_to = dt.date.fromisoformat(wanted.up_to)
    except ValueError:
        return None
    after = job.subject.keys.get(wanted.record_set, ("",))[0]
    return PastQuestion(wanted.record_set, up_to, wanted.rows, wanted.found, after)


def _page(
    session: Session, one: _Asked, sets: Sequence[RecordSet], key: SharedKey, nonce: Callable[[], bytes]
) -> dict[TaskId, Result]:
    question = one.question

    def call(connector: Connector, some: Sequence[_Asked]) -> dict[TaskId, PastPage | Never]:
        if not connector.sweeps:
            raise PermanentError("no_capability")
        if all(each.name != question.record_set for each in sets):
            raise PermanentError("unknown_record_set")
        return {each.task_id: _believed(connector.past(each.question), each.question) for each in some}

    answer = session.ask(call, [one])[one.task_id]
    if not isinstance(answer, PastPage):
        return {one.task_id: Result(answer)}
    found, unclear = list[Past](), 0
    for identifiers, records in by_subject(answer.records):
        if identifiers is None:
            unclear += len(records)
            continue
        handle = handle_for(one.job.task, {question.record_set: [each.key for each in records]}, key, nonce)
        last = max(each.anchor for each in records).isoformat()
        found.append(Past(identifiers, handle, len(records), last))
    page = Page(answer.scanned, tuple(found), answer.undated, unclear)
    anchors = sorted(each.anchor for each in answer.records)
    outcome: Outcome = NothingHeld()
    if anchors:
        facts = Facts(anchors[0].isoformat(), anchors[-1].isoformat(), answer.undated)
        outcome = Located(len(anchors), facts)
    cursor = (answer.after,) if answer.after else ()
    return {one.task_id: Result({question.record_set: outcome}, (), {question.record_set: cursor}, page)}


def _believed(raw: object, question: PastQuestion) -> PastPage | Never:
    """Hold a page against what was asked; a plug-in may return anything at all."""
    try:
        page = msgspec.convert(msgspec.to_builtins(raw), PastPage) if isinstance(raw, PastPage) else None
    except (msgspec.MsgspecError, TypeError, ValueError):
        page = None
    if page is None:
        return _MALFORMED
    keys = {one.key for one in page.records}
    fits = (
        len(keys) == len(page.records) <= page.scanned <= question.rows
        and len(keys) <= question.found
        and 0 <= page.undated <= page.scanned
        and "" not in keys
        and all(one.anchor <= question.up_to for one in page.records)
    )
    if not fits:
        return _MALFORMED
    # A page that ends where it began would be asked for again for ever.
    return Unverifiable("no_progress") if page.after and page.after == question.after else page


def by_subject(records: Iterable[PastRecord]) -> Iterator[tuple[tuple[Identifier, ...] | None, list[PastRecord]]]:
    """Group records of a page by who they are of: those that share a unique identifier are one person's.

    Gives the identifiers and the records; no identifiers: the record names nobody, so each is on its own; None: what
    it names is shared by several, and nothing says surely whose it is (I9).
    """
    groups: dict[int, list[PastRecord]] = {}
    names: dict[int, set[Identifier]] = {}
    where: dict[Identifier, int] = {}
    for number, one in enumerate(records):
        unique = {Identifier(each.kind, each.value) for each in one.identifiers if each.strength is Strength.UNIQUE}
        if not unique:
            yield (None if one.identifiers else ()), [one]
            continue
        groups[number], names[number] = [one], unique
        for other in sorted({where[each] for each in unique if each in where}):
            groups[number] = groups.pop(other) + groups[number]
            names[number] |= names.pop(other)
        where |= dict.fromkeys(names[number], number)
    for number, some in groups.items():
        yield tuple(sorted(names[number])), some
