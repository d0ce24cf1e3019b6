"""What is written for other tools says the same as the wanted state."""

from __future__ import annotations

import shlex

import pytest
import yaml

from connectors.kafka.settings import KafkaSettings
from orchestrator.bus import strimzi
from orchestrator.bus.commands import Commands
from orchestrator.bus.topology import Right, wanted
from orchestrator.errors import UsageError

SETTINGS = KafkaSettings(("one:9092", "two:9092"), "SASL_SSL", replication_factor=3)
TOPOLOGY = wanted(SETTINGS, {"crm": "sql", "logs": "logs"})


def _options(command: str) -> dict[str, list[str]]:
    words = shlex.split(command)[1:]
    found: dict[str, list[str]] = {}
    for place, word in enumerate(words):
        if word.startswith("--"):
            value = words[place + 1] if place + 1 < len(words) and not words[place + 1].startswith("--") else ""
            found.setdefault(word, []).append(value)
    return found


def test_commands_make_each_topic_as_wanted() -> None:
    commands = [_options(one) for one in Commands(SETTINGS).topics(TOPOLOGY)]
    for wanted_topic, options in zip(TOPOLOGY.topics, commands, strict=True):
        assert options["--topic"] == [wanted_topic.name]
        assert options["--partitions"] == [str(wanted_topic.partitions)]
        assert options["--replication-factor"] == ["3"]
        assert dict(one.split("=") for one in options["--config"]) == wanted_topic.configs
        assert options["--bootstrap-server"] == ["one:9092,two:9092"]
        assert options["--command-config"] == ["admin.properties"]
        assert "--if-not-exists" in options


def test_commands_give_each_right_and_no_other() -> None:
    rights = {
        Right(options["--allow-principal"][0], kind, options[f"--{kind}"][0], operation)  # type: ignore[arg-type]
        for options in map(_options, Commands(SETTINGS).rights(TOPOLOGY.rights or ()))
        for kind in ("topic", "group")
        if f"--{kind}" in options
        for operation in options["--operation"]
    }
    assert rights == set(TOPOLOGY.rights or ())


def test_a_principal_with_odd_characters_stays_one_word() -> None:
    topology = wanted(KafkaSettings(principals="User:CN={name},O=A$(x)&Co"), {"crm": "sql"})
    (one, *_) = Commands(KafkaSettings()).rights(topology.rights or ())
    assert _options(one)["--allow-principal"][0].endswith(",O=A$(x)&Co")


def test_strimzi_yaml_is_what_the_resources_are_and_says_what_is_wanted() -> None:
    resources = strimzi.resources(TOPOLOGY, "my-cluster")
    assert list(yaml.safe_load_all(strimzi.yaml(resources))) == resources
    topics = [one for one in resources if one["kind"] == "KafkaTopic"]
    users = {one["metadata"]["name"]: one for one in resources if one["kind"] == "KafkaUser"}
    assert {one["spec"]["topicName"]: one["spec"]["partitions"] for one in topics} == {
        one.name: one.partitions for one in TOPOLOGY.topics
    }
    assert users.keys() == {"expunge-orchestrator", "expunge-crm", "expunge-logs", "expunge-publisher"}
    rights = {
        Right(f"User:{name}", acl["resource"]["type"], acl["resource"]["name"], operation)
        for name, user in users.items()
        for acl in user["spec"]["authorization"]["acls"]
        for operation in acl["operations"]
    }
    assert rights == set(TOPOLOGY.rights or ())
    assert {one["metadata"]["labels"]["strimzi.io/cluster"] for one in resources} == {"my-cluster"}
    assert topics[0]["spec"]["config"]["retention.ms"] == 604_800_000
    assert topics[0]["spec"]["config"]["unclean.leader.election.enable"] is False


def test_strimzi_s_own_principals_of_certificates_and_no_others() -> None:
    tls = wanted(KafkaSettings(principals="User:CN=expunge-{name}"), {"crm": "sql"})
    users = [one for one in strimzi.resources(tls, "k") if one["kind"] == "KafkaUser"]
    assert {one["spec"]["authentication"]["type"] for one in users} == {"tls"}
    other = wanted(KafkaSettings(principals="User:CN={name},O=Acme"), {"crm": "sql"})
    with pytest.raises(UsageError, match="Strimzi cannot make this principal"):
        strimzi.resources(other, "k")


def test_without_rights_strimzi_s_users_log_in_only() -> None:
    topology = wanted(KafkaSettings(acls=False), {"crm": "sql"})
    users = [one for one in strimzi.resources(topology, "k") if one["kind"] == "KafkaUser"]
    assert users
    assert not any("authorization" in one["spec"] for one in users)
