r"""Constrained texts and numbers, so that a malformed one stops at the border and not in the pure core.

msgspec enforces them whenever bytes are read; they stand in the published JSON Schemas as well. Every pattern
ends in ``$(?!\n)``: in Python ``$`` also matches before a last line feed, in ECMA 262 (JSON Schema) it does not.
"""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

ID_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$(?!\n)"
TIME_PATTERN: Final = (
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]{1,9})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$(?!\n)"
)
"""RFC 3339 section 5.6 ``date-time``, with at most nanoseconds."""
UTC_PATTERN: Final = (
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?Z$(?!\n)"
)
DATE_PATTERN: Final = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$(?!\n)"
WORD_PATTERN: Final = r"^[^\u0000-\u001f\u007f-\u009f@]{0,200}$(?!\n)"
LOCALE_PATTERN: Final = r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,6}$(?!\n)"
CLOUDEVENTS_STRING: Final = r"^[^\u0000-\u001f\u007f-\u009f]{0,512}$(?!\n)"
JWE_PATTERN: Final = r"^[A-Za-z0-9_-]+\.\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]{22}$(?!\n)"
LARGEST_INTEGER: Final = (1 << 53) - 1

Count = Annotated[int, Meta(ge=0, le=LARGEST_INTEGER)]
"""A number of records. RFC 8785 cannot sign an integer above 2^53 - 1; a negative one is nonsense."""
Id = Annotated[str, Meta(pattern=ID_PATTERN)]
"""An opaque id: letters, digits, dot, dash, underscore; at most 64."""
Time = Annotated[str, Meta(pattern=UTC_PATTERN, extra_json_schema={"format": "date-time"})]
"""RFC 3339 in UTC: the core compares times as text."""
Date = Annotated[str, Meta(pattern=DATE_PATTERN, extra_json_schema={"format": "date"})]
"""ISO 8601 ``YYYY-MM-DD``."""
Word = Annotated[str, Meta(pattern=WORD_PATTERN)]
"""A code, a name, the id of a text: never free text, so no ``@`` and no control character (I4)."""
Locale = Annotated[str, Meta(pattern=LOCALE_PATTERN)]
"""A language tag (RFC 5646)."""

# What follows is published only. On reading, ``requests.validated``, ``identifiers.parse``, ``sealing`` and
# ``codec.decode_event`` check it, with errors that name the rule and the fix.
Sealed = Annotated[str, Meta(extra_json_schema={"pattern": JWE_PATTERN})]
"""A compact JWE (RFC 7516) without an encrypted key: ``dir`` or ``ECDH-ES``."""
SealedOrEmpty = Annotated[str, Meta(extra_json_schema={"pattern": f"^$(?!\\n)|{JWE_PATTERN}"})]
"""The same, or the empty text where there is nothing to seal."""
Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time", "pattern": TIME_PATTERN})]
"""RFC 3339 in any zone."""
