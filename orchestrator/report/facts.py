"""What a report is computed from: codes, counts and dates. Ids of requests, and nobody that they are of."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from schemas.completion import CompletionRecord


class RequestFact(msgspec.Struct, frozen=True):
    """A request. ``asked``: somebody made it; else a sweep found it. Times RFC 3339, days ISO 8601, empty: none.

    ``extended``: why its date was moved, and ``extended_at`` when the person was told.
    """

    request_id: str
    right: str
    controllers: tuple[str, ...]
    received_at: str
    due_on: str
    closed: bool
    asked: bool = True
    extended: str = ""
    extended_at: str = ""


class First(msgspec.Struct, frozen=True):
    """A request's first record: when, and with which result."""

    completed_at: str
    result: str


class Caught(msgspec.Struct, frozen=True):
    """An answer that was not believed. ``kind``: survived, unverifiable, or the reason of an incident."""

    system: str
    kind: str
    request_id: str


class Owed(msgspec.Struct, frozen=True):
    """Something owed now. ``due``: when it is looked at next; ``last``: when it ends at the latest, if known."""

    kind: str
    text: str
    due: str
    last: str | None


class Backlog(msgspec.Struct, frozen=True):
    """Tasks of a system that no answer was accepted for: how many, and since when the oldest request is there."""

    tasks: int
    oldest: str


class Facts(msgspec.Struct):
    """Everything.

    Attributes:
        requests: Those received before the end of the period, and those whose date was moved in it.
        firsts: First record of each request that has one.
        records: Those completed in the period, of each request in their order.
        answered: When each request was first answered.
        caught: In the period. ``unread``: events that could not be applied, by the error's name, in the period.
        owners: Owner of each system that is connected, by the configuration.
        looks: How often in the period a closed erasure came to be looked at again, by why: from the journal, for a look
            that finds nothing leaves no record.
        deleted: Requests taken in in the period, of which nothing is left but leaves (ADR 45).
        backlog, owed: As they are now. ``heard``: when each system answered last, ever.
    """

    requests: Iterable[RequestFact]
    firsts: dict[str, First]
    records: Iterable[CompletionRecord]
    answered: dict[str, str]
    caught: Iterable[Caught]
    unread: dict[str, int]
    owners: dict[str, str]
    backlog: dict[str, Backlog]
    heard: dict[str, str]
    owed: Iterable[Owed]
    looks: dict[str, int] = {}
    deleted: int = 0
