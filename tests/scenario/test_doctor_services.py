"""``expunge doctor`` on a real broker with rights and logins and a real PostgreSQL: each fault is named, alone."""

from __future__ import annotations

import datetime as dt
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ConfigResource,
    ConfigResourceType,
    ResourcePattern,
    ResourceType,
    UserScramCredentialUpsertion,
)

from connectors.kafka.client import client_options, producer_options
from orchestrator import settings as configuration
from orchestrator.cli import examining, main
from orchestrator.keys import KeyFolder
from orchestrator.runtime.clock import ShiftedClock
from orchestrator.store.migrate import migrate
from orchestrator.store.opening import open_engine
from schemas.heartbeats import Heartbeat
from schemas.requests import utc
from schemas.sealing import SharedKey
from schemas.topics import HEARTBEATS
from schemas.wrapping import heartbeat_event
from tests.support import bus
from tests.support.cli import CommandLine
from tests.support.company import SYSTEMS
from tests.support.secured import PASSWORD, Secured, as_admin, secured

CRM, LOGS = "expunge.tasks.crm", "expunge.tasks.logs"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured(tmp_path_factory.mktemp("broker")) as one:
        with admin(one) as client:
            user = UserScramCredentialUpsertion("expunge-orchestrator", "SCRAM-SHA-512", PASSWORD)
            assert set(client.alter_user_scram_credentials([user]).values()) == {None}
        yield one


def admin(broker: Secured) -> closing[Any]:
    return closing(KafkaAdminClient(**client_options(as_admin(broker.address, broker.ca_file))))


@pytest.fixture
def home(expunge: CommandLine, broker: Secured, postgres: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A company on both services, its topics and rights as they have to be."""
    file = expunge.home / "expunge.toml"
    file.write_text(
        f'{file.read_text()}\n[store]\nurl = "{postgres}"\n[kafka]\nbootstrap_servers = ["{broker.address}"]\n'
        f'security_protocol = "SASL_SSL"\nsasl_mechanism = "PLAIN"\nca_file = "{broker.ca_file}"\n'
        f'request_timeout_ms = 10000\nprefix = "{bus.unique("t")}"\n'
    )
    monkeypatch.setenv("EXPUNGE_KAFKA_USERNAME", "admin")
    monkeypatch.setenv("EXPUNGE_KAFKA_PASSWORD", PASSWORD)
    engine = open_engine(configuration.load(expunge.home))
    migrate(engine)
    engine.dispose()
    with admin(broker) as client:  # what an earlier test left, rights included
        client.delete_acls([_everything()])
        if there := sorted(name for name in client.list_topics() if name.startswith("expunge.")):
            client.delete_topics(there)
        bus.wait_for(lambda: not [name for name in client.list_topics() if name.startswith("expunge.")])
    assert expunge("kafka", "apply") == 0, expunge.out + expunge.err
    return expunge.home


def _everything() -> Any:
    from kafka.admin import ACLFilter, ACLResourcePatternType, ResourcePatternFilter

    pattern = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
    return ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ANY, pattern)


def beats(broker: Secured, home: Path, *systems: str, off: dt.timedelta = dt.timedelta(0), **more: Any) -> None:
    """Let workers say that they are there, each with its system's key."""
    keys = KeyFolder(home / "keys", SYSTEMS)
    with closing(KafkaProducer(**producer_options(as_admin(broker.address, broker.ca_file)))) as producer:
        for system in systems:
            key = more.get("key") or keys.system(system)
            at = utc(dt.datetime.now(dt.UTC) + off)
            one = Heartbeat(system, f"w-{system}", "sql/1", at, more.get("state", "ready"), (key.kid,))
            producer.send(HEARTBEATS.name, heartbeat_event(one, key)).get(timeout=20)


def examined(expunge: CommandLine, code: int) -> dict[str, list[dict[str, Any]]]:
    """Run it; gives what is not fine, by check."""
    assert expunge("doctor", "-o", "json") == code, expunge.out + expunge.err
    found: dict[str, list[dict[str, Any]]] = {}
    for one in json.loads(expunge.out):
        found.setdefault(one["check"], [])
        if one["level"] != "ok":
            found[one["check"]].append(one)
    return found


def wrong(found: dict[str, list[dict[str, Any]]]) -> set[str]:
    return {check for check, many in found.items() if many}


def test_a_sound_installation_is_green_and_really_looked_at(expunge: CommandLine, broker: Secured, home: Path) -> None:
    beats(broker, home, *SYSTEMS)
    found = examined(expunge, 0)
    looked = {"store", "migrations", "broker", "topics", "partitions", "retention", "configuration", "rights"}
    assert set(found) >= looked | {"positions", "clocks", "keys"} | {f"workers of {one}" for one in SYSTEMS}
    assert expunge("doctor") == 0
    assert "unknown" not in expunge.out


def test_every_fault_is_named_with_its_fix_and_hides_no_other(
    expunge: CommandLine, broker: Secured, home: Path
) -> None:
    beats(broker, home, "crm", off=-dt.timedelta(minutes=10))
    beats(broker, home, "hr", state="waiting_for_key")
    beats(broker, home, "ghost", key=SharedKey("k", bytes(32)))
    beats(broker, home, "logs")
    with admin(broker) as client:
        changed = {"retention.ms": "1000", "max.message.bytes": "10000"}
        client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, CRM, changed)])
        topic = ResourcePattern(ResourceType.TOPIC, LOGS)
        client.create_acls([ACL("User:expunge-crm", "*", ACLOperation.READ, ACLPermissionType.ALLOW, topic)])
        client.create_partitions({LOGS: 2})
        client.delete_topics(["expunge.tasks.hr"])
        bus.wait_for(lambda: "expunge.tasks.hr" not in client.list_topics())
    found = examined(expunge, 1)
    said = {check: " | ".join(f"{one['level']} {one['text']}" for one in many) for check, many in found.items() if many}
    assert "expunge.tasks.hr: there is no such topic" in said["topics"]
    assert f"finding {LOGS}: two workers could rewrite the same files at once (is 2, wanted 1)" in said["partitions"]
    assert f"finding {CRM}: retention.ms (is 1000, wanted 604800000)" in said["retention"]
    assert "max.message.bytes" not in said["retention"]
    assert f"finding {CRM}: max.message.bytes (is 10000" in said["configuration"]
    assert f"finding topic {LOGS}: User:expunge-crm may Read" in said["rights"]
    # A second may pass between two looks at the clock.
    assert re.search(r"the clock of worker w-crm is off by 60[0-2] s", said["workers of crm"])
    assert "waits for a key" in said["workers of hr"]
    assert "no worker was heard of in the last minute" in said["workers of events"]
    assert "system ghost, which is not connected here" in said["workers"]
    assert "workers of logs" not in said
    assert {"store", "migrations", "clocks", "positions", "keys", "broker"} & wrong(found) == set()
    assert all(one["fix"] for many in found.values() for one in many), found


def test_what_the_orchestrator_may_not_see_is_unknown_and_never_green(
    expunge: CommandLine, broker: Secured, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats(broker, home, *SYSTEMS)
    file = home / "expunge.toml"
    file.write_text(file.read_text().replace('"PLAIN"', '"SCRAM-SHA-512"'))
    monkeypatch.setenv("EXPUNGE_KAFKA_USERNAME", "expunge-orchestrator")
    found = examined(expunge, 1)
    assert wrong(found) == {"rights"}
    (only,) = found["rights"]
    assert (only["level"], bool(only["fix"])) == ("unknown", True)
    file.write_text(file.read_text().replace("[kafka]\n", "[kafka]\nacls = false\n"))
    assert [one["level"] for one in examined(expunge, 1)["rights"]] == ["unknown"]


def test_wrong_credentials_are_named_and_nothing_of_kafka_is_green(
    expunge: CommandLine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPUNGE_KAFKA_PASSWORD", "canary-wrong")
    # In a process of its own: kafka-python leaves sockets open where it is not let in.
    command = [sys.executable, "-W", "ignore", "-m", "orchestrator", "doctor", "-o", "json", "--home", str(home)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=120)
    assert done.returncode in {1, 3}, done.stderr
    assert b"canary-wrong" not in done.stdout + done.stderr
    found = {one["check"]: one for one in json.loads(done.stdout)}
    # The library often sees the connection's end before the refusal; then we know less, and say where to look.
    told = {1: ("finding", "do not let us in"), 3: ("unknown", "before we are logged in")}[done.returncode]
    assert found["broker"]["level"] == told[0]
    assert told[1] in found["broker"]["text"]
    assert "password" in found["broker"]["fix"]
    checks = ("topics", "partitions", "retention", "configuration", "rights", "positions", "workers")
    assert {found[one]["level"] for one in checks} == {"unknown"}
    assert {found[one]["level"] for one in ("store", "migrations", "clocks")} == {"ok"}


def test_a_clock_ten_minutes_off_and_a_newer_database_are_named(
    expunge: CommandLine, broker: Secured, home: Path, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ShiftedClock()
    clock.shift = -dt.timedelta(minutes=10)
    monkeypatch.setattr(examining, "SystemClock", lambda: clock)
    engine = sa.create_engine(postgres)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    beats(broker, home, *SYSTEMS)
    found = examined(expunge, 1)
    assert "600 seconds apart" in found["clocks"][0]["text"] or "599 seconds" in found["clocks"][0]["text"]
    assert "seconds ahead of ours" in found["clock of the brokers"][0]["text"]
    assert "newer version" in found["migrations"][0]["text"]
    assert "topics" not in wrong(found)


def test_a_database_that_lets_nobody_in_hides_nothing_of_the_brokers(
    expunge: CommandLine, broker: Secured, home: Path, postgres: str
) -> None:
    beats(broker, home, *SYSTEMS)
    file = home / "expunge.toml"
    file.write_text(file.read_text().replace("postgres@", "nobody-of-that-name@"))
    code = main(["doctor", "--home", str(home)])
    assert code in {1, 3}
    found = examined(expunge, code)
    assert found["store"], found
    assert {one["level"] for one in found["migrations"] + found["backlog"] + found["positions"]} == {"unknown"}
    assert {"topics", "rights", "retention", "workers of crm"} & wrong(found) == set()
