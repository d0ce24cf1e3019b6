"""``expunge record`` and ``expunge verify``: hand the proof out, and check it without us (I13)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from orchestrator.cli import queries, words
from orchestrator.cli.desk import Desk
from orchestrator.cli.screen import Screen, table
from orchestrator.cli.writing import new_file
from orchestrator.errors import UsageError
from orchestrator.keys import read_public
from orchestrator.ledger.record import verify as verify_record
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


def verify(screen: Screen, file: Path, key_file: Path) -> int:
    """Check a record with a public key, and say what that proves and what not.

    Raises:
        UsageError: a file cannot be read.
        VerificationError: the record does not prove what it claims.
    """
    key = read_public(key_file)
    try:
        with file.open("rb") as raw:
            jws = raw.read(_LARGEST)
    except OSError as error:
        raise UsageError("the record cannot be read", where=str(file), why=error.strerror or "") from None
    found = verify_record(jws, key)
    data = {"verified": True, "key": key.kid, "record": found}
    screen.data(data, lambda out: _print(out, found, key.kid))
    return 0


def _print(out: Console, one: CompletionRecord, kid: str) -> None:
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
    out.print("not proved:")
    out.print("  - that the key belongs to whom you think: get it from the issuer by another way")
    out.print("  - that no copy exists outside the systems listed above")
    backups = sorted({one.backups_kept_days for one in one.systems if one.backups_kept_days})
    if backups:
        out.print(f"  - that backups are clean: they live up to {backups[-1]} days")
