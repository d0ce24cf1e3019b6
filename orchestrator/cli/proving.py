"""``expunge record`` and ``expunge verify``: hand the proof out, and check it without us (I13)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.text import Text

from orchestrator.cli import asking, bundling, copying, disclosing, queries, words
from orchestrator.cli.bundling import OPENS, OPENS_NOT
from orchestrator.cli.desk import Desk
from orchestrator.cli.screen import Screen, table
from orchestrator.cli.writing import new_file
from orchestrator.errors import UsageError
from orchestrator.files import copies
from orchestrator.keys import trusting
from orchestrator.ledger import bundle, entries, notes, outline, receipts
from orchestrator.ledger import record as record_form
from orchestrator.ledger.stamps import Stamp
from orchestrator.ledger.trust import Seen, Trust
from orchestrator.runtime.clock import SystemClock
from schemas.completion import CompletionRecord
from schemas.sealing import unb64u

_LARGEST: Final = 16 << 20
"""Bytes; a record of thousands of record sets stays far below."""


def record(desk: Desk, request_id: str, number: int | None, file: Path | None) -> int:
    """Write one record: the JWS to a file or stdout, with ``-o json`` its content.

    Raises:
        UsageError: no such request or record, or the file exists.
    """
    with desk.store() as store:
        found = queries.record(store, request_id, number)
    raw = json.dumps(_payload(found.jws), indent=2).encode() if desk.screen.json else found.jws
    if file is None:
        desk.screen.write(raw + b"\n")
        return 0
    with new_file(file, 0o644) as out:
        out.write(raw + b"\n")
    desk.screen.say(f"record {found.number} of {request_id} written to {file}")
    return 0


def _payload(jws: bytes) -> Any:
    return json.loads(unb64u(jws.split(b".")[1].decode("ascii")))


class Given(msgspec.Struct, frozen=True):
    """What ``expunge verify`` is given beside the evidence."""

    keys: tuple[Path, ...] = ()
    ledger_keys: tuple[str, ...] = ()
    trust: Path | None = None
    proof: Path | None = None
    earlier: Path | None = None
    tsa_roots: tuple[Path, ...] = ()
    receipts: str | None = None


def verify(screen: Screen, file: Path, given: Given) -> int:
    """Check evidence with pinned keys, and say what that proves and what not.

    Raises:
        UsageError: a file cannot be read, or a key is missing.
        VerificationError: the evidence does not prove what it claims.
    """
    pinned = trusting.pinned(given.keys, given.ledger_keys, given.trust, given.tsa_roots, SystemClock().now())
    if not pinned.records:
        raise UsageError("no key of records is given", fix="--key keys/record.pub.jwk of the issuer")
    shown = () if given.receipts is None else asking.shown(given.receipts)
    raw = b"" if file.is_dir() else _read(file, "the record")
    if copies.is_copy(file):
        if any((given.proof, given.earlier, given.tsa_roots, given.receipts)):
            what = "--proof, --earlier, --tsa-root and --receipt are for records, not for a copy"
            raise UsageError(what, where=str(file), fix="leave them out")
        return copying.verify(screen, file, pinned)
    if file.is_dir() or raw.startswith(b"PK"):
        return bundling.verify(screen, file, pinned, _earlier(given), shown)
    if given.earlier is not None:
        raise UsageError("--earlier is for a whole ledger", where=str(file), fix="give the folder or the zip of one")
    if given.tsa_roots and given.proof is None:
        fix = "give its proof too (--proof)"
        raise UsageError("--tsa-root is for what stands in the ledger", where=str(file), fix=fix)
    if raw.startswith(b"{"):
        return _disclosure(screen, raw.removesuffix(b"\n"), given, pinned, shown)
    place = None if given.proof is None else _place(entries.entry_of(raw.strip()), given.proof, pinned)
    found = pinned.record(raw, place.number if place else None)
    if shown:
        receipts.opens(shown, found.receipt_sha256)
    kid = record_form.kid_of(raw)
    data: dict[str, Any] = {"verified": True, "key": kid, "record": found}
    if shown:
        data["opened"] = True
    if place is not None:
        data["ledger"] = place
    screen.data(data, lambda out: _print(out, found, kid, place, opened=bool(shown)))
    return 0


def _disclosure(screen: Screen, raw: bytes, given: Given, pinned: Trust, shown: Sequence[str]) -> int:
    read = outline.read(raw)
    places: list[Place] = []

    def number(entry: bytes) -> int:
        places.append(_place(entry, given.proof, pinned))
        return places[-1].number

    found = pinned.disclosure(read, number if given.proof is not None else None)
    place = places[-1] if places else None
    if shown:
        receipts.opens(shown, found.head.receipt_sha256)
    disclosing.printed(screen, found, raw, place, _placed(place), opened=bool(shown))
    return 0


def _place(entry: bytes, proof: Path | None, pinned: Trust) -> Place:
    if proof is None:
        raise UsageError("no proof is given", fix="--proof")
    if not pinned.ledger:
        raise UsageError("no key of the ledger is given", fix="--ledger-key: a line of `expunge ledger key`")
    raw = _read(proof, "the proof")
    number, checkpoint = bundle.entered(entry, raw, pinned)
    note = notes.read_proof(raw).checkpoint
    return Place(number, checkpoint.size, checkpoint.origin, pinned.checkpoint(note)[1], pinned.stamped([note]))


def _placed(place: Place | None) -> list[str]:
    if place is None:
        return []
    text = f"  - it is leaf {place.number} of the ledger {place.origin}, among {place.size} when that was signed"
    return [text, *bundling.witnessed(place.seen), *bundling.stamped(place.stamps)]


class Place(msgspec.Struct, frozen=True):
    """Where a record stands in the ledger."""

    number: int
    size: int
    origin: str
    seen: tuple[Seen, ...]
    stamps: tuple[Stamp, ...] = ()


def _earlier(given: Given) -> bytes | None:
    return None if given.earlier is None else _read(given.earlier, "the checkpoint")


def _read(file: Path, what: str) -> bytes:
    try:
        with file.open("rb") as raw:
            return raw.read(_LARGEST)
    except OSError as error:
        raise UsageError(f"{what} cannot be read", where=str(file), why=error.strerror or "") from None


def _print(out: Console, one: CompletionRecord, kid: str, place: Place | None, *, opened: bool) -> None:
    out.print(Text.assemble(("verified  ", "bold green"), (f"record {one.record_id}", "bold")))
    out.print(
        f"{one.right} request, received {words.minute(one.received_at)}, completed {words.minute(one.completed_at)}"
    )
    if one.bound_controllers:
        out.print(f"asked of {', '.join(one.controllers)}; binds {', '.join(one.bound_controllers)} (GDPR Art. 26(3))")
    out.print(f"result: {words.result(one.result)}; weakest line: {words.headline(one.headline)}")
    out.print()
    made = table("record set", "outcome", "rule")
    for system in one.systems:
        for line in system.record_sets:
            made.add_row(f"{system.system}/{line.name}", words.outcome(line.outcome), words.rule(line.rule))
    for name, why in sorted(one.not_searched.items()):
        made.add_row(name, "not searched", why)
    out.print(made)
    out.print()
    out.print("proved:")
    out.print(f"  - signed with the key {kid}, and not altered since")
    out.print("  - its result says no more than its lines do")
    if one.right == "erasure":
        out.print("  - for each line that says erased or anonymised, the issuer states when a second look was taken")
    if opened:
        out.print(f"  - {OPENS}")
    for said in _placed(place):
        out.print(said, soft_wrap=True)
    out.print("not proved:")
    if place is None:
        out.print("  - when it was signed, and that it stands in the ledger: ask for its proof")
    out.print("  - that the key belongs to whom you think: get it from the issuer by another way")
    if opened:
        out.print(f"  - {OPENS_NOT}")
    out.print("  - that no copy exists outside the systems listed above")
    backups = sorted({one.backups_kept_days for one in one.systems if one.backups_kept_days})
    if backups:
        out.print(f"  - that backups are clean: they live up to {backups[-1]} days")
