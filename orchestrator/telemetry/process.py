"""One process's signals: log lines, metrics, probes behind the port of ``connectors.signals``."""

from __future__ import annotations

import contextlib
import importlib.metadata
from collections.abc import Collection, Iterator, Mapping
from http import HTTPStatus
from typing import Final, Literal, TextIO, get_args

import msgspec

from connectors.signals import Counter, Event, Gauge, Histogram, Part, Value
from orchestrator.settings.services import TelemetrySettings
from orchestrator.telemetry.fields import Vocabulary
from orchestrator.telemetry.health import Check, Health, Report
from orchestrator.telemetry.logs import Lines
from orchestrator.telemetry.metrics import CONTENT_TYPE, Meter
from orchestrator.telemetry.server import Answer, Asked, Routes, refused, serving

Process = Literal["run", "orchestrate", "connect", "suppression", "link"]
_EVENTS: Final = frozenset(get_args(Event))


class Telemetry:
    """The ``Signals`` of a running process. No method raises, whatever it is given."""

    def __init__(self, lines: Lines, meter: Meter, health: Health) -> None:
        self._lines = lines
        self.meter = meter
        self.health = health

    def log(self, event: Event, /, **fields: Value) -> None:
        """Log an event that is declared."""
        if event not in _EVENTS:
            self._refused()
            return
        self._lines(event, dict(fields))

    def count(self, name: Counter, amount: float = 1, /, **labels: str) -> None:
        """Add to a counter."""
        try:
            self.meter.count(name, amount, labels)
        except (KeyError, ValueError, TypeError):
            self._refused()

    def observe(self, name: Histogram, seconds: float, /, **labels: str) -> None:
        """Add to a histogram."""
        try:
            self.meter.observe(name, seconds, labels)
        except (KeyError, ValueError, TypeError):
            self._refused()

    def gauge(self, name: Gauge, value: float, /, **labels: str) -> None:
        """Set a gauge."""
        try:
            self.meter.gauge(name, value, labels)
        except (KeyError, ValueError, TypeError):
            self._refused()

    def alive(self) -> None:
        """Say that the main loop went round."""
        self.health.beat()

    def ready(self, part: Part, ok: bool, /) -> None:
        """Say whether a part is there."""
        if self.health.tell(part, ok):
            self.log("process.ready" if ok else "process.not_ready", part=part)
        self.gauge("expunge_up", 1.0 if ok else 0.0, part=part)

    def _refused(self) -> None:
        # Its name might be data: only that there was one is said.
        self._lines("signal.refused", {})
        self.meter.count("expunge_signals_refused_total", 1, {})

    # -- what is served -----------------------------------------------------------------------------------
    def routes(self) -> Routes:
        """Give the three pages every process has."""
        return {
            ("GET", "/livez"): lambda _: _told(self.health.live()),
            ("GET", "/readyz"): lambda _: _told(self.health.ready()),
            ("GET", "/metrics"): self._metrics,
        }

    def _metrics(self, _: Asked) -> Answer:
        page = self.meter.page()
        if page is None:
            return refused(HTTPStatus.NOT_IMPLEMENTED, "install expunge[distributed] for metrics")
        return Answer(HTTPStatus.OK, page, CONTENT_TYPE)


def _told(report: Report) -> Answer:
    return Answer(HTTPStatus.OK if report.ok else HTTPStatus.SERVICE_UNAVAILABLE, msgspec.json.encode(report))


@contextlib.contextmanager
def running(
    settings: TelemetrySettings,
    process: Process,
    *,
    systems: Collection[str] = (),
    needs: Collection[Part] = (),
    checks: Mapping[Part, Check] | None = None,
    routes: Routes | None = None,
    stream: TextIO | None = None,
) -> Iterator[Telemetry]:
    """Let a process speak while the block runs: log lines, and pages where ``[telemetry] port`` says so.

    Args:
        settings: ``[telemetry]``.
        process: What it is called in its lines.
        systems: Ids of the connected systems; no other value passes as ``system``.
        needs: Parts that are not ready until ``ready(part, True)``.
        checks: Parts that are asked when a probe comes.
        routes: More pages of the process.
        stream: Where lines go; stderr by default.

    Raises:
        DependencyError: the port is taken.
    """
    vocabulary = Vocabulary(systems)
    lines = Lines(settings, vocabulary, process, stream)
    one = Telemetry(lines, Meter(vocabulary), Health(settings.stall_seconds, needs, checks))
    lines.attach()
    try:
        with contextlib.ExitStack() as stack:
            one.log("process.started", version=importlib.metadata.version("expunge"))
            if settings.port:
                port = stack.enter_context(serving(settings.host, settings.port, {**one.routes(), **(routes or {})}))
                one.log("health.listening", port=port)
            yield one
    except BaseException as error:
        if not isinstance(error, KeyboardInterrupt | SystemExit):
            one.log("process.failed", error=error)
        raise
    finally:
        one.log("process.stopped")
        lines.detach()
