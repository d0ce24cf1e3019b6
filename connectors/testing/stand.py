"""The test stand under the conformance suite: what a team tells about its store, and what the cases share."""

from __future__ import annotations

import contextlib
import io
import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from connectors.contract import Connector, ErasureOrder, Subject, TaskId
from connectors.datamap import RecordSet
from connectors.errors import ConnectorError
from connectors.exports import ExportSink
from connectors.testing import crash
from connectors.testing.canary import find_canaries
from connectors.testing.desk import Answer, Desk
from connectors.testing.people import NEIGHBOURS, SUBJECT, Person
from schemas.codec import encode
from schemas.identifiers import canonical
from schemas.outcomes import Located, Outcome, is_final
from schemas.tasks import FieldValue, Instruction

Seeded = Mapping[str, Sequence[Mapping[str, object]]]


class Stand(ABC):
    """Hooks for a team (the first six methods), helpers for the cases (the rest).

    Attributes:
        crash_points: At how many points of an erasure or a change the worker is killed.
        changing: The work to be killed changes records, and erases none.
    """

    crash_points = 12
    changing = False

    # --- what a team tells ------------------------------------------------------------------------

    @abstractmethod
    def start(self, folder: Path) -> None:
        """Make an empty store, in this folder if it needs one. May be called again with another folder."""

    @abstractmethod
    def seed(self, person: Person) -> Seeded:
        """Write records of this person into every record set, bypassing the connector; replace those there are.

        Returns:
            record set -> the rows as an export has to give them (columns may be left out, values compare as text).
        """

    @abstractmethod
    def connector(self, max_records: int | None = None) -> Callable[[], Connector]:
        """Give the opener, as the connector's factory does; with a limit, that of every record set is set to it."""

    @abstractmethod
    def rows(self) -> Mapping[str, Sequence[str]]:
        """Read the whole store, bypassing the connector: record set -> every record as text."""

    @abstractmethod
    def bad_settings(self) -> Iterable[Callable[[], object]]:
        """Give functions that start the connector (factory, then ``check``) with wrong settings, one mistake each."""

    def orphan(self, person: Person) -> bool:  # noqa: ARG002 - a hook
        """Remove the person's parent records behind the connector's back, and leave their children; False: cannot."""
        return False

    def corrections(self) -> Mapping[str, Mapping[str, FieldValue]]:
        """Give values to correct the subject's records with, other than those seeded: record set -> field -> value."""
        return {}

    def break_store(self) -> bool:
        """Make the store unusable (a missing table, a truncated file), to provoke errors; False: cannot."""
        return False

    # --- what the cases share ---------------------------------------------------------------------

    @pytest.fixture(autouse=True)
    def _stand(self, tmp_path: Path) -> None:
        self.prepare(tmp_path)

    def prepare(self, folder: Path) -> None:
        """Start with a store that holds the neighbours only."""
        self.folder = folder
        store = folder / "store"
        store.mkdir(parents=True)
        self.start(store)
        for neighbour in NEIGHBOURS:
            self.seed(neighbour)

    def desk(self, open_connector: Callable[[], Connector] | None = None) -> Desk:
        """Give somebody who orders."""
        return Desk(open_connector or self.connector(), ExportSink(self.folder / "exports"))

    def sets(self) -> Sequence[RecordSet]:
        """Give the record sets of the data map."""
        with opened(self.connector()) as connector:
            return list(connector.record_sets())

    def identifiers(self, person: Person) -> dict[str, str]:
        """Give what the system can search by."""
        kinds = {kind for one in self.sets() for kind in one.match}
        return {kind: canonical(kind, value) for kind, value in person.identifiers().items() if kind in kinds}

    def subject(self, person: Person, task_id: str = "t1", keys: Mapping[str, Sequence[str]] | None = None) -> Subject:
        """Give the subject for direct calls of the connector."""
        identifiers = {kind: frozenset({value}) for kind, value in self.identifiers(person).items()}
        return Subject(TaskId(task_id), identifiers, {name: tuple(some) for name, some in (keys or {}).items()})

    def instructions(self, counts: Mapping[str, int] | None = None, *, keep: bool = False) -> dict[str, Instruction]:
        """Give the instructions: erase everything, or keep what the data map says is kept for a while."""
        by_name = {one.name: one for one in self.sets()}
        made: dict[str, Instruction] = {}
        for name, one in by_name.items():
            rule = one
            while rule.erase == "with_parent" and rule.parent is not None:
                rule = by_name[rule.parent]
            found = (counts or {}).get(name, 0)
            retain = rule.retain if keep else None
            made[name] = (
                Instruction(keep=retain.why, text=retain.text, period_months=retain.months, found=found)
                if retain
                else Instruction(found=found)
            )
        return made

    def located(self, person: Person = SUBJECT) -> tuple[Answer, dict[str, int]]:
        """Locate a person: the answer, and the count per record set."""
        answer = self.desk().locate(self.identifiers(person))
        return answer, {name: one.count for name, one in answer.outcomes.items() if isinstance(one, Located)}

    def orders(self, handle: Mapping[str, Sequence[str]], counts: Mapping[str, int]) -> list[ErasureOrder]:
        """Give an order to erase everything of the subject, for direct calls."""
        return [ErasureOrder(self.subject(SUBJECT, keys=handle), self.instructions(counts))]

    def snapshot(self) -> Counter[tuple[str, str]]:
        """Count every record of the store as it stands."""
        return Counter((name, row) for name, rows in self.rows().items() for row in rows)

    def untouched(self, before: Counter[tuple[str, str]]) -> None:
        """Check that nothing that was there before is changed or missing."""
        missing = before - self.snapshot()
        assert not missing, f"{missing.total()} records of others changed or gone, in {sorted({n for n, _ in missing})}"

    def no_trace(self, before: Counter[tuple[str, str]], person: Person = SUBJECT) -> None:
        """Check that what was added since holds nothing personal any more."""
        for name, row in self.snapshot() - before:
            found = find_canaries(row.encode("utf-8", "surrogatepass"), person.values())
            assert not found, f"{len(found)} personal values left in record set {name!r}"

    def erase_directly(self, orders: Sequence[ErasureOrder]) -> None:
        """Erase without ``execute``: what a worker does that is killed."""
        with opened(self.connector()) as connector:
            connector.erase(orders)

    def everything_once(self) -> bytes:
        """Locate, export and erase; give the clear part of the confirmations."""
        desk = self.desk()
        located = desk.locate(self.identifiers(SUBJECT))
        exported = desk.export(self.identifiers(SUBJECT))
        erased = desk.erase(self.identifiers(SUBJECT), self.instructions(keep=True), located.handle)
        return b"".join(encode(answer.confirmation) for answer in (located, exported, erased))

    def error_texts(self) -> bytes:
        """Give what the connector's own errors say, where the store is broken."""
        subject = self.subject(SUBJECT)
        try:
            with opened(self.connector()) as connector:
                connector.locate([subject])
        except ConnectorError as error:
            return repr((str(error), error)).encode("utf-8", "surrogatepass")
        except Exception:  # noqa: BLE001 - of anything else only the class name leaves ``execute``
            return b""
        return b""

    def crash(self, work: Callable[[], object], point: int) -> None:
        """Run the work and kill it at one of ``crash_points`` points; at point 0 it runs to its end."""
        with opened(self.connector()) as connector:
            code = crash.code_of(connector)
        if point == 0:
            self._lines = crash.lines_of(work, code)
            assert self._lines, "the connector ran no line of its own"
        else:
            crash.kill_at(work, code, 1 + self._lines * (point - 1) // (self.crash_points - 1))


@contextlib.contextmanager
def opened(open_connector: Callable[[], Connector]) -> Iterator[Connector]:
    """Open a connector and close it."""
    connector = open_connector()
    try:
        yield connector
    finally:
        connector.close()


@contextlib.contextmanager
def listening() -> Iterator[Callable[[], bytes]]:
    """Take down all that is logged, with every attribute, and all that is printed."""
    printed = io.StringIO()
    handler = logging.StreamHandler(printed)
    handler.setFormatter(_Everything())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(1)
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            yield lambda: printed.getvalue().encode("utf-8", "surrogatepass")
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


class _Everything(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"{super().format(record)} {record.__dict__!r}"


def all_final(outcomes: Mapping[str, Outcome], why: str) -> None:
    """Check that every outcome may stand in a record."""
    bad = {name: one for name, one in outcomes.items() if not is_final(one)}
    assert not bad, f"{why}: {bad}"
