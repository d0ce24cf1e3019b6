"""Reads what a connector answers, whatever it is: a plug-in may return anything at all.

Nothing here trusts a type. What does not fit becomes ``Unverifiable`` with a stable reason, for the record set
or the task it concerns; texts that would travel in clear (dates, method, codes) must have their exact form, so
that no cell of a row can slip out through them (I4).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from connectors.changes import ChangeReport, Standing
from connectors.contract import Holding, Presence, SetReport, TaskId
from schemas.errors import SchemaError
from schemas.identifiers import Strength, check_kind
from schemas.outcomes import Facts, Unverifiable
from schemas.requests import parse_time
from schemas.tasks import Link

NO_ANSWER = Unverifiable("no_answer")
NO_SET = Unverifiable("no_answer_for_record_set")
TWICE = Unverifiable("answered_twice")
MALFORMED = Unverifiable("malformed_answer")

_WORD = re.compile(r"[a-z][a-z0-9_]{0,31}\Z")
_T = TypeVar("_T")


class ForeignTaskError(Exception):
    """The answer holds a task id nobody asked for."""


def by_task(raw: object, asked: Sequence[TaskId]) -> dict[TaskId, object]:
    """Give one answer (or ``Unverifiable``) per task asked.

    Raises:
        ForeignTaskError: the answer names a task that is not in the batch.
    """
    if isinstance(raw, Mapping):
        pairs: Iterable[object] = raw.items()
    elif isinstance(raw, Iterable) and not isinstance(raw, str | bytes):
        pairs = raw
    else:
        return dict.fromkeys(asked, MALFORMED)
    wanted = frozenset(asked)
    answers: dict[TaskId, object] = {}
    for pair in pairs:
        if not isinstance(pair, tuple) or len(pair) != 2 or not isinstance(pair[0], str):  # noqa: PLR2004 - a pair
            return dict.fromkeys(asked, MALFORMED)
        task_id = TaskId(pair[0])
        if task_id not in wanted:
            raise ForeignTaskError
        answers[task_id] = TWICE if task_id in answers else pair[1]
    return {task_id: answers.get(task_id, NO_ANSWER) for task_id in asked}


def by_set(
    raw: object, names: Sequence[str], read: Callable[[object], _T | None]
) -> Unverifiable | dict[str, _T | Unverifiable]:
    """Give one reading per record set; a record set that the data map does not have spoils the whole answer."""
    if isinstance(raw, Unverifiable):
        return raw
    if not isinstance(raw, Mapping) or not frozenset(raw) <= frozenset(names):
        return MALFORMED
    answers: dict[str, _T | Unverifiable] = {}
    for name in names:
        if name not in raw:
            answers[name] = NO_SET
        else:
            value = read(raw[name])
            answers[name] = MALFORMED if value is None else value
    return answers


def holding(raw: object) -> Holding | None:
    """Read a holding; None if any part of it has a wrong type or form."""
    one: Any = raw
    fits = (
        isinstance(raw, Holding)
        and _are_keys(one.keys)
        and isinstance(one.links, tuple | list)
        and all(_is_link(link) for link in one.links)
        and _are_facts(one.facts)
        and _is_wait(one.pending, one.pending_count)
        and one.pending_count <= len(one.keys)
        and isinstance(one.durable, bool)
    )
    return one if fits else None


def report(raw: object) -> SetReport | None:
    """Read the report on one record set; None if any part of it has a wrong type or form."""
    one: Any = raw
    fits = (
        isinstance(raw, SetReport)
        and _are_keys(one.erased)
        and _are_keys(one.kept)
        and isinstance(one.method, str)
        and bool(_WORD.match(one.method))
        and _is_date(one.due_first)
        and _is_date(one.due_last)
        and _is_wait(one.pending, one.pending_count)
    )
    return one if fits else None


def presences(raw: object) -> Mapping[str, Presence] | None:
    """Read what was seen of the keys of one record set; None if malformed. Keys may be missing: see ``verdict``."""
    if not isinstance(raw, Mapping) or not all(isinstance(one, Presence) for one in raw.values()):
        return None
    return raw


def change_report(raw: object) -> ChangeReport | None:
    """Read the report on a change in one record set; None if any part of it has a wrong type or form."""
    one: Any = raw
    fits = isinstance(raw, ChangeReport) and _are_keys(one.records) and _are_keys(one.changed)
    return one if fits else None


def standings(raw: object) -> Mapping[str, Standing] | None:
    """Read how the keys of one record set stand; None if malformed. Keys may be missing: see ``verdict``."""
    if not isinstance(raw, Mapping) or not all(isinstance(one, Standing) for one in raw.values()):
        return None
    return raw


def _are_keys(keys: object) -> bool:
    if not isinstance(keys, tuple | list) or not all(type(key) is str for key in keys):
        return False
    return len(frozenset(keys)) == len(keys) and all(_travels(key) for key in keys)


def _travels(text: str) -> bool:
    """A lone surrogate cannot be written as UTF-8, so it could not be sealed."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_link(link: object) -> bool:
    one: Any = link
    if not isinstance(link, Link) or not isinstance(one.strength, Strength):
        return False
    if not isinstance(one.kind, str) or not isinstance(one.value, str) or not _travels(one.value):
        return False
    try:
        check_kind(one.kind)
    except SchemaError:
        return False
    return True


def _are_facts(facts: object) -> bool:
    one: Any = facts
    return (
        isinstance(facts, Facts)
        and _is_date(one.anchor_first)
        and _is_date(one.anchor_last)
        and _is_count(one.anchor_missing)
        and _is_count(one.persons)
        and _is_date(one.since_first)
        and _is_date(one.since_last)
        and _is_count(one.since_missing)
    )


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_date(text: object) -> bool:
    if text is None:
        return True
    try:
        return isinstance(text, str) and dt.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _is_wait(until: object, count: object) -> bool:
    if not _is_count(count):
        return False
    if until is None:
        return True
    try:
        return isinstance(until, str) and bool(parse_time(until, where="pending"))
    except SchemaError:
        return False
