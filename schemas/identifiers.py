"""Identifiers: typed values that point to a person (GDPR Art. 4(1)), normalised per kind.

``parse`` is for values that people or programs hand in: it normalises *and* validates. ``canonical`` is for
values found in a store: it only normalises, since a store may hold an old, malformed value that still has to
be found and erased. Both give the same text for the same valid value.

Error messages name the kind and the rule, never the value (invariant I4).
"""

from __future__ import annotations

import enum
import ipaddress
import re
import unicodedata
from typing import Final

import msgspec

from schemas.errors import InvalidIdentifierError

MAX_LENGTH: Final = 512
"""Longest accepted identifier value, in characters."""


class Strength(enum.StrEnum):
    """How surely an identifier points to one person (invariant I9). Only ``UNIQUE`` is followed on its own."""

    UNIQUE = "unique"
    SHARED = "shared"
    WEAK = "weak"


KINDS: Final[dict[str, Strength]] = {
    "email": Strength.UNIQUE,
    "phone": Strength.UNIQUE,
    "customer_id": Strength.UNIQUE,
    "employee_id": Strength.UNIQUE,
    "applicant_id": Strength.UNIQUE,
    "account_id": Strength.UNIQUE,
    "user_id": Strength.UNIQUE,
    "username": Strength.UNIQUE,
    "device_id": Strength.UNIQUE,
    "cookie_id": Strength.UNIQUE,
    "ip": Strength.SHARED,
    "name": Strength.WEAK,
}
"""Known kinds with their default strength; a data map may declare a weaker one. ``x_...`` kinds are opaque and unique."""

_CUSTOM_KIND = re.compile(r"x_[a-z0-9_]{1,40}\Z")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}\Z")
_PHONE_JUNK = re.compile(r"[^\d+]")
# C0/C1 controls, NUL, and the bidirectional overrides that make a value look like another one.
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


class Identifier(msgspec.Struct, frozen=True, order=True):
    """One identifier in clear. Lives in memory and inside sealed bytes only."""

    kind: str
    value: str

    def __repr__(self) -> str:
        """Hide the value: identifiers must not reach logs or tracebacks (I4)."""
        return f"Identifier(kind={self.kind!r}, value=<hidden>)"


def strength_of(kind: str) -> Strength:
    """Give the default strength of a kind."""
    return KINDS.get(kind, Strength.UNIQUE)


def check_kind(kind: str, *, where: str = "kind") -> str:
    """Return the kind if it is known.

    Raises:
        InvalidIdentifierError: rule ``identifier.kind``, with a suggestion where one is close.
    """
    if kind in KINDS or _CUSTOM_KIND.match(kind):
        return kind
    import difflib  # only on the error path

    # A kind may be typed by a person into the wrong field: do not echo what is not close to a known word.
    close = difflib.get_close_matches(kind[:40].lower(), KINDS, n=1)
    fix = f"did you mean {close[0]!r}?" if close else f"known kinds: {', '.join(KINDS)}, or x_<name>"
    raise InvalidIdentifierError("identifier.kind", "unknown identifier kind", where=where, fix=fix)


def canonical(kind: str, value: str) -> str:
    """Normalise without validating.

    E-mail, user name: trim, NFC, lower case. Phone: digits with a leading ``+`` when there was one (E.164 for
    a valid international number). IP: the ``ipaddress`` text form (IPv6 compressed, lower case). Others: trim, NFC.
    """
    text = value.strip()
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    if kind in {"email", "username"}:
        return text.lower()
    if kind == "phone":
        return _canonical_phone(text)
    if kind == "ip":
        try:
            return str(ipaddress.ip_address(text))
        except ValueError:
            return text.lower()
    return text


def _canonical_phone(text: str) -> str:
    digits = _PHONE_JUNK.sub("", text.replace("(0)", ""))
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    return digits[:1] + digits[1:].replace("+", "")


def parse(kind: str, value: str, *, where: str = "value") -> Identifier:
    """Normalise and validate one identifier.

    Raises:
        InvalidIdentifierError: with rule ``identifier.<what>``; the message never contains the value.
    """
    check_kind(kind, where=where.replace("value", "kind"))
    if not isinstance(value, str):
        raise InvalidIdentifierError("identifier.type", "the value must be a string", where=where)
    if not value.strip():
        raise InvalidIdentifierError("identifier.empty", f"the {kind} is empty", where=where)
    if len(value) > MAX_LENGTH:
        message = f"the {kind} has {len(value)} characters"
        raise InvalidIdentifierError("identifier.length", message, where=where, fix=f"at most {MAX_LENGTH}")
    if _FORBIDDEN.search(value.strip()):
        message = f"the {kind} contains control, invisible or bidirectional characters"
        raise InvalidIdentifierError("identifier.characters", message, where=where, fix="send the plain value")
    text = canonical(kind, value)
    if kind == "email":
        _validate_email(text, where)
    elif kind == "phone":
        _validate_phone(text, where)
    elif kind == "ip":
        try:
            ipaddress.ip_address(text)
        except ValueError:
            fix = "one IPv4 or IPv6 address, no network"
            raise InvalidIdentifierError("identifier.ip", "not an IP address", where=where, fix=fix) from None
    return Identifier(kind, text)


def _validate_email(text: str, where: str) -> None:
    # The quick shape check keeps the validator's import (and its idna tables) off the path of a clear error.
    if _EMAIL.match(text):
        from email_validator import EmailNotValidError, validate_email

        try:
            validate_email(text, check_deliverability=False, test_environment=True)
        except EmailNotValidError:
            pass
        else:
            return
    fix = "name@domain, RFC 5321"
    raise InvalidIdentifierError("identifier.email", "not an e-mail address", where=where, fix=fix)


def _validate_phone(text: str, where: str) -> None:
    import phonenumbers

    try:
        number = phonenumbers.parse(text, None)
        valid = phonenumbers.is_possible_number(number)
    except phonenumbers.NumberParseException:
        valid = False
    if not valid or not text.startswith("+"):
        fix = "international form, E.164: +33123456789"
        raise InvalidIdentifierError("identifier.phone", "not a phone number", where=where, fix=fix)
