"""Skips are counted and explained; a service that CI must have is never skipped there.

A test that needs a service (Kafka, PostgreSQL, Redis) or a browser and finds none calls ``pytest.skip`` with a reason
that starts with ``SERVICE_ABSENT``. On a laptop that is a skip like any other; with ``CI=true`` it is a failure, so
that a green run cannot hide a suite that never ran. Tests for ``../shared/data`` skip everywhere when it is absent.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.support.absent import SERVICE_ABSENT

pytest_plugins = ["tests.support.browser", "tests.support.services"]

# `make test` looks quickly, on every change; `HYPOTHESIS_PROFILE=thorough make test` looks longer.
settings.register_profile("quick", max_examples=40, deadline=None)
settings.register_profile("thorough", max_examples=1000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

if TYPE_CHECKING:
    from collections.abc import Generator

    from _pytest.terminal import TerminalReporter


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """The reason of a skip; pytest keeps it as (file, line, "Skipped: reason")."""
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    return str(report.longrepr)


# kafka-python 3.0.12 leaves the socket of an attempt to connect that fails (refused, timed out: a busy machine) to the
# garbage collector, ``kafka/net/inet.py``, ``KafkaNetSocket.connect``. It is closed then; not ours to close. It
# may run in any later test of the process, but mostly runs in those with a broker.
LEAK = "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if {"kafka", "own_kafka"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.filterwarnings(LEAK))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if (
        report.skipped
        and not hasattr(report, "wasxfail")
        and os.environ.get("CI", "").lower() == "true"
        and _reason(report).startswith(SERVICE_ABSENT)
    ):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: CI=true, and {_reason(report)}"
    return report


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    reasons = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", []))
    if reasons:
        terminalreporter.section(f"{reasons.total()} skipped, and why")
        for reason, count in reasons.most_common():
            terminalreporter.line(f"{count:5}  {reason}")
