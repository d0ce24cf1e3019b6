"""Judges an erasure from what was seen, not from what was said (invariant I1). Pure: no I/O, no clock, no log.

``judge`` takes what discovery found (the handle), what the connector claims (its report), and what the second
look saw on a fresh connection: a fresh search and the presence of every key known. Rules:

* A key that is neither gone nor properly anonymised, and that no rule keeps, is a survivor. One survivor, or one
  hit of the fresh search outside the kept records, and the outcome is ``Survived``.
* A kept record counts as kept only if it is there, masked where the data map asks for a mask, and dated (I8).
* Records in a file that cannot be touched yet give ``Pending``, which is never final.
* A key that was asked for and not answered proves nothing: ``Unverifiable``.

``judge_change`` does the same for records that were changed and stay: one that is not as ordered is ``Survived``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from connectors.changes import Capability, Standing
from connectors.contract import Holding, Presence, SetReport
from connectors.datamap import RecordSet
from schemas.outcomes import (
    Anonymised,
    Deleted,
    Failed,
    FailureKind,
    Kept,
    KeptWhy,
    Lifted,
    NothingHeld,
    Outcome,
    Pending,
    Rectified,
    Restricted,
    Stopped,
    Survived,
    Unverifiable,
)
from schemas.tasks import Instruction

LIVE_FILE = "live_file"
"""``Pending.ref`` of records that wait for the rotation of a file that is still written to."""

NO_CAPABILITY = Failed(FailureKind.PERMANENT, "no_capability")
"""Records are held, and the system has no means to do to them what was ordered: a person does it by hand."""

_NOT_AS_ORDERED = {
    Capability.RECTIFY: "not_rectified",
    Capability.RESTRICT: "not_restricted",
    Capability.LIFT: "still_restricted",
    Capability.STOP: "not_stopped",
}
_OVER = (Presence.GONE, Presence.ANONYMISED)


class Evidence(msgspec.Struct, frozen=True):
    """Everything known about one record set of one subject after an erasure.

    Attributes:
        handle: Keys that discovery found, carried in the handle; empty where keys are not durable.
        report: What the connector says it did.
        fresh: What a search without keys found afterwards, on a fresh connection.
        presence: What the second look saw of every key of handle, erased and kept.
        looked_at: RFC 3339, when the second look was taken.
    """

    handle: tuple[str, ...]
    report: SetReport
    fresh: Holding
    presence: Mapping[str, Presence]
    looked_at: str

    @property
    def known(self) -> frozenset[str]:
        """Every key that has to be looked at."""
        return frozenset((*self.handle, *self.report.erased, *self.report.kept))


def judge(instruction: Instruction, record_set: RecordSet, seen: Evidence) -> Outcome:
    """Give the outcome of one record set after an erasure."""
    if any(key not in seen.presence for key in seen.known):
        return Unverifiable("no_answer_for_key")
    keeping = instruction.keep is not None and bool(seen.report.kept)
    kept = frozenset(seen.report.kept) if keeping else frozenset()
    survivors = _survivors(record_set, seen, kept, keeping=keeping)
    found_again = frozenset(seen.fresh.keys) - kept
    waiting = seen.report.pending or seen.fresh.pending
    if waiting is not None:
        return _pending(record_set, seen, survivors, found_again, waiting)
    if survivors or found_again:
        return Survived(len(survivors | found_again), _detail(record_set, seen, survivors))
    if keeping and instruction.keep is not None:
        return _kept(instruction, instruction.keep, record_set, seen, kept)
    return _erased(instruction, record_set, seen)


def _survivors(record_set: RecordSet, seen: Evidence, kept: frozenset[str], *, keeping: bool) -> frozenset[str]:
    """Give the known keys, outside the kept ones, that are still there."""
    may_anonymise = keeping or record_set.erase != "delete"
    over = _OVER if may_anonymise else (Presence.GONE,)
    erased = frozenset(seen.report.erased)
    # A key said to be erased and kept at once is held to the stricter of the two.
    return frozenset(key for key in seen.known if (key not in kept or key in erased) and seen.presence[key] not in over)


def _pending(
    record_set: RecordSet, seen: Evidence, survivors: frozenset[str], found: frozenset[str], waiting: str
) -> Outcome:
    """Wait for what cannot be touched yet, unless more is left than what waits.

    The live file may have been rotated, or have grown, between the two looks: the larger of both counts holds.
    """
    may_wait = max(seen.report.pending_count, seen.fresh.pending_count)
    said_erased = survivors & frozenset(seen.report.erased)
    left = survivors | found
    if said_erased or len(left) > may_wait:
        return Survived(max(len(said_erased), len(left) - may_wait), _detail(record_set, seen, survivors))
    return Pending(check_after=waiting, ref=LIVE_FILE, count=may_wait)


def _detail(record_set: RecordSet, seen: Evidence, survivors: Collection[str]) -> str:
    """Name how the records survived; a stable word for the person who has to look."""
    if not survivors:
        return "found_again"
    if record_set.parent is not None and not set(survivors) & set(seen.fresh.keys):
        return "orphans"
    replaced = record_set.erase == "anonymise" and set(survivors) <= set(seen.report.erased)
    if replaced or any(seen.presence[key] is Presence.MASKED for key in survivors):
        return "mask"
    return "still_there"


def _kept(
    instruction: Instruction, why: KeptWhy, record_set: RecordSet, seen: Evidence, kept: frozenset[str]
) -> Outcome:
    """Judge records that stay: there, masked, dated."""
    review_by = instruction.review_by
    as_it_is = review_by is not None or instruction.only_over
    masking = record_set.retain and record_set.erase != "with_parent" and not as_it_is
    mask = record_set.retain.mask if record_set.retain and masking else {}
    bare = [key for key in kept if seen.presence[key] is Presence.PRESENT]
    if mask and bare:
        return Survived(len(bare), "mask")
    if any(seen.presence[key] is Presence.GONE for key in kept):
        # Records the law wants kept have vanished: nothing to be proud of, and nobody may read it as kept.
        return Unverifiable("kept_is_gone")
    if seen.report.due_first is None and review_by is None:
        return Unverifiable("kept_without_date")
    # Not counted from the handle: a masked line of a file goes by another key than before.
    past_date = frozenset(seen.report.erased) - kept
    return Kept(
        count=len(kept),
        why=why,
        text=instruction.text,
        # How long they would stay by their own dates says nothing as long as somebody else's word keeps them.
        until=None if review_by else seen.report.due_last or seen.report.due_first,
        review_by=review_by or seen.report.due_first,
        erased=max(instruction.found - len(kept), len(past_date)),
        masked=bool(mask),
        looked_at=seen.looked_at,
    )


def _erased(instruction: Instruction, record_set: RecordSet, seen: Evidence) -> Outcome:
    """Judge records that are all over; what discovery found counts even where a crash left no key (I2)."""
    before = max(instruction.found, len(frozenset((*seen.handle, *seen.report.erased))))
    if before == 0:
        return NothingHeld()
    method = seen.report.method
    # A row that moved to a new key when it was anonymised is gone by its old one, and is still there: where the
    # data map anonymises, nothing stronger is claimed.
    moved = record_set.erase == "anonymise" and method != "delete"
    if moved or any(seen.presence[key] is Presence.ANONYMISED for key in seen.known):
        # A re-run after a crash has nothing left to do and may report the default method.
        return Anonymised(before, "anonymise" if method == "delete" else method, seen.looked_at)
    return Deleted(before, method, seen.looked_at)


class Changed(msgspec.Struct, frozen=True):
    """Everything known about one record set of one subject after a change.

    Attributes:
        known: Keys that discovery found (the handle), and those a search without keys finds now.
        said: Keys that the connector says are as ordered.
        standing: How the second look found the keys of both, where anything could be ordered.
        able: The record set can do all that was ordered.
        looked_at: RFC 3339, when the second look was taken.
    """

    known: frozenset[str]
    said: frozenset[str]
    standing: Mapping[str, Standing]
    able: bool
    looked_at: str


def judge_change(capability: Capability, purposes: tuple[str, ...], seen: Changed) -> Outcome:
    """Give the outcome of one record set after a change. ``purposes``: all that a ``stop`` was about."""
    if not seen.able and not seen.standing:
        return NO_CAPABILITY if seen.known else NothingHeld()
    if any(key not in seen.standing for key in seen.known | seen.said):
        return Unverifiable("no_answer_for_key")
    if any(seen.standing[key] is Standing.GONE for key in seen.said):
        # It was to stay: a change that loses records is none, and nobody may read it as one.
        return Unverifiable("changed_is_gone")
    there = [one for key, one in seen.standing.items() if one is not Standing.GONE]
    if wrong := there.count(Standing.NOT_AS_ORDERED):
        return Survived(wrong, _NOT_AS_ORDERED[capability])
    if not there:
        return NothingHeld()
    if not seen.able:
        return NO_CAPABILITY
    count, at = len(there), seen.looked_at
    match capability:
        case Capability.RECTIFY:
            return Rectified(count, at)
        case Capability.RESTRICT:
            return Restricted(count, at)
        case Capability.LIFT:
            return Lifted(count, at)
        case Capability.STOP:
            return Stopped(purposes, count, at)
