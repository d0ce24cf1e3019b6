"""`expunge kafka` on a real broker with an authorizer, TLS and SCRAM: what is given holds, and nothing more is."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition, errors
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

from connectors.kafka.client import client_options, consumer_options, producer_options
from connectors.kafka.member import Member
from connectors.kafka.settings import KafkaSettings
from orchestrator.cli import main
from tests.support.secured import PASSWORD, Secured, as_admin, certificates, secured

CRM, LOGS = "expunge.tasks.crm", "expunge.tasks.logs"
TOML = """version = 1

[kafka]
bootstrap_servers = ["{address}"]
security_protocol = "SASL_SSL"
sasl_mechanism = "{mechanism}"
ca_file = "{ca}"
request_timeout_ms = 10000
readers = ["publisher"]

[systems.crm]
connector = "sql"
map = "crm.toml"

[systems.logs]
connector = "logs"
map = "logs.toml"
"""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured(tmp_path_factory.mktemp("broker")) as one:
        admin = KafkaAdminClient(**client_options(as_admin(one.address, one.ca_file)))
        users = [f"expunge-{name}" for name in ("orchestrator", "crm", "logs", "publisher")]
        made = admin.alter_user_scram_credentials(
            [UserScramCredentialUpsertion(name, "SCRAM-SHA-512", PASSWORD) for name in users]
        )
        assert set(made.values()) == {None}
        admin.close()
        yield one


@pytest.fixture
def home(broker: Secured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    text = TOML.format(address=broker.address, mechanism="PLAIN", ca=broker.ca_file)
    (tmp_path / "expunge.toml").write_text(text)
    _log_in(monkeypatch, "admin")
    return tmp_path


def _log_in(monkeypatch: pytest.MonkeyPatch, user: str) -> None:
    monkeypatch.setenv("EXPUNGE_KAFKA_USERNAME", user)
    monkeypatch.setenv("EXPUNGE_KAFKA_PASSWORD", PASSWORD)


def _as_scram(home: Path) -> None:
    file = home / "expunge.toml"
    file.write_text(file.read_text().replace('"PLAIN"', '"SCRAM-SHA-512"'))


def _run(capsys: pytest.CaptureFixture[str], home: Path, *arguments: str) -> tuple[int, Any]:
    capsys.readouterr()
    code = main(["kafka", *arguments, "-o", "json", "--home", str(home)])
    out, err = capsys.readouterr()
    assert PASSWORD not in out + err
    return code, json.loads(out or err.splitlines()[-1])


def _kinds(result: Any) -> set[str]:
    return {one["kind"] for one in result["differences"]}


def _applied(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    code, result = _run(capsys, home, "apply")
    assert (code, result["fits"]) == (0, True), result


def _of(broker: Secured, monkeypatch: pytest.MonkeyPatch, user: str) -> KafkaSettings:
    _log_in(monkeypatch, user)
    return KafkaSettings((broker.address,), "SASL_SSL", ca_file=str(broker.ca_file), request_timeout_ms=10_000)


def test_plan_apply_and_apply_again(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, before = _run(capsys, home, "plan")
    if code == 1:  # the first of this module to come
        assert _kinds(before) == {"topic-missing", "right-missing"}
        code, made = _run(capsys, home, "apply")
        assert (code, made["made"], made["failed"]) == (0, len(before["differences"]), [])
    code, again = _run(capsys, home, "apply")
    assert (code, again["made"], again["differences"]) == (0, 0, [])
    assert _run(capsys, home, "plan")[0] == 0


def test_a_system_reads_its_own_tasks_and_no_others_and_publishes_no_request(
    broker: Secured, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _applied(capsys, home)
    orchestrator = KafkaProducer(**producer_options(_of(broker, monkeypatch, "expunge-orchestrator")))
    for topic in (CRM, LOGS):
        orchestrator.send(topic, b"task").get(timeout=20)
    with pytest.raises(errors.TopicAuthorizationFailedError):
        orchestrator.send("expunge.requests", b"forged").get(timeout=20)
    orchestrator.close()

    settings = _of(broker, monkeypatch, "expunge-crm")
    consumer = Member(CRM, **consumer_options(settings, settings.system_group("crm")))
    assert [one.value for one in _read(consumer)] == [b"task"]
    consumer.commit()
    consumer.close()
    other = KafkaConsumer(**consumer_options(settings, settings.system_group("crm")))
    other.assign([TopicPartition(LOGS, 0)])
    with pytest.raises(errors.TopicAuthorizationFailedError):
        _read(other)
    other.close()
    stolen = Member(CRM, **consumer_options(settings, settings.system_group("logs")))
    with pytest.raises(errors.GroupAuthorizationFailedError):
        _read(stolen)
    stolen.close()

    producer = KafkaProducer(**producer_options(settings))
    producer.send("expunge.confirmations", b"answer").get(timeout=20)
    for topic in ("expunge.requests", LOGS, CRM, "expunge.completions", "expunge.dead-letters"):
        with pytest.raises(errors.TopicAuthorizationFailedError):
            producer.send(topic, b"forged").get(timeout=20)
    producer.close()


def _read(consumer: KafkaConsumer) -> list[Any]:
    for _ in range(40):
        if found := [one for many in consumer.poll(timeout_ms=500).values() for one in many]:
            return found
    raise AssertionError("nothing came")


def test_a_publisher_writes_requests_and_reads_no_tasks(
    broker: Secured, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _applied(capsys, home)
    settings = _of(broker, monkeypatch, "expunge-publisher")
    producer = KafkaProducer(**producer_options(settings))
    producer.send("expunge.requests", b"request").get(timeout=20)
    with pytest.raises(errors.TopicAuthorizationFailedError):
        producer.send("expunge.confirmations", b"forged").get(timeout=20)
    producer.close()
    consumer = KafkaConsumer(**consumer_options(settings, settings.reader_group("publisher")))
    consumer.assign([TopicPartition("expunge.requests", 0)])
    with pytest.raises(errors.TopicAuthorizationFailedError):
        _read(consumer)
    consumer.close()


def test_what_somebody_changed_is_found_and_mended_and_what_widens_access_is_left_to_a_person(
    broker: Secured, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _applied(capsys, home)
    admin = KafkaAdminClient(**client_options(as_admin(broker.address, broker.ca_file)))
    changed: Any = ConfigResource(ConfigResourceType.TOPIC, CRM, {"retention.ms": "1000"})
    admin.alter_configs([changed])
    wide = ACL(
        "User:expunge-crm", "*", ACLOperation.READ, ACLPermissionType.ALLOW, ResourcePattern(ResourceType.TOPIC, LOGS)
    )
    admin.create_acls([wide])
    file = home / "expunge.toml"
    file.write_text(file.read_text().replace("readers =", "partitions = 7\nreaders ="))

    code, found = _run(capsys, home, "plan")
    assert code == 1
    assert _kinds(found) == {"config", "partitions-few", "right-extra"}
    code, left = _run(capsys, home, "apply")
    assert (code, _kinds(left)) == (1, {"right-extra"})
    (command,) = left["commands"]
    assert "--remove" in command
    assert LOGS in command

    admin.delete_acls([wide])
    file.write_text(file.read_text().replace("partitions = 7", "partitions = 6"))
    code, notes = _run(capsys, home, "plan")
    assert (code, _kinds(notes)) == (0, {"partitions-many"})
    admin.create_partitions({LOGS: 2})
    code, wrong = _run(capsys, home, "plan")
    assert code == 1
    assert [one["where"] for one in wrong["differences"] if not one.get("note")] == [LOGS]
    admin.delete_topics([LOGS])
    for _ in range(50):
        if LOGS not in admin.list_topics():
            break
    _applied(capsys, home)
    admin.close()


def test_without_the_right_to_create_an_administrator_is_told_what_to_run(
    broker: Secured, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _applied(capsys, home)
    admin = KafkaAdminClient(**client_options(as_admin(broker.address, broker.ca_file)))
    changed: Any = ConfigResource(ConfigResourceType.TOPIC, CRM, {"retention.ms": "1000"})
    admin.alter_configs([changed])
    file = home / "expunge.toml"
    file.write_text(file.read_text() + '\n[systems.late]\nconnector = "sql"\nmap = "late.toml"\n')
    _as_scram(home)
    _log_in(monkeypatch, "expunge-orchestrator")
    code, result = _run(capsys, home, "apply")
    assert code == 1
    assert {"topic-missing", "topic-unseen"} & _kinds(result)
    assert {"config", "rights-unseen"} <= _kinds(result)
    assert {one["where"] for one in result["failed"]} >= {CRM}
    assert all(re.search(r"AuthorizationFailed|not allowed", one["why"]) for one in result["failed"])
    assert any(
        "kafka-configs.sh" in one and f"retention.ms={7 * 24 * 3600 * 1000}" in one for one in result["commands"]
    )
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, CRM, {"retention.ms": "604800000"})])
    admin.close()


def test_the_commands_work_with_kafka_s_own_tools(
    broker: Secured, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = home / "expunge.toml"
    text = '\n[systems.tools]\nconnector = "sql"\nmap = "tools.toml"\n'
    file.write_text(file.read_text() + text)
    _, topics = _run(capsys, home, "export", "--format", "topics")
    _, acls = _run(capsys, home, "export", "--format", "acl-commands")
    for line in [one for one in (*topics, *acls) if "tools" in one]:
        assert "--command-config admin.properties" in line
        broker.tool(*shlex.split(line))
    # what the tools made of one system is what the plan wants of it
    code, result = _run(capsys, home, "plan")
    about = [one for one in result["differences"] if "tools" in json.dumps(one) and not one.get("note")]
    assert about == [], result
    assert code in {0, 1}


def _refused(home: Path) -> tuple[int, Any]:
    """In a process of its own: kafka-python leaves sockets open where it is not let in."""
    command = [sys.executable, "-m", "orchestrator", "kafka", "plan", "-o", "json", "--home", str(home)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == ""
    assert PASSWORD not in done.stderr
    return done.returncode, json.loads(done.stderr.splitlines()[-1])


def test_a_wrong_password_names_what_to_change(broker: Secured, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _as_scram(home)
    _log_in(monkeypatch, "expunge-orchestrator")
    monkeypatch.setenv("EXPUNGE_KAFKA_PASSWORD", "canary-wrong")
    # A busy machine answers a login late; that it was refused is no matter of time.
    file = home / "expunge.toml"
    file.write_text(file.read_text().replace("10000", "30000"))
    code, told = _refused(home)
    assert code == 2
    assert "do not let us in" in told["error"]["what"]
    assert "password" in told["error"]["fix"]
    assert "canary-wrong" not in json.dumps(told)


def test_a_wrong_authority_names_ca_file(broker: Secured, home: Path, tmp_path: Path) -> None:
    wrong, _ = certificates(tmp_path, "somebody-else")
    file = home / "expunge.toml"
    file.write_text(file.read_text().replace(str(broker.ca_file), str(wrong)).replace("10000", "3000"))
    code, told = _refused(home)
    assert code == 2
    assert "ca_file" in told["error"]["what"] + told["error"]["fix"]


def test_no_broker_is_a_dependency_that_cannot_be_reached(home: Path) -> None:
    file = home / "expunge.toml"
    file.write_text(
        re.sub(r"bootstrap_servers = .*", 'bootstrap_servers = ["127.0.0.1:9"]', file.read_text()).replace(
            "10000", "2000"
        )
    )
    code, told = _refused(home)
    assert (code, told["error"]["kind"]) == (3, "dependency")
    assert told["error"]["fix"]


def test_export_asks_no_broker(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = home / "expunge.toml"
    file.write_text(re.sub(r"bootstrap_servers = .*", "", file.read_text()))
    code, documents = _run(capsys, home, "export", "--format", "strimzi", "--cluster", "mine")
    assert code == 0
    assert {one["kind"] for one in documents} == {"KafkaTopic", "KafkaUser"}
    code, told = _run(capsys, home, "export", "--format", "xml")
    assert code == 2
    assert "strimzi" in told["error"]["what"]
