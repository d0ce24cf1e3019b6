"""``expunge ledger``: hand out checkpoints, proofs and bundles, and look whether the ledger is whole."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console

from orchestrator.cli.desk import Desk
from orchestrator.cli.writing import new_file
from orchestrator.engine.sequencing import LOCK
from orchestrator.errors import DependencyError, UsageError, VerificationError
from orchestrator.files import bundles
from orchestrator.keys import trusting
from orchestrator.ledger import notes
from orchestrator.runtime import exporting
from orchestrator.runtime.clock import SystemClock
from orchestrator.runtime.sequencing import sequencer
from schemas.requests import utc

_LARGEST: Final = 1 << 18
"""Bytes of a checkpoint with the signatures of others."""


def checkpoint(desk: Desk, file: Path | None) -> int:
    """Write the newest checkpoint.

    Raises:
        UsageError: there is none yet, or the file exists.
    """
    with desk.store() as store, store.read() as tx:
        row, found = exporting.newest(tx)
    data = {
        "origin": found.origin,
        "size": found.size,
        "root": found.root.hex(),
        "at": row.at,
        "note": row.note.decode(),
    }
    if file is not None:
        with new_file(file, 0o644) as out:
            out.write(row.note)
        desk.screen.say(f"checkpoint of {found.size} leaves written to {file}")
        return 0
    desk.screen.data(data, lambda _: desk.screen.write(row.note))
    return 0


def key(desk: Desk) -> int:
    """Write the public keys of the ledger."""
    settings = desk.settings()
    with desk.store(settings) as store, store.read() as tx:
        _, found = exporting.newest(tx)
    lines = [one.vkey for one in desk.own_keys(settings).ledger(found.origin)]
    desk.screen.data(lines, lambda _: desk.screen.write("".join(f"{one}\n" for one in lines).encode()))
    return 0


def prove(desk: Desk, request_id: str, folder: Path) -> int:
    """Write documents and proofs of a request.

    Raises:
        UsageError: nothing of it is in the ledger, or the folder exists.
    """
    with desk.store() as store, store.read() as tx:
        found = exporting.proofs(tx, request_id)
    try:
        folder.mkdir()
        made = []
        for one in found:
            document = folder / f"{one.leaf.fact}.{'json' if one.leaf.statement else 'jws'}"
            document.write_bytes(one.document)
            proof = folder / f"{one.leaf.fact}.tlog-proof"
            proof.write_bytes(one.proof)
            made.append({"leaf": one.leaf.number, "document": str(document), "proof": str(proof)})
    except FileExistsError:
        raise UsageError(
            "the folder exists", where=str(folder), fix="name another one; nothing is overwritten"
        ) from None
    except OSError as error:
        raise DependencyError("the folder cannot be written", where=str(folder), why=error.strerror or "") from None

    def text(out: Console) -> None:
        for one in made:
            out.print(f"leaf {one['leaf']}: {one['document']}", soft_wrap=True)

    desk.screen.data(made, text)
    return 0


def export(desk: Desk, target: Path, request_ids: list[str]) -> int:
    """Write a bundle.

    Raises:
        UsageError: there is nothing to write, or the target exists.
    """
    settings = desk.settings()
    keys = desk.own_keys(settings)
    with desk.store(settings) as store:
        files = exporting.some(store, keys, request_ids) if request_ids else exporting.whole(store, keys)
    bundles.write(target, files)
    desk.screen.data({"bundle": str(target), "files": len(files)}, lambda out: out.print(str(target), soft_wrap=True))
    return 0


def cosign(desk: Desk, file: Path, witness: str) -> int:
    """Keep a witness's cosignature with the checkpoint it is of.

    Raises:
        UsageError: the file cannot be read, or the key is none of a witness.
        VerificationError: it is of no checkpoint of ours, or does not fit.
    """
    key = trusting.witness(witness)
    try:
        with file.open("rb") as held:
            raw = held.read(_LARGEST)
    except OSError as error:
        raise UsageError("the checkpoint cannot be read", where=str(file), why=error.strerror or "") from None
    given = notes.parse(raw)
    notes.verify(given, [key])
    size = notes.checkpoint_of(given).size
    lines = [one for one in given.signatures if (one.name, one.key_id) == (key.name, key.key_id)]
    with desk.store() as store, store.write() as tx:
        if not tx.alone(LOCK):
            raise DependencyError("a sequencer is at work on the ledger", fix="try again in a moment")
        ours = next((one for one in tx.all_checkpoints() if one.size == size), None)
        note = notes.parse(ours.note) if ours is not None else None
        if ours is None or note is None or note.text != given.text:
            fix = "give it what `expunge ledger checkpoint` writes; if it saw another one, find out who signed that"
            raise VerificationError(
                "the witness has signed a checkpoint that is none of ours", where=str(file), fix=fix
            )
        others = [one for one in note.signatures if (one.name, one.key_id) != (key.name, key.key_id)]
        cosigned = notes.Note(note.text, (*others, *lines))
        tx.save_checkpoint(msgspec.structs.replace(ours, note=cosigned.raw()))
    at = utc(dt.datetime.fromtimestamp(notes.cosigned_at(lines[0].body)[0], dt.UTC))
    data = {"size": size, "witness": key.name, "seen_at": at}
    desk.screen.data(data, lambda out: out.print(f"{key.name} has seen the checkpoint of {size} leaves at {at}"))
    return 0


def check(desk: Desk) -> int:
    """Hold the ledger against itself and its anchors.

    Raises:
        VerificationError: something does not fit.
    """
    settings = desk.settings()
    with desk.store(settings) as store:
        found = list(exporting.check(store))
        doubt = sequencer(settings, store, desk.own_keys(settings), SystemClock()).doubt()
        with store.read() as tx:
            waiting = tx.pending_count()
            deleted = tx.retired_count()
            size = last.size if (last := tx.last_checkpoint()) else 0
    if doubt is not None:
        found.append(": ".join(one for one in (doubt.what, doubt.why) if one))
    if found:
        for one in found[1:]:
            desk.screen.say(one)
        raise VerificationError(found[0], fix="restore the database from a backup; nothing was changed")
    data = {"size": size, "waiting": waiting, "deleted": deleted, "anchor": settings.ledger.anchor or None}
    text = f"{size} leaves, tiles, documents and checkpoints fit; {waiting} wait for their number"
    if deleted:
        text += f"; the documents of {deleted} were deleted at the end of their retention"
    desk.screen.data(data, lambda out: out.print(text))
    return 0
