"""Replacements of personal values: what is written, and how to see later that it was written.

A random token has a form of its own (``erased-`` and 16 hexadecimal digits; for e-mail columns an address under
``.invalid``, RFC 2606), so that the second look can tell it from a value that was never replaced.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from connectors.sql.datamap import NULL, RANDOM
from connectors.sql.schema import Column, Kind

TOKEN_LENGTH: Final = len("erased-") + 16
EMAIL_SUFFIX: Final = "@erased.invalid"
_TOKEN: Final = re.compile(r"erased-[0-9a-f]{16}(?:@erased\.invalid)?\Z")


@dataclass(frozen=True, slots=True)
class Rule:
    """The replacement of one column, at ``position`` of the rows that are read."""

    column: Column
    position: int
    replacement: str | int | dt.date | None
    email: bool

    def holds(self, value: Any) -> bool:
        """Tell whether a stored value is this replacement."""
        if self.replacement is None:
            return value is None
        if self.replacement == RANDOM:
            return isinstance(value, str) and _TOKEN.match(value) is not None
        if isinstance(value, str) and isinstance(self.replacement, str):
            return value.rstrip(" ") == self.replacement.rstrip(" ")  # CHAR(n) is padded
        return bool(value == self.replacement)

    def expression(self, *, sqlite: bool) -> sa.ColumnElement[Any]:
        """Give the SQL that makes the replacement, anew for each row."""
        if self.replacement is None:
            return sa.null()
        if self.replacement != RANDOM:
            return sa.literal(self.replacement, self.column.type if not sqlite else None)
        if sqlite:
            digits: sa.ColumnElement[Any] = sa.func.lower(sa.func.hex(sa.func.randomblob(8)))
        else:
            # 16 digits of a version 4 UUID: 60 random bits; the only strong chance PostgreSQL has built in.
            plain = sa.func.replace(sa.cast(sa.func.gen_random_uuid(), sa.Text), "-", "")
            digits = sa.func.substr(plain, 1, 16)
        suffix = EMAIL_SUFFIX if self.email else ""
        return sa.func.concat("erased-", digits, suffix) if not sqlite else _joined("erased-", digits, suffix)


def _joined(*parts: str | sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Join with ``||``; SQLite has ``concat`` only since 3.44."""
    whole: sa.ColumnElement[Any] = sa.literal("", sa.Text)
    for part in parts:
        whole = whole + (sa.literal(part, sa.Text) if isinstance(part, str) else sa.type_coerce(part, sa.Text))
    return whole


def read_replacement(raw: str | int | None, column: Column, *, sqlite: bool) -> str | int | dt.date | None:
    """Read a replacement as the data map spells it.

    Raises:
        ValueError: a text that is no date, for a date column.
    """
    if raw is None or raw == NULL:
        return None
    if isinstance(raw, str) and raw != RANDOM and column.kind in {Kind.DATE, Kind.DATETIME}:
        read = dt.datetime.fromisoformat(raw)
        if sqlite:
            return raw
        return read.date() if column.kind is Kind.DATE else read
    return raw


def all_hold(rules: tuple[Rule, ...], row: Any) -> bool:
    """Tell whether there are rules, and every one of them holds in this row."""
    return bool(rules) and all(rule.holds(row[rule.position]) for rule in rules)


def is_blank_or_token(value: Any) -> bool:
    """Tell whether a stored value names nobody: null, nothing but white space, or a random token."""
    return value is None or (isinstance(value, str) and (not value.strip() or _TOKEN.match(value.rstrip()) is not None))
