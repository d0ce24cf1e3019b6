"""Tries the search on what is there: a row has to be found by the identifier that it holds.

What the search misses reads as "nothing held" (I1), and nobody notices: capitals where the data map says ``exact``, a
text that is stored as bytes, two addresses in one column, children of no parent. ``Connector.check`` tries the first
and the last rows of each table, with the statements that requests are searched by.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa

from connectors.sql.plan import Place, Plan, Row, SetPlan, fetch
from connectors.sql.replacing import is_blank_or_token
from connectors.sql.statements import among
from connectors.sql.values import text_of
from connectors.sqltext import VALUES
from schemas.errors import InvalidIdentifierError
from schemas.identifiers import parse

_SIDE: Final = 250
"""Rows at each end of a table."""
_KEYS: Final = "keys"


def missed(connection: sa.Connection, plan: Plan, place: str) -> list[str]:
    """Give a warning for each place of the data map whose search misses rows. No value is ever named (I4).

    Args:
        connection: In a transaction.
        plan: Whose record sets are tried.
        place: The data map, as warnings name it.
    """
    warnings = []
    for one in plan.sets:
        rows = _sample(connection, one)
        warnings += _orphans(connection, plan, one, rows, place)
        for where in one.places:
            held = {one.key_of(row): row for row in rows if _holds(where, row[where.position])}
            count = len(held.keys() - _found(connection, one, where, held)) if held else 0
            if count:
                warnings.append(
                    f"{place}: record set {one.name!r}: match {where.match.field} ({where.match.case}) does not find "
                    f"{count} of {len(held)} rows by the {where.kind} they hold: {_advice(where)}"
                )
    return warnings


def _orphans(connection: sa.Connection, plan: Plan, one: SetPlan, rows: list[Row], place: str) -> list[str]:
    """Warn of rows that refer to no row of their parent, or spell it otherwise: no request ever finds them."""
    if one.spec.parent is None:
        return []
    parent = plan.by_name[one.spec.parent]
    down = parent.down[one.name]
    links = list(dict.fromkeys(link for row in rows if (link := one.up(row)) is not None))
    known = {down(row) for row in fetch(connection, parent.by_link[one.name], links)}
    count = sum(one.up(row) is not None and one.up(row) not in known for row in rows)
    if not count:
        return []
    what = f"{count} of {len(rows)} rows refer by {', '.join(one.spec.parent_on)} to no row of {parent.name!r}"
    return [f"{place}: record set {one.name!r}: {what}, so no request finds them; erase or mend them"]


def _advice(where: Place) -> str:
    if where.match.case != "exact":
        return "bring the column into one form; one value a row, stored as text"
    case = "digits" if where.kind == "phone" else "lower"
    return f'case = "{case}" sees through other spellings; else one value a row, stored as text'


def _sample(connection: sa.Connection, one: SetPlan) -> list[Row]:
    columns = list(one.by_key.selected_columns)
    keys = columns[: one.key_length]
    rows: dict[Any, Row] = {}
    for order in ([key.asc() for key in keys], [key.desc() for key in keys]):
        for row in connection.execute(sa.select(*columns).order_by(*order).limit(_SIDE)):
            if None not in one.key_of(row):
                rows[one.key_of(row)] = row
    return list(rows.values())


def _holds(where: Place, value: Any) -> bool:
    """Tell whether a value may be an identifier: not empty, no token of ours, and nothing like "n/a"."""
    if isinstance(value, bytes | memoryview):
        return bool(value)
    if is_blank_or_token(value):
        return False
    return bool(_asked(where, value)) or (where.kind == "email" and "@" in text_of(value))


def _asked(where: Place, value: Any) -> str:
    """Give the form in which a request that names this value is searched; empty: no request can."""
    try:
        return where.form(parse(where.kind, text_of(value)).value)
    except (InvalidIdentifierError, UnicodeEncodeError):
        return ""


def _found(connection: sa.Connection, one: SetPlan, where: Place, held: dict[Any, Row]) -> set[Any]:
    columns = list(where.statement.selected_columns)[: one.key_length]
    # Only among the rows of the sample: a value that half the table shares must not be read whole.
    statement = where.statement.where(among(columns, _KEYS))
    found = set()
    for asked, rows in _chunks(where, held):
        values = {VALUES: [bound for form in asked for bound in where.binds(form)], _KEYS: one.bound(rows)}
        if values[VALUES]:
            for row in connection.execute(statement, values):
                if where.stored_form(row[where.position], asked) in asked:
                    found.add(one.key_of(row))
    return found


def _chunks(where: Place, held: dict[Any, Row]) -> Iterator[tuple[dict[str, None], list[Any]]]:
    keys = list(held)
    for start in range(0, len(keys), _SIDE):
        some = keys[start : start + _SIDE]
        forms = (_asked(where, held[key][where.position]) for key in some)
        yield {form: None for form in forms if form}, some
