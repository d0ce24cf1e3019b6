"""I4: whatever a careless caller passes, nothing that leads to a person comes out."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from connectors.signals import FIELDS, LABELS, LEVELS, METRICS, Counter, Event, Gauge, Histogram, Part
from connectors.testing.canary import find_canaries
from orchestrator.cli.words import REASONS
from orchestrator.core.model import Phase, Result
from orchestrator.telemetry.process import Process
from schemas import topics
from schemas.requests import Right
from schemas.tasks import Action

CANARIES = (
    "carla.canary@example.org",
    "Carla Canary",
    "carlacanary",
    "+33612345678",
    "0033612345678",
    "4711815",
    "192.0.2.77",
    "2001:db8::77",
    "10 rue des Canaris",
)


@pytest.mark.parametrize("canary", CANARIES)
def test_i04_no_field_lets_an_identifier_through(speak: Any, canary: str) -> None:
    heard = speak()
    log: Any = heard.telemetry.log  # a caller without types
    for name in (*FIELDS, *LABELS, "value", "email", "message", canary.replace(" ", "")):
        for value in (canary, [canary], {canary: canary}, canary.encode(), (canary,), ValueError(canary), object()):
            log("batch.applied", **{name: value})
    log(canary)
    heard.telemetry.count(canary)
    heard.telemetry.count("expunge_events_total", what=canary, verdict=canary)
    heard.telemetry.count("expunge_events_total", email=canary)
    heard.telemetry.gauge("expunge_consumer_lag", 1, topic=canary)
    heard.telemetry.observe("expunge_task_seconds", 1, system=canary, action=canary)
    page = heard.telemetry.meter.page()
    assert len(heard.lines) > 100
    assert find_canaries(heard.text.encode() + page, [canary]) == []


def test_what_is_declared_comes_through(speak: Any) -> None:
    heard = speak()
    heard.telemetry.log(
        "tasks.carried_out", system="crm", action="erase", tasks=3, seconds=0.25, request_id="r-17", part=""
    )
    told = heard.last()
    assert told.pop("at").endswith("Z")
    assert told == {
        "level": "debug",
        "event": "tasks.carried_out",
        "process": "orchestrate",
        "system": "crm",
        "action": "erase",
        "tasks": 3,
        "seconds": 0.25,
        "request_id": "r-17",
        "part": "",
    }


def test_an_exception_becomes_its_class_and_its_place(speak: Any) -> None:
    heard = speak()
    try:
        raise ValueError("DETAIL: Key (email)=(carla.canary@example.org) already exists")
    except ValueError as error:
        heard.telemetry.log("batch.failed", error=error)
    told = heard.last()
    assert (told["error"], told["place"].partition(":")[0]) == ("ValueError", "test_fields")
    assert "canary" not in heard.text


def test_an_unknown_system_is_other_and_an_undeclared_field_is_counted(speak: Any) -> None:
    heard = speak()
    heard.telemetry.log("system.silent", system="nobody", colour="red")
    assert (heard.last()["system"], heard.last()["dropped"]) == ("other", 1)


def test_an_event_that_is_not_declared_is_refused_aloud(speak: Any) -> None:
    heard = speak()
    heard.telemetry.log("anything")
    assert (heard.last()["event"], heard.last()["level"]) == ("signal.refused", "error")
    assert b"expunge_signals_refused_total 1.0" in heard.telemetry.meter.page()


def test_the_level_is_that_of_the_settings(speak: Any) -> None:
    heard = speak(level="warning")
    heard.telemetry.log("batch.applied")
    heard.telemetry.log("system.silent", system="hr")
    assert [one["event"] for one in heard.lines] == ["system.silent"]


def test_text_lines_hold_the_same(speak: Any) -> None:
    heard = speak(log="text")
    heard.telemetry.log("system.silent", system="hr", seconds=61)
    line = heard.text.splitlines()[-1]
    assert line.startswith("at=")
    assert line.endswith("level=warning event=system.silent process=orchestrate system=hr seconds=61")


def test_every_list_is_that_of_the_code_it_speaks_of() -> None:
    assert set(LEVELS) <= set(get_args(Event))
    assert set(METRICS) == {*get_args(Counter), *get_args(Histogram), *get_args(Gauge)}
    assert {label for one in METRICS.values() for label in one.labels} <= set(LABELS)
    assert set(LABELS["right"]) == {str(one) for one in Right}
    assert set(LABELS["phase"]) == {str(one) for one in Phase}
    assert set(LABELS["result"]) == {str(one) for one in Result}
    assert set(LABELS["action"]) == {str(one) for one in Action}
    assert set(LABELS["reason"]) >= set(REASONS)
    assert set(LABELS["topic"]) >= {one.name for one in topics.FIXED}
    assert set(LABELS["part"]) == set(get_args(Part))
    assert set(LABELS["process"]) == set(get_args(Process))
