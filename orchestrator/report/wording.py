"""Codes and numbers of a report in words, for people."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from orchestrator.law.texts import LIBRARY
from orchestrator.law.wording import date_words
from schemas.outcomes import KeptWhy

KEPT: Final = {
    KeptWhy.EXPRESSION: "freedom of expression, GDPR Art. 17(3)(a)",
    KeptWhy.LEGAL_OBLIGATION: "legal obligation, GDPR Art. 17(3)(b)",
    KeptWhy.PUBLIC_HEALTH: "public health, GDPR Art. 17(3)(c)",
    KeptWhy.ARCHIVING: "archiving and research, GDPR Art. 17(3)(d)",
    KeptWhy.LEGAL_CLAIMS: "legal claims, GDPR Art. 17(3)(e)",
    KeptWhy.NO_GROUND: "no ground for erasure",
    KeptWhy.HOLD: "legal hold",
    KeptWhy.RESTRICTED: "restriction chosen instead",
    KeptWhy.LIVE_FILE: "a live file that has not been rotated",
}
CAUGHT: Final = {
    "survived": "said to be done, and not so at the second look",
    "unverifiable": "proved nothing",
    "contradictory_answer": "a second, different answer under one id",
    "unusable_answer": "could not be used",
}
LOOKED: Final = {
    "recheck": "looked at again while backups live",
    "restored": "looked at again after a restore",
    "due": "looked at again when what is kept came due",
}
OWED: Final = {
    "retention": "kept: to be erased when its time ends",
    "recipient": "kept by a processor: to be asked again",
    "restriction": "restricted: to be looked at again",
    "backup_horizon": "backups hold it until they are gone",
    "package_expiry": "copies that expire",
    "suppression": "recognised by keyed digests should it come back",
    "transfer": "copies to hand to another controller",
}
SPARE: Final = {"late": "after the last day", "28+": "28 or more"}
"""One code may mean different things in different tables: a restriction is a right, and it is something owed."""
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def code(name: str, words: Mapping[str, str] = MappingProxyType({})) -> str:
    """Say what a code means; one that has no words of its own reads as it is spelled."""
    return words.get(name, name.replace("_", " ").strip())


def system(name: str) -> str:
    """Name a system: its id, as it is; what is no system says what it is."""
    return "access packages" if name == "_package" else name or "-"


def kept(why: str) -> str:
    """Say why something is kept."""
    return KEPT[KeptWhy(why)]


def text(text_id: str) -> str:
    """Name a legal text, or the controller's own rule."""
    if text_id.startswith("policy:"):
        return f"own policy, {text_id.removeprefix('policy:')}"
    known = LIBRARY.get(text_id)
    return known.short if known else text_id


def day(moment: str | None) -> str:
    """Write the date of a time or a day: ``31 Jan 2026``; a dash where there is none."""
    return date_words(dt.date.fromisoformat(moment[:10])) if moment else "-"


def month(name: str) -> str:
    """Write a month: ``Jan 2026``."""
    return date_words(dt.date.fromisoformat(f"{name}-01")).partition(" ")[2]


def minute(moment: str) -> str:
    """Write a time to the minute, in UTC."""
    return f"{day(moment)}, {moment[11:16]} UTC"


def number(value: int | None) -> str:
    """Write a number with a narrow no-break space every three digits; a dash where there is none."""
    return "-" if value is None else f"{value:,}".replace(",", "\u202f")


def duration(seconds: int | None) -> str:
    """Write a length of time by its two greatest units: ``3 d 4 h``."""
    if seconds is None:
        return "-"
    days, rest = divmod(seconds, _DAY)
    hours, rest = divmod(rest, _HOUR)
    minutes, left = divmod(rest, _MINUTE)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (left, "s")]
    first = next((place for place, (value, _) in enumerate(parts) if value), len(parts) - 1)
    return " ".join(f"{value} {unit}" for value, unit in parts[first : first + 2] if value or not seconds)


def margin(days: int | None) -> str:
    """Write days to spare; what was late says so without a colour."""
    if days is None:
        return "-"
    return f"{number(-days)} d late" if days < 0 else f"{number(days)} d"


def many(count: int, one: str, more: str = "") -> str:
    """Write a count with its noun."""
    return f"{number(count)} {one if count == 1 else more or one + 's'}"


def missing(deleted: int) -> str:
    """Say that requests of the period were deleted, so that nobody takes its figures for all there was."""
    if not deleted:
        return ""
    were = many(deleted, "request of this period was", "requests of this period were")
    return f"{were} deleted at the end of the retention: in no figure here."
