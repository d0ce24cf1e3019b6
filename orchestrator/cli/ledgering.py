"""``expunge ledger``: hand out checkpoints, proofs and bundles, and look whether the ledger is whole."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from orchestrator.cli.desk import Desk
from orchestrator.cli.writing import new_file
from orchestrator.errors import DependencyError, UsageError, VerificationError
from orchestrator.files import bundles
from orchestrator.runtime import exporting
from orchestrator.runtime.clock import SystemClock
from orchestrator.runtime.sequencing import sequencer


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
            size = last.size if (last := tx.last_checkpoint()) else 0
    if doubt is not None:
        found.append(": ".join(one for one in (doubt.what, doubt.why) if one))
    if found:
        for one in found[1:]:
            desk.screen.say(one)
        raise VerificationError(found[0], fix="restore the database from a backup; nothing was changed")
    data = {"size": size, "waiting": waiting, "anchor": settings.ledger.anchor or None}
    text = f"{size} leaves, tiles, documents and checkpoints fit; {waiting} wait for their number"
    desk.screen.data(data, lambda out: out.print(text))
    return 0
