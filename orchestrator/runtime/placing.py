"""Which entity holds a system, and in which country (S20); and whether a transfer of the policy carries data there.

A copy that another company of the group holds is in scope like any other, by name: `show --why` says whose it is.
"""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Iterator

import msgspec

from connectors.datamap import read_toml
from orchestrator.errors import UsageError
from orchestrator.policy import Register
from orchestrator.policy.places import COUNTRIES, EEA
from orchestrator.policy.processing import Recipient
from orchestrator.settings import ConnectedSystem, Settings


class Place(msgspec.Struct, frozen=True):
    """Who holds a system, and where; empty where nobody says."""

    controller: str = ""
    country: str = ""


class Abroad(msgspec.Struct, frozen=True):
    """A system outside the EEA that no transfer of the policy covers."""

    system: str
    problem: str
    ask: str
    where: str


def places(settings: Settings, register: Register | None) -> dict[str, Place]:
    """Give the place of every system; where only the controller is named, its country is that of the policy.

    Raises:
        UsageError: a controller that the policy does not have, or a country that does not exist.
    """
    return {one.system: _place(settings, register, one) for one in settings.systems}


def _place(settings: Settings, register: Register | None, one: ConnectedSystem) -> Place:
    if one.country and one.country not in COUNTRIES:
        fix = 'ISO 3166, two letters; the United Kingdom is "GB"'
        raise UsageError(f"[systems.{one.system}] unknown country", where=_line(settings, one, "country"), fix=fix)
    known = {each.id: each.country for each in register.document.controller} if register else {}
    ids = list(known) or list(settings.policy.controllers)
    if one.controller and one.controller not in ids:
        close = difflib.get_close_matches(one.controller, ids, n=1)
        fix = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(ids) or 'none'}"
        what = f"[systems.{one.system}] no such controller"
        raise UsageError(what, where=_line(settings, one, "controller"), fix=fix)
    return Place(one.controller, one.country or known.get(one.controller, ""))


def uncovered(settings: Settings, register: Register, on: dt.date) -> Iterator[Abroad]:
    """Give the systems that are held outside the EEA while no recipient there has a transfer that is valid on a day."""
    if "eu" not in {one.regime for one in register.document.controller}:
        return
    for system, place in places(settings, register).items():
        if not place.country or place.country in EEA:
            continue
        there = [one for one in register.document.recipient if place.country == one.country and _works_on(one, system)]
        if any(_valid(one, on) for one in there):
            continue
        whose = f" by {place.controller}" if place.controller else ""
        named = ", ".join(one.id for one in there)
        has = f"no transfer to {named} is valid on {on}" if named else "the policy names no recipient there"
        (held,) = (one for one in settings.systems if one.system == system)
        yield Abroad(
            system,
            f"system {system} is held in {place.country}{whose}, and {has}",
            f"What does the transfer of what {system} holds to {place.country} rest on today (GDPR Art. 44-46)?",
            _line(settings, held, "country" if held.country else "controller"),
        )


def _works_on(one: Recipient, system: str) -> bool:
    """Tell whether a recipient may be the one that holds a system: one that names its systems names this one."""
    return not one.held_in or any(place.partition("/")[0] == system for place in one.held_in)


def _valid(one: Recipient, on: dt.date) -> bool:
    return any(
        (each.valid_from is None or each.valid_from <= on) and (each.valid_until is None or each.valid_until >= on)
        for each in one.transfer
        if each.mechanism != "none_needed"
    )


def _line(settings: Settings, one: ConnectedSystem, key: str) -> str:
    _, location = read_toml(settings.file)
    return f"{settings.file}:{location.line('systems', one.system, key)}"
