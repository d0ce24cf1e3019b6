"""The bus on Faust (ADR 5). The one file that imports it.

One agent over all orchestrator topics, at least once, concurrency 1; no tables, no windows, no transactions, no web
server, no topic made. The agent reads its channel itself instead of iterating a stream: a stream acknowledges in a
``finally``, also when the body raised or was cancelled, and it acknowledges what it skips after a rebalance. Here a
message is acknowledged only after ``handle`` has returned for it, and what is there is taken at once: no window is
waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import ssl
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from connectors.errors import UnavailableError
from connectors.kafka.client import client_options
from connectors.kafka.settings import KafkaSettings
from orchestrator.bus.offsets import Brokers
from orchestrator.bus.plain import MOST_MESSAGES, Positions
from orchestrator.ports import Handle, Message

_LOOK: Final = 0.05
"""Seconds between two looks at whether to stop."""
_BUFFERED: Final = 64
"""Messages that wait in the agent's channel before its partitions are paused; each is up to 512 KiB."""
_HEARTBEATS: Final = 5
_GOODBYE: Final = 20.0
"""Seconds for leaving the group; the process ends anyway."""
_LOGGERS: Final = ("faust", "mode", "aiokafka", "kafka", "asyncio")


class FaustConsumer:
    """A member of a consumer group, on Faust's own event loop; ``handle`` runs on a thread beside it."""

    def __init__(self, settings: KafkaSettings, group: str, topics: Sequence[str], positions: Positions) -> None:
        self._settings = settings
        self._group = group
        self._topics = topics
        self._positions = positions

    def run(self, handle: Handle, stop: threading.Event) -> None:
        """Read until stopped; see ``ports.Consumer``."""
        quiet()
        with Brokers(self._settings) as brokers:  # Faust would wait for ever for a topic or a broker that is not there
            brokers.topic_ids(self._topics)
            brokers.joinable(self._group, faust=True)
        folder = Path(tempfile.mkdtemp(prefix="expunge-"))
        try:
            asyncio.run(self._main(_Agent(handle), stop, folder))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def _main(self, agent: _Agent, stop: threading.Event, folder: Path) -> None:
        app = _app(self._settings, self._group, folder)
        topic = app.topic(*self._topics, key_serializer="raw", value_serializer="raw", allow_empty=True)
        app.agent(topic, name="orchestrator", concurrency=1)(agent.body)
        agent.app = app
        app.finalize()
        try:
            await _started(app)
            while not (stop.is_set() or agent.failed.is_set() or app.should_stop):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(agent.failed.wait(), _LOOK)
            if not stop.is_set() and not agent.failed.is_set():
                why = type(app.crash_reason).__name__
                raise UnavailableError("kafka", "the Kafka client has given up", why=why, fix="see its log")
            await agent.finished()
        finally:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(app.stop(), _GOODBYE)
        if agent.failure is not None:
            raise agent.failure


class _Agent:
    """The one agent: takes what is there, has it handled on a thread, acknowledges."""

    def __init__(self, handle: Handle) -> None:
        self.app: Any = None
        self.failure: BaseException | None = None
        self.failed = asyncio.Event()
        self._handle = handle
        self._free = asyncio.Event()
        self._free.set()  # a stop may come before the group has let us in, when the body has not begun
        self._stopping = False

    async def body(self, stream: Any) -> None:
        """Run for ever. Nothing may leave it: Faust would log it, acknowledge, and go on."""
        queue = stream.channel.queue
        self._free.set()
        while True:
            events = [await queue.get()]
            while len(events) < MOST_MESSAGES and not queue.empty():
                events.append(queue.get_nowait())
            if self._stopping or self.failed.is_set():
                continue
            # After a rebalance the channel may still hold messages of before; their partition begins anew.
            alive = [one for one in events if one.message.generation_id == self.app.consumer_generation_id]
            if not alive:
                continue
            for one in alive:
                self.app.consumer.track_message(one.message)
            self._free.clear()
            try:
                await self._carry(alive)
            finally:
                self._free.set()

    async def _carry(self, events: Sequence[Any]) -> None:
        messages = [_message(one.message) for one in events]
        running = asyncio.get_running_loop().run_in_executor(None, self._handle, messages)
        try:
            try:
                await asyncio.shield(running)
            except asyncio.CancelledError:
                await running  # the commit that is running is waited for, whatever ends us
                raise
            finally:
                if running.done() and running.exception() is None:
                    for one in events:
                        one.ack()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - the process ends with it, see ``_main``
            self.failure = error
            self.failed.set()
            for one in events:  # nobody will acknowledge them; Faust would wait for that when it stops
                self.app.consumer.unacked.discard(one.message)

    async def finished(self) -> None:
        """Wait for the batch that is running; no other one is begun."""
        self._stopping = True
        await self._free.wait()


async def _started(app: Any) -> None:
    """Start; a broker that answered a moment ago may be away by now."""
    from aiokafka.errors import KafkaError  # its own, not kafka-python's

    try:
        await app.start()
    except (KafkaError, OSError) as error:
        what, fix = "the Kafka cluster cannot be reached", "see that the brokers of [kafka] are up"
        raise UnavailableError("kafka", what, why=type(error).__name__, fix=fix) from None


def _message(one: Any) -> Message:
    return Message(one.topic, one.partition, one.offset, one.value or b"")


def quiet() -> None:
    """Let Faust and its clients say only what is wrong; at debug level they print keys and values (I4)."""
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)


def _app(settings: KafkaSettings, group: str, folder: Path) -> Any:
    import faust

    return faust.App(
        group,
        broker=[f"kafka://{one}" for one in settings.bootstrap_servers],
        broker_credentials=_credentials(settings),
        broker_session_timeout=settings.session_timeout_ms / 1000,
        broker_heartbeat_interval=settings.session_timeout_ms / 1000 / _HEARTBEATS,
        broker_request_timeout=max(settings.request_timeout_ms, settings.session_timeout_ms) / 1000,
        broker_commit_interval=1.0,
        consumer_auto_offset_reset="earliest",
        processing_guarantee="at_least_once",
        stream_buffer_maxsize=_BUFFERED,
        topic_allow_declare=False,
        topic_disable_leader=True,
        reply_create_topic=False,
        store="memory://",
        datadir=str(folder),
        web_enabled=False,
        worker_redirect_stdouts=False,
        autodiscover=False,
    )


def _credentials(settings: KafkaSettings) -> Any:
    import faust

    options = client_options(settings)
    context = None
    if settings.security_protocol.endswith("SSL"):
        context = ssl.create_default_context(cafile=options.get("ssl_cafile"))
        if settings.certificate_file:
            context.load_cert_chain(settings.certificate_file, settings.key_file)
    if settings.security_protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            mechanism=settings.sasl_mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context is not None else None
