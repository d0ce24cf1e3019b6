"""Reads one mail: who wrote, to which address, when it arrived, and whether a program wrote it. Pure.

Everything in a mail is somebody's claim, and may be broken on purpose. What cannot be read for sure is not guessed:
the mail then waits for a person. The standard library parses; its lenient policy (``compat32``) raises least, and what
it raises all the same ends here.
"""

from __future__ import annotations

import datetime as dt
import email.errors
import email.header
import email.message
import email.parser
import email.utils
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from schemas import identifiers
from schemas.errors import SchemaError
from schemas.identifiers import Identifier
from schemas.requests import CLOCK_SKEW, MAX_FORM_BYTES, utc

MAX_HEAD: Final = 256 << 10
"""Bytes of all headers together; servers allow less."""
FORM_NAME: Final = "request.json"
"""Name of the attachment that is a request form."""
_PARTS: Final = 1000
_END_OF_HEAD: Final = re.compile(rb"\r?\n\r?\n")
_ADDRESS: Final = re.compile(r"[^\s<>\"'(),;:\[\]]+@[^\s<>\"'(),;:\[\]]+")
_TO: Final = ("Delivered-To", "X-Original-To", "Envelope-To", "To", "Cc")
_REPLIES: Final = frozenset({"auto-replied", "auto-notified"})


class Mail(msgspec.Struct, frozen=True):
    """What counts of one mail. In memory only.

    Attributes:
        identity: What makes it this mail: its Message-ID, else what it says.
        content: What it says, whatever way it took.
        sender: Who wrote, if From names exactly one whole address.
        to: Addresses that it came to, in small letters.
        subject: In capitals or not, as one line.
        headers: Name in small letters and value, in their order.
        arrived_at: What the company's own server says (the topmost Received), RFC 3339 in UTC; empty: it does not.
        written_by: ``person``; ``reply``: a program answers, or returns, something; ``program``: it writes of itself.
        answers: It belongs to a conversation.
        forms: Attached request forms, as they are.
    """

    identity: bytes
    content: bytes
    sender: Identifier | None
    to: frozenset[str]
    subject: str
    headers: tuple[tuple[str, str], ...]
    arrived_at: str
    written_by: str
    answers: bool
    forms: tuple[bytes, ...] = ()

    def __repr__(self) -> str:
        """Hide everything (I4)."""
        return "Mail(<hidden>)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Hide everything from rich's tracebacks too."""
        return []


class UnreadableError(Exception):
    """A mail that nobody can be told of what it says: no headers, or too many, or parts without end."""


def read(raw: bytes, *, whole: bool, now: dt.datetime) -> Mail:
    """Read one mail.

    Args:
        raw: Its bytes; where it is too large, the first of them.
        whole: These are all of it.
        now: No mail arrives later.

    Raises:
        UnreadableError: it cannot be read; whatever the reason, never with its text.
    """
    try:
        return _read(raw, whole=whole, now=now)
    except Exception as error:  # noqa: BLE001 - a mail may be anything, and the parser raises anything
        raise UnreadableError(type(error).__name__) from None


def head_of(raw: bytes) -> bytes:
    """Give the headers.

    Raises:
        UnreadableError: they do not end.
    """
    end = _END_OF_HEAD.search(raw, 0, MAX_HEAD)
    if end is None and len(raw) >= MAX_HEAD:
        raise UnreadableError("headers")
    return raw if end is None else raw[: end.start()]


def _read(raw: bytes, *, whole: bool, now: dt.datetime) -> Mail:
    head = head_of(raw)
    message = email.parser.BytesHeaderParser().parsebytes(head + b"\n\n")
    headers = tuple((name.lower(), _line(str(value))) for name, value in message.items())
    if not headers:
        raise UnreadableError("no headers")
    body = raw[len(head) :].replace(b"\r\n", b"\n").strip() if whole else b""
    says = "\0".join(value for name, value in headers if name in {"from", "date", "subject"})
    content = says.encode("utf-8", "surrogateescape") + b"\0" + body
    known = _one(message, "Message-ID")
    return Mail(
        identity=b"id\0" + known.encode("utf-8", "surrogateescape") if known else b"content\0" + content,
        content=content,
        sender=_sender(message),
        to=frozenset(
            address.lower() for name in _TO for one in message.get_all(name, []) for address in _addresses(str(one))
        ),
        subject=_decoded(message.get("Subject", "")),
        headers=headers,
        arrived_at=_arrival(message, now),
        written_by=_author(message),
        answers=any(_one(message, name) for name in ("In-Reply-To", "References")),
        forms=tuple(_forms(raw)) if whole and message.get_content_maintype() == "multipart" else (),
    )


def _line(text: str) -> str:
    return " ".join(text.split())


def _one(message: email.message.Message, name: str) -> str:
    return _line(str(message.get(name, "")))


def _addresses(text: str) -> list[str]:
    return _ADDRESS.findall(text)


def _sender(message: email.message.Message) -> Identifier | None:
    """Give the one address of From. Where it names several, or one is hidden in a name, none of them is taken."""
    found = message.get_all("From", [])
    if len(found) != 1:
        return None
    text = str(found[0])
    _, address = email.utils.parseaddr(text)
    if {one.lower() for one in _addresses(text)} != {address.lower()}:
        return None
    try:
        return identifiers.parse("email", address)
    except SchemaError:
        return None


def _decoded(value: object) -> str:
    """Give a subject in clear (RFC 2047); in a character set that nobody knows it says nothing."""
    parts = email.header.decode_header(str(value))
    try:
        return _line(str(email.header.make_header(parts))).casefold()
    except (LookupError, ValueError):
        return ""


def _arrival(message: email.message.Message, now: dt.datetime) -> str:
    found = message.get_all("Received", [])
    if not found:
        return ""
    try:
        moment = email.utils.parsedate_to_datetime(str(found[0]).rpartition(";")[2].strip())
        # "-0000": the server gives UTC and says nothing of where it stands (RFC 5322 section 3.3).
        moment = moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
    except (ValueError, TypeError, OverflowError):
        return ""
    return "" if moment > now + CLOCK_SKEW else utc(min(moment, now))


def _author(message: email.message.Message) -> str:
    said = re.split(r"[;(\s]", _one(message, "Auto-Submitted").lower(), maxsplit=1)[0]
    if said in _REPLIES or _one(message, "Return-Path").replace(" ", "") == "<>":
        return "reply"
    if message.get_content_type() == "multipart/report":
        return "reply"
    return "person" if said in {"", "no"} else "program"


def _forms(raw: bytes) -> Iterator[bytes]:
    """Give every attached form; what is packed (a zip, another mail) is never opened."""
    for part in _parts(email.message_from_bytes(raw)):
        name = part.get_filename()
        if name is None or _line(name).lower() != FORM_NAME:
            continue
        payload = part.get_payload(decode=True)
        if not isinstance(payload, bytes) or len(payload) > MAX_FORM_BYTES:
            raise UnreadableError("form")
        yield payload


def _parts(message: email.message.Message) -> Iterator[email.message.Message]:
    waiting, seen = [message], 0
    while waiting:
        one = waiting.pop(0)
        seen += 1
        if seen > _PARTS:
            raise UnreadableError("parts")
        if one.get_content_maintype() == "multipart" and isinstance(one.get_payload(), list):
            waiting += [part for part in one.get_payload() if isinstance(part, email.message.Message)]
        else:
            yield one
