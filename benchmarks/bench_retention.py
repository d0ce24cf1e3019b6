"""Speed of a retention sweep: a table of a million rows, one of a hundred past its period, on the embedded runtime.

    python -m benchmarks.bench_retention [SCALE] [--rate ROWS_PER_SECOND]

``EXPUNGE_TEST_POSTGRES`` (a URL of a database) measures a table in PostgreSQL too. Each measurement runs in a process
of its own. ``seconds``: from the beginning of the sweep until the last row was looked at; meanwhile what was found is
erased, which ends at ``erased_s``. ``rows_per_s``: what the store was asked for, on average; it may not lie above the
setting. Memory is flat where ``peak_mb`` at scale 1.0 is what it is at 0.1.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

ROWS = 1_000_000
PAST_EVERY = 100
RATE = 25_000
SYSTEM = """
[retention]
rows_per_second = {rate}

[systems.crm]
connector = "sql"
map = "crm.toml"
url = "{url}"
"""
MAP = """[[record_set]]
name = "contacts"
table = "contacts"
match.email = [{ field = "email" }]
purpose = "contact_request"
expire = { text = "policy:prospects", months = 36, anchor = "last_contact" }
"""


def _rows(count: int) -> Iterator[tuple[int, str, str, str]]:
    today = dt.datetime.now(dt.UTC).date()
    for n in range(count):
        years = 4 if n % PAST_EVERY == 7 else n % 3
        day = today - dt.timedelta(days=365 * years + n % 300 + 1)
        yield n, f"person{n}@example{n % 40}.org", f"Name {n}", day.isoformat()


def _fill_sqlite(folder: Path, count: int) -> str:
    with sqlite3.connect(folder / "crm.db") as db:
        db.execute("CREATE TABLE contacts (id INTEGER PRIMARY KEY, email TEXT UNIQUE, name TEXT, last_contact TEXT)")
        db.executemany("INSERT INTO contacts VALUES (?, ?, ?, ?)", _rows(count))
    db.close()
    return "sqlite:///crm.db"


def _fill_postgres(url: str, count: int) -> None:
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS contacts")
        connection.exec_driver_sql(
            "CREATE TABLE contacts (id INTEGER PRIMARY KEY, email TEXT UNIQUE, name TEXT, last_contact DATE)"
        )
        cursor = connection.connection.cursor()
        with cursor.copy("COPY contacts FROM STDIN") as copy:
            for row in _rows(count):
                copy.write_row(row)
    engine.dispose()


def _child(scale: float, rate: int, url: str) -> dict[str, Any]:
    from orchestrator.engine import sweeps
    from orchestrator.runtime.embedded import Embedded
    from tests.support.home import make_home

    count = int(ROWS * scale)
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        if url:
            _fill_postgres(url, count)
        where = url or _fill_sqlite(home, count)
        make_home(home, SYSTEM.format(rate=rate, url=where), ["crm"])
        (home / "crm.toml").write_text(MAP)
        filled = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with Embedded.open(home) as runtime:
            sweeps.ask(runtime.store, runtime.plan)
            began = time.monotonic()
            runtime.run(until_idle=True)
            erased = time.monotonic() - began
            with runtime.store.read() as tx:
                (row,) = tx.sweeps()
        seconds = (
            dt.datetime.fromisoformat(row.finished_at) - dt.datetime.fromisoformat(row.started_at)
        ).total_seconds()
        if row.state != sweeps.DONE or row.scanned != count or row.opened != row.past:
            raise SystemExit(f"the sweep did not do its work: {row}")
        return {
            "store": "PostgreSQL" if url else "SQLite",
            "rows": count,
            "opened": row.opened,
            "seconds": round(seconds, 1),
            "erased_s": round(erased, 1),
            "rows_per_s": round(row.scanned / max(seconds, 0.001)),
            "rate": rate,
            "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
            "filled_mb": round(filled / 1024, 1),
        }


def run(scale: float, rate: int = RATE) -> list[dict[str, Any]]:
    """Measure at a scale (1.0: a million rows), and at a tenth of it, on each store there is."""
    found = []
    for url in filter(None, ("-", os.environ.get("EXPUNGE_TEST_POSTGRES", ""))):
        for size in (scale / 10, scale):
            command = [sys.executable, "-m", "benchmarks.bench_retention", "child", str(size), str(rate), url]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1])
            found.append(json.loads(done.stdout))
    return found


def main(arguments: list[str]) -> None:
    """Measure and print."""
    if arguments[:1] == ["child"]:
        url = arguments[3].removeprefix("-")
        print(json.dumps(_child(float(arguments[1]), int(arguments[2]), url)))
        return
    rate = int(arguments[arguments.index("--rate") + 1]) if "--rate" in arguments else RATE
    scale = float(arguments[0]) if arguments and not arguments[0].startswith("-") else 1.0
    for one in run(scale, rate):
        print(
            f"{one['store']:10} {one['rows']:>9} rows: looked through in {one['seconds']} s (goal <= 60 at a million), "
            f"{one['rows_per_s']} rows/s (at most {one['rate']}), {one['opened']} requests, all erased after "
            f"{one['erased_s']} s, peak {one['peak_mb']} MB"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
