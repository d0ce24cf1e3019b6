"""Finds the rows of a batch of subjects, parents first; shared by locate, erase and export."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from connectors.contract import Holding, Holdings, Subject
from connectors.errors import PermanentError
from connectors.sql.plan import Place, Plan, Row, SetPlan, fetch
from connectors.sql.replacing import all_hold, is_blank_or_token
from connectors.sql.values import Key, anchor_date, decode_key, digits_form, encode_key, text_of
from schemas.identifiers import canonical
from schemas.outcomes import Facts
from schemas.tasks import Link

Corrected = Mapping[str, Mapping[str, Any]]
"""record set -> column -> the value it is to hold."""

_NOTHING = Holding()
_NOBODY: frozenset[int] = frozenset()
_MARK = {"email": "@"}


class Found:
    """Rows of one record set: ``rows`` by key, and whose they are (places in the batch; a row may be shared)."""

    __slots__ = ("owners", "rows")

    def __init__(self) -> None:
        self.rows: dict[Key, Row] = {}
        self.owners: dict[Key, set[int]] = {}

    def add(self, key: Key, row: Row, owners: Iterable[int]) -> None:
        """Note that a row belongs to these subjects."""
        known = self.owners.get(key)
        if known is None:
            self.rows[key] = row
            self.owners[key] = set(owners)
        else:
            known.update(owners)

    def by_owner(self) -> dict[int, list[Key]]:
        """Give the keys of each subject that has any."""
        found: dict[int, list[Key]] = defaultdict(list)
        for key, owners in self.owners.items():
            for owner in owners:
                found[owner].append(key)
        return found


def find(
    connection: sa.Connection, plan: Plan, subjects: Sequence[Subject], corrected: Sequence[Corrected] | None = None
) -> dict[str, Found]:
    """Find the rows of all subjects: by identifier, through the parent's rows, and by the keys known before.

    ``corrected``: what each subject's rows are to hold. A row known by its key that holds it is no stranger's.

    Raises:
        PermanentError: ``key_reused``: a key known before leads to a row that may be somebody else's by now;
            ``unknown_record_set``, ``key_mismatch``, ``ambiguous_parent``.
    """
    for subject in subjects:
        if not subject.keys.keys() <= plan.by_name.keys():
            # Rows found under an older map: they must not be forgotten in silence.
            raise PermanentError("unknown_record_set")
    found: dict[str, Found] = {}
    for one in plan.sets:
        here = found[one.name] = Found()
        for place in one.places:
            _by_identifier(connection, one, place, subjects, here)
        if one.spec.parent is not None:
            _by_parent(connection, one, plan.by_name[one.spec.parent], found[one.spec.parent], here)
        right = [some.get(one.name, {}) for some in corrected or [{}] * len(subjects)]
        _by_key(connection, one, plan.by_name.get(one.spec.parent or ""), subjects, here, right)
    return found


def _by_identifier(
    connection: sa.Connection, one: SetPlan, place: Place, subjects: Sequence[Subject], here: Found
) -> None:
    asked: dict[str, list[int]] = {}
    for index, subject in enumerate(subjects):
        for value in subject.identifiers.get(place.kind, ()):
            form = place.form(value)
            if form:
                asked.setdefault(form, []).append(index)
    if not asked:
        return
    values = [bound for form in asked for bound in place.binds(form)]
    for row in fetch(connection, place.statement, values):
        owners = asked.get(place.stored_form(row[place.position], asked))
        if owners:
            here.add(one.key_of(row), row, owners)


def _by_parent(connection: sa.Connection, one: SetPlan, parent: SetPlan, above: Found, here: Found) -> None:
    statement, down = one.by_parent, parent.down[one.name]
    if statement is None or not above.rows:
        return
    asked: dict[Any, set[int]] = {}
    for key, row in above.rows.items():
        link = down(row)
        if link is not None:
            asked.setdefault(link, set()).update(above.owners[key])
    for row in fetch(connection, statement, list(asked)):
        owners = asked.get(one.up(row))
        if owners is None:
            # The store calls two values equal that Python does not (a collation): nobody can say whose row it is.
            raise PermanentError("ambiguous_parent")
        here.add(one.key_of(row), row, owners)


def _by_key(
    connection: sa.Connection,
    one: SetPlan,
    parent: SetPlan | None,
    subjects: Sequence[Subject],
    here: Found,
    corrected: Sequence[Mapping[str, Any]],
) -> None:
    asked: dict[Key, set[int]] = {}
    for index, subject in enumerate(subjects):
        for text in subject.keys.get(one.name, ()):
            asked.setdefault(decode_key(one.decoder, text), set()).add(index)
    missing = [key for key in asked if key not in here.rows]
    rows = {one.key_of(row): row for row in fetch(connection, one.by_key, one.bound(missing))}
    claimed: dict[Key, Row] = {}
    for key, owners in asked.items():
        row = here.rows.get(key, rows.get(key))
        if row is not None and not owners <= here.owners.get(key, _NOBODY):
            claimed[key] = row
    if not claimed:
        return
    doubtful = [
        row
        for key, row in claimed.items()
        if not all(_is_corrected(one, row, corrected[owner]) for owner in asked[key])
    ]
    _check_claims(connection, one, parent, doubtful)
    for key, row in claimed.items():
        here.add(key, row, asked[key])


def _check_claims(connection: sa.Connection, one: SetPlan, parent: SetPlan | None, rows: Sequence[Row]) -> None:
    """Stop if a row that nothing but its key leads to may be somebody else's: stores give keys away again (I9).

    It is the subject's if it was masked or anonymised, or if it names nobody and belongs to nobody. The parent's row,
    if there is one, is not among the subject's: it would have led here.
    """
    unmasked = [row for row in rows if not _cleaned(one, row)]
    if any(_names_somebody(one, row) for row in unmasked):
        raise PermanentError("key_reused")
    if parent is not None:
        links = list(dict.fromkeys(link for row in unmasked if (link := one.up(row)) is not None))
        # A parent that was anonymised or masked is nobody any more: after ``replace_key`` its children hang on it.
        if any(not _cleaned(parent, row) for row in fetch(connection, parent.by_link[one.name], links)):
            raise PermanentError("key_reused")


def _is_corrected(one: SetPlan, row: Row, right: Mapping[str, Any]) -> bool:
    """Tell whether a row holds the identifiers that it was to be given: then we gave them, before a crash."""
    given = [place for place in one.places if not is_blank_or_token(right.get(place.match.field))]
    return bool(given) and all(row[place.position] == right[place.match.field] for place in given)


def _cleaned(one: SetPlan, row: Row) -> bool:
    """Tell whether we masked this row. Empty columns alone do not show it: anybody's may be empty."""
    return any(
        all_hold(rules, row) and any(row[rule.position] is not None for rule in rules)
        for rules in (one.anonymise, one.mask)
    )


def _names_somebody(one: SetPlan, row: Row) -> bool:
    rules = (*one.anonymise, *one.mask)
    return any(
        not is_blank_or_token(row[place.position])
        and not any(rule.position == place.position and rule.holds(row[place.position]) for rule in rules)
        for place in one.places
    )


def anchors(plan: Plan, found: Mapping[str, Found]) -> dict[str, dict[Key, dt.date | None]]:
    """Give the anchor date of every row of sets that have one: its own, or for ``with_parent`` the parent's."""
    return _days(plan, found, lambda one: one.anchor)


def _days(
    plan: Plan, found: Mapping[str, Found], place: Callable[[SetPlan], int | None]
) -> dict[str, dict[Key, dt.date | None]]:
    dates: dict[str, dict[Key, dt.date | None]] = {}
    for one in plan.sets:
        here, at = found[one.name], place(one)
        if at is not None:
            dates[one.name] = {key: anchor_date(row[at]) for key, row in here.rows.items()}
        elif one.spec.erase == "with_parent" and one.spec.parent in dates:
            by_link = linked(plan, one, found, dates[one.spec.parent])
            dates[one.name] = {key: by_link.get(one.up(row)) for key, row in here.rows.items()}
    return dates


def linked(plan: Plan, one: SetPlan, found: Mapping[str, Found], values: Mapping[Key, Any]) -> dict[Any, Any]:
    """Give what is known of the parent's rows by what the rows of a child set refer to them with."""
    name = one.spec.parent or ""
    down = plan.by_name[name].down[one.name]
    return {down(row): values[key] for key, row in found[name].rows.items()}


def holdings(plan: Plan, subjects: Sequence[Subject], found: Mapping[str, Found]) -> list[Holdings]:
    """Give each subject's holdings."""
    dates, since = anchors(plan, found), _days(plan, found, lambda one: one.since)
    empty = {one.name: _NOTHING for one in plan.sets}
    answers: list[dict[str, Holding]] = [empty.copy() for _ in subjects]
    for one in plan.sets:
        here = found[one.name]
        for owner, keys in here.by_owner().items():
            answers[owner][one.name] = Holding(
                keys=tuple(map(encode_key, keys)),
                links=_links(one, [here.rows[key] for key in keys]) if one.yields else (),
                facts=_facts(one, keys, dates.get(one.name), since.get(one.name)),
            )
    return list(answers)


def _links(one: SetPlan, rows: Sequence[Row]) -> tuple[Link, ...]:
    rules = {rule.position: rule for rule in (*one.anonymise, *one.mask)}
    links: dict[Link, None] = {}
    for kind, strength, position in one.yields:
        for row in rows:
            value = canonical(kind, text_of(row[position]))
            # A replacement is nobody's identifier, and neither is an "n/a" that many rows share.
            replaced = position in rules and rules[position].holds(row[position])
            if value and not replaced and _MARK.get(kind, "") in value and (kind != "phone" or digits_form(value)):
                links[Link(kind, value, strength)] = None
    return tuple(links)


def _facts(
    one: SetPlan,
    keys: Sequence[Key],
    dates: Mapping[Key, dt.date | None] | None,
    since: Mapping[Key, dt.date | None] | None,
) -> Facts:
    persons = len(keys) if one.spec.one_per_subject else 1
    first, last, missing = _span(keys, dates)
    since_first, since_last, since_missing = _span(keys, since)
    return Facts(first, last, missing, persons, since_first, since_last, since_missing)


def _span(keys: Sequence[Key], dates: Mapping[Key, dt.date | None] | None) -> tuple[str | None, str | None, int]:
    """Give the first day, the last, and how many have none."""
    if dates is None:
        return None, None, 0
    known = sorted(date for key in keys if (date := dates[key]) is not None)
    if not known:
        return None, None, len(keys)
    return known[0].isoformat(), known[-1].isoformat(), len(keys) - len(known)
