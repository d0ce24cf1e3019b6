"""Mails that were taken in, as a part of every transaction (ADR 33)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

Standing = Literal["request", "waiting", "settled"]


class MailRow(msgspec.Struct):
    """One mail. Nothing in it leads to anybody but ``sealed``.

    Attributes:
        mail_id: Keyed digest of its Message-ID, by which it counts once.
        content: Keyed digest of what it says, by which a copy is told from another mail of the same Message-ID.
        arrived_at: When it reached the company's mail server, RFC 3339; the day of receipt.
        dated: ``received`` where the server said so, else ``taken``: nobody but us knows.
        reason: Why it waits for a person; empty for a request.
        size: Bytes of the mail.
        sealed: The mail, sealed to its id with the store's key; None once nobody needs it any more.
    """

    mail_id: str
    content: bytes
    arrived_at: str
    dated: str
    taken_at: str
    standing: Standing
    reason: str
    size: int
    request_id: str | None = None
    sealed: bytes | None = None
    settled_at: str | None = None
    settled_by: str | None = None
    outcome: str | None = None


class MailRegistry(Protocol):
    """Mails by their id."""

    def mails(self, mail_ids: Sequence[str]) -> dict[str, MailRow]:
        """Give those of these mails that were taken in, without what is sealed."""
        ...

    def mail(self, mail_id: str) -> MailRow | None:
        """Give one mail whole."""
        ...

    def mails_of(self, request_id: str) -> list[MailRow]:
        """Give the mails of a request whole, the oldest first."""
        ...

    def waiting_mails(self) -> list[MailRow]:
        """Give the mails that wait for a person, the oldest first, without what is sealed."""
        ...

    def add_mails(self, rows: Sequence[MailRow]) -> None:
        """Note mails.

        Raises:
            ConflictError: another transaction was first with one of them.
        """
        ...

    def settle_mail(self, mail_id: str, *, at: str, role: str, outcome: str, request_id: str | None) -> bool:
        """Note what a person made of a mail; False if it does not wait. One of no request loses what it says."""
        ...

    def drop_mails(self, request_ids: Sequence[str]) -> None:
        """Forget what the mails of these requests say; that they came stays, so that none counts again."""
        ...
