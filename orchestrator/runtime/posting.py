"""Mails the newest checkpoint now and then, on a thread of its own: nobody waits for a mail server (ADR 37).

What is due is in the store, so any number of processes send it once. One that dies while it sends may have sent it:
then it goes out again, with the same Message-ID. A folder can be asked what was handed over, a mailbox cannot: it
never stops the ledger, and its owner has to compare.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections.abc import Callable, Iterator, Sequence
from email.message import EmailMessage
from typing import Final

import msgspec

from connectors.signals import SILENT, Signals
from orchestrator.engine.base import again
from orchestrator.errors import DependencyError, ExpungeError
from orchestrator.files.checkpoint_mail import MailServer, written
from orchestrator.ports import CheckpointMail, CheckpointRow, Clock, Store
from orchestrator.settings import Settings
from schemas.requests import utc

POLL_SECONDS: Final = 30.0
LOCK: Final = "ledger-mail"
_FIRST: Final = dt.timedelta(minutes=1)
_LONGEST: Final = dt.timedelta(hours=6)
_DOUBLINGS: Final = 9
"""A minute doubled so often is longer than the longest pause."""


def next_mail(
    known: Sequence[CheckpointMail], last: CheckpointRow | None, now: dt.datetime, every: dt.timedelta
) -> CheckpointMail | None:
    """Say what is to be sent now, as a try that has begun; None where nothing is.

    Args:
        known: The mail that was sent last, and one that waits.
        last: The newest checkpoint.
        now: UTC.
        every: Most often something is sent.
    """
    if last is None:
        return None
    sent = next((one for one in reversed(known) if one.sent_at is not None), None)
    waiting = next((one for one in reversed(known) if one.sent_at is None), None)
    if waiting is not None:
        pause = min(_LONGEST, _FIRST * 2 ** min(waiting.tries - 1, _DOUBLINGS))
        if now < dt.datetime.fromisoformat(waiting.tried_at) + pause:
            return None
        return msgspec.structs.replace(waiting, size=last.size, tried_at=utc(now), tries=waiting.tries + 1)
    if sent is not None and sent.sent_at is not None:
        too_early = now < dt.datetime.fromisoformat(sent.sent_at) + every
        if too_early or sent.size >= last.size:
            return None
    return CheckpointMail(last.size, utc(now), utc(now), 1)


class Posting:
    """Sends checkpoints."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        clock: Clock,
        signals: Signals = SILENT,
        send: Callable[[EmailMessage], None] | None = None,
    ) -> None:
        """Take what it works with. ``send``: another mail server than that of the settings."""
        self._settings = settings.ledger_mail
        self._store = store
        self._clock = clock
        self._signals = signals
        self._send = send or MailServer(self._settings, settings.home).send

    def turn(self) -> bool:
        """Send the newest checkpoint if one is due; tells whether one was sent.

        Raises:
            DependencyError: the store cannot be used. A mail server that does not answer is logged, and tried again.
        """
        if not self._settings.to or (claimed := again(self._claimed)) is None:
            return False
        mail, note = claimed
        now = self._clock.now()
        try:
            self._send(written(self._settings, mail.size, note, now))
        except ExpungeError as error:
            self._signals.log("ledger.not_mailed", error=error, attempt=mail.tries)
            return False
        sent = msgspec.structs.replace(mail, sent_at=utc(now))

        def note_it() -> None:
            with self._store.write() as tx:
                tx.save_checkpoint_mail(sent)

        again(note_it)
        self._signals.log("ledger.mailed", attempt=mail.tries)
        return True

    def _claimed(self) -> tuple[CheckpointMail, bytes] | None:
        every = dt.timedelta(hours=self._settings.every_hours)
        with self._store.read() as tx:
            if next_mail(tx.checkpoint_mails(), tx.last_checkpoint(), self._clock.now(), every) is None:
                return None
        with self._store.write() as tx:
            if not tx.alone(LOCK):
                return None
            last = tx.last_checkpoint()
            mail = next_mail(tx.checkpoint_mails(), last, self._clock.now(), every)
            if mail is None or last is None:
                return None
            tx.save_checkpoint_mail(mail)
            return mail, last.note

    def run(self, stop: threading.Event) -> None:
        """Work until stopped. A store that is away is somebody else's to say: whoever works with it does."""
        while not stop.wait(POLL_SECONDS):
            with contextlib.suppress(DependencyError):
                self.turn()

    @contextlib.contextmanager
    def beside(self, *, once_more: bool) -> Iterator[None]:
        """Work on a thread while something else does. ``once_more``: send what is due at the end, and wait for it."""
        stop = threading.Event()
        # Nothing hangs on its end: what was being sent is sent again.
        thread = threading.Thread(target=self.run, args=(stop,), name="ledger-mail", daemon=True)
        thread.start()
        try:
            yield
            if once_more:
                self.turn()
        finally:
            stop.set()
