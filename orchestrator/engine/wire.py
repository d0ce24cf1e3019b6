"""Wire events to core events, and effects to wire events. The only place that seals and opens (decision 8)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from orchestrator.core.asked import NOTHING, Asked
from orchestrator.core.discovery import BY_KEY
from orchestrator.core.effects import IssueTask, Notice
from orchestrator.core.events import Confirmed, RequestAccepted
from orchestrator.core.model import Known, Retention
from orchestrator.core.plan import Plan
from orchestrator.core.rulings import Ended, Hold
from orchestrator.engine.capsule import Capsule
from orchestrator.ports import Chance, Keyring
from schemas import envelope, receipts, requesters
from schemas.codec import decode, decode_sealed, encode
from schemas.envelope import CloudEvent
from schemas.errors import SealError
from schemas.fields import ID_PATTERN, WORD_PATTERN
from schemas.identifiers import Identifier, Strength, strength_of
from schemas.particulars import Corrections, belonging
from schemas.published import Completion, DeadLetter
from schemas.requests import RequestReceived
from schemas.sealing import Binding, SharedKey
from schemas.tasks import Action, Confirmation, Findings, Past, Secret, Sweep, Task

SOURCE = "/orchestrator"
LARGEST_LETTER: Final = 256 * 1024
"""Bytes of a sealed original that a dead letter carries; a broker takes 1 MiB at most by default."""


class Receipt(msgspec.Struct, frozen=True):
    """A receipt and its commitment. ``shown`` is empty where whoever published the request keeps it to the person."""

    shown: str = ""
    commitment: str = ""

    def __repr__(self) -> str:
        """Hide it: who has it can claim the record."""
        return f"Receipt({self.commitment!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Hide it from rich's tracebacks too; msgspec's own would show it."""
        return [("commitment", self.commitment)]


NO_RECEIPT: Final = Receipt()


class OpenedRequest(msgspec.Struct):
    """A request with its identifiers in clear, in memory only.

    ``retention``: nobody made it; ``handle``: the keys of what was found then, sealed with the system's key.
    """

    message: RequestReceived
    identifiers: tuple[Identifier, ...]
    corrections: Corrections = {}
    receipt: Receipt = NO_RECEIPT
    retention: Retention | None = None
    handle: str = ""

    def __repr__(self) -> str:
        """Hide everything (I4)."""
        return f"OpenedRequest({self.message.request_id!r})"


def open_request(event: CloudEvent, request_id: str, keys: Keyring) -> OpenedRequest:
    """Open what intake sealed.

    Raises:
        SchemaError: malformed, sealed to another key, moved to another request, or with a wrong identifier.
    """
    message = decode(bytes(event.data), RequestReceived)
    if message.request_id != request_id:
        raise SealError("request.id", "the event is journaled for another request")
    requesters.checked(message.requester)
    plain = keys.intake.open(message.sealed, Binding(req=message.request_id, use="request"))
    found = decode_sealed(plain)
    # Another program may have published it: what does not belong to the right is refused here as well.
    belonging(
        message.right, message.purposes, found.corrections, message.transfer_to, message.restriction_ground,
        message.scope.systems,
    )  # fmt: skip
    receipt = Receipt(found.receipt, found.receipt_sha256)
    if not found.receipt_sha256:
        receipt = _receipt_of(message.sealed, keys.log)
    return OpenedRequest(message, found.identifiers, found.corrections, receipt)


def _receipt_of(sealed: str, key: bytes) -> Receipt:
    """Make the receipt of a request that came without one.

    The chance comes in with the event (I5): it is the one-time key and the nonce that it was sealed with, which have
    nothing of the identifiers. So an event that is read again, after a crash or a recovery, has the same receipt; and
    without our key nobody can make it.
    """
    header, _, nonce, *_ = sealed.split(".")
    chance = hmac.digest(key, receipts.TAG + f"{header}.{nonce}".encode("ascii"), "sha256")[: receipts.CHANCE]
    made = receipts.made(chance)
    return Receipt(made, receipts.commitment(made))


def accept(
    opened: OpenedRequest,
    capsule: Capsule,
    plan_digest: str,
    others: tuple[str, ...],
    now: str,
    copies: int = 0,
    holds: tuple[Hold, ...] = (),
    ended: tuple[Ended, ...] = (),
) -> RequestAccepted:
    """Give the core's event for a request; the identifiers go into the capsule."""
    message = opened.message
    capsule.corrections = opened.corrections
    capsule.receipt = opened.receipt.shown
    if opened.retention is not None:
        capsule.handles[opened.retention.system] = opened.handle
    return RequestAccepted(
        request_id=message.request_id,
        observed_at=now,
        right=message.right,
        received_at=message.received_at,
        plan_sha256=plan_digest,
        identifiers=tuple(
            Known(capsule.add(one.kind, one.value), one.kind, strength_of(one.kind)) for one in opened.identifiers
        )
        or (Known(capsule.add(BY_KEY, ""), BY_KEY, Strength.UNIQUE),),
        retention=opened.retention,
        controllers=message.controllers,
        scope=message.scope.systems,
        locale=message.locale,
        others=others,
        holds=holds,
        ended=ended,
        unproven_lapses=message.requester is not None,
        identity=message.identity,
        requester=message.requester,
        minor_at_collection=message.minor_at_collection,
        follows=message.follows,
        copies=copies,
        asked=_asked(opened),
        receipt_sha256=opened.receipt.commitment,
        channel=message.channel,
    )


def _asked(opened: OpenedRequest) -> Asked:
    """Give what the core knows of what is asked: of corrections the fields, never their values."""
    message = opened.message
    if not (message.purposes or opened.corrections or message.transfer_to or message.restriction_ground):
        return NOTHING
    return Asked(
        purposes=message.purposes,
        corrected={path: tuple(fields) for path, fields in opened.corrections.items()},
        transfer_to=message.transfer_to or "",
        restriction_ground=message.restriction_ground.value if message.restriction_ground else "",
    )


def open_findings(confirmation: Confirmation, key: SharedKey) -> Findings:
    """Open the sealed part of a confirmation."""
    if not confirmation.sealed:
        return Findings()
    binding = Binding(confirmation.request_id, confirmation.task_id, confirmation.system, "findings")
    return decode(key.open(confirmation.sealed, binding), Findings)


def confirmed(
    confirmation: Confirmation,
    findings: Findings,
    capsule: Capsule | None,
    plan: Plan,
    sha256: str,
    now: str,
    *,
    awaited: bool,
) -> Confirmed:
    """Give the core's event for a confirmation; links and handle go into the capsule.

    Only the awaited answer brings a handle: a late one is of an earlier search, and would lose what was found since.
    """
    domain = next((one.domain for one in plan.systems if one.system == confirmation.system), "")
    links: list[Known] = []
    if capsule is not None:
        for link in findings.links:
            weaker = strength_of(link.kind) if link.strength is Strength.UNIQUE else link.strength
            links.append(Known(capsule.add(link.kind, link.value), link.kind, weaker, domain))
        if confirmation.sealed and awaited:
            capsule.handles[confirmation.system] = findings.handle
    return Confirmed(
        request_id=confirmation.request_id,
        observed_at=now,
        task_id=confirmation.task_id,
        system=confirmation.system,
        action=confirmation.action,
        connector=confirmation.connector,
        acted_at=confirmation.acted_at,
        sha256=sha256,
        outcomes=confirmation.outcomes,
        links=tuple(links),
    )


def task_event(
    request_id: str, issue: IssueTask, capsule: Capsule, keys: Keyring, chance: Chance, now: str, trace: str = ""
) -> bytes:
    """Seal a task and wrap it. ``not_after`` is set when the task is released (decision 4)."""
    corrections = {one: capsule.corrections[f"{issue.system}/{one}"] for one in issue.order.corrects}
    values = tuple(one for one in capsule.values(issue.refs) if one.kind != BY_KEY)
    secret = Secret(values, capsule.handles.get(issue.system, ""), corrections)
    binding = Binding(request_id, issue.task_id, issue.system, "task")
    sealed = keys.system(issue.system).seal(encode(secret), binding, nonce=chance(12))
    task = Task(
        task_id=issue.task_id,
        request_id=request_id,
        system=issue.system,
        action=issue.action,
        sealed=sealed,
        hold_version=issue.hold_version,
        instructions=issue.instructions,
        purposes=issue.order.purposes,
        record_sets=issue.order.record_sets,
        fields=issue.order.fields,
    )
    return wrap(issue.task_id, envelope.TASK, request_id, now, encode(task), trace)


def sweep_event(
    sweep_id: str, task_id: str, system: str, sweep: Sweep, cursor: str, keys: Keyring, chance: Chance, now: str
) -> bytes:
    """Seal the task of a sweep's next page and wrap it. ``cursor``: the handle of the page before."""
    binding = Binding(sweep_id, task_id, system, "task")
    sealed = keys.system(system).seal(encode(Secret((), cursor)), binding, nonce=chance(12))
    task = Task(task_id, sweep_id, system, Action.SWEEP, sealed, sweep=sweep)
    return wrap(task_id, envelope.TASK, sweep_id, now, encode(task))


def handle_of(past: Past, sweep_id: str, system: str, key: SharedKey) -> bytes:
    """Open the keys that a sweep found, as bytes that nobody here reads.

    Raises:
        SealError: they are sealed to something else.
    """
    return key.open(past.handle, Binding(req=sweep_id, sys=system, use="handle"))


def handle_for(keys: bytes, request_id: str, system: str, key: SharedKey, chance: Chance) -> str:
    """Seal them to the request that they belong to from now on (ADR 16)."""
    return key.seal(keys, Binding(req=request_id, sys=system, use="handle"), nonce=chance(12))


def notice_event(request_id: str, notice: Notice, now: str, trace: str = "") -> bytes:
    """Wrap a notice."""
    return wrap(notice.notice_id, envelope.NOTICE, request_id, now, encode(notice), trace)


def completion_event(row: Mapping[str, Any], now: str, trace: str = "") -> bytes:
    """Wrap a signed record; ``row`` as the store keeps it."""
    done = Completion(
        row["record_id"], row["request_id"], row["number"], row["completed_at"], bytes(row["jws"]).decode()
    )
    return wrap(done.record_id, envelope.COMPLETION, done.request_id, now, encode(done), trace)


def dead_letter_event(number: int, row: Mapping[str, Any]) -> bytes:
    """Wrap what could not be applied; ``row`` as the store keeps it. The original stays at home if it is too large."""
    sealed = base64.b64encode(row["sealed"]).decode() if len(row["sealed"]) <= LARGEST_LETTER else ""
    letter = DeadLetter(number, subject_of(row["request_id"]), row["observed_at"], _code(row["error"]), sealed)
    return wrap(f"dead-letter.{number}", envelope.DEAD_LETTER, letter.request_id, letter.observed_at, encode(letter))


def sayable(text: str) -> str:
    """Give a text that came from outside if it looks like a name of something; whatever else it is stays sealed."""
    return text if re.match(WORD_PATTERN, text) else "unknown"


def subject_of(request_id: str) -> str:
    """Give what an event about this request says it is about."""
    return request_id if re.match(ID_PATTERN, request_id) else "unknown"


def _code(error: str) -> str:
    return error if re.match(WORD_PATTERN, error) else error.partition(":")[0][:200]


def wrap(event_id: str, kind: str, request_id: str, now: str, data: bytes, trace: str = "") -> bytes:
    """Wrap data of the orchestrator into a CloudEvent. ``trace``: W3C traceparent of what caused it."""
    return encode(
        CloudEvent(
            event_id, SOURCE, kind, "1.0", request_id, now, msgspec.Raw(data), traceparent=envelope.trace_of(trace)
        )
    )


def digest(data: bytes) -> tuple[bytes, str]:
    """Give the SHA-256 of bytes, raw and as hex."""
    raw = hashlib.sha256(data)
    return raw.digest(), raw.hexdigest()
