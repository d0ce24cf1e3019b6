"""What a completed request suppresses: keyed digests of the identifiers, from when, for which purposes, how long.

A digest is personal data still (formats.md 5), so it lives as long as erased data may come back, and no longer: until
the last backup that holds it is gone, or as long as ``[limits] suppression_days`` says (ADR 7). Then I14 is over.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

from orchestrator.core import bases, completion
from orchestrator.core.model import RequestState
from orchestrator.core.plan import Plan
from orchestrator.engine.capsule import Capsule
from schemas.completion import CompletionRecord
from schemas.identifiers import Strength
from schemas.outcomes import Kept
from schemas.requests import Right

LIVES: Final = ("backup_horizon", "suppression")
"""Obligations that an entry lives as long as."""
_ENDED_WITHOUT: Final = frozenset({"unidentifiable", "withdrawn", "refused", "identity_not_established", "lapsed"})
"""Results after which nobody is owed that what was erased stays away."""

_SUPPRESS: Final = frozenset({Right.ERASURE, Right.OBJECTION, Right.WITHDRAWAL_OF_CONSENT})

Verdict = Literal["erased", "not_erased", "unknown"]


class Lifted(msgspec.Struct, frozen=True, array_like=True, order=True):
    """Why an entry does not count any more: by fresh consent, or a new relationship (I14).

    Attributes:
        purpose: For which purpose; empty: for all.
        since: For data from then on, RFC 3339 in UTC; what is older stays suppressed.
        reason, role: Why, and who said so.
    """

    purpose: str
    since: str
    reason: str
    role: str


class Entry(msgspec.Struct, frozen=True, array_like=True, order=True):
    """One completed erasure of one identifier.

    Attributes:
        erased_at: When it was completed; what is of a later time is of a person who came back.
        until: The day from which it counts no more, ISO date.
        systems: Where; empty: everywhere.
        kept: Purposes whose records were kept, on a legal text.
        lifted: What has taken it away since.
        only: Nothing was erased; for these purposes data is not to be used any more, of whatever time it is.
    """

    erased_at: str
    until: str
    systems: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    lifted: tuple[Lifted, ...] = ()


class Question(msgspec.Struct, frozen=True):
    """Is this identifier erased, for this purpose, in this system, for data as old as this?"""

    digest: bytes
    purpose: str = ""
    system: str = ""
    as_of: str = ""


def digest(key: bytes, kind: str, value: str) -> bytes:
    """Give the digest of a normalised identifier; another one than that by which requests are matched."""
    return hmac.digest(key, b"expunge-suppression-v1\0" + kind.encode() + b"\0" + value.encode(), "sha256")


def verdict(entries: Sequence[Entry], question: Question, today: str) -> Verdict:
    """Judge by all the entries that there are of an identifier.

    Without ``as_of`` the data's age is unknown: it counts as old. Without ``system``, an erasure that was limited to
    some systems cannot be judged.
    """
    answer: Verdict = "not_erased"
    for one in entries:
        if one.until <= today or (one.only and not bases.is_among(question.purpose, one.only)):
            continue
        if any(_frees(lifted, question) for lifted in one.lifted):
            continue
        if not one.only and (question.as_of and question.as_of > one.erased_at):
            continue
        if question.purpose and question.purpose in one.kept:
            continue
        if not one.systems or question.system in one.systems:
            return "erased"
        if not question.system:
            answer = "unknown"
    return answer


def _frees(lifted: Lifted, question: Question) -> bool:
    """Tell whether what was lifted is what is asked about; data without a time is of today then."""
    if lifted.purpose and lifted.purpose != question.purpose:
        return False
    return not question.as_of or question.as_of >= lifted.since


def rows(
    key: bytes, plan: Plan, before: RequestState | None, state: RequestState, capsule: Capsule, record: CompletionRecord
) -> list[dict[str, Any]]:
    """Give the rows of a completed erasure; none where nothing could come back any more.

    Args:
        key: Of the digests.
        plan: Of the request.
        before: The state that the completion came from: it still knows all identifiers.
        state: The state after it.
        capsule: Not yet shrunk.
        record: The completion record.
    """
    until = max((one.due for one in state.obligations if one.kind in LIVES), default="")
    if record.right not in _SUPPRESS or record.result in _ENDED_WITHOUT or not until or before is None:
        return []
    stopped = () if record.right == Right.ERASURE else completion.stopped_purposes(plan, before)
    if record.right != Right.ERASURE and not stopped:
        return []
    everywhere = record.number == 1 and set(state.scope) >= set(plan.by_name)
    searched = state.scope if record.number == 1 else tuple(one.system for one in record.systems)
    purposes = {
        plan.by_name[system.system].purposes.get(line.name, "")
        for system in record.systems
        for line in system.record_sets
        if isinstance(line.outcome, Kept) and system.system in plan.by_name
    }
    where = () if everywhere else tuple(sorted(searched))
    lifted = _returned(state, searched) if record.number > 1 else ()
    entry = Entry(record.completed_at, until, where, tuple(sorted(purposes - {""})), stopped, lifted)
    unique = {one.ref for one in before.known if one.strength is Strength.UNIQUE}
    return [
        {
            "digest": digest(key, *capsule.identifiers[ref]),
            "record_id": record.record_id,
            "request_id": record.request_id,
            "until": entry.until,
            "entry": msgspec.json.encode(entry),
            "fed": None,
        }
        for ref in sorted(unique & capsule.identifiers.keys())
    ]


def _returned(state: RequestState, systems: Sequence[str]) -> tuple[Lifted, ...]:
    """Give from when on data is of a person who came back: what a later look erases is not what they gave since."""
    since = min((day for name, day in state.returned.items() if name in systems), default="")
    return (Lifted("", f"{since}T00:00:00.000Z", "new_relationship", "dpo"),) if since else ()
