"""The Kafka loop of one system's worker (decision 6): tasks in, answers out, the offset last.

* What is there is drained, up to a batch; one thread carries it out, and the loop meanwhile pauses its partitions and
  goes on polling: a rewrite of 100 GB outlives any poll interval.
* Answers are acknowledged by all replicas before offsets are committed. A kill anywhere brings the tasks again, which
  connectors and orchestrator allow (I11, ADR 27).
* Partitions that went to another worker meanwhile are not committed: its offsets are its own. The answers are sent all
  the same; they are true.
* A task sealed with a key that is not held keeps the worker waiting, visibly, until the key file is there: another
  worker would have no other keys, and a dead letter would lose the task.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Final

import filelock
import msgspec

from connectors.errors import MisconfiguredError, UnavailableError
from connectors.kafka.beating import Heart
from connectors.kafka.client import consumer_options, friendly
from connectors.kafka.progress import Progress
from connectors.kafka.sending import Sender
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.starting import stand_by, topics_there
from connectors.limits import Limiter
from connectors.memory import calm_collector
from connectors.signals import SILENT, Signals
from connectors.worker import Order, Unread, Worker
from schemas.topics import CONFIRMATIONS, DEAD_LETTERS, HEARTBEATS, tasks_of

BATCH: Final = 200
"""Tasks that are enough for one call; with whole messages it may be up to 500 (decision 10)."""
_MESSAGES: Final = 3
"""Messages of one poll: each may hold a hundred tasks."""
_POLL_MS: Final = 200
_LOOK_EVERY: Final = 0.2
"""Seconds of work between two polls."""
_JOINING: Final = 2.0
"""Seconds of polling without a pause while the group finds itself anew: a join that ends in a pause begins again."""
_REST_AFTER: Final = 5.0
"""Seconds without a task until the store is let go of."""
_KEYS_EVERY: Final = 2.0
_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 10.0


class Done(msgspec.Struct):
    """What a run did."""

    system: str
    tasks: int = 0
    answers: int = 0
    buried: int = 0
    batches: int = 0


class TaskLoop:
    """One member of the group of one system's workers."""

    def __init__(
        self,
        settings: KafkaSettings,
        worker: Worker,
        *,
        lock: filelock.BaseFileLock | None = None,
        limiter: Limiter | None = None,
        signals: Signals = SILENT,
        batch: int = BATCH,
    ) -> None:
        """Prepare.

        Args:
            settings: ``[kafka]``.
            worker: What the tasks are given to.
            lock: Of a system that one worker at a time may write; the others stand by.
            limiter: How fast the system may be worked on.
            signals: How it speaks.
            batch: Tasks that are enough for one call.
        """
        self._limiter = limiter
        self._settings = settings
        self._worker = worker
        self._lock = lock
        self._signals = signals
        self._batch = batch
        self._topic = tasks_of(worker.system).name
        self._worked = 0.0
        self._sender = Sender(settings, signals)
        self._heart = Heart(worker, self._sender, signals)
        self._progress = Progress(settings, f"group of {self._topic}", signals)
        self.done = Done(worker.system)

    def run(self, stop: threading.Event) -> Done:
        """Work until stopped: what is running is finished, sent and committed, the group left.

        Raises:
            UnavailableError: no broker answers at the start; later ones are waited for.
            MisconfiguredError: a topic is not there, or we are not let in.
        """
        from connectors.kafka.member import Member  # lazy: it imports the library

        self._sender.open()
        try:
            topics_there(self._settings, [self._topic, CONFIRMATIONS.name, DEAD_LETTERS.name, HEARTBEATS.name])
            standing_by = functools.partial(self._heart.beat, "standby")
            if self._lock is not None and not stand_by(self._lock, stop, standing_by):
                return self.done
            with friendly(f"topic {self._topic}"):
                consumer = Member(**consumer_options(self._settings, self._settings.system_group(self._worker.system)))
            try:
                with calm_collector(), ThreadPoolExecutor(1, "work") as pool:
                    self._consume(consumer, pool, stop)
            finally:
                self._worker.rest()
                # A consumer that cannot say goodbye is missed after the session timeout.
                with contextlib.suppress(Exception):
                    consumer.close(autocommit=False, timeout_ms=self._settings.session_timeout_ms)
        finally:
            with contextlib.suppress(Exception):
                self._heart.beat("stopping")
                self._sender.close()
            if self._lock is not None:
                self._lock.release()
        return self.done

    # -- the loop -----------------------------------------------------------------------------------------
    def _consume(self, consumer: Any, pool: ThreadPoolExecutor, stop: threading.Event) -> None:
        with friendly(f"topic {self._topic}"):
            consumer.subscribe([self._topic], listener=self._progress.listener())
        self._signals.ready("broker", True)
        pause = _PAUSE
        while not stop.is_set():
            self._heart.beat("ready")
            self._progress.begin()
            try:
                orders, unread, offsets = self._gather(consumer)
            except UnavailableError as error:
                self._signals.log("bus.disconnected", error=error)
                stop.wait(pause)
                pause = min(_LONGEST_PAUSE, 2 * pause)
                continue
            pause = _PAUSE
            if not offsets:
                self._progress.catch_up(consumer)
                self._rest()
                continue
            self._pause(consumer)
            if not self._work(consumer, pool, orders, unread, stop):
                return  # nothing is committed: the tasks come again, to whoever can do them
            self._progress.commit(consumer, offsets)
            consumer.resume(*consumer.paused())
        self._progress.commit(consumer, {}, wait=True)

    def _rest(self) -> None:
        """Let go of the store when there was nothing to do for a while."""
        if self._worked and time.monotonic() - self._worked >= _REST_AFTER:
            self._worked = 0.0
            self._worker.rest()

    def _gather(self, consumer: Any) -> tuple[list[Order], list[Unread], dict[Any, int]]:
        """Take what is there, up to a batch; waits only for the first of it."""
        orders: list[Order] = []
        unread: list[Unread] = []
        offsets: dict[Any, int] = {}
        wait_ms = _POLL_MS
        while len(orders) + len(unread) < self._batch:
            with friendly(f"topic {self._topic}"):
                fetched = consumer.poll(timeout_ms=wait_ms, max_records=_MESSAGES)
            if not fetched:
                break
            wait_ms = 0
            for tp, records in fetched.items():
                for record in records:
                    for one in self._worker.read(record.value or b""):
                        (orders if isinstance(one, Order) else unread).append(one)  # type: ignore[arg-type]
                offsets[tp] = records[-1].offset + 1
        return orders, unread, offsets

    def _work(
        self,
        consumer: Any,
        pool: ThreadPoolExecutor,
        orders: Sequence[Order],
        unread: Sequence[Unread],
        stop: threading.Event,
    ) -> bool:
        """Carry out a batch and send what came of it; False if it was not finished."""
        left = list(orders)
        while left:
            known = [one for one in left if self._worker.keys.holds(one.kid)]
            left = [one for one in left if not self._worker.keys.holds(one.kid)]
            while known:
                allowed = self._allowed(consumer, len(known), stop)
                some, known = known[:allowed], known[allowed:]
                if not some or not self._carry_out(consumer, pool, some, stop):
                    return False
            if left and not self._wait_for_keys(consumer, left, stop):
                return False
        if unread and not self._send(consumer, DEAD_LETTERS.name, self._worker.bury(unread), stop):
            return False
        self.done.buried += len(unread)
        self.done.batches += 1
        return True

    def _carry_out(
        self, consumer: Any, pool: ThreadPoolExecutor, orders: Sequence[Order], stop: threading.Event
    ) -> bool:
        began = time.monotonic()
        answers = self._meanwhile(consumer, pool.submit(self._worker.carry_out, orders))
        self._worked = time.monotonic()
        seconds = time.monotonic() - began
        self._signals.observe("expunge_batch_seconds", seconds, what="tasks")
        self._signals.log("tasks.carried_out", system=self._worker.system, tasks=len(orders), seconds=seconds)
        if not self._send(consumer, CONFIRMATIONS.name, answers, stop):
            return False
        self.done.tasks += len(orders)
        self.done.answers += len(answers)
        return True

    def _allowed(self, consumer: Any, most: int, stop: threading.Event) -> int:
        """Wait until the system's rate allows some of these tasks; 0 only when the process is to end."""
        if self._limiter is None:
            return most
        began = time.monotonic()
        while not (granted := self._limiter.grant(most, self._share(consumer))):
            self._heart.beat("working")
            self._keep(consumer)
            if stop.wait(_LOOK_EVERY):
                return 0
        if (seconds := time.monotonic() - began) >= _LOOK_EVERY:
            self._limiter.waited(seconds)
        return granted

    def _share(self, consumer: Any) -> float:
        """Give which part of the topic's partitions is ours: the parts of all workers make the whole."""
        whole = len(consumer.partitions_for_topic(self._topic) or ())
        return len(consumer.assignment()) / whole if whole else 0.0

    def _meanwhile(self, consumer: Any, future: Future[list[bytes]]) -> list[bytes]:
        """Go on polling while the thread works; a stop waits for it."""
        while not wait([future], timeout=_LOOK_EVERY).done:
            self._heart.beat("working")
            self._keep(consumer)
        return future.result()

    def _wait_for_keys(self, consumer: Any, orders: Sequence[Order], stop: threading.Event) -> bool:
        for kid in sorted({one.kid for one in orders}):
            self._signals.log("key.unknown", system=self._worker.system, kid=kid)
        self._signals.ready("keys", False)
        looked = 0.0
        while not stop.is_set():
            if time.monotonic() - looked >= _KEYS_EVERY:
                looked = time.monotonic()
                with contextlib.suppress(MisconfiguredError):  # half a file: somebody is copying it
                    self._worker.keys.reload()
                if any(self._worker.keys.holds(one.kid) for one in orders):
                    self._signals.log("key.loaded", system=self._worker.system)
                    self._signals.ready("keys", True)
                    return True
            self._heart.beat("waiting_for_key")
            self._keep(consumer)
            stop.wait(_LOOK_EVERY)
        return False

    def _keep(self, consumer: Any) -> None:
        """Stay a member of the group, and take nothing."""
        until = time.monotonic() + _JOINING
        try:
            with friendly(f"topic {self._topic}"):
                while True:
                    fetched = consumer.poll(timeout_ms=50, max_records=1)
                    for tp, records in fetched.items():  # of partitions that were assigned just now
                        consumer.seek(tp, records[0].offset)
                    self._pause(consumer)
                    if not consumer.joining or time.monotonic() >= until:
                        return
        except UnavailableError as error:
            self._signals.log("bus.disconnected", error=error)

    @staticmethod
    def _pause(consumer: Any) -> None:
        if here := consumer.assignment() - consumer.paused():
            consumer.pause(*here)

    # -- out ----------------------------------------------------------------------------------------------
    def _send(self, consumer: Any, topic: str, events: Sequence[bytes], stop: threading.Event) -> bool:
        return self._sender.send(topic, events, stop, meanwhile=lambda: self._keep(consumer))
