"""What can happen to a request. The journal keeps these; replaying them gives the same bytes (I5).

``observed_at`` is stamped by the engine when the event is accepted, and stored with it.
"""

from __future__ import annotations

import msgspec

from orchestrator.core.asked import NOTHING, Asked
from orchestrator.core.commands import AnyCommand
from orchestrator.core.happened import Happened
from orchestrator.core.model import Known, Retention
from orchestrator.core.rulings import Ended, Hold
from schemas.outcomes import Outcome
from schemas.requesters import Level, Requester
from schemas.requests import Right
from schemas.tasks import Action


class RequestAccepted(Happened, frozen=True, kw_only=True):
    """A request arrived.

    ``others``: open requests of the same person to wait for; ``holds``: legal holds that reach it; ``copies``:
    accesses of the person before this one; ``follows``: an earlier request that it goes on from; ``ended``: what the
    person has ended by an objection or a withdrawal of consent that is still in force; ``retention``: nobody asked, a
    sweep found it; ``unproven_lapses``: also what takes effect at receipt ends when the proof of the requester does not
    come; ``receipt_sha256``: commitment that the person's receipt opens; ``channel``: the manner in which it was made,
    for statutory logs; nothing is decided by it.
    """

    right: Right
    received_at: str
    plan_sha256: str
    identifiers: tuple[Known, ...]
    controllers: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()
    locale: str = "en"
    others: tuple[str, ...] = ()
    holds: tuple[Hold, ...] = ()
    identity: Level = "verified"
    requester: Requester | None = None
    minor_at_collection: bool = False
    follows: str | None = None
    copies: int = 0
    asked: Asked = NOTHING
    ended: tuple[Ended, ...] = ()
    retention: Retention | None = None
    unproven_lapses: bool = False
    receipt_sha256: str = ""
    channel: str = ""


class Confirmed(Happened, frozen=True, kw_only=True):
    """A system answered. ``links``: identifiers it found, by reference; ``sha256``: of the confirmation's bytes."""

    task_id: str
    system: str
    action: Action
    connector: str
    acted_at: str
    sha256: str
    outcomes: dict[str, Outcome]
    links: tuple[Known, ...] = ()


class PackageAssembled(Happened, frozen=True, kw_only=True):
    """The access package was written. ``file`` is an opaque name, ``sha256`` of the encrypted bytes.

    ``job_id``: which job it is from; an earlier one may lack what was found since.
    """

    job_id: str
    file: str
    sha256: str


class ReviewFound(Happened, frozen=True, kw_only=True):
    """Whoever was to make the package found what a person has to look at first (ADR 46).

    ``found``: "system/record_set" -> how many passages nobody has decided about; 0 where texts have to be read.
    """

    job_id: str
    found: dict[str, int]


class TimerFired(Happened, frozen=True, kw_only=True):
    """A timer of this request is due.

    ``plan_sha256``: the plan in force, where it begins a new episode of a closed request (decision 21). Of ``lift``
    only: ``marked``, what other requests of the person keep restricted ("system/record_set", or "system/" for all of
    it -> request id); ``busy``, one of them is about to restrict or to lift.
    """

    name: str
    generation: int
    plan_sha256: str = ""
    marked: dict[str, str] = msgspec.field(default_factory=dict)
    busy: bool = False


class OtherClosed(Happened, frozen=True, kw_only=True):
    """A request of the same person that this one waits for has closed.

    ``erased``: it was an erasure, so whatever was found before it closed may be gone.
    """

    other: str
    erased: bool = False


class OtherOpened(Happened, frozen=True, kw_only=True):
    """The same person asked for something that goes before an erasure (decision 11).

    A restriction, while which nothing may be erased; or, ``erases``, an erasure that was begun before this one was.
    """

    other: str
    erases: bool = False


class Resumed(Happened, frozen=True, kw_only=True):
    """Somebody mended the cause: try again. ``role``: who says so, a role and never a name.

    ``plan_sha256``: the plan in force when it is applied; empty: the request keeps its own (decision 21).
    """

    role: str
    plan_sha256: str = ""


class Incident(Happened, frozen=True, kw_only=True):
    """Something that must not happen did: a person has to look before anything goes on.

    ``reason``: ``contradictory_answer`` (a second, different answer under an accepted event id) or
    ``internal_error`` (an event this program could not apply; it is in the dead letters), ``unusable_answer`` (a task
    was carried out, and what came back could not be used), ``package_parts_lost`` (exported parts are missing),
    ``contradictory_request`` (another request under an accepted event id), ``unpublishable`` (the broker refuses what
    has to go out).
    """

    reason: str
    system: str = ""


class Recalled(Happened, frozen=True, kw_only=True):
    """Tasks that were issued, and were called back before they left (decision 4)."""

    tasks: tuple[str, ...]


LaterEvent = (
    OtherOpened
    | Recalled
    | AnyCommand
    | Confirmed
    | PackageAssembled
    | ReviewFound
    | TimerFired
    | OtherClosed
    | Resumed
    | Incident
)
Event = RequestAccepted | LaterEvent
