"""Speed of one pass over files: a log of 1 GB for 1,000 requests, and Parquet rows scanned.

``run(scale)`` gives the figures as a list; ``python -m benchmarks.bench_files`` prints them. ``scale`` 1.0 is the
size of the goals (1 GB, 5 million rows); each measurement runs in a process of its own, so that its peak memory is
its own. Data is made from a seed in a temporary folder. ``value`` is by the clock on the wall, ``per_core`` by the
processor time used, which neighbours on the machine disturb less.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from connectors import events, logs
from connectors.contract import Connector, Subject, TaskId
from connectors.settings import SystemSettings

SUBJECTS = 1000
BLOCK_LINES = 20_000
LOG_BYTES = 1_000_000_000
PARQUET_ROWS = 5_000_000

LOG_MAP = """
[[record_set]]
name = "access"
files = "*.log"
match.ip = [{ field = "*" }]
match.email = [{ field = "*" }]
max_records = 100000
"""
JSON_MAP = """
[[record_set]]
name = "events"
files = "*.jsonl"
match.email = [{ field = "user.email" }]
match.customer_id = [{ field = "user.id" }]
"""
PARQUET_MAP = """
[[record_set]]
name = "events"
files = "*.parquet"
match.email = [{ field = "email" }]
match.customer_id = [{ field = "customer_id" }]
"""


def _address(n: int) -> str:
    return f"{10 + n % 200}.{n // 200 % 250}.{n // 7 % 250}.{n * 13 % 250 + 1}"


def _email(n: int) -> str:
    return f"person{n}@example{n % 40}.org"


def _log_block(seed: int) -> bytes:
    state = seed
    lines = []
    for n in range(BLOCK_LINES):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        who = (state >> 33) % 2_000_000
        mail = f" /account?email={_email(who)}" if n % 20 == 0 else f" /images/{state % 9999}.png"
        lines.append(
            f'{_address(who)} - - [17/May/2025:10:05:{n % 60:02d} +0000] "GET{mail} HTTP/1.1" 200 {state % 99999} '
            f'"http://shop.example/start" "Mozilla/5.0 (X11; Linux x86_64; rv:{state % 140}.0) Gecko/20100101"\n'
        )
    return "".join(lines).encode()


def _json_block(seed: int) -> bytes:
    state = seed
    lines = []
    for n in range(BLOCK_LINES):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        who = (state >> 33) % 2_000_000
        event = {"at": f"2025-05-17T10:05:{n % 60:02d}Z", "type": "view", "page": f"/item/{state % 99999}"}
        lines.append(
            json.dumps(event | {"user": {"email": _email(who), "id": f"C{who:08d}"}, "price": state % 977}) + "\n"
        )
    return "".join(lines).encode()


def _fill(file: Path, block: Callable[[int], bytes], size: int) -> int:
    blocks = [block(seed) for seed in (1, 2, 3, 4)]
    written = 0
    with file.open("wb") as out:
        while written < size:
            written += out.write(blocks[written // len(blocks[0]) % 4])
    return written


def _subjects() -> list[Subject]:
    return [
        Subject(
            TaskId(f"task-{n}"),
            {
                "email": frozenset({_email(n * 1777)}),
                "ip": frozenset({_address(n * 1777)}),
                "customer_id": frozenset({f"C{n * 1777:08d}"}),
            },
        )
        for n in range(SUBJECTS)
    ]


def _pass(connector: Connector) -> tuple[float, float, int]:
    subjects = _subjects()
    start, busy = time.perf_counter(), time.process_time()
    found = connector.locate(subjects)
    taken, busy = time.perf_counter() - start, time.process_time() - busy
    return taken, busy, sum(len(holding.keys) for holdings in found.values() for holding in holdings.values())


def _settings(folder: Path, text: str) -> SystemSettings:
    (folder / "map.toml").write_text(text)
    return SystemSettings("bench", folder / "map.toml", folder, {"root": "data"})


def _measure_lines(folder: Path, scale: float, kind: str) -> dict[str, Any]:
    factory, text, name, block = (
        (logs.connector, LOG_MAP, "a.log", _log_block)
        if kind == "logs"
        else (events.connector, JSON_MAP, "a.jsonl", _json_block)
    )
    size = _fill(folder / "data" / name, block, int(LOG_BYTES * scale))
    open_connector = factory(_settings(folder, text))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    taken, busy, found = _pass(open_connector())
    label = "text log" if kind == "logs" else "JSON lines"
    return {
        "name": f"{label}: one pass for {SUBJECTS} requests",
        "value": round(size / taken / 1e6, 1),
        "unit": "MB/s",
        "per_core": round(size / busy / 1e6, 1),
        "goal": ">= 100",
        "bytes": size,
        "records_found": found,
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "rss_before_mb": round(before / 1024, 1),
    }


def _table(start: int, rows: int) -> Any:
    import pyarrow as pa

    who = [(start + n) * 48271 % 2_000_003 for n in range(rows)]
    columns = {
        "email": [_email(n) for n in who],
        "customer_id": [f"C{n:08d}" for n in who],
        "n": who,
        "page": [f"/item/{n % 999}" for n in who],
    }
    return pa.table(columns)


def _measure_parquet(folder: Path, scale: float) -> dict[str, Any]:
    import pyarrow.parquet as pq

    rows = 0
    group = 250_000
    first = _table(0, group)
    with pq.ParquetWriter(folder / "data" / "a.parquet", first.schema, compression="snappy") as writer:
        while rows < PARQUET_ROWS * scale:
            writer.write_table(_table(rows, group))
            rows += group
    open_connector = events.connector(_settings(folder, PARQUET_MAP))
    taken, busy, found = _pass(open_connector())
    return {
        "name": f"Parquet: one pass for {SUBJECTS} requests",
        "value": round(rows / taken),
        "unit": "rows/s",
        "per_core": round(rows / busy),
        "goal": ">= 1000000",
        "rows": rows,
        "records_found": found,
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def _child(what: str, scale: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").mkdir()
        return _measure_parquet(folder, scale) if what == "parquet" else _measure_lines(folder, scale, what)


def run(scale: float) -> list[dict[str, Any]]:
    """Measure at a scale (1.0: 1 GB of lines, 5 million rows)."""
    results = []
    for what in ("logs", "jsonl", "parquet"):
        command = [sys.executable, "-m", "benchmarks.bench_files", what, str(scale)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1])
        results.append(json.loads(done.stdout))
    return results


def main(arguments: list[str]) -> None:
    if len(arguments) == 2:
        print(json.dumps(_child(arguments[0], float(arguments[1]))))
        return
    for result in run(float(arguments[0]) if arguments else 1.0):
        print(
            f"{result['name']:45} {result['value']:>12} {result['unit']:7} (goal {result['goal']}), "
            f"{result['per_core']} by CPU time, "
            f"{result['records_found']} records, peak {result['peak_rss_mb']} MB"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
