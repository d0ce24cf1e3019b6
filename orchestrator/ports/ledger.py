"""The ledger in the store: leaves, numbered or not yet, the tiles of the tree, and signed checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec


class LeafRow(msgspec.Struct):
    """One leaf. ``number`` is None until the sequencer has given it one.

    Attributes:
        fact: What it stands for, once for each request: ``received``, ``completed``, ``answered.1``, ``discharged.2``.
        at: When the fact was written; leaves are numbered in this order.
        entry: 32 bytes, the SHA-256 of the document.
        statement: The document, where it is not a record and was not deleted.
        retired_at: When the document was deleted at the end of its retention (ADR 45).
    """

    request_id: str
    fact: str
    at: str
    entry: bytes
    statement: bytes | None
    number: int | None = None
    retired_at: str | None = None


class CheckpointRow(msgspec.Struct, frozen=True):
    """A signed checkpoint."""

    size: int
    at: str
    note: bytes


class CheckpointMail(msgspec.Struct, frozen=True):
    """A checkpoint on its way to a mailbox.

    Attributes:
        size: Its size, which names it.
        due_at: Since when it should be sent.
        tried_at: When somebody last began to send it.
        tries: How often that was.
        sent_at: When a mail server took it; None: none has.
    """

    size: int
    due_at: str
    tried_at: str
    tries: int
    sent_at: str | None = None


class LedgerBook(Protocol):
    """What a transaction knows of the ledger. Only whoever is ``alone("ledger")`` numbers leaves."""

    def add_leaves(self, rows: Sequence[LeafRow]) -> None:
        """Write leaves that have no number yet, in the transaction of the facts they stand for."""
        ...

    def pending_leaves(self, limit: int) -> list[LeafRow]:
        """Give leaves that have no number yet, oldest first."""
        ...

    def number_leaves(self, rows: Sequence[LeafRow]) -> None:
        """Write the numbers of leaves.

        Raises:
            ConflictError: a number is taken.
        """
        ...

    def tile(self, level: int, place: int) -> bytes | None:
        """Give a tile."""
        ...

    def save_tiles(self, tiles: Mapping[tuple[int, int], bytes]) -> None:
        """Insert tiles, or replace them by longer ones."""
        ...

    def last_checkpoint(self) -> CheckpointRow | None:
        """Give the checkpoint of the largest tree; None before the first one."""
        ...

    def save_checkpoint(self, row: CheckpointRow) -> None:
        """Keep a checkpoint, or replace its note by one with more signatures."""
        ...

    def checkpoint_mails(self) -> list[CheckpointMail]:
        """Give the mails that are known, smallest checkpoint first: the last one sent, and one that is not."""
        ...

    def save_checkpoint_mail(self, row: CheckpointMail) -> None:
        """Keep a mail. One that was sent replaces all others, another one all that were not sent."""
        ...


class Anchors(Protocol):
    """Where checkpoints are kept outside of our control."""

    def newest(self) -> bytes | None:
        """Give the note of the largest checkpoint that was handed over; None where there is none.

        Raises:
            DependencyError: it cannot be told.
        """
        ...

    def hand_over(self, size: int, note: bytes) -> None:
        """Hand a checkpoint over; one that is there already stays.

        Raises:
            DependencyError: it cannot be.
        """
        ...
