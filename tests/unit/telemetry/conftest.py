from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from orchestrator.settings import TelemetrySettings
from orchestrator.telemetry import Telemetry, running

SYSTEMS = ("crm", "hr")


class Heard:
    """Telemetry of a process, and what it wrote."""

    def __init__(self, telemetry: Telemetry, stream: io.StringIO) -> None:
        self.telemetry = telemetry
        self.stream = stream

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def last(self) -> dict[str, Any]:
        return self.lines[-1]


Speak = Callable[..., Heard]


@pytest.fixture
def speak() -> Iterator[Speak]:
    with ExitStack() as stack:

        def start(**settings: Any) -> Heard:
            stream = io.StringIO()
            more = {name: settings.pop(name) for name in ("needs", "checks", "routes") if name in settings}
            level = settings.pop("level", "debug")
            told = TelemetrySettings(level=level, **settings)
            one = stack.enter_context(running(told, "orchestrate", systems=SYSTEMS, stream=stream, **more))
            return Heard(one, stream)

        yield start
