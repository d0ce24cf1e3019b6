"""What a sentence claims, held against the signed record. It knows no template and does not use what wrote the letter.

Every claim is a function that says why it does not hold, or nothing. The words of a person in a template are free; what
they assert is named as data beside them, and judged here. In doubt a claim does not hold: then the letter stays in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from orchestrator.letters import claims_lines as of_line
from orchestrator.letters import claims_notices as told
from orchestrator.letters import claims_others as of_others
from orchestrator.letters import claims_request as of_request
from orchestrator.letters.case import Case, recipient_at
from orchestrator.letters.said import Claim, Said
from schemas.outcomes import (
    Anonymised,
    Attested,
    Deleted,
    Exported,
    Kept,
    Lifted,
    Rectified,
    Restricted,
    Stopped,
)

CLAIMS: Final[dict[str, Claim]] = {
    "erased_all": of_request.all_of(Deleted),
    "gone_all": of_request.all_of(Deleted, Anonymised),
    "erased_some": of_request.erased_some,
    "nothing_erased": of_request.nothing_erased,
    "nothing_kept": of_request.nothing_kept,
    "erased": of_line.only(Deleted, "erased"),
    "anonymised": of_line.only(Anonymised, "anonymised"),
    "partly_erased": of_line.partly,
    "erased_later": of_line.later(Deleted, "erased"),
    "anonymised_later": of_line.later(Anonymised, "anonymised"),
    "came_back": of_line.came_back(Deleted, "erased"),
    "came_back_anonymised": of_line.came_back(Anonymised, "anonymised"),
    "found_gone": of_line.found_gone,
    "kept": of_line.kept,
    "masked": of_line.masked,
    "live_file": of_line.live,
    "attested": of_line.done(Attested, by="role", said_on="date"),
    "exported": of_line.done(Exported, count="count"),
    "rectified": of_line.done(Rectified, count="count"),
    "restricted": of_line.done(Restricted, count="count"),
    "lifted": of_line.done(Lifted, count="count"),
    "stopped": of_line.done(Stopped, count="count", purposes="purposes"),
    "notified": of_others.notified,
    "processor_done": of_others.other(Attested, said_on="date"),
    "processor_kept": of_others.other(Kept, why="why", law="text", until="until", review_on="review_by"),
    "processor_unasked": of_others.no_word(processor=True),
    "not_told": of_others.no_word(processor=False),
    "not_searched": of_line.not_searched,
    "fulfilled": of_request.result("fulfilled"),
    "partly_fulfilled": of_request.result("partly_fulfilled"),
    "nothing_held": of_request.nothing_held,
    "unidentifiable": of_request.result("unidentifiable"),
    "withdrawn": of_request.result("withdrawn"),
    "refused": of_request.refused,
    "identity_not_established": of_request.result("identity_not_established"),
    "lapsed": of_request.result("lapsed"),
    "not_subject": of_request.result("not_subject"),
    "copy": of_request.copy,
    "backups": of_request.backups,
    "restored": of_request.restored,
    "received": told.of_notice("receipt", due_on="due_on"),
    "receipt": told.receipt,
    "doubt": told.of_notice("identity_doubt", asks="asks"),
    "clock_stops": told.clock_stops,
    "extended_in_time": told.extended_in_time,
    "lift_announced": told.of_notice("restriction_lifted", lift_on="on"),
    "fee": told.fee,
    "remedies": told.remedies,
    "recipients_rectified": of_others.recipients(Rectified, "rectified"),
    "recipients_restricted": of_others.recipients(Restricted, "restricted"),
}
"""Every claim there is. A template can name no other."""


def broken(case: Case, said: Said) -> Iterator[tuple[str, str]]:
    """Give the claims of a sentence that do not hold, each with the reason."""
    line = recipient_at(case.record, said.place) if case.record is not None else None
    if line is not None and line.withheld:
        yield said.claims[0] if said.claims else said.key, f"the person may not be told of it ({line.withheld})"
    for name in said.claims:
        if why := CLAIMS[name](case, said):
            yield name, why
