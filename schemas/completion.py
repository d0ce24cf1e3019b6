"""The completion record: the sealed result of a request, verifiable offline (formats.md 4.3, 8).

No direct identifiers, no hashes of them, no row keys, no paths, no free text: every text is a code, an id, a digest, a
date, or a line that begins with one of the phrases below. It is pseudonymous and has a retention of its own. All
numbers are integers (RFC 8785 stays trivial), all times RFC 3339 in UTC. What may change in it is promised in
``docs/completions.md``.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from schemas.fields import (
    RESTORED_PATTERN,
    Count,
    Date,
    Id,
    Kind,
    KindOrEmpty,
    Line,
    Place,
    PlaceOrEmpty,
    RecordId,
    Role,
    RoleOrEmpty,
    Rule,
    Salt,
    SetName,
    Sha256,
    Sha256OrEmpty,
    Time,
    Word,
    line_of,
    one_of,
)
from schemas.outcomes import Attested, Kept, Notified
from schemas.outcomes import Final as FinalOutcome
from schemas.particulars import Right

KIND: Final = "dsr-completion"
JWS_TYP: Final = "dsr-completion+jws"
STATEMENT: Final = (
    "This record proves who stated what and when, and that a second look was taken on the listed record sets. "
    "It does not prove that no copy exists outside them."
)


RIGHTS: Final = tuple(sorted(Right))
RESULTS: Final = (
    "fulfilled",
    "identity_not_established",
    "lapsed",
    "not_subject",
    "nothing_held",
    "partly_fulfilled",
    "refused",
    "unidentifiable",
    "withdrawn",
)
"""How a request ends (``core.model.Result``)."""
HEADLINES: Final = (
    "anonymised",
    "attested",
    "deleted",
    "exported",
    "kept",
    "lifted",
    "not_searched",
    "not_subject",
    "nothing_held",
    "rectified",
    "restricted",
    "stopped",
)
"""The words by which a line counts for the headline (``core.aggregate``)."""
REQUESTERS: Final = ("agent", "controller", "guardian", "heir", "lawyer", "parent")
OWED: Final = ("backup_horizon", "package_expiry", "recipient", "restriction", "retention", "suppression", "transfer")
"""What may be owed after a record (``core.model.Obligation``)."""

CORRECTED: Final = "corrected: "
"""Begins the reason of a line that a further record does not claim any more; the verifier knows it too."""
CORRECTIONS: Final = ("attestation_wrong", "date_wrong", "other_person", "recipient_word_wrong")
"""Why what people had noted does not hold."""

WhyNotSearched = Annotated[
    str,
    line_of(
        "GDPR Art. ",
        CORRECTED,
        "no such system is connected",
        "not looked at to the end: the request ended before",
        "not subject to this right: ",
        "out of the scope of the request",
        "stays restricted by request ",
    ),
]
WhyNotAsked = Annotated[
    str,
    line_of(
        "GDPR Art. 19: ",
        "answered for by the connected system ",
        CORRECTED,
        "not asked",
        "not concerned: ",
        "not told: ",
        "not waited for: ",
    ),
]

LookedAgain = Annotated[str, msgspec.Meta(pattern=RESTORED_PATTERN)]


class RecordSetLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One record set of one system: what was decided, what was done, what the second look showed.

    Attributes:
        name: The public id of the record set.
        rule: Why this was the decision (I7).
        also: What else was done to it, where a right has several steps.
        decided_by: Role of the person whose decision it was, where it was not the rules'.
    """

    name: SetName
    outcome: FinalOutcome
    rule: Rule
    assurance: Annotated[str, one_of("attested", "verified")] = "verified"
    also: tuple[FinalOutcome, ...] = ()
    decided_by: RoleOrEmpty = ""


class SystemLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One system that had to answer.

    Attributes:
        connector: The program that acted, and looked again on a fresh connection.
        backups_kept_days: How long its backups live; in them the data stays until then.
    """

    system: Id
    connector: Word
    confirmed_at: Time
    confirmation_sha256: Sha256
    record_sets: tuple[RecordSetLine, ...]
    backups_kept_days: Count | None = None


class RecipientLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A processor that was asked (GDPR Art. 28), or a recipient that was told (Art. 19). Never verified: a word.

    Attributes:
        recipient: Its id in the policy.
        role: processor, recipient, authority or partner.
        record_sets: As system/record set: what it works on, or was given, and was asked or told about.
        outcome: Attested (a processor has done it), Kept (a processor keeps it, on which text and until when), Notified
            (it was told); None: ``why_not`` says why there is none.
        asked_on: When it was asked or told, as far as that was noted.
        found: How many records it says that it found.
        document_sha256: Of the document that proves it.
        country: Where it is: an ISO 3166 code, or the area that the policy names.
        agreement: Contract under Art. 28(3), as the policy names it; ``transfer``: what a transfer to it rests on.
        withheld: Text by which the person may not be told of it (Art. 23). Since records name their ``sources``, what
            may be withheld does not stand in them.
    """

    recipient: Id
    role: Annotated[str, one_of("authority", "partner", "processor", "recipient")]
    record_sets: tuple[Place, ...] = ()
    outcome: Attested | Kept | Notified | None = None
    assurance: Annotated[str, one_of("", "attested")] = ""
    why_not: WhyNotAsked = ""
    asked_on: Date | None = None
    found: Count | None = None
    document_sha256: Sha256OrEmpty = ""
    country: Word = ""
    agreement: Word = ""
    transfer: tuple[Word, ...] = ()
    withheld: Word = ""


class PauseLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """The clock stood still while the person was asked: from ``asked_at`` until ``answered_at``; None: no answer."""

    reason: Kind
    asked_at: Time
    answered_at: Time | None = None


class ExtensionLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer took longer, and the person was told so, and why (Art. 12(3))."""

    reason: Kind
    told_at: Time


class OwedLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is still owed after this record, and becomes a further record when it is met.

    Attributes:
        kind: ``retention``: what is kept comes due; ``backup_horizon``: until then backups hold it; ``recipient``: a
            processor is asked again; and so on.
        due: When it comes due.
        place: The system or record set, or the id of a processor; empty: it is about the request.
    """

    kind: Annotated[str, one_of(*OWED)]
    due: Date
    place: PlaceOrEmpty = ""


class HeldBackLine(msgspec.Struct, frozen=True):
    """Passages about others that a copy does not give (Art. 15(4), 20(4)): of which record set, on which ground."""

    place: Place
    ground: Annotated[str, one_of("legal_privilege", "rights_of_others", "trade_secret")]
    count: Count


class Sources(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the plan was made from; each digest is the SHA-256 of a file, as it was when the request came.

    Attributes:
        maps: system -> its data map.
        law: The tables of legal texts and periods of the program: ``cat law/*.json | sha256sum`` in a bundle.
        policy: The policy file; empty: there is none.
    """

    maps: dict[Id, Sha256]
    law: Sha256
    policy: Sha256OrEmpty = ""


class CompletionRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """The payload that is canonicalised (RFC 8785) and signed.

    Attributes:
        number: 1 for the completion, 2 and up for later records of the same request (obligations met).
        identifier_kinds: The kinds that were searched, never values.
        not_searched: Systems out of scope, and record sets that the right does not reach, with the reason, so that
            silence is not read as "no data".
        plan_sha256: Digest of the list of systems and record sets that had to answer, with their rules.
        headline: The weakest line (architecture.md section 6).
        identifiers_kept_until: How long the sealed identifiers live for what is still owed; None: gone now.
        by_hand: What a person did, where the right asks nothing of any system.
        recipients: Processors and recipients of the policy: asked, told, or why not.
        follows: Id of the record before this one, when a request has several.
        ground: Why the controller did not act; only of a refused request (Art. 12(4)).
        extended: The answer took two months more, and the person was told in time (Art. 12(3)).
        paused_days: Days by which the answer was later because the person was asked for something.
        requester: In which relation to the data subject whoever asked stands; None: it is the data subject.
        origin: ``retention``: nobody asked, the controller's own sweep found records past their period, and nobody was
            answered; None: it was asked for.
        controllers: Those that were asked. ``bound_controllers``: all that the request binds, these included, where one
            that was asked is a joint controller (Art. 26(3)); empty: nobody else is bound.
        looked_again: Why a closed erasure was looked at again (I14): ``recheck``, ``restored:`` and the time of the
            snapshot, or ``due``: what was kept came due, and the person was there again; None: it was none of these.
        scope: The systems that the request is about, and later episodes of it.
        identity: How surely it is known who asked; ``identity_method``: by which means it was confirmed, a code; empty:
            intake said so.
        due_trace: Every step by which ``due_at`` came about, with its text.
        pauses, extension: Each question to the person while which the clock stood still, and when they were told that
            it takes longer.
        approved_by: Roles of those who approved the erasure before it began.
        owed: What is still owed, each of which becomes a further record.
        sources: What the plan was made from. A record without them is of an older form, and does not tell what stands
            from ``scope`` on.
        receipt_sha256: Commitment that the receipt of whoever asked opens (``receipts.commitment``, ADR 43); None:
            there is none.
        held_back: Passages about other people that the copy does not give; everything else of the records is in it.
        corrects: Id of an earlier record of the request, of which lines that people had noted do not hold; they are in
            ``not_searched``, or without an outcome. ``correction``: why.
        salt: base64url, 32 bytes; makes the hash of the record a hiding commitment.
    """

    v: Count
    kind: Annotated[str, one_of(KIND)]
    record_id: RecordId
    number: Count
    request_id: Id
    right: Annotated[str, one_of(*RIGHTS)]
    controllers: tuple[Id, ...]
    received_at: Time
    due_at: Date
    due_rule: Line
    completed_at: Time
    result: Annotated[str, one_of(*RESULTS)]
    headline: Annotated[str, one_of(*HEADLINES)]
    identifier_kinds: tuple[Kind, ...]
    systems: tuple[SystemLine, ...]
    not_searched: dict[Place, WhyNotSearched]
    plan_sha256: Sha256
    policy_version: Word
    statement: Annotated[str, one_of(STATEMENT)]
    salt: Salt
    identifiers_kept_until: Date | None = None
    package_sha256: Sha256 | None = None
    by_hand: tuple[RecordSetLine, ...] = ()
    recipients: tuple[RecipientLine, ...] = ()
    follows: RecordId | None = None
    ground: Annotated[str, msgspec.Meta(pattern=r"^(dead:)?[a-z][a-z0-9_]{0,63}$(?!\n)")] | None = None
    extended: bool = False
    paused_days: Count = 0
    requester: Annotated[str, one_of(*REQUESTERS)] | None = None
    bound_controllers: tuple[Id, ...] = ()
    looked_again: LookedAgain | None = None
    origin: Annotated[str, one_of("retention")] | None = None
    scope: tuple[Id, ...] = ()
    identity: Annotated[str, one_of("", "doubted", "unverified", "verified")] = ""
    identity_method: KindOrEmpty = ""
    due_trace: tuple[Line, ...] = ()
    pauses: tuple[PauseLine, ...] = ()
    extension: ExtensionLine | None = None
    approved_by: tuple[Role, ...] = ()
    owed: tuple[OwedLine, ...] = ()
    sources: Sources | None = None
    receipt_sha256: Sha256 | None = None
    held_back: tuple[HeldBackLine, ...] = ()
    corrects: RecordId | None = None
    correction: Annotated[str, one_of(*CORRECTIONS)] | None = None
