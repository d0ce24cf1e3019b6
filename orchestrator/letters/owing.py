"""What an answer may not leave out: a letter that is silent about what is kept claims more than the record."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.letters.case import lines_of
from orchestrator.letters.claims_others import is_open
from orchestrator.letters.said import GONE
from schemas.completion import CompletionRecord, SystemLine
from schemas.outcomes import (
    Anonymised,
    Attested,
    Deleted,
    Kept,
    KeptWhy,
    NothingHeld,
    Notified,
)


def owed(record: CompletionRecord) -> frozenset[tuple[str, str]]:
    """Give what an answer may not leave out: pairs of a claim and a place."""
    found = {*_of_lines(record), *_of_others(record)}
    found |= {("not_searched", place) for place in record.not_searched}
    if record.ground:
        found.add(("refused", ""))
    if record.ground or any(claim in {"kept", "processor_kept"} for claim, _ in found):
        found.add(("remedies", ""))
    if record.right == "erasure" and _some_gone(record) and any(map(_in_backups, record.systems)):
        found.add(("backups", ""))
    return frozenset(found)


def _of_lines(record: CompletionRecord) -> Iterator[tuple[str, str]]:
    for place, line in lines_of(record):
        for one in (line.outcome, *line.also):
            match one:
                case Kept(why=KeptWhy.LIVE_FILE):
                    yield "live_file", place
                case NothingHeld() | Deleted() | Anonymised():
                    pass  # a letter that tells less good than there is misleads nobody
                case _:
                    yield type(one).__name__.lower(), place


def _of_others(record: CompletionRecord) -> Iterator[tuple[str, str]]:
    for one in record.recipients:
        place = f"@{one.recipient}"
        if one.withheld:
            continue  # the person may not be told of it (GDPR Art. 23)
        match one.outcome:
            case Attested():
                yield "processor_done", place
            case Kept():
                yield "processor_kept", place
            case Notified():
                yield "notified", place
            case None if is_open(one):
                yield "processor_unasked" if one.role == "processor" else "not_told", place
            case None:
                pass


def _some_gone(record: CompletionRecord) -> bool:
    return any(
        (isinstance(one, GONE) and line.assurance == "verified") or (isinstance(one, Kept) and one.erased > 0)
        for _, line in lines_of(record)
        for one in (line.outcome, *line.also)
    )


def _in_backups(system: SystemLine) -> bool:
    return bool(system.backups_kept_days) and any(
        not isinstance(line.outcome, NothingHeld) for line in system.record_sets
    )
