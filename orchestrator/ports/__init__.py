"""What the engine needs from outside, as small protocols. Adapters live in store, keys, files, runtime."""

from __future__ import annotations

from orchestrator.ports.bus import Consumer, Handle, Message, Outgoing, Producer, Sent
from orchestrator.ports.incidents import IncidentRow
from orchestrator.ports.ledger import Anchors, CheckpointMail, CheckpointRow, LeafRow, LedgerBook
from orchestrator.ports.links import LinkRow
from orchestrator.ports.mails import MailRow
from orchestrator.ports.rows import (
    INTAKE_SOURCE,
    TOO_EARLY,
    HoldRow,
    JournalRow,
    OutboxRow,
    ParkedRow,
    Position,
    Publication,
    Released,
)
from orchestrator.ports.store import Store, Transaction
from orchestrator.ports.surroundings import Chance, Clock, Keyring, Signer
from orchestrator.ports.sweeps import SweepRow

__all__ = [
    "INTAKE_SOURCE",
    "TOO_EARLY",
    "Anchors",
    "Chance",
    "CheckpointMail",
    "CheckpointRow",
    "Clock",
    "Consumer",
    "Handle",
    "HoldRow",
    "IncidentRow",
    "JournalRow",
    "Keyring",
    "LeafRow",
    "LedgerBook",
    "LinkRow",
    "MailRow",
    "Message",
    "OutboxRow",
    "Outgoing",
    "ParkedRow",
    "Position",
    "Producer",
    "Publication",
    "Released",
    "Sent",
    "Signer",
    "Store",
    "SweepRow",
    "Transaction",
]
