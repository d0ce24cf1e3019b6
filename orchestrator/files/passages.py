"""Finds what may be about other people in a text: addresses and numbers. No names: no rule tells a name (ADR 46).

It proposes; a person decides. What belongs to the person whose copy it is, is not proposed.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Final

import msgspec
from phonenumbers import PhoneNumberFormat, PhoneNumberMatcher, format_number

LONGEST: Final = 1_000_000
"""Characters of a text that are looked through; a longer one has to be read by a person."""
_EMAIL: Final = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
_IP: Final = re.compile(r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7})(?![\w:])")
_IBAN: Final = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)")
_NUMBER: Final = re.compile(r"(?<![\w.-])(?:\d[ ./-]?){8,18}\d(?![\w-])")
_CHECK: Final = 97


class Found(msgspec.Struct, frozen=True, order=True):
    """One passage of a text, by its characters; ``kind``: what it looks like."""

    start: int
    end: int
    kind: str


def find(text: str, own: frozenset[str]) -> list[Found]:
    """Give the passages that may be about others, in order, none within another.

    Args:
        text: What somebody wrote.
        own: Identifiers of the person, normalised (``schemas.identifiers``): they are about nobody else.
    """
    found = sorted(_all(text[:LONGEST], own), key=lambda one: (one.start, -one.end))
    kept: list[Found] = []
    for one in found:
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return kept


def _all(text: str, own: frozenset[str]) -> Iterator[Found]:
    for one in _EMAIL.finditer(text):
        if one[0].rstrip(".").lower() not in own:
            yield Found(one.start(), one.start() + len(one[0].rstrip(".")), "email")
    phones = list(PhoneNumberMatcher(text, None))
    theirs = [(one.start, one.end) for one in phones if format_number(one.number, PhoneNumberFormat.E164) in own]
    for phone in phones:
        if (phone.start, phone.end) not in theirs:
            yield Found(phone.start, phone.end, "phone")
    for one in _IP.finditer(text):
        if _is_ip(one[0]) and one[0].lower() not in own:
            yield Found(one.start(), one.end(), "ip")
    for one in _IBAN.finditer(text):
        if _is_iban(one[0].replace(" ", "")) and one[0].replace(" ", "").lower() not in own:
            yield Found(one.start(), one.end(), "iban")
    # The whole number: a short customer number is part of almost any phone number, and would hide it.
    ours = {value.removeprefix("+") for value in own}
    for one in _NUMBER.finditer(text):
        digits = re.sub(r"\D", "", one[0])
        if digits not in ours and not any(start <= one.start() < end for start, end in theirs):
            yield Found(one.start(), one.end(), "number")


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_iban(text: str) -> bool:
    """Check the two digits (ISO 13616)."""
    moved = text[4:] + text[:4]
    return int("".join(str(int(one, 36)) for one in moved)) % _CHECK == 1
