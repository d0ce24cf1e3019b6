"""``expunge cache rebuild|check`` and ``expunge suppression serve``."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

import msgspec

from orchestrator.cache.connection import connect, url_of
from orchestrator.cache.suppression import SuppressionCache
from orchestrator.cli.desk import Desk
from orchestrator.cli.guard import INTERRUPTED
from orchestrator.cli.screen import Screen
from orchestrator.cli.stopping import stopping
from orchestrator.errors import UsageError
from orchestrator.runtime.clock import SystemClock, chance
from orchestrator.runtime.suppression import Suppression
from orchestrator.runtime.suppression_api import SuppressionApi, token_of
from orchestrator.settings import Settings
from orchestrator.store import suppressions as stored
from orchestrator.store.store import SqlStore
from orchestrator.telemetry import running
from orchestrator.telemetry.health import Check


class Rebuilt(msgspec.Struct):
    """What ``rebuild`` prints."""

    identifiers: int


class Checked(msgspec.Struct):
    """What ``check`` prints. ``age`` in seconds: up to when the cache is complete."""

    stored: int
    cached: int
    missing: int
    different: int
    complete: bool
    age: float | None


def rebuild(desk: Desk) -> int:
    """Make the cache anew from the store; may run while everything runs.

    Raises:
        DependencyError: Redis or the store cannot be used.
    """
    settings = desk.settings()
    with desk.store(settings) as store, _cache(settings) as cache, _counting(desk.screen, store) as progress:
        count = Suppression(store, cache, SystemClock(), chance).rebuild(progress)
    desk.screen.data(Rebuilt(count), lambda out: out.print(f"{count} identifiers are in the cache; it is complete"))
    return 0


def check(desk: Desk) -> int:
    """Hold the cache against the store.

    Returns:
        1 if it lacks something, holds something else, or nobody keeps it up to date.

    Raises:
        DependencyError: Redis or the store cannot be used.
    """
    settings = desk.settings()
    with desk.store(settings) as store, _cache(settings) as cache:
        found = Suppression(store, cache, SystemClock(), chance).check()
        now = cache.marker()
        told = Checked(found["stored"], cache.size(), found["missing"], found["different"], now.complete, now.age)
    good = told.complete and not told.missing and not told.different
    age = "never" if told.age is None else f"{told.age:.1f} seconds ago"
    desk.screen.data(
        told,
        lambda out: out.print(
            f"{told.stored} identifiers in the store, {told.cached} in the cache: "
            f"{told.missing} missing, {told.different} different; complete as of {age}"
        ),
    )
    if told.missing or told.different:
        desk.screen.say(("finding ", "yellow"), "the cache is not the store's; `expunge cache rebuild` makes it anew")
    elif not told.complete:
        desk.screen.say(
            ("finding ", "yellow"),
            "nobody feeds the cache, so the store is asked instead: is `expunge suppression serve` running?",
        )
    return 0 if good else 1


def serve(desk: Desk) -> int:
    """Answer producers of events until stopped, and keep the cache fed.

    Raises:
        UsageError: no port, no token. DependencyError: the port is taken, the store cannot be opened.
    """
    settings = desk.settings()
    if not settings.telemetry.port:
        fix = "port = 9464 under [telemetry]; /livez, /readyz and /metrics listen there too"
        raise UsageError("no port is configured", where="[telemetry] port", fix=fix)
    token = token_of(settings.suppression)
    key = desk.own_keys(settings).subject
    stop = threading.Event()
    with desk.store(settings) as store, _maybe_cache(settings) as cache, stopping(stop) as received:
        service = Suppression(store, cache, SystemClock(), chance)
        api = SuppressionApi(service, key, token)
        checks: dict[str, Check] = {"store": lambda: _readable(store)}
        with running(settings.telemetry, "suppression", checks=checks, routes=api.routes()) as signals:  # type: ignore[arg-type]
            service.speak(signals)
            api.speak(signals)
            desk.screen.say(f"answering on {settings.telemetry.host}:{settings.telemetry.port}; Ctrl-C ends")
            service.run(stop)
            signals.log("process.stopping")
    return INTERRUPTED if signal.SIGINT in received else 0


def _readable(store: SqlStore) -> None:
    with store.read() as tx:
        stored.last_feed(tx)


@contextlib.contextmanager
def _cache(settings: Settings) -> Iterator[SuppressionCache]:
    client = connect(settings.redis)
    try:
        yield SuppressionCache(client)
    finally:
        client.close()


@contextlib.contextmanager
def _maybe_cache(settings: Settings) -> Iterator[SuppressionCache | None]:
    if not url_of(settings.redis):
        yield None
        return
    with _cache(settings) as cache:
        yield cache


@contextlib.contextmanager
def _counting(screen: Screen, store: SqlStore) -> Iterator[Callable[[int], None]]:
    """Show how far it is, on a terminal only."""
    if not screen.live:
        yield lambda _: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress

    with store.read() as tx:
        total = stored.count(tx)
    with Progress(BarColumn(), MofNCompleteColumn(), console=screen.err, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda count: bar.update(task, completed=count)
