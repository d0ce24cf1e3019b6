"""The store behind the fake connector: rows in memory, and the script of what goes wrong."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

import msgspec

from connectors.datamap import Mark, Match, RecordSet, Restrict, Retain, Yield
from connectors.testing.people import Person
from schemas.identifiers import Strength
from schemas.outcomes import KeptWhy

Cell = str | int | float | bool | None
Method = Literal[
    "record_sets", "check", "locate", "erase", "present", "export", "open", "*",
    "rectify", "restrict", "lift", "stop", "inspect", "sweep",
]  # fmt: skip
Kind = Literal[
    "raise",  # the call raises ``error``
    "slow",  # the call takes ``seconds``
    "leak",  # the call logs identifiers and rows
    "no_answer",  # the task is missing from the answer
    "answer_twice",  # the task stands twice in the answer
    "wrong_task",  # the answer is for a task nobody asked for
    "malformed",  # the answer is no answer
    "lie",  # erase, or a change, says done and does nothing
    "keep_row",  # a trigger keeps each row as it was, and nobody notices
    "resurrect",  # the rows are back when erase returns
    "orphan",  # erase removes the parents and forgets the children
    "bare_mask",  # erase keeps rows and does not mask them
    "crash",  # the process dies after ``after`` rows were changed
]


class FakeSet(RecordSet, frozen=True, kw_only=True):
    """A record set in memory. ``personal``: columns that anonymising empties."""

    personal: tuple[str, ...] = ()


DEFAULT_SETS: Final = (
    FakeSet(
        name="contacts",
        match={"email": (Match("email", "lower"),), "customer_id": (Match("id"),)},
        yields={"customer_id": (Yield("id"),), "phone": (Yield("phone", Strength.SHARED),)},
        one_per_subject=True,
        rectify=("name", "phone", "email"),
        restrict=Restrict(column="restricted", set=True, lifted=False),
        stop={"marketing": Mark(column="marketing", set="no"), "profiling": Mark(column="profiling", set="{null}")},
        provided=("email", "name", "phone"),
    ),
    FakeSet(name="notes", erase="with_parent", parent="contacts"),
    FakeSet(
        name="invoices",
        match={"customer_id": (Match("customer"),)},
        retain=Retain(KeptWhy.LEGAL_OBLIGATION, "test.invoices", 120, "date", {"name": "masked", "address": None}),
        restrict=Restrict(column="restricted", set="yes"),
    ),
    FakeSet(
        name="profiles",
        match={"email": (Match("email", "lower"),)},
        erase="anonymise",
        personal=("email", "name"),
        rectify=("name",),
        provided=("name",),
    ),
)


class Crash(BaseException):
    """The process dies here. Not an ``Exception``: nothing may catch it."""


class Row(msgspec.Struct):
    """One record, and the key of the record it belongs to."""

    cells: dict[str, Cell]
    parent: str | None = None


class Fault(msgspec.Struct):
    """One scripted fault; see ``FakeStore.fault``."""

    kind: Kind
    method: Method
    times: int | None
    only: str | None
    error: Exception | None
    seconds: float
    after: int


class FakeStore:
    """The store. Connectors opened on it share its rows and nothing else.

    Attributes:
        rows: record set -> key -> row.
        calls: (method, number of tasks) of every call, in order.
        opened: Connectors opened so far, ``closed`` of them closed.
    """

    def __init__(self, sets: Sequence[FakeSet] = DEFAULT_SETS) -> None:
        self.sets = tuple(sets)
        self.rows: dict[str, dict[str, Row]] = {one.name: {} for one in self.sets}
        self.faults: list[Fault] = []
        self.calls: list[tuple[str, int]] = []
        self.opened = 0
        self.closed = 0
        self._people: list[Person] = []

    def add(self, record_set: str, key: str, cells: Mapping[str, Cell], parent: str | None = None) -> None:
        """Put a record into the store."""
        self.rows[record_set][key] = Row(dict(cells), parent)

    def seed(self, person: Person) -> dict[str, list[Mapping[str, Cell]]]:
        """Put a person into the default record sets; gives what an export has to give."""
        key, here = person.customer_id, self.key(person)
        marks: dict[str, Cell] = {"restricted": False, "marketing": "yes", "profiling": "v2"}
        written: dict[str, list[Mapping[str, Cell]]] = {
            "contacts": [
                {"id": key, "email": person.email.upper(), "name": person.name, "phone": person.phone} | marks
            ],
            "notes": [{"text": f"called {person.name}"}, {"text": f"wrote to {person.email}"}],
            "invoices": [
                {
                    "customer": key,
                    "date": date,
                    "name": person.name,
                    "address": person.address,
                    "total": 12.5,
                    "restricted": None,
                }
                for date in ("2024-06-30", "2025-01-15")
            ],
            "profiles": [{"email": person.email, "name": person.name, "visits": 7}],
        }
        for name, rows in written.items():
            for number, cells in enumerate(rows):
                self.add(name, f"{here}/{number}", cells, f"{here}/0" if name == "notes" else None)
        return written

    def key(self, person: Person) -> str:
        """Give what the keys of a seeded person's rows start with; it says nothing about the person."""
        if person not in self._people:
            self._people.append(person)
        return f"p{self._people.index(person)}"

    def dump(self) -> dict[str, list[str]]:
        """Give every record as text."""
        return {
            name: [repr((key, sorted(row.cells.items()), row.parent)) for key, row in sorted(rows.items())]
            for name, rows in self.rows.items()
        }

    def fault(
        self,
        kind: Kind,
        method: Method = "*",
        *,
        times: int | None = None,
        only: str | None = None,
        error: Exception | None = None,
        seconds: float = 0.0,
        after: int = 0,
    ) -> Fault:
        """Script a fault.

        Args:
            kind: What goes wrong, see ``Kind``.
            method: In which method.
            times: How often; None for ever.
            only: An identifier value: only for subjects that have it (a call fails if one of them is in the batch).
            error: For ``raise``.
            seconds: For ``slow``.
            after: For ``crash``: number of changed rows it survives.
        """
        fault = Fault(kind, method, times, only, error, seconds, after)
        self.faults.append(fault)
        return fault

    def take(self, kind: Kind, method: str, values: Iterable[str] = ()) -> Fault | None:
        """Give a fault of this kind that applies now, and use it up by one."""
        for fault in self.faults:
            applies = fault.kind == kind and fault.method in {method, "*"} and fault.times != 0
            if applies and (fault.only is None or fault.only in values):
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None


def leak(store: FakeStore, values: Iterable[str]) -> None:
    """Log as carelessly as code in a hurry does."""
    log = logging.getLogger("fake.connector")
    rows = [row.cells for rows in store.rows.values() for row in rows.values()]
    log.warning("looking for %s", sorted(values))
    log.warning("looking for " + " ".join(sorted(values)))  # noqa: G003 - that is the point
    log.warning("rows: %r", rows, extra={"rows": rows})
    try:
        raise ValueError(rows, sorted(values))
    except ValueError:
        log.exception("cannot read %r", rows)
