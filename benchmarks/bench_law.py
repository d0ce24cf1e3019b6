"""Speed of dating a request: the law of six joint controllers, with pauses and an extension, trace included."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

from orchestrator.law.deadlines import answer_due
from orchestrator.law.questions import Pause, Question

SIX = ("FR", "ES-MD", "GB-ENG", "DE-BE", "NL", "BE")
FIRST_DAY = dt.date(2024, 1, 1)
DAYS = 1000


def run(scale: float) -> dict[str, Any]:
    """Date one request for each of many days, six calendars each; the first one pays for the calendars."""
    days = [FIRST_DAY + dt.timedelta(days=n) for n in range(max(100, int(DAYS * scale)))]
    asked = [
        Question(
            "access",
            f"{day}T10:00:00Z",
            SIX,
            (Pause(day + dt.timedelta(days=2), day + dt.timedelta(days=12)),),
            extended_on=day if day.day % 2 else None,
        )
        for day in days
    ]
    start = time.perf_counter()
    answer_due(asked[0])
    first = time.perf_counter() - start
    spans = []
    for one in asked:
        start = time.perf_counter()
        answer_due(one)
        spans.append((time.perf_counter() - start) * 1000)
    spans.sort()
    return {
        "requests": len(spans),
        "mean_ms": round(sum(spans) / len(spans), 3),
        "p99_ms": round(spans[int(len(spans) * 0.99)], 3),
        "first_ms": round(first * 1000, 1),
    }
