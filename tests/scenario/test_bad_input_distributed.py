"""What stands in topics and in the configuration may be anything: a clear error or a dead letter, and on it goes."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from kafka import KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import MessageSizeTooLargeError, RecordListTooLargeError

from connectors.kafka.client import client_options, producer_options
from connectors.keyfile import intake_key
from orchestrator.runtime.clock import SystemClock, chance
from schemas.codec import decode_event, encode
from schemas.requests import RequestReceived, Scope, utc
from schemas.topics import CONFIRMATIONS, REQUESTS, tasks_of
from tests.support import bus, newer
from tests.support.bus import wait_for
from tests.support.company import made_up
from tests.support.events import changed, request_event
from tests.support.fleet import Fleet, logged
from tests.support.home import erasure
from tests.support.secured import secured
from tests.support.working import Process, ending

pytestmark = [pytest.mark.timeout(240)]
LARGE = 2_000_000


def _write_large(fleet: Fleet, topics: list[str]) -> None:
    """As somebody else's client would, to topics that somebody else has let grow."""
    settings = bus.settings(fleet.one.kafka)
    admin = KafkaAdminClient(**client_options(settings))
    larger = {"max.message.bytes": str(2 * LARGE)}
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, one, larger) for one in topics])
    admin.close()
    producer = KafkaProducer(**producer_options(settings) | {"max_request_size": 2 * LARGE, "retries": 10})
    for one in topics:
        wait_for(lambda topic=one: not _refused(producer, topic), 30)  # type: ignore[misc]  # mypy: a default of a lambda
    producer.close()


def _refused(producer: Any, topic: str) -> bool:
    try:
        producer.send(topic, b"x" * LARGE, partition=0).get(timeout=20)
    except (MessageSizeTooLargeError, RecordListTooLargeError):
        return True  # the broker has not heard of the new size yet
    return False


def test_whatever_stands_in_the_topics_is_buried_alone_and_the_true_ones_are_done(fleet: Fleet) -> None:
    key = intake_key(fleet.company.home / "keys")

    def request(name: str, number: int = 1000, **more: Any) -> bytes:
        return request_event(key, SystemClock(), chance, name, email=made_up(number).email, **more)

    plain = decode_event(request("r-ahead"))
    ahead = msgspec.json.decode(plain.data, type=RequestReceived)
    ahead = msgspec.structs.replace(ahead, received_at=utc(SystemClock().now() + dt.timedelta(minutes=10)))
    spoiled = {
        "garbage": b"\xff\x00 garbage",
        "empty": b"",
        "unknown type": changed(request("r-type"), type="com.example.other.v1"),
        "no id": request("r-id").replace(b'"id":"r-id",', b""),
        "from the future": encode(msgspec.structs.replace(plain, data=msgspec.Raw(encode(ahead)))),
        "as the engine": request("r-engine", source="/engine"),
    }
    workers = [fleet.start("connect", "crm"), fleet.start("connect", "hr")]
    orchestrator = fleet.orchestrate()
    with ending(orchestrator, *workers):
        for topic in (REQUESTS.name, CONFIRMATIONS.name, tasks_of("crm").name):
            bus.write(fleet.one.kafka, topic, list(spoiled.values()))
        _write_large(fleet, [REQUESTS.name, tasks_of("crm").name])
        # A key is nobody's business: not the request's id, and a request is done for what it says itself.
        producer = KafkaProducer(**producer_options(bus.settings(fleet.one.kafka)))
        producer.send(REQUESTS.name, request("r-key", 1001), key=b"somebody else").get(timeout=20)
        producer.close()
        nowhere = erasure("r-nowhere", email=made_up(1002).email)
        fleet.one.publish([msgspec.structs.replace(nowhere, scope=Scope(("crm", "nowhere")))])
        fleet.one.publish([erasure("r-true", email=made_up(1003).email)])
        wait_for(lambda: fleet.closed(["r-true", "r-key"]) and fleet.phases().get("r-nowhere", ("", 0))[1], 90)
        wait_for(fleet.read_up, 40)
        wait_for(lambda: len(logged(workers[0], "event.buried")) == len(spoiled) + 1, 40)
        assert [one.end(60)[0] for one in (orchestrator, *workers)] == [0, 0, 0]

    assert set(fleet.phases()) == {"r-true", "r-key", "r-nowhere"}
    assert fleet.rows("SELECT state FROM requests WHERE request_id = 'r-nowhere' AND phase <> 'closed'")
    errors = Counter(row[0] for row in fleet.rows("SELECT error FROM dead_letters"))
    twice = {"MalformedMessageError": 3, "UnexpectedType": 1, "ReservedSource": 1, "SchemaError": 1}
    assert errors == Counter(twice) + Counter(twice) + Counter({"MalformedMessageError": 1})
    largest = max(len(row[0]) for row in fleet.rows("SELECT sealed FROM dead_letters"))
    assert largest > LARGE, "the original is kept, however large"
    reasons = Counter(one["reason"] for one in logged(workers[0], "event.buried"))
    assert reasons == {"unreadable": 4, "unknown_type": 3}, "to a worker a request is no task"


def _error(process: Process) -> dict[str, str]:
    process.process.wait(60)
    error: dict[str, str] = json.loads(process.said().splitlines()[-1])["error"]
    return error | {"code": str(process.process.returncode)}


def test_what_is_missing_or_wrong_around_them_is_said_at_the_start(
    fleet: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = fleet.company.home / "expunge.toml"
    good = file.read_text()
    url = sa.make_url(fleet.one.settings.store_url)

    # One partition where two workers would rewrite the same files; and a topic that nobody has made.
    file.write_text(good + '\none_partition = ["hr"]\nacls = false\n')
    bus.delete(fleet.one.kafka, [tasks_of("crm").name])

    def planned() -> set[tuple[str, str]]:
        capsys.readouterr()
        assert fleet.expunge("kafka", "plan", "-o", "json") == 1
        return {(one["kind"], one["where"]) for one in json.loads(capsys.readouterr().out)["differences"]}

    wait_for(lambda: ("topic-missing", tasks_of("crm").name) in planned(), 30)
    told = planned()
    assert any(kind.startswith("partitions") and where == tasks_of("hr").name for kind, where in told), told
    starting = [fleet.orchestrate(), fleet.start("connect", "crm"), fleet.start("connect", "crn")]
    with ending(*starting):
        for one in starting[:2]:
            error = _error(one)
            assert error["code"] == "2"
            assert tasks_of("crm").name in error["what"]
            assert "expunge kafka apply" in error["fix"]
        assert "did you mean 'crm'" in _error(starting[2])["fix"]

    # Somebody who may not log in: to the database, and to the brokers.
    stranger = url.set(username="stranger").render_as_string(hide_password=False)
    file.write_text(good.replace(fleet.one.settings.store_url, stranger))
    with ending(one := fleet.orchestrate()):
        error = _error(one)
        assert error["what"] == "the database refused the login"
        assert "user and password" in error["fix"]
    (tmp_path / "secured").mkdir()
    with secured(tmp_path / "secured") as broker:
        login = f'security_protocol = "SASL_SSL"\nca_file = "{broker.ca_file}"\nrequest_timeout_ms = 30000\n'
        file.write_text(good.replace(fleet.one.kafka, broker.address) + login)
        wrong = {"EXPUNGE_KAFKA_USERNAME": "expunge-crm", "EXPUNGE_KAFKA_PASSWORD": "canary-secret"}
        commands = (("orchestrate", "--bus", "plain"), ("orchestrate", "--bus", "faust"), ("connect", "crm"))
        # One after the other: on a busy machine a refusal that takes longer than the time-out reads as "unreachable".
        for n, command in enumerate(commands):
            process = Process(fleet.company.home, tmp_path / f"{n}.log", *command, environment=wrong)
            with ending(process):
                error = _error(process)
                assert error["code"] == "2"
                assert "do not let us in" in error["what"]
                assert "canary-secret" not in process.said()


def test_workers_whose_clocks_are_off_are_named_and_what_they_do_counts(
    fleet: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ahead, behind = newer.elsewhen(tmp_path / "ahead", 10), newer.elsewhen(tmp_path / "behind", -10)
    orchestrator = fleet.orchestrate()
    workers = [fleet.start("connect", "crm", tree=ahead), fleet.start("connect", "hr", tree=behind)]
    with ending(orchestrator, *workers):
        fleet.one.publish([erasure("r1", email=made_up(1002).email)])
        wait_for(lambda: fleet.closed(["r1"]), 90)
        capsys.readouterr()
        assert fleet.expunge("doctor", "-o", "json") == 1
        found = [one for one in json.loads(capsys.readouterr().out) if "is off by" in one.get("text", "")]
        assert [one["check"] for one in found] == ["workers of crm", "workers of hr"]
        assert [one.end(60)[0] for one in (orchestrator, *workers)] == [0, 0, 0]
    fleet.nothing_is_buried()
    assert set(fleet.one.records()) == {"r1"}
