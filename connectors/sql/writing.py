"""Values that are written as they are given, corrections and marks: what a column takes, and what it holds later."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from typing import Any, Final

import sqlalchemy as sa

from connectors.errors import PermanentError
from connectors.sql.schema import Column, Kind
from connectors.sql.values import BIGINT
from schemas.tasks import FieldValue

WRITABLE: Final = frozenset({Kind.TEXT, Kind.INTEGER, Kind.NUMBER, Kind.DATE, Kind.DATETIME, Kind.BOOLEAN, Kind.UUID})
"""What can be given as a text, a number, true or false; on SQLite ``Kind.OTHER`` too, which is any of them."""


def read_value(value: FieldValue, column: Column, *, sqlite: bool) -> Any:
    """Give a value as the driver takes it, and as it is compared with what is stored.

    Raises:
        PermanentError: ``not_null``, ``wrong_type`` or ``too_long``. Nothing is bent to fit: what is stored has to be
            what was given.
    """
    if value is None:
        if not column.nullable:
            raise PermanentError("not_null")
        return None
    try:
        read = _sqlite(value, column.kind) if sqlite else _typed(value, column)
    except (ValueError, decimal.InvalidOperation):
        raise PermanentError("wrong_type") from None
    if isinstance(read, str) and column.length is not None and len(read) > column.length:
        raise PermanentError("too_long")
    return read


def _typed(value: str | float, column: Column) -> Any:
    match column.kind, value:
        case Kind.BOOLEAN, bool():
            return value
        case _, bool():
            raise ValueError
        case Kind.INTEGER, int():
            return _within(value)
        case Kind.NUMBER, int() | float():
            return decimal.Decimal(str(value))
        case Kind.TEXT, str():
            return _sendable(value)
        case Kind.UUID, str():
            return uuid.UUID(value)
        case Kind.DATE, str():
            return _day(value)
        case Kind.DATETIME, str():
            read = _moment(value)
            if (read.tzinfo is not None) != bool(getattr(column.type, "timezone", False)):
                raise ValueError
            return read
        case _:
            raise ValueError


def _sqlite(value: str | float, kind: Kind) -> Any:
    """SQLite types values, not columns; but a text that looks like a number becomes one in a column of numbers."""
    match kind, value:
        case Kind.TEXT, str():
            return _sendable(value)
        case Kind.INTEGER, int():
            return _within(int(value))
        case Kind.DATE, str():
            _day(value)
            return value
        case Kind.DATETIME, str():
            _moment(value)
            return value
        case Kind.OTHER, str():
            if _is_number(value):
                raise ValueError
            return _sendable(value)
        case Kind.OTHER, int():
            return _within(int(value))
        case Kind.OTHER, float():
            return value
        case _:
            raise ValueError


def _day(value: str) -> dt.date:
    """Python reads ``19800131`` too; in a column of dates SQLite makes a number of it."""
    read = dt.date.fromisoformat(value)
    if read.isoformat() != value:
        raise ValueError
    return read


def _moment(value: str) -> dt.datetime:
    _day(value[:10])
    return dt.datetime.fromisoformat(value)


def _within(value: int) -> int:
    if not -BIGINT <= value < BIGINT:
        raise ValueError
    return value


def _sendable(text: str) -> str:
    """NUL ends a text for PostgreSQL and for much that reads SQLite; a lone surrogate has no UTF-8."""
    if "\0" in text:
        raise ValueError
    text.encode()
    return text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def is_held(stored: Any, wanted: Any, column: Column) -> bool:
    """Tell whether a stored value is the one that was to be written."""
    if stored is None or wanted is None:
        return stored is None and wanted is None
    if isinstance(wanted, decimal.Decimal):
        return isinstance(stored, int | float | decimal.Decimal) and decimal.Decimal(str(stored)) == wanted
    if isinstance(wanted, str) != isinstance(stored, str):
        return False
    if isinstance(stored, str) and isinstance(wanted, str) and isinstance(column.type, sa.CHAR):
        return stored.rstrip(" ") == wanted.rstrip(" ")  # the database pads it
    return bool(stored == wanted)
