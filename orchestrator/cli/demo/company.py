"""A small made-up company from a seed: CRM and HR as SQLite, events as files, a web server's logs.

The same seed and day give the same rows and lines. Nobody in it exists: addresses end in ``.example`` (RFC 2606), IP
addresses are for documentation (RFC 5737), telephone numbers are kept free for fiction by the French regulator.
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
import random  # noqa: TID251 - seeded: the demo's company must be the same each time
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import msgspec

CUSTOMERS: Final = 240
EMPLOYEES: Final = 24
APPLICANTS: Final = 30
_FIRST: Final = (
    "Ada",
    "Amir",
    "Bruno",
    "Chiara",
    "Dario",
    "Elena",
    "Femi",
    "Greta",
    "Hugo",
    "Ines",
    "Jonas",
    "Kim",
    "Lena",
    "Mika",
    "Nora",
    "Omar",
    "Pia",
    "Rosa",
)
_LAST: Final = (
    "Abel",
    "Berg",
    "Costa",
    "Diaz",
    "Engel",
    "Fabre",
    "Haas",
    "Ivanov",
    "Keller",
    "Lopez",
    "Meyer",
    "Novak",
    "Okoye",
    "Petit",
    "Rossi",
    "Vidal",
)
_CITIES: Final = ("Lyon", "Porto", "Graz", "Turin", "Ghent", "Malmo")
_PAGES: Final = ("/", "/shop", "/shop/lamp", "/shop/chair", "/basket", "/help")
_AGENT: Final = "Mozilla/5.0"

_CRM: Final = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL UNIQUE, phone TEXT, city TEXT,
  marketing_ok INTEGER NOT NULL, restricted INTEGER NOT NULL);
CREATE INDEX customers_phone ON customers (phone);
CREATE TABLE invoices (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers (id),
  issued_on TEXT NOT NULL, billed_to TEXT NOT NULL, address TEXT, cents INTEGER NOT NULL);
CREATE INDEX invoices_customer ON invoices (customer_id);
CREATE TABLE invoice_lines (id INTEGER PRIMARY KEY, invoice_id INTEGER NOT NULL REFERENCES invoices (id),
  article TEXT NOT NULL, cents INTEGER NOT NULL);
CREATE INDEX invoice_lines_invoice ON invoice_lines (invoice_id);
CREATE TABLE reviews (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id), author TEXT,
  stars INTEGER NOT NULL, text TEXT NOT NULL);
CREATE INDEX reviews_customer ON reviews (customer_id);
CREATE TABLE tickets (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers (id),
  opened_on TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX tickets_customer ON tickets (customer_id);
"""
_HR: Final = """
CREATE TABLE employees (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL UNIQUE, phone TEXT,
  manager_id INTEGER REFERENCES employees (id));
CREATE INDEX employees_phone ON employees (phone);
CREATE INDEX employees_manager ON employees (manager_id);
CREATE TABLE applicants (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL UNIQUE, phone TEXT,
  applied_on TEXT NOT NULL);
CREATE INDEX applicants_phone ON applicants (phone);
CREATE TABLE documents (id INTEGER PRIMARY KEY, applicant_id INTEGER NOT NULL REFERENCES applicants (id),
  kind TEXT NOT NULL, content TEXT NOT NULL);
CREATE INDEX documents_applicant ON documents (applicant_id);
CREATE TABLE interviews (id INTEGER PRIMARY KEY, applicant_id INTEGER NOT NULL REFERENCES applicants (id),
  interviewer_id INTEGER NOT NULL REFERENCES employees (id), held_on TEXT NOT NULL, notes TEXT NOT NULL);
CREATE INDEX interviews_applicant ON interviews (applicant_id);
CREATE INDEX interviews_interviewer ON interviews (interviewer_id);
"""

Rows = list[tuple[Any, ...]]


class Person(msgspec.Struct, frozen=True):
    """Somebody made up."""

    number: int
    name: str
    email: str
    phone: str
    ip: str
    city: str


class Company(msgspec.Struct, frozen=True):
    """What was made: where, the person the demo is about, and whether Parquet could be written."""

    folder: Path
    subject: Person
    parquet: bool


def build(folder: Path, seed: int, today: dt.date) -> Company:
    """Make the company's four systems below a folder that does not hold one yet."""
    chance = random.Random(seed)  # noqa: S311 - no secret depends on it
    people = [_person(number, chance) for number in range(1, CUSTOMERS + 1)]
    subject = chance.choice(people[CUSTOMERS // 2 :])
    folder.mkdir(mode=0o700)
    _crm(folder / "crm.sqlite", people, subject, chance, today)
    _hr(folder / "hr.sqlite", people, subject, chance, today)
    parquet = _events(folder / "events", people, subject, chance, today)
    _logs(folder / "logs", people, subject, chance, today)
    return Company(folder, subject, parquet)


def _person(number: int, chance: random.Random) -> Person:
    first, last = chance.choice(_FIRST), chance.choice(_LAST)
    email = f"{first}.{last}{number}@mail.example".lower()
    # Two customers of one household share an address; the third block of RFC 5737 is the server's own.
    net, host = divmod(number // 2, 120)
    ip = f"{('198.51.100', '203.0.113')[net % 2]}.{host + 2}"
    return Person(number, f"{first} {last}", email, f"+3363998{number:04}", ip, chance.choice(_CITIES))


def _write(file: Path, schema: str, tables: Mapping[str, Rows]) -> None:
    with closing(sqlite3.connect(file)) as database, database:
        database.executescript("PRAGMA foreign_keys = ON;" + schema)
        for table, rows in tables.items():
            marks = ", ".join("?" for _ in rows[0])
            database.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)


def _crm(file: Path, people: list[Person], subject: Person, chance: random.Random, today: dt.date) -> None:
    invoices: Rows = []
    lines: Rows = []
    reviews: Rows = []
    tickets: Rows = []
    for one in people:
        ages = [chance.randrange(30, 3400) for _ in range(chance.randrange(4))]
        if one is subject:
            ages = [60, 800, 4300]  # days: two within the ten years, one beyond them
        for age in ages:
            day = (today - dt.timedelta(days=age)).isoformat()
            number, cents = len(invoices) + 1, chance.randrange(900, 90000)
            invoices.append((number, one.number, day, one.name, f"{number} Rue Haute, {one.city}", cents))
            lines += [(len(lines) + 1 + n, number, chance.choice(("lamp", "chair", "table")), cents) for n in range(2)]
        for stars in range(2 if one is subject else chance.randrange(2)):
            reviews.append((len(reviews) + 1, one.number, one.name, 3 + stars, "Good for the price."))
        for _ in range(3 if one is subject else chance.randrange(3)):
            day = (today - dt.timedelta(days=chance.randrange(900))).isoformat()
            tickets.append((len(tickets) + 1, one.number, day, "Delivery", f"Where is it? {one.name}"))
    customers: Rows = [(one.number, one.name, one.email, one.phone, one.city, 1, 0) for one in people]
    _write(
        file,
        _CRM,
        {
            "customers": customers,
            "invoices": invoices,
            "invoice_lines": lines,
            "reviews": reviews,
            "tickets": tickets,
        },
    )


def _hr(file: Path, people: list[Person], subject: Person, chance: random.Random, today: dt.date) -> None:
    employees: Rows = []
    for number in range(1, EMPLOYEES + 1):
        name = f"{chance.choice(_FIRST)} {chance.choice(_LAST)}"
        email = f"staff{number}@company.example"
        employees.append((number, name, email, f"+3363997{number:04}", number // 4 or None if number > 1 else None))
    others = [one for one in people if one is not subject]
    applicants = [*chance.sample(others, APPLICANTS - 1), subject]
    rows: Rows = []
    documents: Rows = []
    interviews: Rows = []
    for number, one in enumerate(applicants, start=1):
        day = (today - dt.timedelta(days=100 + number)).isoformat()
        rows.append((number, one.name, one.email, one.phone, day))
        documents += [(len(documents) + 1 + n, number, kind, one.name) for n, kind in enumerate(("letter", "cv"))]
        interviews.append((number, number, chance.randrange(1, EMPLOYEES + 1), day, f"{one.name}: fine, too far away"))
    tables = {"employees": employees, "applicants": rows, "documents": documents, "interviews": interviews}
    _write(file, _HR, tables)


def _events(folder: Path, people: list[Person], subject: Person, chance: random.Random, today: dt.date) -> bool:
    (folder / "clicks").mkdir(parents=True)
    (folder / "purchases").mkdir()
    for age in range(3):
        day = (today - dt.timedelta(days=age)).isoformat()
        crowd = [*chance.choices(people, k=500), *[subject] * 4]
        chance.shuffle(crowd)
        with (folder / "clicks" / f"{day}.jsonl").open("w", encoding="utf-8") as out:
            for one in crowd:
                event = {"at": day, "page": chance.choice(_PAGES), "user": {"id": one.number, "email": one.email}}
                out.write(json.dumps(event) + "\n")
    bought = [*chance.choices(people, k=300), *[subject] * 5]
    chance.shuffle(bought)
    purchases = [
        {"customer_id": one.number, "article": chance.choice(("lamp", "chair")), "cents": chance.randrange(900, 9000)}
        for one in bought
    ]
    return _purchases(folder / "purchases", purchases)


def _purchases(folder: Path, rows: list[dict[str, Any]]) -> bool:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / "all.jsonl").write_text(text, encoding="utf-8")
        return False
    pq.write_table(pa.Table.from_pylist(rows), folder / "all.parquet")
    return True


def _logs(folder: Path, people: list[Person], subject: Person, chance: random.Random, today: dt.date) -> None:
    folder.mkdir()
    # Nobody else of the household was on the site, so that every line with the address is the person's.
    others = [one for one in people if one.ip != subject.ip]
    for age, name in ((2, "access.log.2.gz"), (1, "access.log.1"), (0, "access.log")):
        crowd = [*chance.choices(others, k=700), *[subject] * (3 + age)]
        chance.shuffle(crowd)
        text = "".join(_lines(crowd, today - dt.timedelta(days=age), chance)).encode()
        (folder / name).write_bytes(gzip.compress(text, mtime=0) if name.endswith(".gz") else text)


def _lines(crowd: list[Person], day: dt.date, chance: random.Random) -> Iterator[str]:
    start = dt.datetime.combine(day, dt.time(8), dt.UTC)
    times = [start + dt.timedelta(seconds=20 * place) for place in range(len(crowd) + 1)]
    for one, (moment, _) in zip(crowd, pairwise(times), strict=True):
        stamp = moment.strftime("%d/%b/%Y:%H:%M:%S +0000")
        size = chance.randrange(200, 9000)
        yield f'{one.ip} - - [{stamp}] "GET {chance.choice(_PAGES)} HTTP/1.1" 200 {size} "-" "{_AGENT}"\n'


def rotate(folder: Path) -> None:
    """Do what logrotate does: every log moves on by one, and a new live file begins."""
    logs = folder / "logs"
    (logs / "access.log.2.gz").rename(logs / "access.log.3.gz")
    plain = (logs / "access.log.1").read_bytes()
    (logs / "access.log.2.gz").write_bytes(gzip.compress(plain, mtime=0))
    (logs / "access.log.1").unlink()
    (logs / "access.log").rename(logs / "access.log.1")
    (logs / "access.log").touch()
