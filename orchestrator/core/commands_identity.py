"""What a person in charge notes about who asks, and how a request ends without being carried out. Code words only."""

from __future__ import annotations

from orchestrator.core.happened import Command


class IdentityDoubted(Command, frozen=True, kw_only=True):
    """There is reasonable doubt (Art. 12(6)). ``reason``: why; ``asks``: what the person is asked for."""

    reason: str
    asks: str


class IdentityConfirmed(Command, frozen=True, kw_only=True):
    """It is who they say. ``method``: how that was found; ``valid_until``: of a proof of the requester's, if new.

    ``afresh``: after a doubt nothing goes on from what was found before it; said by the engine when it is applied.
    """

    method: str
    valid_until: str = ""
    afresh: bool = False


class IdentityRefused(Command, frozen=True, kw_only=True):
    """It could not be established who asks: the request ends. ``reason``: why."""

    reason: str


class DocumentDeleted(Command, frozen=True, kw_only=True):
    """The document that was looked at is deleted (S45)."""


class Refused(Command, frozen=True, kw_only=True):
    """The controller does not act on the request (Art. 12(4), 12(5)).

    ``ground``: one of ``refusing.GROUNDS``; ``reason``: the fact that it rests on, which the controller has to prove;
    ``text``: id of the legal text.
    """

    ground: str
    reason: str
    text: str


class DeadDecided(Command, frozen=True, kw_only=True):
    """Data of the dead: somebody decided by hand that this may be carried out, and why (LIL Art. 84-86)."""

    why: str


class FeeQuoted(Command, frozen=True, kw_only=True):
    """A further copy costs something (Art. 15(3))."""

    cents: int
    currency: str


class FeeAccepted(Command, frozen=True, kw_only=True):
    """The person accepts what the copy costs."""


class FeeWaived(Command, frozen=True, kw_only=True):
    """A further copy costs nothing."""
