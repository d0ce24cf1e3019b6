"""What is written for other tools says the same as the wanted state."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from connectors.kafka.settings import KafkaSettings
from orchestrator.bus import strimzi
from orchestrator.bus.commands import Commands
from orchestrator.bus.topology import Right, wanted
from orchestrator.errors import UsageError
from tests.support.absent import SERVICE_ABSENT

CHECK = Path(__file__).parents[2] / "support" / "strimzi" / "Check.java"

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


def _read_by_strimzi(documents: list[dict[str, Any]], folder: Path) -> tuple[int, str]:
    jars = os.environ.get("EXPUNGE_TEST_STRIMZI_JARS")
    if not jars or shutil.which("javac") is None:
        pytest.skip(f"{SERVICE_ABSENT} Strimzi's classes (EXPUNGE_TEST_STRIMZI_JARS), or a JDK")
    file = folder / "resources.json"
    file.write_text(json.dumps(documents))
    command = ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", f"{jars}/*", str(CHECK), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    return done.returncode, done.stdout or done.stderr


@pytest.mark.parametrize("pattern", ["User:expunge-{name}", "User:CN=expunge-{name}"])
def test_strimzi_s_own_classes_read_what_is_written_for_it(pattern: str, tmp_path: Path) -> None:
    settings = msgspec.structs.replace(SETTINGS, principals=pattern, readers=("publisher",))
    documents = strimzi.resources(wanted(settings, {"crm": "sql", "logs": "logs"}), "mine")
    assert _read_by_strimzi(documents, tmp_path) == (0, f"{len(documents)} resources, 0 faults\n")


def test_strimzi_s_own_classes_find_what_is_wrong(tmp_path: Path) -> None:
    documents = strimzi.resources(TOPOLOGY, "mine")
    first, second, third, *_, user = documents
    first["spec"]["partitons"] = 6
    second["apiVersion"] = "kafka.strimzi.io/v7"
    third["spec"]["partitions"] = "many"
    user["spec"]["authorization"]["acls"][0]["operations"] = ["Reed"]
    code, told = _read_by_strimzi(documents, tmp_path)
    assert code == 1
    assert "unknown field partitons" in told
    assert "apiVersion is none of" in told
    assert f"{len(documents)} resources, 4 faults" in told
