"""What a letter is about: one notice, the records of its request, and what the request itself says. No identifier."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from schemas.completion import CompletionRecord, RecipientLine, RecordSetLine
from schemas.outcomes import Final
from schemas.published import Notice


class Case(msgspec.Struct, frozen=True):
    """Everything that a letter may speak about, and that its claims are held against.

    Attributes:
        notice: What has to be told.
        right: The right that was exercised, e.g. ``erasure``.
        received_at: When the request arrived; RFC 3339.
        records: Signed records of the request, in order; the last is the one that this letter is about.
        titles: ``system/record set`` -> what the data map calls it: its categories.
        names: Id of a recipient -> its name in the policy.
        told_at, notice_by: When an extension was told, and the last day on which it could be; empty: there is none.
        authority, court: Where one may complain, as far as the policy says it.
        clock_stops: The law of every controller lets the clock stand still while the identity is open.
        receipt: The person's receipt, as long as it is kept (ADR 43). ``receipt_sha256``: what it has to open.
    """

    notice: Notice
    request_id: str
    right: str
    received_at: str
    records: tuple[CompletionRecord, ...] = ()
    titles: dict[str, tuple[str, ...]] = {}
    names: dict[str, str] = {}
    told_at: str = ""
    notice_by: str = ""
    clock_stops: bool = False
    authority: str = ""
    court: str = ""
    receipt: str = ""
    receipt_sha256: str = ""

    def __repr__(self) -> str:
        """Hide the receipt: who has it can claim the record."""
        return f"Case({self.request_id!r}, {self.notice.kind!r})"

    @property
    def record(self) -> CompletionRecord | None:
        """The record that the letter is about."""
        return self.records[-1] if self.records else None

    @property
    def before(self) -> tuple[CompletionRecord, ...]:
        """The records before it."""
        return self.records[:-1]


def lines_of(record: CompletionRecord) -> Iterator[tuple[str, RecordSetLine]]:
    """Give every line with its place; what was done by hand has the name of the right for a place."""
    for system in record.systems:
        for line in system.record_sets:
            yield f"{system.system}/{line.name}", line
    for line in record.by_hand:
        yield line.name, line


def recipient_at(record: CompletionRecord, place: str) -> RecipientLine | None:
    """Give the line of a processor or recipient; its place is ``@`` and its id."""
    return next((one for one in record.recipients if f"@{one.recipient}" == place), None)


def outcomes_at(record: CompletionRecord, place: str) -> tuple[Final, ...]:
    """Give everything that was done at a place."""
    return next(((line.outcome, *line.also) for name, line in lines_of(record) if name == place), ())


def episode_of(notice: Notice) -> int:
    """Give the episode that a notice is of, and so the number of the record that this episode ended with."""
    parts = notice.notice_id.rsplit(".", 3)
    return int(parts[1]) if len(parts) == 4 and parts[1].isdigit() else 1  # noqa: PLR2004 - request, episode, kind, number
