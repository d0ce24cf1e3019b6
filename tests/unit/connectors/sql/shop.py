"""A small shop in a database, on SQLite or PostgreSQL, for the tests of the SQL connector."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from connectors.contract import Connector, ErasureOrder, Holdings, Look, Presence, SetReport, Subject, TaskId
from connectors.errors import MisconfiguredError
from connectors.settings import SystemSettings
from connectors.sql import connector
from schemas.outcomes import KeptWhy
from schemas.tasks import Instruction

SCHEMA = """
CREATE TABLE people (id INTEGER PRIMARY KEY, email VARCHAR(80) NOT NULL UNIQUE, phone VARCHAR(40), name TEXT,
    number INTEGER, born DATE, country CHAR(2));
CREATE TABLE orders (id INTEGER PRIMARY KEY, person_id INTEGER NOT NULL REFERENCES people (id), ordered TEXT,
    ship_to TEXT);
CREATE INDEX orders_person ON orders (person_id);
CREATE TABLE lines (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders (id), item TEXT);
CREATE INDEX lines_order ON lines (order_id);
CREATE TABLE visits (id INTEGER PRIMARY KEY, email VARCHAR(80), number INTEGER, page TEXT);
CREATE INDEX visits_email ON visits (email);
"""
ROWS = """
INSERT INTO people VALUES (1, 'ada@x.example', '+33 1 23 45 67 89', 'Ada', 101, '1980-01-31', 'FR');
INSERT INTO people VALUES (2, 'bob@x.example', '+49 (0)30 123456', 'Bob', 102, NULL, 'DE');
INSERT INTO people VALUES (3, 'cy@x.example', NULL, 'Cy', NULL, NULL, NULL);
INSERT INTO orders VALUES (10, 1, '2010-05-31', 'Ada, 1 Rue A'), (11, 1, '2024-01-31 10:00:00', 'Ada, 1 Rue A');
INSERT INTO orders VALUES (20, 2, '2024-02-29', 'Bob, 2 Strasse');
INSERT INTO lines VALUES (100, 10, 'tea'), (110, 11, 'milk'), (111, 11, 'rum'), (200, 20, 'ink');
INSERT INTO visits VALUES (1000, 'ada@x.example', 101, '/a'), (1001, 'ada@x.example', 101, '/b');
INSERT INTO visits VALUES (2000, 'bob@x.example', 102, '/a'), (3000, NULL, NULL, '/');
"""
PEOPLE = """
[[record_set]]
name = "people"
table = "people"
match = { email = [{ field = "email" }], customer_id = [{ field = "number" }] }
yields = { email = [{ field = "email" }], phone = [{ field = "phone" }] }
one_per_subject = true
personal = ["email", "phone", "name", "number", "born"]
"""
ANONYMISED = """
erase = "anonymise"
anonymise = { email = "{random}", phone = "{null}", name = "erased", number = "{null}", born = "{null}" }
"""
ORDERS = """
[[record_set]]
name = "orders"
table = "orders"
parent = "people"
parent_on = { person_id = "id" }
personal = ["ship_to"]
"""
RETAINED = """
retain = { why = "exception_17_3_b", text = "law", months = 120, anchor = "ordered", mask = { ship_to = "{random}" } }
"""
LINES = """
[[record_set]]
name = "lines"
table = "lines"
parent = "orders"
parent_on = { order_id = "id" }
erase = "with_parent"
"""
VISITS = """
[[record_set]]
name = "visits"
table = "visits"
match = { email = [{ field = "email" }] }
personal = ["email", "page"]
"""
DELETED_MAP = PEOPLE + ORDERS + LINES + VISITS
KEPT_MAP = PEOPLE + ANONYMISED + ORDERS + RETAINED + LINES + VISITS
KEEP = Instruction(KeptWhy.LEGAL_OBLIGATION, "law", "2014-12-31", 120)


def ask(
    task: str = "t1", keys: Mapping[str, tuple[str, ...]] | None = None, **identifiers: str | Sequence[str]
) -> Subject:
    """Make a subject: ``ask(email="ada@x.example")``."""
    many = {kind: frozenset([one] if isinstance(one, str) else one) for kind, one in identifiers.items()}
    return Subject(TaskId(task), many, keys or {})


@dataclass
class Shop:
    """A database with its data map."""

    url: str
    folder: Path
    admin: sa.Engine

    def run(self, script: str) -> None:
        """Execute statements and commit."""
        with self.admin.begin() as connection:
            for statement in re.split(r";\s*(?:\n|\Z)", script):
                if statement.strip():
                    connection.exec_driver_sql(statement.replace("%", "%%") if "postgres" in self.url else statement)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Read rows."""
        with self.admin.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query)]

    def settings(self, text: str, **options: Any) -> SystemSettings:
        """Write the data map and give the settings."""
        file = self.folder / "map.toml"
        file.write_text(text, encoding="utf-8")
        return SystemSettings("shop", file, self.folder, {"url": self.url, **options})

    def opener(self, text: str, **options: Any) -> Callable[[], Connector]:
        """Give the opener of the system's connector."""
        return connector(self.settings(text, **options))

    def locate(self, text: str, *subjects: Subject) -> list[Holdings]:
        """Locate on a connector of its own."""
        with Opened(self.opener(text)) as one:
            found = one.locate(subjects)
        assert list(found) == [subject.task_id for subject in subjects]
        return list(found.values())

    def erase(
        self, text: str, *subjects: Subject, default: Instruction | None = None, **instructions: Instruction
    ) -> list[Mapping[str, SetReport]]:
        """Erase with the given instructions; the others say ``default``, or erase."""
        with Opened(self.opener(text)) as one:
            names = [each.name for each in one.record_sets()]
            plan = {name: instructions.get(name, default or Instruction()) for name in names}
            return list(one.erase([ErasureOrder(subject, plan) for subject in subjects]).values())

    def look(self, text: str, **keys: Sequence[str]) -> dict[str, dict[str, Presence]]:
        """Take the second look."""
        look = Look(ask(), {name: tuple(many) for name, many in keys.items()})
        with Opened(self.opener(text)) as one:
            return {name: dict(states) for name, states in one.present([look])[TaskId("t1")].items()}

    def wrong(self, text: str) -> MisconfiguredError:
        """Give the error that the check of a map raises."""
        try:
            self.warnings(text)
        except MisconfiguredError as error:
            return error
        raise AssertionError("the check found nothing wrong")

    def warnings(self, text: str) -> Sequence[str]:
        """Give the warnings of the check."""
        with Opened(self.opener(text)) as one:
            return one.check()


class Opened:
    """A connector that is closed at the end of the block."""

    def __init__(self, opener: Callable[[], Connector]) -> None:
        self.one = opener()

    def __enter__(self) -> Connector:
        return self.one

    def __exit__(self, *_: object) -> None:
        self.one.close()


def admin_engine(url: str) -> sa.Engine:
    """Give an engine for the test's own statements."""
    return sa.create_engine(url, poolclass=NullPool)
