"""``make bench-distributed``: the distributed runtime on one machine, from publishing to the completion record.

Needs a Kafka and a PostgreSQL of its own (``EXPUNGE_TEST_KAFKA``, ``EXPUNGE_TEST_POSTGRES``): the topics have fixed
names and are made anew. Everything runs on the same cores, so CPU seconds are printed by process. The work: erase one
subject over 4 tables (20,000 subjects, 1-3 rows each in the children) behind two systems of two tables, or four of one.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
import sqlalchemy as sa

from benchmarks import bare_distributed
from benchmarks.table import Row, row, show
from connectors.kafka.publisher import Publisher
from orchestrator import settings as configuration
from orchestrator.keys import create_missing
from orchestrator.runtime.clock import chance
from orchestrator.store.migrate import migrate
from orchestrator.store.opening import open_engine
from schemas.identifiers import Identifier
from schemas.requests import RequestForm, Right
from schemas.topics import FIXED, HEARTBEATS, tasks_of
from tests.support import bus

ROOT = Path(__file__).parent.parent
SUBJECTS = 20_000
LISTENS = "0A"
"""A listening socket in /proc/net/tcp."""
RESULTS = Path(__file__).parent / "results-distributed.json"

PARENT = """
[[record_set]]
name = "{name}"
table = "{name}"
match = {{ email = [{{ field = "email" }}] }}
personal = ["email", "name"]
"""
CHILD = """
[[record_set]]
name = "{name}"
table = "{name}"
parent = "{parent}"
parent_on = {{ person_id = "id" }}
erase = "with_parent"
personal = ["content"]
"""
Systems = dict[str, tuple[str, ...]]
TWO: Systems = {"shop": ("people", "addresses"), "club": ("members", "visits")}
FOUR: Systems = {"a": ("people",), "b": ("members",), "c": ("readers",), "d": ("guests",)}


class Databases:
    """Fresh databases on the server, dropped at the end."""

    def __init__(self, url: str) -> None:
        self._url = sa.make_url(url).set(drivername="postgresql")
        self._names: list[str] = []

    def _run(self, statement: str) -> None:
        with psycopg.connect(self._url.render_as_string(hide_password=False), autocommit=True) as one:
            one.execute(statement.encode())

    def create(self) -> str:
        """Create one; gives its URL."""
        name = f"expunge_bench_{secrets.token_hex(4)}"
        self._run(f"CREATE DATABASE {name}")
        self._names.append(name)
        return self._url.set(database=name).render_as_string(hide_password=False)

    def drop(self) -> None:
        """Drop all of them."""
        for name in self._names:
            self._run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def fill(url: str, tables: tuple[str, ...]) -> None:
    """Make and fill the tables of one system; a second one is the child of the first."""
    rng = random.Random(7)
    with psycopg.connect(url) as db, db.cursor() as cursor:
        parent = tables[0]
        cursor.execute(
            f"CREATE TABLE {parent} (id INT PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL)".encode()
        )
        with cursor.copy(f"COPY {parent} FROM STDIN".encode()) as copy:
            for i in range(SUBJECTS):
                copy.write_row((i, f"person{i}@example.com", f"Person {i}"))
        for child in tables[1:]:
            cursor.execute(
                f"CREATE TABLE {child} (id SERIAL PRIMARY KEY, content TEXT NOT NULL, "
                f"person_id INT NOT NULL REFERENCES {parent}(id))".encode()
            )
            with cursor.copy(f"COPY {child} (content, person_id) FROM STDIN".encode()) as copy:
                for i in range(SUBJECTS):
                    for _ in range(rng.randint(1, 3)):
                        copy.write_row((f"{child} of {i}", i))
            cursor.execute(f"CREATE INDEX ON {child} (person_id)".encode())
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("ANALYZE")


class Process:
    """A process of the product, with its output in a file."""

    def __init__(self, name: str, home: Path, *arguments: str) -> None:
        self.name = name
        self.log = home / f"{name}.log"
        with self.log.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", "orchestrator", *arguments, "--home", str(home)],
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self.pid = self._process.pid

    def stop(self) -> int:
        """SIGTERM, and wait."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(60)

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._process.wait()

    @property
    def running(self) -> bool:
        """Tell whether it still runs."""
        return self._process.poll() is None


def cpu_of(pids: list[int]) -> float:
    """CPU seconds of processes and of their children that have ended."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(int(one) for one in fields[11:15])
    return total / os.sysconf("SC_CLK_TCK")


def peak_mb(pid: int) -> int:
    """Peak memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) // 1024
    return 0


def serving(port: int) -> list[int]:
    """Processes of the server behind a port of this machine, and their children: no other server of that kind."""
    sockets = {
        f"socket:[{fields[9]}]"
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for fields in map(str.split, Path(table).read_text().splitlines()[1:])
        if fields[3] == LISTENS and int(fields[1].rpartition(":")[2], 16) == port
    }
    parents: dict[int, int] = {}
    found: set[int] = set()
    for one in Path("/proc").iterdir():
        if one.name.isdigit():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                parents[int(one.name)] = int((one / "stat").read_text().rpartition(")")[2].split()[1])
                if any(str(file.readlink()) in sockets for file in (one / "fd").iterdir()):
                    found.add(int(one.name))
    return sorted(found | {pid for pid, parent in parents.items() if parent in found})


class Installation:
    """A home folder, its databases and topics, and the processes that work on it."""

    def __init__(self, root: Path, kafka: str, databases: Databases, systems: Systems, kind: str) -> None:
        self.home = root
        self.kafka = kafka
        self.systems = systems
        text = f'version = 1\n[store]\nurl = "{databases.create()}"\n'
        text += f'[kafka]\nbootstrap_servers = ["{kafka}"]\nprefix = "{bus.unique("bench")}"\n'
        for name, tables in systems.items():
            url = databases.create()
            fill(url, tables)
            text += f'[systems.{name}]\nconnector = "sql"\nmap = "{name}.toml"\nurl = "{url}"\n'
            children = "".join(CHILD.format(name=one, parent=tables[0]) for one in tables[1:])
            (root / f"{name}.toml").write_text("version = 1\n" + PARENT.format(name=tables[0]) + children)
        (root / "expunge.toml").write_text(text)
        create_missing(root / "keys", list(systems), chance)
        settings = configuration.load(root)
        engine = open_engine(settings)
        migrate(engine)
        engine.dispose()
        bus.recreate(kafka, {one.name: 2 for one in FIXED} | {tasks_of(one).name: 1 for one in systems})
        self.kind = kind
        self.processes: list[Process] = []

    def start(self, orchestrators: int) -> None:
        """Start workers and orchestrators."""
        for name in self.systems:
            self.processes.append(Process(f"worker-{name}", self.home, "connect", name))
        for number in range(orchestrators):
            self.processes.append(Process(f"orchestrator-{number}", self.home, "orchestrate", "--bus", self.kind))

    def stop(self) -> None:
        """End everything."""
        for one in self.processes:
            if one.running and one.stop():
                print(one.log.read_text()[-2000:], file=sys.stderr)


class Counter:
    """Counts completions as they come, on a thread of its own."""

    def __init__(self, publisher: Publisher) -> None:
        self.seen: dict[str, float] = {}
        self.changed = threading.Condition()
        self._publisher = publisher
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for one in self._publisher.completions(bus.unique("bench-reader")):
            with self.changed:
                self.seen[one.request_id] = time.perf_counter()
                self.changed.notify_all()

    def wait(self, ids: list[str], seconds: float) -> None:
        """Wait until all of these are there."""
        until = time.perf_counter() + seconds
        with self.changed:
            while not all(one in self.seen for one in ids):
                left = until - time.perf_counter()
                if left <= 0:
                    raise SystemExit(
                        f"{sum(one not in self.seen for one in ids)} of {len(ids)} did not complete in time"
                    )
                self.changed.wait(min(left, 1))


@contextlib.contextmanager
def installed(systems: Systems, kind: str, orchestrators: int) -> Iterator[tuple[Installation, Publisher, Counter]]:
    """Set everything up, and take it down again."""
    kafka, databases = os.environ["EXPUNGE_TEST_KAFKA"], Databases(os.environ["EXPUNGE_TEST_POSTGRES"])
    with tempfile.TemporaryDirectory() as folder:
        try:
            one = Installation(Path(folder), kafka, databases, systems, kind)
            one.start(orchestrators)
            try:
                with Publisher(kafka, one.home / "keys" / "intake.pub.jwk") as publisher:
                    yield one, publisher, Counter(publisher)
            finally:
                one.stop()
        finally:
            databases.drop()


def form(number: int) -> RequestForm:
    """An erasure of one person."""
    return RequestForm(Right.ERASURE, (Identifier("email", f"person{number}@example.com"),))


def measure(systems: Systems, kind: str, orchestrators: int, count: int, lone: int, *, bare: bool = False) -> Row:
    """Warm up, measure requests one by one on an idle installation, then a burst; then perhaps the bare loop."""
    with installed(systems, kind, orchestrators) as (one, publisher, counter):
        counter.wait([publisher.submit(form(number)) for number in range(20)], 90)
        times = []
        for number in range(20, 20 + lone):
            start = time.perf_counter()
            request_id = publisher.submit(form(number))
            counter.wait([request_id], 30)
            times.append((counter.seen[request_id] - start) * 1000)
            time.sleep(0.02)
        bus_port = int(one.kafka.rpartition(":")[2])
        store_port = sa.make_url(os.environ["EXPUNGE_TEST_POSTGRES"]).port or 5432
        groups = {
            "orchestrator": [p.pid for p in one.processes if p.name.startswith("orchestrator")],
            "workers": [p.pid for p in one.processes if p.name.startswith("worker")],
            "broker": serving(bus_port),
            "postgres": serving(store_port),
            "publisher and reader": [os.getpid()],
        }
        topics = [one.name for one in FIXED if one.name != HEARTBEATS.name] + [tasks_of(name).name for name in systems]
        ends = bare_distributed.traffic(one.kafka, topics)["ends"]
        used_before = {name: cpu_of(pids) for name, pids in groups.items()}
        start = time.perf_counter()
        first = 20 + lone
        ids = publisher_burst(publisher, range(first, first + count))
        counter.wait(ids, 300)
        took = max(counter.seen[i] for i in ids) - start
        groups["postgres"] = sorted({*groups["postgres"], *serving(store_port)})
        used = {name: (cpu_of(pids) - used_before[name]) * 1000 / count for name, pids in groups.items()}
        memory = {p.name: peak_mb(p.pid) for p in one.processes}
        result: Row = {"per_s": count / took, "times": sorted(times), "cpu_ms": used, "peak_mb": memory}
        if bare:
            time.sleep(2)  # what follows a completion: marks, offsets
            result["traffic"] = bare_distributed.traffic(one.kafka, topics, ends)["traffic"]
            one.stop()
            people = range(first + count, first + 2 * count)
            sizes = {name: got for name, got in result["traffic"].items() if got.messages}
            result["bare_per_s"] = bare_distributed.measure(one.home, one.kafka, list(systems), sizes, people)
    return result


def publisher_burst(publisher: Publisher, numbers: range) -> list[str]:
    """Publish many at once, as a program does that has them at once: up to a hundred to a message."""
    return publisher.submit_all(form(number) for number in numbers)


def rows_of(title: str, runs: Sequence[Row], count: int) -> list[Row]:
    """Give the lines of the table for some runs of one case: the best burst, the calmest idle time."""
    best = max(runs, key=lambda one: one["per_s"])
    calm = min((one["times"] for one in runs), key=statistics.median)
    spread = ", ".join(f"{one['per_s']:.0f}" for one in runs)
    rows = [row(f"{title}: burst of {count} ({spread})", round(best["per_s"]), "requests/s", at_least=400)]
    rows += [row(f"  CPU, {name}", round(value, 2), "ms/request") for name, value in best["cpu_ms"].items()]
    rows.append(row("  one alone, p50", round(statistics.median(calm), 1), "ms", at_most=100))
    rows.append(row("  one alone, p99", round(calm[int(len(calm) * 0.99)], 1), "ms", at_most=300))
    for kind, most in (("orchestrator", 150), ("worker", 100)):
        peak = max(mb for one in runs for name, mb in one["peak_mb"].items() if name.startswith(kind))
        rows.append(row(f"  peak memory, {kind}", peak, "MB", at_most=most))
    if bares := [one["bare_per_s"] for one in runs if "bare_per_s" in one]:
        rows.append(row("  the same SQL and Kafka traffic without orchestration", round(max(bares)), "requests/s"))
        rows.append(row("  ratio to it", round(best["per_s"] / max(bares), 2), "", at_least=0.5))
    return rows


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_distributed", description=__doc__)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--lone", type=int, default=100)
    parser.add_argument("--runs", type=int, default=3, help="of each case; the best burst counts")
    parser.add_argument("--bus", choices=("faust", "plain"), default="faust")
    parser.add_argument("--case", choices=("two", "four", "pair"), help="two systems, four, or two orchestrators")
    options = parser.parse_args()
    for name in ("EXPUNGE_TEST_KAFKA", "EXPUNGE_TEST_POSTGRES"):
        if not os.environ.get(name):
            parser.error(f"{name} names no server; it has to be one that nobody else uses")
    cases: dict[str, tuple[str, Systems, int]] = {
        "two": ("two systems", TWO, 1),
        "four": ("four systems", FOUR, 1),
        "pair": ("two systems, two orchestrators", TWO, 2),
    }
    rows: list[Row] = []
    for name, (title, systems, orchestrators) in cases.items():
        if options.case in (None, name):
            print(f"measuring {title}, {options.bus} ...", file=sys.stderr)
            runs = [
                measure(systems, options.bus, orchestrators, options.requests, options.lone, bare=orchestrators == 1)
                for _ in range(options.runs)
            ]
            rows += rows_of(title, runs, options.requests)
    return 0 if show(rows, f"{options.bus}", RESULTS) else 1


if __name__ == "__main__":
    sys.exit(main())
