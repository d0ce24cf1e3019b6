"""Services of the harness's own, and an installation on them: databases, topics, and a home folder a process."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from orchestrator import settings as configuration
from orchestrator.settings import Settings
from orchestrator.store.migrate import migrate
from orchestrator.store.opening import open_engine
from schemas.topics import FIXED, tasks_of
from tests.chaos.distributed import stores
from tests.support import bus
from tests.support.company import SYSTEMS, Company
from tests.support.services import Databases, Kafka, Postgres, Redis, free_port

SESSION_SECONDS: Final = bus.SESSION_MS / 1000
FILES: Final = ("events", "logs")
TOKEN: Final = "chaos-" + "0123456789abcdef" * 2
DISK_MB: Final = 64
_HOST: Final = "127.0.0.1"


class Services(msgspec.Struct):
    """A broker, Redis, and two servers: what the orchestrator writes is searched, what the company holds is not."""

    kafka: Kafka
    redis: Redis
    own: Postgres
    targets: Postgres

    @classmethod
    @contextlib.contextmanager
    def running(cls) -> Iterator[Services]:
        """Start all, and end all."""
        with contextlib.ExitStack() as stack:
            enter = stack.enter_context
            yield cls(enter(Kafka()), enter(Redis()), enter(Postgres()), enter(Postgres()))


class Installation:
    """One company, connected over Kafka. Every process has a home of its own, because each listens on its own port."""

    def __init__(self, company: Company, services: Services, root: Path) -> None:
        self.company = company
        self.services = services
        self.root = root
        own, targets = Databases(services.own.url), Databases(services.targets.url)
        self.store_url = _plain(own.create())
        self.urls = {name: _plain(targets.create()) for name in ("crm", "hr")}
        stores.fill(company, self.urls)
        self.exports = root / "exports"
        self.keys = company.home / "keys"
        self.prefix = bus.unique("chaos")
        self.ports: dict[str, int] = {}
        self.settings: Settings = configuration.load(self.home("settings"))
        engine = open_engine(self.settings)
        migrate(engine)
        engine.dispose()
        self.topics = [one.name for one in FIXED] + [tasks_of(one).name for one in SYSTEMS]
        one_partition = {tasks_of(one).name for one in FILES}
        bus.create(services.kafka.address, {name: 1 if name in one_partition else 2 for name in self.topics})

    def home(self, name: str) -> Path:
        """Make the home folder of one process."""
        folder = self.root / "homes" / name
        folder.mkdir(parents=True)
        self.ports[name] = free_port()
        company = self.company
        text = (company.home / "expunge.toml").read_text()
        for system in SYSTEMS:
            text = text.replace(f'"maps/{system}.toml"', f'"{company.home}/maps/{system}.toml"')
            text = text.replace(f'"../stores/{system}"', f'"{company.stores}/{system}"')
        for system, url in self.urls.items():
            text = text.replace(f"sqlite:///../stores/{system}.sqlite", url)
        (folder / "expunge.toml").write_text(
            f'{text}\n[store]\nurl = "{self.store_url}"\n[keys]\nfolder = "{self.keys}"\n'
            f'[exports]\nfolder = "{self.exports}"\n[redis]\nurl = "{self.services.redis.url}"\n'
            f'[kafka]\nbootstrap_servers = ["{self.services.kafka.address}"]\nprefix = "{self.prefix}"\n'
            f"session_timeout_ms = {bus.SESSION_MS}\nrequest_timeout_ms = 10000\n"
            f"[telemetry]\nport = {self.ports[name]}\n"
        )
        return folder

    def page(self, name: str) -> str:
        """Give where a process answers."""
        return f"http://{_HOST}:{self.ports[name]}"


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[str]:
    """Put a folder on a disk of its own, so that it can be filled; gives why that cannot be done, or nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        yield "not root, so no disk of its own can be mounted"
        return
    options = f"size={DISK_MB}m"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        yield f"mount: {mounted.stderr.strip() or mounted.returncode}"
        return
    try:
        yield ""
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)
