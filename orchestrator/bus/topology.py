"""Kafka as code: which topics there have to be, and who may read and write what. Pure (ADR 24).

Everything follows from `schemas.topics`, the settings and the connected systems. Deny by default: a program may do
what stands here and nothing else. A system reads its own tasks and answers; it sees neither the tasks of another
system nor requests, and can publish none.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

import msgspec

from connectors.kafka.settings import KafkaSettings
from orchestrator.errors import UsageError
from schemas.topics import COMPLETIONS, DEAD_LETTERS, FIXED, REQUESTS, Topic, tasks_of

FILE_CONNECTORS: Final = frozenset({"events", "logs"})
"""They rewrite whole files: one worker at a time, hence one partition."""
ORCHESTRATOR: Final = "orchestrator"
MAX_MESSAGE_BYTES: Final = 1_048_588
"""Kafka's own default: 1 MiB and its framing. Above what our producers send, and no larger one gets in."""
_IN_EARNEST: Final = 3
"""From so many replicas on, two have to have a message before it counts as written."""
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,30}\Z")
_PRINCIPAL: Final = re.compile(r"User:[\x21-\x7e]*\{name\}[\x21-\x7e]*\Z")


class WantedTopic(msgspec.Struct, frozen=True):
    """One topic as it has to be.

    Attributes:
        single: More than one partition is wrong, not just different.
    """

    name: str
    partitions: int
    replication_factor: int
    configs: dict[str, str]
    single: bool = False


class Right(msgspec.Struct, frozen=True, order=True):
    """What one principal may do with one topic or group, from any host. Reading and writing include describing."""

    principal: str
    resource: Literal["group", "topic"]
    name: str
    operation: Literal["Read", "Write", "DescribeConfigs"]


class Topology(msgspec.Struct, frozen=True):
    """The wanted state.

    Attributes:
        rights: None where they are given elsewhere (``acls = false``).
        groups: Our consumer groups, whoever else might be let in.
        principals: Name of the program -> its principal.
        admins: Principals that may have more.
    """

    topics: tuple[WantedTopic, ...]
    rights: tuple[Right, ...] | None
    groups: tuple[str, ...]
    principals: dict[str, str]
    admins: tuple[str, ...] = ()


def wanted(settings: KafkaSettings, systems: Mapping[str, str]) -> Topology:
    """Derive the wanted state.

    Args:
        settings: ``[kafka]``.
        systems: Id of each connected system -> name of its connector.

    Raises:
        UsageError: settings that cannot be meant: two programs under one principal, no partitions, an unknown system.
    """
    _check(settings, systems)
    single = {name for name, connector in systems.items() if connector in FILE_CONNECTORS} | set(settings.one_partition)
    topics = [_topic(one, settings, single=False) for one in FIXED]
    topics += [_topic(tasks_of(name), settings, single=name in single) for name in sorted(systems)]
    names = dict.fromkeys((ORCHESTRATOR, *sorted(systems), *settings.publishers, *settings.readers))
    principals = {name: settings.principals.replace("{name}", name) for name in names}
    rights = tuple(sorted(set(_rights(settings, sorted(systems), principals))))
    return Topology(
        tuple(topics),
        rights if settings.acls else None,
        (
            settings.orchestrator_group,
            *(settings.system_group(name) for name in sorted(systems)),
            *(settings.reader_group(name) for name in settings.readers),
        ),
        principals,
        settings.admins,
    )


def configs_of(topic: Topic, replication_factor: int) -> dict[str, str]:
    """Give the configuration of a topic; all of it is set on the topic, so that no broker's default decides.

    The broker stamps the time: one message dated ahead by its publisher would keep its whole segment for ever.
    """
    return {
        "cleanup.policy": topic.cleanup_policy,
        "max.message.bytes": str(MAX_MESSAGE_BYTES),
        "message.timestamp.type": "LogAppendTime",
        "min.insync.replicas": "2" if replication_factor >= _IN_EARNEST else "1",
        "retention.bytes": "-1",
        "retention.ms": _ms(topic.retention),
        "segment.ms": _ms(topic.segment),
        "unclean.leader.election.enable": "false",
    }


def _ms(span: dt.timedelta) -> str:
    return str(span // dt.timedelta(milliseconds=1))


def _topic(topic: Topic, settings: KafkaSettings, *, single: bool) -> WantedTopic:
    factor = settings.replication_factor
    return WantedTopic(topic.name, 1 if single else settings.partitions, factor, configs_of(topic, factor), single)


def _rights(settings: KafkaSettings, systems: Sequence[str], principals: Mapping[str, str]) -> Iterable[Right]:
    ours = principals[ORCHESTRATOR]
    yield Right(ours, "group", settings.orchestrator_group, "Read")
    for topic in (*FIXED, *map(tasks_of, systems)):
        # Its own dead letters it reads again, to show them.
        if topic.producer != "orchestrator" or topic == DEAD_LETTERS:
            yield Right(ours, "topic", topic.name, "Read")
        if topic.producer == "orchestrator":
            yield Right(ours, "topic", topic.name, "Write")
        yield Right(ours, "topic", topic.name, "DescribeConfigs")
    for name in systems:
        yield Right(principals[name], "topic", tasks_of(name).name, "Read")
        yield Right(principals[name], "group", settings.system_group(name), "Read")
        for topic in FIXED:
            # What it could not read, a worker buries itself, sealed for the orchestrator.
            if topic.producer == "connector" or topic == DEAD_LETTERS:
                yield Right(principals[name], "topic", topic.name, "Write")
    for name in settings.publishers:
        yield Right(principals[name], "topic", REQUESTS.name, "Write")
    for name in settings.readers:
        yield Right(principals[name], "topic", COMPLETIONS.name, "Read")
        yield Right(principals[name], "group", settings.reader_group(name), "Read")


def _check(settings: KafkaSettings, systems: Mapping[str, str]) -> None:
    for setting in ("partitions", "replication_factor"):
        if getattr(settings, setting) < 1:
            raise _wrong(setting, "at least 1 is needed", f"{setting} = {3 if setting == 'replication_factor' else 6}")
    if not _PRINCIPAL.match(settings.principals):
        raise _wrong("principals", "not a pattern of principals", 'principals = "User:expunge-{name}"')
    for setting in ("publishers", "readers"):
        for name in getattr(settings, setting):
            if not _NAME.match(name):
                fix = "a lower-case letter, then lower-case letters, digits and dashes; at most 31 characters"
                raise _wrong(setting, "not the name of a program", fix)
            if name in systems or name == ORCHESTRATOR:
                # One principal for both could do what either may: a system could publish requests.
                raise _wrong(setting, f"{name!r} is a system too, and both would share one principal", "rename it")
    if ORCHESTRATOR in systems:
        raise UsageError(
            "a system named 'orchestrator' would share the orchestrator's principal",
            where="[systems.orchestrator]",
            fix="give the system another id",
        )
    for name in settings.one_partition:
        if name not in systems:
            raise _wrong("one_partition", f"no system {name!r} is connected", f"known: {', '.join(sorted(systems))}")


def _wrong(setting: str, what: str, fix: str) -> UsageError:
    return UsageError(f"[kafka] {setting}: {what}", where="expunge.toml", fix=fix)
