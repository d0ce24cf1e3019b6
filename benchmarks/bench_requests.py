"""Speed of requests through the embedded runtime: burst, one alone, flatness with the backlog, start with a backlog.

The work is that of the peers' measurement (architecture.md section 9): erase one subject over 4 SQL tables, 20,000
subjects with 1-3 rows each, discovery and second look included, ``synchronous=FULL`` everywhere. Beside it runs the
bare loop: the same connector calls on the same batches, without any orchestration.
"""

from __future__ import annotations

import json
import os
import random
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from connectors import registry
from connectors.contract import ErasureOrder, Look, Subject, TaskId
from orchestrator import settings as configuration
from orchestrator.engine.engine import BATCH
from orchestrator.keys import create_missing
from orchestrator.runtime.clock import chance
from orchestrator.runtime.embedded import Embedded
from orchestrator.store.database import open_sqlite
from orchestrator.store.migrate import migrate
from schemas.identifiers import Identifier
from schemas.requests import RequestForm, Right
from schemas.tasks import Instruction

SUBJECTS = 20_000
TABLES = ("people", "addresses", "orders", "messages")

MAP = """
version = 1
[[record_set]]
name = "people"
table = "people"
match = { email = [{ field = "email" }] }
one_per_subject = true
personal = ["email", "name"]
"""
CHILD = """
[[record_set]]
name = "{table}"
table = "{table}"
parent = "people"
parent_on = {{ person_id = "id" }}
erase = "with_parent"
personal = ["content"]
"""
CONFIG = """
version = 1
[systems.shop]
connector = "sql"
map = "shop.toml"
url = "sqlite:///shop.db"
"""


def company(home: Path, subjects: int = SUBJECTS) -> None:
    """Make the target database, its data map and a home folder."""
    home.mkdir(parents=True)
    with sqlite3.connect(home / "shop.db") as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL)")
        rng = random.Random(7)
        people = [(i, f"person{i}@example.com", f"Person {i}") for i in range(subjects)]
        db.executemany("INSERT INTO people VALUES (?, ?, ?)", people)
        for table in TABLES[1:]:
            db.execute(
                f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, content TEXT NOT NULL,"
                " person_id INTEGER NOT NULL REFERENCES people(id))"
            )
            db.execute(f"CREATE INDEX {table}_person ON {table} (person_id)")
            rows = [(f"{table} of {i}", i) for i in range(subjects) for _ in range(rng.randint(1, 3))]
            db.executemany(f"INSERT INTO {table} (content, person_id) VALUES (?, ?)", rows)
    db.close()
    (home / "shop.toml").write_text(MAP + "".join(CHILD.format(table=table) for table in TABLES[1:]))
    (home / "expunge.toml").write_text(CONFIG)
    create_missing(home / "keys", ["shop"], chance)
    database = open_sqlite(home / "expunge.db")
    migrate(database)
    database.dispose()


def _forms(first: int, count: int) -> list[RequestForm]:
    return [
        RequestForm(Right.ERASURE, (Identifier("email", f"person{i}@example.com"),))
        for i in range(first, first + count)
    ]


def _closed(home: Path) -> int:
    db = sqlite3.connect(home / "expunge.db")
    try:
        return int(
            db.execute("SELECT count(*) FROM requests WHERE phase = 'closed' AND result = 'fulfilled'").fetchone()[0]
        )
    finally:
        db.close()


def burst(home: Path, count: int) -> dict[str, Any]:
    """Submit ``count`` requests at once and run until all are closed."""
    company(home)
    with Embedded.open(home) as runtime:
        start = time.perf_counter()
        for first in range(0, count, BATCH):
            runtime.intake.submit(_forms(first, min(BATCH, count - first)))
        taken = time.perf_counter()
        cpu = time.process_time()
        runtime.run(until_idle=True)
        end = time.perf_counter()
    if _closed(home) != count:
        raise SystemExit("not every request was fulfilled")
    return {
        "requests": count,
        "intake_per_s": round(count / (taken - start)),
        "requests_per_s": round(count / (end - taken)),
        "with_intake_per_s": round(count / (end - start)),
        "cpu_ms_per_request": round((time.process_time() - cpu) * 1000 / count, 3),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def bare(home: Path, count: int) -> dict[str, Any]:
    """The same SQL without orchestration: locate, erase, fresh connection, locate, present; one batch after another."""
    company(home)
    settings = configuration.load(home)
    opener = registry.factory("sql", settings.systems[0].settings)
    names = [one.name for one in opener().record_sets()]
    start = time.perf_counter()
    for first in range(0, count, BATCH):
        subjects = [
            Subject(TaskId(str(i)), {"email": frozenset({f"person{i}@example.com"})})
            for i in range(first, min(count, first + BATCH))
        ]
        connector = opener()
        found = connector.locate(subjects)
        connector.close()
        connector = opener()
        report = connector.erase(
            [ErasureOrder(one, {name: Instruction(found=1) for name in names}) for one in subjects]
        )
        connector.close()
        connector = opener()
        if any(h.keys for holdings in connector.locate(subjects).values() for h in holdings.values()):
            raise SystemExit("the bare loop did not erase")
        looks = [Look(one, {n: found[one.task_id][n].keys for n in names}) for one in subjects]
        connector.present(looks)
        connector.close()
        if len(report) != len(subjects):
            raise SystemExit("the bare loop lost a subject")
    return {"requests": count, "requests_per_s": round(count / (time.perf_counter() - start))}


def alone(home: Path, count: int = 200) -> dict[str, Any]:
    """One request at a time on an idle, running runtime: from submission to the signed record in the store."""
    company(home)
    times: list[float] = []
    with Embedded.open(home) as runtime:
        stop, turned = threading.Event(), threading.Event()
        loop = threading.Thread(target=lambda: runtime.run(until_idle=False, stop=stop, progress=turned.set))
        loop.start()
        with closing(sqlite3.connect(home / "expunge.db")) as db:
            for i in range(count + 5):
                start = time.perf_counter()
                runtime.submit(_forms(i, 1))
                while db.execute("SELECT count(*) FROM records").fetchone()[0] <= i:
                    turned.wait(1)
                    turned.clear()
                times.append((time.perf_counter() - start) * 1000)
                time.sleep(0.005)  # the runtime goes idle before the next one
        stop.set()
        loop.join()
    if _closed(home) != count + 5:
        raise SystemExit("not every request was fulfilled")
    times = sorted(times[5:])
    return {
        "requests": count,
        "p50_ms": round(statistics.median(times), 2),
        "p95_ms": round(times[int(count * 0.95)], 2),
        "disk": disk(home),
    }


def disk(folder: Path) -> str:
    """Name the file system and how long one fsync takes there."""
    probe = folder / "fsync-probe"
    with probe.open("wb") as file:
        spans = []
        for _ in range(50):
            file.write(b"x" * 4096)
            file.flush()
            start = time.perf_counter()
            os.fsync(file.fileno())
            spans.append((time.perf_counter() - start) * 1000)
    probe.unlink()
    kind = subprocess.run(["stat", "-f", "-c", "%T", str(folder)], capture_output=True, text=True, check=False)
    return f"{kind.stdout.strip() or 'unknown'}, fsync {statistics.median(spans):.2f} ms"


def backlog(home: Path, open_requests: int, work: int = 1000) -> dict[str, Any]:
    """Cost per request with ``open_requests`` in flight: time ``work`` requests while the others wait."""
    company(home)
    with Embedded.open(home) as runtime:
        for first in range(0, open_requests + work, 2000):
            runtime.intake.submit(_forms(first % SUBJECTS, min(2000, open_requests + work - first)))
        runtime.engine.apply_waiting(BATCH)
        while open_requests > work and runtime.engine.apply_waiting(2000):
            pass
    start = time.perf_counter()
    with Embedded.open(home) as runtime:
        opened = time.perf_counter() - start
        tasks = runtime.engine.next_tasks("shop", BATCH)
        first_batch = time.perf_counter() - start
        cpu = time.process_time()
        done = 0
        while done < work and tasks:
            events = runtime._carry_out(  # noqa: SLF001 - what the loop calls
                "shop", tasks
            )
            done += runtime.engine.confirm(events)
            tasks = runtime.engine.next_tasks("shop", BATCH)
        cpu = time.process_time() - cpu
    return {
        "open": open_requests,
        "start_s": round(opened, 3),
        "first_batch_s": round(first_batch, 3),
        "cpu_ms_per_answer": round(cpu * 1000 / max(1, done), 3),
    }


def help_time(count: int = 7) -> dict[str, Any]:
    """``expunge --help``, best of several."""
    program = Path(sys.executable).parent / "expunge"
    spans = []
    for _ in range(count):
        start = time.perf_counter()
        subprocess.run([str(program), "--help"], capture_output=True, check=True)
        spans.append(time.perf_counter() - start)
    return {"best_s": round(min(spans), 3), "median_s": round(statistics.median(spans), 3)}


MEASURES: dict[str, Callable[..., dict[str, Any]]] = {"burst": burst, "bare": bare, "alone": alone, "backlog": backlog}


def in_process(name: str, *args: int) -> dict[str, Any]:
    """Run one measurement in a process of its own, so that its memory and caches are its own."""
    command = [sys.executable, "-m", "benchmarks.bench_requests", name, *map(str, args)]
    out = subprocess.run(command, capture_output=True, text=True, check=False)
    if out.returncode:
        raise SystemExit(f"{name} failed:\n{out.stderr}")
    return dict(msgspec.json.decode(out.stdout.splitlines()[-1]))


def main() -> None:
    """Run one measurement and print its figures as JSON."""
    name, *args = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(MEASURES[name](Path(folder) / "home", *map(int, args))))


if __name__ == "__main__":
    main()
