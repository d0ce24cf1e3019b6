"""A checkpoint as a mail, and a mail server that takes it (RFC 5321, 5322; TLS as RFC 8314).

Nothing of it is about a person: size and root of the ledger, and our signature.
"""

from __future__ import annotations

import datetime as dt
import os
import smtplib
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Final

from orchestrator.errors import DependencyError
from orchestrator.ledger import notes
from orchestrator.settings.ledger_mail import LedgerMailSettings

SECONDS: Final = 20
"""How long the server may take for one answer."""
_TEXT: Final = """This is a checkpoint of the ledger of privacy requests: how many leaves it had, and its root.
Keep it. Whatever you are given of this ledger later has to continue it:

    expunge verify LEDGER --key record.pub.jwk --ledger-key KEY --earlier checkpoint-{size}.txt

It holds nothing about any person.
"""


def written(settings: LedgerMailSettings, size: int, note: bytes, now: dt.datetime) -> EmailMessage:
    """Write the mail. The same checkpoint has the same Message-ID, so that one that came twice is known."""
    checkpoint = notes.checkpoint_of(notes.parse(note))
    mail = EmailMessage()
    mail["From"] = settings.sender
    mail["To"] = settings.to
    mail["Subject"] = f"Checkpoint {size} of {checkpoint.origin}"
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{size}.{checkpoint.root.hex()[:32]}@{settings.sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(_TEXT.format(size=size))
    # Not as text: mail servers change the ends of lines, and every byte of it is signed.
    mail.add_attachment(note, maintype="application", subtype="octet-stream", filename=f"checkpoint-{size}.txt")
    return mail


class MailServer:
    """Sends mails, each on a connection of its own."""

    def __init__(self, settings: LedgerMailSettings, home: Path, environment: Mapping[str, str] = os.environ) -> None:
        """Take where it is. ``home``: what ``ca_file`` is relative to."""
        self._settings = settings
        self._home = home
        self._environment = environment

    def send(self, mail: EmailMessage) -> None:
        """Have it taken by the server.

        Raises:
            DependencyError: it was not; what the server said is not told, only of which kind it was.
        """
        try:
            with self._connected() as server:
                server.send_message(mail)
        except (OSError, smtplib.SMTPException) as error:
            raise DependencyError(
                "the mail server did not take a checkpoint",
                where=self._settings.server,
                why=_why(error),
                fix="look at [ledger_mail], and whether the server can be reached; it is tried again by itself",
            ) from None

    def _connected(self) -> smtplib.SMTP:
        one = self._settings
        if one.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(one.host, one.port, timeout=SECONDS, context=self._context())
        else:
            server = smtplib.SMTP(one.host, one.port, timeout=SECONDS)
        try:
            if one.security == "starttls":
                server.starttls(context=self._context())
            if name := self._environment.get(one.username_env):
                server.login(name, self._environment.get(one.password_env, ""))
        except BaseException:
            server.close()
            raise
        return server

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(
            cafile=self._home / self._settings.ca_file if self._settings.ca_file else None
        )


def _why(error: Exception) -> str:
    """Say it without the server's words: they may quote what was sent."""
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or type(error).__name__}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{type(error).__name__} {error.smtp_code}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
