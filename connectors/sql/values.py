"""Values of columns: keys as text, text for matching, dates of anchors, JSON-safe cells for an export. Pure."""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import re
import uuid
from typing import Any, Final

import msgspec

from connectors.dating import of_number
from connectors.errors import PermanentError
from schemas.identifiers import canonical

Key = tuple[Any, ...]
"""Values of the key columns of one row, as the driver gives them."""

BIGINT: Final = 2**63
_INTEGER: Final = re.compile(r"-?[0-9]{1,19}\Z")
_ISO_DATE: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ].*)?\Z", re.DOTALL)
_ENCODE: Final = msgspec.json.Encoder().encode


def encode_key(key: Key) -> str:
    """Give a key as JSON list text, e.g. ``[17]``.

    Raises:
        PermanentError: ``null_key`` or ``key_type``: the row cannot be addressed by its key.
    """
    for value in key:
        if value is None:
            raise PermanentError("null_key")
        if isinstance(value, bytes):
            raise PermanentError("key_type")
    return _ENCODE(key).decode()


def key_decoder(types: tuple[Any, ...]) -> msgspec.json.Decoder[Key]:
    """Make the reader for keys whose columns have these Python types."""
    return msgspec.json.Decoder(tuple[types])  # type: ignore[valid-type]


def decode_key(decoder: msgspec.json.Decoder[Key], text: str) -> Key:
    """Read a key back.

    Raises:
        PermanentError: ``key_mismatch``: the key was made under another data map. It must not read as "gone".
    """
    try:
        return decoder.decode(text)
    except msgspec.MsgspecError:
        raise PermanentError("key_mismatch") from None


def text_of(value: Any) -> str:
    """Give a stored value as identifiers spell it; empty for null and for what cannot be an identifier."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bytes | bool):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dt.date):
        return value.isoformat()
    return str(value)


def lower_form(value: Any) -> str:
    """Give the form two texts share if they differ only in case, Unicode composition and outer white space."""
    return canonical("email", text_of(value))


def digits_form(value: Any) -> str:
    """Give the digits of a phone number as ``canonical`` reads it, without ``+``; empty if it is not one number."""
    digits = canonical("phone", text_of(value)).removeprefix("+")
    return digits if digits.isascii() and digits.isdigit() else ""


def as_integer(value: str) -> int | None:
    """Give the integer that is written exactly like this and fits 64 bits; ``"007"`` and ``"abc"`` are none."""
    if not _INTEGER.match(value):
        return None
    number = int(value)
    return number if -BIGINT <= number < BIGINT and str(number) == value else None


def as_uuid(value: str) -> uuid.UUID | None:
    """Give the UUID of a text, or None."""
    try:
        return uuid.UUID(value)
    except ValueError:
        return None


def as_decimal(value: str) -> decimal.Decimal | None:
    """Give the finite number of a text, or None."""
    try:
        number = decimal.Decimal(value)
    except decimal.InvalidOperation:
        return None
    return number if number.is_finite() else None


def anchor_date(value: Any) -> dt.date | None:
    """Read an anchor: date, datetime, ISO text, or seconds or milliseconds since 1970 (UTC). None if unreadable."""
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    if isinstance(value, str):
        found = _ISO_DATE.match(value.strip())
        try:
            return dt.date.fromisoformat(found[1]) if found else None
        except ValueError:
            return None
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < BIGINT:
        return of_number(int(value))
    return None


def cell(value: Any) -> str | int | float | bool | None:
    """Give a value for an export: dates and times as ISO text, bytes as base64, decimals as text."""
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, str):
        # What is no UTF-8 is shown as such; JSON and CSV could not carry it.
        return value if value.isascii() else value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode()
    if isinstance(value, dict | list):
        return _ENCODE(value).decode()
    return str(value)
