"""A distributed installation for tests: a company on PostgreSQL and Kafka, and the processes that work on it."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import msgspec

from orchestrator import settings as configuration
from orchestrator.engine import Intake
from orchestrator.keys import KeyFolder, read_public
from orchestrator.ledger.record import verify
from orchestrator.runtime.clock import SystemClock, chance
from orchestrator.store.migrate import migrate
from orchestrator.store.opening import open_engine
from schemas import batches
from schemas.codec import decode, decode_event, encode
from schemas.completion import CompletionRecord
from schemas.published import Completion
from schemas.requests import RequestForm
from schemas.tasks import Task
from schemas.topics import COMPLETIONS, FIXED, REQUESTS, tasks_of
from tests.support import bus

ROOT = Path(__file__).parent.parent.parent


class Installation:
    """A home folder that works over Kafka and PostgreSQL. Topics are made anew: their names are fixed."""

    def __init__(self, home: Path, kafka: str, postgres: str) -> None:
        self.home = home
        self.kafka = kafka
        text = (home / "expunge.toml").read_text()
        (home / "expunge.toml").write_text(
            f'{text}\n[store]\nurl = "{postgres}"\n[kafka]\nbootstrap_servers = ["{kafka}"]\n'
            f'prefix = "{bus.unique("t")}"\nsession_timeout_ms = {bus.SESSION_MS}\n'
        )
        self.settings = configuration.load(home)
        self.systems = [one.system for one in self.settings.systems]
        engine = open_engine(self.settings)
        migrate(engine)
        engine.dispose()
        self.keys = KeyFolder(self.settings.keys, self.systems)
        self.topics = [one.name for one in FIXED]
        self.topics += [tasks_of(one).name for one in self.systems]
        bus.recreate(kafka, dict.fromkeys(self.topics, 2))

    def orchestrate(self, kind: str, *more: str) -> Process:
        """Start one orchestrator process."""
        return Process(["-m", "orchestrator", "orchestrate", "--bus", kind, "--home", str(self.home), *more])

    def publish(self, forms: Sequence[RequestForm]) -> None:
        """Publish requests as a program of somebody else's would, in one batch."""
        intake = Intake(None, self.keys, SystemClock(), chance)  # type: ignore[arg-type]  # it never asks the store
        events = []
        for one in forms:
            event = decode_event(intake._sealed(one, dt.datetime.now(dt.UTC)).row.wire or b"")
            events.append(encode(msgspec.structs.replace(event, source="/shop")))
        bus.write(self.kafka, REQUESTS.name, batches.pack(events))

    def completions(self) -> list[tuple[Completion, bytes]]:
        """Everything in the topic of completions, in its order."""
        found = []
        for message in bus.read(self.kafka, COMPLETIONS.name):
            for raw in batches.unpack(message.value):
                assert isinstance(raw, bytes)
                found.append((decode(bytes(decode_event(raw).data), Completion), raw))
        return found

    def records(self) -> dict[str, CompletionRecord]:
        """Every first record by its request, checked with the public key."""
        key = read_public(self.settings.keys / "record.pub.jwk")
        return {one.request_id: verify(one.jws.encode(), key) for one, _ in self.completions() if one.number == 1}

    def numbered(self, request_id: str) -> dict[int, CompletionRecord]:
        """Every record of a request by its number, checked with the public key."""
        key = read_public(self.settings.keys / "record.pub.jwk")
        mine = [one for one, _ in self.completions() if one.request_id == request_id]
        return {one.number: verify(one.jws.encode(), key) for one in mine}


class Process:
    """A process of the product."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", *arguments],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.pid = self._process.pid

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal and wait for the end; give exit code and output."""
        self._process.send_signal(number)
        return self.end()

    def end(self) -> tuple[int, str]:
        """Wait for the end; give exit code and output."""
        try:
            out, _ = self._process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            out, _ = self._process.communicate()
            return 999, out
        return self._process.returncode, out

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


class Workers:
    """One worker of each system, as processes."""

    def __init__(self, installation: Installation) -> None:
        self._one = installation
        self._processes: list[Process] = []
        self.failures: list[str] = []

    def __enter__(self) -> Self:
        for name in self._one.systems:
            self._processes.append(Process(["-m", "orchestrator", "connect", name, "--home", str(self._one.home)]))
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._processes:
            code, said = one.stop()
            if code:
                self.failures.append(said)

    @property
    def seen(self) -> dict[str, set[bytes]]:
        """Every task event by the id of its task, as the topics have it."""
        found: dict[str, set[bytes]] = {}
        for name in self._one.systems:
            for message in bus.read(self._one.kafka, tasks_of(name).name):
                for raw in batches.unpack(message.value):
                    assert isinstance(raw, bytes)
                    found.setdefault(decode(bytes(decode_event(raw).data), Task).task_id, set()).add(raw)
        return found
