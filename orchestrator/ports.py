"""What the engine needs from outside, as small protocols. Adapters live in store, keys, files, runtime."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

import msgspec

from schemas.sealing import IntakePrivateKey, SharedKey

INTAKE_SOURCE: Final = "/intake"
"""CloudEvents source of what intake journals."""


class Clock(Protocol):
    """Where time comes from; the only one is ``runtime.clock``, tests bring their own."""

    def now(self) -> dt.datetime:
        """Give the current time, with zone UTC."""
        ...


class Chance(Protocol):
    """Where randomness comes from."""

    def __call__(self, count: int) -> bytes:
        """Give ``count`` random bytes fit for keys and nonces."""
        ...


class Signer(Protocol):
    """Signs completion records (Ed25519)."""

    kid: str

    def sign(self, data: bytes) -> bytes:
        """Give the 64-byte signature."""
        ...


class Keyring(Protocol):
    """All keys of an orchestrator. Keys of the store are others than keys of transport (decision 8).

    Attributes:
        store: 32 bytes; seals capsules at rest.
        subject: 32 bytes; recognises requests of the same person.
        log: 32 bytes; salts completion records.
    """

    store: bytes
    subject: bytes
    log: bytes
    intake: IntakePrivateKey

    @property
    def signer(self) -> Signer:
        """Give the key that signs records."""
        ...

    def refresh(self) -> None:
        """Take up what was rotated meanwhile. Called before every transaction; never raises."""
        ...

    def system(self, name: str) -> SharedKey:
        """Give the key shared with one system.

        Raises:
            UsageError: there is none; refuse to start.
        """
        ...


class JournalRow(msgspec.Struct):
    """One event as the journal keeps it. ``wire`` waits to be applied; ``body`` was."""

    source: str
    event_id: str
    request_id: str
    type: str
    observed_at: str
    payload_hash: bytes
    body: bytes | None
    wire: bytes | None
    verdict: str
    seq: int = 0


class OutboxRow(msgspec.Struct):
    """One task that waits for its confirmation."""

    task_id: str
    request_id: str
    system: str
    due_on: str
    lease_minutes: int
    body: bytes


class Position(msgspec.Struct, frozen=True):
    """Up to where one partition was consumed: ``next_offset`` is the first one that was not.

    ``topic_id`` is the broker's own id of the topic; one that was made anew under the same name has another.
    """

    topic: str
    partition: int
    next_offset: int
    topic_id: str = ""


class ParkedRow(msgspec.Struct):
    """An event that cannot be applied yet; it is tried again at ``retry_at``, and given up at ``until`` (None: never).

    ``sealed``: the original bytes, sealed with the store's key to ``request_id``.
    """

    event_id: str
    source: str
    payload_hash: bytes
    request_id: str
    type: str
    reason: str
    parked_at: str
    tries: int
    retry_at: str
    until: str | None
    sealed: bytes


class Released(msgspec.Struct, frozen=True):
    """A task that may be published: ``body`` is the event to the byte, however often it is."""

    task_id: str
    request_id: str
    system: str
    body: bytes


class Publication(msgspec.Struct, frozen=True):
    """A record, notice or dead letter that has to go out. ``body`` is the event to the byte, however often it is."""

    publication_id: str
    topic: str
    request_id: str
    body: bytes


class Transaction(Protocol):
    """Everything one batch may do; all of it is committed together, or nothing (decision 2).

    Any number of processes may share a store. What a *write* transaction reads through ``states``, ``waiting``,
    ``due`` and everything called ``take_...`` is its own until it ends: nobody else changes it meanwhile.
    """

    def savepoint(self) -> AbstractContextManager[None]:
        """Let the body be undone alone: an exception that leaves it takes back what it wrote, and nothing else."""
        ...

    def alone(self, name: str) -> bool:
        """Let only one transaction at a time do what ``name`` says; False if another one is at it: leave it to that."""
        ...

    def one_person(self, refs: Sequence[bytes]) -> None:
        """Wait until no other transaction decides about these people; they cannot be until this one ends."""
        ...

    def known(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
        """Give the payload hash of each (source, id) that was accepted before."""
        ...

    def journal(self, rows: Sequence[JournalRow]) -> None:
        """Append events."""
        ...

    def waiting(self, limit: int) -> list[JournalRow]:
        """Give accepted events that were not applied yet, oldest first; none that another transaction works on."""
        ...

    def take_waiting(self, rows: Sequence[JournalRow]) -> None:
        """Take waiting events out; they are journaled anew, in the order in which they are applied."""
        ...

    def history(self, request_id: str) -> list[JournalRow]:
        """Give every event of one request in order."""
        ...

    def states(self, request_ids: Iterable[str]) -> dict[str, bytes]:
        """Give the stored state of each request that exists; waits for transactions that change one of them."""
        ...

    def all_states(self) -> Generator[tuple[str, bytes]]:
        """Give (request id, stored state) of every request, one after the other."""
        ...

    def save_states(self, rows: Sequence[dict[str, Any]]) -> None:
        """Insert request rows, or replace those that this transaction has read or written before.

        Raises:
            ConflictError: one that was taken for new is there: another transaction was first.
        """
        ...

    def due(self, now: str, limit: int) -> list[str]:
        """Give requests whose timer is due, earliest first; none that another transaction works on."""
        ...

    def next_timer(self) -> str | None:
        """When the earliest timer of all is due."""
        ...

    def capsules(self, request_ids: Iterable[str]) -> dict[str, bytes]:
        """Give the sealed capsule of each request that still has one."""
        ...

    def save_capsules(self, sealed: dict[str, bytes]) -> None:
        """Insert or replace capsules."""
        ...

    def forget(self, request_ids: Sequence[str]) -> None:
        """Destroy capsules and everything that recognises the person, the keyed digest of the form included."""
        ...

    def add_subjects(self, rows: Sequence[dict[str, Any]]) -> None:
        """Note which request is of which subject (by keyed digest)."""
        ...

    def same_subject(self, refs: Sequence[bytes]) -> list[tuple[bytes, str, str]]:
        """Give (subject_ref, request_id, right) of open requests that share a subject."""
        ...

    def add_waits(self, rows: Sequence[dict[str, str]]) -> None:
        """Note who waits for whom."""
        ...

    def take_waits(self, others: Sequence[str]) -> list[tuple[str, str]]:
        """Give and remove (other, request_id) of those who waited for these."""
        ...

    def outbox_add(self, rows: Sequence[OutboxRow]) -> None:
        """Make tasks durable, before anything acts on them (I2)."""
        ...

    def outbox_remove(self, task_ids: Sequence[str]) -> None:
        """Drop tasks that are not awaited any more."""
        ...

    def packages(self) -> set[str]:
        """Give the names of all access packages that still live."""
        ...

    def open_states(self, right: str) -> Iterator[tuple[str, bytes]]:
        """Give (request id, state) of every request of this right that is not closed, one after the other."""
        ...

    def outbox_next(self, system: str, limit: int) -> list[OutboxRow]:
        """Give the next tasks of a system in order of deadline."""
        ...

    def outbox_in_flight(self, system: str) -> int:
        """Count the tasks of a system that were released and not answered."""
        ...

    def outbox_free(self, system: str, limit: int) -> list[OutboxRow]:
        """Give the next tasks of a system that were not released, in order of deadline."""
        ...

    def outbox_released(self, now: str, bodies: dict[str, bytes]) -> None:
        """Note that tasks were given to the relay, and their final bytes."""
        ...

    def outbox_published(self, now: str, task_ids: Sequence[str]) -> None:
        """Note that the broker has these tasks."""
        ...

    def take_unpublished(self, now: str, before: str, limit: int) -> list[Released]:
        """Take tasks that were released, and last taken before ``before``, and never marked as published."""
        ...

    def quarantine(self, task_id: str, reason: str) -> OutboxRow | None:
        """Keep a task from being released; None if nobody awaits it any more."""
        ...

    def publish(self, rows: Sequence[Publication]) -> None:
        """Make what has to go out durable."""
        ...

    def take_publications(self, now: str, before: str, limit: int) -> list[Publication]:
        """Take what has to go out and was not taken since ``before``."""
        ...

    def publication(self, publication_id: str) -> Publication | None:
        """Give one."""
        ...

    def publications_remove(self, publication_ids: Sequence[str]) -> None:
        """Drop what the broker has."""
        ...

    def park(self, rows: Sequence[ParkedRow]) -> None:
        """Keep events that cannot be applied yet; one that is kept already stays as it is."""
        ...

    def take_parked(self, now: str, limit: int) -> list[ParkedRow]:
        """Take out events whose time to be tried again has come, earliest first."""
        ...

    def parked(self) -> dict[str, int]:
        """Count what is parked, by reason."""
        ...

    def positions(self, group: str) -> list[Position]:
        """Give what was consumed by a consumer group."""
        ...

    def save_positions(self, group: str, positions: Sequence[Position]) -> None:
        """Note what was consumed; a position never goes back, unless the topic is another one."""
        ...

    def put_positions(self, group: str, positions: Sequence[Position]) -> None:
        """Replace all positions of a group (``expunge store recover``)."""
        ...

    def add_records(self, rows: Sequence[dict[str, Any]]) -> None:
        """Store signed records."""
        ...

    def add_notices(self, rows: Sequence[dict[str, Any]]) -> None:
        """Store notices."""
        ...

    def add_suppressions(self, rows: Sequence[dict[str, Any]]) -> None:
        """Note what a completed erasure suppresses."""
        ...

    def drop_suppressions(self, request_ids: Sequence[str], today: str) -> None:
        """Remove what these requests suppress no longer: what lived until ``today`` (ISO date) or less."""
        ...

    def replace_obligations(self, request_ids: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
        """Bring the list of obligations of these requests up to their states."""
        ...

    def add_dead_letters(self, rows: Sequence[dict[str, Any]]) -> list[int]:
        """Keep what could not be applied; gives their numbers."""
        ...

    def save_plan(self, digest: str, body: bytes) -> None:
        """Keep a plan under its digest."""
        ...

    def plan(self, digest: str) -> bytes | None:
        """Give a plan."""
        ...


class Store(Protocol):
    """The store: the authority on everything that happened."""

    def write(self) -> AbstractContextManager[Transaction]:
        """Open a write transaction; commits at the end, rolls back on any exception."""
        ...

    def read(self) -> AbstractContextManager[Transaction]:
        """Open a read transaction; never blocks a writer."""
        ...

    def scrub(self) -> bool:
        """Wipe what was deleted from wherever the store keeps older bytes; False if that has to wait."""
        ...


class Message(msgspec.Struct, frozen=True):
    """One message of a topic; it carries one event, or a batch of them (``schemas.batches``)."""

    topic: str
    partition: int
    offset: int
    value: bytes


class Outgoing(msgspec.Struct, frozen=True):
    """One event for a topic. ``event_id`` is what the sender tells it by; the bus never reads the body."""

    event_id: str
    topic: str
    body: bytes


class Sent(msgspec.Struct):
    """What became of events.

    Attributes:
        acknowledged: Ids that every replica in sync has.
        refused: Ids that no later try will bring through, and why: too large.
        waiting: Ids that a later try may bring through, and why: topic missing, broker away.
    """

    acknowledged: list[str] = []
    refused: dict[str, str] = {}
    waiting: dict[str, str] = {}


Handle = Callable[[Sequence[Message]], None]
"""Called on one thread at a time, with messages in the order of their partitions."""


class Consumer(Protocol):
    """Reads topics as a member of a group, at least once."""

    def run(self, handle: Handle, stop: threading.Event) -> None:
        """Read until ``stop`` is set; what is being handled then is finished first, and the group is left.

        Messages are acknowledged only after ``handle`` has returned. The positions of the store are the authority:
        reading begins there, wherever the group's committed offset is.

        Raises:
            Exception: whatever ``handle`` raised. Nothing of that call is acknowledged; the process ends, and
                another one reads the same messages again.
        """
        ...


class Producer(Protocol):
    """Publishes events."""

    def publish(self, events: Sequence[Outgoing]) -> Sent:
        """Publish, in batches; returns when every event is acknowledged or known not to be.

        It never raises for what one event or one topic is to blame for. An event may be published twice.

        Raises:
            MisconfiguredError: credentials or rights are wrong.
        """
        ...

    def close(self) -> None:
        """Release everything."""
        ...
