"""A bundle of evidence: files that one manifest names, and how all of them are checked, offline and under pinned keys.

``MANIFEST`` is a signed note with the SHA-256 of every other file, so that no byte of any of them can be another.
``documents`` holds records and statements, a line each: number, space, document. ``checkpoint`` is the newest one. A
bundle of some leaves has ``proofs/<number>.tlog-proof`` for each; one of the whole ledger has ``entries`` (32 bytes a
leaf) and every checkpoint, and needs no proofs: the tree is built anew. There, ``retired`` names the leaves whose
documents were deleted at the end of their retention, and the day: a document that is neither here nor there is lost.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from orchestrator.errors import VerificationError
from orchestrator.ledger import cases, entries, merkle, notes, stamps
from orchestrator.ledger.notes import Checkpoint, NoteSigner
from orchestrator.ledger.stamps import Stamp
from orchestrator.ledger.tiles import Tile, Tree, append
from orchestrator.ledger.trust import Seen, Trust, document
from schemas.completion import CompletionRecord

MANIFEST: Final = "MANIFEST"
CHECKPOINT: Final = "checkpoint"
DOCUMENTS: Final = "documents"
ENTRIES: Final = "entries"
RETIRED: Final = "retired"
WHOLE: Final = "whole ledger"
SOME: Final = "some leaves"
_HEAD: Final = "expunge/bundle/v1"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)?\Z")
_LINE: Final = re.compile(r"([0-9a-f]{64})  (\S+)\Z")
_DAY: Final = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_NUMBER: Final = re.compile(rb"(0|[1-9][0-9]{0,18}) ")
_BATCH: Final = 1 << 14
_FIX: Final = "get the bundle again from the issuer; do not rely on this one"


class Report(msgspec.Struct):
    """What was proved.

    Attributes:
        checked: Documents by kind. ``deleted``: leaves whose document was deleted at the end of its retention, as the
            issuer says. ``deleted_until``: the last day on which one was.
        due: Requests whose receipt was checked, with the day they were due. ``ended``: those with a record.
        seen: Witnesses that have seen the newest checkpoint.
        stamps: Time stamps that were checked, the earliest first. ``unread``: how many are there that were not.
        cases: Accounts of requests that were held against their records and plans.
        receipts: Of each request the commitment that its receipt opens; None: it has none.
        corrected: Id of a record -> of the later one that corrects it.
    """

    kind: str
    checkpoint: Checkpoint
    checkpoints: int = 1
    checked: dict[str, int] = {}
    deleted: int = 0
    deleted_until: str = ""
    seen: tuple[Seen, ...] = ()
    stamps: tuple[Stamp, ...] = ()
    unread: int = 0
    cases: int = 0
    earlier: int | None = None
    records: list[CompletionRecord] = []
    due: dict[str, str] = {}
    ended: set[str] = set()
    receipts: dict[str, str | None] = {}
    corrected: dict[str, str] = {}

    def open(self) -> dict[str, str]:
        """Give the requests that were received and of which there is no record, with the day they are due."""
        return {one: due for one, due in sorted(self.due.items()) if one not in self.ended}


def name_is_fine(name: str) -> bool:
    """Tell whether a file may have this name: at most one folder deep, and nothing that leads elsewhere."""
    return _NAME.match(name) is not None


def is_checkpoint(name: str) -> bool:
    """Tell whether a file of a bundle is a checkpoint."""
    return name == CHECKPOINT or name.startswith("checkpoints/")


def manifest(kind: str, digests: Mapping[str, str], signers: Iterable[NoteSigner]) -> bytes:
    """Write the manifest over the SHA-256 (hex) of every file."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))
    return notes.signed(f"{_HEAD}\n{kind}\n{lines}", signers).raw()


def check(files: Mapping[str, bytes], trust: Trust, earlier: bytes | None = None) -> Report:
    """Check a bundle.

    Args:
        files: Name -> bytes of every file.
        trust: What is pinned.
        earlier: A checkpoint that whoever checks has kept from before, which the ledger must continue.

    Raises:
        VerificationError: at the first doubt, saying which.
    """
    kind = _manifest(files, trust)
    if CHECKPOINT not in files or DOCUMENTS not in files:
        raise VerificationError("the bundle has no checkpoint or no documents", fix=_FIX)
    newest, seen = trust.checkpoint(files[CHECKPOINT])
    report = Report(kind, newest, seen=seen)
    _stamped(files, trust, report)
    if kind == WHOLE:
        _whole(files, trust, report, earlier)
    else:
        _some(files, trust, report)
        if earlier is not None:
            what = "a bundle of some leaves cannot show that the ledger continues an earlier checkpoint"
            raise VerificationError(what, fix="ask for the whole ledger (`expunge ledger export`)")
    return report


def _manifest(files: Mapping[str, bytes], trust: Trust) -> str:
    if MANIFEST not in files:
        raise VerificationError("not a bundle of evidence: there is no MANIFEST", fix=_FIX)
    head, kind, *lines = trust.manifest(files[MANIFEST]).split("\n")
    named = [match.groups() for one in lines[:-1] if (match := _LINE.match(one))]
    if head != _HEAD or kind not in {WHOLE, SOME} or len(named) != len(lines) - 1:
        raise VerificationError("the manifest is not one of this version", fix=_FIX)
    if {name for _, name in named} != files.keys() - {MANIFEST} or len(named) != len(files) - 1:
        raise VerificationError("the files are not those that the manifest names", fix=_FIX)
    for digest, name in named:
        if hashlib.sha256(files[name]).hexdigest() != digest:
            raise VerificationError(f"{name} was altered: it is not what the manifest says", fix=_FIX)
    return kind


def _stamped(files: Mapping[str, bytes], trust: Trust, report: Report) -> None:
    """Check the time stamps, and that the copies under ``stamps/`` are those of the checkpoints."""
    signed = {raw: None for name, raw in files.items() if stamps.MARK in raw and is_checkpoint(name)}
    for raw in signed:
        trust.checkpoint(raw)
    held = {token for raw in signed for token in stamps.of(notes.parse(raw))}
    copies = [raw for name, raw in files.items() if name.startswith("stamps/")]
    if set(copies) != held or len(copies) != len(held):
        raise VerificationError("the time stamps are not those of the checkpoints", fix=_FIX)
    report.stamps = trust.stamped(signed)
    report.unread = 0 if report.stamps else len(held)


def _some(files: Mapping[str, bytes], trust: Trust, report: Report) -> None:
    proved = set()
    for number, raw in _documents(files[DOCUMENTS]):
        name = f"proofs/{number}.tlog-proof"
        if name not in files:
            raise VerificationError(f"the proof of leaf {number} is missing", fix=_FIX)
        found = included(raw, files[name], trust)
        if found != (number, report.checkpoint):
            raise VerificationError(f"the proof of leaf {number} is of another leaf or checkpoint", fix=_FIX)
        _count(report, document(raw, trust, number))
        proved.add(name)
    if proved != {one for one in files if one.startswith("proofs/")}:
        raise VerificationError("a proof has no document", fix=_FIX)
    cases.check(files, report.records)
    report.cases = sum(name.startswith("cases/") and name.endswith(".json") for name in files)


def included(raw: bytes, proof: bytes, trust: Trust) -> tuple[int, Checkpoint]:
    """Check that a document is in the ledger; gives its number, and the checkpoint it was proved by.

    Raises:
        VerificationError: at the first doubt.
    """
    return entered(entries.entry_of(raw), proof, trust)


def entered(entry: bytes, proof: bytes, trust: Trust) -> tuple[int, Checkpoint]:
    """Check that an entry, the SHA-256 of a document, is in the ledger; see ``included``.

    Raises:
        VerificationError: at the first doubt.
    """
    read = notes.read_proof(proof)
    found, _ = trust.checkpoint(read.checkpoint)
    leaf = merkle.leaf_hash(entry)
    merkle.verify_inclusion(leaf, read.index, found.size, read.path, found.root)
    return read.index, found


def _whole(files: Mapping[str, bytes], trust: Trust, report: Report, earlier: bytes | None) -> None:
    held = files.get(ENTRIES, b"")
    if len(held) != report.checkpoint.size * merkle.HASH_BYTES:
        raise VerificationError("the ledger does not have as many leaves as its checkpoint says", fix=_FIX)
    tiles: dict[Tile, bytes] = {}
    for start in range(0, report.checkpoint.size, _BATCH):
        some = held[start * merkle.HASH_BYTES : (start + _BATCH) * merkle.HASH_BYTES]
        cut = [some[at : at + merkle.HASH_BYTES] for at in range(0, len(some), merkle.HASH_BYTES)]
        tiles |= append(tiles.__getitem__, start, cut)
    signed = {name: trust.checkpoint(raw)[0] for name, raw in files.items() if name.startswith("checkpoints/")}
    signed[CHECKPOINT] = report.checkpoint
    for name, one in signed.items():
        _continues(tiles, report.checkpoint, one, name)
    if earlier is not None:
        mine, _ = trust.checkpoint(earlier)
        _continues(tiles, report.checkpoint, mine, "the checkpoint that you kept")
        report.earlier = mine.size
    report.checkpoints = len({one.size for one in signed.values()})
    given = set()
    for number, raw in _documents(files[DOCUMENTS]):
        start = number * merkle.HASH_BYTES
        if held[start : start + merkle.HASH_BYTES] != entries.entry_of(raw):
            raise VerificationError(f"the document of leaf {number} is not the one that was logged", fix=_FIX)
        _count(report, document(raw, trust, number))
        given.add(number)
    _accounted(files.get(RETIRED, b""), given, report)


def _accounted(raw: bytes, given: set[int], report: Report) -> None:
    """Hold that every leaf has its document, or is said to have lost it to the end of its retention."""
    gone = dict(_documents(raw))
    for number, day in gone.items():
        if number in given or number >= report.checkpoint.size or _DAY.match(day) is None:
            raise VerificationError(f"what is said of leaf {number}, that it was deleted, does not fit", fix=_FIX)
    if len(given) + len(gone) != report.checkpoint.size:
        first = next(one for one in range(report.checkpoint.size) if one not in given and one not in gone)
        what = f"the document of leaf {first} is missing, and nobody says that its retention has ended"
        raise VerificationError(what, fix=_FIX)
    report.deleted = len(gone)
    report.deleted_until = max(gone.values(), default=b"").decode("ascii")


def _continues(tiles: Mapping[Tile, bytes], newest: Checkpoint, one: Checkpoint, name: str) -> None:
    if one.origin != newest.origin:
        raise VerificationError(f"{name} is of another ledger", fix=_FIX)
    if one.size > newest.size:
        raise VerificationError(f"the ledger was cut: {name} says {one.size} leaves, {newest.size} are here", fix=_FIX)
    if Tree(tiles.__getitem__, one.size).root() != one.root:
        raise VerificationError(f"the ledger was forked: {name} is not what these leaves lead to", fix=_FIX)


def _documents(raw: bytes) -> Iterator[tuple[int, bytes]]:
    last = -1
    if raw and not raw.endswith(b"\n"):
        raise VerificationError("the documents are cut", fix=_FIX)
    for line in raw.split(b"\n")[:-1]:
        head = _NUMBER.match(line)
        number = int(head[1]) if head else -1
        if head is None or number <= last:
            raise VerificationError("the documents are not one a line, in the order of their numbers", fix=_FIX)
        last = number
        yield number, line[head.end() :]


def _count(report: Report, found: CompletionRecord | entries.Statement) -> None:
    match found:
        case entries.Received():
            kind = entries.RECEIVED
            report.due[found.request_id] = found.due_at
            _one_receipt(report, found.request_id, found.receipt_sha256)
        case entries.Answered():
            kind = entries.ANSWERED
        case _:
            kind = entries.kind_of(entries.fact_of_record(found.number, corrects=found.corrects is not None))
            report.ended.add(found.request_id)
            if found.corrects is not None:
                report.corrected[found.corrects] = found.record_id
            _one_receipt(report, found.request_id, found.receipt_sha256)
            if report.kind == SOME:
                report.records.append(found)
    report.checked[kind] = report.checked.get(kind, 0) + 1


def _one_receipt(report: Report, request_id: str, commitment: str | None) -> None:
    """All documents of a request have one commitment: else somebody could be shown another's record as theirs."""
    if report.receipts.setdefault(request_id, commitment) != commitment:
        raise VerificationError(f"the documents of request {request_id} are opened by different receipts", fix=_FIX)
