"""What whoever checks has pinned: keys that they got by another way, and until when each of them counts.

Nothing that comes with the evidence is trusted: a key in a bundle is there to be compared, not to be used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol, TypeVar

import msgspec

from orchestrator.errors import VerificationError
from orchestrator.ledger import entries, jws, notes, outline, record, stamps
from orchestrator.ledger.notes import Checkpoint, Note, NoteKey
from orchestrator.ledger.record import Checking
from orchestrator.ledger.stamps import Authority, Stamp
from schemas.completion import CompletionRecord

_FIX: Final = "ask the issuer for evidence that was signed while the key was in use"


class _Dated(Protocol):
    @property
    def completed_at(self) -> str: ...


_D = TypeVar("_D", bound=_Dated)


class RecordKey(msgspec.Struct, frozen=True):
    """A pinned key of records.

    Attributes:
        retired_at: RFC 3339; what says that it was completed then or later does not count. Empty: in use.
        lost_at: Size of the ledger when the key was lost: only what has a lower number counts. None: never lost.
    """

    key: Checking
    retired_at: str = ""
    lost_at: int | None = None


class LedgerKey(msgspec.Struct, frozen=True):
    """A pinned key of the ledger. ``retired_at``: size of the last checkpoint that it counts for; None: in use."""

    key: NoteKey
    retired_at: int | None = None


class Seen(msgspec.Struct, frozen=True):
    """A witness that has seen a checkpoint, and when (seconds since 1970)."""

    name: str
    at: int


class Trust(msgspec.Struct, frozen=True):
    """Everything that is pinned. ``needed``: how many of the witnesses must have cosigned a checkpoint.

    ``authority``: what checks time stamps; None where no root of any is pinned, and none is looked at.
    """

    records: Sequence[RecordKey] = ()
    ledger: Sequence[LedgerKey] = ()
    witnesses: Sequence[NoteKey] = ()
    needed: int = 0
    authority: Authority | None = None

    def record(self, raw: bytes, number: int | None = None) -> CompletionRecord:
        """Check a record under the pinned key it names.

        Args:
            raw: The record.
            number: Its place in the ledger, where that was proved.

        Raises:
            VerificationError: at the first doubt.
        """
        return self._pinned(raw, lambda key: record.verify(raw, key), lambda _: number)

    def disclosure(self, found: outline.Disclosure, place: Callable[[bytes], int] | None = None) -> outline.Shown:
        """Check a disclosure under the pinned key that its outline names.

        Args:
            found: The disclosure.
            place: Proves where the SHA-256 of the record stands in the ledger; None: that is not proved.

        Raises:
            VerificationError: at the first doubt.
        """
        return self._pinned(
            found.outline.encode(),
            lambda key: outline.verify(found, key),
            lambda shown: place(bytes.fromhex(shown.record_sha256)) if place else None,
        )

    def _pinned(self, raw: bytes, check: Callable[[Checking], _D], number: Callable[[_D], int | None]) -> _D:
        first: VerificationError | None = None
        for one in self.records:
            try:
                found = check(one.key)
            except VerificationError as error:
                first = first or error
                if one.key.kid == jws.kid_of(raw):
                    raise
                continue
            _in_time(one, found.completed_at, number(found))
            return found
        raise first or VerificationError("no key of records is given", fix="--key keys/record.pub.jwk of the issuer")

    def checkpoint(self, raw: bytes) -> tuple[Checkpoint, tuple[Seen, ...]]:
        """Check a checkpoint under the pinned keys; gives it and the witnesses that have seen it.

        Raises:
            VerificationError: at the first doubt.
        """
        note = notes.parse(raw)
        found = notes.checkpoint_of(note)
        signers = notes.verify(note, [one.key for one in self.ledger])
        names = {one.name for one in signers}
        if names != {found.origin}:
            raise VerificationError("the checkpoint is of another ledger than its key", fix=_FIX)
        in_use = [one for one in self.ledger if any(one.key is signer for signer in signers)]
        if all(one.retired_at is not None and found.size > one.retired_at for one in in_use):
            raise VerificationError("the checkpoint was signed with a key that was retired before", fix=_FIX)
        return found, self.seen(note)

    def stamped(self, raws: Iterable[bytes]) -> tuple[Stamp, ...]:
        """Check every time stamp of these checkpoints, which were checked before; gives them, the earliest first.

        Where a root is pinned there has to be one, and all have to be of that root. Otherwise none is looked at.

        Raises:
            VerificationError: one does not hold, or there is none.
        """
        if self.authority is None:
            return ()
        found = set()
        for note in map(notes.parse, raws):
            for token in stamps.of(note):
                name, at = self.authority.verify(token, note.text.encode())
                found.add((at, notes.checkpoint_of(note).size, name))
        if not found:
            what = "no checkpoint has a time stamp, and you have pinned the root of an authority"
            raise VerificationError(what, fix="ask the issuer for evidence with one (`expunge ledger stamp`)")
        return tuple(Stamp(name, at, size) for at, size, name in sorted(found))

    def manifest(self, raw: bytes) -> str:
        """Check a manifest under the pinned keys of the ledger; gives its text.

        Raises:
            VerificationError: at the first doubt.
        """
        note = notes.parse(raw)
        notes.verify(note, [one.key for one in self.ledger])
        return note.text

    def seen(self, note: Note) -> tuple[Seen, ...]:
        """Check the cosignatures of pinned witnesses.

        Raises:
            VerificationError: one does not fit, or there are fewer than needed.
        """
        known = {(one.name, one.key_id) for one in self.witnesses}
        found = tuple(
            Seen(one.name, notes.cosigned_at(one.body)[0]) for one in note.signatures if (one.name, one.key_id) in known
        )
        if found:
            notes.verify(note, self.witnesses)
        if len(found) < self.needed:
            what = f"{len(found)} of the witnesses you trust have seen the checkpoint, {self.needed} are wanted"
            raise VerificationError(what, fix="ask the issuer for a checkpoint with their cosignatures")
        return found


def document(raw: bytes, trust: Trust, number: int | None) -> CompletionRecord | entries.Statement:
    """Check the document of a leaf by itself.

    Raises:
        VerificationError: at the first doubt.
    """
    return entries.read(raw) if raw.startswith(b"{") else trust.record(raw, number)


def _in_time(pinned: RecordKey, completed_at: str, number: int | None) -> None:
    if pinned.retired_at and completed_at >= pinned.retired_at:
        what = f"signed with a key that was retired before ({pinned.retired_at})"
        raise VerificationError(what, fix="do not rely on it: whoever signed it should not have had the key any more")
    if pinned.lost_at is None:
        return
    if number is None:
        what = "signed with a key that was lost: its date proves nothing without a place in the ledger"
        raise VerificationError(what, fix="ask the issuer for the proof (`expunge ledger prove`)")
    if number >= pinned.lost_at:
        what = f"signed with a key after it was lost (leaf {number}, lost at {pinned.lost_at})"
        raise VerificationError(what, fix="do not rely on it")
