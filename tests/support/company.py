"""A small made-up company for tests: CRM and HR as SQLite, events as JSON lines and Parquet, logs as text and JSON.

Everything follows from the numbers of the persons and one date, so two companies built alike are alike, and what must
be left after an erasure can be computed instead of remembered. Persons have numbers of four digits and values of fixed
length, so no person's value is part of another's.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import gzip
import json
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

import ahocorasick_rs
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from connectors.testing.people import Person, person
from orchestrator.keys import create_missing
from orchestrator.runtime.clock import chance
from orchestrator.store.database import open_sqlite
from orchestrator.store.migrate import migrate
from tests.support import company_maps as maps

FIRST: Final = 1000
SYSTEMS: Final = ("crm", "hr", "events", "logs")
TABLES: Final = {
    "crm": ("customers", "notes", "invoices", "invoice_lines"),
    "hr": ("applicants", "interviews", "employees"),
}
Row = tuple[Any, ...]
Snapshot = dict[str, list[Any]]
"""Place (``crm.sqlite/customers``, ``logs/access.log.1``) -> its rows or lines, in order."""


def made_up(number: int) -> Person:
    """Give the person with this number (1000 to 8999); also their IP address has a fixed length."""
    return msgspec.structs.replace(person(number), ip=f"10.{100 + number // 100}.30.{100 + number % 100}")


class Company(msgspec.Struct):
    """Where the company lives, and who is in it.

    Attributes:
        root: ``home`` (the product's) and ``stores`` (the company's) are below it.
        people: Numbers of everybody in the stores.
        today: Dates of invoices and log lines are counted back from it.
    """

    root: Path
    people: range
    today: dt.date

    @property
    def home(self) -> Path:
        """The product's folder."""
        return self.root / "home"

    @property
    def stores(self) -> Path:
        """The company's own stores."""
        return self.root / "stores"

    @classmethod
    def build(cls, root: Path, count: int, today: dt.date) -> Self:
        """Build stores, configuration, keys and an empty database; the folder of the stores may be there, empty."""
        one = cls(root, range(FIRST, FIRST + count), today)
        for folder in ("clicks", "purchases"):
            (one.stores / "events" / folder).mkdir(parents=True)
        (one.stores / "logs" / "app").mkdir(parents=True)
        one._fill_crm()
        one._fill_hr()
        one._fill_events()
        one._fill_logs()
        (one.home / "maps").mkdir(parents=True)
        (one.home / "expunge.toml").write_text(maps.EXPUNGE_TOML)
        for name, text in maps.MAPS.items():
            (one.home / "maps" / f"{name}.toml").write_text(text)
        create_missing(one.home / "keys", SYSTEMS, chance)
        engine = open_sqlite(one.home / "expunge.db")
        migrate(engine)
        engine.dispose()
        return one

    def twin(self, root: Path) -> Self:
        """Copy everything, keys and waiting requests too."""
        shutil.copytree(self.root, root)
        return msgspec.structs.replace(self, root=root)

    def limits(self, **values: int) -> None:
        """Set limits in ``expunge.toml``."""
        file = self.home / "expunge.toml"
        lines = "".join(f"{name} = {value}\n" for name, value in values.items())
        file.write_text(file.read_text().replace("retry_first_seconds = 1\n", lines))

    # -- what is in the stores ----------------------------------------------------------------------------
    def invoices_of(self, number: int) -> list[tuple[dt.date, bool]]:
        """Give date and whether it has to stay (ten years) of each invoice."""
        ages = [30 + number % 900, *([4_000] if number % 4 == 0 else [])]
        return [(self.today - dt.timedelta(days=age), age < 3_650) for age in ages]

    def access_of(self, number: int) -> list[tuple[dt.date, bool]]:
        """Give date and whether it has to stay (a year) of each line of the access log."""
        ages = (number % 300, 500 + number % 90)
        return [(self.today - dt.timedelta(days=age), age < 365) for age in ages]

    def _fill_crm(self) -> None:
        with contextlib.closing(sqlite3.connect(self.stores / "crm.sqlite")) as crm, crm:
            crm.execute("PRAGMA journal_mode = WAL")
            crm.executescript(maps.CRM_TABLES)
            for number in self.people:
                who = made_up(number)
                row = (number, who.customer_id, who.email, who.phone, who.name, who.address)
                crm.execute("INSERT INTO customers VALUES (?, ?, ?, ?, ?, ?)", row)
                for n in range(number % 3):
                    crm.execute("INSERT INTO notes VALUES (?, ?, ?)", (number * 10 + n, number, f"{who.name} rang"))
                for n, (day, _) in enumerate(self.invoices_of(number)):
                    invoice = (number * 10 + n, number, day.isoformat(), who.name, who.address, number + n)
                    crm.execute("INSERT INTO invoices VALUES (?, ?, ?, ?, ?, ?)", invoice)
                    line = (number * 10 + n, number * 10 + n, f"quill no {n}")
                    crm.execute("INSERT INTO invoice_lines VALUES (?, ?, ?)", line)

    def _fill_hr(self) -> None:
        with contextlib.closing(sqlite3.connect(self.stores / "hr.sqlite")) as hr, hr:
            hr.executescript(maps.HR_TABLES)
            boss: int | None = None
            for number in self.people:
                who = made_up(number)
                if number % 3 == 0:
                    hr.execute("INSERT INTO applicants VALUES (?, ?, ?, ?)", (number, who.email, who.name, who.phone))
                    hr.execute("INSERT INTO interviews VALUES (?, ?, ?)", (number, number, f"{who.name} was on time"))
                if number % 7 == 0:
                    hr.execute("INSERT INTO employees VALUES (?, ?, ?, ?)", (number, who.email, who.name, boss))
                    boss = number

    def _fill_events(self) -> None:
        plain: list[str] = []
        packed: list[str] = []
        for number in self.people:
            who = made_up(number)
            full = {"user": {"email": who.email, "id": who.customer_id}, "page": f"/p/{number % 50}"}
            bare = {"user": {"id": int(who.customer_id)}, "page": "/basket"}
            plain += [json.dumps(full), json.dumps({"page": "/", "anonymous": True})]
            packed += [json.dumps(bare, separators=(",", ":")), json.dumps(full | {"agent": who.name})]
        events = self.stores / "events"
        (events / "clicks" / "2026-01.jsonl").write_text("\n".join(plain) + "\n")
        (events / "clicks" / "2025-12.jsonl.gz").write_bytes(_gz("\n".join(packed) + "\n"))
        who_bought = [made_up(number) for number in self.people if number % 2]
        table = pa.table(
            {
                "email": [one.email for one in who_bought],
                "customer": [int(one.customer_id) for one in who_bought],
                "ship_to": [one.address for one in who_bought],
            }
        )
        pq.write_table(table, events / "purchases" / "2026-01.parquet", row_group_size=200)

    def _fill_logs(self) -> None:
        young: list[str] = []
        old: list[str] = []
        app: list[str] = []
        for number in self.people:
            who = made_up(number)
            (day, _), (before, _) = self.access_of(number)
            young.append(_access(who.ip, who.email, day, "/login"))
            young.append(_access("192.0.2.1", "-", day, "/healthz"))
            old.append(_access("192.0.2.7", "-", before, f"/reset?mail={who.email.replace('@', '%40')}"))
            app.append(
                json.dumps({"level": "info", "text": f"mail sent to <{who.email}>", "customer": who.customer_id})
            )
        logs = self.stores / "logs"
        (logs / "access.log.1").write_text("\n".join(young) + "\n")
        (logs / "access.log.2.gz").write_bytes(_gz("\n".join(old) + "\n"))
        (logs / "app" / "app.1.gz").write_bytes(_gz("\n".join(app) + "\n"))

    # -- reading it back ----------------------------------------------------------------------------------
    def contents(self) -> Snapshot:
        """Read every table and every file of the stores; lines are bytes, rows are tuples."""
        found: Snapshot = {}
        for name, tables in TABLES.items():
            with contextlib.closing(sqlite3.connect(self.stores / f"{name}.sqlite")) as store:
                for table in tables:
                    found[f"{name}.sqlite/{table}"] = store.execute(f"SELECT * FROM {table} ORDER BY id").fetchall()
        for file in self.files():
            found[str(file.relative_to(self.stores))] = _read(file)
        return found

    def files(self) -> list[Path]:
        """Give the event and log files; the product's own folder ``.expunge`` is none of them."""
        below = [one for name in ("events", "logs") for one in (self.stores / name).rglob("*")]
        return sorted(one for one in below if one.is_file() and ".expunge" not in one.parts)

    def snapshot_bystanders(self, subjects: Iterable[int]) -> Snapshot:
        """Give what has to be left untouched when these persons are erased: everything that is not about them."""
        erased = set(subjects)
        finder = Finder(erased)
        kept: Snapshot = {}
        for place, rows in self.contents().items():
            if ".sqlite/" in place:
                kept[place] = [row for row in rows if _owner(place, row) not in erased]
            else:
                kept[place] = [row for row in rows if not finder.of(_as_bytes(row))]
        return kept

    def traces(self, subjects: Iterable[int]) -> dict[int, list[str]]:
        """Give, for each of these persons who left any, the places that hold one of their values."""
        finder = Finder(subjects)
        found: dict[int, list[str]] = {}
        for place, rows in self.contents().items():
            for number in {one for row in rows for one in finder.of(_as_bytes(row))}:
                found.setdefault(number, []).append(place)
        return found

    def traces_of(self, subject: int) -> list[str]:
        """Give the places that hold one of this person's values."""
        return self.traces([subject]).get(subject, [])

    def employees_manage(self) -> dict[int, int | None]:
        """Give who manages whom in HR; erasing a manager must not break it."""
        with contextlib.closing(sqlite3.connect(self.stores / "hr.sqlite")) as hr:
            return dict(hr.execute("SELECT id, manager_id FROM employees").fetchall())


class Finder:
    """Finds persons by their values in bytes, in any case."""

    def __init__(self, numbers: Iterable[int]) -> None:
        values: dict[bytes, int] = {}
        for number in numbers:
            for value in made_up(number).values():
                raw = value.lower().encode()
                values |= {raw: number, raw.replace(b"@", b"%40"): number}
                values[json.dumps(value)[1:-1].lower().encode()] = number
        self._owners = list(values.values())
        self._automaton = ahocorasick_rs.BytesAhoCorasick(list(values)) if values else None

    def of(self, text: bytes) -> set[int]:
        if self._automaton is None:
            return set()
        low = text.decode("utf-8", "surrogateescape").lower().encode("utf-8", "surrogateescape")
        return {self._owners[hit[0]] for hit in self._automaton.find_matches_as_indexes(low, overlapping=True)}


def bystanders_differ(before: Snapshot, after: Snapshot, erased: Iterable[int]) -> list[str]:
    """Compare what is left with what had to be left; gives the places that differ, with numbers of rows only."""
    gone = set(erased)
    finder = Finder(gone)
    differing: list[str] = []
    for place, expected in before.items():
        rows = after.get(place, [])
        if ".sqlite/" in place:
            left = [row for row in rows if _owner(place, row) not in gone]
        else:
            texts = [(row, _as_bytes(row)) for row in rows]
            left = [row for row, text in texts if b"erased-" not in text and not finder.of(text)]
        if left != expected:
            differing.append(f"{place}: {len(expected)} rows of others before, {len(left)} now, or not the same")
    return [*differing, *(f"{place}: was not there before" for place in sorted(after.keys() - before.keys()))]


def _owner(place: str, row: Row) -> int:
    """Whose a row is: the person's number, from the keys that ``build`` gave."""
    table = place.rpartition("/")[2]
    return int(row[0]) // 10 if table in {"notes", "invoices", "invoice_lines"} else int(row[0])


def _access(ip: str, user: str, day: dt.date, path: str) -> str:
    return f'{ip} - {user} [{day:%d/%b/%Y}:10:05:03 +0000] "GET {path} HTTP/1.1" 200 512'


def _gz(text: str) -> bytes:
    return gzip.compress(text.encode(), mtime=0)


def _read(file: Path) -> list[Any]:
    if file.suffix == ".parquet":
        rows: Sequence[Mapping[str, Any]] = pq.read_table(file).to_pylist()
        return [tuple(row.items()) for row in rows]
    raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    return raw.splitlines(keepends=True)


def _as_bytes(row: Any) -> bytes:
    if isinstance(row, bytes):
        return row
    return "\n".join(str(cell) for cell in _cells(row)).encode("utf-8", "surrogateescape")


def _cells(row: Any) -> Iterator[Any]:
    for cell in row:
        if isinstance(cell, tuple):
            yield from _cells(cell)
        else:
            yield cell
