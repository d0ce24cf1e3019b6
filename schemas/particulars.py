"""What a request holds besides who asks: what belongs to which right, and what of it may be said in clear.

A correction is personal data: it is sealed with the identifiers, and no error, log or repr ever shows its value. Ids
of purposes, record sets and controllers are the company's own words, and travel in clear.
"""

from __future__ import annotations

import enum
import math
import re
from typing import Any, Final

import msgspec

from schemas.errors import SchemaError
from schemas.fields import ID_PATTERN
from schemas.identifiers import Identifier
from schemas.tasks import FieldValue


class Right(enum.StrEnum):
    """The rights of GDPR chapter III, the withdrawal of consent (Art. 7(3)), and what else a person may ask."""

    ACCESS = "access"
    ERASURE = "erasure"
    PORTABILITY = "portability"
    RECTIFICATION = "rectification"
    RESTRICTION = "restriction"
    OBJECTION = "objection"
    WITHDRAWAL_OF_CONSENT = "withdrawal_of_consent"
    COMPLAINT = "complaint"
    SAFEGUARD_COPY = "safeguard_copy"


class Ground(enum.StrEnum):
    """The cases of Art. 18(1) in which processing is restricted."""

    ACCURACY = "accuracy_contested"
    UNLAWFUL = "unlawful_erasure_opposed"
    CLAIMS = "needed_for_claims"
    OBJECTION = "objection_pending"


Corrections = dict[str, dict[str, FieldValue]]
"""system/record_set -> field -> the value that is right."""

MAX_PURPOSES: Final = 20
MAX_CORRECTIONS: Final = 200
"""Fields that one request may correct."""
MAX_VALUE: Final = 4096
"""Characters of one corrected value."""

LARGEST: Final = 2**63 - 1
"""Largest whole number that a store takes."""

PATH: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}/[^\s/@\x00-\x1f]{1,128}$(?!\n)")
FIELD: Final = re.compile(r"^[^\s@\x00-\x1f]{1,128}$(?!\n)")
_ID: Final = re.compile(ID_PATTERN)
_AN_ID: Final = "letters, digits, dot, dash, underscore; at most 64"


class Sealing(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is sealed in a request that holds more than its identifiers; else the bare list is.

    Attributes:
        corrections: What a rectification writes.
        receipt: The person's receipt, as it was handed out (ADR 43).
        receipt_sha256: Instead: only its commitment (``receipts.commitment``), where whoever publishes made it.
    """

    identifiers: tuple[Identifier, ...]
    corrections: Corrections = {}
    receipt: str = ""
    receipt_sha256: str = ""

    def __repr__(self) -> str:
        """Hide the values (I4)."""
        return f"Sealing(identifiers={len(self.identifiers)}, corrections={len(self.corrections)})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Hide the values from rich's tracebacks and pretty printer too; msgspec's own would show them."""
        return [("identifiers", len(self.identifiers)), ("corrections", len(self.corrections))]


def belonging(
    right: Right,
    purposes: tuple[str, ...],
    corrections: Corrections,
    transfer_to: str | None,
    ground: Ground | None,
    systems: tuple[str, ...],
) -> tuple[tuple[str, ...], Corrections]:
    """Check that a request holds what its right needs, and nothing that does not belong to it.

    Returns:
        Purposes and corrections in one order, whatever order they came in.

    Raises:
        SchemaError: names the field, the rule and the fix; never a value that is to be written.
    """
    of = f"a request for {right.value}"
    if corrections and right is not Right.RECTIFICATION:
        raise _strange("corrections", of, "rectification")
    if purposes and right not in {Right.OBJECTION, Right.WITHDRAWAL_OF_CONSENT}:
        raise _strange("purposes", of, "objection or withdrawal_of_consent")
    if transfer_to is not None and right is not Right.PORTABILITY:
        raise _strange("transfer_to", of, "portability")
    if ground is not None and right is not Right.RESTRICTION:
        raise _strange("restriction_ground", of, "restriction")
    if systems and right in {Right.COMPLAINT, Right.SAFEGUARD_COPY}:
        raise _strange("scope", of, "one that goes to systems")
    if right is Right.WITHDRAWAL_OF_CONSENT and not purposes:
        fix = 'name what the consent was for, e.g. "purposes": ["newsletter"]'
        raise SchemaError(
            "request.purposes.none", "no purpose: which consent is withdrawn?", where="$.purposes", fix=fix
        )
    if right is Right.RECTIFICATION and not corrections:
        fix = '"corrections": {"crm/contacts": {"city": "..."}}'
        raise SchemaError("request.corrections.none", "nothing is to be corrected", where="$.corrections", fix=fix)
    if transfer_to is not None and not _ID.match(transfer_to):
        raise SchemaError("request.name", "not an id", where="$.transfer_to", fix=_AN_ID)
    return _purposes(purposes), checked(corrections, systems)


def _strange(field: str, of: str, right: str) -> SchemaError:
    what = f"{of} has no {field}"
    return SchemaError(
        "request.belongs", what, where=f"$.{field}", fix=f"leave it out, or submit a request for {right}"
    )


def _purposes(purposes: tuple[str, ...]) -> tuple[str, ...]:
    if len(purposes) > MAX_PURPOSES:
        message = f"{len(purposes)} purposes"
        raise SchemaError("request.purposes.many", message, where="$.purposes", fix=f"at most {MAX_PURPOSES}")
    for place, one in enumerate(purposes):
        if not _ID.match(one):
            raise SchemaError("request.name", "not an id", where=f"$.purposes[{place}]", fix=_AN_ID)
    return tuple(sorted(set(purposes)))


def checked(corrections: Corrections, systems: tuple[str, ...] = (), *, where: str = "$.corrections") -> Corrections:
    """Check corrections and give them in one order.

    Raises:
        SchemaError: never with a value, nor with the name of a place that may be one.
    """
    count = sum(len(fields) for fields in corrections.values())
    if count > MAX_CORRECTIONS:
        fix = f"at most {MAX_CORRECTIONS} fields; split the request"
        raise SchemaError("request.corrections.many", f"{count} corrections", where=where, fix=fix)
    for path, fields in corrections.items():
        if not PATH.match(path):
            fix = 'system/record_set, e.g. "crm/contacts"'
            raise SchemaError("request.corrections.path", "not the path of a record set", where=where, fix=fix)
        if systems and path.partition("/")[0] not in systems:
            fix = "name its system in scope.systems, or leave the scope out"
            raise SchemaError("request.corrections.scope", "a correction is out of scope", where=where, fix=fix)
        if not fields:
            fix = "name the field and its right value"
            raise SchemaError("request.corrections.none", f"nothing to correct in {path}", where=where, fix=fix)
        for field, value in fields.items():
            _check_value(path, field, value, where)
    return {path: dict(sorted(fields.items())) for path, fields in sorted(corrections.items())}


def _check_value(path: str, field: str, value: FieldValue, where: str) -> None:
    if not FIELD.match(field):
        fix = "the name of a column or field"
        raise SchemaError("request.corrections.field", f"not a field's name, in {path}", where=where, fix=fix)
    if isinstance(value, str) and len(value) > MAX_VALUE:
        fix = f"at most {MAX_VALUE} characters"
        raise SchemaError(
            "request.corrections.long", f"a value that is too long, for {path}/{field}", where=where, fix=fix
        )
    if isinstance(value, int) and abs(value) > LARGEST:
        raise SchemaError(
            "request.corrections.value", f"too large a number, for {path}/{field}", where=where, fix="64 bits"
        )
    if isinstance(value, float) and not math.isfinite(value):
        raise SchemaError(
            "request.corrections.value", f"no number, for {path}/{field}", where=where, fix="a finite one"
        )
