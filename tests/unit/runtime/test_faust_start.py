"""A broker that goes away while Faust starts: seen by the distributed chaos harness, which kills brokers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.services import free_port

ROOT = Path(__file__).parents[3]
PROGRAM = """
import contextlib, sys, threading
from connectors.errors import UnavailableError
from connectors.kafka.settings import KafkaSettings
from orchestrator.runtime import distributed


class Answered:
    def topic_ids(self, names):
        return {}

    def joinable(self, group, *, faust):
        pass


distributed.Brokers = lambda settings: contextlib.nullcontext(Answered())  # the broker answered a moment ago
settings = KafkaSettings(bootstrap_servers=(sys.argv[1],), request_timeout_ms=1_000)
try:
    distributed.FaustConsumer(settings, "group", ["expunge.requests"], dict).run(print, threading.Event())
except UnavailableError as error:
    print(error)
"""


def test_a_broker_that_goes_away_at_the_start_is_a_dependency_that_is_away() -> None:
    # A process of its own, as every other one with Faust: its event loop stays open in the one that began it.
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, f"127.0.0.1:{free_port()}"],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    said = "the Kafka cluster cannot be reached: KafkaConnectionError; see that the brokers of [kafka] are up\n"
    assert run.stdout == said, run.stderr
    assert "Unclosed" not in run.stderr
