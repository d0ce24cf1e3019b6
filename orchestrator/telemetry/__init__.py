"""How a process speaks: log lines, Prometheus metrics, probes. What may be said is in ``connectors.signals``."""

from orchestrator.telemetry.metrics import Sample
from orchestrator.telemetry.process import Process, Telemetry, running

__all__ = ["Process", "Sample", "Telemetry", "running"]
