"""Who asks, where that is not the person whose data it is: in which relation, and with which proof.

Codes, dates and a digest of the proof only. Who the requester is, and how to reach them, stays with whoever takes
requests in: it is personal data of somebody else, and no system needs it (I4).
"""

from __future__ import annotations

import datetime as dt
import enum
import re
from typing import Annotated, Final, Literal

import msgspec

from schemas.errors import SchemaError
from schemas.fields import DATE_PATTERN, SHA256_PATTERN

CODE_PATTERN: Final = r"^[a-z][a-z0-9_]{0,63}$(?!\n)"
RIGHTS: Final = 20
"""Most rights that one proof may name."""

Level = Literal["verified", "unverified"]
"""What intake knows of who asks (S44). ``unverified``: nothing goes out before somebody confirmed it."""


class Relation(enum.StrEnum):
    """What the requester is to the data subject."""

    AGENT = "agent"
    LAWYER = "lawyer"
    PARENT = "parent"
    GUARDIAN = "guardian"
    HEIR = "heir"


Code = Annotated[str, msgspec.Meta(extra_json_schema={"pattern": CODE_PATTERN})]


class Requester(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who asks for the data subject.

    Attributes:
        proof: What it rests on, a code: ``power_of_attorney``, ``birth_certificate``, ``court_order``, ...
        document_sha256: Digest of the document that was shown, hex.
        rights: Which rights the proof covers; none: all of them.
        valid_until: The last day on which the proof holds, ISO 8601.
        answer_to: Who gets the answer; after ``valid_until`` always the data subject.
    """

    relation: Relation
    proof: Code = ""
    document_sha256: Annotated[str, msgspec.Meta(extra_json_schema={"pattern": SHA256_PATTERN})] = ""
    rights: tuple[Code, ...] = ()
    valid_until: Annotated[str, msgspec.Meta(extra_json_schema={"pattern": DATE_PATTERN, "format": "date"})] = ""
    answer_to: Literal["subject", "requester"] = "subject"


def is_code(text: str) -> bool:
    """Tell whether a text is a code word: never free text, which could be about the person (I4)."""
    return re.match(CODE_PATTERN, text) is not None


def is_day(text: str) -> bool:
    """Tell whether a text is a day of the calendar."""
    try:
        return re.match(DATE_PATTERN, text) is not None and bool(dt.date.fromisoformat(text))
    except ValueError:
        return False


def checked(requester: Requester | None) -> None:
    """Check the form of what is said of a requester; whether the proof suffices is decided later, by a person.

    Raises:
        SchemaError: naming the field, the rule and the fix; never the value.
    """
    if requester is None:
        return
    if requester.proof and not is_code(requester.proof):
        raise _not_a_code("proof", "power_of_attorney")
    if len(requester.rights) > RIGHTS or not all(is_code(one) for one in requester.rights):
        raise _not_a_code("rights", '["access", "erasure"]')
    if requester.valid_until and not is_day(requester.valid_until):
        raise SchemaError("request.requester.date", "not a day", where="$.requester.valid_until", fix="2026-12-31")
    if requester.document_sha256 and not re.match(SHA256_PATTERN, requester.document_sha256):
        where = "$.requester.document_sha256"
        raise SchemaError(
            "request.requester.digest", "not a SHA-256", where=where, fix="64 hex digits, in small letters"
        )


def _not_a_code(field: str, example: str) -> SchemaError:
    what = "code words only: small letters, digits, underscore"
    return SchemaError("request.requester.code", what, where=f"$.requester.{field}", fix=f"e.g. {example}")
