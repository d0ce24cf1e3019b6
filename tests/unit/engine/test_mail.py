"""Reading one mail: what counts of it, and that nothing in it can do more than make it unreadable."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.engine.mail import Mail, UnreadableError, head_of, read
from orchestrator.engine.mailing import Letter
from schemas.identifiers import Identifier

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
PLAIN = """Received: from a by mx.acme.example; Sat, 28 Feb 2026 23:30:00 -0500
Received: from b by c; Mon, 05 Jan 2026 10:00:00 +0000
Message-ID: <1@example.org>
From: Marie <Marie.Dupont@Example.org>
To: "Erase" <erasure@acme.example>, other@acme.example
Subject: =?utf-8?b?w4lmZmFjZXo=?=
 me

text
"""


def mail(text: str = PLAIN, *, whole: bool = True) -> Mail:
    return read(text.encode(), whole=whole, now=NOW)


def without(name: str) -> str:
    return "".join(line for line in PLAIN.splitlines(keepends=True) if not line.startswith(f"{name}:"))


def test_what_counts_of_a_mail() -> None:
    found = mail()
    assert found.sender == Identifier("email", "marie.dupont@example.org")
    assert found.to == {"erasure@acme.example", "other@acme.example"}
    assert found.subject == "effacez me".replace("e", "é", 1)
    assert found.written_by == "person"
    assert not found.answers


def test_s43_the_receipt_is_what_our_own_server_says_and_not_what_others_wrote() -> None:
    # The topmost one; and the day is that of UTC: 4.30 on the first of March.
    assert mail().arrived_at == "2026-03-01T04:30:00.000Z"
    assert mail(without("Received")).arrived_at == ""
    assert (
        mail(without("Received").replace("Subject", "Date: Mon, 05 Jan 2026 10:00:00 +0000\nSubject")).arrived_at == ""
    )


@pytest.mark.parametrize(
    ("stamp", "arrived"),
    [
        ("Sun, 01 Mar 2026 10:00:00 -0000", "2026-03-01T10:00:00.000Z"),
        ("Sun, 01 Mar 2026 11:00:00 +0100 (CET)", "2026-03-01T10:00:00.000Z"),
        ("Sun, 01 Mar 2026 12:04:00 +0000", "2026-03-01T12:00:00.000Z"),  # a clock that is a little ahead
        ("Sun, 01 Mar 2026 12:06:00 +0000", ""),
        ("Fri, 31 Dec 9999 23:00:00 -1400", ""),
        ("whenever", ""),
        ("", ""),
    ],
)
def test_the_moment_of_a_stamp(stamp: str, arrived: str) -> None:
    assert mail(f"Received: by x; {stamp}\n{without('Received')}").arrived_at == arrived


@pytest.mark.parametrize(
    ("header", "author"),
    [
        ("Auto-Submitted: no", "person"),
        ("Auto-Submitted: auto-replied", "reply"),
        ("Auto-Submitted: Auto-Replied; owner-email=x", "reply"),
        ("Auto-Submitted: auto-notified (a filter)", "reply"),
        ("Auto-Submitted: auto-generated", "program"),
        ("Return-Path: <>", "reply"),
        ("Return-Path: < >", "reply"),
        ("Return-Path: <a@b.example>", "person"),
        ("Content-Type: multipart/report; boundary=x", "reply"),
    ],
)
def test_rfc3834_who_wrote_it(header: str, author: str) -> None:
    assert mail(f"{header}\n{PLAIN}").written_by == author


@pytest.mark.parametrize(
    "sender",
    [
        "",
        "Marie",
        "a@b.example, c@d.example",
        '"boss@acme.example" <marie@example.org>',
        "marie@example.org (boss@acme.example)",
        "<marie@example.org> x@y.example",
        "group: marie@example.org, x@y.example;",
        "a@@b.example",
        "marie@localhost",
    ],
)
def test_an_address_that_is_not_for_sure_the_only_one_is_none(sender: str) -> None:
    assert mail(f"From: {sender}\n{without('From')}").sender is None
    assert mail(f"From: x@y.example\n{PLAIN}").sender is None, "two From headers"


def test_an_address_that_stands_in_its_own_name_is_one() -> None:
    sender = mail(f'From: "MARIE@example.org" <marie@example.org>\n{without("From")}').sender
    assert sender == Identifier("email", "marie@example.org")


def test_a_copy_that_took_another_way_says_the_same_and_another_mail_does_not() -> None:
    copy = mail(f"Received: by list; Sun, 01 Mar 2026 10:00:00 +0000\n{PLAIN}".replace("\n", "\r\n"))
    assert (copy.identity, copy.content) == (mail().identity, mail().content)
    other = mail(PLAIN.replace("text", "another"))
    assert other.identity == mail().identity
    assert other.content != mail().content
    assert mail(without("Message-ID")).identity != mail(without("Message-ID").replace("text", "another")).identity


def test_headers_that_do_not_end_are_not_read() -> None:
    with pytest.raises(UnreadableError):
        head_of(b"X: " + b"a" * (300 << 10))
    assert head_of(b"X: y") == b"X: y"


def test_nothing_of_a_mail_shows_in_a_traceback() -> None:
    assert "arie" not in repr(mail()) + repr(Letter("/mail/marie", 1, PLAIN.encode(), 1)) + str(mail().__rich_repr__())


_HEADER = st.sampled_from(
    ["From", "To", "Subject", "Received", "Message-ID", "Content-Type", "Auto-Submitted", "Content-Transfer-Encoding"]
)
_VALUE = st.one_of(
    st.text(max_size=60),
    st.sampled_from(['multipart/mixed; boundary="b"', "=?utf-8?q?=FF?=", "=?x?b?!!?=", "a@b.example", "by x; 1 2 3"]),
)


@given(st.lists(st.tuples(_HEADER, _VALUE), max_size=8), st.binary(max_size=200), st.booleans())
def test_whatever_comes_it_is_read_or_unreadable(headers: list[tuple[str, str]], body: bytes, whole: bool) -> None:
    raw = b"".join(f"{name}: {value}\n".encode("utf-8", "surrogatepass") for name, value in headers) + b"\n" + body
    try:
        found = read(raw, whole=whole, now=NOW)
    except UnreadableError:
        return
    assert found.written_by in {"person", "reply", "program"}
    assert found.sender is None or found.sender.kind == "email"


@given(st.binary(max_size=400))
def test_whatever_bytes_come_they_are_read_or_unreadable(raw: bytes) -> None:
    try:
        found = read(raw, whole=True, now=NOW)
    except UnreadableError:
        return
    assert found.headers
