"""Records that may come, to try templates on: each outcome beside each other, every result, first and later records.

A template that is right on all of them may still be wrong on one that is not here. So each letter is held against its
own record as well, before it is handed out; this only tells the author earlier.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from typing import Final

import msgspec

from orchestrator.core.recipients_answers import WHY_NOT_TOLD
from orchestrator.core.recipients_told import ENDED, UNASKED
from orchestrator.letters.case import Case
from orchestrator.letters.facts import RIGHTS
from schemas.completion import KIND, STATEMENT, CompletionRecord, RecipientLine, RecordSetLine, SystemLine
from schemas.outcomes import (
    Anonymised,
    Attested,
    Deleted,
    Exported,
    Kept,
    KeptWhy,
    Lifted,
    NothingHeld,
    Notified,
    Rectified,
    Restricted,
    Stopped,
)
from schemas.outcomes import Final as FinalOutcome
from schemas.published import Notice
from schemas.receipts import CHANCE, commitment, made

_AT: Final = "2026-02-10T09:00:00.000Z"
_ID: Final = "sample"
_GONE: Final = Deleted(3, "delete", _AT)
_SHA: Final = "0" * 64
_RECEIPT: Final = made(bytes(CHANCE))
_WORD: Final = Attested("dpo", "2026-02-09", _SHA)
_ERASURE: Final[tuple[FinalOutcome, ...]] = (
    NothingHeld(),
    _GONE,
    Anonymised(1, "mask", _AT),
    Kept(2, KeptWhy.LEGAL_OBLIGATION, "fr-ccom-l123-22", until="2031-01-01", review_by="2028-01-01"),
    Kept(1, KeptWhy.NO_GROUND, "policy:running", review_by="2026-08-01", erased=4, masked=True),
    Kept(1, KeptWhy.HOLD, "gdpr-17-3-e", review_by="2027-01-01"),
    Kept(9, KeptWhy.LIVE_FILE, "policy:rotation", review_by="2026-03-01"),
    _WORD,
    Notified("atelier"),
)
_OF_RIGHT: Final[dict[str, tuple[FinalOutcome, ...]]] = {
    "erasure": _ERASURE,
    "access": (NothingHeld(), Exported(2, "file", _SHA), _WORD),
    "portability": (NothingHeld(), Exported(2, "file", _SHA), _WORD),
    "rectification": (NothingHeld(), Rectified(2, _AT), _WORD, Notified("atelier")),
    "restriction": (NothingHeld(), Restricted(2, _AT), Lifted(2, _AT), _WORD),
    "objection": (NothingHeld(), Stopped(("marketing",), 1, _AT), Restricted(2, _AT), Lifted(2, _AT)),
    "withdrawal_of_consent": (NothingHeld(), Stopped(("marketing",), 1, _AT), _WORD),
}
OTHERS: Final = (
    RecipientLine("atelier", "processor", ("crm/a",), Attested("processor", "2026-02-08", _SHA), "attested"),
    RecipientLine(
        "atelier",
        "processor",
        ("crm/a",),
        Kept(1, KeptWhy.LEGAL_OBLIGATION, "gdpr-17-3-b", until="2029-01-01"),
        "attested",
    ),
    RecipientLine(
        "atelier",
        "processor",
        ("crm/a",),
        Kept(0, KeptWhy.LEGAL_CLAIMS, "gdpr-17-3-e", review_by="2027-01-01"),
        "attested",
    ),
    RecipientLine("atelier", "processor", why_not=UNASKED),
    RecipientLine("atelier", "processor", why_not=ENDED),
    RecipientLine("atelier", "processor", why_not="not concerned: nothing was held in its record sets"),
    RecipientLine("partner", "partner", ("crm/a",), Notified("partner"), "attested"),
    *(RecipientLine("partner", "partner", ("crm/a",), why_not=why) for why in WHY_NOT_TOLD.values()),
    RecipientLine("partner", "partner", why_not="not told: nothing was changed in what it was given"),
    RecipientLine("police", "authority", ("crm/a",), Notified("police"), "attested", withheld="gdpr-23"),
)
"""Lines of processors and recipients."""
_REASONS: Final[tuple[dict[str, str], ...]] = (
    {},
    {"crm/b": "out of the scope of the request"},
    {"crm/b": "GDPR Art. 11: cannot be identified there; would help: email, phone", "logs": "GDPR Art. 11: cannot be"},
    {"crm/b": "not subject to this right: GDPR Art. 20(1)(a): rests on neither consent nor contract"},
    {"crm": "ended before it was finished there; 3 records may have been erased, unproven"},
)
_ENDINGS: Final = ("refused", "withdrawn", "identity_not_established", "lapsed")


@functools.cache
def cases() -> tuple[Case, ...]:
    """Give all of them."""
    return (*_without_records(), *_answers(), *_later(), *_passed_on())


def _without_records() -> Iterator[Case]:
    for right in RIGHTS:
        yield _case(right, "receipt", {"due_on": "2026-03-02"})
    yield _case("erasure", "receipt", {"due_on": "2026-03-02"}, to="requester")
    yield msgspec.structs.replace(
        _case("erasure", "receipt", {"due_on": "2026-03-02"}), receipt=_RECEIPT, receipt_sha256=commitment(_RECEIPT)
    )
    yield _case("erasure", "identity_needed", {})
    for asks, stops in itertools.product(("callback", "document"), (True, False)):
        yield _case("access", "identity_doubt", {"reason": "address_unknown", "asks": asks}, clock_stops=stops)
    extension = {"reason": "complexity", "due_on": "2026-04-30"}
    yield _case("access", "extension", extension, told_at=_AT, notice_by="2026-03-02")
    yield _case("access", "fee", {"amount_cents": "1250", "currency": "EUR"})
    for right in ("restriction", "objection"):
        yield _case(right, "restriction_lifted", {"on": "2026-02-11", "text": "gdpr-18-3"})


def _answers() -> Iterator[Case]:
    for right, pool in _OF_RIGHT.items():
        for one, other in itertools.combinations_with_replacement(pool, 2):
            for reasons in _REASONS:
                found = record(right, (one, other), not_searched=reasons)
                yield _answered(found)
        for ending, one in itertools.product(_ENDINGS, pool):
            yield _answered(record(right, (one, NothingHeld()), result=ending, not_searched=_REASONS[4]))
    for right in ("complaint", "safeguard_copy"):
        by_hand = (RecordSetLine(right, _WORD, "answer", "attested"),)
        yield _answered(record(right, (), by_hand=by_hand))
    yield _answered(record("objection", (Lifted(2, _AT),), result="refused", ground="overriding_grounds"))
    overridden = (Stopped(("marketing",), 1, _AT), Lifted(2, _AT))
    yield _answered(record("objection", overridden, result="partly_fulfilled", ground="overriding_grounds"))
    yield _answered(record("erasure", (), not_searched=_REASONS[2]))
    yield _answered(record("portability", (), result="not_subject", not_searched=_REASONS[3]))
    bare = {"crm/b": "not subject to this right: a reason without an article"}
    yield _answered(record("portability", (), result="not_subject", not_searched=bare))
    for line, one in itertools.product(OTHERS, _ERASURE):
        found = record("erasure", (one, _GONE), recipients=(line,))
        yield _answered(found)
        yield _answered(found, notice="recipients")
    for one in (_ERASURE[3], _ERASURE[4], _ERASURE[5]):
        yield _answered(record("erasure", (one, _GONE)), notice="partly_refused")


def _later() -> Iterator[Case]:
    for before, now in itertools.product(_ERASURE, _ERASURE):
        first = record("erasure", (before, _GONE))
        yield _answered(record("erasure", (now,), number=2), first)
        yield _answered(record("erasure", (now,), number=3), first, record("erasure", (before,), number=2))
    back = {"crm/b": "not subject to this right: the person came back themselves"}
    for why in ("recheck", "restored:2026-01-01T00:00:00Z"):
        first = record("erasure", (_GONE, _GONE))
        yield _answered(record("erasure", (_GONE,), number=2, not_searched=back, looked_again=why), first)
        yield _answered(record("erasure", (_GONE, NothingHeld()), number=2, looked_again=why), first)
    for word, another in itertools.product(OTHERS[:3], OTHERS[:3]):
        first = record("erasure", (_GONE,), recipients=(word,))
        yield _answered(record("erasure", (), number=2, recipients=(another,)), first)
    yield _answered(record("restriction", (Lifted(2, _AT),), number=2), record("restriction", (Restricted(2, _AT),)))


def _passed_on() -> Iterator[Case]:
    for kind, one in (("rectified", Rectified(2, _AT)), ("restricted", Restricted(2, _AT))):
        facts = {"record_sets": "crm/a", "text": "gdpr-19"}
        found = record({"rectified": "rectification"}.get(kind, "restriction"), (one, NothingHeld()))
        yield _case(found.right, kind, facts, found, to="recipients")


def record(
    right: str,
    outcomes: tuple[FinalOutcome, ...],
    *,
    number: int = 1,
    result: str = "",
    ground: str = "",
    not_searched: dict[str, str] | None = None,
    by_hand: tuple[RecordSetLine, ...] = (),
    recipients: tuple[RecipientLine, ...] = (),
    backups: int | None = 30,
    looked_again: str | None = None,
) -> CompletionRecord:
    """Make a record of one system with these outcomes; without a result, with the one that its lines support."""
    lines = tuple(
        RecordSetLine(name, one, "rule", "attested" if isinstance(one, Attested) else "verified")
        for name, one in zip("abcdefgh", outcomes, strict=False)
    )
    missing = not_searched or {}
    return CompletionRecord(
        v=1,
        kind=KIND,
        record_id=f"{_ID}.{number}",
        number=number,
        request_id=_ID,
        right=right,
        controllers=("acme",),
        received_at="2026-01-31T10:00:00.000Z",
        due_at="2026-03-02",
        due_rule="rule",
        completed_at="2026-02-10T10:00:00.000Z",
        result=result or _result(outcomes, missing, by_hand, recipients),
        headline="kept",
        identifier_kinds=("email",),
        systems=(SystemLine("crm", "sql", _AT, _SHA, lines, backups),) if lines else (),
        not_searched=missing,
        plan_sha256=_SHA,
        policy_version="1",
        statement=STATEMENT,
        salt="",
        package_sha256=_SHA if any(isinstance(one, Exported) for one in outcomes) else None,
        by_hand=by_hand,
        recipients=recipients,
        looked_again=looked_again,
        ground=ground or ("excessive" if result == "refused" else None),
    )


def _result(
    outcomes: tuple[FinalOutcome, ...],
    missing: dict[str, str],
    by_hand: tuple[RecordSetLine, ...],
    recipients: tuple[RecipientLine, ...],
) -> str:
    unsearched = [one for one in missing.values() if not one.startswith(("out of the scope", "not subject"))]
    if not outcomes and not by_hand and not recipients:
        return "unidentifiable"
    unasked = any(one.role == "processor" and one.why_not in {UNASKED, ENDED} for one in recipients)
    if unsearched or unasked or any(isinstance(one, Kept) for one in (*outcomes, *(of.outcome for of in recipients))):
        return "partly_fulfilled"
    held = (
        by_hand
        or any(isinstance(one.outcome, Attested) for one in recipients)
        or any(not isinstance(one, NothingHeld) for one in outcomes)
    )
    return "fulfilled" if held else "nothing_held"


def _answered(found: CompletionRecord, *before: CompletionRecord, notice: str = "answer") -> Case:
    facts = {"record": found.record_id, "result": found.result}
    if found.ground:
        facts["ground"] = found.ground
    if found.result == "unidentifiable":
        facts["would_help"] = "email, phone"
    return _case(found.right, notice, facts, *before, found)


def _case(
    right: str,
    kind: str,
    facts: dict[str, str],
    *records: CompletionRecord,
    to: str = "subject",
    clock_stops: bool = False,
    told_at: str = "",
    notice_by: str = "",
) -> Case:
    return Case(
        notice=Notice(f"{_ID}.{records[-1].number if records else 1}.{kind}.1", kind, to, facts),
        request_id=_ID,
        right=right,
        received_at="2026-01-31T10:00:00.000Z",
        records=records,
        names={"atelier": "Atelier XIV", "partner": "Partner SA", "police": "Police"},
        titles={"crm/a": ("contact",), "crm/b": ("billing", "employment")},
        told_at=told_at,
        notice_by=notice_by,
        clock_stops=clock_stops,
        authority="CNIL",
        court="Tribunal judiciaire de Paris",
    )
