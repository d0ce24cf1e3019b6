"""The record of processing activities (GDPR Art. 30(1)), from the policy register and the data maps. Pure.

Nothing is made up: what neither the policy nor a data map says is left empty, and is a gap (`processing_gaps`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

import msgspec

from orchestrator.policy import Register
from orchestrator.policy.places import EEA
from orchestrator.policy.processing import Activity, Recipient
from orchestrator.policy.promises import Controller
from orchestrator.policy.words import ARTICLES


class MappedSet(msgspec.Struct, frozen=True):
    """A record set as its data map has it. ``months`` 0: no period of its own; ``line`` 0: the line is not known.

    ``categories``: categories of data; ``fields``: what the map calls personal. ``follows``: it lives and dies with its
    parent. ``controller``, ``country``: who holds its system, and where, as far as that is said.
    """

    system: str
    name: str
    file: str
    line: int
    owner: str = ""
    title: str = ""
    purpose: str = ""
    basis: str = ""
    categories: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    text: str = ""
    months: int = 0
    follows: bool = False
    controller: str = ""
    country: str = ""

    @property
    def place(self) -> str:
        """Name it as system/record set."""
        return f"{self.system}/{self.name}"

    @property
    def where(self) -> str:
        """Say where it stands, as file and line."""
        return f"{self.file}:{self.line}" if self.line else self.file


class Gap(msgspec.Struct, frozen=True):
    """What is missing, or does not fit. ``article``: of the GDPR; ``where``: file and line; ``fix``: what closes it."""

    code: str
    article: str
    what: str
    where: str
    fix: str


class ControllerEntry(msgspec.Struct):
    """Who is responsible (a). ``joint_with``: the other joint controllers (Art. 26)."""

    id: str
    name: str
    country: str
    address: str
    contact: str
    representative: str
    dpo: str
    joint_with: list[str]
    activities: list[str]


class RecipientEntry(msgspec.Struct):
    """Who gets data (d), and what a transfer to it rests on (e). ``outside_eea`` None: nobody says where it is."""

    id: str
    name: str
    role: str
    place: str
    outside_eea: bool | None
    safeguards: list[str]
    agreement: str


class PeriodEntry(msgspec.Struct):
    """When data goes (f). ``of``: the rule of the policy, or the record set. ``months`` None: undecided."""

    of: str
    months: int | None
    counted_from: str
    text: str


class ActivityEntry(msgspec.Struct):
    """One activity: purposes (b), categories (c), recipients (d, e), periods (f), and where its data is."""

    id: str
    purpose: str
    basis: str
    controllers: list[str]
    subjects: list[str]
    data: list[str]
    places: list[str]
    recipients: list[RecipientEntry]
    periods: list[PeriodEntry]
    ends_early_on: list[str]


class ProcessingRecord(msgspec.Struct):
    """The record. ``version``: of the policy on that day; ``maps``: record sets looked at; ``gaps``: by article."""

    v: int
    on: str
    policy: str
    title: str
    version: str
    maps: int
    controllers: list[ControllerEntry]
    activities: list[ActivityEntry]
    security: list[str]
    gaps: list[Gap]


def compute(register: Register, sets: Sequence[MappedSet], on: dt.date, gaps: Iterable[Gap]) -> ProcessingRecord:
    """Give the record as of a day."""
    document = register.document
    version = register.version_on(on)
    activities = [_activity(register, one, sets, on) for one in document.activity]
    return ProcessingRecord(
        v=1,
        on=on.isoformat(),
        policy=register.file,
        title=document.policy.title,
        version=version.id if version else "",
        maps=len(sets),
        controllers=[_controller(register, one, activities) for one in document.controller],
        activities=activities,
        security=list(document.policy.security),
        gaps=sorted(gaps, key=lambda one: one.article),
    )


def sets_of(one: Activity, sets: Iterable[MappedSet]) -> list[MappedSet]:
    """Give the record sets whose purpose an activity is."""
    return [each for each in sets if each.purpose == one.id]


def categories_of(one: Activity, sets: Iterable[MappedSet]) -> list[str]:
    """Give the categories of data of an activity: those of the policy, and those that its data maps add."""
    named = {plain(each) for each in one.fields}
    more = (each for of in sets_of(one, sets) for each in of.categories if plain(each) not in named)
    return list(dict.fromkeys([*one.fields, *more]))


def plain(category: str) -> str:
    """Write a category so that two spellings of it are one: ``First_Name`` and ``first name``."""
    return " ".join(category.replace("_", " ").replace("-", " ").lower().split())


def outside(one: Recipient) -> bool | None:
    """Tell whether a recipient is outside the European Economic Area; None: nobody says where it is."""
    if one.country:
        return one.country not in EEA
    return {"eea": False, "outside_eea": True}.get(one.area)


def _controller(register: Register, one: Controller, activities: Iterable[ActivityEntry]) -> ControllerEntry:
    joint = register.document.policy.joint_controllers
    return ControllerEntry(
        one.id,
        one.name,
        one.country,
        one.address,
        one.contact,
        one.representative,
        one.dpo,
        [each for each in joint if each != one.id] if one.id in joint else [],
        [each.id for each in activities if one.id in each.controllers],
    )


def _activity(register: Register, one: Activity, sets: Sequence[MappedSet], on: dt.date) -> ActivityEntry:
    document = register.document
    mine = sets_of(one, sets)
    rules = [each for each in document.retention if one.id in each.activities]
    periods = [PeriodEntry(f"policy:{each.id}", each.months, each.anchor, each.text) for each in rules]
    periods += [PeriodEntry(each.place, each.months, "", each.text) for each in mine if each.months]
    return ActivityEntry(
        one.id,
        one.purpose,
        f"{one.basis.replace('_', ' ')} ({ARTICLES[one.basis]})",
        list(one.controllers) or [each.id for each in document.controller],
        list(one.subjects),
        categories_of(one, sets),
        list(dict.fromkeys([*one.held_in, *(each.place for each in mine)])),
        [_recipient(each, on) for each in document.recipient if _gets(each, one.id)],
        periods,
        sorted({event for each in rules for event in each.ends_early_on}),
    )


def _gets(one: Recipient, activity: str) -> bool:
    # A recipient that names no activity may be one of any of them.
    return activity in one.activities or not one.activities


def _recipient(one: Recipient, on: dt.date) -> RecipientEntry:
    valid = [
        each.mechanism
        for each in one.transfer
        if (each.valid_from is None or each.valid_from <= on) and (each.valid_until is None or each.valid_until >= on)
    ]
    areas = {"eea": "the European Economic Area", "outside_eea": "outside the European Economic Area"}
    place = one.country or areas.get(one.area, "")
    return RecipientEntry(one.id, one.name, one.role, place, outside(one), list(dict.fromkeys(valid)), one.agreement)
