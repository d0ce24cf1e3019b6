"""Commands about a record that says what people had noted wrongly (ADR 52)."""

from __future__ import annotations

from orchestrator.core.happened import Command
from schemas.completion import CompletionRecord


class RecordCorrected(Command, frozen=True, kw_only=True):
    """What people had noted does not hold as a record tells it.

    Attributes:
        record: The record, as it was signed; it carries no direct identifiers.
        places: Which of its lines: system/record set, the id of a processor or recipient, or the right where a person
            answered.
        reason: ``schemas.completion.CORRECTIONS``.
    """

    record: CompletionRecord
    places: tuple[str, ...]
    reason: str


class CorrectionSettled(Command, frozen=True, kw_only=True):
    """What a correction had left to be done was done, by a request of its own or by hand."""
