"""The wanted state as resources of Strimzi, the Kafka operator for Kubernetes. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from orchestrator.bus.topology import Topology
from orchestrator.errors import UsageError

API: Final = "kafka.strimzi.io/v1"
_USER: Final = re.compile(r"User:(CN=)?([a-z0-9]([a-z0-9.-]*[a-z0-9])?)\Z")


def resources(topology: Topology, cluster: str) -> list[dict[str, Any]]:
    """Give one KafkaTopic a topic and one KafkaUser a principal.

    Args:
        topology: What is wanted.
        cluster: Name of the Kafka resource of Strimzi.

    Raises:
        UsageError: principals that Strimzi cannot make; it knows ``User:<name>`` (SCRAM) and ``User:CN=<name>`` (TLS).
    """
    labels = {"strimzi.io/cluster": cluster}
    found: list[dict[str, Any]] = [
        {
            "apiVersion": API,
            "kind": "KafkaTopic",
            "metadata": {"name": one.name, "labels": labels},
            "spec": {
                "topicName": one.name,
                "partitions": one.partitions,
                "replicas": one.replication_factor,
                "config": {name: _typed(value) for name, value in one.configs.items()},
            },
        }
        for one in topology.topics
    ]
    for principal in topology.principals.values():
        match = _USER.match(principal)
        if match is None:
            fix = 'principals = "User:expunge-{name}" for SCRAM, "User:CN=expunge-{name}" for TLS'
            raise UsageError("Strimzi cannot make this principal", where="[kafka] principals", why=principal, fix=fix)
        acls = [
            {
                "type": "allow",
                "resource": {"type": resource, "name": name, "patternType": "literal"},
                "operations": operations,
                "host": "*",
            }
            for (resource, name), operations in _of(principal, topology).items()
        ]
        spec: dict[str, Any] = {"authentication": {"type": "tls" if match[1] else "scram-sha-512"}}
        if topology.rights is not None:
            spec["authorization"] = {"type": "simple", "acls": acls}
        found.append(
            {"apiVersion": API, "kind": "KafkaUser", "metadata": {"name": match[2], "labels": labels}, "spec": spec}
        )
    return found


def yaml(documents: list[dict[str, Any]]) -> str:
    """Write YAML: blocks for what holds something, JSON for what is one value, which every reader of YAML takes."""
    return "".join("---\n" + _block(one, 0) for one in documents)


def _of(principal: str, topology: Topology) -> dict[tuple[str, str], list[str]]:
    together: dict[tuple[str, str], list[str]] = {}
    for one in topology.rights or ():
        if one.principal == principal:
            together.setdefault((one.resource, one.name), []).append(one.operation)
    return together


def _typed(value: str) -> int | bool | str:
    if value in {"true", "false"}:
        return value == "true"
    return int(value) if re.fullmatch(r"-?\d+", value) else value


def _block(value: Mapping[str, Any], depth: int) -> str:
    text = ""
    for name, one in value.items():
        head = "  " * depth + f"{name}:"
        if isinstance(one, dict):
            text += f"{head}\n{_block(one, depth + 1)}"
        elif isinstance(one, list) and one and isinstance(one[0], dict):
            items = (_block(each, depth + 2) for each in one)
            marked = ("  " * (depth + 1) + "- " + each[2 * (depth + 2) :] for each in items)
            text += f"{head}\n{''.join(marked)}"
        else:
            text += f"{head} {json.dumps(one)}\n"
    return text
