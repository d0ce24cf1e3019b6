"""Commands that belong to one right: lift a restriction, weigh an objection, say what was done by hand."""

from __future__ import annotations

from orchestrator.core.asked import Balance
from orchestrator.core.happened import Command


class LiftOrdered(Command, frozen=True, kw_only=True):
    """The reason for the restriction is over. The person is told first, and it is lifted later (Art. 18(3))."""


class ObjectionBalanced(Command, frozen=True, kw_only=True):
    """Whose grounds weigh more was decided (Art. 21(1)). ``why``: a code, never about the person."""

    balance: Balance
    why: str


class DoneByHand(Command, frozen=True, kw_only=True):
    """Somebody did what no system could, and has a document that says so.

    Attributes:
        system: Where; empty: it is a request that no system is asked about.
        record_set: What; empty: all of it that is to be done by hand there.
        document_sha256: Of the document; its content and its name stay with whoever has it.
    """

    system: str = ""
    record_set: str = ""
    document_sha256: str
