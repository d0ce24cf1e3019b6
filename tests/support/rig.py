"""An orchestrator without threads: the engine over a real SQLite file, fake systems, a loop that may stop anywhere.

Time stands still unless a test moves it; chance is a counter, so that two runs over one input write the same bytes.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import sqlalchemy as sa

from connectors.execute import execute
from connectors.exports import ExportSink, read_export
from connectors.settings import SystemSettings
from connectors.testing.fake import FakeSystem
from connectors.testing.fake_store import DEFAULT_SETS, FakeSet
from connectors.testing.people import Person
from orchestrator.core.model import RequestState
from orchestrator.core.plan import Plan
from orchestrator.engine import Engine, Intake
from orchestrator.files import package
from orchestrator.keys import KeyFolder, RecordVerifier, create_missing
from orchestrator.ledger import record
from orchestrator.ports import JournalRow
from orchestrator.runtime import planning
from orchestrator.settings import ConnectedSystem, Policy, Settings
from orchestrator.store.database import open_sqlite
from orchestrator.store.migrate import migrate
from orchestrator.store.postgres import PostgresStore, open_postgres
from orchestrator.store.store import SqlStore
from schemas.codec import decode_confirmation, decode_event
from schemas.completion import CompletionRecord
from schemas.identifiers import Identifier
from schemas.outcomes import Located, NothingHeld, Outcome
from schemas.requests import RequestForm, Right, utc
from schemas.tasks import Task
from schemas.wrapping import confirmation_event

START: Final = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def _kept_by_policy(one: FakeSet) -> FakeSet:
    if one.retain is None:
        return one
    return msgspec.structs.replace(one, retain=msgspec.structs.replace(one.retain, text="policy:invoices"))


SETS: Final = tuple(_kept_by_policy(one) for one in DEFAULT_SETS)
"""The fake's record sets; invoices are kept on a rule of the controller's own policy."""
PLAIN: Final = tuple(one for one in SETS if one.retain is None)
"""Without anything that is kept: a request over them owes nothing after it has closed."""


class Clock:
    """Stands still until it is moved."""

    def __init__(self, at: dt.datetime = START) -> None:
        self.at = at

    def now(self) -> dt.datetime:
        return self.at

    def move(self, **span: float) -> None:
        self.at += dt.timedelta(**span)


class Counter:
    """Chance that repeats: SHA-256 of a counter."""

    def __init__(self) -> None:
        self.drawn = 0

    def __call__(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            self.drawn += 1
            found += hashlib.sha256(b"chance" + self.drawn.to_bytes(8, "big")).digest()
        return found[:count]


class Templates:
    """A migrated database and a key folder, made once and copied: both cost more than most tests."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / "template.db"
        engine = open_sqlite(self.database)
        migrate(engine)
        engine.dispose()
        self.keys = folder / "keys"
        create_missing(self.keys, ("crm", "hr"), Counter())

    def copy(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.database, home / "expunge.db")
        shutil.copytree(self.keys, home / "keys")


def settings_of(home: Path, systems: Sequence[str] = ("crm", "hr"), **limits: int) -> Settings:
    """Give settings as ``expunge.toml`` would."""
    return Settings(
        home=home,
        file=home / "expunge.toml",
        store=home / "expunge.db",
        keys=home / "keys",
        exports=home / "exports",
        policy=Policy(version="test"),
        limits=limits,
        systems=tuple(
            ConnectedSystem(one, "fake", one, "system-owner", SystemSettings(one, home / f"{one}.toml", home))
            for one in systems
        ),
    )


def plan_of(settings: Settings, systems: Mapping[str, FakeSystem]) -> Plan:
    """Give the plan."""
    return planning.build(settings, {name: one.open() for name, one in systems.items()})


class Rig:
    """Store, keys, engine, intake, two systems. ``reopen`` is a new process on the same files."""

    def __init__(self, home: Path, templates: Templates, sets: Sequence[FakeSet] = SETS, **limits: int) -> None:
        self.home = home
        self.templates = templates
        if not (home / "expunge.db").exists():
            templates.copy(home)
        self.clock = Clock()
        self.chance = Counter()
        self._everybody = FakeSystem(SETS)
        self.systems = {"crm": FakeSystem(sets), "hr": FakeSystem(PLAIN)}
        self.settings = settings_of(home, tuple(self.systems), **limits)
        self.exports = ExportSink(self.settings.exports)
        self.keys = KeyFolder(self.settings.keys, self.systems)
        self.plan = plan_of(self.settings, self.systems)
        self.reopen()

    def reopen(self) -> None:
        """Begin anew, as after a kill."""
        self.store = self.open_store()
        self.engine = Engine(self.store, self.keys, self.clock, self.chance, self.plan)
        self.intake = Intake(self.store, self.keys, self.clock, self.chance)

    def open_store(self) -> SqlStore:
        return SqlStore(open_sqlite(self.settings.store), "test.db")

    def close(self) -> None:
        self.store.close()

    # -- in -----------------------------------------------------------------------------------------------
    def seed(self, *people: Person) -> None:
        """Put people into every record set a system has."""
        for one in people:
            before = {name: set(rows) for name, rows in self._everybody.rows.items()}
            self._everybody.seed(one)
            for system in self.systems.values():
                for name in system.rows:
                    for key, row in self._everybody.rows[name].items():
                        if key not in before[name]:
                            system.add(name, key, row.cells, row.parent)

    def submit(self, request_id: str, right: Right = Right.ERASURE, **identifiers: str) -> None:
        pairs = tuple(Identifier(kind, value) for kind, value in identifiers.items())
        self.intake.submit([RequestForm(right, pairs, request_id=request_id)])

    # -- work ---------------------------------------------------------------------------------------------
    def execute(self, system: str, tasks: Sequence[Task]) -> list[bytes]:
        """Let a system carry out tasks; gives confirmations as they travel."""
        key = self.keys.system(system)
        done = execute(
            self.systems[system].open,
            tasks,
            key,
            now=self.clock.now,
            nonce=lambda: self.chance(12),
            exports=self.exports,
        )
        return [confirmation_event(one, key) for one in done]

    def take_back(self, system: str, task: Task) -> tuple[bytes, bytes]:
        """Give two answers to one task: nothing is held; and, later, something is."""
        first = decode_confirmation(bytes(decode_event(self.execute(system, [task])[0]).data))
        self.clock.move(seconds=1)
        nothing: dict[str, Outcome] = {name: NothingHeld() for name in first.outcomes}
        found: dict[str, Outcome] = {name: Located(1) for name in first.outcomes}
        key = self.keys.system(system)
        second = msgspec.structs.replace(first, outcomes=found, acted_at=utc(self.clock.now()), sealed="")
        return (
            confirmation_event(msgspec.structs.replace(first, outcomes=nothing, sealed=""), key),
            confirmation_event(second, key),
        )

    def turn(self) -> int:
        """One round of everything; returns how much there was."""
        worked = self.engine.fire_timers() + self.engine.apply_waiting()
        for name in self.systems:
            tasks = self.engine.next_tasks(name)
            if tasks:
                worked += len(tasks)
                self.engine.confirm(self.execute(name, tasks), tasks)
        return worked + self.packages()

    def packages(self) -> int:
        jobs = self.engine.next_packages()
        for request_id, job in jobs:
            key = self.engine.package_key(request_id)
            parts = (
                (system, read_export(self.exports.path(file), self.keys.system(system), task_id))
                for system, (file, task_id) in sorted(job.parts.items())
            )
            name, sha256 = package.write(self.settings.exports, key, parts, self.chance)
            self.engine.packaged(request_id, job.job_id, name, sha256)
        return len(jobs)

    def pump(self, turns: int = 60) -> None:
        """Work until nothing is left to do now."""
        for _ in range(turns):
            if not self.turn():
                return
        raise AssertionError("the pipeline does not come to rest")

    # -- out ----------------------------------------------------------------------------------------------
    def state(self, request_id: str) -> RequestState:
        with self.store.read() as tx:
            return msgspec.msgpack.decode(tx.states([request_id])[request_id], type=RequestState)

    def reasons(self, request_id: str) -> list[str]:
        return [one.reason for one in self.state(request_id).attention]

    def history(self, request_id: str) -> list[JournalRow]:
        with self.store.read() as tx:
            return tx.history(request_id)

    def rows(self, table: str) -> list[tuple[object, ...]]:
        with self.store.read() as tx:
            return [tuple(row) for row in tx.connection.exec_driver_sql(f"SELECT * FROM {table} ORDER BY 1, 2")]

    def dead(self) -> list[tuple[object, ...]]:
        """(request id, error) of the dead letters."""
        with self.store.read() as tx:
            found = tx.connection.exec_driver_sql("SELECT request_id, error FROM dead_letters ORDER BY id")
            return [tuple(row) for row in found]

    def records(self, request_id: str) -> list[CompletionRecord]:
        """Read and verify."""
        verifier = RecordVerifier(self.keys.signer.public)
        with self.store.read() as tx:
            query = sa.text("SELECT jws FROM records WHERE request_id = :id ORDER BY number")
            rows = list(tx.connection.execute(query, {"id": request_id}))
        return [record.verify(row[0], verifier) for row in rows]


class PostgresRig(Rig):
    """The same over a database of PostgreSQL."""

    def __init__(
        self, home: Path, templates: Templates, url: str, sets: Sequence[FakeSet] = SETS, **limits: int
    ) -> None:
        self._url = sa.make_url(url)
        engine = open_postgres(self._url)
        migrate(engine)
        engine.dispose()
        super().__init__(home, templates, sets, **limits)

    def open_store(self) -> SqlStore:
        return PostgresStore(open_postgres(self._url), "test.db")
