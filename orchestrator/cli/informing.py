"""What a policy tells a person, in words: ``expunge policy inform``, and ``show ID --why`` of each record set."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Iterator
from typing import Final

import msgspec
from rich.console import Console
from rich.text import Text

from orchestrator.cli import words
from orchestrator.errors import UsageError
from orchestrator.law.texts import LIBRARY
from orchestrator.policy.informing import Information, Period, Processing, Receiver, Safeguard

_MECHANISMS: Final = {
    "adequacy": "adequacy decision, GDPR Art. 45",
    "scc": "standard contractual clauses, GDPR Art. 46(2)(c)",
    "bcr": "binding corporate rules, GDPR Art. 47",
    "derogation": "derogation, GDPR Art. 49",
    "gdpr_applies": "the GDPR itself still applies there",
    "none_needed": "no transfer out of the EEA",
}
_AREAS: Final = {"": "country not named", "eea": "EEA, country not named", "outside_eea": "outside the EEA, not named"}
_MAY_BE_WITHHELD: Final = "a person decides what the data subject is told of it, GDPR Art. 23"
Lines = Iterator[tuple[str, str]]
"""Label and text."""


def picked(information: Information, activity: str) -> Information:
    """Keep one activity.

    Raises:
        UsageError: the policy has none of that id.
    """
    found = information.of(activity)
    if found is None:
        known = [one.activity for one in information.activities]
        close = difflib.get_close_matches(activity, known, n=1)
        fix = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known) or 'none yet'}"
        raise UsageError(f"the policy has no activity {activity!r}", fix=fix)
    return msgspec.structs.replace(information, activities=(found,))


def print_information(out: Console, information: Information, day: dt.date) -> None:
    """Print it for people, as it holds on a day."""
    out.print(Text.assemble((information.title, "bold"), f", version {information.version}; as of {day}"))
    _print(out, general(information, day))
    for one in information.activities:
        out.print(Text.assemble("\n", (one.activity, "bold")), soft_wrap=True)
        _print(out, lines(one, day))


def _print(out: Console, rows: Lines) -> None:
    for name, value in rows:
        out.print(Text(f"  {name + ':':<12}{value}"), soft_wrap=True)


def general(information: Information, day: dt.date) -> Lines:
    """What is the same for every activity: who answers, which rights, who may get any data, what it is not about."""
    if information.scope:
        yield "about", ", ".join(information.scope)
    for one in information.controllers:
        ways = (one.name, one.country, one.contact, one.authority and f"authority {one.authority}", one.court)
        yield "controller", ", ".join(filter(None, ways))
    if information.joint:
        yield "jointly", "each of them answers for all, GDPR Art. 26(3)"
    if information.rights:
        yield "rights", ", ".join(one.replace("_", " ") for one in information.rights)
    for other in information.receivers:
        yield "may get", _receiver(other, day, "")
    for each in information.beyond:
        yield "not about", each.name + (f": {each.why}" if each.why else "")


def lines(one: Processing, day: dt.date, system: str = "") -> Lines:
    """What there is to tell of one activity on a day, point by point of GDPR Art. 15(1).

    ``system``: where the records are that it is asked about; a receiver that works elsewhere is told with its place.
    """
    aims = f" ({', '.join(one.aims)})" if one.aims else ""
    yield "purpose", one.purpose + aims
    yield "basis", f"{one.basis.replace('_', ' ')}, {one.article}" + ("; direct marketing" if one.marketing else "")
    yield "categories", ", ".join(one.categories) or "the policy lists none"
    yield "source", _source(one)
    for period in one.periods:
        yield "how long", _period(period, day)
    if not one.periods:
        yield "how long", "the policy does not say"
    for receiver in one.receivers:
        yield "goes to", _receiver(receiver, day, system)
    if one.profiling:
        yield "profiling", "profiles are made, GDPR Art. 15(1)(h)"


def _source(one: Processing) -> str:
    said = "the person" if one.from_the_person else one.source or "the policy does not say"
    return said + ("; free text, so other things and other people too" if one.free_text else "")


def _period(one: Period, day: dt.date) -> str:
    since = f"from {one.anchor.replace('_', ' ')}"
    early = f"; ends early on {' or '.join(one.ends_early_on)}" if one.ends_early_on else ""
    if not one.months:
        return f"{since}: undecided ({one.rule}){early}"
    known = LIBRARY.get(one.text)
    doubt = "" if known is None or known.in_force(day) else f", NOT in force on {day}"
    return f"{words.months(one.months)} {since}, {words.text(one.text)}{doubt}{early}"


def _receiver(one: Receiver, day: dt.date, system: str) -> str:
    kind = f"{one.role} (a kind of them)" if one.category else one.role
    place = one.country or ("" if one.category else _AREAS[one.area])
    works = sorted({each.partition("/")[0] for each in one.held_in})
    where = f"works on {', '.join(works)}" if works and system not in works else ""
    parts = [one.name, kind, place, one.agreement and f"agreement: {one.agreement}", where]
    parts += [_safeguard(each, day) for each in one.safeguards]
    parts.append(one.confidentiality and f'bound by "{one.confidentiality}"')
    if one.role == "authority":
        parts.append(_MAY_BE_WITHHELD)
    return "; ".join(filter(None, parts))


def _safeguard(one: Safeguard, day: dt.date) -> str:
    said = _MECHANISMS.get(one.mechanism, one.mechanism)
    if one.on(day):
        return said + (f" until {one.valid_until}" if one.valid_until else "")
    if one.valid_until is not None and one.valid_until < day:
        return f"{said}: OVER, its last day was {one.valid_until}"
    return f"{said}: not before {one.valid_from}"
