"""What has to hold between the entries of a policy file before anything may rely on it.

A text that is repealed, or a period nobody decided, is no mistake of the file: the linter speaks of those.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Callable, Collection, Iterator
from typing import Final

from orchestrator.law.texts import TEXTS
from orchestrator.policy.errors import PolicyError
from orchestrator.policy.places import COUNTRIES, calendar_problem
from orchestrator.policy.register import Document, Register
from orchestrator.policy.words import Entry, Named

Problem = tuple[str, Entry, str, str]
"""Kind of the entry, the entry, what is wrong, and the fix."""


def check(register: Register) -> None:
    """Hold the entries against each other, the legal texts and the calendars.

    Raises:
        PolicyError: the first thing that is wrong; the others are in its ``more``.
    """
    found = [problem for one in _CHECKS for problem in one(register.document)]
    if not found:
        return
    told = [(what, f"{register.file}:{register.line(kind, entry)}", fix) for kind, entry, what, fix in found]
    what, where, fix = told[0]
    raise PolicyError(what, where=where, fix=fix, more=tuple(f"{w} ({at}); fix: {f}" for w, at, f in told[1:]))


def _named(document: Document) -> Iterator[tuple[str, Named]]:
    for kind in document.__struct_fields__:
        entries = getattr(document, kind)
        for one in entries if isinstance(entries, tuple) else ():
            if isinstance(one, Named):
                yield kind, one


def _duplicates(document: Document) -> Iterator[Problem]:
    seen: set[tuple[str, str]] = set()
    for kind, one in _named(document):
        if (kind, one.id) in seen:
            yield kind, one, f"{kind} {one.id!r} stands twice", "give each an id of its own"
        seen.add((kind, one.id))
    rights: set[str] = set()
    for promise in document.promise:
        if promise.right in rights:
            what = f"promise {promise.right!r} stands twice"
            yield "promise", promise, what, "one [[promise]] for each right"
        rights.add(promise.right)


def _unknown(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known)) or 'none yet'}"


def _references(document: Document) -> Iterator[Problem]:
    activities = {one.id for one in document.activity}
    controllers = {one.id for one in document.controller}
    domains = {one.id for one in document.domain}
    wanted: list[tuple[str, Entry, str, str, Collection[str]]] = [
        ("policy", document.policy, name, "controller", controllers) for name in document.policy.joint_controllers
    ]
    for kind in ("retention", "recipient", "exclusion", "output"):
        for one in getattr(document, kind):
            wanted += [(kind, one, name, "activity", activities) for name in one.activities]
    for activity in document.activity:
        wanted += [("activity", activity, name, "controller", controllers) for name in activity.controllers]
    for join in document.join:
        wanted += [("join", join, name, "domain", domains) for name in (join.found_in, join.may_search)]
    for kind, entry, name, of, known in wanted:
        if name not in known:
            label = f"{kind} {entry.id!r}" if isinstance(entry, Named) and kind != "policy" else kind
            yield kind, entry, f"{label}: unknown {of} {name!r}", _unknown(name, known)


def _systems(document: Document) -> Iterator[Problem]:
    """A system belongs to one domain; where domains are declared, what is held anywhere is held in one of them."""
    owner: dict[str, str] = {}
    for domain in document.domain:
        for system in domain.systems:
            if system in owner:
                what = f"domain {domain.id!r}: system {system!r} is in domain {owner[system]!r} already"
                yield "domain", domain, what, "a system is in one domain"
            owner[system] = domain.id
    if not document.domain:
        return
    for kind in ("activity", "recipient"):
        for one in getattr(document, kind):
            for place in one.held_in:
                system = place.partition("/")[0]
                if system not in owner:
                    yield kind, one, f"{kind} {one.id!r}: system {system!r} is in no domain", _unknown(system, owner)


def _places(document: Document) -> Iterator[Problem]:
    for kind in ("controller", "recipient"):
        for one in getattr(document, kind):
            if one.country and one.country not in COUNTRIES:
                what = f"{kind} {one.id!r}: unknown country {one.country!r}"
                yield kind, one, what, 'ISO 3166, two letters: country = "FR"; the United Kingdom is GB'
    for controller in document.controller:
        label = f"controller {controller.id!r}"
        if not controller.country:
            yield "controller", controller, f"{label}: country is empty", 'e.g. country = "FR"'
        elif advice := calendar_problem(controller.calendar):
            yield "controller", controller, f"{label}: unknown calendar {controller.calendar!r}", advice
        elif controller.country in COUNTRIES and controller.calendar.partition("-")[0] != controller.country:
            what = f"{label}: the calendar {controller.calendar!r} is not of its country {controller.country!r}"
            yield "controller", controller, what, f'e.g. calendar = "{controller.country}"'


def _versions(document: Document) -> Iterator[Problem]:
    """A version ends when the next begins; so each begins after the one above it."""
    for before, after in itertools.pairwise(document.version):
        if after.begins <= before.begins:
            what = (
                f"version {after.id!r} begins on {after.begins}, version {before.id!r} above it on {before.begins}: "
                "they overlap"
            )
            yield "version", after, what, "list versions from old to new, each effective after the one before it"
        if after.first:
            yield "version", after, f"version {after.id!r} is not the first", "take `first = true` away"


def _retention(document: Document) -> Iterator[Problem]:
    for one in document.retention:
        label = f"retention {one.id!r}"
        if not one.activities:
            yield "retention", one, f"{label}: about no activity", 'e.g. activities = ["recruitment"]'
        if one.undecided and one.months is not None:
            yield "retention", one, f"{label}: undecided, and {one.months} months", "one of them"
        if not one.undecided and one.months is None:
            yield "retention", one, f"{label}: no period", "months = 24, or undecided = true where the policy is silent"
        if not one.undecided and not one.text:
            yield "retention", one, f"{label}: rests on no text", f'text = "policy:{one.id}" is your own decision'
        own = one.text.startswith("policy:")
        if own and one.text != f"policy:{one.id}":
            what = f"{label}: its text {one.text!r} names another rule"
            yield "retention", one, what, f'text = "policy:{one.id}"'
        if one.text and not own and one.text not in TEXTS:
            fix = f"{_unknown(one.text, TEXTS)}, or policy:{one.id}"
            yield "retention", one, f"{label}: the text {one.text!r} does not exist", fix


def _transfers(document: Document) -> Iterator[Problem]:
    for one in document.recipient:
        for transfer in one.transfer:
            if transfer.valid_from and transfer.valid_until and transfer.valid_until < transfer.valid_from:
                what = f"recipient {one.id!r}: a transfer ends on {transfer.valid_until}, before it begins"
                yield "recipient", one, what, "valid_until is its last day"


_CHECKS: Final[tuple[Callable[[Document], Iterator[Problem]], ...]] = (
    _duplicates, _references, _systems, _places, _versions, _retention, _transfers,
)  # fmt: skip
