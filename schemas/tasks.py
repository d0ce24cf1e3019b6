"""Tasks for one system and their confirmations (architecture.md sections 2, 6, 7).

A task carries only the identifiers its system can search by, sealed with that system's key. What a system
remembers of the rows it found travels back to it as a *handle*: sealed with the system's own key, opaque to
everybody else. It makes a crash after a delete harmless: the rows found before are looked for again **by
their key**, whatever is left of the path that led to them (I1, I2).
"""

from __future__ import annotations

import enum
from typing import Any, Final

import msgspec

from schemas.fields import Count, Date, Id, Sealed, SealedOrEmpty, Time, Word
from schemas.identifiers import Identifier, Strength
from schemas.outcomes import KeptWhy, Outcome

WHOLE_SYSTEM: Final = "*"
"""Stands, in a confirmation, for the record sets of a system that could not say which ones it has."""


class Action(enum.StrEnum):
    """What a system is asked to do."""

    LOCATE = "locate"
    ERASE = "erase"
    EXPORT = "export"
    RECTIFY = "rectify"
    RESTRICT = "restrict"
    LIFT = "lift"
    STOP = "stop"
    SWEEP = "sweep"


CHANGES: Final = frozenset({Action.RECTIFY, Action.RESTRICT, Action.LIFT, Action.STOP})
"""Orders that change records and let them stay."""

FieldValue = str | int | float | bool | None
"""What one field of a record holds. Dates and times are ISO 8601 text."""


class Instruction(msgspec.Struct, frozen=True, omit_defaults=True):
    """What to do with one record set, as decided.

    Without ``keep`` the record set is erased by the method of its data map. With ``keep`` the records whose
    anchor date is on or before ``erase_up_to`` are erased for good (their time is over), the others stay, with
    their mask applied. With ``review_by`` all of them stay, and exactly as they are: evidence is not masked.

    Attributes:
        keep: Reason to keep, or None to erase.
        text: Id of the text the reason rests on.
        erase_up_to: Last anchor date (inclusive) whose retention is over; None keeps all of them.
        period_months: Length of the retention period, from the anchor; lets the connector report due dates.
        found: Records that discovery found (durable before anything destructive left, I2). A re-run after a crash
            that finds them gone reports them as deleted, never as "nothing held".
        review_by: With ``keep``: records stay until somebody has looked afresh on that day, whatever their age (a
            legal hold, an exception decided by a person, a contract that still runs).
        only_over: Nobody asked for the rest: what is not over stays exactly as it is, without a mask, and a record set
            without a period of its own goes with the records that it belongs to (``Connector.past``).
    """

    keep: KeptWhy | None = None
    text: Word = ""
    erase_up_to: Date | None = None
    period_months: Count = 0
    found: Count = 0
    review_by: Date | None = None
    only_over: bool = False


class Sweep(msgspec.Struct, frozen=True, omit_defaults=True):
    """For ``sweep``: which records to look for, and how much of the record set to look at in one go (ADR 36).

    The task's handle is where the last page ended; without one it is the first.

    Attributes:
        up_to: Last anchor date (inclusive) whose retention is over.
        rows: Most records to look at. ``found``: most to give.
    """

    record_set: Word
    up_to: Date
    rows: Count
    found: Count


class Secret(msgspec.Struct, frozen=True, omit_defaults=True):
    """The sealed part of a task: identifiers in clear, and the handle the system gave when it located.

    Attributes:
        corrections: For ``rectify``: record set -> field -> the value that is right. Personal data, so sealed. Record
            sets that are not named stay as they are, and are left out of the answer.
    """

    identifiers: tuple[Identifier, ...]
    handle: str = ""
    corrections: dict[Word, dict[Word, FieldValue]] = {}

    def __repr__(self) -> str:
        """Hide the values (I4)."""
        return f"Secret(identifiers={len(self.identifiers)}, corrections={len(self.corrections)})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Hide the values from rich's tracebacks and pretty printer too; msgspec's own would show them."""
        return [("identifiers", len(self.identifiers)), ("corrections", len(self.corrections))]


class Task(msgspec.Struct, frozen=True, omit_defaults=True):
    """One order to one system, as it travels.

    Attributes:
        task_id: Unique; the idempotency key of the order.
        not_after: RFC 3339; an order that changes or erases is refused after it (a lease, decision 4).
        instructions: For ``erase``: one per record set of the system.
        purposes: For ``stop``: the purposes for which the records are no longer used.
        record_sets: For ``restrict``, ``lift``, ``stop`` and ``erase``: the record sets it is about, which are
            answered; none means all of them.
        sweep: For ``sweep``. Then ``request_id`` names the sweep, and nobody is asked for.
        fields: For ``export``: record set -> the only fields that are copied (portability). Record sets that are not
            named are not copied, and are left out of the answer. None means everything of all of them.
        sealed: Compact JWE (``dir``, A256GCM) of ``Secret``, bound to request, task and system.
    """

    task_id: Word
    request_id: Id
    system: Id
    action: Action
    sealed: Sealed
    not_after: Time | None = None
    hold_version: Count = 0
    instructions: dict[Word, Instruction] = {}
    purposes: tuple[Word, ...] = ()
    record_sets: tuple[Word, ...] = ()
    fields: dict[Word, tuple[Word, ...]] = {}
    sweep: Sweep | None = None


class Link(msgspec.Struct, frozen=True, omit_defaults=True):
    """A further identifier that the records gave, with the strength the data map declares for it."""

    kind: str
    value: str
    strength: Strength

    def __repr__(self) -> str:
        """Hide the value (I4)."""
        return f"Link(kind={self.kind!r}, value=<hidden>, strength={str(self.strength)!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Hide the value from rich's tracebacks and pretty printer too; msgspec's own would show it."""
        return [("kind", self.kind), ("strength", str(self.strength))]


class Past(msgspec.Struct, frozen=True, omit_defaults=True):
    """Records of one data subject that are past their period; sealed, since it holds identifiers in clear.

    Attributes:
        identifiers: Unique ones that lead to the records; none: they name nobody, and only their keys lead there.
        handle: Their keys, sealed with the system's key to the sweep's id.
        count: How many records. ``last``: the latest anchor date among them.
    """

    identifiers: tuple[Identifier, ...]
    handle: str
    count: Count
    last: Date

    def __repr__(self) -> str:
        """Hide the values (I4)."""
        return f"Past(identifiers={len(self.identifiers)}, count={self.count})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Hide the values from rich's tracebacks and pretty printer too; msgspec's own would show them."""
        return [("identifiers", len(self.identifiers)), ("count", self.count)]


class Page(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a sweep saw of one page.

    Attributes:
        scanned: Records looked at. ``undated``: of these, without a date that can be read.
        unclear: Past, but what they name is shared: nothing says surely whose they are.
    """

    scanned: Count
    past: tuple[Past, ...] = ()
    undated: Count = 0
    unclear: Count = 0


class Findings(msgspec.Struct, frozen=True, omit_defaults=True):
    """The sealed part of a confirmation: further identifiers, and the handle (itself sealed).

    ``page``: of a sweep; its handle is where the next page begins, none: that was the last.
    """

    links: tuple[Link, ...] = ()
    handle: str = ""
    page: Page | None = None


class Confirmation(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer of one system to one task: one outcome per record set.

    Attributes:
        connector: Name and version of the connector that acted, e.g. ``sql/0.1.0``.
        acted_at: RFC 3339, when the connector finished.
        sealed: Compact JWE of ``Findings``, or empty.
    """

    task_id: Word
    request_id: Id
    system: Id
    action: Action
    connector: Word
    acted_at: Time
    outcomes: dict[Word, Outcome]
    sealed: SealedOrEmpty = ""
