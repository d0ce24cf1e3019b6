"""The contract of a connector: five methods over one store, and capabilities (architecture.md section 7).

A connector looks for records of data subjects, erases them, looks whether records are still there, and
exports them. It works in batches: one pass over a log serves a thousand subjects, one SQL statement a hundred.
It never decides what may be erased (the orchestrator does) and never judges itself (``execute`` takes the
second look, with a new connector on a fresh connection).

Promises every connector keeps; the conformance suite (``connectors.testing``) checks each of them:

* The answer is keyed by task id and matches the batch exactly: no task missing, none added.
* One subject's failure never fails the batch: raise only for what concerns the whole batch. ``execute``
  bisects a batch that raised, so raising is safe, only slower.
* ``erase`` is idempotent and crash-safe: run again after a kill at any instruction it converges.
* Children are erased before their parents; a SQL store does one subject's erasure in one transaction.
* ``TransientError`` means "try again later"; ``PermanentError`` "a person has to look"; anything else is
  permanent and only its class name leaves the worker, since messages quote personal data.
* Row keys, identifiers and rows never appear in errors, logs or file names.

A connector may have *capabilities* (``connectors.changes``): it corrects records, marks them as restricted, takes the
mark away, stops their use for a purpose. A method that is not overridden is a capability that is not there; its orders
become a person's work. All of them keep these promises too:

* Only the record sets, fields and purposes that an order names are touched, and of those only the subject's records.
* They are idempotent by order and crash-safe: run again they converge, and what is already as ordered is not changed
  again (and not reported as changed).
* An order that cannot be carried out as a whole changes nothing: an unknown field, a value of a wrong type, too many
  records. A SQL store does one subject's order in one transaction.
* The keys they report lead to the records without any identifier (``Holding.durable``): a corrected e-mail address is
  found by nobody who knows the old one.

A connector may also look through a record set for what is past its period (``past``): the orchestrator then opens a
request for each data subject found, which is located, decided, erased and looked at again like any other (ADR 36).
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import NewType, Protocol

import msgspec

from connectors.changes import Capability, Change, ChangeReport, Standing
from connectors.datamap import RecordSet
from connectors.errors import PermanentError
from connectors.past import PastPage, PastQuestion
from schemas.outcomes import Facts
from schemas.tasks import Instruction, Link

TaskId = NewType("TaskId", str)


class Subject(msgspec.Struct, frozen=True):
    """Whom to look for, in one task.

    Attributes:
        task_id: Keys the answer.
        identifiers: kind -> normalised values (``schemas.identifiers.canonical``), only kinds that some record
            set of this system matches by.
        keys: record set -> keys of records found for this subject earlier (from the handle). They belong to the
            subject even if no identifier leads to them any more; ``locate`` and ``erase`` include those that
            still exist.
        request_id: The same for every task of one request, whose next try is another task. What is written into a
            store to find its records again must hang on this; empty outside of ``execute``.
    """

    task_id: TaskId
    identifiers: Mapping[str, frozenset[str]]
    keys: Mapping[str, tuple[str, ...]] = {}
    request_id: str = ""

    def __repr__(self) -> str:
        """Hide identifiers and keys (I4)."""
        return f"Subject(task_id={self.task_id!r}, kinds={sorted(self.identifiers)})"


class Holding(msgspec.Struct, frozen=True):
    """What one record set holds of one subject.

    Attributes:
        keys: One stable text key per record (row, line), in any order, no duplicates. A SQL key is the primary
            key as JSON list text; a file's key is a digest of the line plus its occurrence number.
        links: Further identifiers these records give (columns under ``yields``), canonical, without duplicates.
        facts: Anchor dates and number of persons, see ``schemas.outcomes.Facts``.
        pending: RFC 3339 time at which records that cannot be touched now (a live file) can be; None if none.
        pending_count: How many of the records those are. They are counted in ``keys`` as well.
        durable: The keys lead to the records without any identifier, so they are worth carrying in the handle.
            A file's line keys do not (a line is found by what it contains), a table's primary keys do.
    """

    keys: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    facts: Facts = Facts()
    pending: str | None = None
    pending_count: int = 0
    durable: bool = True

    def __repr__(self) -> str:
        """Hide keys and links (I4)."""
        return f"Holding(count={len(self.keys)}, pending={self.pending_count})"


Holdings = Mapping[str, Holding]
"""record set -> holding. Every record set of the data map is present; nothing held is an empty ``Holding``."""


class ErasureOrder(msgspec.Struct, frozen=True):
    """What to erase for one subject: one instruction per record set (see ``schemas.tasks.Instruction``)."""

    subject: Subject
    instructions: Mapping[str, Instruction]

    @property
    def task_id(self) -> TaskId:
        """The id that keys the answer."""
        return self.subject.task_id


class SetReport(msgspec.Struct, frozen=True):
    """What ``erase`` says it did in one record set. A claim, not yet evidence.

    Attributes:
        erased: Keys of records removed (or anonymised) in this call, and of those this call would have removed
            but that were already gone are **not** listed.
        kept: Keys of records that stay because of the instruction (mask applied where the data map says so).
        method: Stable word: ``delete``, ``anonymise``, ``rewrite``, ``pseudonymise``.
        due_first: Among the kept: ISO date on which the first is due; ``due_last``: the last.
        pending: RFC 3339 time at which the rest can be done (live file); ``pending_count`` records wait.
    """

    erased: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    method: str = "delete"
    due_first: str | None = None
    due_last: str | None = None
    pending: str | None = None
    pending_count: int = 0


ErasureReport = Mapping[str, SetReport]
"""record set -> report. Every record set of the data map is present."""


class Look(msgspec.Struct, frozen=True):
    """A question for the second look: are these records of this subject still there?"""

    subject: Subject
    keys: Mapping[str, tuple[str, ...]]


class Presence(enum.StrEnum):
    """What the second look sees of one key.

    ``ANONYMISED``: the record exists, every mapped personal column of it holds its replacement, and the same is
    true of its children. ``MASKED``: the record is kept under a ``retain`` rule and every column the rule masks
    holds its replacement. ``PRESENT``: anything else that exists.
    """

    GONE = "gone"
    ANONYMISED = "anonymised"
    MASKED = "masked"
    PRESENT = "present"


class ChangeOrder(msgspec.Struct, frozen=True):
    """What to change for one subject: record set -> change. Record sets that are not named stay as they are."""

    subject: Subject
    changes: Mapping[str, Change]

    @property
    def task_id(self) -> TaskId:
        """The id that keys the answer."""
        return self.subject.task_id


ChangeReports = Mapping[str, ChangeReport]
"""record set -> report. Exactly the record sets of the order's ``changes``."""


class Inspection(msgspec.Struct, frozen=True):
    """A question for the second look: are these records of this subject as the changes ordered?"""

    subject: Subject
    keys: Mapping[str, tuple[str, ...]]
    changes: Mapping[str, Change]

    @property
    def task_id(self) -> TaskId:
        """The id that keys the answer."""
        return self.subject.task_id


class RecordWriter(Protocol):
    """Where an export goes; never holds everything."""

    def write(self, record_set: str, row: Mapping[str, str | int | float | bool | None]) -> None:
        """Take one record as column -> value. Dates and bytes are given as text."""
        ...


class Connector(ABC):
    """One store. Made by a factory (``connectors.registry``) from settings; closed after each batch.

    A connector holds its own connection, opened lazily; two connectors of one system never share one.
    """

    name: str = "connector"
    """Name and version as it stands in the record, e.g. ``sql/0.1.0``."""

    @abstractmethod
    def record_sets(self) -> Sequence[RecordSet]:
        """Give the record sets of the data map.

        Raises:
            MisconfiguredError: the data map does not fit the real schema (called by ``check``).
        """

    @abstractmethod
    def check(self) -> Sequence[str]:
        """Hold the data map against the real store; returns warnings, e.g. an unindexed match column.

        Raises:
            MisconfiguredError: naming file, line and fix; the system must not start.
            TransientError: the store cannot be reached.
        """

    @abstractmethod
    def locate(self, subjects: Sequence[Subject]) -> Mapping[TaskId, Holdings]:
        """Find the records of each subject. Read only.

        Raises:
            TransientError: the store is busy or away.
            PermanentError: it cannot be done, e.g. a missing table.
        """

    @abstractmethod
    def erase(self, orders: Sequence[ErasureOrder]) -> Mapping[TaskId, ErasureReport]:
        """Erase, children first; may be called twice; safe against a crash at any instruction.

        Raises:
            TransientError: nothing was lost, call again.
            PermanentError: e.g. code ``max_records`` when more records match than the data map allows.
        """

    @abstractmethod
    def present(self, looks: Sequence[Look]) -> Mapping[TaskId, Mapping[str, Mapping[str, Presence]]]:
        """Look for records by their key: task id -> record set -> key -> presence, for every key asked."""

    @abstractmethod
    def export(self, subject: Subject, into: RecordWriter) -> None:
        """Write every record of the subject, parents and children, all mapped columns. Streams."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What this connector can do besides: the methods that its class overrides."""
        return frozenset(
            one for one in Capability if getattr(type(self), one.value) is not getattr(Connector, one.value)
        )

    def rectify(self, orders: Sequence[ChangeOrder]) -> Mapping[TaskId, ChangeReports]:  # noqa: ARG002 - optional
        """Write ``Change.values`` into every record of the subject in the record sets named (Art. 16).

        Records are found as in ``erase``, by identifiers and by ``Subject.keys``. A corrected field may be one that
        the subject is found by.

        Raises:
            TransientError: nothing was lost, call again.
            PermanentError: before anything is changed: ``unknown_field``, ``wrong_type``, ``not_null``, ``too_long``,
                ``max_records``; or ``constraint``, where the store refuses a value. A code never holds a value.
        """
        raise PermanentError("no_capability")

    def restrict(self, orders: Sequence[ChangeOrder]) -> Mapping[TaskId, ChangeReports]:  # noqa: ARG002 - optional
        """Set the mark of ``RecordSet.restrict`` on every record of the subject in the record sets named (Art. 18).

        Nothing but the mark changes: whoever uses the records has to heed it. A marked record is found and erased
        like any other.

        Raises:
            TransientError, PermanentError: as ``rectify``.
        """
        raise PermanentError("no_capability")

    def lift(self, orders: Sequence[ChangeOrder]) -> Mapping[TaskId, ChangeReports]:  # noqa: ARG002 - optional
        """Take away the mark that ``restrict`` sets (Art. 18(3)). A record that does not bear it is left as it is.

        Raises:
            TransientError, PermanentError: as ``rectify``.
        """
        raise PermanentError("no_capability")

    def stop(self, orders: Sequence[ChangeOrder]) -> Mapping[TaskId, ChangeReports]:  # noqa: ARG002 - optional
        """Mark every record of the subject as not to be used for ``Change.purposes`` (Art. 7(3), 21).

        Raises:
            TransientError: nothing was lost, call again.
            PermanentError: before anything is changed: ``unknown_purpose``, ``max_records``.
        """
        raise PermanentError("no_capability")

    def inspect(
        self,
        capability: Capability,  # noqa: ARG002 - optional
        inspections: Sequence[Inspection],  # noqa: ARG002 - optional
    ) -> Mapping[TaskId, Mapping[str, Mapping[str, Standing]]]:
        """Look at records by their key: task id -> record set -> key -> standing, for every key asked. Read only.

        Needed by every connector with a capability: what it says is done has to be seen on a fresh connection.
        """
        raise PermanentError("no_capability")

    @property
    def sweeps(self) -> bool:
        """Whether this connector can look for what is past its period: its class overrides ``past``."""
        return type(self).past is not Connector.past

    def past(self, question: PastQuestion) -> PastPage:  # noqa: ARG002 - optional
        """Look through a page of a record set for records that are past their period, whoever's they are. Read only.

        Records come in one stable order that ``after`` goes on in; a page ends where ``rows`` were looked at or
        ``found`` were found, whichever is first. The next page begins right behind it: none is left out, and none
        that stays where it is comes twice. Memory hangs on the page and not on the record set.

        A record is past exactly if ``erase`` would erase it under ``erase_up_to`` of the same date.

        Raises:
            TransientError: the store is busy or away.
            PermanentError: ``no_capability``; ``unknown_record_set``; ``no_period``: the set has no dated period.
        """
        raise PermanentError("no_capability")

    def close(self) -> None:  # noqa: B027 - optional hook
        """Release the connection; further calls may open a new one."""
