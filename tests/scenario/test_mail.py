"""Requests by mail (S43): what a rule knows is a request from its arrival on, everything else waits for a person."""

from __future__ import annotations

import base64
import datetime as dt
import io
import json
import mailbox
import os
import sqlite3
import sys
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import orchestrator.cli.mailing
import orchestrator.engine.mailing
import orchestrator.files.mailboxes
from connectors.testing.crash import kill_at, lines_of
from orchestrator.law.periods import response_due
from tests.support.cli import CANARY, REQUEST, WHO, CommandLine, identified_by
from tests.support.company import made_up

RULES = """
[mail]
own_domains = ["acme.example"]
owner = "privacy-desk"

[[mail.rules]]
to = "erasure@acme.example"
right = "erasure"

[[mail.rules]]
subject = "[Access]"
right = "access"

[[mail.rules]]
header = "X-Unsubscribe: newsletter"
right = "withdrawal_of_consent"
purposes = ["newsletter"]
"""
ME = made_up(WHO).email
DAY = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=5)
ARRIVED = f"{DAY:%a, %d %b %Y} 09:30:00 +0100"
DUE = response_due(DAY)[0].isoformat()
OF_CODE = tuple(
    str(Path(str(one.__file__)).resolve())
    for one in (orchestrator.cli.mailing, orchestrator.engine.mailing, orchestrator.files.mailboxes)
)


@pytest.fixture
def desk(expunge: CommandLine) -> CommandLine:
    with (expunge.home / "expunge.toml").open("a") as file:
        file.write(RULES.replace("privacy-desk", "dpo"))
    return expunge


@pytest.fixture
def maildir(desk: CommandLine) -> Path:
    folder = desk.company.root / "mail"
    mailbox.Maildir(folder).close()
    return folder


def mail(number: int, body: str = f"please, {CANARY}", **headers: str) -> bytes:
    """One mail as a server delivers it; ``From_=""`` leaves a header out."""
    told = {
        "Return_Path": f"<{ME}>",
        "Received": f"from mx by acme.example; {ARRIVED}",
        "Message_ID": f"<{CANARY}.{number}@example.org>",
        "From": f"Somebody {CANARY} <{ME}>",
        "To": "dpo@acme.example",
        "Subject": f"hello {CANARY}",
        **headers,
    }
    head = "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in told.items() if value)
    return f"{head}\n{body}\n".encode()


def to_erasure(number: int, **headers: str) -> bytes:
    return mail(number, To="Erasure <ERASURE@acme.example>", **headers)


def deliver(folder: Path, *raw: bytes) -> None:
    for place, one in enumerate(raw):
        name = f"{len(list((folder / 'new').iterdir())):06}.{place}.{CANARY}"
        (folder / "new" / name).write_bytes(one)


def with_form(number: int, form: Any, **headers: str) -> bytes:
    body = base64.b64encode(form if isinstance(form, bytes) else json.dumps(form).encode()).decode()
    parts = (
        f"--b\nContent-Type: text/plain\n\n{CANARY}\n--b\nContent-Type: application/json\n"
        'Content-Disposition: attachment; filename="request.json"\nContent-Transfer-Encoding: base64\n'
        f"\n{body}\n--b--\n"
    )
    return mail(number, parts, MIME_Version="1.0", Content_Type='multipart/mixed; boundary="b"', **headers)


def left(folder: Path) -> int:
    return sum(1 for sub in ("new", "cur") for _ in (folder / sub).iterdir())


def reasons(told: Any) -> list[str]:
    return [one.get("reason") or one.get("right") or one["becomes"] for one in told["mails"]]


def test_s43_a_mail_to_the_address_of_a_right_becomes_an_unverified_request_and_is_erased(
    desk: CommandLine, maildir: Path
) -> None:
    desk.before = desk.company.snapshot_bystanders([WHO])
    deliver(maildir, to_erasure(1))
    looked = desk.json("intake", "mail", str(maildir))
    assert [(one["becomes"], one["right"], one["arrived_at"]) for one in looked["mails"]] == [
        ("request", "erasure", f"{DAY}T08:30:00.000Z")
    ]
    assert left(maildir) == 1, "nothing was taken in by looking"
    assert desk.json("list") == []
    (taken,) = desk.json("intake", "mail", str(maildir), "--take")["mails"]
    assert left(maildir) == 0
    assert len(list((maildir / ".taken" / "cur").iterdir())) == 1
    request = taken["request_id"]
    receipt = desk.json("receipt", request)["receipt"]
    assert receipt not in json.dumps(taken), "it is for the person, and not for whoever reads the mails"
    assert desk("run", "--until-idle") == 1, "nothing goes out before somebody knows who asks"
    assert receipt in desk.json("letter", request, "--kind", "receipt")["text"]
    (row,) = desk.json("list", "--attention")
    assert (row["request_id"], row["received_at"][:10]) == (request, str(DAY))
    shown = desk.json("show", request)
    assert shown["due_on"] == DUE
    file = desk.company.root / "opened.eml"
    assert desk("intake", "open", request, "-O", str(file)) == 0
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (to_erasure(1), 0o600)
    assert desk("identity", "confirm", request, "--method", "callback") == 0, desk.err
    desk("run", "--until-idle")
    assert "closed" in (str(desk("show", request)) and desk.out).splitlines()[0], desk.out
    again = desk.json("intake", "mail", str(maildir), "--take")
    assert again["mails"] == []


def test_what_a_mail_said_is_forgotten_when_its_request_closes(desk: CommandLine, maildir: Path) -> None:
    deliver(maildir, to_erasure(1, From="nobody@nowhere.example"))
    (taken,) = desk.json("intake", "mail", str(maildir), "--take")["mails"]
    desk("run", "--until-idle")
    assert desk.rows()["mails"][0][9] is not None
    assert desk("identity", "refuse", taken["request_id"], "--reason", "no_match") == 0, desk.err
    desk("run", "--until-idle")
    assert desk.json("list", "--open") == []
    (row,) = desk.rows()["mails"]
    assert row[9] is None
    told = desk.error(2, "intake", "open", taken["request_id"], "-O", str(desk.company.root / "none"))
    assert "forgotten" in told["what"]
    deliver(maildir, to_erasure(1, From="nobody@nowhere.example"))
    assert reasons(desk.json("intake", "mail", str(maildir), "--take")) == ["known"]


def test_each_mail_is_what_the_rules_say_or_waits_with_its_reason(desk: CommandLine, maildir: Path) -> None:
    form = identified_by(("email", ME), ("customer_id", "c-1"), request_id=REQUEST)
    cases = {
        "erasure": to_erasure(1),
        "access": mail(2, Subject=f"=?utf-8?q?=5Bacc=C3=A9ss=5D?= {CANARY}".replace("=C3=A9", "e")),
        "withdrawal_of_consent": mail(3, X_Unsubscribe="Newsletter"),
        "no_rule": mail(4),
        "several_rules": to_erasure(5, Subject="[access] me"),
        "no_sender": to_erasure(6, From=""),
        "own_domain": to_erasure(7, From=f"{CANARY}@acme.example"),
        "reply": to_erasure(8, In_Reply_To="<x@y>"),
        "automatic_reply": to_erasure(9, Auto_Submitted="auto-replied (vacation)"),
        "written_by_program": to_erasure(10, Auto_Submitted="auto-generated"),
        "no_arrival": to_erasure(11, Received=""),
        "other_person": with_form(12, identified_by(("email", f"other-{ME}"))),
        "form_wrong": with_form(13, b'{"right": "erasure"'),
    }
    deliver(maildir, *cases.values(), with_form(14, form), to_erasure(15, Return_Path="<>"))
    told = desk.json("intake", "mail", str(maildir), "--take")
    assert reasons(told) == [*cases, "erasure", "automatic_reply"]
    assert told["counts"] == {"no_request": 2, "request": 4, "waiting": 9}
    waiting = desk.json("intake", "mail", "--waiting")
    assert {one["reason"] for one in waiting} == set(cases) - {
        "erasure", "access", "withdrawal_of_consent", "automatic_reply"
    }  # fmt: skip
    assert {one["answer_by"] for one in waiting if one["reason"] != "no_arrival"} == {DUE}
    assert desk("list") == 0
    assert "9 mails need a person" in desk.err
    assert desk("doctor") == 1
    assert f"9 mails wait for dpo, the oldest since {DAY}" in desk.out
    desk("run", "--until-idle")
    rights = sorted(one["right"] for one in desk.json("list"))
    assert rights == ["access", "erasure", "erasure", "withdrawal_of_consent"]
    assert REQUEST not in {one["request_id"] for one in desk.json("list")}, "an id in a mail is somebody's claim"


def test_a_person_says_what_a_waiting_mail_is_and_its_time_runs_from_its_arrival(
    desk: CommandLine, maildir: Path
) -> None:
    deliver(maildir, mail(1), mail(2), mail(3, Received=""), mail(4), mail(5, From=""))
    ids = [one["mail_id"] for one in desk.json("intake", "mail", str(maildir), "--take")["mails"]]
    made = desk.json("intake", "settle", ids[0], "--right", "erasure")
    assert made["outcome"] == "request"
    desk("run", "--until-idle")
    assert desk.json("show", made["request_id"])["due_on"] == DUE
    assert desk.json("intake", "settle", ids[1], "--no-request", "spam")["outcome"] == "spam"
    assert desk.error(2, "intake", "settle", ids[1], "--right", "erasure")["what"].endswith("wait for anybody")
    assert "arrived" in desk.error(2, "intake", "settle", ids[2], "--right", "erasure")["what"]
    received = f"{DAY}T10:00:00+01:00"
    later = desk.json("intake", "settle", ids[2], "--right", "access", "--received", received)
    desk("run", "--until-idle")
    assert desk.json("show", later["request_id"])["received_at"] == f"{DAY}T09:00:00.000Z"
    assert desk.json("intake", "settle", ids[3], "--request", made["request_id"])["outcome"] == "part_of_request"
    file = desk.company.root / "both.eml"
    assert desk.json("intake", "open", made["request_id"], "-O", str(file))["mails"] == 2
    assert "who wrote cannot be told" in desk.error(2, "intake", "settle", ids[4], "--right", "erasure")["what"]
    desk.typed(json.dumps(identified_by(("email", ME))).encode())
    assert desk("intake", "settle", ids[4], "--form", "-") == 0, desk.err
    assert desk.json("intake", "mail", "--waiting") == []


def test_what_is_said_wrongly_changes_nothing(desk: CommandLine, maildir: Path) -> None:
    deliver(maildir, mail(1))
    (one,) = desk.json("intake", "mail", str(maildir), "--take")["mails"]
    before = desk.rows()
    name = one["mail_id"]
    assert desk("intake", "settle", name) == 2
    assert desk("intake", "settle", name, "--right", "erasure", "--no-request", "spam") == 2
    assert desk("intake", "mail") == 2
    assert desk("intake", "mail", "--waiting", "--take") == 2
    assert desk.error(2, "intake", "settle", name, "--right", "erase")["fix"] == "did you mean 'erasure'?"
    desk.error(2, "intake", "settle", "mail-0", "--right", "erasure")
    desk.error(2, "intake", "settle", name, "--right", "withdrawal_of_consent")
    desk.error(2, "intake", "mail", str(maildir / "none"))
    desk.error(2, "intake", "mail", str(desk.home / "expunge.toml"))
    assert desk("intake", "settle", name, "--no-request", "He is a nuisance") == 2
    assert desk("intake", "settle", name, "--no-request", "spam", "--role", "Marie Dupont") == 2
    assert desk("intake", "settle", name, "--request", "r-none") == 2
    assert desk.rows() == before


def test_one_mail_counts_once_and_another_one_with_its_id_is_not_lost(desk: CommandLine, maildir: Path) -> None:
    copy = to_erasure(1, Received=f"from list by acme.example; {ARRIVED}", Delivered_To="dpo@acme.example")
    deliver(maildir, to_erasure(1), copy, to_erasure(1, Subject="another one"))
    assert reasons(desk.json("intake", "mail", str(maildir), "--take")) == ["erasure", "known", "same_id_other_mail"]
    deliver(maildir, to_erasure(1), to_erasure(1, Subject="another one"))
    assert reasons(desk.json("intake", "mail", str(maildir), "--take")) == ["known", "known"]
    assert len(desk.rows()["journal"]) == 1


def test_an_mbox_is_read_and_stays_and_a_folder_of_eml_files_is_emptied(desk: CommandLine) -> None:
    file = desk.company.root / "inbox.mbox"
    box = mailbox.mbox(file)
    for one in (to_erasure(1), mail(2)):
        box.add(one)
    box.close()
    before = file.read_bytes()
    assert reasons(desk.json("intake", "mail", str(file), "--take")) == ["erasure", "no_rule"]
    assert reasons(desk.json("intake", "mail", str(file), "--take")) == ["known", "known"]
    assert file.read_bytes() == before
    folder = desk.company.root / "eml"
    (folder / "taken").mkdir(parents=True)
    (folder / "taken" / "a.eml").write_bytes(b"an older one")
    (folder / "a.eml").write_bytes(to_erasure(3))
    (folder / "notes.txt").write_text("no mail")
    assert reasons(desk.json("intake", "mail", str(folder), "--take")) == ["erasure"]
    assert sorted(one.name for one in (folder / "taken").iterdir()) == ["1.a.eml", "a.eml"]
    assert (folder / "taken" / "a.eml").read_bytes() == b"an older one"


def zip_bomb() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("request.json", b" " * (200 << 20))
    return made.getvalue()


def nested(depth: int) -> bytes:
    opening = "".join(f'--b{n}\nContent-Type: multipart/mixed; boundary="b{n + 1}"\n\n' for n in range(depth))
    return mail(7, opening, MIME_Version="1.0", Content_Type='multipart/mixed; boundary="b0"')


HOSTILE = {
    "no header": (b"\x00\xff\xfe" + CANARY.encode(), "unreadable"),
    "nothing": (b"", "unreadable"),
    "headers without end": (b"X: " + b"a" * 300_000 + CANARY.encode(), "unreadable"),
    "charset": (mail(1, Subject="=?klingon?q?=FF?=", Content_Type="text/plain; charset=klingon"), "no_rule"),
    "bytes in headers": (to_erasure(2).replace(b"Somebody", b"\xff\xfe\x80"), "erasure"),
    "an address in a name": (to_erasure(3, From=f'"boss@acme.example" <{ME}>'), "no_sender"),
    "two senders": (to_erasure(4, From=f"{ME}, x@y.example"), "no_sender"),
    "half an address": (to_erasure(5, From="a@@b <"), "no_sender"),
    "a date of nowhere": (to_erasure(6, Received="by x; Mon, 99 Foo 20261 99:99:99 +9999"), "no_arrival"),
    "of the future": (to_erasure(6, Received="by x; Mon, 02 Nov 2099 09:30:00 +0100"), "no_arrival"),
    "nested": (nested(3000), "unreadable"),
    "a zip": (with_form(8, zip_bomb()), "form_wrong"),
    "a large form": (with_form(9, b" " * (2 << 20)), "unreadable"),
    "broken mime": (mail(10, "--b\n--b\n", Content_Type='multipart/mixed; boundary="b"'), "no_rule"),
    "no such encoding": (with_form(11, b"{}").replace(b"base64", b"rot13"), "form_wrong"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_is_in_a_mail_it_is_clear_and_nothing_is_lost(desk: CommandLine, maildir: Path, name: str) -> None:
    raw, reason = HOSTILE[name]
    deliver(maildir, raw, to_erasure(99))
    told = desk.json("intake", "mail", str(maildir), "--take")
    assert reasons(told) == [reason, "erasure"]
    assert left(maildir) == 0
    if told["mails"][0]["becomes"] == "waiting":
        file = desk.company.root / "opened"
        assert desk("intake", "open", told["mails"][0]["mail_id"], "-O", str(file)) == 0
        assert file.read_bytes() == raw


def test_a_mail_of_50_megabytes_waits_in_its_folder_until_somebody_has_said_what_it_is(
    desk: CommandLine, maildir: Path
) -> None:
    deliver(maildir, to_erasure(1) + b"A" * (50 << 20))
    (one,) = desk.json("intake", "mail", str(maildir), "--take")["mails"]
    assert (one["reason"], left(maildir)) == ("too_large", 1)
    assert reasons(desk.json("intake", "mail", str(maildir), "--take")) == ["known"]
    assert left(maildir) == 1
    assert (desk.home / "expunge.db").stat().st_size < 5 << 20
    assert desk("intake", "settle", one["mail_id"], "--right", "erasure") == 0
    assert reasons(desk.json("intake", "mail", str(maildir), "--take")) == ["known"]
    assert left(maildir) == 0


def test_what_cannot_be_read_is_told_and_stops_nothing(desk: CommandLine, maildir: Path) -> None:
    (maildir / "new" / "0").symlink_to(desk.home / "keys" / "store.jwk")
    os.mkfifo(maildir / "new" / "1")
    (maildir / "new" / "2").mkdir()
    deliver(maildir, to_erasure(1))
    told = desk.json("intake", "mail", str(maildir), "--take")
    assert told["counts"] == {"request": 1, "unread": 3}
    assert [one["number"] for one in told["mails"] if one["becomes"] == "unread"] == [1, 3, 4]
    assert left(maildir) == 3


def test_thousands_of_mails(desk: CommandLine, maildir: Path) -> None:
    deliver(
        maildir, *(to_erasure(n, From=f"p{n}@example.org") for n in range(2000)), *(mail(5000 + n) for n in range(500))
    )
    told = desk.json("intake", "mail", str(maildir), "--take")
    assert told["counts"] == {"request": 2000, "waiting": 500}
    assert left(maildir) == 0
    with closing(sqlite3.connect(desk.home / "expunge.db")) as database:
        assert database.execute("SELECT count(*) FROM journal").fetchone() == (2000,)
        assert database.execute("SELECT count(*) FROM mails").fetchone() == (2500,)


def points(work: Any) -> Iterator[int]:
    """Some of the lines at which to die: all would take minutes."""
    total = lines_of(work, OF_CODE)
    assert total > 100
    yield from sorted({1 + total * n // 24 for n in range(24)} | {total - 3, total - 1})


def test_i11_wherever_it_is_killed_each_mail_counts_once_and_none_is_lost(desk: CommandLine, maildir: Path) -> None:
    deliver(maildir, to_erasure(1), mail(2), to_erasure(3), to_erasure(4, Auto_Submitted="auto-replied"), to_erasure(1))
    letters = {one.name: one.read_bytes() for one in (maildir / "new").iterdir()}
    empty = (desk.home / "expunge.db").read_bytes()

    def work() -> None:
        sys.stdout = sys.stderr = io.StringIO()
        orchestrator.cli.main(["intake", "mail", str(maildir), "--take", "--home", str(desk.home)])

    def begin() -> None:
        for file in desk.home.glob("expunge.db*"):
            file.unlink()
        (desk.home / "expunge.db").write_bytes(empty)
        for file in [*maildir.rglob("*")]:
            if file.is_file():
                file.unlink()
        for name, raw in letters.items():
            (maildir / "new" / name).write_bytes(raw)

    def all_there() -> list[bytes]:
        found = [one.read_bytes() for one in maildir.rglob("*") if one.is_file() and one.stat().st_size]
        return sorted(found)

    lines = list(points(work))
    for line in lines:
        begin()
        kill_at(work, OF_CODE, line)
        assert all_there() == sorted(letters.values()), line
        desk("intake", "mail", str(maildir), "--take")
        assert left(maildir) == 0
        assert all_there() == sorted(letters.values()), line
        rows = desk.rows()
        assert len(rows["journal"]) == 2, line
        assert sorted(one[5] for one in rows["mails"]) == ["request", "request", "waiting"], line


def test_the_clock_of_a_mail_that_lay_for_weeks_runs_from_its_arrival(desk: CommandLine, maildir: Path) -> None:
    long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(days=45)
    deliver(maildir, to_erasure(1, Received=f"by acme.example; {long_ago:%a, %d %b %Y %H:%M:%S} +0000"))
    (one,) = desk.json("intake", "mail", str(maildir), "--take")["mails"]
    assert one["arrived_at"][:10] == f"{long_ago:%Y-%m-%d}"
    desk("run", "--until-idle")
    assert desk.json("show", one["request_id"])["due_on"] < f"{dt.datetime.now(dt.UTC):%Y-%m-%d}"
