"""What ``expunge verify`` says of a bundle: what was proved, and what was not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from orchestrator.cli.screen import Screen
from orchestrator.errors import UsageError
from orchestrator.files import bundles
from orchestrator.ledger import bundle, receipts
from orchestrator.ledger.bundle import Report
from orchestrator.ledger.stamps import Stamp
from orchestrator.ledger.trust import Seen, Trust
from schemas.requests import utc

_SHOWN: Final = 20
OPENS: Final = "the receipt opens it: it is the one that was made for this request"
OPENS_NOT: Final = "who it is that has the receipt: it can be passed on"


def verify(screen: Screen, source: Path, trust: Trust, earlier: bytes | None, shown: Sequence[str] = ()) -> int:
    """Check a bundle. ``shown``: receipts, each of which has to open something that is there.

    Raises:
        UsageError: it cannot be read, or no key of the ledger is given.
        VerificationError: it does not hold.
    """
    if not trust.ledger:
        raise UsageError("no key of the ledger is given", fix="--ledger-key: a line of `expunge ledger key`")
    found = bundle.check(bundles.read(source), trust, earlier)
    opened = receipts.opened(shown, found.receipts)
    data = _data(found) | ({"opened": opened} if shown else {})
    screen.data(data, lambda out: _print(out, found, opened))
    return 0


def _data(found: Report) -> dict[str, Any]:
    return {
        "verified": True,
        "kind": found.kind,
        "origin": found.checkpoint.origin,
        "size": found.checkpoint.size,
        "checkpoints": found.checkpoints,
        "checked": found.checked,
        "without_document": found.deleted if found.kind == bundle.WHOLE else None,
        "open": found.open(),
        "corrected": found.corrected,
        "witnesses": {one.name: _time(one.at) for one in found.seen},
        "stamps": found.stamps,
        "cases": found.cases if found.kind == bundle.SOME else None,
        "continues": found.earlier,
        "records": [one.record_id for one in found.records],
    }


def _print(out: Console, found: Report, opened: Sequence[str]) -> None:
    one = found.checkpoint
    out.print(Text.assemble(("verified  ", "bold green"), (f"{found.kind} of {one.origin}", "bold")), soft_wrap=True)
    checked = ", ".join(f"{count} {kind}" for kind, count in sorted(found.checked.items())) or "none"
    out.print(f"{one.size} leaves; documents checked: {checked}", soft_wrap=True)
    out.print()
    out.print("proved:")
    for line in (*_proved(found), *_opened(opened)):
        out.print(line, soft_wrap=True)
    out.print("not proved:")
    out.print("  - that the keys belong to whom you think: get them from the issuer by another way")
    out.print("  - that no copy exists outside the systems that the records list")
    for line in _not_opened(found, opened):
        out.print(line, soft_wrap=True)
    if found.cases:
        out.print("  - what else the cases tell: it is the issuer's own account, signed with the manifest")
    if found.kind == bundle.SOME:
        out.print("  - that these are all the facts of these requests: ask for the whole ledger")
    elif found.earlier is None:
        out.print("  - that nothing was taken out before you first saw a checkpoint: keep this one (--earlier)")
    if not found.seen:
        out.print("  - that others were shown the same ledger: no witness that you trust has seen this checkpoint")
    if found.unread:
        out.print(f"  - when: {found.unread} time stamps are here, and no root was given to check them (--tsa-root)")
    elif not found.stamps:
        out.print("  - when it was signed: no checkpoint has a time stamp of somebody else")
    if found.deleted:
        said = f"deleted at the end of their retention, the last on {found.deleted_until}, as the issuer says"
        out.print(f"  - what {found.deleted} leaves say: their documents were {said}", soft_wrap=True)
    still = found.open()
    if found.kind == bundle.WHOLE and still:
        out.print(f"requests without a record: {len(still)}")
        for name, due in list(still.items())[:_SHOWN]:
            out.print(f"  {name}, due {due}", soft_wrap=True)


def _proved(found: Report) -> Iterator[str]:
    yield "  - no byte of any file was altered since the manifest was signed"
    yield "  - every record is signed with a key that you trust, and its result says no more than its lines do"
    if found.kind == bundle.WHOLE:
        yield "  - the leaves lead to the root of the newest checkpoint, and every document is the one of its leaf"
        yield f"  - {found.checkpoints} checkpoints lie on one line: nothing was changed between them"
        if found.earlier is not None:
            yield f"  - the ledger continues the checkpoint that you kept ({found.earlier} leaves)"
    else:
        yield "  - every document stands in the ledger at its number"
        if found.cases:
            yield f"  - {found.cases} cases do not contradict their records; the plans are those that these name"
    for old, newer in sorted(found.corrected.items()):
        yield f"  - {old} does not hold in all its lines any more: {newer} corrects it"
    yield from witnessed(found.seen)
    yield from stamped(found.stamps)


def _opened(opened: Sequence[str]) -> Iterator[str]:
    for one in opened:
        yield f"  - request {one}: {OPENS}"


def _not_opened(found: Report, opened: Sequence[str]) -> Iterator[str]:
    if opened:
        yield f"  - {OPENS_NOT}"
        others = sorted(found.receipts.keys() - set(opened))
        if others:
            yield f"  - whose the other requests are: {_some(others)}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


def witnessed(seen: Sequence[Seen]) -> Iterator[str]:
    """Say which witnesses have seen a checkpoint, and when."""
    for one in seen:
        yield f"  - the witness {one.name} has seen this checkpoint at {_time(one.at)}"


def stamped(stamps: Sequence[Stamp]) -> Iterator[str]:
    """Say which time-stamp authorities have stamped a checkpoint, and when."""
    for one in stamps:
        yield f"  - {one.name} says that the first {one.size} leaves were there at {one.at}"


def _time(seconds: int) -> str:
    return utc(dt.datetime.fromtimestamp(seconds, dt.UTC))
