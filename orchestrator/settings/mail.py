"""``[mail]`` of ``expunge.toml``: which mails are requests. A table of rules as data; nothing else decides (ADR 33)."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any, Final

import msgspec

from connectors.datamap import Location
from connectors.errors import MisconfiguredError
from schemas.errors import SchemaError
from schemas.identifiers import Identifier
from schemas.particulars import Ground, Right
from schemas.requesters import is_code
from schemas.requests import RequestForm, Scope, validated

_ADDRESS: Final = re.compile(r"[^@\s]+@[^@\s]+\Z")
_HEADER: Final = re.compile(r"([!-9;-~]+):\s*(\S.*)\Z")
_RULES: Final = "[[mail.rules]]"
_LARGEST: Final = 64 << 20
_EXAMPLE: Final = '[[mail.rules]], then to = "erasure@example.org" and right = "erasure"'


class MailRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule: exactly one of ``to``, ``subject``, ``header`` says which mails it is about, the rest what they ask.

    Attributes:
        to: The address that the mail came to, whole.
        subject: What the subject begins with, in capitals or not.
        header: ``Name: value`` of a header that a web form of the company sets.
    """

    right: Right
    to: str = ""
    subject: str = ""
    header: str = ""
    controllers: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    restriction_ground: Ground | None = None

    def form(self, found: tuple[Identifier, ...], received_at: str | None = None) -> RequestForm:
        """Give the request of whom these identifiers lead to. Nobody has seen who asks: From can be forged."""
        return RequestForm(
            self.right,
            found,
            received_at=received_at,
            controllers=self.controllers,
            scope=Scope(self.systems),
            channel="mail",
            identity="unverified",
            purposes=self.purposes,
            restriction_ground=self.restriction_ground,
        )

    def header_pair(self) -> tuple[str, str]:
        """Give the name, in small letters, and the value."""
        name, _, value = self.header.partition(":")
        return name.strip().lower(), value.strip()


class MailSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole table.

    Attributes:
        max_bytes: A mail above this is left where it is, for a person.
        own_domains: Domains of the company: whoever writes from one of them writes for somebody else.
        owner: The role that mails wait for.
    """

    rules: tuple[MailRule, ...] = ()
    max_bytes: int = 10 << 20
    own_domains: tuple[str, ...] = ()
    owner: str = "dpo"


def read_mail(raw: Any, location: Location) -> MailSettings:
    """Read the table.

    Raises:
        MisconfiguredError: a rule that no mail could follow, or two of which a mail could follow either; with its line.
    """
    rules = raw.get("rules", []) if isinstance(raw, dict) else []
    if not isinstance(raw, dict) or not isinstance(rules, list):
        raise location.wrong("[mail] is a table, its rules are tables", "mail", "rules", fix=_EXAMPLE)
    for key, value in raw.items():
        if key != "rules":
            _convert({key: value}, MailSettings, location, location.line("mail", key))
    found = tuple(_rule(one, place, location) for place, one in enumerate(rules))
    made = msgspec.convert({**raw, "rules": []}, MailSettings)
    if not 1 <= made.max_bytes <= _LARGEST:
        raise location.wrong("[mail] max_bytes is out of range", "mail", "max_bytes", fix=f"1 to {_LARGEST}")
    if not is_code(made.owner):
        raise location.wrong("[mail] owner is a role", "mail", "owner", fix='a code word, e.g. owner = "dpo"')
    conditions = [(one.to.lower(), one.subject.casefold(), one.header.lower()) for one in found]
    for place, one in enumerate(conditions):
        if one in conditions[:place]:
            raise _wrong("says the same as an earlier one", place, location, "keep one of them")
    own = tuple(one.lower().lstrip("@") for one in made.own_domains)
    return msgspec.structs.replace(made, rules=found, own_domains=own)


def _rule(raw: Any, place: int, location: Location) -> MailRule:
    one: MailRule = _convert(raw, MailRule, location, _line(place, location), f"rule {place + 1}: ")
    if sum(map(bool, (one.to, one.subject.strip(), one.header))) != 1:
        raise _wrong("needs exactly one of to, subject, header", place, location, _EXAMPLE)
    if one.to and not _ADDRESS.match(one.to):
        raise _wrong("to is one address", place, location, 'to = "erasure@example.org"')
    if one.header and not _HEADER.match(one.header):
        raise _wrong("header is a name and a value", place, location, 'header = "X-Privacy-Right: erasure"')
    try:
        # Whatever a request of this right needs has to stand in the rule: a mail cannot be asked.
        validated(one.form((Identifier("customer_id", "1"),)), now=_SOME_TIME)
    except SchemaError as error:
        raise _wrong(error.message, place, location, error.fix) from None
    return one


_SOME_TIME: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
"""A rule has no date: nothing is compared with it."""


def _convert(raw: Any, kind: type[Any], location: Location, line: int | None, before: str = "") -> Any:
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        field = where.strip("`.") or next(iter(raw), "") if isinstance(raw, dict) else ""
        known = ", ".join(kind.__struct_fields__)
        text = f"[mail] {before}{field + ': ' if field else ''}{what}"
        raise MisconfiguredError("mail", text, file=str(location.file), line=line, fix=f"known: {known}") from None


def _wrong(what: str, place: int, location: Location, fix: str) -> MisconfiguredError:
    text, line = f"[mail] rule {place + 1}: {what}", _line(place, location)
    return MisconfiguredError("mail", text, file=str(location.file), line=line, fix=fix)


def _line(place: int, location: Location) -> int | None:
    lines = [n for n, line in enumerate(location.text.splitlines(), 1) if line.replace(" ", "").startswith(_RULES)]
    return lines[place] if place < len(lines) else location.line("mail", "rules")
