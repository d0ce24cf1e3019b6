"""What ``expunge verify`` says of a copy that somebody was given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from orchestrator.cli.screen import Screen
from orchestrator.files import copies
from orchestrator.ledger.copies import Signed
from orchestrator.ledger.trust import Trust


def verify(screen: Screen, source: Path, trust: Trust) -> int:
    """Check a copy, a zip or a folder.

    Raises:
        UsageError: it cannot be read.
        VerificationError: it is not what was handed out.
    """
    found = copies.check(source, trust)
    data: dict[str, Any] = {
        "verified": True,
        "kind": "copy",
        "request_id": found.request_id,
        "key": found.kid,
        "files": len(found.files),
        "bytes": sum(one.length for one in found.files.values()),
    }
    screen.data(data, lambda out: _print(out, found))
    return 0


def _print(out: Console, found: Signed) -> None:
    out.print(Text.assemble(("verified  ", "bold green"), (f"copy of request {found.request_id}", "bold")))
    out.print("proved:")
    out.print(f"  - its description was signed with the key {found.kid}, and not altered since")
    out.print(f"  - its {len(found.files)} other files are those that were handed out: no file more, none less")
    out.print("not proved:")
    out.print("  - that it is all that is held: what was not given stands in index.html, what was done in the record")
    out.print("  - when it was made, and to whom it was handed")
    if found.retired_at:
        out.print(f"  - that it was made before the key was retired ({found.retired_at})")
    out.print("  - that the key belongs to whom you think: get it from the company by another way")
