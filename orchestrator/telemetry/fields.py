"""The redaction of what is logged: a field passes only if it is declared, and only in its declared form (I4).

The list is one of what may pass, not of what must not: a new kind of personal data needs no new rule.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final

from connectors.redact import HIDDEN, text_is_safe
from connectors.signals import FIELDS, LABELS, OPEN, OTHER, Kind

_ID: Final = re.compile(r"(?=[^0-9]*[0-9])(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")
"""Ids of ours hold letters and digits. So a name, a telephone or customer number, an IPv4 address are none."""
_VERSION: Final = re.compile(r"[0-9]+(\.[0-9]+){1,2}([a-z+][a-z0-9.+]{0,20})?\Z")


class Vocabulary:
    """Which values a label may have in this installation."""

    def __init__(self, systems: Collection[str] = ()) -> None:
        more = {"system": tuple(systems), "topic": tuple(f"expunge.tasks.{one}" for one in systems)}
        self._known: dict[str, frozenset[str]] = {
            name: frozenset(values) - {OPEN} | frozenset(more.get(name, ())) for name, values in LABELS.items()
        }

    def label(self, name: str, value: object) -> str:
        """Give the value, or ``other`` for one that is not declared."""
        if value is None or value == "":
            return ""
        return str(value) if isinstance(value, str) and value in self._known.get(name, frozenset()) else OTHER

    def clean(self, fields: Mapping[str, object]) -> dict[str, Any]:
        """Give the fields that may be logged. ``dropped`` counts those that are not declared."""
        clean: dict[str, Any] = {}
        dropped = 0
        for name, value in fields.items():
            if name in self._known:
                clean[name] = self.label(name, value)
            elif name in FIELDS:
                clean[name] = _CLEANERS[FIELDS[name]](value)
                if isinstance(value, BaseException):
                    clean["place"] = place_of(value)
            else:
                dropped += 1
        if dropped:
            clean["dropped"] = dropped
        return clean


def error_name(value: object) -> str:
    """Give the class of an exception; nothing of its message, which may quote a row."""
    if isinstance(value, BaseException):
        return type(value).__name__
    return value.__name__ if isinstance(value, type) and issubclass(value, BaseException) else HIDDEN


def place_of(error: BaseException) -> str:
    """Give ``file:line`` of where an exception comes from; nothing of the line itself."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).stem}:{frames[-1].lineno}" if frames else "unknown"


def _number(value: object) -> object:
    if isinstance(value, float):
        return round(value, 6)
    return value if value is None or isinstance(value, int) else HIDDEN


def _id(value: object) -> object:
    return value if isinstance(value, str) and _ID.match(value) and text_is_safe(value) else HIDDEN


def _version(value: object) -> object:
    return value if isinstance(value, str) and _VERSION.match(value) else HIDDEN


_CLEANERS: Final[dict[Kind, Callable[[object], object]]] = {
    "number": _number,
    "error": error_name,
    "id": _id,
    "version": _version,
}
