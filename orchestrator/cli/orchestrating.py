"""``expunge orchestrate``: one process of the distributed runtime, until a signal ends it."""

from __future__ import annotations

import threading

from connectors.memory import one_arena
from orchestrator import telemetry
from orchestrator.cli.desk import Desk
from orchestrator.cli.stopping import stopping
from orchestrator.runtime.clock import SystemClock
from orchestrator.runtime.orchestrator import Bus, Orchestrator
from orchestrator.store.figures import GAUGES, Figures


def orchestrate(desk: Desk, bus: Bus) -> int:
    """Work until SIGTERM or SIGINT: what is running is finished, what it caused published, the group left.

    Returns:
        0. Errors leave by ``guard``: 2 where a person has to mend the configuration, 3 where store or brokers are away,
        or do not fit.
    """
    stop = threading.Event()
    one_arena()
    settings = desk.settings()
    systems = [one.system for one in settings.systems]
    with (
        stopping(stop),
        telemetry.running(settings.telemetry, "orchestrate", systems=systems, needs=("store", "broker")) as signals,
        Orchestrator.open(settings, signals=signals) as one,
    ):
        signals.meter.read(GAUGES, Figures(one.store, SystemClock()))
        one.run(bus, stop)
        signals.log("process.stopping")
    return 0
