"""The sequencer: gives leaves their numbers, grows the tree, signs a checkpoint, and hands it over (ADR 37).

Leaves are written with the fact they stand for, and numbered afterwards by whoever gets the lock first: so a kill never
loses one, no number is given twice or left out, and the work on requests never waits for the ledger. What was handed
over outside is the authority on what the ledger was: where ours is smaller, or another one, it does not grow any more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from connectors.signals import SILENT, Signals
from orchestrator.engine.base import again
from orchestrator.errors import DependencyError, ExpungeError, VerificationError
from orchestrator.ledger import entries, notes
from orchestrator.ledger.notes import Checkpoint, NoteKey, NoteSigner
from orchestrator.ledger.tiles import Tile, Tree, append
from orchestrator.ports import Anchors, CheckpointRow, Clock, LeafRow, Store, Transaction
from schemas.requests import utc

MOST: Final = 1_000
"""Leaves a transaction."""
LOCK: Final = "ledger"
_RANK: Final = {kind: place for place, kind in enumerate(entries.FACTS)}


class LedgerKeys(msgspec.Struct, frozen=True):
    """What signs and checks checkpoints of one ledger. ``signers``: the one in use first."""

    origin: str
    signers: Sequence[NoteSigner]
    keys: Sequence[NoteKey]


class Sequencer:
    """Numbers leaves. Any number of processes may have one; one at a time works."""

    def __init__(
        self,
        store: Store,
        keys: Callable[[str], LedgerKeys],
        clock: Clock,
        *,
        origin: str = "",
        anchors: Anchors | None = None,
        signals: Signals = SILENT,
    ) -> None:
        """Take what it works with.

        Args:
            store: Where leaves are.
            keys: Gives the keys of a ledger by its origin; empty: it has no name yet.
            clock: Dates checkpoints, for lists only.
            origin: Name of the ledger, where the configuration says one.
            anchors: Where checkpoints go.
            signals: Where it says what became of it.
        """
        self._store = store
        self._keys = keys
        self._clock = clock
        self._origin = origin
        self._anchors = anchors
        self._signals = signals
        self._guard = threading.Lock()
        self._handed = -1
        self.refused: ExpungeError | None = None
        """Why it does not grow; None: it does."""

    def turn(self) -> int:
        """Number everything that waits, and hand the newest checkpoint over; returns how many leaves there were.

        A ledger that must not grow, or whose anchors are away, is said aloud and waits; nobody's request waits with it.

        Raises:
            DependencyError: the store cannot be used.
        """
        with self._guard:
            done = 0
            try:
                while new := again(self._grow):
                    done += new
                self._hand_over()
            except _Refused as refused:
                self._refuse(refused.why)
                return done
            if self.refused is not None:
                self._signals.log("ledger.resumed")
                self.refused = None
            if done:
                self._signals.log("ledger.grown", count=done)
            return done

    def doubt(self) -> ExpungeError | None:
        """Look whether the ledger may grow, and change nothing; gives why not.

        Raises:
            DependencyError: the store cannot be used.
        """
        try:
            newest = self._newest()
            with self._store.read() as tx:
                last = tx.last_checkpoint()
                keys = self._keys_for(last)
                self._hold_against(tx, newest, self._checked(tx, last, keys), keys)
        except _Refused as refused:
            return refused.why
        return None

    def _refuse(self, why: ExpungeError) -> None:
        if self.refused is None or self.refused.what != why.what:
            self._signals.log("ledger.refused", error=why)
        self.refused = why

    # -- growth -------------------------------------------------------------------------------------------
    def _grow(self) -> int:
        with self._store.read() as tx:
            if not tx.pending_leaves(1):
                return 0
        newest = self._newest()  # before anybody has to wait for us: a share may take its time
        with self._store.write() as tx:
            if not tx.alone(LOCK):
                return 0
            return self._grow_in(tx, newest)

    def _grow_in(self, tx: Transaction, newest: bytes | None) -> int:
        last = tx.last_checkpoint()
        rows = tx.pending_leaves(MOST)
        if not rows:
            return 0
        keys = self._keys_for(last)
        before = self._checked(tx, last, keys)
        self._hold_against(tx, newest, before, keys)
        rows.sort(key=lambda one: (one.at, _RANK.get(entries.kind_of(one.fact), len(_RANK)), one.request_id))
        numbered = [msgspec.structs.replace(one, number=before.size + at) for at, one in enumerate(rows)]
        changed = self._appended(tx, before.size, numbered)
        size = before.size + len(numbered)
        tree = Tree(_reader(tx, changed), size)
        note = notes.signed(Checkpoint(keys.origin, size, tree.root()).text(), keys.signers).raw()
        tx.number_leaves(numbered)
        tx.save_tiles(changed)
        tx.save_checkpoint(CheckpointRow(size, utc(self._clock.now()), note))
        return len(numbered)

    def _appended(self, tx: Transaction, size: int, rows: Sequence[LeafRow]) -> dict[Tile, bytes]:
        try:
            return append(_reader(tx, {}), size, [one.entry for one in rows])
        except LookupError as error:
            raise _damaged(str(error)) from None

    def _keys_for(self, last: CheckpointRow | None) -> LedgerKeys:
        """Give the keys: a ledger keeps the name it began with."""
        if last is None:
            return self._keys(self._origin)
        origin = notes.checkpoint_of(notes.parse(last.note)).origin
        if self._origin and origin != self._origin:
            fix = f'write origin = "{origin}", or restore the database that belongs to this configuration'
            raise _Refused(DependencyError("the ledger of this store has another name", where="[ledger]", fix=fix))
        return self._keys(origin)

    def _checked(self, tx: Transaction, last: CheckpointRow | None, keys: LedgerKeys) -> Checkpoint:
        """Give our newest checkpoint, held against the tree: a store that was tampered with is not signed over."""
        if last is None:
            return Checkpoint(keys.origin, 0, b"")
        found = notes.checkpoint_of(notes.parse(last.note))
        if found.size != last.size or _root(tx, found.size) != found.root:
            raise _damaged("the tree does not lead to the root that was signed")
        return found

    # -- anchors ------------------------------------------------------------------------------------------
    def _hold_against(self, tx: Transaction, newest: bytes | None, ours: Checkpoint, keys: LedgerKeys) -> None:
        """Hold our ledger against the newest checkpoint that was handed over."""
        if newest is None:
            return
        try:
            note = notes.parse(newest)
            notes.verify(note, keys.keys)
            theirs = notes.checkpoint_of(note)
        except VerificationError as error:
            fix = "see who changed it; take it away from there only once that is known"
            raise _Refused(DependencyError("the newest anchor is not one of ours", why=error.what, fix=fix)) from None
        if theirs.origin != keys.origin:
            fix = "give every ledger a folder of its own under [ledger] anchor"
            raise _Refused(DependencyError("the anchors are those of another ledger", where=theirs.origin, fix=fix))
        if theirs.size > ours.size:
            why = f"{theirs.size} leaves were handed over, {ours.size} are here"
            fix = "restore the newest backup of the database; if it is lost, begin a ledger of another name, and say so"
            raise _Refused(DependencyError("the ledger is smaller than it was", why=why, fix=fix))
        if theirs.size and _root(tx, theirs.size) != theirs.root:
            fix = "this is another history: restore the database that belongs to the anchors"
            raise _Refused(DependencyError("the ledger is not the one that was handed over", fix=fix))

    def _newest(self) -> bytes | None:
        if self._anchors is None:
            return None
        try:
            return self._anchors.newest()
        except ExpungeError as error:
            raise _Refused(error) from None

    def _hand_over(self) -> None:
        if self._anchors is None:
            return
        with self._store.read() as tx:
            last = tx.last_checkpoint()
            if last is None or last.size == self._handed:
                return
            newest, keys = self._newest(), self._keys_for(last)
            self._hold_against(tx, newest, self._checked(tx, last, keys), keys)
        try:
            self._anchors.hand_over(last.size, last.note)
        except ExpungeError as error:
            raise _Refused(error) from None
        self._handed = last.size


class _Refused(Exception):
    """The ledger does not grow."""

    def __init__(self, why: ExpungeError) -> None:
        super().__init__(why.what)
        self.why = why


def _damaged(why: str) -> _Refused:
    fix = "`expunge ledger check` says where; restore the database from a backup"
    return _Refused(DependencyError("the ledger is damaged", why=why, fix=fix))


def _reader(tx: Transaction, changed: dict[Tile, bytes]) -> Callable[[Tile], bytes]:
    def read(tile: Tile) -> bytes:
        found = changed.get(tile)
        if found is None:
            found = tx.tile(*tile)
        if found is None:
            raise LookupError(f"tile {tile[0]}/{tile[1]} is missing")
        return found

    return read


def _root(tx: Transaction, size: int) -> bytes:
    try:
        return Tree(_reader(tx, {}), size).root()
    except LookupError as error:
        raise _damaged(str(error)) from None
