"""``make bench``: run every measurement, print a table with its goals, write ``benchmarks/results.json``.

    python -m benchmarks [--scale 0.1] [--only requests|files|policy|law|ledger]

``--scale`` shrinks the sizes (1.0: those of the goals). Figures depend on the machine, so its size is printed and
written with them; they are never asserted in tests. The exit code is 1 when a goal is missed at scale 1.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks import bench_files, bench_law, bench_ledger, bench_policy, bench_requests
from benchmarks.table import Row, row, show

RESULTS = Path(__file__).parent / "results.json"


def requests(scale: float) -> list[Row]:
    """Measure the embedded runtime against the goals of architecture.md section 9."""
    measure = bench_requests.in_process
    count = max(100, int(1000 * scale))
    bursts = [measure("burst", count) for _ in range(3)]
    best = max(bursts, key=lambda one: one["requests_per_s"])
    bare = max((measure("bare", count) for _ in range(3)), key=lambda one: one["requests_per_s"])
    lone = [measure("alone", max(20, int(200 * scale))) for _ in range(3)]
    alone = min(lone, key=lambda one: one["p50_ms"])
    lone_spread = ", ".join(str(one["p50_ms"]) for one in lone)
    few, many = (
        min((measure("backlog", count) for _ in range(3)), key=lambda one: one["cpu_ms_per_answer"])
        for count in (max(10, int(10 * scale)), max(1000, int(100_000 * scale)))
    )
    help_ = bench_requests.help_time()
    ratio = best["requests_per_s"] / bare["requests_per_s"]
    growth = many["cpu_ms_per_answer"] / few["cpu_ms_per_answer"]
    spread = ", ".join(str(one["requests_per_s"]) for one in bursts)
    return [
        row(f"burst of {count}, best of 3 ({spread})", best["requests_per_s"], "requests/s", at_least=800),
        row("  with intake (seal, journal)", best["with_intake_per_s"], "requests/s"),
        row("  CPU", best["cpu_ms_per_request"], "ms/request"),
        row("  the same SQL without orchestration", bare["requests_per_s"], "requests/s"),
        row("  ratio to it", round(ratio, 2), "", at_least=0.5),
        row("  peak memory", best["peak_mb"], "MB", at_most=120),
        row(f"one alone, p50, best of 3 ({lone_spread}; disk: {alone['disk']})", alone["p50_ms"], "ms", at_most=10),
        row("  p95", alone["p95_ms"], "ms"),
        row(f"CPU an answer, best of 3, {few['open']} open", few["cpu_ms_per_answer"], "ms"),
        row(f"CPU an answer, best of 3, {many['open']} open", many["cpu_ms_per_answer"], "ms"),
        row("  growth", round(growth, 2), "x", at_most=1.25),
        row(f"start with {many['open']} open", many["start_s"], "s", at_most=5),
        row("expunge --help, best of 7", help_["best_s"], "s", at_most=0.3),
    ]


def files(scale: float) -> list[Row]:
    """Measure passes over files."""
    rows = []
    for one in bench_files.run(scale):
        goal = str(one.get("goal", ""))
        at_least = float(goal.removeprefix(">=")) if goal.startswith(">=") else None
        rows.append(row(one["name"], one["value"], one["unit"], at_least=at_least))
        rows.append(row("  peak memory", one["peak_rss_mb"], "MB"))
    return rows


def policy(_: float) -> list[Row]:
    """Measure the linter of policies."""
    entries, seconds = bench_policy.large()
    return [
        row("expunge policy lint, best of 5", round(bench_policy.command(), 3), "s", at_most=1),
        row(f"read and lint, {entries} activities and rules", round(seconds, 3), "s", at_most=1),
    ]


def law(scale: float) -> list[Row]:
    """Measure the dating of requests."""
    found = bench_law.run(scale)
    return [
        row(f"dating a request, six calendars, mean of {found['requests']}", found["mean_ms"], "ms", at_most=1),
        row("  p99", found["p99_ms"], "ms"),
        row("  the first, which reads the calendars", found["first_ms"], "ms"),
    ]


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure expunge.")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--only", choices=("requests", "files", "policy", "law", "ledger"))
    options = parser.parse_args()
    rows: list[Row] = []
    parts = (
        ("requests", requests), ("files", files), ("policy", policy), ("law", law), ("ledger", bench_ledger.run),
    )  # fmt: skip
    for name, measure in parts:
        if options.only in (None, name):
            print(f"measuring {name} ...", file=sys.stderr)
            rows += measure(options.scale)
    met = show(rows, f"scale {options.scale:g}", RESULTS)
    return 1 if options.scale >= 1 and not met else 0


if __name__ == "__main__":
    sys.exit(main())
