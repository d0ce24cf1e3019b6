"""Reads the real topics and rights of a cluster, and makes what is missing; kafka-python's admin client.

What we are not allowed to see or to do is an answer and no failure: it is said, and an administrator gets the commands.
kafka-python's results tell errors by code per resource; the calls here never let it raise for one of many.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from connectors.errors import MisconfiguredError
from connectors.kafka.client import client_options, friendly
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.tls import explained
from orchestrator.bus.drift import Acl, Cluster, Difference, RealTopic
from orchestrator.bus.topology import Right, Topology
from schemas.topics import FIXED

if TYPE_CHECKING:
    from kafka.admin import KafkaAdminClient

PREFIX: Final = FIXED[0].name.partition(".")[0] + "."
_UNKNOWN_TOPIC: Final = 3
_CLASS: Final = re.compile(r"\w+Error\b")


class KafkaAdmin:
    """One connection of an administrator, or of whoever looks."""

    def __init__(self, client: KafkaAdminClient) -> None:
        self._client = client

    def look(self, topology: Topology) -> Cluster:
        """Read everything that the comparison needs.

        Raises:
            UnavailableError: no broker answers.
        """
        names = {one.name for one in topology.topics}
        with friendly("the list of topics"):
            names |= {name for name in self._client.list_topics() if name.startswith(PREFIX)}
            described = self._client.describe_topics(sorted(names))
        there = {one["name"]: one for one in described if one["error_code"] == 0}
        unseen = tuple(sorted(one["name"] for one in described if one["error_code"] not in {0, _UNKNOWN_TOPIC}))
        topics = {name: _real(one, self._configs(name)) for name, one in sorted(there.items())}
        acls, why = self._acls() if topology.rights is not None else ((), "")
        return Cluster(topics, unseen, acls, why)  # type: ignore[arg-type]  # one of the words of `why`

    def apply(self, found: Sequence[Difference], topology: Topology) -> dict[str, str]:
        """Make what is missing. What is there already is fine, so that this can be repeated, and run twice at once.

        Returns:
            Where -> class of the broker's error, for what could not be done.

        Raises:
            UnavailableError: no broker answers.
        """
        of = {kind: [one for one in found if one.kind == kind] for kind in {one.kind for one in found}}
        topics = {one.name: one for one in topology.topics}
        failed: dict[str, str] = {}
        for one in of.get("topic-missing", ()):
            with _noting(failed, one.where):
                topic = topics[one.where]
                self._client.create_topics(
                    {
                        topic.name: {
                            "num_partitions": topic.partitions,
                            "replication_factor": topic.replication_factor,
                            "configs": topic.configs,
                        }
                    },
                    wait_for_metadata=True,
                )
        for one in of.get("partitions-few", ()):
            with _noting(failed, one.where):
                self._client.create_partitions({one.where: int(one.want)})
        configs: dict[str, dict[str, str]] = {}
        for one in of.get("config", ()):
            configs.setdefault(one.where, {})[one.what] = one.want
        for name, values in configs.items():
            self._alter(failed, name, values)
        failed |= self._give([one.right for one in of.get("right-missing", ()) if one.right is not None])
        return failed

    def _configs(self, name: str) -> dict[str, str] | None:
        from kafka.admin import ConfigResource, ConfigResourceType

        with friendly(f"the configuration of {name}"):
            found = self._client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)], config_filter="all")
        # kafka-python 3.0.12 overlooks the error code here: what may not be seen comes back as nothing.
        configs = found.get("topic", {}).get(name)
        return {key: str(one["value"]) for key, one in configs.items()} if configs else None

    def _acls(self) -> tuple[tuple[Acl, ...] | None, str]:
        from kafka import admin
        from kafka.errors import AuthorizationError, SecurityDisabledError

        pattern = admin.ResourcePatternFilter(admin.ResourceType.ANY, None, admin.ACLResourcePatternType.ANY)
        wanted = admin.ACLFilter(None, None, admin.ACLOperation.ANY, admin.ACLPermissionType.ANY, pattern)
        with friendly("the list of rights"):
            try:
                found, _ = self._client.describe_acls(wanted)
            except SecurityDisabledError:
                return None, "no-authorizer"
            except AuthorizationError:
                return None, "not-allowed"
        return tuple(sorted(_read(one) for one in found)), ""

    def _alter(self, failed: dict[str, str], name: str, values: dict[str, str]) -> None:
        from kafka.admin import ConfigResource, ConfigResourceType

        resource = ConfigResource(ConfigResourceType.TOPIC, name, values)
        with friendly(f"the configuration of {name}"):
            said = self._client.alter_configs([resource], raise_on_unknown=False)["topic"][name]
        if said != "OK":
            # A text here, no exception: "[Error 29] TopicAuthorizationFailedError: ...".
            known = _CLASS.search(said)
            failed[name] = known[0] if known else "refused"

    def _give(self, rights: Sequence[Right]) -> dict[str, str]:
        from kafka import admin

        failed: dict[str, str] = {}
        for one in rights:
            resource = admin.ResourcePattern(
                {"topic": admin.ResourceType.TOPIC, "group": admin.ResourceType.GROUP}[one.resource], one.name
            )
            operation = admin.ACLOperation[_upper(one.operation)]
            acl = admin.ACL(one.principal, "*", operation, admin.ACLPermissionType.ALLOW, resource)
            where = f"{one.resource} {one.name}"
            with _noting(failed, where):
                for error in self._client.create_acls([acl])["failed"]:
                    raise error
        return failed


@contextlib.contextmanager
def connected(settings: KafkaSettings) -> Iterator[KafkaAdmin]:
    """Connect.

    Raises:
        UnavailableError: no broker answers. MisconfiguredError: they do not let us in.
    """
    from kafka.admin import KafkaAdminClient

    with explained(settings), friendly():
        client = KafkaAdminClient(**client_options(settings))
    try:
        yield KafkaAdmin(client)
    finally:
        with contextlib.suppress(Exception):
            client.close()


@contextlib.contextmanager
def _noting(failed: dict[str, str], where: str) -> Iterator[None]:
    """Go on with the others where one thing may not, or cannot, be made; stop where no broker answers."""
    from kafka.errors import BrokerResponseError, TopicAlreadyExistsError

    try:
        with friendly(where):
            try:
                yield
            except TopicAlreadyExistsError:
                pass
            except BrokerResponseError as error:
                if error.retriable:
                    raise
                failed[where] = type(error).__name__
    except MisconfiguredError as error:
        failed[where] = error.message


def _real(described: dict[str, Any], configs: dict[str, str] | None) -> RealTopic:
    partitions = described["partitions"]
    replicas = min((len(one["replica_nodes"]) for one in partitions), default=0)
    return RealTopic(described["name"], len(partitions), replicas, configs)


def _read(acl: Any) -> Acl:
    pattern = acl.resource_pattern
    return Acl(
        acl.principal, acl.host, _camel(acl.operation.name), _camel(acl.permission_type.name),
        _camel(pattern.resource_type.name), pattern.resource_name, _camel(pattern.pattern_type.name),
    )  # fmt: skip


def _camel(name: str) -> str:
    return name.title().replace("_", "")


def _upper(name: str) -> str:
    return "".join(f"_{one}" if one.isupper() and place else one for place, one in enumerate(name)).upper()
