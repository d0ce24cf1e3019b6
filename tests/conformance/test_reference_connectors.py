"""The reference connectors keep the promises of the contract."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from connectors import events, logs, sql
from connectors.contract import Connector
from connectors.settings import SystemSettings
from connectors.testing.conformance import ConnectorConformance
from connectors.testing.people import Person
from connectors.testing.stand import Seeded
from schemas.tasks import FieldValue

Row = dict[str, Any]

# --- SQL

SCHEMA = """
CREATE TABLE contact (id INTEGER PRIMARY KEY, email TEXT UNIQUE, customer INTEGER UNIQUE, name TEXT, phone TEXT,
    restricted INTEGER NOT NULL DEFAULT 0, ads TEXT NOT NULL DEFAULT 'yes');
CREATE TABLE note (id INTEGER PRIMARY KEY, contact INTEGER NOT NULL REFERENCES contact (id), body TEXT);
CREATE INDEX note_contact ON note (contact);
CREATE TABLE invoice (id INTEGER PRIMARY KEY, customer INTEGER, day TEXT, name TEXT, address TEXT, total REAL,
    locked TEXT);
CREATE INDEX invoice_customer ON invoice (customer);
CREATE TABLE line (id INTEGER PRIMARY KEY, invoice INTEGER NOT NULL REFERENCES invoice (id), item TEXT);
CREATE INDEX line_invoice ON line (invoice);
CREATE TABLE profile (id INTEGER PRIMARY KEY, email TEXT UNIQUE, name TEXT, visits INTEGER);
"""
SQL_MAP = """
[[record_set]]
name = "contacts"
table = "contact"
match.email = [{ field = "email", case = "lower" }]
match.customer_id = [{ field = "customer" }]
yields.customer_id = [{ field = "customer" }]
one_per_subject = true
personal = ["email", "customer", "name", "phone"]
rectify = ["email", "name", "phone"]
restrict = { column = "restricted", set = 1, lifted = 0 }
stop.marketing = { column = "ads", set = "no" }
provided = ["email", "name"]

[[record_set]]
name = "notes"
table = "note"
parent = "contacts"
parent_on = { contact = "id" }
erase = "with_parent"
personal = ["body"]

[[record_set]]
name = "invoices"
table = "invoice"
match.customer_id = [{ field = "customer" }]
personal = ["customer", "name", "address"]
rectify = ["address"]
restrict = { column = "locked", set = "yes" }

[record_set.retain]
why = "exception_17_3_b"
text = "test.invoices"
months = 121
anchor = "day"
mask = { customer = "{null}", name = "masked", address = "{random}" }

[[record_set]]
name = "lines"
table = "line"
parent = "invoices"
parent_on = { invoice = "id" }
erase = "with_parent"

[[record_set]]
name = "profiles"
table = "profile"
match.email = [{ field = "email", case = "lower" }]
erase = "anonymise"
personal = ["email", "name"]
anonymise = { email = "{random}", name = "{null}" }
"""


def limited(text: str, max_records: int | None) -> str:
    """Set the limit of every record set."""
    return (
        text
        if max_records is None
        else text.replace("[[record_set]]\n", f"[[record_set]]\nmax_records = {max_records}\n")
    )


class TestSqlOnSqlite(ConnectorConformance):
    def start(self, folder: Path) -> None:
        self.base = folder
        with sqlite3.connect(folder / "shop.sqlite") as store:
            store.executescript(SCHEMA)
        store.close()
        self.known: list[Person] = []

    def settings(self, text: str = SQL_MAP, **options: Any) -> SystemSettings:
        file = self.base / "map.toml"
        file.write_text(text)
        return SystemSettings("sut", file, self.base, {"url": "sqlite:///shop.sqlite", **options})

    def connector(self, max_records: int | None = None) -> Callable[[], Connector]:
        return sql.connector(self.settings(limited(SQL_MAP, max_records)))

    def seed(self, person: Person) -> Seeded:
        if person not in self.known:
            self.known.append(person)
        n, customer = self.known.index(person) * 10, int(person.customer_id)
        seeded: dict[str, list[Row]] = {
            "contact": [
                {
                    "id": n,
                    "email": person.email.upper(),
                    "customer": customer,
                    "name": person.name,
                    "phone": person.phone,
                }
            ],
            "note": [{"id": n + i, "contact": n, "body": f"{person.name} called, {i}"} for i in range(2)],
            "invoice": [
                {
                    "id": n + i,
                    "customer": customer,
                    "day": day,
                    "name": person.name,
                    "address": person.address,
                    "total": 9.5,
                }
                for i, day in enumerate(("2024-01-31", "2025-08-30 10:11:12"))
            ],
            "line": [{"id": n + i, "invoice": n + i % 2, "item": "tea"} for i in range(3)],
            "profile": [{"id": n, "email": person.email, "name": person.name, "visits": 7}],
        }
        with sqlite3.connect(self.base / "shop.sqlite") as store:
            for table, rows in seeded.items():
                for row in rows:
                    marks = ", ".join("?" * len(row))
                    store.execute(f"REPLACE INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))
        store.close()
        return {f"{table}s": rows for table, rows in seeded.items()}

    def rows(self) -> Mapping[str, Sequence[str]]:
        store = sqlite3.connect(self.base / "shop.sqlite")
        tables = ("contact", "note", "invoice", "line", "profile")
        found = {f"{table}s": [repr(row) for row in store.execute(f"SELECT * FROM {table}")] for table in tables}
        store.close()
        return found

    def bad_settings(self) -> Iterable[Callable[[], object]]:
        for old, new in (
            ('table = "note"', 'table = "nothing"'),
            ('field = "email"', 'field = "e_mail"'),
            ('erase = "anonymise"', 'erase = "forget"'),
            ('name = "profiles"', 'nome = "profiles"'),
            ('name = "profiles"', "name ="),
            ("match.email", "match.mail"),
            ('column = "ads"', 'column = "adds"'),
        ):
            yield lambda old=old, new=new: self.started(SQL_MAP.replace(old, new))  # type: ignore[misc]
        yield lambda: self.started(SQL_MAP, url="sqlite:///nowhere/shop.sqlite", ulr="x")

    def started(self, text: str, **options: Any) -> object:
        one = sql.connector(self.settings(text, **options))()
        try:
            return one.check()
        finally:
            one.close()

    def corrections(self) -> Mapping[str, Mapping[str, FieldValue]]:
        return {
            "contacts": {"name": "Corrected-Kanary", "email": "corrected@kanary-example.org", "phone": None},
            "invoices": {"address": "5 Corrected-Kanary Road"},
        }

    def orphan(self, person: Person) -> bool:
        n = self.known.index(person) * 10
        with sqlite3.connect(self.base / "shop.sqlite") as store:
            store.execute("DELETE FROM contact WHERE id = ?", (n,))
            store.execute("DELETE FROM invoice WHERE id IN (?, ?)", (n, n + 1))
        store.close()
        return True

    def break_store(self) -> bool:
        with sqlite3.connect(self.base / "shop.sqlite") as store:
            store.execute("DROP TABLE profile")
        store.close()
        return True


# --- files


class Files(ConnectorConformance):
    """Two record sets in files: one erased, one kept for a while with the person masked."""

    suffix = ".jsonl"
    packed = False
    map = """
[[record_set]]
name = "visits"
files = "visits*"
match.email = [{ field = "email", case = "lower" }]
match.ip = [{ field = "ip" }]
match.customer_id = [{ field = "customer" }]
yields.customer_id = [{ field = "customer" }]

[[record_set]]
name = "orders"
files = "orders*"
match.customer_id = [{ field = "customer" }]

[record_set.retain]
why = "exception_17_3_b"
text = "test.orders"
months = 12
anchor = "at"
mask = { customer = "{random}", address = "gone" }
"""
    module: Any = events

    def start(self, folder: Path) -> None:
        self.base = folder
        (folder / "data").mkdir()
        self.known: list[Person] = []

    def settings(self, text: str, **options: Any) -> SystemSettings:
        file = self.base / "map.toml"
        file.write_text(text)
        return SystemSettings("sut", file, self.base, {"root": "data", **options})

    def connector(self, max_records: int | None = None) -> Callable[[], Connector]:
        opener: Callable[[], Connector] = self.module.connector(self.settings(limited(self.map, max_records)))
        return opener

    def seeded(self, person: Person) -> dict[str, list[Row]]:
        who = {"email": person.email.upper(), "ip": person.ip, "customer": person.customer_id, "name": person.name}
        return {
            "visits": [{**who, "at": f"2026-01-0{day}T10:00:00Z", "page": "/"} for day in (1, 2)],
            "orders": [
                {"customer": person.customer_id, "address": person.address, "at": at, "total": 5}
                for at in ("2025-08-31T23:00:00Z", "2026-02-28T00:00:00Z")
            ],
        }

    def seed(self, person: Person) -> Seeded:
        rows = self.seeded(person)
        for name, some in rows.items():
            self.append(name, some)
        return rows

    def file(self, name: str) -> Path:
        return self.base / "data" / f"{name}{self.suffix}"

    def append(self, name: str, rows: list[Row]) -> None:
        file, text = self.file(name), "".join(f"{self.line(row)}\n" for row in rows).encode()
        with file.open("ab") as out:
            # A gz file may have several members; appending is how log shippers do it too.
            out.write(gzip.compress(text) if self.packed else text)

    def line(self, row: Row) -> str:
        return json.dumps(row, ensure_ascii=False)

    def rows(self) -> Mapping[str, Sequence[str]]:
        return {name: self.lines(self.file(name)) for name in ("visits", "orders") if self.file(name).exists()}

    def lines(self, file: Path) -> list[str]:
        raw = gzip.decompress(file.read_bytes()) if self.packed else file.read_bytes()
        return raw.decode().splitlines()

    def bad_settings(self) -> Iterable[Callable[[], object]]:
        for old, new in (
            ('name = "visits"', "name ="),
            ('name = "visits"', 'nome = "visits"'),
            ('files = "visits', 'files = "../visits'),
            ("match.ip", "match.address"),
            ("[[record_set]]", '[[record_set]]\nerase = "anonymise"'),
        ):
            yield lambda old=old, new=new: self.started(self.map.replace(old, new))  # type: ignore[misc]
        yield lambda: self.started(self.map, folder="data")

    def started(self, text: str, **options: Any) -> object:
        return self.module.connector(self.settings(text, **options))().check()

    def break_store(self) -> bool:
        with self.file("visits").open("ab") as out:
            out.write(b'{"broken')
        return True


class TestEventsInJsonLines(Files):
    pass


class TestEventsInPackedJsonLines(Files):
    suffix = ".jsonl.gz"
    packed = True


class TestEventsInParquet(Files):
    suffix = ".parquet"
    map = Files.map.replace('visits*"', 'visits*.parquet"').replace('orders*"', 'orders*.parquet"')

    def append(self, name: str, rows: list[Row]) -> None:
        pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        old = pq.read_table(self.file(name)).to_pylist() if self.file(name).exists() else []
        pq.write_table(pa.Table.from_pylist([*old, *rows]), self.file(name))

    def lines(self, file: Path) -> list[str]:
        pq = pytest.importorskip("pyarrow.parquet")
        return [json.dumps(row, sort_keys=True, ensure_ascii=False) for row in pq.read_table(file).to_pylist()]


class TestJsonLogs(Files):
    suffix = ".log"
    module = logs
    map = Files.map.replace("[[record_set]]", '[[record_set]]\nformat = "json"')


class TestTextLogs(Files):
    suffix = ".log"
    module = logs
    map = """
[[record_set]]
name = "visits"
files = "visits*"
match.email = [{ field = "*" }]
match.ip = [{ field = "*" }]
match.username = [{ field = "*" }]

[[record_set]]
name = "orders"
files = "orders*"
match.ip = [{ field = "*" }]

[record_set.retain]
why = "exception_17_3_b"
text = "test.orders"
months = 12
anchor = "*"
mask = { "*" = "{random}" }
"""

    def seeded(self, person: Person) -> dict[str, list[Row]]:
        return {
            "visits": [
                {"line": f'{person.ip} - - [01/Feb/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 12'},
                {"line": f"2026-02-01T10:00:00Z login user={person.username} mail=<{person.email}> ok"},
            ],
            "orders": [
                {"line": f'{person.ip} - - [2{day}/Feb/2026:10:00:00 +0000] "POST /order" 200 1'} for day in (1, 2)
            ],
        }

    def line(self, row: Row) -> str:
        return str(row["line"])


class TestPackedTextLogs(TestTextLogs):
    suffix = ".log.gz"
    packed = True
