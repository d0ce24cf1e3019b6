"""``[recipients]`` of ``expunge.toml``: who writes to the processors and recipients of the policy file (ADR 35)."""

from __future__ import annotations

import difflib
from typing import Any, Final

import msgspec

from connectors.datamap import Location

_EXAMPLES: Final = {"owner": 'owner = "events-team"', "always": "always = true", "through": 'through = "events"'}


class Correspondent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One ``[recipients.<id>]`` table.

    Attributes:
        owner: The role that writes to it; never a name.
        always: It collects data by itself: it is asked whatever is found in the connected systems.
        through: The connected system that is its own store: that one answers, and can be looked at.
    """

    owner: str = "dpo"
    always: bool = False
    through: str = ""


class RecipientSettings(msgspec.Struct, frozen=True):
    """``ask``: whether anybody is asked or told at all. ``by_id``: what is said of single ones."""

    ask: bool = True
    by_id: dict[str, Correspondent] = {}


def read(raw: dict[str, Any], location: Location) -> RecipientSettings:
    """Read the table.

    Raises:
        MisconfiguredError: unknown key or wrong type, with its line.
    """
    ask = raw.get("ask", True)
    if not isinstance(ask, bool):
        raise location.wrong("[recipients] ask is true or false", "recipients", "ask", fix="ask = true, without quotes")
    return RecipientSettings(ask, {name: _one(name, one, location) for name, one in raw.items() if name != "ask"})


def _one(name: str, raw: Any, location: Location) -> Correspondent:
    table = f"recipients.{name}"
    if not isinstance(raw, dict):
        fix = f"ask = true, or [{table}] on a line of its own, its keys below"
        raise location.wrong(f"[recipients] unknown key {name!r}", "recipients", name, fix=fix)
    for key, value in raw.items():
        if key not in _EXAMPLES:
            close = difflib.get_close_matches(key, _EXAMPLES, n=1)
            fix = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(_EXAMPLES)}"
            raise location.wrong(f"[{table}] unknown key {key!r}", "recipients", name, key, fix=fix)
        try:
            msgspec.convert({key: value}, Correspondent)
        except msgspec.ValidationError as error:
            message = str(error).partition(" - at `")[0]
            raise location.wrong(f"[{table}] {key}: {message}", "recipients", name, key, fix=_EXAMPLES[key]) from None
    return msgspec.convert(raw, Correspondent)
