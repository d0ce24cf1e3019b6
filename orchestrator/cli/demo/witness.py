"""Looks at the company's files without expunge: are other people's records as they were, is the person still there?"""

from __future__ import annotations

import gzip
import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from orchestrator.cli.demo.company import Company, Person

Record = tuple[Any, ...]

_CRM: Final = {
    "customers": "SELECT * FROM customers WHERE id <> :number",
    "invoices": "SELECT * FROM invoices WHERE customer_id <> :number",
    "invoice_lines": "SELECT l.* FROM invoice_lines l JOIN invoices i ON i.id = l.invoice_id"
    " WHERE i.customer_id <> :number",
    "reviews": "SELECT * FROM reviews WHERE customer_id IS NOT :number",
    "tickets": "SELECT * FROM tickets WHERE customer_id <> :number",
}
_HR: Final = {
    "employees": "SELECT * FROM employees",
    "applicants": "SELECT * FROM applicants WHERE email <> :email",
    "documents": "SELECT d.* FROM documents d JOIN applicants a ON a.id = d.applicant_id WHERE a.email <> :email",
    "interviews": "SELECT i.* FROM interviews i JOIN applicants a ON a.id = i.applicant_id WHERE a.email <> :email",
}


def others(company: Company) -> Counter[Record]:
    """Give every record that is not the person's."""
    found: Counter[Record] = Counter()
    values = {"number": company.subject.number, "email": company.subject.email}
    for name, queries in (("crm", _CRM), ("hr", _HR)):
        with closing(sqlite3.connect(company.folder / f"{name}.sqlite")) as database:
            for table, query in queries.items():
                found.update((name, table, *row) for row in database.execute(query, values))
    for line in _lines(company.folder / "events" / "clicks"):
        if json.loads(line)["user"]["id"] != company.subject.number:
            found["clicks", line] += 1
    for row in _purchases(company):
        if row["customer_id"] != company.subject.number:
            found["purchases", json.dumps(row)] += 1
    own = company.subject.ip.encode() + b" "
    found.update(("access", line) for line in _lines(company.folder / "logs") if not line.startswith(own))
    return found


def missing(before: Counter[Record], after: Counter[Record]) -> int:
    """Count the records that are gone or changed."""
    gone: Counter[Record] = before - after
    return sum(gone.values())


def traces(company: Company) -> int:
    """Count where the person's e-mail, telephone number and IP address stand in the bytes of the company's files."""
    pattern = _pattern(company.subject)
    count = 0
    for file in sorted(company.folder.rglob("*")):
        # The columns of a Parquet file are compressed; its rows are read below.
        if file.is_file() and file.suffix != ".parquet":
            count += len(pattern.findall(_plain(file)))
    return count + [row["customer_id"] for row in _purchases(company)].count(company.subject.number)


def _pattern(one: Person) -> re.Pattern[bytes]:
    words = (re.escape(value).encode() for value in (one.email, one.phone, one.ip))
    return re.compile(b"(?<![0-9])(?:" + b"|".join(words) + b")(?![0-9])")


def _plain(file: Path) -> bytes:
    return gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()


def _lines(folder: Path) -> Iterator[bytes]:
    for file in sorted(folder.iterdir()):
        if file.is_file() and not file.name.startswith("."):
            yield from _plain(file).splitlines()


def _purchases(company: Company) -> list[dict[str, Any]]:
    folder = company.folder / "events" / "purchases"
    if not company.parquet:
        return [json.loads(line) for line in _lines(folder)]
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = pq.read_table(folder / "all.parquet").to_pylist()
    return rows
