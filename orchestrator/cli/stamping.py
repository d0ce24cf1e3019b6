"""``expunge ledger stamp``: the request for a time stamp of a checkpoint goes out as a file, and the response comes in.

Nothing here talks to the authority: how a company reaches its own is its own affair.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from orchestrator.cli.desk import Desk
from orchestrator.cli.writing import new_file
from orchestrator.engine.sequencing import LOCK
from orchestrator.errors import DependencyError, UsageError, VerificationError
from orchestrator.keys import stamps as tokens
from orchestrator.ledger import notes, stamps
from orchestrator.runtime import exporting
from orchestrator.runtime.clock import SystemClock


def request(desk: Desk, file: Path) -> int:
    """Write the request for the newest checkpoint.

    Raises:
        UsageError: there is none yet, or the file exists.
    """
    with desk.store() as store, store.read() as tx:
        row, found = exporting.newest(tx)
    with new_file(file, 0o644) as out:
        out.write(tokens.request(notes.parse(row.note).text.encode()))
    data = {"request": str(file), "size": found.size}
    text = (
        f"request for a time stamp of {found.size} leaves written to {file}; send it to the authority, then --response"
    )
    desk.screen.data(data, lambda out: out.print(text, soft_wrap=True))
    return 0


def response(desk: Desk, file: Path, roots: list[Path]) -> int:
    """Check a response under the root of its authority, and keep it with the checkpoint it is of.

    Raises:
        UsageError: a file cannot be read.
        VerificationError: it does not hold, or is of no checkpoint of ours.
    """
    authority = tokens.PinnedAuthority.of(roots, SystemClock().now())
    try:
        with file.open("rb") as held:
            raw = held.read(stamps.LARGEST + 1)
    except OSError as error:
        raise UsageError("the response cannot be read", where=str(file), why=error.strerror or "") from None
    digest = tokens.imprint(tokens.read(raw))
    with desk.store() as store, store.write() as tx:
        if not tx.alone(LOCK):
            raise DependencyError("a sequencer is at work on the ledger", fix="try again in a moment")
        for row in tx.all_checkpoints():
            note = notes.parse(row.note)
            text = note.text.encode()
            if hashlib.sha256(text).digest() == digest:
                name, at = authority.verify(raw, text)
                tx.save_checkpoint(msgspec.structs.replace(row, note=stamps.added(note, raw).raw()))
                break
        else:
            fix = "give the response to what `expunge ledger stamp --request` wrote"
            raise VerificationError("the time stamp is of no checkpoint of ours", where=str(file), fix=fix)
    data = {"size": row.size, "authority": name, "stamped_at": at}
    said = f"{name} has stamped the checkpoint of {row.size} leaves at {at}"
    desk.screen.data(data, lambda out: out.print(said, soft_wrap=True))
    return 0
