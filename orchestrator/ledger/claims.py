"""What a record may claim: nothing that its lines do not say (I1, I13). Stands alone, as a stranger reads it. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from orchestrator.errors import VerificationError
from schemas.completion import CompletionRecord, RecipientLine, RecordSetLine
from schemas.outcomes import Attested, Kept, Lifted, Notified, Rectified, Restricted, Stopped

_WEAKEST_FIRST: Final = (
    "not_searched",
    "kept",
    "attested",
    "anonymised",
    "deleted",
    "lifted",
    "restricted",
    "stopped",
    "rectified",
    "exported",
    "nothing_held",
    "not_subject",
)
"""As in ``core.aggregate``; the verifier stands alone, a test holds the two together."""
_OUT_OF_SCOPE: Final = "out of the scope of the request"
_LINES: Final = {
    "erasure": frozenset({"nothing_held", "deleted", "anonymised", "kept", "attested"}),
    "access": frozenset({"nothing_held", "exported", "attested"}),
    "portability": frozenset({"nothing_held", "exported", "attested"}),
    "rectification": frozenset({"nothing_held", "rectified", "kept", "attested"}),
    "restriction": frozenset({"nothing_held", "restricted", "lifted", "attested"}),
    "objection": frozenset({"nothing_held", "stopped", "restricted", "lifted", "attested"}),
    "withdrawal_of_consent": frozenset({"nothing_held", "stopped", "attested"}),
    "complaint": frozenset({"attested"}),
    "safeguard_copy": frozenset({"attested"}),
}
_BY_HAND: Final = frozenset({"complaint", "safeguard_copy"})
"""Rights that no system is asked about."""
_NOT_SUBJECT: Final = "not subject to this right: "
_CAME_BACK: Final = f"{_NOT_SUBJECT}the person came back themselves"
_STAYS: Final = "stays restricted by request "
_RESTRICTS: Final = frozenset({"restriction", "objection"})
"""Rights whose mark may be needed by another request when theirs is lifted."""
_REACHES_ALL: Final = frozenset({"erasure", "access", "restriction"})
"""Rights that leave no record set out."""
_ASKED_ABOUT: Final = frozenset({"erasure", "rectification", "restriction", "objection", "withdrawal_of_consent"})
"""Rights for which processors are asked."""
_UNASKED: Final = frozenset(
    {"not asked: no connected record set is of its activities", "not waited for: the request ended before"}
)
"""Reasons of a processor that take something from the result, as in ``core.recipients_told``."""
RETENTION: Final = "retention"
"""Origin of a record that nobody asked for: it is about what was past its period, and about nothing else (ADR 36)."""
_CORRECTED: Final = "corrected: "
"""Begins what a further record does not claim any more, as in ``schemas.completion``."""
_FIX: Final = "get the record again from its issuer; do not rely on this one"


def supports(record: CompletionRecord) -> None:
    """A record that says more than its lines is refused, whoever signed it (I1).

    It may say less: a second record also speaks for systems that still keep something and have no line in it.
    """
    bound = set(record.bound_controllers)
    if bound and (len(bound) < len(record.bound_controllers) or not bound >= set(record.controllers)):
        raise VerificationError("its joint controllers do not contain those that were asked, or one twice", fix=_FIX)
    if record.origin is not None and (record.origin, record.right, record.requester) != (
        RETENTION, "erasure", "controller",
    ):  # fmt: skip
        raise VerificationError("its origin does not fit who asked and for what", fix=_FIX)
    names = [(system.system, line.name) for system in record.systems for line in system.record_sets]
    if len({one.recipient for one in record.recipients}) < len(record.recipients):
        raise VerificationError("a recipient stands twice", fix=_FIX)
    if len({system.system for system in record.systems}) < len(record.systems) or len(set(names)) < len(names):
        raise VerificationError("a record set stands twice", fix=_FIX)
    _check_correction(record)
    _check_systems(record)
    for line in record.by_hand:
        if record.right not in _BY_HAND:
            raise VerificationError("answers by hand what systems have to be asked about", fix=_FIX)
        _check_line(record, line)
    lines = [*record.by_hand, *(line for system in record.systems for line in system.record_sets)]
    tags = {_tag(outcome) for line in lines for outcome in (line.outcome, *line.also)}
    tags |= {_check_recipient(record, one) for one in record.recipients} - {""}
    tags |= {_why_not(record, reason) for reason in record.not_searched.values() if reason != _OUT_OF_SCOPE}
    weakest = next((one for one in _WEAKEST_FIRST if one in tags), "not_searched")
    if record.headline not in _WEAKEST_FIRST[: _WEAKEST_FIRST.index(weakest) + 1]:
        raise VerificationError("its headline says more than its weakest line", fix=_FIX)
    holds = _holds(record, tags)
    if holds is None:
        raise VerificationError("claims a result that this version does not know", fix=_FIX)
    if not holds:
        raise VerificationError(f"claims to be {record.result}, but its lines say otherwise", fix=_FIX)


def _takes(why_not: str) -> bool:
    return why_not in _UNASKED or why_not.startswith(_CORRECTED)


def _check_correction(record: CompletionRecord) -> None:
    whys = {*record.not_searched.values(), *(one.why_not for one in record.recipients)}
    said = {one for one in whys if one.startswith(_CORRECTED)}
    if record.corrects is None and record.correction is None and not said:
        return
    request_id, _, number = (record.corrects or "").rpartition(".")
    if request_id != record.request_id or not number.isdecimal() or not 1 <= int(number) < record.number:
        raise VerificationError("corrects what is no earlier record of its request", fix=_FIX)
    if record.correction is None or f"{_CORRECTED}{record.correction}" not in said:
        raise VerificationError("corrects a record, and no line says what", fix=_FIX)
    if record.headline != "not_searched" or record.result in {"fulfilled", "nothing_held", "not_subject"}:
        raise VerificationError("corrects a record, and claims more than that something is open", fix=_FIX)


def _check_systems(record: CompletionRecord) -> None:
    if record.scope and not {one.system for one in record.systems} <= set(record.scope):
        raise VerificationError("a system answers that the request is not about", fix=_FIX)
    for system in record.systems:
        for line in system.record_sets:
            _check_line(record, line)


def _holds(record: CompletionRecord, tags: set[str]) -> bool | None:
    """Tell whether lines support a result; None where nobody knows the result."""
    match record.result:
        case "fulfilled" if not _done(record, tags):
            return False
        case "fulfilled":
            return bool(tags - {"nothing_held", "not_subject"}) and not tags & {"kept", "not_searched"}
        case "nothing_held":
            return {"nothing_held"} <= tags <= {"nothing_held", "not_subject"}
        case "not_subject":
            return tags == {"not_subject"}
        case "unidentifiable":
            return tags <= {"not_searched"}
        case "partly_fulfilled" | "withdrawn" | "identity_not_established" | "lapsed":
            return True
        case "refused":
            return bool(record.ground)
        case _:
            return None


def _done(record: CompletionRecord, tags: set[str]) -> bool:
    """Tell whether what the first record claims is the right, and not what goes with it on the way.

    An objection is met by the end of a use, a restriction by a mark: either may be lifted, which is told later.
    """
    if record.number > 1 or record.right not in {"objection", "restriction"}:
        return True
    return not tags & {"restricted", "lifted"} or bool(tags & {_DOES[record.right], "attested"})


_DOES: Final = {"objection": "stopped", "restriction": "restricted"}


def _why_not(record: CompletionRecord, reason: str) -> str:
    if record.right in _RESTRICTS and reason.startswith(_STAYS):
        return "restricted"
    # Whose data was erased, and who came back themselves, is looked at again and left alone (I14).
    back = record.looked_again is not None and reason == _CAME_BACK
    some = back or record.origin == RETENTION
    reached = (record.right in _REACHES_ALL and not some) or not reason.startswith(_NOT_SUBJECT)
    return "not_searched" if reached else "not_subject"


def _check_line(record: CompletionRecord, line: RecordSetLine) -> None:
    tag = _tag(line.outcome)
    if not {tag, *map(_tag, line.also)} <= _LINES.get(record.right, frozenset()):
        raise VerificationError("a line does not belong to this right", fix=_FIX)
    if not line.rule:
        raise VerificationError("a line names no rule", fix=_FIX)
    if line.assurance != ("attested" if tag == "attested" else "verified"):
        raise VerificationError("a line claims another assurance than it has", fix=_FIX)
    for one in (line.outcome, *line.also):
        _check_change(one)
    if isinstance(line.outcome, Kept):
        _check_kept(line.outcome)


def _check_recipient(record: CompletionRecord, line: RecipientLine) -> str:
    """Check what is said of a processor or recipient; gives the word by which it counts for the headline."""
    if record.right not in _ASKED_ABOUT:
        raise VerificationError("nobody is asked or told about this right", fix=_FIX)
    outcome = line.outcome
    if (outcome is None) == (not line.why_not) or line.assurance != ("attested" if outcome is not None else ""):
        raise VerificationError("a recipient's line says neither what it did nor why not", fix=_FIX)
    if outcome is None:
        return "not_searched" if line.role == "processor" and _takes(line.why_not) else ""
    if isinstance(outcome, Notified) != (line.role != "processor"):
        raise VerificationError("a processor answers, and a recipient is told", fix=_FIX)
    if isinstance(outcome, Kept):
        _check_kept(outcome)
        if record.right != "erasure":
            raise VerificationError("only an erasure has exceptions", fix=_FIX)
    if isinstance(outcome, Attested | Kept) and not line.document_sha256:
        raise VerificationError("a processor's word without a document", fix=_FIX)
    return "" if isinstance(outcome, Notified) else _tag(outcome)


def _check_kept(outcome: Kept) -> None:
    if not (outcome.text and (outcome.until or outcome.review_by)):
        raise VerificationError("records are kept without a text or a date", fix=_FIX)


def _check_change(outcome: msgspec.Struct) -> None:
    if not isinstance(outcome, Rectified | Restricted | Lifted | Stopped):
        return
    if outcome.looked_at is None:
        raise VerificationError("a change without its second look", fix=_FIX)
    if not outcome.count:
        raise VerificationError("a change of no record", fix=_FIX)
    if isinstance(outcome, Stopped) and not outcome.purposes:
        raise VerificationError("a use is stopped for no purpose", fix=_FIX)


def _tag(outcome: msgspec.Struct) -> str:
    return str(outcome.__struct_config__.tag)
