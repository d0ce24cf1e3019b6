"""The table that measurements print: figures with their goals, and the size of the machine."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def row(name: str, value: float, unit: str, *, at_least: float | None = None, at_most: float | None = None) -> Row:
    """Make one line of the table."""
    goal = f">= {at_least:g}" if at_least is not None else f"<= {at_most:g}" if at_most is not None else ""
    met = (at_least is None or value >= at_least) and (at_most is None or value <= at_most)
    return {"name": name, "value": value, "unit": unit, "goal": goal, "met": met}


def machine() -> dict[str, Any]:
    """Describe the size of the machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 2**30),
        "python": platform.python_version(),
        "processor": platform.machine(),
    }


def show(rows: Sequence[Row], title: str, file: Path) -> bool:
    """Print the table, write it as JSON; tells whether every goal is met."""
    size = machine()
    print(f"{size['cores']} cores, {size['memory_gb']} GB, Python {size['python']}, {title}")
    width = max(len(one["name"]) for one in rows)
    for one in rows:
        verdict = ("" if not one["goal"] else "ok" if one["met"] else "MISSED").rjust(7)
        print(f"{one['name']:<{width}}  {one['value']:>12,} {one['unit']:<12} {one['goal']:<12} {verdict}")
    file.write_text(json.dumps({"machine": size, "title": title, "results": list(rows)}, indent=2) + "\n")
    print(f"written: benchmarks/{file.name}", file=sys.stderr)
    return all(one["met"] for one in rows)
