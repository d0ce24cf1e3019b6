"""``expunge run``: work, show progress on a terminal, stop cleanly on a signal, say how things stand."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from connectors.signals import SILENT, Part
from orchestrator.cli import queries, words
from orchestrator.cli.desk import Desk
from orchestrator.cli.guard import INTERRUPTED, explain
from orchestrator.cli.queries import Totals
from orchestrator.cli.screen import Screen
from orchestrator.cli.stopping import stopping
from orchestrator.errors import DependencyError, UsageError
from orchestrator.runtime.clock import SystemClock
from orchestrator.runtime.embedded import Embedded
from orchestrator.runtime.systems import check_systems, openers
from orchestrator.settings import Settings
from orchestrator.store.figures import GAUGES, Figures
from orchestrator.store.store import SqlStore

if TYPE_CHECKING:
    from orchestrator.telemetry import Telemetry

_EVERY: Final = 0.5
"""Seconds between two looks at the counts."""
_NEEDS: Final[tuple[Part, ...]] = ("store",)
_SHARE: Final = 20
"""Counting may take one part in so many of the time."""


def run(desk: Desk, *, until_idle: bool) -> int:
    """Work until stopped, or until nothing is left to do now.

    Returns:
        1 if a request needs attention, 130 after Ctrl-C, 3 if nothing is left to do but to wait for a system that
        cannot be reached, else 0.
    """
    stop = threading.Event()
    settings = desk.settings()
    with (
        stopping(stop) as received,
        _speaking(settings, until_idle=until_idle) as speaks,
        Embedded.open(desk.home, signals=speaks or SILENT) as home,
        progress(desk.screen, home.store) as shown,
    ):
        if speaks is not None:
            speaks.meter.read(GAUGES, Figures(home.store, SystemClock()))
        _misfits(desk.screen, home.settings)
        if not until_idle:
            desk.screen.say("working; Ctrl-C ends after what is running")
        home.run(until_idle=until_idle, stop=stop, progress=shown)
        totals = queries.totals(home.store)
        totals.held_up = queries.held_up(home.store)
    _summary(desk.screen, totals)
    if signal.SIGINT in received:
        return INTERRUPTED
    if totals.attention:
        return 1
    return DependencyError.exit_code if totals.held_up and until_idle and not received else 0


@contextmanager
def _speaking(settings: Settings, *, until_idle: bool) -> Iterator[Telemetry | None]:
    """Let it speak like the other processes where it is a service: ``[telemetry] port``, and not ``--until-idle``.

    Raises:
        DependencyError: the port is taken.
    """
    if until_idle or not settings.telemetry.port:
        yield None
        return
    from orchestrator import telemetry

    systems = [one.system for one in settings.systems]
    with telemetry.running(settings.telemetry, "run", systems=systems, needs=_NEEDS) as signals:
        yield signals
        signals.log("process.stopping")


def _misfits(screen: Screen, settings: Settings) -> None:
    """Say which data maps do not fit their stores, and where. Requests go on: a person is called where one is met."""
    for name, opener in openers(settings).items():
        try:
            check_systems({name: opener})
        except UsageError as error:
            told = explain(error)
            lines = [f"\n  {word + ':':<6} {text}" for word, text in (("where", told.where), ("fix", told.fix)) if text]
            screen.say(("warning: ", "yellow"), f"system {name} does not fit: {told.what}", *lines)
        except DependencyError:
            continue  # tried again while it works


@contextmanager
def progress(screen: Screen, store: SqlStore) -> Iterator[Callable[[], None]]:
    """Give the function to call after each batch; it shows counts on a terminal and does nothing elsewhere."""
    if not screen.live:
        yield lambda: None
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=screen.err, transient=True, refresh_per_second=4) as bar:
        task = bar.add_task("starting")
        yield _Counting(store, lambda text: bar.update(task, description=text))


class _Counting:
    """Counts at most twice a second, and less often where counting is slow."""

    def __init__(self, store: SqlStore, show: Callable[[str], Any]) -> None:
        self._store = store
        self._show = show
        self._next = 0.0

    def __call__(self) -> None:
        began = time.monotonic()
        if began < self._next:
            return
        one = queries.totals(self._store)
        self._show(f"{one.open} open   {one.closed} closed   {one.attention} need attention")
        ended = time.monotonic()
        self._next = ended + max(_EVERY, _SHARE * (ended - began))


def _summary(screen: Screen, totals: Totals) -> None:
    screen.data(totals, lambda _: None)
    attention = (f"{totals.attention} need attention", "bold red" if totals.attention else "")
    hint = ": `expunge list --attention`" if totals.attention else ""
    screen.say(f"{totals.open} open, {totals.closed} closed, ", attention, hint)
    for one in totals.held_up:
        code, again = one.code.replace("_", " "), words.minute(one.again)
        screen.say(("waiting ", "yellow"), f"for {one.system}: {code}; tried again by `expunge run` from {again}")
