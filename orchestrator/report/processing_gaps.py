"""Where the record of processing has gaps: what neither side says, and where policy and data maps differ."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from orchestrator.policy import Register
from orchestrator.policy.lint import lint
from orchestrator.policy.processing import Activity
from orchestrator.policy.words import same_basis
from orchestrator.report.processing import Gap, MappedSet, plain, sets_of

_LINTED = {
    "transfer-over": "30(1)(e)",
    "transfer-without-mechanism": "30(1)(e)",
    "country-unknown": "30(1)(e)",
    "retention-undecided": "30(1)(f)",
    "retention-missing": "30(1)(f)",
    "text-not-in-force": "30(1)(f)",
    "open-question": "30(1)(b)",
}
"""Rules of the linter that are gaps of the record too, and the letter that they belong to."""


def gaps(register: Register, sets: Sequence[MappedSet], systems: Sequence[str], on: dt.date) -> Iterator[Gap]:
    """Give all of them.

    Args:
        register: The policy.
        sets: Every record set of the data maps.
        systems: Every connected system; none: only the policy is looked at.
        on: The day that transfers and texts are judged on.
    """
    yield from _controllers(register)
    for one in register.document.activity:
        yield from _activity(register, one, sets, systems)
    for each in sets:
        yield from _set(register, each)
    yield from _recipients(register, systems)
    for found in lint(register, on):
        # Of two things that a transfer rests on one may be over: then the other is in the record.
        if found.code in _LINTED and not (found.code == "transfer-over" and found.severity == "warning"):
            where = f"{found.file}:{found.line}"
            yield Gap(found.code, _LINTED[found.code], found.problem, where, f"decide: {found.ask}")
    if not register.document.policy.security:
        fix = 'security = ["encryption at rest", ...] under [policy], in general words'
        yield Gap("no-security", "30(1)(g)", "no security measure is described", _policy(register), fix)


def _policy(register: Register) -> str:
    return f"{register.file}:{register.line('policy', register.document.policy)}"


def _controllers(register: Register) -> Iterator[Gap]:
    for one in register.document.controller:
        where = f"{register.file}:{register.line('controller', one)}"
        if not (one.address and one.contact):
            missing = " and ".join(name for name in ("address", "contact") if not getattr(one, name))
            fix = f"add {missing} to [[controller]] {one.id}"
            yield Gap("no-contact", "30(1)(a)", f"{one.name}: no {missing} is named", where, fix)
        if not one.dpo:
            fix = f"add dpo to [[controller]] {one.id}, or say in the policy that none has to be designated (Art. 37)"
            yield Gap("no-dpo", "30(1)(a)", f"{one.name}: no data protection officer is named", where, fix)


def _activity(register: Register, one: Activity, sets: Sequence[MappedSet], systems: Sequence[str]) -> Iterator[Gap]:
    where, mine = f"{register.file}:{register.line('activity', one)}", sets_of(one, sets)
    entry = f"[[activity]] {one.id}"
    if not one.subjects:
        what = f"activity {one.id} names no category of data subjects"
        yield Gap("no-subjects", "30(1)(c)", what, where, f'add subjects = ["clients"] to {entry}')
    if not (one.fields or any(each.categories for each in mine)):
        what = f"activity {one.id} names no category of data, and no data map does"
        yield Gap("no-data", "30(1)(c)", what, where, f"add fields to {entry}, or categories to its record sets")
    if not systems:
        return
    if not mine:
        what = f"activity {one.id}: no record set of any data map has it as its purpose"
        yield Gap("no-system", "30(1)(c)", what, where, f'connect its system; purpose = "{one.id}" in the data map')
    for place in one.held_in:
        system, _, name = place.partition("/")
        if system not in systems:
            what = f"activity {one.id} is held in {system}, which is not connected: no data map says what it holds"
            yield Gap("not-connected", "30(1)(c)", what, where, f"connect {system}, or correct held_in of {entry}")
        elif name and place not in {each.place for each in sets}:
            what = f"activity {one.id} is held in {place}, and the data map has no such record set"
            yield Gap("not-mapped", "30(1)(c)", what, where, f"map {place}, or correct held_in of {entry}")
    yield from _categories(one, mine)
    yield from _periods(register, one, mine)


def _categories(one: Activity, mine: Sequence[MappedSet]) -> Iterator[Gap]:
    named = {plain(each) for each in one.fields}
    for each in mine:
        if not each.categories:
            what = f"{each.place} names no category of data, only fields"
            fix = f'categories = ["contact data"] for {each.place}, as activity {one.id} names them'
            yield Gap("set-without-category", "30(1)(c)", what, each.where, fix)
        for category in each.categories:
            if plain(category) not in named:
                what = f"{each.place} holds {category!r}, which activity {one.id} does not name"
                fix = f"add it to fields of [[activity]] {one.id}, or correct the data map"
                yield Gap("category-not-named", "30(1)(c)", what, each.where, fix)


def _periods(register: Register, one: Activity, mine: Sequence[MappedSet]) -> Iterator[Gap]:
    rules = [each for each in register.document.retention if one.id in each.activities and each.months is not None]
    if not rules:
        return  # the linter says so
    said = " or ".join(f"{each.months} months ({each.id})" for each in rules)
    for each in mine:
        if each.months in {rule.months for rule in rules} or each.follows:
            continue
        what = f"{each.place} keeps its records {each.months} months, by {each.text}" if each.months else (
            f"{each.place} has no period"
        )  # fmt: skip
        fix = "let the two say the same, or let the policy tell of the other period"
        yield Gap("period-differs", "30(1)(f)", f"{what}; for {one.id} the policy says {said}", each.where, fix)


def _set(register: Register, one: MappedSet) -> Iterator[Gap]:
    activity = register.activities.get(one.purpose)
    if activity is None:
        what = f"no activity of the policy: purpose {one.purpose!r}" if one.purpose else "no purpose"
        fix = f"purpose = one of: {', '.join(register.activities) or 'none is there'}; or an [[activity]] for it"
        yield Gap("no-activity", "30(1)(b)", f"{one.place} has {what}", one.where, fix)
    elif one.basis and not same_basis(one.basis, activity.basis):
        what = f"{one.place} rests on {one.basis!r}, activity {activity.id} on {activity.basis!r}"
        yield Gap("basis-differs", "30(1)(b)", what, one.where, "let the two say the same")


def _recipients(register: Register, systems: Sequence[str]) -> Iterator[Gap]:
    for one in register.document.recipient:
        where = f"{register.file}:{register.line('recipient', one)}"
        if not (one.activities or one.held_in):
            what = f"of {one.name} nobody says for which activity it gets data: it stands beside every one"
            yield Gap("recipient-of-anything", "30(1)(d)", what, where, f"add activities to [[recipient]] {one.id}")
        for place in one.held_in if systems else ():
            if place.partition("/")[0] not in systems:
                what = f"{one.name} works on {place}, which is not connected"
                fix = f"connect it, or correct held_in of [[recipient]] {one.id}"
                yield Gap("recipient-not-connected", "30(1)(d)", what, where, fix)
