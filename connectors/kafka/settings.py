"""Settings of a Kafka cluster, as they stand under ``[kafka]`` of ``expunge.toml``; passwords by environment only."""

from __future__ import annotations

from typing import Literal

import msgspec


class KafkaSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the brokers are, and how to prove to them who we are.

    Attributes:
        bootstrap_servers: ``host:port`` of at least one broker; empty where there is no Kafka.
        security_protocol: With ``SASL_*``, user name and password come from the two environment variables named.
        ca_file: PEM file of the authority that signed the brokers' certificates; the system's by default.
        certificate_file: PEM file of our own certificate, for mutual TLS, with ``key_file``.
        prefix: Of the names of consumer groups and transactional ids; topics are always ``expunge.*``.
        partitions: Of topics that are created; a system that works on files has one task partition.
        replication_factor: Of topics that are created; 3 in earnest.
        request_timeout_ms: How long one call may take.
        session_timeout_ms: After how long of silence a worker's partitions go to another.
        in_flight: Most tasks of one system that are out and not answered; the others wait in the store.
        acls: Whether `expunge kafka` looks after rights; false where they are given elsewhere.
        principals: Principal of each program, with ``{name}``: a system, ``orchestrator``, a publisher, a reader.
        publishers: Names of the programs that may publish requests.
        readers: Names of the programs that may read completions; a publisher may be one.
        admins: Principals whose rights are wide on purpose (operators, backups); they are no finding.
        one_partition: Systems beside those of ``events`` and ``logs`` whose tasks one worker at a time may do.
    """

    bootstrap_servers: tuple[str, ...] = ()
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    username_env: str = "EXPUNGE_KAFKA_USERNAME"
    password_env: str = "EXPUNGE_KAFKA_PASSWORD"  # noqa: S105 - the name of a variable, not a password
    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    prefix: str = "expunge"
    partitions: int = 6
    replication_factor: int = 1
    request_timeout_ms: int = 30_000
    session_timeout_ms: int = 10_000
    in_flight: int = 1_000
    acls: bool = True
    principals: str = "User:expunge-{name}"
    publishers: tuple[str, ...] = ("publisher",)
    readers: tuple[str, ...] = ()
    admins: tuple[str, ...] = ()
    one_partition: tuple[str, ...] = ()

    @property
    def orchestrator_group(self) -> str:
        """The consumer group of all orchestrators."""
        return f"{self.prefix}.orchestrator"

    def system_group(self, system: str) -> str:
        """Give the consumer group of the workers of one system; no id of a system makes it another group."""
        return f"{self.prefix}.systems.{system}"

    def reader_group(self, name: str) -> str:
        """Give the consumer group of a program that reads completions."""
        return f"{self.prefix}.readers.{name}"
