"""The store: transactions, each of which may do everything that one batch does."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from orchestrator.ports.holds import HoldRegistry
from orchestrator.ports.incidents import IncidentRegistry
from orchestrator.ports.ledger import LedgerBook
from orchestrator.ports.links import LinkBook
from orchestrator.ports.mails import MailRegistry
from orchestrator.ports.retired import RetiredBook
from orchestrator.ports.rows import JournalRow, OutboxRow, ParkedRow, Position, Publication, Released
from orchestrator.ports.sweeps import SweepBook


class Transaction(HoldRegistry, MailRegistry, IncidentRegistry, LedgerBook, LinkBook, SweepBook, RetiredBook, Protocol):
    """Everything one batch may do; all of it is committed together, or nothing (decision 2).

    Any number of processes may share a store. What a *write* transaction reads through ``states``, ``waiting``,
    ``due`` and everything called ``take_...`` is its own until it ends: nobody else changes it meanwhile.
    """

    def together(self) -> AbstractContextManager[None]:
        """Let what the body writes travel without waiting for each answer.

        Nothing is read in the body. What fails is raised at its end, at the latest.
        """
        ...

    def savepoint(self) -> AbstractContextManager[None]:
        """Let the body be undone alone: an exception that leaves it takes back what it wrote, and nothing else."""
        ...

    def alone(self, name: str) -> bool:
        """Let only one transaction at a time do what ``name`` says; False if another one is at it: leave it to that."""
        ...

    def alone_of(self, names: Sequence[str]) -> list[str]:
        """As ``alone`` for several names at once; gives those that are ours, in their order."""
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

    def claimed(self, commitments: Sequence[str]) -> list[tuple[str, str]]:
        """Give (commitment, request id) of the requests that were begun and whose receipts open these."""
        ...

    def all_states(self) -> Generator[tuple[str, bytes]]:
        """Give (request id, stored state) of every request, one after the other."""
        ...

    def histories(self) -> Generator[tuple[str, list[tuple[str, bytes]]]]:
        """Give (request id, [(verdict, event)]) of every request, its events in their order."""
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
        """Give (subject_ref, request_id, right) of requests that share a subject.

        Open ones, and closed ones of rights that last: restrictions, erasures, objections, withdrawals of consent.
        """
        ...

    def subject_refs(self, request_ids: Sequence[str]) -> list[tuple[str, bytes]]:
        """Give (request_id, subject_ref) of these requests: whom they are of, as long as that is known."""
        ...

    def copies(self, refs: Sequence[bytes]) -> list[tuple[bytes, str]]:
        """Give (subject_ref, request_id) of accesses of these subjects that were answered with a copy.

        Known as long as anything is owed of them: what is forgotten is counted no more.
        """
        ...

    def add_waits(self, rows: Sequence[dict[str, str]]) -> None:
        """Note who waits for whom."""
        ...

    def take_waits(self, others: Sequence[str], but: str = "") -> list[tuple[str, str]]:
        """Give and remove (other, request_id) of those who waited for these; ``but``: requests of this right stay."""
        ...

    def outbox_add(self, rows: Sequence[OutboxRow]) -> None:
        """Make tasks durable, before anything acts on them (I2)."""
        ...

    def outbox_remove(self, task_ids: Sequence[str]) -> None:
        """Drop tasks that are not awaited any more."""
        ...

    def outbox_recall(self, task_ids: Sequence[str]) -> set[str]:
        """Drop those of these tasks that were not released yet; gives them."""
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

    def outbox_in_flight(self, systems: Sequence[str]) -> dict[str, int]:
        """Count the tasks of each of these systems that were released and not answered.

        A system that has none to be released is left out: counting costs what is out.
        """
        ...

    def outbox_free(self, most: Mapping[str, int]) -> dict[str, list[OutboxRow]]:
        """Give the next tasks of each of these systems that were not released, in order of deadline, up to so many.

        One whose answer is parked as too early is not among them: ``take_parked`` gives the answer, then it is gone.
        """
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
        """Take out events whose time to be tried again has come, or whose task has been issued; earliest first."""
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
