"""A legal hold placed while the erasure is running, and its release: the real command line on real SQLite (S29)."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Any

import msgspec
import pytest

from schemas.completion import CompletionRecord
from tests.support.cli import REQUEST, WHO, CommandLine
from tests.support.company import bystanders_differ, made_up
from tests.support.held import AFTER, DURING, told

WHY = ("--owner", "legal", "--reason", "litigation", "--text", "gdpr-17-3-e", "--review", "2099-01-01")


def person(expunge: CommandLine, kind: str = "email") -> str:
    return expunge.file([{"kind": kind, "value": made_up(WHO).identifiers()[kind]}], "person.json")


def place(expunge: CommandLine, *more: str) -> str:
    told: dict[str, Any] = expunge.json("hold", "place", *WHY, *more)
    return str(told["hold_id"])


def record(expunge: CommandLine, number: int) -> CompletionRecord:
    return msgspec.convert(expunge.json("record", REQUEST, "--number", str(number)), CompletionRecord)


def test_s29_a_hold_placed_while_the_erasure_is_running_and_its_release(expunge: CommandLine) -> None:
    expunge.company.limits(retry_first_seconds=600)
    expunge.submit()
    with closing(sqlite3.connect(expunge.company.stores / "hr.sqlite", isolation_level=None)) as busy:
        # It can be searched, and not written to: the crm erases, hr answers that it is busy.
        busy.execute("BEGIN IMMEDIATE")
        expunge("run", "--until-idle")
    shown = expunge.json("show", REQUEST)
    assert shown["phase"] == "acting"
    hold = place(expunge, "--system", "hr", "--person-file", person(expunge))
    expunge.later(hours=2)
    expunge("run", "--until-idle")
    shown = expunge.json("show", REQUEST)
    assert shown["phase"] == "closed", shown
    assert [one["hold_id"] for one in shown["holds"]] == [hold]
    assert told(record(expunge, 1), hold) == DURING
    assert expunge("show", REQUEST) == 0
    assert f"legal hold {hold}" in expunge.out
    assert expunge("hold", "release", hold, "--role", "legal") == 0
    expunge("run", "--until-idle")
    assert told(record(expunge, 2), hold) == AFTER
    assert bystanders_differ(expunge.before, expunge.company.contents(), [WHO]) == []
    assert expunge("store", "check") == 0


def test_the_list_of_holds_says_whom_only_as_one_person_and_what_is_due(expunge: CommandLine) -> None:
    hold = place(expunge, "--person-file", person(expunge), "--from", "2020-01-01")
    assert expunge("hold", "list") == 0
    assert "one person, 2020-01-01 to ..." in " ".join(expunge.out.split())
    (row,) = expunge.json("hold", "list")
    assert (row["hold_id"], row["by_person"], row["review_due"]) == (hold, 1, False)
    with closing(sqlite3.connect(expunge.home / "expunge.db")) as database:
        database.execute("UPDATE holds SET review_by = '2020-01-01'")
        database.commit()
    assert expunge("hold", "list") == 1
    assert "REVIEW DUE" in expunge.out
    assert "had to look at it by 2020-01-01" in json.dumps(expunge.json("doctor"))


@pytest.mark.parametrize(
    ("without", "says"),
    [("--owner", "owner"), ("--reason", "reason"), ("--text", "no text"), ("--review", "day of review")],
)
def test_a_hold_without_what_it_needs_is_refused_and_nothing_changes(
    expunge: CommandLine, without: str, says: str
) -> None:
    before = expunge.rows()
    at = WHY.index(without)
    assert expunge("hold", "place", *WHY[:at], *WHY[at + 2 :], "--system", "crm") == 2
    assert says in expunge.err
    assert expunge("hold", "release", "nonsense", "--role", "legal") == 2
    assert "there is no hold nonsense" in expunge.err
    assert expunge.rows() == before


def test_identifiers_come_from_stdin_and_what_cannot_be_read_is_not_repeated(expunge: CommandLine) -> None:
    expunge.typed(json.dumps([{"kind": "email", "value": made_up(WHO).email}]).encode())
    assert expunge("hold", "place", *WHY, "--person-file", "-") == 0
    expunge.typed(made_up(WHO).email.encode())
    assert expunge("hold", "place", *WHY, "--person-file", "-") == 2
    assert "these are no identifiers" in expunge.err
