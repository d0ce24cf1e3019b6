"""An installation of two systems over Kafka and PostgreSQL, and a look at everything it does, for scenarios."""

from __future__ import annotations

import contextlib
import time
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from orchestrator.bus.offsets import Brokers
from orchestrator.cli import main
from schemas import batches
from schemas.topics import CONFIRMATIONS, DEAD_LETTERS, REQUESTS
from tests.support import bus
from tests.support.company import Company
from tests.support.distributed import Installation
from tests.support.services import free_port
from tests.support.working import Process


class Fleet:
    """An installation of two systems, whose processes may be of one version or another."""

    def __init__(self, company: Company, kafka: str, postgres: str, logs: Path) -> None:
        file = company.home / "expunge.toml"
        file.write_text(file.read_text().partition("[systems.events]")[0])
        self.company = company
        self.one = Installation(company.home, kafka, postgres)
        self._logs = logs

    def start(self, *arguments: str, tree: Path = bus.ROOT) -> Process:
        name = "-".join(one for one in arguments if not one.startswith("--"))
        log = self._logs / f"{name}-{tree.name}-{time.monotonic_ns()}.log"
        return Process(self.company.home, log, *arguments, tree=tree)

    def orchestrate(self, tree: Path = bus.ROOT) -> Process:
        return self.start("orchestrate", "--bus", "plain", tree=tree)

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        url = sa.make_url(self.one.settings.store_url).set(drivername="postgresql+psycopg")
        engine = sa.create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                found = connection.execute(sa.text(query), values)
                return [tuple(row) for row in found] if found.returns_rows else []
        finally:
            engine.dispose()

    def phases(self) -> dict[str, tuple[str, int]]:
        """Request id -> phase, and how many people are called."""
        return {row[0]: (row[1], row[2]) for row in self.rows("SELECT request_id, phase, attention FROM requests")}

    def states(self) -> dict[str, bytes]:
        return {row[0]: bytes(row[1]) for row in self.rows("SELECT request_id, state FROM requests")}

    def events(self, topic: str) -> list[dict[str, Any]]:
        """Every event of a topic as it is, whatever fields it has."""
        values = [one.value for one in bus.read(self.one.kafka, topic)]
        return [msgspec.json.decode(one) for value in values for one in batches.unpack(value) if isinstance(one, bytes)]

    def nothing_is_buried(self) -> None:
        letters = [(one["id"], one["data"].get("error")) for one in self.events(DEAD_LETTERS.name)]
        assert not letters, letters
        assert self.rows("SELECT error FROM dead_letters") == []

    def expunge(self, *arguments: str) -> int:
        return main([*arguments, "--home", str(self.company.home)])

    def listening(self) -> int:
        """Let the next process that starts serve metrics; gives its port. ``listening_no_more`` for those after it."""
        port = free_port()
        file = self.company.home / "expunge.toml"
        file.write_text(f"{file.read_text()}\n[telemetry]\nport = {port}\n")
        return port

    def listening_no_more(self, port: int) -> None:
        """Wait until it serves, and let nobody else take the port."""
        bus.wait_for(lambda: metrics(port), 40)
        file = self.company.home / "expunge.toml"
        file.write_text(file.read_text().partition("\n[telemetry]")[0])

    def read_up(self) -> bool:
        """Tell whether the orchestrators have read everything that stands in their topics now."""
        settings = self.one.settings.kafka
        with Brokers(settings) as brokers:
            found = brokers.partitions(settings.orchestrator_group, [REQUESTS.name, CONFIRMATIONS.name])
        rows = self.rows("SELECT topic, partition, next_offset FROM positions")
        read = {(topic, partition): offset for topic, partition, offset in rows}
        return all(read.get((one.topic, one.partition), 0) >= one.end for one in found)

    def closed(self, requests: Iterable[str]) -> bool:
        """Tell whether these requests are done, and nobody is called to one of them."""
        phases = self.phases()
        return all(phases.get(one) == ("closed", 0) for one in requests)


def metrics(port: int) -> dict[str, float]:
    """Scrape a process; a sample by its name with its labels, as they stand there. Empty while it does not serve."""
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
        return {name: float(value) for name, _, value in (one.rpartition(" ") for one in lines if one[:1] != "#")}
    return {}


def logged(process: Process, event: str) -> list[dict[str, Any]]:
    """Give the lines of one event that a process has logged so far."""
    lines = [one for one in process.said().splitlines() if one.startswith("{")]
    return [one for one in map(msgspec.json.decode, lines) if one.get("event") == event]
