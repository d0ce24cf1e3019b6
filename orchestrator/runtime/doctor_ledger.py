"""What ``expunge doctor`` says of the ledger: whether it grows, and whether anybody outside holds a checkpoint."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Final

from orchestrator.keys import KeyFolder
from orchestrator.ports import Clock, Store
from orchestrator.runtime.findings import Finding
from orchestrator.runtime.sequencing import sequencer
from orchestrator.settings import Settings

UNNUMBERED: Final = dt.timedelta(minutes=10)
"""After which a sequencer should have been there."""


def examine(settings: Settings, store: Store, clock: Clock) -> Iterator[Finding]:
    """Hold the ledger against its anchors, and look whether facts wait for their number."""
    doubt = sequencer(settings, store, KeyFolder(settings.keys, ()), clock).doubt()
    with store.read() as tx:
        oldest = next((one.at for one in tx.pending_leaves(1)), None)
        last = tx.last_checkpoint()
    if doubt is not None:
        text = ": ".join(one for one in ("it does not grow", doubt.what, doubt.why) if one)
        yield Finding("ledger", "finding", text, doubt.fix)
    elif oldest and clock.now() - dt.datetime.fromisoformat(oldest) > UNNUMBERED:
        fix = "is an orchestrator running? it numbers them by itself"
        yield Finding("ledger", "finding", f"facts wait for their number since {oldest[:16]}Z", fix)
    else:
        size = last.size if last else 0
        outside = "the last checkpoint is outside"
        if not settings.ledger.anchor:
            outside = "but no checkpoint leaves our hands ([ledger] anchor): whoever has the key can rewrite it"
        yield Finding("ledger", "ok", f"{size} leaves, {outside}")
