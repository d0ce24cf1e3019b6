"""Values that mean something to SQL, patterns, shells or file systems find their owner and nobody else (I9)."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Final

import pytest

from tests.support.cli import CommandLine, identified_by

UNUSUAL: Final = (
    # (customer id, e-mail address, somebody whose id and address a careless comparison would take for theirs)
    (".*", "o.x@mail.example", ("axy", "oax@mail.example")),
    ("%", "per%cent@mail.example", ("percent", "perXXcent@mail.example")),
    ("n_7", "under_line@mail.example", ("nx7", "underXline@mail.example")),
    ("'; DROP TABLE customers;--", "o'brien@mail.example", ("'", "obrien@mail.example")),
    ("' OR '1'='1", "x'or'1'='1@mail.example", ("1", "1@mail.example")),
    ('") OR 1=1 --', "a+b@mail.example", ("1=1", "aab@mail.example")),
    ("[0-9]+", "a|b@mail.example", ("777", "a@mail.example")),
    ("(", "{1}@mail.example", (")", "11@mail.example")),
    ("^$", "^$@mail.example", ("^", "$@mail.example")),
    ("a\\1", "q?@mail.example", ("a1", "q@mail.example")),
    ("../../etc/passwd", "/etc/passwd@mail.example", ("passwd", "passwd@mail.example")),
    ("$(reboot)`id`", "`id`@mail.example", ("id", "id@mail.example")),
    ("{random}", "{null}@mail.example", ("random", "null@mail.example")),
    ("*", "*@mail.example", ("**", "a*@mail.example")),
)


def add(expunge: CommandLine, number: int, customer_id: str, email: str) -> None:
    """Put a person into CRM, events and logs, where their values are searched for."""
    stores = expunge.company.stores
    with closing(sqlite3.connect(stores / "crm.sqlite")) as crm, crm:
        row = (number, customer_id, email, None, "Nobody", None)
        crm.execute("INSERT INTO customers VALUES (?, ?, ?, ?, ?, ?)", row)
    with (stores / "events" / "clicks" / "2026-01.jsonl").open("a") as events:
        events.write(json.dumps({"user": {"email": email, "id": customer_id}, "page": "/"}) + "\n")
        events.write(json.dumps({"user": {"id": customer_id}, "page": "/x"}) + "\n")
    with (stores / "logs" / "access.log.1").open("a") as log:
        log.write(f'192.0.2.50 - {email} [01/Jan/2020:00:00:00 +0000] "GET / HTTP/1.1" 200 1\n')
    with (stores / "logs" / "app" / "app.2").open("a") as app:
        app.write(json.dumps({"customer": customer_id, "text": "signed in"}) + "\n")


def test_values_with_a_meaning_elsewhere_find_their_owner_and_nobody_else(expunge: CommandLine) -> None:
    for place, (_, _, (customer_id, email)) in enumerate(UNUSUAL):
        add(expunge, 5000 + place, customer_id, email)
    before = expunge.company.contents()
    for place, (customer_id, email, _) in enumerate(UNUSUAL):
        add(expunge, 6000 + place, customer_id, email)
    scope = {"systems": ["crm", "events", "logs"]}
    forms = [
        identified_by(("customer_id", one[0]), request_id=f"by-id-{place}", scope=scope)
        for place, one in enumerate(UNUSUAL)
    ]
    expunge.submit(forms)
    assert expunge("run", "--until-idle") == 0, expunge.err
    assert f"{len(UNUSUAL)} closed, 0 need attention" in expunge.err
    assert {one["result"] for one in expunge.json("list")} == {"fulfilled"}

    after = expunge.company.contents()
    erased = [row for row in after["crm.sqlite/customers"] if row[0] >= 6000]
    assert [row[0] for row in erased] == [6000 + place for place in range(len(UNUSUAL))]
    for row, (customer_id, email, _) in zip(erased, UNUSUAL, strict=True):
        assert not {customer_id, email, "Nobody"} & set(row)
    after["crm.sqlite/customers"] = [row for row in after["crm.sqlite/customers"] if row[0] < 6000]
    assert after == before


def test_values_that_nobody_has_find_nobody(expunge: CommandLine) -> None:
    before = expunge.company.contents()
    forms = [
        identified_by(("customer_id", customer_id), ("email", email), request_id=f"nobody-{place}")
        for place, (customer_id, email, _) in enumerate(UNUSUAL)
    ]
    expunge.submit(forms)
    assert expunge("run", "--until-idle") == 0, expunge.err
    assert {one["result"] for one in expunge.json("list")} == {"nothing_held"}
    assert expunge.company.contents() == before


@pytest.mark.parametrize("name", ["../../keys/store", "' OR '1'='1", "%", "a\0b", "\u202ex", "x" * 5000])
def test_an_id_of_a_request_that_means_something_elsewhere_is_just_unknown(expunge: CommandLine, name: str) -> None:
    expunge.submit()
    for command in (("show",), ("record",), ("retry",), ("package", "-O", str(expunge.company.root / "copy.zip"))):
        assert expunge(command[0], name, *command[1:]) == 2
        assert "no request" in expunge.err
    assert expunge.open_requests() == ["erase-one"]
