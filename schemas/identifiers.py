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
from typing import Annotated, Any, Final

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
"""Known kinds with their default strength; a data map may declare a weaker one. ``x_...``: opaque and unique."""

CUSTOM_KIND: Final = r"^x_[a-z0-9_]{1,40}$(?!\n)"
_CUSTOM_KIND = re.compile(CUSTOM_KIND)
# The other full stops of UTS 46 would pass the validator and then match nothing that a store holds.
_PLAIN_EMAIL = re.compile(
    r"[a-z0-9_+-]{1,32}(?:\.[a-z0-9_+-]{1,32})?@(?:[a-z0-9]{1,30}\.){1,3}"
    r"(?!(?:arpa|invalid|local|localhost|onion)\Z)[a-z]{2,20}\Z"
)
_PLAIN_LENGTH: Final = 120
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s\u3002\uff0e\uff61]{1,255}\Z")
# Marks that address books paste around numbers; zero width, so they may stand anywhere.
_MARKS = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_PHONE = re.compile(r"(?:tel:)?[\s(\[]*(\+|00)?(.*)\Z", re.DOTALL | re.IGNORECASE)
_E164 = re.compile(r"\+[0-9]{2,15}\Z")
# Letters (an extension), a second number: run together, the digits would be somebody else's number.
_NOT_ONE_PHONE = re.compile(r"[^\W\d]|[+;#,*=&|]")
# C0/C1 controls, NUL, line separators, invisible characters, and the bidirectional controls that make a value
# look like another one.
_FORBIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)
_JOINERS = re.compile("[\u200c\u200d]")
"""Zero-width (non-)joiners: invisible, and part of the spelling of Persian and Indic names."""


_PUBLISHED_VALUE: Final = {
    "minLength": 1,
    "maxLength": MAX_LENGTH,
    "pattern": r"^[^\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]*"
    r"$(?!\n)",
}


class Identifier(msgspec.Struct, frozen=True, order=True):
    """One identifier in clear. Lives in memory and inside sealed bytes only."""

    kind: Annotated[str, msgspec.Meta(extra_json_schema={"anyOf": [{"enum": [*KINDS]}, {"pattern": CUSTOM_KIND}]})]
    value: Annotated[str, msgspec.Meta(extra_json_schema=_PUBLISHED_VALUE)]

    def __repr__(self) -> str:
        """Hide the value: identifiers must not reach logs or tracebacks (I4)."""
        return f"Identifier(kind={self.kind!r}, value=<hidden>)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Hide the value from rich's tracebacks and pretty printer too; msgspec's own would show it."""
        return [("kind", self.kind)]


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

    E-mail, user name: trim, NFC, lower case. Phone: ASCII digits with a leading ``+`` when there was a ``+`` or
    ``00`` (E.164 for a valid international number); a text that is not one number stays as it is. IP: the
    ``ipaddress`` text form (IPv6 compressed, lower case; an IPv4-mapped address is its IPv4 address). Others:
    trim, NFC.
    """
    text = value.strip()
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    if kind in {"email", "username"}:
        return _lower(text)
    if kind == "phone":
        return _canonical_phone(text)
    if kind == "ip":
        return _canonical_ip(text)
    return text


def _lower(text: str) -> str:
    lowered = text.lower()
    # Lower case may leave NFC (a capital without a composed small letter, or the other way round).
    return lowered if lowered.isascii() else unicodedata.normalize("NFC", lowered)


def _canonical_phone(text: str) -> str:
    prefix, body = _PHONE.match(_MARKS.sub("", text).replace("\uff0b", "+")).groups()  # type: ignore[union-attr]
    if _NOT_ONE_PHONE.search(body):
        return text
    if prefix:
        body = body.replace("(0)", "")  # +33 (0)1: the zero is for callers inside the country
    digits = "".join(str(unicodedata.decimal(one)) for one in body if one.isdecimal())
    if not prefix and digits.startswith("00"):
        prefix, digits = "00", digits[2:]
    return f"+{digits}" if prefix else digits


def _canonical_ip(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return _lower(text)
    # Dual-stack servers log 10.0.0.1 as ::ffff:10.0.0.1; and the text form of that changed with Python 3.13.
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def parse(kind: str, value: str, *, where: str = "value") -> Identifier:
    """Normalise and validate one identifier.

    Raises:
        InvalidIdentifierError: with rule ``identifier.<what>``; the message never contains the value.
    """
    check_kind(kind, where=where.replace("value", "kind"))
    # A kind of somebody's own may say something about the person: known kinds are named, others are not (I4).
    shown = kind if kind in KINDS else "identifier"
    if not isinstance(value, str):
        raise InvalidIdentifierError("identifier.type", "the value must be a string", where=where)
    if not value.strip():
        raise InvalidIdentifierError("identifier.empty", f"the {shown} is empty", where=where)
    if len(value) > MAX_LENGTH:
        message = f"the {shown} has {len(value)} characters"
        raise InvalidIdentifierError("identifier.length", message, where=where, fix=f"at most {MAX_LENGTH}")
    plain = _JOINERS.sub("", value) if kind == "name" else value
    if _FORBIDDEN.search(plain.strip()):
        message = f"the {shown} contains control, invisible or bidirectional characters"
        raise InvalidIdentifierError("identifier.characters", message, where=where, fix="send the plain value")
    text = canonical(kind, value)
    if len(text) > MAX_LENGTH:  # NFC may lengthen
        message = f"the {shown} has {len(text)} characters when normalised"
        raise InvalidIdentifierError("identifier.length", message, where=where, fix=f"at most {MAX_LENGTH}")
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
    # Nine of ten addresses are plain; a regular expression knows those for sure, 30 times as fast as the library,
    # which was a fifteenth of the cost of a request. A property test holds it against the library.
    if len(text) <= _PLAIN_LENGTH and _PLAIN_EMAIL.match(text):
        return
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
    if not valid or not _E164.match(text):
        fix = "international form, E.164: +33123456789"
        raise InvalidIdentifierError("identifier.phone", "not a phone number", where=where, fix=fix)
