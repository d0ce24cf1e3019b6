"""The privacy request: one right, one data subject, one or more controllers, a scope (architecture.md section 2).

Two forms. ``RequestForm`` is what a person or a program hands in, with identifiers in clear; it exists in
memory only. ``RequestReceived`` is what travels and what is kept: the identifiers are sealed to the
orchestrator's public key.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any, Final

import msgspec

from schemas import identifiers, receipts, requesters
from schemas.errors import SchemaError
from schemas.fields import ID_PATTERN, LOCALE_PATTERN, SHA256_PATTERN, TIME_PATTERN, Id, Locale, Moment, Sealed, Time
from schemas.identifiers import Identifier
from schemas.particulars import Corrections, Ground, Right, belonging
from schemas.requesters import Level, Requester

__all__ = [
    "CLOCK_SKEW", "MAX_FORM_BYTES", "MAX_IDENTIFIERS", "RequestForm", "RequestReceived", "Right", "Scope",
    "new_request_id", "normalised", "parse_time", "utc", "validated",
]  # fmt: skip

MAX_IDENTIFIERS: Final = 500
MAX_FORM_BYTES: Final = 1 << 20
"""A request form above 1 MiB is refused before it is parsed."""
CLOCK_SKEW: Final = dt.timedelta(minutes=5)

_ID = re.compile(ID_PATTERN)
_TIME = re.compile(TIME_PATTERN)
_LOCALE = re.compile(LOCALE_PATTERN)


# Published in the JSON Schema; ``validated`` checks it, with a better error than a type's.
_AN_ID = msgspec.Meta(extra_json_schema={"pattern": ID_PATTERN})
Identifiers = Annotated[
    tuple[Identifier, ...], msgspec.Meta(extra_json_schema={"minItems": 1, "maxItems": MAX_IDENTIFIERS})
]


class Scope(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which part of the data is meant; empty means everything.

    Attributes:
        systems: System ids, e.g. ``("hr",)`` for "only my application".
    """

    systems: tuple[Annotated[str, _AN_ID], ...] = ()


class RequestForm(msgspec.Struct, frozen=True, omit_defaults=True):
    """A request as handed in (JSON). ``received_at`` is when it reached an official channel, RFC 3339 with zone.

    Attributes:
        purposes: For an objection or a withdrawal of consent: which purposes of processing it is about. An objection
            without any is one against everything that rests on Art. 6(1)(e) or (f).
        corrections: For a rectification: "system/record_set" -> field -> the value that is right.
        transfer_to: For portability: id of the controller that the copy is to go to (Art. 20(2)).
        restriction_ground: For a restriction: which case of Art. 18(1) it is.
        receipt_sha256: Commitment of a receipt that the person has got already (ADR 43); without it, one is made.
    """

    right: Right
    identifiers: Identifiers
    received_at: Moment | None = None
    request_id: Annotated[str, _AN_ID] | None = None
    controllers: tuple[Annotated[str, _AN_ID], ...] = ()
    scope: Scope = Scope()
    locale: Annotated[str, msgspec.Meta(extra_json_schema={"pattern": LOCALE_PATTERN})] = "en"
    channel: Annotated[str, _AN_ID] = "cli"
    identity: Level = "verified"
    requester: Requester | None = None
    minor_at_collection: bool = False
    follows: Annotated[str, _AN_ID] | None = None
    purposes: tuple[Annotated[str, _AN_ID], ...] = ()
    corrections: Corrections = {}
    transfer_to: Annotated[str, _AN_ID] | None = None
    restriction_ground: Ground | None = None
    receipt_sha256: Annotated[str, msgspec.Meta(extra_json_schema={"pattern": SHA256_PATTERN})] | None = None

    def __repr__(self) -> str:
        """Hide the values (I4)."""
        return f"RequestForm({self.right.value}, {len(self.identifiers)} identifiers)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Hide the values from rich's tracebacks and pretty printer too; msgspec's own would show them."""
        return [("right", self.right.value), ("identifiers", len(self.identifiers))]


class RequestReceived(msgspec.Struct, frozen=True, omit_defaults=True):
    """A request as it travels.

    ``sealed`` is a compact JWE over the JSON list of identifiers (``Identifiers``), or over an object with these and
    more (``particulars.Sealing``). What is right of a person's data never stands beside it, nor does a receipt.
    """

    request_id: Id
    right: Right
    received_at: Time
    sealed: Sealed
    controllers: tuple[Id, ...] = ()
    scope: Scope = Scope()
    locale: Locale = "en"
    channel: Id = "cli"
    identity: Level = "verified"
    requester: Requester | None = None
    minor_at_collection: bool = False
    follows: Id | None = None
    purposes: tuple[Id, ...] = ()
    transfer_to: Id | None = None
    restriction_ground: Ground | None = None


def parse_time(text: str, *, where: str) -> dt.datetime:
    """Read an RFC 3339 time with zone.

    Raises:
        SchemaError: rule ``time.format`` or ``time.zone``.
    """
    if not _TIME.match(text):
        if _TIME.match(text + "Z"):
            raise SchemaError("time.zone", "the time has no zone", where=where, fix="add Z or +01:00")
        raise _not_a_time(where)
    try:
        # fromisoformat reads more than RFC 3339 has, and from version to version more; it never sees that here.
        moment = dt.datetime.fromisoformat(text.upper())
        moment.astimezone(dt.UTC)  # at the edges of the calendar there is no such moment in UTC
    except (ValueError, OverflowError):
        raise _not_a_time(where) from None
    return moment


def _not_a_time(where: str) -> SchemaError:
    return SchemaError("time.format", "not an RFC 3339 time", where=where, fix="2026-01-31T09:30:00Z")


def utc(moment: dt.datetime) -> str:
    """Give the RFC 3339 text in UTC, with milliseconds, as used in every message."""
    # isoformat and not strftime: %Y of a year before 1000 has no leading zeros everywhere.
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_request_id(moment: dt.datetime, chance: bytes) -> str:
    """Make a request id: a UUID of version 7 (RFC 9562 section 5.7), so that ids of one time lie together in indexes.

    With random ids every write went to another page: with 100,000 requests open that was a quarter of its cost. The
    time of receipt that it shows stands beside it in every message and record.

    Args:
        moment: When it was taken in.
        chance: 16 random bytes, of which 74 bits are used.
    """
    milliseconds = int(moment.timestamp() * 1000)
    raw = bytearray(milliseconds.to_bytes(6, "big") + chance[6:16])
    raw[6], raw[8] = raw[6] & 0x0F | 0x70, raw[8] & 0x3F | 0x80
    text = raw.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def normalised(found: tuple[Identifier, ...], *, where: str = "$.identifiers") -> tuple[Identifier, ...]:
    """Check and normalise the identifiers of a request; duplicates go.

    Raises:
        SchemaError: none, too many, or a wrong one; never with its value.
    """
    if not found:
        raise SchemaError(
            "request.identifiers.none",
            "no identifier: nobody can be found",
            where=where,
            fix='add at least one, e.g. {"kind": "email", "value": "..."}',
        )
    if len(found) > MAX_IDENTIFIERS:
        raise SchemaError(
            "request.identifiers.many",
            f"{len(found)} identifiers",
            where=where,
            fix=f"at most {MAX_IDENTIFIERS}; split the request per person",
        )
    parsed = (
        identifiers.parse(one.kind, one.value, where=f"{where}[{place}].value") for place, one in enumerate(found)
    )
    return tuple(dict.fromkeys(parsed))


def validated(form: RequestForm, *, now: dt.datetime) -> RequestForm:
    """Check a form and normalise its identifiers.

    Raises:
        SchemaError: naming the field, the rule and the fix; never a value of an identifier.
    """
    found = normalised(form.identifiers)
    if form.request_id is not None and not _ID.match(form.request_id):
        raise SchemaError(
            "request.id",
            "the request id may hold letters, digits, dot, dash, underscore; at most 64",
            where="$.request_id",
            fix="use a random UUID, never personal data",
        )
    for field, names in (("controllers", form.controllers), ("scope.systems", form.scope.systems)):
        for place, name in enumerate(names):
            if not _ID.match(name):
                fix = "letters, digits, dot, dash, underscore; at most 64"
                raise SchemaError("request.name", "not an id", where=f"$.{field}[{place}]", fix=fix)
    # These two travel in clear: free text in them could be about the person (I4).
    if not _LOCALE.match(form.locale):
        raise SchemaError("request.locale", "not a language tag", where="$.locale", fix="RFC 5646, e.g. en or de-CH")
    if not _ID.match(form.channel):
        raise SchemaError("request.channel", "not an id", where="$.channel", fix="one word, e.g. web, letter, phone")
    if form.follows is not None and not _ID.match(form.follows):
        raise SchemaError("request.follows", "not an id", where="$.follows", fix="the id of the earlier request")
    requesters.checked(form.requester)
    receipts.checked_commitment(form.receipt_sha256)
    received = form.received_at
    if received is not None:
        moment = parse_time(received, where="$.received_at")
        if moment > now + CLOCK_SKEW:
            raise SchemaError(
                "request.received_at.future",
                "received_at lies in the future",
                where="$.received_at",
                fix="give the time at which the request reached you",
            )
        received = utc(moment)
    purposes, corrections = belonging(
        form.right, form.purposes, form.corrections, form.transfer_to, form.restriction_ground, form.scope.systems
    )
    return msgspec.structs.replace(
        form, identifiers=found, received_at=received, purposes=purposes, corrections=corrections
    )
