"""Golden histories replay to the same bytes for ever (I5)."""

from __future__ import annotations

import json

import msgspec
import pytest

from orchestrator.core.events import Event
from orchestrator.core.machine import Step, step
from orchestrator.core.plan import Plan
from orchestrator.core.replay import replay
from tests.golden.generate import HISTORIES, JOURNEYS, history

NAMES = sorted(one.stem for one in HISTORIES.glob("*.json"))


def test_every_journey_has_its_history() -> None:
    assert sorted(one.__name__ for one in JOURNEYS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_i05_a_history_replays_to_the_same_bytes(name: str) -> None:
    golden = (HISTORIES / f"{name}.json").read_text(encoding="utf-8")
    stored = json.loads(golden)
    plan = msgspec.convert(stored["plan"], Plan)
    events = [msgspec.convert(told["event"], Event) for told in stored["steps"]]
    steps: list[Step] = []
    for event in events:
        steps.append(step(plan, steps[-1].state if steps else None, event))
    assert history(plan, events, steps) == golden
    # As the store does it: only what counted, and the effects are dropped.
    applied = [event for event, made in zip(events, steps, strict=True) if not made.ignored]
    assert replay({plan.digest(): plan}.__getitem__, applied) == steps[-1].state


@pytest.mark.parametrize("name", NAMES)
def test_every_journey_ends_closed_and_tells_it(name: str) -> None:
    golden = json.loads((HISTORIES / f"{name}.json").read_text(encoding="utf-8"))
    caused = [effect for told in golden["steps"] for effect in told["effects"]]
    assert golden["state"]["phase"] == "closed"
    assert sum("Complete" in one for one in caused) == golden["state"]["records"]
