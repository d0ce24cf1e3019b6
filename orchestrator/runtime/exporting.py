"""Makes bundles of evidence from the store: the whole ledger, or what there is of some requests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from orchestrator.errors import DependencyError, UsageError, VerificationError
from orchestrator.keys import KeyFolder
from orchestrator.ledger import bundle, entries, merkle, notes, stamps
from orchestrator.ledger.notes import Checkpoint, Proof
from orchestrator.ledger.tiles import Tile, Tree, append
from orchestrator.ports import CheckpointRow, LeafRow
from orchestrator.store.store import SqlStore, SqlTransaction

_PART: Final = 1 << 12
_MEND: Final = "`expunge ledger check` says where; restore the database from a backup"
_README: Final = """Evidence of requests under data protection law. How to check it without us:

    expunge verify THIS --key record.pub.jwk --ledger-key KEY

or, with Node alone: verify.mjs of the same project (docs/examples). Get both keys from the issuer by another way; those
in keys/ are only here to be compared. MANIFEST is a signed note (C2SP signed-note) with the SHA-256 of every file;
checkpoint is a C2SP tlog-checkpoint; proofs/ are C2SP tlog-proofs; a line of documents is a number, a space, and the
document whose SHA-256 is leaf data of the RFC 6962 tree.
stamps/N.1.tsr is the response of a time-stamp authority (RFC 3161) over the text of the checkpoint of N leaves: its
first three lines.

    head -n 3 checkpoint > text && openssl ts -verify -data text -in stamps/N.1.tsr -CAfile tsa-root.pem

It proves who said what and when, and that nothing was taken out or put in since. It does not prove that no copy exists.
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
    best, most = last, _others(last, checkpoint.origin)
    for row in reversed(tx.all_checkpoints()):
        if least <= row.size <= checkpoint.size and (count := _others(row, checkpoint.origin)) >= max(most, 1):
            best, most = row, count
    return best, notes.checkpoint_of(notes.parse(best.note))


def _others(row: CheckpointRow, origin: str) -> int:
    return sum(one.name != origin for one in notes.parse(row.note).signatures)


def proofs(tx: SqlTransaction, request_id: str, by: tuple[CheckpointRow, Checkpoint] | None = None) -> list[Proved]:
    """Give every leaf of a request whose document is there, with its proof in a checkpoint (``standing``).

    Raises:
        UsageError: no leaf of it has a number yet.
    """
    row, checkpoint = by or standing(tx, [request_id])
    tree = Tree(_reader(tx), checkpoint.size)
    jws = dict(tx.records_of(request_id))
    found = []
    for leaf in tx.leaves_of(request_id):
        document = leaf.statement or jws.get(leaf.fact)
        if leaf.number is None or leaf.number >= checkpoint.size or document is None:
            continue
        path = merkle.inclusion(tree.node, leaf.number, checkpoint.size)
        found.append(Proved(leaf, document, notes.proof_text(Proof(leaf.number, tuple(path), row.note))))
    if not found:
        fix = "see `expunge list`; a request that was just taken in has its number within seconds"
        raise UsageError(f"nothing of request {request_id} is in the ledger", fix=fix)
    return found


def some(store: SqlStore, keys: KeyFolder, request_ids: Sequence[str]) -> dict[str, bytes]:
    """Give the bundle of some requests."""
    with store.read() as tx:
        row, checkpoint = by = standing(tx, request_ids)
        held = sorted(
            (one for name in request_ids for one in proofs(tx, name, by)), key=lambda one: one.leaf.number or 0
        )
    files = {
        bundle.CHECKPOINT: row.note,
        bundle.DOCUMENTS: b"".join(_line(one.leaf, one.document) for one in held),
        **{f"proofs/{one.leaf.number}.tlog-proof": one.proof for one in held},
    }
    return _closed(files, bundle.SOME, keys, checkpoint.origin)


def whole(store: SqlStore, keys: KeyFolder) -> dict[str, bytes]:
    """Give the bundle of the whole ledger."""
    with store.read() as tx:
        row, checkpoint = newest(tx)
        held, documents = bytearray(), bytearray()
        for leaf, jws in tx.all_leaves(checkpoint.size):
            held += leaf.entry
            document = leaf.statement or jws
            if document is not None:
                documents += _line(leaf, bytes(document))
        every = {f"checkpoints/{one.size}": one.note for one in tx.all_checkpoints() if one.size <= checkpoint.size}
    files = {
        bundle.CHECKPOINT: row.note,
        bundle.ENTRIES: bytes(held),
        bundle.DOCUMENTS: bytes(documents),
        **every,
    }
    return _closed(files, bundle.WHOLE, keys, checkpoint.origin)


def _closed(files: dict[str, bytes], kind: str, keys: KeyFolder, origin: str) -> dict[str, bytes]:
    signers = keys.ledger(origin)
    for name in [one for one in files if one == bundle.CHECKPOINT or one.startswith("checkpoints/")]:
        note = notes.parse(files[name])
        size = notes.checkpoint_of(note).size
        files |= {f"stamps/{size}.{at}.tsr": token for at, token in enumerate(stamps.of(note), 1)}
    files["README.txt"] = _README.encode()
    files["keys/ledger.vkey"] = "".join(f"{one.vkey}\n" for one in signers).encode()
    files |= {f"keys/{name}": raw for name, raw in keys.public_records().items()}
    digests = {name: hashlib.sha256(raw).hexdigest() for name, raw in files.items()}
    files[bundle.MANIFEST] = bundle.manifest(kind, digests, signers)
    return files


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
            if document is not None and entries.entry_of(bytes(document)) != leaf.entry:
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
