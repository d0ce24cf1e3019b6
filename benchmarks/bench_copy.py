"""Memory and speed of a copy of 2 GB: three quarters of it rows of a SQL table, the rest lines of JSON.

    python -m benchmarks.bench_copy [--scale 0.1]

One person has all of it. The request is carried out as an operator does it: `expunge submit`, `expunge run
--until-idle` (search, export, package), `expunge package -O`; each in a process of its own, whose peak memory is what
the kernel says of it (``ru_maxrss`` of `wait4`). What was handed out is read once more: every record has to be in it.
Data is made from a seed in a temporary folder, which needs some four times its size. ``--in DIR``: where that is.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.table import Row, row, show

RESULTS: Final = Path(__file__).parent / "results-copy.json"
BYTES: Final = 2_000_000_000
IN_SQL: Final = 0.75
NOTE: Final = 20_000
"""Characters of a text, about."""
PERSON: Final = "ada.long@example.org"
CONFIGURATION: Final = """version = 1
[policy]
version = "2026-01"
controllers = ["acme"]
[systems.crm]
connector = "sql"
map = "maps/crm.toml"
url = "sqlite:///crm.sqlite"
domain = "customers"
[systems.events]
connector = "events"
map = "maps/events.toml"
root = "events"
domain = "customers"
"""
CRM: Final = """
[[record_set]]
name = "messages"
table = "message"
match = { email = [{ field = "email" }] }
max_records = 100000
"""
EVENTS: Final = """
[[record_set]]
name = "events"
files = "*.jsonl"
match.email = [{ field = "email" }]
max_records = 100000
"""


class Ran(msgspec.Struct):
    """One process. ``peak_mb``: most memory that it ever had, in MB of 1,000,000 bytes."""

    seconds: float
    peak_mb: float


def _texts(rng: random.Random) -> Iterator[str]:
    """Give texts that compress as prose does, each another one."""
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyzéü", k=rng.randrange(2, 11))) for _ in range(20_000)]
    long = " ".join(rng.choices(words, k=800_000))
    while True:
        start = rng.randrange(len(long) - NOTE)
        yield f"{rng.getrandbits(64):x} {long[start : start + NOTE]}"


def make(home: Path, size: int) -> dict[str, int]:
    """Make systems that hold about ``size`` bytes about one person; gives the number of records of each."""
    (home / "maps").mkdir(parents=True)
    (home / "events").mkdir()
    (home / "expunge.toml").write_text(CONFIGURATION)
    (home / "maps/crm.toml").write_text(CRM)
    (home / "maps/events.toml").write_text(EVENTS)
    texts = _texts(random.Random(7))
    rows, lines = int(size * IN_SQL) // NOTE, int(size * (1 - IN_SQL)) // NOTE
    with sqlite3.connect(home / "crm.sqlite") as store:
        store.execute("create table message (id integer primary key, email text, sent_on text, amount real, body text)")
        store.execute("create index message_email on message (email)")
        made = ((PERSON, f"2025-{n % 12 + 1:02}-{n % 28 + 1:02}", n / 100, next(texts)) for n in range(rows))
        store.executemany("insert into message (email, sent_on, amount, body) values (?, ?, ?, ?)", made)
    store.close()
    with (home / "events/clicks.jsonl").open("w", encoding="utf-8") as file:
        for n in range(lines):
            file.write(json.dumps({"id": n, "email": PERSON, "text": next(texts)}, ensure_ascii=False) + "\n")
    return {"crm/messages": rows, "events/events": lines}


def _expunge(home: Path, *arguments: str, given: str = "") -> Ran:
    """Run one command to its end."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "orchestrator", *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=os.environ | {"EXPUNGE_HOME": str(home)}
    ) as process:
        if process.stdin is None:
            raise SystemExit("no pipe to the process")
        process.stdin.write(given.encode())
        process.stdin.close()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"expunge {' '.join(arguments)}: exit code {process.returncode}")
    return Ran(time.perf_counter() - began, used.ru_maxrss * 1024 / 1e6)


def _held(copy: Path) -> tuple[dict[str, int], int]:
    """Count the records of a copy, and the bytes of what it holds, reading every file to its end."""
    found: dict[str, int] = {}
    length = 0
    with zipfile.ZipFile(copy) as archive:
        for entry in archive.infolist():
            length += entry.file_size
            with archive.open(entry) as file:
                # A record a line: so it is written, and reading it whole would take all memory there is.
                lines = sum(line.startswith(b"{") for line in file) if entry.filename.endswith(".json") else 0
                while file.read(1 << 20):
                    pass
            if entry.filename.startswith("data/") and entry.filename.endswith(".json"):
                found[entry.filename.removeprefix("data/").removesuffix(".json")] = lines
    return found, length


def measure(size: int, beside: Path | None) -> list[Row]:
    """Measure a copy of ``size`` bytes of data."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True, dir=beside) as folder:
        home = Path(folder) / "home"
        print("making the data ...", file=sys.stderr)
        wanted = make(home, size)
        _expunge(home, "init", str(home))
        request = {"right": "access", "request_id": "big", "identifiers": [{"kind": "email", "value": PERSON}]}
        _expunge(home, "submit", "-", given=json.dumps(request))
        print("copying ...", file=sys.stderr)
        ran = _expunge(home, "run", "--until-idle")
        print("handing out ...", file=sys.stderr)
        given = _expunge(home, "package", "big", "-O", str(home / "copy.zip"))
        found, length = _held(home / "copy.zip")
        if found != wanted:
            raise SystemExit(f"the copy has {found}, and not {wanted}")
        packed = (home / "copy.zip").stat().st_size
    mega = size / 1e6
    return [
        row("data of one person", round(mega), "MB"),
        row("  the copy, unpacked (JSON, CSV, pages)", round(length / 1e6), "MB"),
        row("  the copy, packed", round(packed / 1e6), "MB"),
        row("search, export, package: peak memory", round(ran.peak_mb), "MB", at_most=200),
        row("  time", round(ran.seconds, 1), "s"),
        row("  rate", round(mega / ran.seconds, 1), "MB/s"),
        row("handing out: peak memory", round(given.peak_mb), "MB", at_most=200),
        row("  time", round(given.seconds, 1), "s"),
    ]


def main() -> int:
    """Measure, print, write; the exit code is 1 when a goal is missed at scale 1."""
    reading = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    reading.add_argument("--scale", type=float, default=1.0)
    reading.add_argument("--in", type=Path, default=None, dest="beside", help="a folder with room for it")
    given = reading.parse_args()
    rows = measure(int(BYTES * given.scale), given.beside)
    met = show(rows, f"scale {given.scale:g}", RESULTS)
    return 0 if met or given.scale < 1 else 1


if __name__ == "__main__":
    sys.exit(main())
