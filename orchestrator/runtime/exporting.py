"""Makes bundles of evidence from the store: the whole ledger, or what there is of some requests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec

from orchestrator.engine.stored import refuse_retired
from orchestrator.errors import DependencyError, UsageError, VerificationError
from orchestrator.keys import KeyFolder
from orchestrator.ledger import bundle, entries, merkle, notes, stamps
from orchestrator.ledger.notes import Checkpoint, Proof
from orchestrator.ledger.tiles import Tile, Tree, append
from orchestrator.ports import CheckpointRow, LeafRow
from orchestrator.store.store import SqlStore, SqlTransaction

_PART: Final = 1 << 12
_SIGNATURE: Final = 90
"""Bytes by which a signature of somebody else makes a note longer at the least: base64 of an Ed25519 one, a name."""
_LOOKED_AT: Final = 200
_MEND: Final = "`expunge ledger check` says where; restore the database from a backup"
_README: Final = """How to check this without us:

    expunge verify THIS --key record.pub.jwk --ledger-key KEY

or, with Node alone: verify.mjs of the same project (docs/examples). Get both keys from the issuer by another way; those
in keys/ are only here to be compared. With the tools of any Unix alone, in this folder:

    # no file is another than the manifest says
    tail -n +3 MANIFEST | sed '/^$/,$d' | sha256sum -c --quiet

    # manifest and checkpoint (C2SP signed notes) are signed with the key, a line like name+id+base64 in ../ledger.vkey
    (printf '\\060\\052\\060\\005\\006\\003\\053\\145\\160\\003\\041\\000'
     cut -d+ -f3- ../ledger.vkey | base64 -d | tail -c 32) > ../ledger.der
    for note in MANIFEST checkpoint; do
      sed '/^$/,$d' $note > ../text
      sed '1,/^$/d' $note | grep -F "$(cut -d+ -f1 ../ledger.vkey) " |
        cut -d' ' -f3 | base64 -d | tail -c 64 > ../signature   # two of them while keys change: take yours
      openssl pkeyutl -verify -pubin -keyform DER -inkey ../ledger.der -rawin -in ../text -sigfile ../signature
    done

@STAMPS@A line of documents is a number, a space, and the document whose SHA-256 is leaf data of the RFC 6962 tree;
proofs/NUMBER.tlog-proof (C2SP tlog-proof) leads from it to the checkpoint. A record is a JWS (RFC 7515) of Ed25519.
All of it proves who said what, and that nothing was taken out or put in since. It does not prove that no copy exists.
"""
_STAMPS: Final = """    # stamps/N.1.tsr: when the first N leaves were there, as a time-stamp authority (RFC 3161) says
    for one in stamps/*.tsr; do
      note=checkpoints/$(basename $one | cut -d. -f1); test -f $note || note=checkpoint
      head -n 3 $note > ../text
      openssl ts -verify -data ../text -in $one -CAfile ../tsa-root.pem
    done

"""


class Proved(msgspec.Struct):
    """One leaf with its document and its proof."""

    leaf: LeafRow
    document: bytes
    proof: bytes


def newest(tx: SqlTransaction) -> tuple[CheckpointRow, Checkpoint]:
    """Give the newest checkpoint.

    Raises:
        UsageError: there is none yet.
    """
    row = tx.last_checkpoint()
    if row is None:
        fix = "run `expunge run` or `expunge orchestrate`: it numbers what waits and signs a checkpoint"
        raise UsageError("the ledger has no checkpoint yet", fix=fix)
    return row, notes.checkpoint_of(notes.parse(row.note))


def standing(tx: SqlTransaction, request_ids: Sequence[str]) -> tuple[CheckpointRow, Checkpoint]:
    """Give the checkpoint by which these requests are best proved.

    Of those that have all their leaves, the one that most others have signed or stamped, and of these the earliest: its
    date says the most. Where nobody else has signed, the newest.
    """
    last, checkpoint = newest(tx)
    numbers = [one.number for name in request_ids for one in tx.leaves_of(name) if one.number is not None]
    least = max((one for one in numbers if one < checkpoint.size), default=-1) + 1
    best, most = last, 0
    # A ledger of years has more checkpoints than can be read for each proof. Those with more signatures are longer.
    for row in tx.longer_checkpoints(least, len(_plain(last, checkpoint)) + _SIGNATURE, _LOOKED_AT):
        if (count := _others(row, checkpoint.origin)) > most:
            best, most = row, count
    return best, notes.checkpoint_of(notes.parse(best.note))


def _plain(row: CheckpointRow, checkpoint: Checkpoint) -> bytes:
    """Give the shortest note that a checkpoint can have: of the smallest tree, signed by one key of our own."""
    note = notes.parse(row.note)
    own = next(one for one in note.signatures if one.name == checkpoint.origin)
    return notes.Note(msgspec.structs.replace(checkpoint, size=0).text(), (own,)).raw()


def _others(row: CheckpointRow, origin: str) -> int:
    return sum(one.name != origin for one in notes.parse(row.note).signatures)


class Evidence(msgspec.Struct):
    """What there is of some requests: the checkpoint it is proved by, and every leaf, by its number."""

    row: CheckpointRow
    checkpoint: Checkpoint
    held: list[Proved]

    def numbers(self) -> dict[str, tuple[int, ...]]:
        """Give the numbers of the leaves of each request that has any."""
        found: dict[str, tuple[int, ...]] = {}
        for one in self.held:
            found[one.leaf.request_id] = (*found.get(one.leaf.request_id, ()), one.leaf.number or 0)
        return found


def proofs(tx: SqlTransaction, request_id: str) -> list[Proved]:
    """Give every leaf of a request whose document is there, with its proof in a checkpoint (``standing``).

    Raises:
        UsageError: no leaf of it has a number yet.
    """
    return evidence(tx, [request_id]).held


def evidence(tx: SqlTransaction, request_ids: Sequence[str], *, lenient: bool = False) -> Evidence:
    """Give what there is of some requests. ``lenient``: one of which there is nothing is left out.

    Raises:
        UsageError: there is nothing of one of them, or of none.
    """
    row, checkpoint = standing(tx, request_ids)
    tree = Tree(_reader(tx), checkpoint.size)
    held: list[Proved] = []
    for name in request_ids:
        found = list(_proved(tx, name, tree, row))
        if not found and not lenient:
            refuse_retired(tx, name)
            raise _nothing(f"request {name}")
        held += found
    if not held:
        raise _nothing("these requests")
    return Evidence(row, checkpoint, sorted(held, key=lambda one: one.leaf.number or 0))


def _nothing(what: str) -> UsageError:
    fix = "see `expunge list`; a request that was just taken in has its number within seconds"
    return UsageError(f"nothing of {what} is in the ledger", fix=fix)


def _proved(tx: SqlTransaction, request_id: str, tree: Tree, row: CheckpointRow) -> Iterator[Proved]:
    jws = dict(tx.records_of(request_id))
    for leaf in tx.leaves_of(request_id):
        document = leaf.statement or jws.get(leaf.fact)
        if leaf.number is None or leaf.number >= row.size or document is None:
            continue
        path = merkle.inclusion(tree.node, leaf.number, row.size)
        yield Proved(leaf, document, notes.proof_text(Proof(leaf.number, tuple(path), row.note)))


def some(store: SqlStore, keys: KeyFolder, request_ids: Sequence[str]) -> dict[str, bytes]:
    """Give the bundle of some requests."""
    with store.read() as tx:
        found = evidence(tx, request_ids)
    return bundled(found, keys)


def bundled(found: Evidence, keys: KeyFolder, more: Mapping[str, bytes] = MappingProxyType({})) -> dict[str, bytes]:
    """Give the bundle of some requests. ``more``: files that go into it too; a README.txt comes before ours."""
    files = {
        **more,
        bundle.CHECKPOINT: found.row.note,
        bundle.DOCUMENTS: b"".join(_line(one.leaf, one.document) for one in found.held),
        **{f"proofs/{one.leaf.number}.tlog-proof": one.proof for one in found.held},
    }
    return _closed(files, bundle.SOME, keys, found.checkpoint.origin)


def whole(store: SqlStore, keys: KeyFolder) -> dict[str, bytes]:
    """Give the bundle of the whole ledger."""
    with store.read() as tx:
        row, checkpoint = newest(tx)
        held, documents, gone = bytearray(), bytearray(), bytearray()
        for leaf, jws in tx.all_leaves(checkpoint.size):
            held += leaf.entry
            document = leaf.statement or jws
            if document is not None:
                documents += _line(leaf, bytes(document))
            elif leaf.retired_at is not None:
                gone += _line(leaf, leaf.retired_at[:10].encode("ascii"))
        every = {f"checkpoints/{one.size}": one.note for one in tx.all_checkpoints() if one.size <= checkpoint.size}
    files = {
        bundle.CHECKPOINT: row.note,
        bundle.ENTRIES: bytes(held),
        bundle.DOCUMENTS: bytes(documents),
        **every,
    }
    if gone:
        files[bundle.RETIRED] = bytes(gone)
    return _closed(files, bundle.WHOLE, keys, checkpoint.origin)


def _closed(files: dict[str, bytes], kind: str, keys: KeyFolder, origin: str) -> dict[str, bytes]:
    signers = keys.ledger(origin)
    for name in [one for one, raw in files.items() if stamps.MARK in raw and bundle.is_checkpoint(one)]:
        note = notes.parse(files[name])
        size = notes.checkpoint_of(note).size
        files |= {f"stamps/{size}.{at}.tsr": token for at, token in enumerate(stamps.of(note), 1)}
    files["README.txt"] = files.get("README.txt", b"") + _readme(files).encode()
    files["keys/ledger.vkey"] = "".join(f"{one.vkey}\n" for one in signers).encode()
    files |= {f"keys/{name}": raw for name, raw in keys.public_records().items()}
    digests = {name: hashlib.sha256(raw).hexdigest() for name, raw in files.items()}
    files[bundle.MANIFEST] = bundle.manifest(kind, digests, signers)
    return files


def _readme(files: Mapping[str, bytes]) -> str:
    has_stamps = any(one.startswith("stamps/") for one in files)
    return _README.replace("@STAMPS@", _STAMPS if has_stamps else "")


def _line(leaf: LeafRow, document: bytes) -> bytes:
    return b"%d " % (leaf.number or 0) + document + b"\n"


def check(store: SqlStore) -> Iterator[str]:
    """Hold leaves, tiles, documents and checkpoints of the store against each other; gives what does not fit, in words.

    It needs no key but checks no signature: what is exported is checked with ``expunge verify``.
    """
    with store.read() as tx:
        try:
            _, checkpoint = newest(tx)
        except UsageError as error:
            yield error.what
            return
        size = 0
        rows: list[bytes] = []
        for leaf, jws in tx.all_leaves(checkpoint.size):
            if leaf.number != size:
                yield f"leaf {size} is missing"
                size = leaf.number or size
            size += 1
            rows.append(leaf.entry)
            document = leaf.statement or jws
            if document is None and leaf.retired_at is None:
                yield f"the document of leaf {leaf.number} is missing, and no retention has ended"
            elif document is not None and leaf.retired_at is not None:
                yield f"the document of leaf {leaf.number} is here, and was to be deleted on {leaf.retired_at[:10]}"
            elif document is not None and entries.entry_of(bytes(document)) != leaf.entry:
                yield f"the document of leaf {leaf.number} is not the one that was logged"
        if size != checkpoint.size:
            yield f"the checkpoint says {checkpoint.size} leaves, {size} are here"
            return
        tiles: dict[Tile, bytes] = {}
        for at in range(0, size, _PART):
            tiles |= append(tiles.__getitem__, at, rows[at : at + _PART])
        for one in tx.all_checkpoints():
            try:
                said = notes.checkpoint_of(notes.parse(one.note))
            except VerificationError as error:
                yield f"checkpoint {one.size}: {error.what}"
                continue
            if (said.size, said.root) != (one.size, Tree(tiles.__getitem__, one.size).root()):
                yield f"checkpoint {one.size} is not what the leaves lead to"
        yield from (
            f"tile {level}/{place} is not what the leaves lead to"
            for (level, place), raw in sorted(tiles.items())
            if tx.tile(level, place) != raw
        )


def _reader(tx: SqlTransaction) -> Callable[[Tile], bytes]:
    def read(tile: Tile) -> bytes:
        found = tx.tile(*tile)
        if found is None:
            raise DependencyError("the ledger is damaged", why=f"tile {tile[0]}/{tile[1]} is missing", fix=_MEND)
        return found

    return read
