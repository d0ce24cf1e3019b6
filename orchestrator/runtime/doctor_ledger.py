"""What ``expunge doctor`` says of the ledger: whether it grows, and whether anybody outside holds a checkpoint."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Final

from orchestrator.keys import KeyFolder
from orchestrator.ports import CheckpointMail, Clock, Store
from orchestrator.runtime.findings import Finding
from orchestrator.runtime.sequencing import sequencer
from orchestrator.settings import Settings

UNNUMBERED: Final = dt.timedelta(minutes=10)
"""After which a sequencer should have been there."""
UNMAILED: Final = dt.timedelta(hours=2)
"""After which a mail server that does not take a checkpoint is no passing trouble any more."""


def examine(settings: Settings, store: Store, clock: Clock) -> Iterator[Finding]:
    """Hold the ledger against its anchors, and look whether facts wait for their number."""
    doubt = sequencer(settings, store, KeyFolder(settings.keys, ()), clock).doubt()
    with store.read() as tx:
        oldest = next((one.at for one in tx.pending_leaves(1)), None)
        last = tx.last_checkpoint()
        mails = tx.checkpoint_mails()
    if doubt is not None:
        text = ": ".join(one for one in ("it does not grow", doubt.what, doubt.why) if one)
        yield Finding("ledger", "finding", text, doubt.fix)
    elif oldest and clock.now() - dt.datetime.fromisoformat(oldest) > UNNUMBERED:
        fix = "is an orchestrator running? it numbers them by itself"
        yield Finding("ledger", "finding", f"facts wait for their number since {oldest[:16]}Z", fix)
    else:
        size = last.size if last else 0
        outside = "the last checkpoint is outside"
        if settings.ledger_mail.to and not settings.ledger.anchor:
            outside = "checkpoints are mailed: their owner has to compare, no mailbox stops a ledger that was rewritten"
        elif not settings.ledger.anchor:
            outside = "but no checkpoint leaves our hands ([ledger] anchor): whoever has the key can rewrite it"
        yield Finding("ledger", "ok", f"{size} leaves, {outside}")
    if settings.ledger_mail.to:
        yield _mailed(mails, clock)


def _mailed(mails: Sequence[CheckpointMail], clock: Clock) -> Finding:
    sent = max((one.sent_at for one in mails if one.sent_at), default=None)
    text = f"the last one was taken {sent[:16]}Z" if sent else "none was taken yet"
    waiting = [one for one in mails if one.sent_at is None]
    since = min((one.due_at for one in waiting), default=None)
    if since and clock.now() - dt.datetime.fromisoformat(since) > UNMAILED:
        fix = "look at [ledger_mail]; the log says of which kind the failure was (ledger.not_mailed)"
        tries = sum(one.tries for one in waiting)
        return Finding("ledger_mail", "finding", f"due since {since[:16]}Z, tried {tries} times; {text}", fix)
    return Finding("ledger_mail", "ok", text)
