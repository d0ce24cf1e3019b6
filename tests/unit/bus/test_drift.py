"""What differs is found, what widens access too; what cannot be seen never fits."""

from __future__ import annotations

import msgspec
import pytest

from connectors.kafka.settings import KafkaSettings
from orchestrator.bus.commands import Commands
from orchestrator.bus.drift import Acl, Cluster, Difference, RealTopic, differences, fits
from orchestrator.bus.topology import wanted

SETTINGS = KafkaSettings(("localhost:9092",), admins=("User:operator",))
TOPOLOGY = wanted(SETTINGS, {"crm": "sql", "logs": "logs"})
TOPICS = {
    one.name: RealTopic(one.name, one.partitions, one.replication_factor, {**one.configs, "compression.type": "zstd"})
    for one in TOPOLOGY.topics
}
ACLS = tuple(
    Acl(one.principal, "*", one.operation, "Allow", one.resource.title(), one.name, "Literal")
    for one in TOPOLOGY.rights or ()
)
AS_WANTED = Cluster(TOPICS, (), ACLS)
CRM = "expunge.tasks.crm"
LOGS = "expunge.tasks.logs"


def _changed(name: str, **changes: object) -> list[Difference]:
    topics = {**TOPICS, name: msgspec.structs.replace(TOPICS[name], **changes)}
    return differences(TOPOLOGY, msgspec.structs.replace(AS_WANTED, topics=topics))


def _with(*acls: Acl) -> list[Difference]:
    return differences(TOPOLOGY, msgspec.structs.replace(AS_WANTED, acls=(*ACLS, *acls)))


def test_nothing_differs_from_what_is_wanted() -> None:
    assert differences(TOPOLOGY, AS_WANTED) == []


def test_everything_is_missing_on_an_empty_cluster_and_apply_mends_it_all() -> None:
    found = differences(TOPOLOGY, Cluster({}, (), ()))
    assert {one.kind for one in found} == {"topic-missing", "right-missing"}
    assert len(found) == len(TOPICS) + len(ACLS)
    assert all(one.mended_by_apply for one in found)
    assert not fits(found)


@pytest.mark.parametrize("name", ["retention.ms", "min.insync.replicas", "cleanup.policy"])
def test_a_wrong_configuration_is_named_with_both_values(name: str) -> None:
    (one,) = _changed(CRM, configs={**TOPOLOGY.topics[0].configs, name: "5"})
    assert (one.kind, one.where, one.what, one.have) == ("config", CRM, name, "5")
    assert one.want == TOPOLOGY.topics[0].configs[name]


def test_too_few_partitions_are_added_and_too_many_matter_only_to_files() -> None:
    (few,) = _changed(CRM, partitions=2)
    assert (few.kind, few.have, few.want, few.mended_by_apply) == ("partitions-few", "2", "6", True)
    many = _changed(CRM, partitions=12)
    assert [one.kind for one in many] == ["partitions-many"]
    assert fits(many)
    (wrong,) = _changed(LOGS, partitions=6)
    assert not fits([wrong])
    assert "delete the topic" in wrong.fix
    assert not wrong.mended_by_apply
    assert Commands(SETTINGS).mending([wrong], TOPOLOGY) == [], "no command takes a partition away"


def test_too_few_replicas_and_a_topic_of_no_system() -> None:
    three = wanted(msgspec.structs.replace(SETTINGS, replication_factor=3, acls=False), {"crm": "sql", "logs": "logs"})
    kinds = {one.kind for one in differences(three, AS_WANTED)}
    assert kinds == {"replication", "config"}
    old = RealTopic("expunge.tasks.old", 6, 1, {})
    (one,) = differences(TOPOLOGY, msgspec.structs.replace(AS_WANTED, topics={**TOPICS, old.name: old}))
    assert (one.kind, one.note) == ("topic-unused", True)


def test_what_may_not_be_seen_never_fits() -> None:
    hidden = {name: one for name, one in TOPICS.items() if name != CRM}
    (one,) = differences(TOPOLOGY, Cluster(hidden, (CRM,), ACLS))
    assert one.kind == "topic-unseen"
    assert [found.kind for found in _changed(CRM, configs=None)] == ["config-unseen"]
    for why, kind in (("not-allowed", "rights-unseen"), ("no-authorizer", "no-authorizer")):
        cluster = msgspec.structs.replace(AS_WANTED, acls=None, why=why)
        found = differences(TOPOLOGY, cluster)
        assert [each.kind for each in found] == [kind]
        assert not fits(found)
        assert found[0].fix


def test_a_right_that_is_given_by_a_wider_rule_is_not_missing_but_the_rule_is_named() -> None:
    wide = Acl("User:expunge-crm", "*", "All", "Allow", "Topic", "expunge.", "Prefixed")
    rest = tuple(one for one in ACLS if one.principal != "User:expunge-crm" or one.resource == "Group")
    found = differences(TOPOLOGY, msgspec.structs.replace(AS_WANTED, acls=(*rest, wide)))
    assert [one.kind for one in found] == ["right-extra"]


@pytest.mark.parametrize(
    "acl",
    [
        Acl("User:expunge-crm", "*", "Read", "Allow", "Topic", LOGS, "Literal"),
        Acl("User:expunge-crm", "*", "Write", "Allow", "Topic", "expunge.requests", "Literal"),
        Acl("User:expunge-crm", "*", "Read", "Allow", "Topic", "elsewhere", "Literal"),
        Acl("User:expunge-crm", "*", "Alter", "Allow", "Cluster", "kafka-cluster", "Literal"),
        Acl("User:stranger", "*", "Read", "Allow", "Topic", CRM, "Literal"),
        Acl("User:stranger", "*", "Read", "Allow", "Topic", "exp", "Prefixed"),
        Acl("User:stranger", "*", "All", "Allow", "Topic", "*", "Literal"),
        Acl("User:*", "*", "Write", "Allow", "Topic", "expunge.requests", "Literal"),
        Acl("User:stranger", "10.0.0.1", "Delete", "Allow", "Group", "expunge.orchestrator", "Literal"),
        Acl("User:stranger", "*", "Alter", "Allow", "Cluster", "kafka-cluster", "Literal"),
    ],
)
def test_a_rule_that_widens_access_is_a_finding_with_the_command_that_takes_it_away(acl: Acl) -> None:
    found = _with(acl)
    assert [one.kind for one in found] == ["right-extra"]
    assert not fits(found)
    (command,) = Commands(SETTINGS).mending(found, TOPOLOGY)
    assert command.startswith("kafka-acls.sh --bootstrap-server localhost:9092 --remove --force --allow-principal ")


@pytest.mark.parametrize(
    "acl",
    [
        Acl("User:operator", "*", "All", "Allow", "Topic", "*", "Literal"),
        Acl("User:monitor", "*", "Describe", "Allow", "Topic", "*", "Literal"),
        Acl("User:stranger", "*", "Read", "Allow", "Topic", "elsewhere", "Literal"),
        Acl("User:stranger", "*", "Read", "Allow", "Group", "expunge", "Literal"),
        Acl("User:stranger", "*", "Read", "Deny", "Topic", CRM, "Literal"),
        Acl("User:stranger", "*", "Create", "Allow", "Cluster", "kafka-cluster", "Literal"),
    ],
)
def test_a_rule_that_is_nothing_to_us_is_not(acl: Acl) -> None:
    assert _with(acl) == []


@pytest.mark.parametrize("principal", ["User:expunge-crm", "User:*"])
@pytest.mark.parametrize("operation", ["Read", "All", "Describe"])
def test_a_denial_that_takes_a_right_away_is_a_finding(principal: str, operation: str) -> None:
    found = _with(Acl(principal, "*", operation, "Deny", "Topic", CRM, "Literal"))
    assert {one.kind for one in found} == {"right-denied"}
    (command,) = Commands(SETTINGS).mending(found, TOPOLOGY)
    assert f"--deny-principal '{principal}'" in command or f"--deny-principal {principal}" in command


def test_a_right_for_one_host_only_is_not_enough() -> None:
    first, *rest = ACLS
    narrow = msgspec.structs.replace(first, host="10.0.0.1")
    found = differences(TOPOLOGY, msgspec.structs.replace(AS_WANTED, acls=(*rest, narrow)))
    assert [one.kind for one in found] == ["right-missing"]
