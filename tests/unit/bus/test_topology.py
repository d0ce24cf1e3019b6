"""Who may do what follows from topics, settings and systems; nobody may more."""

from __future__ import annotations

import pytest

from connectors.kafka.settings import KafkaSettings
from orchestrator.bus.topology import Right, wanted
from orchestrator.errors import UsageError
from schemas.topics import FIXED

SETTINGS = KafkaSettings(("localhost:9092",), readers=("portal",))
SYSTEMS = {"crm": "sql", "hr": "sql", "events": "events", "access": "logs"}
TOPOLOGY = wanted(SETTINGS, SYSTEMS)


def _of(principal: str) -> set[tuple[str, str, str]]:
    return {(one.operation, one.resource, one.name) for one in TOPOLOGY.rights or () if one.principal == principal}


def test_a_system_reads_its_own_tasks_and_answers_and_nothing_else() -> None:
    assert _of("User:expunge-crm") == {
        ("Read", "topic", "expunge.tasks.crm"),
        ("Read", "group", "expunge.systems.crm"),
        ("Write", "topic", "expunge.confirmations"),
        ("Write", "topic", "expunge.dead-letters"),
    } | {("Write", "topic", one.name) for one in FIXED if one.producer == "connector"}


def test_a_publisher_writes_requests_and_a_reader_reads_completions() -> None:
    assert _of("User:expunge-publisher") == {("Write", "topic", "expunge.requests")}
    assert _of("User:expunge-portal") == {
        ("Read", "topic", "expunge.completions"),
        ("Read", "group", "expunge.readers.portal"),
    }


def test_the_orchestrator_writes_tasks_and_reads_answers_and_never_the_other_way_round() -> None:
    rights = _of("User:expunge-orchestrator")
    written = {name for operation, _, name in rights if operation == "Write"}
    read = {name for operation, kind, name in rights if operation == "Read" and kind == "topic"}
    tasks = {f"expunge.tasks.{name}" for name in SYSTEMS}
    assert written == tasks | {"expunge.completions", "expunge.notices", "expunge.dead-letters"}
    assert read >= {"expunge.requests", "expunge.confirmations"}
    assert not read & (tasks | {"expunge.completions"})


def test_nobody_else_may_write_requests() -> None:
    writers = {
        one.principal for one in TOPOLOGY.rights or () if one.name == "expunge.requests" and one.operation == "Write"
    }
    assert writers == {"User:expunge-publisher"}


def test_systems_that_rewrite_files_have_one_partition() -> None:
    topics = {one.name: (one.partitions, one.single) for one in TOPOLOGY.topics}
    assert topics["expunge.tasks.crm"] == (6, False)
    assert topics["expunge.tasks.events"] == topics["expunge.tasks.access"] == (1, True)
    named = wanted(KafkaSettings(one_partition=("crm",)), SYSTEMS)
    assert {one.name for one in named.topics if one.single} == {
        "expunge.tasks.crm", "expunge.tasks.events", "expunge.tasks.access"
    }  # fmt: skip


@pytest.mark.parametrize(("factor", "least"), [(1, "1"), (2, "1"), (3, "2"), (5, "2")])
def test_what_counts_as_written_follows_from_the_replicas(factor: int, least: str) -> None:
    topology = wanted(KafkaSettings(replication_factor=factor), {"crm": "sql"})
    assert {one.configs["min.insync.replicas"] for one in topology.topics} == {least}
    assert {one.replication_factor for one in topology.topics} == {factor}


def test_retention_is_by_the_broker_s_clock_and_by_age_alone() -> None:
    for one in TOPOLOGY.topics:
        assert one.configs["cleanup.policy"] == "delete"
        assert one.configs["retention.ms"] == str(7 * 24 * 3600 * 1000)
        assert one.configs["segment.ms"] == str(24 * 3600 * 1000)
        assert one.configs["retention.bytes"] == "-1"
        assert one.configs["message.timestamp.type"] == "LogAppendTime"


def test_rights_may_be_given_elsewhere() -> None:
    assert wanted(KafkaSettings(acls=False), SYSTEMS).rights is None


def test_principals_of_certificates() -> None:
    topology = wanted(KafkaSettings(principals="User:CN={name},O=Acme"), {"crm": "sql"})
    assert Right("User:CN=crm,O=Acme", "topic", "expunge.tasks.crm", "Read") in (topology.rights or ())


@pytest.mark.parametrize(
    ("settings", "systems", "said"),
    [
        (KafkaSettings(partitions=0), {}, "partitions"),
        (KafkaSettings(replication_factor=0), {}, "replication_factor"),
        (KafkaSettings(principals="User:expunge"), {}, "principals"),
        (KafkaSettings(principals="expunge-{name}"), {}, "principals"),
        (KafkaSettings(publishers=("Portal",)), {}, "publishers"),
        (KafkaSettings(publishers=("crm",)), {"crm": "sql"}, "share one principal"),
        (KafkaSettings(readers=("orchestrator",)), {}, "share one principal"),
        (KafkaSettings(), {"orchestrator": "sql"}, "share the orchestrator's principal"),
        (KafkaSettings(one_partition=("crn",)), {"crm": "sql"}, "no system 'crn'"),
    ],
)
def test_what_cannot_be_meant_is_refused(settings: KafkaSettings, systems: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        wanted(settings, systems)
    assert said in caught.value.what
    assert caught.value.where
    assert caught.value.fix
