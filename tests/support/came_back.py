"""A company whose staff list tells since when it has somebody's data, and ways in which an erased person comes back."""

from __future__ import annotations

import datetime as dt
import sqlite3
from contextlib import closing

from tests.support.cli import WHO, edit
from tests.support.company import Company, made_up

LONG_AGO = "2020-01-01"


def tells_since_when(company: Company) -> None:
    """Give the staff list a column for it, and backups that live for 90 days; the data map names both."""
    edit(
        company.home / "maps" / "hr.toml",
        'table = "employees"\n',
        'table = "employees"\nsince = "joined_on"\nbackups_kept_days = 90\n',
    )
    with closing(sqlite3.connect(company.stores / "hr.sqlite")) as hr, hr:
        hr.execute("ALTER TABLE employees ADD COLUMN joined_on TEXT")
        hr.execute("UPDATE employees SET joined_on = ?", (LONG_AGO,))


def add(company: Company, joined_on: str | None, key: int = 9999) -> None:
    """Write the person into the staff list once more, with this day."""
    who = made_up(WHO)
    with closing(sqlite3.connect(company.stores / "hr.sqlite")) as hr, hr:
        hr.execute(
            "INSERT INTO employees (id, email, name, joined_on) VALUES (?, ?, ?, ?)",
            (key, who.email, who.name, joined_on),
        )


def there(company: Company) -> int:
    """Count how often the person is in the staff list."""
    with closing(sqlite3.connect(company.stores / "hr.sqlite")) as hr:
        (count,) = hr.execute("SELECT count(*) FROM employees WHERE email = ?", (made_up(WHO).email,)).fetchone()
    return int(count)


def snapshot(company: Company) -> bytes:
    """Give a backup of the staff list."""
    with closing(sqlite3.connect(company.stores / "hr.sqlite")) as hr:
        return hr.serialize()


def restore(company: Company, backup: bytes) -> None:
    """Put the backup back, as an administrator would: into the database, whole."""
    with (
        closing(sqlite3.connect(company.stores / "hr.sqlite")) as hr,
        closing(sqlite3.connect(":memory:")) as old,
    ):
        old.deserialize(backup)
        old.backup(hr)


def tomorrow() -> str:
    """A day on which the person, erased today, may have come back."""
    return (dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1)).isoformat()
