"""``expunge disclose``, and what ``expunge verify`` says of it: some lines of a record, the others hidden (ADR 44)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from orchestrator.cli import queries, words
from orchestrator.cli.bundling import OPENS, OPENS_NOT
from orchestrator.cli.desk import Desk
from orchestrator.cli.screen import Screen
from orchestrator.cli.writing import new_file
from orchestrator.errors import UsageError
from orchestrator.ledger import jws, outline
from orchestrator.ledger.outline import Shape, Shown, SystemPart
from orchestrator.runtime.clock import SystemClock
from schemas.completion import HeldBackLine, OwedLine, RecipientLine, RecordSetLine, Sources
from schemas.requests import utc
from schemas.sealing import unb64u


def disclose(desk: Desk, request_id: str, wanted: Sequence[str], number: int | None, file: Path | None) -> int:
    """Write some lines of a record with the outline that was signed beside it; without ``wanted``, say which there are.

    Raises:
        UsageError: no such request, record or line, or the file exists.
    """
    settings = desk.settings()
    keys = desk.own_keys(settings)
    with desk.store(settings) as store:
        found = queries.record(store, request_id, number)
    record_id = f"{request_id}.{found.number}"
    places = list(outline.lines_of(json.loads(unb64u(found.jws.split(b".")[1].decode("ascii")))))
    if not wanted:
        desk.screen.data(places, lambda out: out.print(Text("\n".join(map(_short, places)))))
        return 0
    salts = outline.salts(keys.log, record_id)
    signed = found.outline
    if signed is None:
        signed = outline.make(found.jws, salts, keys.signer, utc(SystemClock().now()))
    raw = outline.disclose(found.jws, signed, list(_chosen(wanted, places)), salts)
    if file is None:
        desk.screen.write(raw + b"\n")
        return 0
    with new_file(file, 0o644) as out:
        out.write(raw + b"\n")
    shown = len(outline.read(raw).lines)
    desk.screen.say(f"{shown} of {len(places)} lines of record {found.number} of {request_id} written to {file}")
    return 0


def _short(place: str) -> str:
    return place.removeprefix("systems/")


def _chosen(wanted: Iterable[str], places: Sequence[str]) -> Iterable[str]:
    for one in wanted:
        found = [place for place in places if one in (place, _short(place))]
        if not found:
            fix = f"there are: {', '.join(map(_short, places))}"
            raise UsageError("the record has no such line", where=one, fix=fix)
        yield from found


def printed(
    screen: Screen, found: Shown, raw: bytes, place: Any, place_said: Sequence[str], *, opened: bool = False
) -> None:
    """Say what a disclosure proves, and what not. ``place``: where the record stands in the ledger, if proved."""
    kid = jws.kid_of(outline.read(raw).outline.encode())
    data: dict[str, Any] = {
        "verified": True, "key": kid, "record_id": found.head.record_id, "record_sha256": found.record_sha256,
        "head": found.head, "lines": found.lines, "hidden": found.hidden,
    }  # fmt: skip
    if found.made_at is not None:
        data["made_at"] = found.made_at
    if opened:
        data["opened"] = True
    if place is not None:
        data["ledger"] = place
    screen.data(data, lambda out: _print(out, found, kid, place_said, opened=opened))


def _print(out: Console, found: Shown, kid: str, place_said: Sequence[str], *, opened: bool) -> None:
    head, count = found.head, len(found.lines)
    out.print(Text.assemble(("verified  ", "bold green"), (f"{count} of {count + found.hidden} lines", "bold")))
    out.print(f"of record {head.record_id}: {head.right} request, received {words.minute(head.received_at)}")
    out.print(f"result of all of it: {words.result(head.result)}; weakest line: {words.headline(head.headline)}")
    out.print()
    for place, line in sorted(found.lines.items()):
        out.print(Text(f"{_short(place)}: {_said(line)}"), soft_wrap=True)
    out.print()
    out.print("proved:")
    out.print(f"  - signed with the key {kid}, and not altered since")
    out.print("  - each of these lines is one of this record's, as it stands there")
    for said in (*([f"  - {OPENS}"] if opened else ()), *place_said):
        out.print(said, soft_wrap=True)
    out.print("not proved:")
    if not place_said:
        out.print("  - when it was signed, and that the record stands in the ledger: ask for its proof")
    if found.made_at is not None:
        made = words.minute(found.made_at)
        out.print(f"  - that the lines were fixed when the record was: the issuer signed their list on {made}")
    if found.hidden:
        out.print(f"  - what the {found.hidden} hidden lines say: they may change the picture")
    if opened:
        out.print(f"  - {OPENS_NOT}")
    out.print("  - that the key belongs to whom you think: get it from the issuer by another way")
    out.print("  - that no copy exists outside the systems of the record")


def _said(line: Shape) -> str:
    match line:
        case SystemPart():
            return f"{words.outcome(line.record_set.outcome)} ({words.rule(line.record_set.rule)})"
        case RecordSetLine():
            return words.outcome(line.outcome)
        case RecipientLine():
            return words.outcome(line.outcome) if line.outcome is not None else line.why_not
        case OwedLine():
            return f"{line.kind.replace('_', ' ')} {line.place}, due {line.due}".replace(" ,", ",")
        case HeldBackLine():
            return f"{line.count} passages of {line.place} held back ({line.ground.replace('_', ' ')})"
        case Sources():
            return f"{len(line.maps)} data maps, by their digests"
        case tuple():
            return ", ".join(line)
        case str():
            return line
