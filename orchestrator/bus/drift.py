"""How far the real cluster is from the wanted state. Pure; what could not be seen is a difference too (fail closed).

Nothing here ever asks for a topic, a partition or a right to be taken away: that is said, with the command, and left to
a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Literal

import msgspec

from orchestrator.bus.topology import Right, Topology, WantedTopic

Kind = Literal[
    "topic-missing",
    "topic-unseen",
    "topic-unused",
    "partitions-few",
    "partitions-many",
    "replication",
    "config",
    "config-unseen",
    "right-missing",
    "right-extra",
    "right-denied",
    "rights-unseen",
    "no-authorizer",
]
MENDED_BY_APPLY: Final[frozenset[Kind]] = frozenset({"topic-missing", "partitions-few", "config", "right-missing"})
_NOTES: Final[frozenset[Kind]] = frozenset({"topic-unused"})
_HARMLESS: Final = frozenset({"Describe", "DescribeConfigs"})
"""Operations that show no message and change nothing."""
_INCLUDED: Final = {
    "Read": frozenset({"Read", "All"}),
    "Write": frozenset({"Write", "All"}),
    "DescribeConfigs": frozenset({"DescribeConfigs", "AlterConfigs", "All"}),
}
_NEEDS: Final = {"Read": {"Read", "Describe", "All"}, "Write": {"Write", "Describe", "All"}}
_EVERYBODY: Final = "User:*"
_ANY: Final = "*"


class RealTopic(msgspec.Struct, frozen=True):
    """One topic as it is. ``configs`` is None where it may not be seen."""

    name: str
    partitions: int
    replication_factor: int
    configs: dict[str, str] | None


class Acl(msgspec.Struct, frozen=True, order=True):
    """One access rule of the cluster, in Kafka's own words (``Topic``, ``Literal``, ``Allow``)."""

    principal: str
    host: str
    operation: str
    permission: str
    resource: str
    name: str
    pattern: str


class Cluster(msgspec.Struct, frozen=True):
    """The real state.

    Attributes:
        topics: All topics in ``expunge.*`` that can be seen.
        unseen: Topics that are there, or may be, and that we are not allowed to describe.
        acls: None where they cannot be seen; ``why`` says why.
    """

    topics: dict[str, RealTopic]
    unseen: tuple[str, ...]
    acls: tuple[Acl, ...] | None
    why: Literal["", "no-authorizer", "not-allowed"] = ""


class Difference(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is not as it has to be.

    Attributes:
        note: True: said, and fine.
        right: For ``right-missing``.
        acl: For ``right-extra`` and ``right-denied``.
    """

    kind: Kind
    where: str
    what: str
    have: str = ""
    want: str = ""
    fix: str = ""
    note: bool = False
    right: Right | None = None
    acl: Acl | None = None

    @property
    def mended_by_apply(self) -> bool:
        """Tell whether `expunge kafka apply` mends it."""
        return self.kind in MENDED_BY_APPLY


def differences(topology: Topology, cluster: Cluster) -> list[Difference]:
    """Compare. Empty, or notes only, when everything fits."""
    found: list[Difference] = []
    for one in topology.topics:
        found += _topic(one, cluster)
    wanted = {one.name for one in topology.topics}
    for name in sorted(cluster.topics.keys() - wanted):
        fix = "delete it by hand once nobody needs it"
        found.append(Difference("topic-unused", name, "of no connected system", fix=fix, note=True))
    if topology.rights is not None:
        found += _rights(topology, topology.rights, cluster)
    return found


def fits(found: Iterable[Difference]) -> bool:
    """Tell whether only notes are left."""
    return all(one.note for one in found)


def _topic(one: WantedTopic, cluster: Cluster) -> Iterator[Difference]:
    real = cluster.topics.get(one.name)
    if one.name in cluster.unseen:
        fix = "run it as a principal that may describe it"
        yield Difference("topic-unseen", one.name, "we may not see this topic", fix=fix)
        return
    if real is None:
        want = f"{one.partitions} partitions, {one.replication_factor} replicas"
        yield Difference("topic-missing", one.name, "there is no such topic", "", want)
        return
    yield from _partitions(one, real)
    if real.replication_factor < one.replication_factor:
        have, want = str(real.replication_factor), str(one.replication_factor)
        fix = "add brokers if there are too few, then kafka-reassign-partitions.sh"
        yield Difference("replication", one.name, "too few replicas", have, want, fix)
    if real.configs is None:
        fix = "give the right DescribeConfigs on it"
        yield Difference("config-unseen", one.name, "we may not see its configuration", fix=fix)
        return
    for name, want in one.configs.items():
        have = real.configs.get(name, "")
        if have != want:
            yield Difference("config", one.name, name, have, want)


def _partitions(one: WantedTopic, real: RealTopic) -> Iterator[Difference]:
    have, want = str(real.partitions), str(one.partitions)
    if real.partitions < one.partitions:
        yield Difference("partitions-few", one.name, "too few partitions", have, want)
    elif real.partitions > one.partitions:
        # Kafka takes no partition away. Where order and number do not matter (decision 3), more of them are fine.
        what = "two workers could rewrite the same files at once" if one.single else "more partitions than configured"
        fix = "stop its workers, wait until it is read, delete the topic, `expunge kafka apply`" if one.single else ""
        yield Difference("partitions-many", one.name, what, have, want, fix, note=not one.single)


def _rights(topology: Topology, rights: tuple[Right, ...], cluster: Cluster) -> Iterator[Difference]:
    if cluster.acls is None:
        if cluster.why == "no-authorizer":
            fix = "set authorizer.class.name on the brokers; acls = false in [kafka] if rights are given elsewhere"
            what = "the brokers have no authorizer: everybody may read and publish everything"
            yield Difference("no-authorizer", "cluster", what, fix=fix)
        else:
            fix = "run it as a principal that may Describe the cluster"
            yield Difference("rights-unseen", "cluster", "we may not see who may do what", fix=fix)
        return
    for right in rights:
        if not any(_gives(acl, right) for acl in cluster.acls):
            what = f"{right.principal} may not {right.operation}"
            yield Difference("right-missing", f"{right.resource} {right.name}", what, right=right)
        for acl in cluster.acls:
            if _takes(acl, right):
                what = f"{acl.principal} is denied {acl.operation}"
                yield Difference("right-denied", _place(acl), what, fix="take the denial away", acl=acl)
    for acl in sorted(set(cluster.acls)):
        if (more := _widens(acl, topology, rights)) is not None:
            yield Difference("right-extra", _place(acl), more, fix="take the right away, or name it in admins", acl=acl)


def _place(acl: Acl) -> str:
    prefixed = " (prefix)" if acl.pattern == "Prefixed" else ""
    return f"{acl.resource.lower()} {acl.name}{prefixed}"


def _covers(acl: Acl, resource: str, name: str) -> bool:
    if acl.resource.lower() != resource:
        return False
    return name.startswith(acl.name) if acl.pattern == "Prefixed" else acl.name in {name, _ANY}


def _gives(acl: Acl, right: Right) -> bool:
    return (
        acl.permission == "Allow"
        and acl.host == _ANY
        and acl.principal == right.principal
        and acl.operation in _INCLUDED[right.operation]
        and _covers(acl, right.resource, right.name)
    )


def _takes(acl: Acl, right: Right) -> bool:
    return (
        acl.permission == "Deny"
        and acl.principal in {right.principal, _EVERYBODY}
        and acl.operation in _NEEDS.get(right.operation, {"DescribeConfigs", "All"})
        and _covers(acl, right.resource, right.name)
    )


def _widens(acl: Acl, topology: Topology, rights: tuple[Right, ...]) -> str | None:
    """Say what a rule lets somebody do beyond what is wanted; None if nothing."""
    if acl.permission != "Allow" or acl.operation in _HARMLESS or acl.principal in topology.admins:
        return None
    what = f"{acl.principal} may {acl.operation}"
    if acl.resource == "Cluster":
        return f"{what} on the cluster" if acl.operation in _CLUSTER or _is_ours(acl, topology) else None
    if acl.pattern == "Literal" and acl.name != _ANY and _wanted(acl, rights):
        return None
    if _is_ours(acl, topology):
        return f"{what}, which is more than it needs"
    reached = [name for resource, name in _ours(topology) if _covers(acl, resource, name)]
    return f"{what} {'it' if len(reached) == 1 else f'{len(reached)} of ours'}" if reached else None


_CLUSTER: Final = frozenset({"All", "Alter", "ClusterAction"})
"""Whoever may this can give himself any right, or copy every topic as a broker does."""


def _wanted(acl: Acl, rights: tuple[Right, ...]) -> bool:
    return any(
        (acl.principal, acl.resource.lower(), acl.name, acl.operation)
        == (one.principal, one.resource, one.name, one.operation)
        for one in rights
    )


def _is_ours(acl: Acl, topology: Topology) -> bool:
    return acl.principal in topology.principals.values()


def _ours(topology: Topology) -> Iterator[tuple[str, str]]:
    for one in topology.topics:
        yield "topic", one.name
    for name in topology.groups:
        yield "group", name
