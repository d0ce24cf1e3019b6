"""The company with its CRM and HR on PostgreSQL, and a copy of it in files, which is what its oracle reads.

The tables are filled from the SQLite ones of ``tests.support.company`` and are read back into such files afterwards,
so that one oracle serves both harnesses.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg
from psycopg import sql

from tests.support import company_maps as maps
from tests.support.company import TABLES, Company

SCHEMAS: Final = {"crm": maps.CRM_TABLES, "hr": maps.HR_TABLES}


def fill(company: Company, urls: Mapping[str, str]) -> None:
    """Put what stands in the company's SQLite files into empty databases of PostgreSQL."""
    for system, tables in TABLES.items():
        file = company.stores / f"{system}.sqlite"
        with contextlib.closing(sqlite3.connect(file)) as before, psycopg.connect(urls[system]) as after:
            after.execute(SCHEMAS[system].encode())
            for table in tables:
                statement = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
                with after.cursor().copy(statement) as copy:
                    for row in before.execute(f"SELECT * FROM {table} ORDER BY id"):
                        copy.write_row(row)


def as_it_is(company: Company, urls: Mapping[str, str], root: Path) -> Company:
    """Copy the company as it stands now into files below ``root``."""
    stores = root / "stores"
    stores.mkdir(parents=True)
    for name in ("events", "logs"):
        shutil.copytree(company.stores / name, stores / name)
    for system, tables in TABLES.items():
        with (
            psycopg.connect(urls[system]) as now,
            contextlib.closing(sqlite3.connect(stores / f"{system}.sqlite")) as file,
        ):
            file.executescript(SCHEMAS[system])
            for table in tables:
                query = sql.SQL("SELECT * FROM {} ORDER BY id").format(sql.Identifier(table))
                rows = [tuple(map(_plain, row)) for row in now.execute(query)]
                if rows:
                    marks = ", ".join("?" * len(rows[0]))
                    file.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
            file.commit()
    return msgspec.structs.replace(company, root=root)


def _plain(cell: Any) -> Any:
    return cell.isoformat() if isinstance(cell, dt.date) else cell
