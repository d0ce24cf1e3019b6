"""What is known of one request. Plain data; msgspec writes it to the store as it is.

Times are RFC 3339 text in UTC with milliseconds (they sort as text), dates ISO 8601. A field that is not known is an
error: msgspec would drop it when the state is written again, and a newer version's work would be lost (decision 12).
"""

from __future__ import annotations

import enum
from typing import Final, Literal

import msgspec

from orchestrator.core.asked import BEGINNING, NOTHING, Asked, Progress
from orchestrator.core.asking import VERIFIED, Extension, Fee, Identity, Pause
from orchestrator.core.passages import Review
from orchestrator.core.recipient_task import RecipientTask
from orchestrator.core.rulings import Approval, Ended, Hold, SetDecision
from schemas.identifiers import Strength
from schemas.outcomes import Attested, Kept, Outcome
from schemas.requesters import Requester
from schemas.requests import Right
from schemas.tasks import Action, Instruction

LOGIC: Final = 2
"""Version of the machine's logic; a worker refuses a state written by a newer one (decision 12)."""


class Phase(enum.StrEnum):
    """Where a request stands (architecture.md section 6)."""

    RECEIVED = "received"
    VERIFYING = "verifying"
    DISCOVERING = "discovering"
    DECIDING = "deciding"
    ACTING = "acting"
    REVIEWING = "reviewing"
    ANSWERING = "answering"
    CLOSED = "closed"


class Result(enum.StrEnum):
    """How a request ended."""

    FULFILLED = "fulfilled"
    PARTLY_FULFILLED = "partly_fulfilled"
    NOTHING_HELD = "nothing_held"
    UNIDENTIFIABLE = "unidentifiable"
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"
    IDENTITY_NOT_ESTABLISHED = "identity_not_established"
    LAPSED = "lapsed"
    NOT_SUBJECT = "not_subject"


class Known(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """An identifier the request knows, by reference. ``domain``: where it was found; empty: the person gave it."""

    ref: str
    kind: str
    strength: Strength
    domain: str = ""


class Attention(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Why automatic work stopped: who has to do what (I6). ``reason`` is a stable code, ``detail`` one too."""

    reason: str
    owner: str
    todo: str
    since: str
    system: str = ""
    record_set: str = ""
    detail: str = ""


class Obligation(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Something still owed after completion; ``due`` is an ISO date (I8). ``holds``: the legal holds that keep it.

    ``recipient``: the processor that keeps it, of ``sets`` (system/record set).
    """

    kind: Literal[
        "retention", "backup_horizon", "package_expiry", "suppression", "restriction", "transfer", "recipient"
    ]
    due: str
    system: str = ""
    record_set: str = ""
    text: str = ""
    last: str | None = None
    holds: tuple[str, ...] = ()
    recipient: str = ""
    sets: tuple[str, ...] = ()


class Look(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Why a closed erasure is looked at again (I14): ``since`` when, and the ``result`` that it had.

    ``due``: what is kept came due, and the person is there again. ``themselves``: systems of which somebody said since
    that they came back there. ``known``: references of what was known when it began.
    """

    why: Literal["recheck", "restored", "due"]
    since: str
    result: Result | None = None
    snapshot: str = ""
    themselves: tuple[str, ...] = ()
    known: tuple[str, ...] = ()


class Retention(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Why a request is there that nobody made: records of this record set are past their period (ADR 36).

    ``since``: ISO date, on which the period of the latest of them ended.
    """

    system: str
    record_set: str
    since: str


class Timer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A timer with its generation: one that fires for an older generation is ignored."""

    due: str
    generation: int


class SystemState(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """One system's part of the request, in the current episode.

    Attributes:
        task: Id of the task that is out, or empty. ``answered``: id of the last one that was answered.
        asked: References that the last locate searched by.
        attempt: Tasks issued so far; numbers task ids.
        failures: Transient failures in a row. ``survived``: failed second looks.
        located: Last answer to locate. ``outcomes``: last answer to erase or export.
        instructions, rules: What was decided per record set, and by which rule (I7).
        past: Final outcomes of this episode's earlier erasures, where the system was searched again since.
        unproven: Records found before an earlier erasure of this episode that no final outcome accounts for.
        stops: The order that is out is decided afresh: it is waited for no longer than its lease.
        sets: Record sets that the order is about; None: all of them. ``purposes``: what it stops.
        left_out: Record sets that the right does not reach, and why.
        manual: Record sets that hold something the system cannot act on: a person does it. ``attested``: what they say.
        kept: Record sets that a legal hold leaves as they are, where the order is not about erasing them.
        earlier: Final outcomes of the procedure's legs before this one.
    """

    task: str = ""
    answered: str = ""
    action: Action = Action.LOCATE
    attempt: int = 0
    failures: int = 0
    survived: int = 0
    asked: tuple[str, ...] = ()
    located: dict[str, Outcome] = {}
    instructions: dict[str, Instruction] = {}
    rules: dict[str, str] = {}
    outcomes: dict[str, Outcome] = {}
    past: dict[str, Outcome] = {}
    unproven: dict[str, int] = {}
    sets: tuple[str, ...] | None = None
    purposes: tuple[str, ...] = ()
    left_out: dict[str, str] = {}
    manual: tuple[str, ...] = ()
    attested: dict[str, Attested] = {}
    kept: dict[str, Kept] = {}
    earlier: dict[str, tuple[Outcome, ...]] = {}
    connector: str = ""
    confirmed_at: str = ""
    confirmation_sha256: str = ""
    retry: bool = False
    stops: bool = False


class RequestState(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """Everything the core knows of one request.

    Attributes:
        generation: Counts up; numbers timers, notices and package jobs, so that none is ever taken for another.
        heard: Digests (16 hex digits) of the confirmations taken in; the same one counts once, however late (I3).
        unsearched: Systems in scope that no episode could search.
        ending: It ends before its work is done, with this result, as soon as nothing is out any more (``ending``).
        identity, requester: How surely it is known who asks, and who that is, if not the data subject.
        pauses, extension, notice_by: Of the clock (``clock``). ``notice_by``: the last day to announce an extension;
            empty: none is allowed; None: as the law has it where the plan names no controllers.
        paused_days: Days that the pauses so far are worth.
        ground: Why the controller does not act on it.
        fee: What a further copy costs. ``copies``: accesses of the same person before this one.
        holds, decisions, approvals: What persons decided that stands above the rules (``rulings``).
        ended: Uses of the data that the person has ended before, which are grounds for an erasure.
        hold_version: Counts holds placed and released; an order says under which it was decided (decision 4).
        preview: SHA-256 (hex) of what waits for an approval; empty: none is needed.
        retention: Nobody asked: a sweep found it. None: somebody did.
        asked, progress: What belongs to the right, and how far its procedure is.
        recipients: Processors that are asked and recipients that are told, by id (``recipients``).
        erased: system -> when it was last completed that something was erased there. ``look``: why it is looked again.
        gone: system -> day on which that was seen, where it was an earlier one.
        returned: system -> day since when the person is known to have come back there themselves.
        receipt_sha256: Commitment that the person's receipt opens (ADR 43); empty: there is none.
        review: What a person decides about passages of a copy that may be about others (ADR 46); None: nobody is asked.
        corrected: Number of a record -> of the one that corrects it.
        package: Opaque name of the access package, or that it is awaited; ``package_job`` is the job that makes it.
    """

    logic: int
    request_id: str
    right: Right
    received_at: str
    due_on: str
    due_rule: str
    plan_sha256: str
    phase: Phase
    controllers: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()
    locale: str = "en"
    episode: int = 1
    round: int = 0
    records: int = 0
    known: tuple[Known, ...] = ()
    identity: Identity = VERIFIED
    requester: Requester | None = None
    minor_at_collection: bool = False
    pauses: tuple[Pause, ...] = ()
    extension: Extension | None = None
    notice_by: str | None = None
    paused_days: int = 0
    ground: str = ""
    fee: Fee | None = None
    copies: int = 0
    continues: str | None = None
    waits_for: tuple[str, ...] = ()
    systems: dict[str, SystemState] = {}
    attention: tuple[Attention, ...] = ()
    obligations: tuple[Obligation, ...] = ()
    timers: dict[str, Timer] = {}
    generation: int = 0
    heard: tuple[str, ...] = ()
    unsearched: tuple[str, ...] = ()
    result: Result | None = None
    package: str = ""
    package_sha256: str = ""
    package_job: str = ""
    forgotten: bool = False
    ending: Result | None = None
    holds: tuple[Hold, ...] = ()
    hold_version: int = 0
    decisions: tuple[SetDecision, ...] = ()
    ended: tuple[Ended, ...] = ()
    approvals: tuple[Approval, ...] = ()
    preview: str = ""
    asked: Asked = NOTHING
    progress: Progress = BEGINNING
    recipients: dict[str, RecipientTask] = {}
    erased: dict[str, str] = {}
    returned: dict[str, str] = {}
    look: Look | None = None
    retention: Retention | None = None
    gone: dict[str, str] = {}
    receipt_sha256: str = ""
    review: Review | None = None
    corrected: dict[int, int] = {}

    def next_timer(self) -> str | None:
        """When the earliest timer is due."""
        return min((timer.due for timer in self.timers.values()), default=None)
