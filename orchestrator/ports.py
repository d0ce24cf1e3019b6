"""What the engine needs from outside, as small protocols. Adapters live in store, keys, files, runtime."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
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


class Transaction(Protocol):
    """Everything one batch may do; all of it is committed together, or nothing (decision 2)."""

    def known(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
        """Give the payload hash of each (source, id) that was accepted before."""
        ...

    def journal(self, rows: Sequence[JournalRow]) -> None:
        """Append events."""
        ...

    def waiting(self, limit: int) -> list[JournalRow]:
        """Give accepted events that were not applied yet, oldest first."""
        ...

    def take_waiting(self, rows: Sequence[JournalRow]) -> None:
        """Take waiting events out; they are journaled anew, in the order in which they are applied."""
        ...

    def history(self, request_id: str) -> list[JournalRow]:
        """Give every event of one request in order."""
        ...

    def states(self, request_ids: Iterable[str]) -> dict[str, bytes]:
        """Give the stored state of each request that exists."""
        ...

    def all_states(self) -> Iterator[tuple[str, bytes]]:
        """Give (request id, stored state) of every request, one after the other."""
        ...

    def save_states(self, rows: Sequence[dict[str, Any]]) -> None:
        """Insert or replace request rows."""
        ...

    def due(self, now: str, limit: int) -> list[str]:
        """Give requests whose timer is due, earliest first."""
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

    def open_states(self, right: str) -> Iterator[bytes]:
        """Give the state of every request of this right that is not closed, one after the other."""
        ...

    def outbox_next(self, system: str, limit: int) -> list[OutboxRow]:
        """Give the next tasks of a system in order of deadline."""
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

    def add_dead_letters(self, rows: Sequence[dict[str, Any]]) -> None:
        """Keep what could not be applied."""
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
