r"""Constrained texts and numbers, so that a malformed one stops at the border and not in the pure core.

msgspec enforces them whenever bytes are read; they stand in the published JSON Schemas as well. Every pattern
ends in ``$(?!\n)``: in Python ``$`` also matches before a last line feed, in ECMA 262 (JSON Schema) it does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
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
RESTORED_PATTERN: Final = (
    r"^(due|recheck|restored(:[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?Z)?)$(?!\n)"
)
DATE_PATTERN: Final = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$(?!\n)"
WORD_PATTERN: Final = r"^[^\u0000-\u001f\u007f-\u009f@]{0,200}$(?!\n)"
RECORD_ID_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\.[0-9]{1,16}$(?!\n)"
SET_PATTERN: Final = r"^[^\s/@\u0000-\u001f\u007f-\u009f]{1,128}$(?!\n)"
TEXT_PATTERN: Final = r"^(policy:)?[^\s:@\u0000-\u001f\u007f-\u009f]{1,190}$(?!\n)"
_PLACE: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}(/[^\s/@\u0000-\u001f\u007f-\u009f]{1,128})?"
LINE_PATTERN: Final = r"^[^\u0000-\u001f\u007f-\u009f@]{0,400}$(?!\n)"
SHA256_PATTERN: Final = r"^[0-9a-f]{64}$(?!\n)"
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
RecordId = Annotated[str, Meta(pattern=RECORD_ID_PATTERN)]
"""The id of a request, and the number of one of its records."""
Sha256 = Annotated[str, Meta(pattern=SHA256_PATTERN)]
"""A SHA-256, hex."""
Sha256OrEmpty = Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?$(?!\n)")]
Salt = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}$(?!\n)")]
"""32 bytes, base64url."""
Kind = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,63}$(?!\n)")]
"""A code word: a kind of identifier, a ground, a method of identification."""
KindOrEmpty = Annotated[str, Meta(pattern=r"^([a-z][a-z0-9_]{0,63})?$(?!\n)")]
Role = Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$(?!\n)")]
"""The role of who decided or answers for something; never a name."""
RoleOrEmpty = Annotated[str, Meta(pattern=r"^([A-Za-z][A-Za-z0-9_-]{0,63})?$(?!\n)")]
SetName = Annotated[str, Meta(pattern=SET_PATTERN)]
"""The public id of a record set; what its records are called is its ``title`` in the data map, which stays private."""
Place = Annotated[str, Meta(pattern=rf"^{_PLACE}$(?!\n)")]
"""A system (``crm``), or one of its record sets (``crm/invoices``)."""
PlaceOrEmpty = Annotated[str, Meta(pattern=rf"^({_PLACE})?$(?!\n)")]
Rule = Annotated[str, Meta(pattern=r"^[^\s\u0000-\u001f\u007f-\u009f@]{1,2000}$(?!\n)")]
"""A rule of a decision: words, ids of texts and of requests, joined by colons; no space."""
Line = Annotated[str, Meta(pattern=LINE_PATTERN)]
"""One line that a program wrote from fixed phrases, codes and dates; nobody types one."""


def one_of(*words: str) -> Meta:
    """Constrain a text to a closed list; it is published as an ``enum``, and enforced on reading."""
    return Meta(pattern=rf"^({_any(words)})$(?!\n)", extra_json_schema={"enum": list(words)})


def line_of(*openings: str) -> Meta:
    """Constrain a line to those that begin with one of these phrases; the empty one may stand for none."""
    return Meta(pattern=rf"^(({_any(openings)})[^\u0000-\u001f\u007f-\u009f@]{{0,300}})?$(?!\n)")


def _any(words: Iterable[str]) -> str:
    # Not re.escape: it also escapes what ECMA 262, which reads the published schemas, does not let be escaped.
    return "|".join(re.sub(r"([.()\[\]{}+*?^$|\\])", r"\\\1", one) for one in words)


# What follows is published only. On reading, ``requests.validated``, ``identifiers.parse``, ``sealing`` and
# ``codec.decode_event`` check it, with errors that name the rule and the fix.
Sealed = Annotated[str, Meta(extra_json_schema={"pattern": JWE_PATTERN})]
"""A compact JWE (RFC 7516) without an encrypted key: ``dir`` or ``ECDH-ES``."""
SealedOrEmpty = Annotated[str, Meta(extra_json_schema={"pattern": f"^$(?!\\n)|{JWE_PATTERN}"})]
"""The same, or the empty text where there is nothing to seal."""
Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time", "pattern": TIME_PATTERN})]
"""RFC 3339 in any zone."""
