"""Commands about processors and recipients: that one was written to, and what it says (ADR 35)."""

from __future__ import annotations

from orchestrator.core.happened import Command


class RecipientAsked(Command, frozen=True, kw_only=True):
    """A processor was asked, or a recipient told. ``asked_on``: the day, where it is not that of the command."""

    recipient: str
    asked_on: str = ""


class RecipientAnswered(Command, frozen=True, kw_only=True):
    """What a processor says it did, or why a recipient was not told.

    Attributes:
        found: How many records it found; None: it does not say.
        exception: Empty: it is done. Of a processor the letter of Art. 17(3) by which it keeps some; of a recipient
            ``impossible`` or ``disproportionate`` (Art. 19).
        text, until, review_by: Of an exception: the text it rests on, and until when, or when it is looked at again.
        document_sha256: Of what proves it; its content and its name stay with whoever has it.
    """

    recipient: str
    found: int | None = None
    exception: str = ""
    text: str = ""
    until: str = ""
    review_by: str = ""
    document_sha256: str
