"""The wanted state, and what is missing of it, as commands of Kafka's own tools for an administrator. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from connectors.kafka.settings import KafkaSettings
from orchestrator.bus.drift import Acl, Difference
from orchestrator.bus.topology import Right, Topology, WantedTopic

ADMIN_FILE = "admin.properties"
"""How the administrator logs in; written by him, hence a name only."""


class Commands:
    """Writes command lines for one cluster."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._at = ["--bootstrap-server", ",".join(settings.bootstrap_servers) or "HOST:9092"]
        if settings.security_protocol != "PLAINTEXT":
            self._at += ["--command-config", ADMIN_FILE]

    def topics(self, topology: Topology) -> list[str]:
        """Create every topic that is not there."""
        return [self._create(one) for one in topology.topics]

    def rights(self, rights: Iterable[Right]) -> list[str]:
        """Give every right; a right that is there already stays as it is."""
        together: dict[tuple[str, str, str], list[str]] = {}
        for one in rights:
            together.setdefault((one.principal, one.resource, one.name), []).append(one.operation)
        return [
            self._line("kafka-acls.sh", "--add", "--allow-principal", principal, *_operations(operations),
                       f"--{resource}", name)
            for (principal, resource, name), operations in together.items()
        ]  # fmt: skip

    def mending(self, found: Sequence[Difference], topology: Topology) -> list[str]:
        """Give the commands that mend what Kafka's tools can mend without loss; then those that take rights away."""
        topics = {one.name: one for one in topology.topics}
        kinds = {kind: [one for one in found if one.kind == kind] for kind in sorted({one.kind for one in found})}
        lines = [self._create(topics[one.where]) for one in kinds.get("topic-missing", ())]
        lines += [
            self._line("kafka-topics.sh", "--alter", "--topic", one.where, "--partitions", one.want)
            for one in kinds.get("partitions-few", ())
        ]
        configs: dict[str, list[str]] = {}
        for one in kinds.get("config", ()):
            configs.setdefault(one.where, []).append(f"{one.what}={one.want}")
        for name, values in configs.items():
            entity = ("--entity-type", "topics", "--entity-name", name)
            lines.append(self._line("kafka-configs.sh", "--alter", *entity, "--add-config", ",".join(values)))
        lines += self.rights(one.right for one in kinds.get("right-missing", ()) if one.right is not None)
        taken = dict.fromkeys(
            one.acl for kind in ("right-denied", "right-extra") for one in kinds.get(kind, ()) if one.acl is not None
        )
        return lines + [self._remove(one) for one in taken]

    def _create(self, one: WantedTopic) -> str:
        configs = [part for name, value in one.configs.items() for part in ("--config", f"{name}={value}")]
        return self._line(
            "kafka-topics.sh", "--create", "--if-not-exists", "--topic", one.name, "--partitions", str(one.partitions),
            "--replication-factor", str(one.replication_factor), *configs,
        )  # fmt: skip

    def _remove(self, acl: Acl) -> str:
        kind = acl.permission.lower()
        resource = {"Cluster": ["--cluster"], "TransactionalId": ["--transactional-id", acl.name]}.get(
            acl.resource, [f"--{acl.resource.lower()}", acl.name]
        )
        return self._line(
            "kafka-acls.sh", "--remove", "--force", f"--{kind}-principal", acl.principal, f"--{kind}-host", acl.host,
            "--operation", acl.operation, *resource, "--resource-pattern-type", acl.pattern.lower(),
        )  # fmt: skip

    def _line(self, tool: str, *arguments: str) -> str:
        return shlex.join([tool, *self._at, *arguments])


def _operations(operations: Iterable[str]) -> list[str]:
    return [part for one in operations for part in ("--operation", one)]
