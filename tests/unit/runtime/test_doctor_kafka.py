"""What ``expunge doctor`` makes of a cluster: whatever may not be seen is unknown, whatever differs has a fix."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import pytest

from connectors.errors import ConnectorError, TransientError, UnavailableError
from connectors.kafka.settings import KafkaSettings
from orchestrator.bus.drift import Acl, Cluster, RealTopic
from orchestrator.bus.topology import Topology, wanted
from orchestrator.runtime.doctor_kafka import compared
from orchestrator.runtime.findings import Finding, failed, made

CHECKS = {"topics", "partitions", "retention", "configuration", "rights"}
SETTINGS = KafkaSettings(("x:1",), partitions=2)
TOPOLOGY = wanted(SETTINGS, {"crm": "sql", "logs": "logs"})
CRM = "expunge.tasks.crm"


def cluster(topology: Topology = TOPOLOGY, **more: Any) -> Cluster:
    real = {
        one.name: RealTopic(one.name, one.partitions, one.replication_factor, one.configs) for one in topology.topics
    }
    acls = tuple(
        Acl(one.principal, "*", one.operation, "Allow", one.resource.title(), one.name, "Literal")
        for one in topology.rights or ()
    )
    return msgspec.structs.replace(Cluster(real, (), acls), **more)


def levels(one: Cluster, topology: Topology = TOPOLOGY) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for finding in compared(topology, one):
        found.setdefault(finding.check, set()).add(finding.level)
        assert finding.level == "ok" or finding.fix
    assert set(found) == CHECKS
    return found


def changed(name: str, **more: Any) -> Cluster:
    whole = cluster()
    return msgspec.structs.replace(
        whole, topics=whole.topics | {name: msgspec.structs.replace(whole.topics[name], **more)}
    )


def test_what_fits_is_green() -> None:
    assert levels(cluster()) == {one: {"ok"} for one in CHECKS}


def test_a_missing_topic_is_a_finding_and_what_hangs_on_it_unknown() -> None:
    left = {name: one for name, one in cluster().topics.items() if name != CRM}
    found = levels(cluster(topics=left))
    assert found["topics"] == {"finding"}
    assert found["rights"] == {"ok"}
    assert [found[one] for one in ("partitions", "retention", "configuration")] == [{"unknown"}] * 3


def test_a_topic_that_may_not_be_seen_is_unknown() -> None:
    left = {name: one for name, one in cluster().topics.items() if name != CRM}
    found = levels(cluster(topics=left, unseen=(CRM,)))
    assert {one for one in CHECKS if "ok" in found[one]} == {"rights"}
    assert found["topics"] == {"unknown"}


@pytest.mark.parametrize(
    ("more", "check", "level"),
    [
        ({"partitions": 1}, "partitions", "finding"),
        ({"partitions": 9}, "partitions", "ok"),
        ({"replication_factor": 0}, "partitions", "finding"),
        ({"configs": {}}, "retention", "finding"),
        ({"configs": {}}, "configuration", "finding"),
        ({"configs": None}, "retention", "unknown"),
        ({"configs": None}, "configuration", "unknown"),
    ],
)
def test_each_difference_shows_in_its_check(more: dict[str, Any], check: str, level: str) -> None:
    assert level in levels(changed(CRM, **more))[check]
    if level != "ok":
        assert "ok" not in levels(changed(CRM, **more))[check]


def test_two_partitions_of_a_file_system_are_no_note() -> None:
    assert levels(changed("expunge.tasks.logs", partitions=2))["partitions"] == {"finding"}


@pytest.mark.parametrize(("why", "level"), [("not-allowed", "unknown"), ("no-authorizer", "finding")])
def test_rights_that_are_not_seen_are_not_green(why: Literal["not-allowed", "no-authorizer"], level: str) -> None:
    assert levels(cluster(acls=None, why=why))["rights"] == {level}


def test_rights_that_are_given_elsewhere_are_unknown() -> None:
    topology = wanted(msgspec.structs.replace(SETTINGS, acls=False), {"crm": "sql"})
    assert levels(cluster(topology), topology)["rights"] == {"unknown"}


def test_a_right_that_is_missing_or_too_wide_is_a_finding() -> None:
    whole = cluster()
    assert whole.acls
    assert levels(msgspec.structs.replace(whole, acls=whole.acls[1:]))["rights"] == {"finding"}
    wide = msgspec.structs.replace(whole.acls[0], principal="User:somebody", operation="All")
    assert levels(msgspec.structs.replace(whole, acls=(*whole.acls, wide)))["rights"] == {"finding"}


def test_a_check_that_breaks_keeps_what_it_had_found_and_tells_no_text() -> None:
    def check() -> Any:
        yield Finding("one", "finding", "first")
        raise ValueError("canary: somebody@example.com")

    found = made("one", check)
    assert [one.text for one in found] == ["first", "the check broke: ValueError"]
    assert failed("x", ValueError("canary")).level == "unknown"


@pytest.mark.parametrize("error", [TransientError("locked"), UnavailableError("kafka", "no broker", why="Timeout")])
def test_what_is_away_is_unknown_and_says_so(error: ConnectorError) -> None:
    told = failed("x", error)
    assert (told.level, told.unreachable) == ("unknown", True)
    assert told.text in {"cannot be reached: locked", "no broker: Timeout"}
