"""Real Kafka, PostgreSQL and Redis for tests; the fixtures are at the end, and ``tests/conftest.py`` registers them.

Where a service comes from: ``EXPUNGE_TEST_KAFKA``, ``EXPUNGE_TEST_POSTGRES``, ``EXPUNGE_TEST_REDIS`` name one that
runs; else a container is started, of the official images unless ``EXPUNGE_TEST_KAFKA_IMAGE``,
``EXPUNGE_TEST_POSTGRES_IMAGE``, ``EXPUNGE_TEST_REDIS_IMAGE`` name others; else the test skips (``CI=true``: fails).

Each xdist worker has containers of its own: the topics have fixed names, and two tests at once would read each
other's events. A test that kills, pauses or flushes asks for ``own_kafka``, ``own_postgres`` or ``own_redis``.
"""

from __future__ import annotations

import functools
import gc
import os
import secrets
import socket
import tarfile
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from tests.support.absent import SERVICE_ABSENT

HOST = "127.0.0.1"
READY_SECONDS = 90.0
UNHURRIED_MS = "30000"
"""For a broker that nobody kills: on a busy machine it would miss a session of 3 s, and fence itself."""


def free_port() -> int:
    """Give a port that nobody listens on at this moment."""
    with socket.socket() as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])


@functools.cache
def why_no_engine() -> str | None:
    """Say why no container can be started; None when one can."""
    import docker  # type: ignore[import-untyped]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the client leaks the socket on which nobody answered
        try:
            client = docker.from_env(timeout=10)
            client.ping()
            client.close()
        except Exception as error:  # noqa: BLE001 - whatever the reason, it becomes the reason of the skip
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
        else:
            return None
        gc.collect()
    return reason


class Server:
    """One container with one service, whose port and data outlive a kill.

    ``stop`` is what its makers call a clean end, ``kill`` SIGKILL; ``pause`` freezes all its processes (the service is
    a zombie until ``resume``); ``start`` again brings it back on the same port with the same data. ``copy_data`` works
    in every state.
    """

    name: ClassVar[str]
    image: ClassVar[str]
    inner: ClassVar[int]
    """The port inside the container."""
    data: ClassVar[str]
    """The folder inside the container that holds what the service stores."""
    command: ClassVar[Sequence[str]] = ()
    stop_signal: ClassVar[str] = "SIGTERM"

    def __init__(self, *, environment: Mapping[str, str] | None = None, arguments: Sequence[str] = ()) -> None:
        """Prepare; nothing runs before ``start``.

        Args:
            environment: more variables for the container; see ``Kafka`` for what they mean there.
            arguments: more arguments for the server's command line.
        """
        self.port = free_port()
        self._environment = dict(environment or {})
        self._arguments = [*self.command, *arguments]
        self._container: Any = None

    @property
    def address(self) -> str:
        """What a client connects to."""
        return f"{HOST}:{self.port}"

    def environment(self) -> dict[str, str]:
        """Give the variables of the container."""
        return self._environment

    def answers(self) -> None:
        """Ask the service something only a ready one can answer; raises otherwise."""
        raise NotImplementedError

    def start(self) -> Self:
        """Start it, or start it again, and wait until it answers."""
        if self._container is None:
            self._create()
        else:
            self._container.start()
        return self.wait()

    def _create(self) -> None:
        if (reason := why_no_engine()) is not None:
            pytest.skip(f"{SERVICE_ABSENT} {self.name}; no container engine ({reason})")
        # lazy: a second of imports
        from testcontainers.core.container import DockerContainer

        image = os.environ.get(f"EXPUNGE_TEST_{self.name.upper()}_IMAGE", self.image)
        container = DockerContainer(image, env=self.environment())
        container.ports[f"{self.inner}/tcp"] = (HOST, self.port)  # type: ignore[assignment]  # passed on as it is
        container.with_kwargs(stop_signal=self.stop_signal)
        if self._arguments:
            container.with_command(self._arguments)
        container.start()
        self._container = container.get_wrapped_container()

    def wait(self) -> Self:
        """Wait until it answers.

        Raises:
            TimeoutError: it did not within ``READY_SECONDS``, or the container ended; with the end of its log.
        """
        until = time.monotonic() + READY_SECONDS
        while True:
            try:
                self.answers()
            except Exception as error:
                self._container.reload()
                if time.monotonic() < until and self._container.status == "running":
                    time.sleep(0.1)
                    continue
                log = self.log().decode(errors="replace")[-3000:]
                raise TimeoutError(
                    f"{self.name} at {self.address}: {self._container.status}: {error}\n{log}"
                ) from error
            return self

    def stop(self, seconds: int = 20) -> None:
        """Ask it to end; kill it when it does not."""
        self._container.stop(timeout=seconds)

    def kill(self) -> None:
        """SIGKILL, at once."""
        self._container.kill("SIGKILL")
        self._container.wait(timeout=30)

    def pause(self) -> None:
        """Freeze it: connections stay open, nothing is answered."""
        self._container.pause()

    def resume(self) -> None:
        """Let a frozen one go on."""
        self._container.unpause()

    def log(self) -> bytes:
        """Give what it printed."""
        return bytes(self._container.logs())

    def copy_data(self, into: Path) -> Path:
        """Copy everything the service stores below a folder; also of one that was killed or stopped."""
        into.mkdir(parents=True, exist_ok=True)
        stream, _ = self._container.get_archive(self.data)
        with tempfile.TemporaryFile() as file:
            for piece in stream:
                file.write(piece)
            file.seek(0)
            with tarfile.open(fileobj=file) as tar:
                tar.extractall(into, filter="data")
        return into

    def remove(self) -> None:
        """End it, and drop its data."""
        if self._container is not None:
            self._container.remove(force=True, v=True)
            self._container.client.close()
            self._container = None

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.remove()
            raise

    def __exit__(self, *_: object) -> None:
        self.remove()


class Kafka(Server):
    """A broker that is its own controller; topics are created by whoever needs them.

    A variable ``KAFKA_SOME_SETTING`` sets ``some.setting`` (``__`` stands for an underscore, ``___`` for a dash).
    """

    name = "kafka"
    image = "apache/kafka:4.3.1"
    inner = 9092
    data = "/tmp/kafka-data"  # the official image does not run as root

    def environment(self) -> dict[str, str]:
        return {
            "KAFKA_NODE_ID": "1",
            "KAFKA_PROCESS_ROLES": "broker,controller",
            "KAFKA_LISTENERS": f"PLAINTEXT://0.0.0.0:{self.inner},CONTROLLER://127.0.0.1:9093",
            "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{self.address}",
            "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@127.0.0.1:9093",
            "KAFKA_INTER_BROKER_LISTENER_NAME": "PLAINTEXT",
            "KAFKA_LOG_DIRS": self.data,
            "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
            "KAFKA_NUM_PARTITIONS": "1",
            "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "5",
            "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
            "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
            "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
            "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": "1",
            "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR": "1",
            "KAFKA_BROKER_SESSION_TIMEOUT_MS": "3000",  # after a kill the broker waits for its own old session to end
            "KAFKA_BROKER_HEARTBEAT_INTERVAL_MS": "500",
            "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
            "KAFKA_HEAP_OPTS": "-Xmx512m",
            **self._environment,
        }

    def answers(self) -> None:
        from kafka import KafkaAdminClient

        admin = KafkaAdminClient(bootstrap_servers=self.address, request_timeout_ms=3000, bootstrap_timeout_ms=3000)
        try:
            if not admin.describe_cluster()["brokers"]:
                raise ConnectionError("the broker has not joined its own cluster yet")
        finally:
            admin.close()


class Postgres(Server):
    """PostgreSQL with its own safe settings (fsync on), trusting whoever comes from this machine."""

    name = "postgres"
    image = "postgres:17"
    inner = 5432
    data = "/var/lib/postgresql/data"
    command = ("postgres", "-c", "max_connections=200")
    stop_signal = "SIGINT"  # SIGTERM would wait for the clients

    def environment(self) -> dict[str, str]:
        return {"POSTGRES_HOST_AUTH_METHOD": "trust", "PGDATA": self.data, **self._environment}

    @property
    def url(self) -> str:
        """The SQLAlchemy URL of the administrator's database."""
        return f"postgresql+psycopg://postgres@{self.address}/postgres"

    def answers(self) -> None:
        import psycopg

        with psycopg.connect(f"host={HOST} port={self.port} user=postgres dbname=postgres connect_timeout=3") as one:
            one.execute("SELECT 1")


class Redis(Server):
    """Redis that keeps its data by snapshots and an append-only file, so that a restart has it again."""

    name = "redis"
    image = "redis:8"
    inner = 6379
    data = "/data"
    command = ("redis-server", "--dir", "/data", "--appendonly", "yes", "--bind", "0.0.0.0", "--protected-mode", "no")

    @property
    def url(self) -> str:
        """The URL of database 0."""
        return f"redis://{self.address}/0"

    def answers(self) -> None:
        import redis

        with redis.Redis(host=HOST, port=self.port, socket_timeout=3) as one:
            one.ping()


# --- databases and fixtures ------------------------------------------------------------------------------------------


class Databases:
    """Fresh, empty databases on one PostgreSQL server."""

    def __init__(self, url: str) -> None:
        """Take the URL of a database from which others may be created."""
        self._url = sa.make_url(url).set(drivername="postgresql+psycopg")
        self._admin = sa.create_engine(self._url, poolclass=NullPool, isolation_level="AUTOCOMMIT")

    def create(self) -> str:
        """Create one; gives its URL."""
        name = f"expunge_test_{secrets.token_hex(6)}"
        with self._admin.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0")
        return self._url.set(database=name).render_as_string(hide_password=False)

    def drop(self, url: str) -> None:
        """Drop one, whoever is still connected."""
        with self._admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {sa.make_url(url).database} WITH (FORCE)")


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """The bootstrap address of a running broker; its topics are whatever earlier tests left."""
    if given := os.environ.get("EXPUNGE_TEST_KAFKA"):
        yield given
        return
    with Kafka(environment={"KAFKA_BROKER_SESSION_TIMEOUT_MS": UNHURRIED_MS}) as one:
        yield one.address


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Databases]:
    """A server that makes fresh databases: for a test that needs several, or one for longer than itself."""
    if given := os.environ.get("EXPUNGE_TEST_POSTGRES"):
        yield Databases(given)
        return
    # with fsync, as in earnest: `expunge store check` refuses to call anything else fine
    with Postgres() as one:
        yield Databases(one.url)


@pytest.fixture
def postgres(postgres_server: Databases) -> Iterator[str]:
    """The URL of a fresh, empty database, dropped afterwards."""
    url = postgres_server.create()
    yield url
    postgres_server.drop(url)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """The URL of a database of this xdist worker, with whatever earlier tests left in it."""
    if given := os.environ.get("EXPUNGE_TEST_REDIS"):
        # a shared server: the worker's number on top of the database that was named
        address, _, number = given.partition("://")[2].partition("/")
        worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
        yield f"redis://{address}/{int(number or 0) + int(worker)}"
        return
    with Redis() as one:
        yield one.url


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """The URL of an empty Redis database."""
    import redis

    with redis.Redis.from_url(redis_server) as one:
        one.flushdb()
    return redis_server


@pytest.fixture
def own_kafka() -> Iterator[Kafka]:
    """A broker of the test's own, running; stop, kill, pause and start it at will."""
    with Kafka() as one:
        yield one


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A PostgreSQL server of the test's own, running; ``Databases(own_postgres.url)`` makes databases."""
    with Postgres() as one:
        yield one


@pytest.fixture
def own_redis() -> Iterator[Redis]:
    """A Redis of the test's own, running."""
    with Redis() as one:
        yield one
