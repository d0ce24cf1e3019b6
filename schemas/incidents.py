"""Incidents with personal data: breaches (GDPR Art. 33, 34) and misuse. Codes and counts; never who they are about."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from schemas.fields import Count, Id, Time, Word
from schemas.requesters import CODE_PATTERN

NO_CODE_PATTERN: Final = rf"^$(?!\n)|{CODE_PATTERN}"

Kind = Literal["breach", "misuse"]
Code = Annotated[str, msgspec.Meta(pattern=CODE_PATTERN)]
"""A code word: never free text, which could be about somebody (I4)."""
NoCode = Annotated[str, msgspec.Meta(pattern=NO_CODE_PATTERN)]
"""The same, or nothing yet."""


class Duty(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one controller owes its supervisory authority (Art. 33(1)).

    Attributes:
        authority: As the policy names it; empty: it names none, and somebody has to find out.
        notify_by: When the 72 hours are over; None: no text known here sets a time.
        text: Id of the legal text.
        trace: How that time came about, step by step.
        told_at: When the authority was told.
    """

    controller: Id
    authority: Word = ""
    notify_by: Time | None = None
    text: Word = ""
    trace: tuple[str, ...] = ()
    told_at: Time | None = None


class Incident(msgspec.Struct, frozen=True, omit_defaults=True):
    """An incident as it stands; each change of it is an event with the next ``version``.

    Attributes:
        cause: A code, e.g. ``lost_device``, ``wrong_recipient``, ``unauthorised_erasure``.
        detected_at: When the controller became aware of it: from here the 72 hours run.
        systems: Ids of the systems that are affected, ``record_sets`` as system/record_set.
        categories: Codes of the kinds of data, e.g. ``contact``, ``health``.
        subjects: About how many persons; None: not known yet. ``records`` likewise.
        action: What was done against it, a code; empty: nothing yet.
        request_id: The privacy request in which it happened.
        outcome: How it was closed, a code.
        persons: Whether the persons were told (Art. 34), or why they need not be, a code.
        changed_by: The role that wrote this version.
    """

    incident_id: Id
    version: Count
    kind: Kind
    cause: Code
    detected_at: Time
    reported_at: Time
    owner: Code
    changed_by: Code
    duties: tuple[Duty, ...]
    systems: tuple[Id, ...] = ()
    record_sets: tuple[Word, ...] = ()
    categories: tuple[Code, ...] = ()
    subjects: Count | None = None
    records: Count | None = None
    action: NoCode = ""
    request_id: Id | None = None
    closed_at: Time | None = None
    outcome: NoCode = ""
    persons: NoCode = ""

    def owing(self) -> tuple[Duty, ...]:
        """Give the duties of which the authority was not told."""
        return () if self.closed_at is not None else tuple(one for one in self.duties if one.told_at is None)

    def notify_by(self) -> str:
        """Give the earliest time that is still to be kept; empty: none."""
        return min((one.notify_by for one in self.owing() if one.notify_by is not None), default="")
