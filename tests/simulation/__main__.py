"""`python -m tests.simulation`: ten years and 100,000 requests in two shards; figures; 1 if one is wrong."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from orchestrator.engine import comparing
from orchestrator.engine.comparing import Unreadable
from orchestrator.engine.stored import StoredPlans
from tests.simulation.company import INVOICES, plan_of
from tests.simulation.run import Simulation


def shard(home: str, seed: int, requests: int, days: int, rest: int, quiet: bool) -> dict[str, Any]:
    """Live through one shard; then ask what a shorter period and a repealed text would have changed."""
    began, cpu = time.perf_counter(), time.process_time()
    one = Simulation(Path(home), seed, requests, days, rest)

    def seen(day: dt.date) -> None:
        if not quiet and day.month == day.day == 1:
            print(f"{time.perf_counter() - began:7.1f} s  shard {seed}: {day.year}", file=sys.stderr, flush=True)

    one.run(seen)
    lived, spent = time.perf_counter() - began, time.process_time() - cpu
    judge = one.judge
    tried = {
        "a period of five years": msgspec.structs.replace(INVOICES, months=60),
        "a repealed text": msgspec.structs.replace(INVOICES, text="fr-decret-2011-219"),
    }
    began, compared = time.perf_counter(), {}
    for name, rule in tried.items():
        with one.store.read() as tx:
            found = list(comparing.compare(tx, StoredPlans(), plan_of(rule)))
        places = {one.place for one in found if not isinstance(one, Unreadable)}
        if places != {"crm/invoices"} or any(isinstance(one, Unreadable) for one in found):
            judge.wrong.append(f"{name}: differs in {sorted(places)}, and only crm/invoices should")
        compared[name] = len(found)
    with one.store.read() as tx:
        itself = list(comparing.compare(tx, StoredPlans(), one.plan))
        events = tx.connection.exec_driver_sql("SELECT count(*) FROM journal").scalar()
    if itself:
        judge.wrong.append(f"the plan against itself differs: {itself[:3]}")
    what_if = (time.perf_counter() - began) / (len(tried) + 1)
    one.store.close()
    return {
        "wrong": judge.wrong, "closed": judge.closed, "open, and somebody's": judge.open, "kept still": judge.kept,
        "answered late, called before": judge.late, "called": dict(judge.called), "events": events, "what if": compared,
        "refused commands": dict(judge.refused), "seconds": lived, "cpu": spent, "what-if seconds": what_if,
    }  # fmt: skip


def main() -> int:
    """Run the shards side by side."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--requests", type=int, default=100_000)
    ask.add_argument("--years", type=float, default=10)
    ask.add_argument("--shards", type=int, default=min(2, os.cpu_count() or 1))
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--quiet", action="store_true")
    given = ask.parse_args()
    days = int(given.years * 365.25)
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(given.shards) as pool:
        jobs = [
            pool.submit(shard, f"{folder}/{n}", given.seed + n, given.requests // given.shards, days, 60, given.quiet)
            for n in range(given.shards)
        ]
        found = [one.result() for one in jobs]
    print(json.dumps(found, indent=1))
    wrong = [text for one in found for text in one["wrong"]]
    print(f"{given.requests:,} requests, {given.years:g} years: {len(wrong)} wrong")
    return int(bool(wrong))


if __name__ == "__main__":
    raise SystemExit(main())
