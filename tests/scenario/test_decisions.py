"""Decisions per record set: an active contract, exceptions, grounds; on real SQLite (S14, S39, S40)."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests.support.cli import REQUEST, CommandLine, edit

KEEP = ("--keep", "--why", "exception_17_3_e", "--text", "gdpr-17-3-e", "--review", "2099-01-01")


def lines(expunge: CommandLine) -> dict[str, Any]:
    record = expunge.json("record", REQUEST)
    return {f"{system['system']}/{one['name']}": one for system in record["systems"] for one in system["record_sets"]}


def paused(expunge: CommandLine) -> None:
    """The request is taken in and searched, and waits: crm cannot be written to."""
    expunge.company.limits(retry_first_seconds=600)
    expunge.submit()
    with closing(sqlite3.connect(expunge.company.stores / "crm.sqlite", isolation_level=None)) as busy:
        busy.execute("BEGIN IMMEDIATE")
        expunge("run", "--until-idle")


def test_s40_an_exception_keeps_one_record_set_with_its_parents_and_says_so(expunge: CommandLine) -> None:
    paused(expunge)
    assert expunge("decide", REQUEST, "crm/notes", *KEEP, "--decider", "legal") == 0
    expunge.later(hours=2)
    expunge("run", "--until-idle")
    found = lines(expunge)
    assert found["crm/notes"]["rule"] == "decided:exception_17_3_e:gdpr-17-3-e"
    assert found["crm/notes"]["outcome"]["review_by"] == "2099-01-01"
    assert found["crm/contacts"]["rule"] == "with_child:decided:exception_17_3_e:gdpr-17-3-e"
    assert expunge("show", REQUEST) == 0
    assert "legal decided on" in expunge.out
    notices = b"".join(row[2] for row in expunge.rows()["notices"])
    assert b"partly_refused" in notices


def test_s14_a_client_with_an_active_contract_no_ground_and_no_exception(expunge: CommandLine) -> None:
    retain = 'months = 120\nanchor = "issued_on"\n'
    running = 'months = 120\nanchor = "ended_on"\nopen = "no_ground"\nreview_months = 6\n'
    edit(expunge.home / "maps" / "crm.toml", retain, running)
    with closing(sqlite3.connect(expunge.company.stores / "crm.sqlite")) as database:
        database.execute("ALTER TABLE invoices ADD COLUMN ended_on DATE")
        database.commit()
    expunge.submit()
    expunge("run", "--until-idle")
    one = lines(expunge)["crm/invoices"]
    assert one["outcome"]["why"] == "no_ground"
    assert one["rule"] == "open:fr-ccom-l123-22:6m"
    assert expunge("show", REQUEST) == 0
    assert "what it belongs to still runs" in " ".join(expunge.out.split())


def test_s39_erasure_on_a_ground_overrules_what_the_data_map_keeps(expunge: CommandLine) -> None:
    paused(expunge)
    assert expunge("decide", REQUEST, "crm/invoices", "--erase", "--ground", "d") == 0
    expunge.later(hours=2)
    expunge("run", "--until-idle")
    assert lines(expunge)["crm/invoices"]["rule"] == "erase:gdpr-17-1-d"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("crm/nonsense", *KEEP), "no record set crm/nonsense"),
        (("crm", *KEEP), "is no record set"),
        (("crm/notes", "--keep", "--why", "hold"), "nothing that a person decides"),
        (("crm/notes", *KEEP[:4], "fr-decret-2011-219", *KEEP[5:]), "repealed"),
        (("crm/notes", *KEEP[:5]), "looks at it again"),
        (("crm/notes", "--erase", "--ground", "z"), "ground of GDPR Art. 17(1)"),
        (("crm/notes",), "either --keep or --erase"),
        (("crm/notes", "--erase", "--ground", "a", "--text", "x"), "--erase takes --ground"),
    ],
)
def test_a_decision_that_lacks_something_is_refused_and_nothing_changes(
    expunge: CommandLine, arguments: tuple[str, ...], says: str
) -> None:
    paused(expunge)
    before = expunge.rows()
    assert expunge("decide", REQUEST, *arguments) == 2
    assert says in " ".join(expunge.err.split())
    assert expunge.rows() == before
