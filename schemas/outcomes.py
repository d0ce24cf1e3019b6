"""Outcomes of a task, one per record set: a closed union (architecture.md section 6).

A task's answer is a mapping from record set to outcome. ``Final`` outcomes may close a request; ``Never``
outcomes never do, whatever else is true (invariant I1). mypy's exhaustive-match makes a new member break
every reader, on purpose.

Counts are numbers of records (rows, lines). Dates are ISO 8601 ``YYYY-MM-DD`` strings, times RFC 3339 in UTC.
"""

from __future__ import annotations

import enum

import msgspec

from schemas.fields import Count, Date, Time, Word


def _tag(name: str) -> str:
    return "nothing_held" if name == "NothingHeld" else name.lower()


class _Outcome(msgspec.Struct, frozen=True, tag_field="outcome", tag=_tag, omit_defaults=True):
    """Base: the JSON tag is the class name in snake case."""


class Facts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What decisions need to know about the records found, without the records.

    Attributes:
        anchor_first: Earliest anchor date of the retention rule (invoice date, last contact, ...).
        anchor_last: Latest anchor date.
        anchor_missing: Records whose anchor column is empty: no date can be computed for them.
        since_first: Earliest day on which the person gave the data themselves (``since`` of the data map), which tells
            who came back from what came back (I14). ``since_last``: the latest; ``since_missing``: records without one.
        persons: Distinct persons the records belong to, where the data map can tell (``one_per_subject``).
    """

    anchor_first: Date | None = None
    anchor_last: Date | None = None
    anchor_missing: Count = 0
    persons: Count = 1
    since_first: Date | None = None
    since_last: Date | None = None
    since_missing: Count = 0


class Located(_Outcome, frozen=True):
    """Records were found. Not final."""

    count: Count
    facts: Facts = Facts()


class NothingHeld(_Outcome, frozen=True):
    """Looked, and nothing is held."""


class Deleted(_Outcome, frozen=True):
    """Every record is gone: by its key, and a fresh search is empty."""

    before: Count
    method: Word
    looked_at: Time


class Anonymised(_Outcome, frozen=True):
    """The records stay, every mapped personal column is gone and nothing links them back (I1)."""

    before: Count
    method: Word
    looked_at: Time


class KeptWhy(enum.StrEnum):
    """Why records stay: the exceptions of Art. 17(3), or a reason that is none of them."""

    EXPRESSION = "exception_17_3_a"
    LEGAL_OBLIGATION = "exception_17_3_b"
    PUBLIC_HEALTH = "exception_17_3_c"
    ARCHIVING = "exception_17_3_d"
    LEGAL_CLAIMS = "exception_17_3_e"
    NO_GROUND = "no_ground"
    HOLD = "hold"
    RESTRICTED = "restriction_chosen"
    LIVE_FILE = "rotation_of_a_live_file"


class Kept(_Outcome, frozen=True):
    """Records stay, for a reason with a text and a date (I8). Becomes an obligation.

    Attributes:
        count: Records that stay.
        why: The reason.
        text: Id of the legal text or policy rule it rests on.
        until: Date on which the last of them is due for erasure.
        review_by: Date on which the first of them is due, or on which somebody looks afresh.
        erased: Records of the same record set that were past their date and are gone.
        masked: Their personal columns are masked meanwhile.
        archived: They were moved to a restricted archive.
        looked_at: When the second look was taken.
    """

    count: Count
    why: KeptWhy
    text: Word
    until: Date | None = None
    review_by: Date | None = None
    erased: Count = 0
    masked: bool = False
    archived: bool = False
    looked_at: Time | None = None


class Exported(_Outcome, frozen=True):
    """A copy of the records was written. ``file`` is an opaque reference, ``sha256`` is of the encrypted bytes."""

    count: Count
    file: Word
    sha256: Word


class Rectified(_Outcome, frozen=True):
    """Records hold the right values (Art. 16), those that held them before included."""

    count: Count
    looked_at: Time | None = None


class Restricted(_Outcome, frozen=True):
    """Records are marked as restricted: only stored, no longer used (Art. 18)."""

    count: Count
    looked_at: Time | None = None


class Lifted(_Outcome, frozen=True):
    """Records are no longer marked as restricted (Art. 18(3)), those that never were included."""

    count: Count
    looked_at: Time | None = None


class Stopped(_Outcome, frozen=True):
    """Records are no longer used for these purposes (Art. 7(3), 21). They stay for all other purposes."""

    purposes: tuple[Word, ...] = ()
    count: Count = 0
    looked_at: Time | None = None


class Notified(_Outcome, frozen=True):
    """A recipient was told (Art. 19)."""

    recipient: Word


class Attested(_Outcome, frozen=True):
    """A processor or a person says so; nobody could look. The weaker assurance, and shown as such."""

    role: Word
    date: Date
    document_sha256: Word


class Pending(_Outcome, frozen=True):
    """Not yet possible or not yet finished; look again at ``check_after``."""

    check_after: Time
    ref: Word
    count: Count = 0


class Survived(_Outcome, frozen=True):
    """Said to be done, and not so at the second look: still there, or not as it was ordered."""

    count: Count
    detail: Word = ""


class Unverifiable(_Outcome, frozen=True):
    """The answer proves nothing. ``reason`` is a stable code, never free text from a store."""

    reason: Word


class FailureKind(enum.StrEnum):
    """How a failure is mended: by time, by a person, by the configuration."""

    TRANSIENT = "transient"
    PERMANENT = "permanent"
    MISCONFIGURED = "misconfigured"


class Failed(_Outcome, frozen=True):
    """The connector could not do it. ``code`` is a stable word or a class name, never a message text (I4)."""

    kind: FailureKind
    code: Word


Changed = Rectified | Restricted | Lifted | Stopped
Final = NothingHeld | Deleted | Anonymised | Kept | Exported | Changed | Notified | Attested
Waiting = Located | Pending
Never = Survived | Unverifiable | Failed
Outcome = Final | Waiting | Never

FINAL_TYPES: tuple[type, ...] = (
    NothingHeld,
    Deleted,
    Anonymised,
    Kept,
    Exported,
    Rectified,
    Restricted,
    Lifted,
    Stopped,
    Notified,
    Attested,
)


def is_final(outcome: Outcome) -> bool:
    """Tell whether this outcome may stand in a completion record."""
    return isinstance(outcome, FINAL_TYPES)
