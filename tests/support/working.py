"""What tests of the worker share: a company's home over a real broker, tasks made by hand, workers as processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from kafka.admin import KafkaAdminClient

from connectors.kafka.client import client_options
from connectors.keyfile import SystemKeys
from schemas import batches, envelope, topics
from schemas.codec import decode_confirmation, decode_event, encode
from schemas.envelope import CloudEvent
from schemas.heartbeats import Heartbeat
from schemas.identifiers import Identifier
from schemas.sealing import Binding, SharedKey
from schemas.tasks import Action, Confirmation, Secret, Task
from tests.support import bus
from tests.support.company import SYSTEMS, Company

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
AT = "2026-01-31T09:31:00.000Z"


def fresh_topics(bootstrap: str, partitions: int = 2) -> None:
    """Make every topic anew: their names are fixed, and what an earlier test left would be read again."""
    names = [one.name for one in (*topics.FIXED, *map(topics.tasks_of, SYSTEMS))]
    admin = KafkaAdminClient(**client_options(bus.settings(bootstrap)))
    try:
        if old := sorted(set(names) & set(admin.list_topics())):
            admin.delete_topics(old)
            bus.wait_for(lambda: not set(old) & set(admin.list_topics()))
    finally:
        admin.close()
    bus.create(
        bootstrap, {name: 1 if name in {"expunge.tasks.events", "expunge.tasks.logs"} else partitions for name in names}
    )


def connected(company: Company, bootstrap: str) -> Company:
    """Let a company's home know the broker."""
    file = company.home / "expunge.toml"
    text = f'\n[kafka]\nbootstrap_servers = ["{bootstrap}"]\nprefix = "{bus.unique("t")}"\nsession_timeout_ms = 6000\n'
    file.write_text(file.read_text() + text)
    return company


class Process:
    """``expunge`` with a long-running command."""

    def __init__(
        self,
        home: Path,
        log: Path,
        *arguments: str,
        tree: Path = bus.ROOT,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start it.

        Args:
            home: The home folder.
            log: Where its log goes.
            arguments: The command.
            tree: Where the program is; another one than this for another version of it.
            environment: More variables.
        """
        self.log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", "orchestrator", *arguments, "--home", str(home), "-o", "json"],
                cwd=tree,
                env=os.environ | {"PYTHONPATH": str(tree)} | dict(environment or {}),
                stdout=subprocess.PIPE,
                stderr=out,
            )

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)

    def end(self, seconds: float = 30) -> tuple[int, bytes]:
        """SIGTERM; gives exit code and stdout."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=seconds)
        return self.process.returncode, out

    def said(self) -> str:
        return self.log.read_text()


@contextlib.contextmanager
def ending(*processes: Process) -> Iterator[None]:
    """Leave no process behind, whatever happens."""
    try:
        yield
    finally:
        for one in processes:
            with contextlib.suppress(ProcessLookupError):
                one.signal(signal.SIGCONT)
            one.kill()
            if one.process.stdout:
                one.process.stdout.close()


class Post:
    """Plays the orchestrator towards one system."""

    def __init__(self, company: Company, bootstrap: str, system: str = "crm") -> None:
        self.bootstrap = bootstrap
        self.system = system
        self.keys = SystemKeys(company.home / "keys", system)
        self.topic = topics.tasks_of(system).name

    def locate(self, task_id: str, email: str, key: SharedKey | None = None) -> bytes:
        binding = Binding(f"r-{task_id}", task_id, self.system, "task")
        secret = encode(Secret((Identifier("email", email),)))
        sealed = (key or self.keys.active()).seal(secret, binding, nonce=os.urandom(12))
        return self.event(Task(task_id, f"r-{task_id}", self.system, Action.LOCATE, sealed), key=key)

    def event(self, task: Task, kind: str = envelope.TASK, key: SharedKey | None = None) -> bytes:
        data = encode(task)
        return encode(
            CloudEvent(
                task.task_id, "/orchestrator", kind, "1.0", task.request_id, AT, msgspec.Raw(data), traceparent=TRACE,
                expungemac=(key or self.keys.active()).task_mac(data),
            )
        )  # fmt: skip

    def send(self, *events: bytes, partition: int = 0) -> None:
        bus.write(self.bootstrap, self.topic, batches.pack(events), partition)

    def raw(self, *values: bytes) -> None:
        bus.write(self.bootstrap, self.topic, values)

    def _events(self, topic: str) -> list[CloudEvent]:
        values = [one.value for one in bus.read(self.bootstrap, topic)]
        return [decode_event(one) for value in values for one in batches.unpack(value) if isinstance(one, bytes)]

    def answers(self) -> dict[str, list[Confirmation]]:
        """Give every confirmation by task, its sender checked."""
        found: dict[str, list[Confirmation]] = {}
        for one in self._events(topics.CONFIRMATIONS.name):
            self.keys.active().check_mac(bytes(one.data), one.expungemac)
            answer = decode_confirmation(bytes(one.data))
            assert (one.id, one.source, one.traceparent) == (answer.task_id, f"/systems/{self.system}", TRACE)
            found.setdefault(answer.task_id, []).append(answer)
        return found

    def answers_of_anybody(self) -> list[str]:
        return [one.id for one in self._events(topics.CONFIRMATIONS.name)]

    def buried(self) -> list[Any]:
        return [msgspec.json.decode(one.data) for one in self._events(topics.DEAD_LETTERS.name)]

    def heartbeats(self) -> list[Heartbeat]:
        return [msgspec.json.decode(one.data, type=Heartbeat) for one in self._events(topics.HEARTBEATS.name)]

    def wait(self, *task_ids: str, seconds: float = 40) -> dict[str, list[Confirmation]]:
        bus.wait_for(lambda: self.answers().keys() >= set(task_ids), seconds)
        return self.answers()
