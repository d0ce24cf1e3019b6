"""A ledger for tests: its sequencer over any store, and the whole of it recomputed without it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

import sqlalchemy as sa

from orchestrator.engine.sequencing import LedgerKeys, Sequencer
from orchestrator.keys.notes import LedgerSigner, LedgerVerifier
from orchestrator.ledger import notes
from orchestrator.ports import Anchors, LeafRow
from orchestrator.runtime.clock import SystemClock
from orchestrator.store.store import SqlStore

ORIGIN = "test.example/ledger"
SIGNER = LedgerSigner(ORIGIN, bytes(range(32)))
PINNED = LedgerVerifier.of(SIGNER.vkey)


def own(origin: str) -> LedgerKeys:
    signer = LedgerSigner(origin or ORIGIN, bytes(range(32)))
    return LedgerKeys(signer.name, [signer], [LedgerVerifier.of(signer.vkey)])


def sequencer(
    store: SqlStore, anchors: Anchors | None = None, origin: str = "", keys: Callable[[str], LedgerKeys] = own
) -> Sequencer:
    return Sequencer(store, keys, SystemClock(), anchors=anchors, origin=origin)


def leaf(request_id: str, fact: str = "received", at: str = "2026-01-01T00:00:00.000Z") -> LeafRow:
    document = f"{request_id}.{fact}".encode()
    return LeafRow(request_id, fact, at, hashlib.sha256(document).digest(), document)


def add(store: SqlStore, *rows: LeafRow) -> None:
    with store.write() as tx:
        tx.add_leaves(rows)


class Growing:
    """RFC 6962 section 2.1, leaf by leaf: the roots of the perfect trees from left to right, and their fold."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[tuple[int, bytes]] = []

    def grow(self, entry: bytes) -> None:
        self.size += 1
        height, one = 0, hashlib.sha256(b"\x00" + entry).digest()
        while self._peaks and self._peaks[-1][0] == height:
            one = hashlib.sha256(b"\x01" + self._peaks.pop()[1] + one).digest()
            height += 1
        self._peaks.append((height, one))

    def root(self) -> bytes:
        over = b""
        for _, one in reversed(self._peaks):
            over = hashlib.sha256(b"\x01" + one + over).digest() if over else one
        return over or hashlib.sha256(b"").digest()


def checked(store: SqlStore, keys: list[LedgerVerifier] | None = None) -> int:
    """Recompute everything: no gap, no number twice, every checkpoint is of its size; gives the number of leaves."""
    with store.read() as tx:
        found = tx.connection.execute(
            sa.text("SELECT number, entry FROM ledger_leaves WHERE number IS NOT NULL ORDER BY number")
        ).all()
        rows = tx.connection.execute(sa.text("SELECT size, note FROM ledger_checkpoints ORDER BY size")).all()
    assert [one.number for one in found] == list(range(len(found))), "no gap, no number twice"
    tree = Growing()
    for row in rows:
        note = notes.parse(bytes(row.note))
        notes.verify(note, keys or [PINNED])
        origin, size, root, _ = note.text.split("\n")
        assert int(size) == row.size
        for one in found[tree.size : row.size]:
            tree.grow(bytes(one.entry))
        assert base64.b64decode(root) == tree.root(), f"checkpoint {row.size} of {origin}"
    assert not found or rows[-1].size == len(found)
    return len(found)
