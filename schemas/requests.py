"""The privacy request: one right, one data subject, one or more controllers, a scope (architecture.md section 2).

Two forms. ``RequestForm`` is what a person or a program hands in, with identifiers in clear; it exists in
memory only. ``RequestReceived`` is what travels and what is kept: the identifiers are sealed to the
orchestrator's public key.
"""

from __future__ import annotations

import datetime as dt
import enum
import re
from typing import Final

import msgspec

from schemas import identifiers
from schemas.errors import SchemaError
from schemas.identifiers import Identifier

MAX_IDENTIFIERS: Final = 500
MAX_FORM_BYTES: Final = 1 << 20
"""A request form above 1 MiB is refused before it is parsed."""
CLOCK_SKEW: Final = dt.timedelta(minutes=5)

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")


class Right(enum.StrEnum):
    """The rights of GDPR chapter III that this version carries out."""

    ACCESS = "access"
    ERASURE = "erasure"


class Scope(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which part of the data is meant; empty means everything.

    Attributes:
        systems: System ids, e.g. ``("hr",)`` for "only my application".
    """

    systems: tuple[str, ...] = ()


class RequestForm(msgspec.Struct, frozen=True, omit_defaults=True):
    """A request as handed in (JSON). ``received_at`` is when it reached an official channel, RFC 3339 with zone."""

    right: Right
    identifiers: tuple[Identifier, ...]
    received_at: str | None = None
    request_id: str | None = None
    controllers: tuple[str, ...] = ()
    scope: Scope = Scope()
    locale: str = "en"
    channel: str = "cli"


class RequestReceived(msgspec.Struct, frozen=True, omit_defaults=True):
    """A request as it travels. ``sealed`` is a compact JWE over the JSON list of identifiers."""

    request_id: str
    right: Right
    received_at: str
    sealed: str
    controllers: tuple[str, ...] = ()
    scope: Scope = Scope()
    locale: str = "en"
    channel: str = "cli"


def parse_time(text: str, *, where: str) -> dt.datetime:
    """Read an RFC 3339 time with zone.

    Raises:
        SchemaError: rule ``time.format`` or ``time.zone``.
    """
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise SchemaError("time.format", "not an RFC 3339 time", where=where, fix="2026-01-31T09:30:00Z") from None
    if moment.tzinfo is None:
        raise SchemaError("time.zone", "the time has no zone", where=where, fix="add Z or +01:00")
    return moment


def utc(moment: dt.datetime) -> str:
    """Give the RFC 3339 text in UTC, with milliseconds, as used in every message."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def validated(form: RequestForm, *, now: dt.datetime) -> RequestForm:
    """Check a form and normalise its identifiers.

    Raises:
        SchemaError: naming the field, the rule and the fix; never a value of an identifier.
    """
    if not form.identifiers:
        raise SchemaError(
            "request.identifiers.none",
            "no identifier: nobody can be found",
            where="$.identifiers",
            fix='add at least one, e.g. {"kind": "email", "value": "..."}',
        )
    if len(form.identifiers) > MAX_IDENTIFIERS:
        raise SchemaError(
            "request.identifiers.many",
            f"{len(form.identifiers)} identifiers",
            where="$.identifiers",
            fix=f"at most {MAX_IDENTIFIERS}; split the request per person",
        )
    found = {
        identifiers.parse(one.kind, one.value, where=f"$.identifiers[{place}].value"): None
        for place, one in enumerate(form.identifiers)
    }
    if form.request_id is not None and not _ID.match(form.request_id):
        raise SchemaError(
            "request.id",
            "the request id may hold letters, digits, dot, dash, underscore; at most 64",
            where="$.request_id",
            fix="use a random UUID, never personal data",
        )
    for field, names in (("controllers", form.controllers), ("scope.systems", form.scope.systems)):
        for name in names:
            if not _ID.match(name):
                raise SchemaError("request.name", "not an id", where=f"$.{field}")
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
    return msgspec.structs.replace(form, identifiers=tuple(found), received_at=received)
