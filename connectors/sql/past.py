"""Looks through a table, page by page in the order of its key, for rows that are past their period. Read only.

Which row is past is decided here by the same reading of its anchor that an erasure goes by, and not in SQL: a store may
hold dates as text, as numbers of two kinds, or both in one column. So a page reads the key and the anchor of every row,
and all mapped columns only of those that are past.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterator, Sequence
from typing import Any, Final

import sqlalchemy as sa

from connectors.errors import PermanentError
from connectors.past import PastPage, PastQuestion, PastRecord
from connectors.sql.plan import Place, Plan, Row, SetPlan, fetch
from connectors.sql.replacing import all_hold, is_blank_or_token
from connectors.sql.values import Key, anchor_date, decode_key, encode_key, text_of
from schemas.errors import InvalidIdentifierError
from schemas.identifiers import Strength, parse, strength_of
from schemas.tasks import Link

READ: Final = 2000
"""Rows of one statement: how long the store works for it hangs on this and not on the page."""


def past(connection: sa.Connection, plan: Plan, question: PastQuestion) -> PastPage:
    """Look through one page.

    Raises:
        PermanentError: ``unknown_record_set``, ``no_period``, ``key_mismatch``, ``null_key``.
    """
    one = plan.by_name.get(question.record_set)
    if one is None:
        raise PermanentError("unknown_record_set")
    if one.by_page is None or one.anchor is None:
        raise PermanentError("no_period")
    after = decode_key(one.decoder, question.after) if question.after else None
    records: list[PastRecord] = []
    scanned = undated = 0
    ended = False
    while scanned < question.rows and len(records) < question.found and not ended:
        limit = min(READ, question.rows - scanned)
        rows = _read(connection, one, after, limit)
        ended = len(rows) < limit
        over: list[tuple[Key, dt.date]] = []
        for row in rows:
            scanned += 1
            after = tuple(row[: one.key_length])
            date = _date(row[one.key_length])
            if date is None:
                undated += 1
            elif date <= question.up_to:
                over.append((after, date))
                if len(records) + len(over) == question.found:
                    ended = ended and row is rows[-1]
                    break
        records += _records(connection, plan, one, over)
    return PastPage(tuple(records), scanned, undated, "" if ended or after is None else encode_key(after))


def _read(connection: sa.Connection, one: SetPlan, after: Key | None, limit: int) -> Sequence[Row]:
    first, following = one.by_page or (None, None)
    if after is None:
        return connection.execute(first, {"most": limit}).all()  # type: ignore[arg-type]  # asked for above
    values = {f"after_{place}": value for place, value in enumerate(after)}
    return connection.execute(following, {"most": limit, **values}).all()  # type: ignore[arg-type]  # as above


def _date(value: Any) -> dt.date | None:
    return _date_of_text(value) if isinstance(value, str) else anchor_date(value)


@functools.lru_cache(maxsize=8192)
def _date_of_text(value: str) -> dt.date | None:
    """Read a date; a table of a million rows has a few thousand."""
    return anchor_date(value)


def _records(
    connection: sa.Connection, plan: Plan, one: SetPlan, over: Sequence[tuple[Key, dt.date]]
) -> Iterator[PastRecord]:
    rows = {one.key_of(row): row for row in fetch(connection, one.by_key, one.bound([key for key, _ in over]))}
    # What was anonymised for good stays past for ever, and is nobody's any more.
    live = {key: row for key, row in rows.items() if not (one.method == "anonymise" and all_hold(one.anonymise, row))}
    named = _identifiers(connection, plan, one, live)
    for key, date in over:
        if key in live:
            yield PastRecord(encode_key(key), date, named[key])


def _identifiers(
    connection: sa.Connection, plan: Plan, one: SetPlan, rows: dict[Key, Row]
) -> dict[Key, tuple[Link, ...]]:
    """Give what each row is found by: by itself, or through the row that it belongs to."""
    found = {key: _named(one, row) for key, row in rows.items()}
    parent = plan.by_name.get(one.spec.parent or "")
    orphans = [key for key, links in found.items() if not _unique(links)]
    if parent is None or not orphans:
        return found
    links = {link for key in orphans if (link := one.up(rows[key])) is not None}
    down = parent.down[one.name]
    above = {parent.key_of(row): row for row in fetch(connection, parent.by_link[one.name], sorted(links, key=repr))}
    owners = _identifiers(connection, plan, parent, above)
    by_link = {down(row): owners[key] for key, row in above.items()}
    for key in orphans:
        found[key] = tuple(dict.fromkeys((*found[key], *by_link.get(one.up(rows[key]), ()))))
    return found


def _unique(links: Sequence[Link]) -> bool:
    return any(one.strength is Strength.UNIQUE for one in links)


def _named(one: SetPlan, row: Row) -> tuple[Link, ...]:
    rules = (*one.anonymise, *one.mask)
    links: dict[Link, None] = {}
    for place in one.places:
        value = row[place.position]
        replaced = any(rule.position == place.position and rule.holds(value) for rule in rules)
        if not replaced and not is_blank_or_token(value):
            links[_link(place, value)] = None
    return tuple(links)


def _link(place: Place, value: Any) -> Link:
    """Read an identifier. One that no search would find the row by says surely of nobody whose the row is."""
    text = text_of(value)
    try:
        found = parse(place.kind, text).value
    except InvalidIdentifierError:
        return Link(place.kind, text, Strength.WEAK)
    reached = place.match.case != "exact" or place.form(found) == text
    return Link(place.kind, found, strength_of(place.kind) if reached else Strength.WEAK)
