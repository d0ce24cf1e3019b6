"""The relay: what the engine wants known leaves for the broker, and what time brings is applied. It has a thread.

Tasks are released per system up to its window, in order of deadline, published, and marked; records, notices and dead
letters likewise. Released and not marked is published again, the same bytes: by this process, or by another one after
a crash. What can never leave goes to a person, what cannot leave now waits, and nobody else waits for it.

It is woken by whoever handles messages, so that a lone request never waits for a tick; other programs' work (a
submitted request, what a killed process left) is found by asking now and then.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from connectors.signals import SILENT, Signals
from orchestrator.engine import Engine
from orchestrator.engine.base import BATCH
from orchestrator.ports import Clock, Outgoing, Producer
from schemas.requests import utc
from schemas.topics import tasks_of

POLL_SECONDS: Final = 0.5
"""How often an idle relay asks for what others did."""
_OTHERS_SECONDS: Final = 0.05
"""How soon it asks again for the tasks of a system that another process was at."""
_CRASHED: Final = dt.timedelta(seconds=8)
"""After how long what a relay took and did not report goes out again; too early repeats the same bytes."""
_MOST_UNMARKED: Final = 1_000
"""So many at most are published and not marked: what a crash publishes again. They are marked at every poll too."""
_TRY_AGAIN: Final = dt.timedelta(seconds=3)
"""After how long what could not leave is tried again."""


class Relay:
    """Everything between the store and the broker that is not the reading of messages."""

    def __init__(
        self,
        engine: Engine,
        producer: Producer,
        systems: Sequence[str],
        *,
        window: int,
        clock: Clock,
        lock: threading.Lock,
        signals: Signals = SILENT,
        reading_again: Callable[[], bool] = lambda: False,
    ) -> None:
        """Take what it works with.

        Args:
            engine: The handler's too. What applies events is called under ``lock``; what only gives out tasks and
                publications, or marks them, is a transaction of its own, and needs nobody to wait for it.
            producer: Where events go.
            systems: The connected systems.
            window: Most tasks of one system that are out and not answered.
            clock: For timers.
            lock: One batch of events at a time in a process; publishing goes on beside it.
            signals: Where it says what it does.
            reading_again: Tells whether old answers are still to be read; no task leaves and no timer fires meanwhile.
        """
        self._engine = engine
        self._producer = producer
        self._topics = {name: tasks_of(name).name for name in systems}
        self._window = window
        self._clock = clock
        self._lock = lock
        self._signals = signals
        self._reading_again = reading_again
        self._reading = True
        self._wake = threading.Event()
        self._more = set(systems)
        self._deep: set[str] = set()
        """Systems with more than one batch to do: any answer may have made room in their window."""
        self._elsewhere: set[str] = set()
        """Systems with work, for which another process was giving out tasks when we asked."""
        self._held_up = False
        self._done: list[str] = []
        self._told: list[str] = []
        """Tasks and publications that the broker has, and that are not marked yet."""
        self._next_poll = 0.0
        self.failure: BaseException | None = None

    def wake(self) -> None:
        """Let it look now: a batch was handled."""
        self._wake.set()

    def run(self, stop: threading.Event, failed: Callable[[], None]) -> None:
        """Work until stopped; what is released then is published before it returns.

        Args:
            stop: Set it, and ``wake``.
            failed: Called when it cannot go on; ``failure`` says why.
        """
        try:
            while not stop.is_set():
                self.turn()
                self._wake.wait(self._pause())
                self._wake.clear()
            self.turn()
            self._mark()
        except BaseException as error:  # noqa: BLE001 - the process ends with it
            self.failure = error
            failed()

    def turn(self) -> None:
        """Do everything there is to do now."""
        polled = time.monotonic() >= self._next_poll
        if polled:
            self._next_poll = time.monotonic() + POLL_SECONDS
            self._mark()
            self._reading = self._reading and self._reading_again()
        more = True
        while more:
            self._signals.alive()
            moved = self._apply(polled=polled)
            tasks, told = self._outgoing(polled=polled)
            self._publish([*tasks, *told])
            if len(self._done) + len(self._told) >= _MOST_UNMARKED:
                self._mark()
            polled = False
            # Only what was full has left something behind: each question to the store costs as much as a small batch.
            left = bool(self._more - self._elsewhere) and not self._reading
            more = left or max(moved, len(told)) >= BATCH

    # -- what time and others bring -----------------------------------------------------------------------
    def _apply(self, *, polled: bool) -> int:
        moved = 0
        hints = self._engine.hints
        if polled:
            hints.ask_for_timers()
            with self._lock:
                moved += self._engine.apply_waiting(BATCH)
                moved += self._engine.replay_parked(BATCH)
            self._more.update(self._topics)
        if not self._reading and hints.may_be_due(utc(self._clock.now())):
            with self._lock:
                moved += self._engine.fire_timers(BATCH)
        if not self._reading:
            with self._lock:
                moved += self._engine.turn_sweeps()
        return moved

    # -- what goes out ------------------------------------------------------------------------------------
    def _outgoing(self, *, polled: bool) -> tuple[list[Outgoing], list[Outgoing]]:
        """Take tasks, and what others are told."""
        engine = self._engine
        self._more |= engine.hints.take_tasks(self._topics.keys())
        again = _TRY_AGAIN if self._held_up and polled else _CRASHED
        asked = set() if self._reading else self._more | self._deep
        taken = engine.outgoing(asked, self._window, BATCH, again)
        # Another process may have looked there before what we know of was committed: we ask again, soon.
        self._elsewhere = (self._more & asked) - taken.tasks.keys()
        found = []
        for system, released in taken.tasks.items():
            found += released
            if len(released) == BATCH:
                self._deep.add(system)
                continue
            self._more.discard(system)
            if polled and not released:
                self._deep.discard(system)
        if polled and not self._reading:
            found += engine.unpublished(BATCH, again)
        # A system that has left the configuration: its tasks stay where they are, and a person is called by the core.
        tasks = [
            Outgoing(one.task_id, self._topics[one.system], one.body) for one in found if one.system in self._topics
        ]
        return tasks, [Outgoing(one.publication_id, one.topic, one.body) for one in taken.publications]

    def _publish(self, out: Sequence[Outgoing]) -> None:
        if not out:
            return
        sent = self._producer.publish(out)
        tasks = set(self._topics.values())
        topic_of = {one.event_id: one.topic for one in out}
        self._done += [one for one in sent.acknowledged if topic_of[one] in tasks]
        self._told += [one for one in sent.acknowledged if topic_of[one] not in tasks]
        if sent.refused:
            with self._lock:
                for one, why in sent.refused.items():
                    self._engine.quarantine(one, why)
        self._held_up = bool(sent.waiting)
        self._say(topic_of, sent.acknowledged, list(sent.waiting), list(sent.refused))

    def _mark(self) -> None:
        """Note what the broker has. Late, since most of the tasks are answered by then, and need no mark any more."""
        done, self._done = self._done, []
        told, self._told = self._told, []
        if done:
            self._engine.published(done)
        if told:
            self._engine.publicised(told)

    def _say(self, topic_of: dict[str, str], done: list[str], waiting: list[str], refused: list[str]) -> None:
        for topic, events in Counter(topic_of[one] for one in done).items():
            self._signals.count("expunge_events_published_total", events, topic=topic)
        for topic in sorted({topic_of[one] for one in waiting}):
            self._signals.count("expunge_publish_failures_total", topic=topic)
            self._signals.log("relay.failed", topic=topic, events=sum(topic_of[one] == topic for one in waiting))
        for one in refused:
            self._signals.log("relay.quarantined", topic=topic_of[one], event_id=one)
        self._signals.ready("broker", not waiting)

    def _pause(self) -> float:
        """How long to wait unless woken: until the next poll, or the next timer if that is sooner."""
        left = max(0.0, self._next_poll - time.monotonic())
        if self._elsewhere:
            left = min(left, _OTHERS_SECONDS)
        timer = self._engine.hints.earliest
        due = min((one for one in (timer, self._engine.next_sweep()) if one and one.startswith("2")), default=None)
        if self._reading or due is None:
            return left
        return max(0.001, min(left, (dt.datetime.fromisoformat(due) - self._clock.now()).total_seconds()))
