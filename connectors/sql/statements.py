"""Small pieces of SQL, each for both dialects, and what may be bound to them. They hold no values."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from connectors.sql.schema import Kind, Table
from connectors.sql.values import as_decimal, as_integer, as_uuid
from connectors.sqltext import VALUES

# Constant text and not a parameter, so that an expression index can serve it.
BLANKS: Final = r"E' \t\n\x0B\f\r\u0085\u00A0\u3000'"
_TAIL: Final = 6


def clause(table: Table) -> sa.TableClause:
    """Give the table with the types statements bind with."""
    columns = [sa.column(one.name, one.type) for one in table.columns.values()]
    return sa.table(table.name[1], *columns, schema=table.name[0])


def among(columns: list[sa.ColumnElement[Any]], name: str = VALUES) -> sa.ColumnElement[bool]:
    """Give ``columns IN :values``; one column takes plain values, several take tuples."""
    if len(columns) == 1:
        return columns[0].in_(sa.bindparam(name, expanding=True, type_=columns[0].type))
    return sa.tuple_(*columns).in_(sa.bindparam(name, expanding=True))


def normal(column: sa.ColumnElement[Any], case: str, *, sqlite: bool) -> sa.ColumnElement[Any]:
    """Give what is compared in SQL for case ``lower`` and ``digits``. Python has the last word on every row found.

    SQLite runs the Python function itself. PostgreSQL compares lower case its own way; see ``comparable``.
    """
    f = sa.func
    if sqlite:
        # As bytes: SQLite would refuse to hand a text of invalid UTF-8 to Python, and the search would stop.
        raw = sa.cast(column, sa.LargeBinary)
        if case == "digits":
            return f.expunge_digits(raw, type_=sa.Text())
        # Calling Python for every row takes several times as long as the scan; plain ASCII is left to SQLite.
        plain = f.lower(f.trim(column), type_=sa.Text())
        return sa.case((column.op("GLOB")("*[^ -~]*"), f.expunge_lower(raw, type_=sa.Text())), else_=plain)
    text = column if isinstance(column.type, sa.String) else sa.cast(column, sa.Text)
    blanks = sa.literal_column(BLANKS, sa.Text())
    return f.normalize(f.lower(f.normalize(f.btrim(text, blanks))), type_=sa.Text())


def tails(column: sa.ColumnElement[Any], values: sa.BindParameter[Any]) -> sa.ColumnElement[bool]:
    """Find candidates for ``digits`` on PostgreSQL: the last digits agree, with (0) or without, or it is not ASCII.

    What counts as one phone number is more than SQL should say; Python looks at every candidate.
    """
    f = sa.func
    text = column if isinstance(column.type, sa.String) else sa.cast(column, sa.Text)
    ends = [
        f.right(f.regexp_replace(f.regexp_replace(one, "[^0-9]", "", "g"), "^00", ""), _TAIL, type_=sa.Text())
        for one in (text, f.replace(text, "(0)", ""))
    ]
    return sa.or_(*(end.in_(values) for end in ends), text.op("~")("[^\x01-\x7e]"))


def comparable(value: str, kind: Kind, case: str, *, sqlite: bool) -> tuple[Any, ...]:
    """Give what to compare a column of this kind with; nothing if no value of the column can match.

    A value that the driver could not send (a lone surrogate, NUL for PostgreSQL) is in no row, and must not raise.
    """
    if not value or (not sqlite and "\0" in value):
        return ()
    try:
        value.encode()
    except UnicodeEncodeError:
        return ()
    if case == "exact":
        return _coerced(value, kind, sqlite=sqlite)
    if sqlite:
        return (value,)
    if case == "digits":
        return (value[-_TAIL:],)
    # Where Python looks at the neighbours (final sigma) or gives two characters (dotted capital I), libc does not.
    return tuple({value, value.replace("\u03c2", "\u03c3"), value.replace("i\u0307", "i")})


def _coerced(value: str, kind: Kind, *, sqlite: bool) -> tuple[Any, ...]:
    if kind is Kind.TEXT:
        return (value,)
    if kind is Kind.INTEGER:
        return _some(as_integer(value))
    if sqlite:
        # The column's type says nothing about the value's: ask for both.
        return (value, *_some(as_integer(value)))
    if kind is Kind.UUID:
        return _some(as_uuid(value))
    if kind is Kind.NUMBER:
        return _some(as_decimal(value))
    return ()


def _some(value: Any) -> tuple[Any, ...]:
    return () if value is None else (value,)
