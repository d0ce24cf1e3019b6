"""A checkpoint as a mail: every byte of it arrives, over TLS, and nothing the server says gets out."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
from pathlib import Path

import pytest

from orchestrator.errors import DependencyError
from orchestrator.files.checkpoint_mail import MailServer, written
from orchestrator.ledger import notes
from orchestrator.ledger.notes import Checkpoint
from orchestrator.settings.ledger_mail import LedgerMailSettings
from tests.support.ledgers import ORIGIN, PINNED, SIGNER
from tests.support.mail_server import Security, mail_server
from tests.support.secured import certificates

NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
NOTE = notes.signed(Checkpoint(ORIGIN, 7, bytes(32)).text(), [SIGNER]).raw()


def settings(port: int, security: Security, ca_file: str = "") -> LedgerMailSettings:
    return LedgerMailSettings("dpo@example.org", "expunge@example.com", f"127.0.0.1:{port}", security, ca_file=ca_file)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_checkpoint_arrives_over_tls_as_it_was_signed(tmp_path: Path, security: Security) -> None:
    ca_file, pem = certificates(tmp_path, "mail")
    with mail_server(security, pem) as sink:
        one = settings(sink.port, security, ca_file.name)
        login = {"EXPUNGE_MAIL_USERNAME": "expunge", "EXPUNGE_MAIL_PASSWORD": "canary-mail-password"}
        MailServer(one, tmp_path, login).send(written(one, 7, NOTE, NOW))
    assert sink.encrypted == [True]
    assert sink.logins == ["\0expunge\0canary-mail-password"]
    (arrived,) = (email.message_from_bytes(raw, policy=email.policy.default) for raw in sink.mails)
    assert arrived["To"] == "dpo@example.org"
    assert arrived["Auto-Submitted"] == "auto-generated"
    (attached,) = arrived.iter_attachments()
    assert attached.get_filename() == "checkpoint-7.txt"
    got = attached.get_content()
    assert got == NOTE
    notes.verify(notes.parse(got), [PINNED])


def test_the_same_checkpoint_is_known_by_its_message_id() -> None:
    one = settings(25, "none")
    assert written(one, 7, NOTE, NOW)["Message-ID"] == written(one, 7, NOTE, NOW + dt.timedelta(days=1))["Message-ID"]
    other = notes.signed(Checkpoint(ORIGIN, 7, b"\1" + bytes(31)).text(), [SIGNER]).raw()
    assert written(one, 7, NOTE, NOW)["Message-ID"] != written(one, 7, other, NOW)["Message-ID"]
    assert written(one, 8, NOTE, NOW)["Message-ID"] != written(one, 7, NOTE, NOW)["Message-ID"]


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    _, pem = certificates(tmp_path, "mail")
    other, _ = certificates(tmp_path, "other")
    with mail_server("starttls", pem) as sink:
        one = settings(sink.port, "starttls", other.name)
        with pytest.raises(DependencyError) as caught:
            MailServer(one, tmp_path, {}).send(written(one, 7, NOTE, NOW))
    assert "TLS" in (caught.value.why or "")
    assert sink.mails == []


def test_a_server_without_tls_gets_nothing(tmp_path: Path) -> None:
    with mail_server("none") as sink:
        one = settings(sink.port, "starttls")
        with pytest.raises(DependencyError):
            MailServer(one, tmp_path, {}).send(written(one, 7, NOTE, NOW))
    assert sink.mails == []


def test_i04_what_a_server_says_is_not_told(tmp_path: Path) -> None:
    with mail_server("none") as sink:
        sink.refusing = True
        one = settings(sink.port, "none")
        with pytest.raises(DependencyError) as caught:
            MailServer(one, tmp_path, {}).send(written(one, 7, NOTE, NOW))
        assert "canary" not in f"{caught.value.what}{caught.value.why}{caught.value.fix}{caught.value}"
        login = {"EXPUNGE_MAIL_USERNAME": "expunge", "EXPUNGE_MAIL_PASSWORD": "wrong"}
        with pytest.raises(DependencyError) as caught:
            MailServer(one, tmp_path, login).send(written(one, 7, NOTE, NOW))
        assert caught.value.why == "SMTPAuthenticationError 535"


def test_nobody_there_is_told_with_the_place(tmp_path: Path) -> None:
    with mail_server("none") as sink:
        port = sink.port
    one = settings(port, "none")
    with pytest.raises(DependencyError) as caught:
        MailServer(one, tmp_path, {}).send(written(one, 7, NOTE, NOW))
    assert caught.value.where == f"127.0.0.1:{port}"
    assert "refused" in (caught.value.why or "").lower()
