"""The completion record: the sealed result of a request, verifiable offline (formats.md 4.3, 8).

No direct identifiers, no hashes of them, no row keys, no paths, no free text. It is pseudonymous and has a
retention of its own. All numbers are integers (RFC 8785 stays trivial), all times RFC 3339 in UTC.
"""

from __future__ import annotations

from typing import Final

import msgspec

from schemas.outcomes import Attested, Kept, Notified
from schemas.outcomes import Final as FinalOutcome

KIND: Final = "dsr-completion"
JWS_TYP: Final = "dsr-completion+jws"
STATEMENT: Final = (
    "This record proves who stated what and when, and that a second look was taken on the listed record sets. "
    "It does not prove that no copy exists outside them."
)


class RecordSetLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One record set of one system: what was decided, what was done, what the second look showed.

    ``name`` is the public id of the record set; the rule says why this was the decision (I7). ``also``: what else was
    done to it, where a right has several steps.
    """

    name: str
    outcome: FinalOutcome
    rule: str
    assurance: str = "verified"
    also: tuple[FinalOutcome, ...] = ()


class SystemLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One system that had to answer."""

    system: str
    connector: str
    confirmed_at: str
    confirmation_sha256: str
    record_sets: tuple[RecordSetLine, ...]
    backups_kept_days: int | None = None


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
        withheld: Text by which the person may not be told of it (Art. 23).
    """

    recipient: str
    role: str
    record_sets: tuple[str, ...] = ()
    outcome: Attested | Kept | Notified | None = None
    assurance: str = ""
    why_not: str = ""
    asked_on: str | None = None
    found: int | None = None
    document_sha256: str = ""
    country: str = ""
    agreement: str = ""
    transfer: tuple[str, ...] = ()
    withheld: str = ""


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
        salt: base64url, 32 bytes; makes the hash of the record a hiding commitment.
    """

    v: int
    kind: str
    record_id: str
    number: int
    request_id: str
    right: str
    controllers: tuple[str, ...]
    received_at: str
    due_at: str
    due_rule: str
    completed_at: str
    result: str
    headline: str
    identifier_kinds: tuple[str, ...]
    systems: tuple[SystemLine, ...]
    not_searched: dict[str, str]
    plan_sha256: str
    policy_version: str
    statement: str
    salt: str
    identifiers_kept_until: str | None = None
    package_sha256: str | None = None
    by_hand: tuple[RecordSetLine, ...] = ()
    recipients: tuple[RecipientLine, ...] = ()
    follows: str | None = None
    ground: str | None = None
    extended: bool = False
    paused_days: int = 0
    requester: str | None = None
    bound_controllers: tuple[str, ...] = ()
    looked_again: str | None = None
    origin: str | None = None
