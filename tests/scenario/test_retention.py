"""What is past its period goes without anybody asking: the real command line on real SQLite (S15, ADR 36)."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from schemas.outcomes import Kept
from tests.support.cli import CommandLine
from tests.support.home import outcomes_of, records_of

OLD = [1000, 1004]
"""Whose oldest invoice is eleven years old (``Company.invoices_of``)."""


def invoices(expunge: CommandLine) -> dict[int, list[str]]:
    """Give the dates of each customer's invoices."""
    with closing(sqlite3.connect(expunge.company.stores / "crm.sqlite")) as crm:
        rows = crm.execute(
            "SELECT c.id, i.issued_on FROM customers c LEFT JOIN invoices i ON i.customer_id = c.id ORDER BY 1, 2"
        ).fetchall()
    found: dict[int, list[str]] = {}
    for customer, day in rows:
        found.setdefault(customer, []).append(day)
    return found


def opened(expunge: CommandLine) -> list[str]:
    return [one["request_id"] for one in expunge.json("list")]


def test_a_sweep_erases_what_is_past_and_leaves_everything_else_as_it_is(expunge: CommandLine) -> None:
    company = expunge.company
    before, contents = invoices(expunge), company.contents()
    counts = {(one["system"], one["record_set"]): one for one in expunge.json("retention", "sweep", "--dry-run")}
    assert counts["crm", "invoices"]["past"] == len(OLD)
    assert counts["crm", "invoices"]["subjects"] == len(OLD)
    assert counts["logs", "access"]["reason"] == "no_capability"
    assert company.contents() == contents, "a dry run changes nothing"
    assert expunge.json("retention", "sweep", "crm")[0]["state"] == "requested"
    assert company.contents() == contents, "it is carried out by whoever works on the store"
    expunge("run", "--until-idle")
    (swept,) = expunge.json("retention", "list")
    assert (swept["state"], swept["past"], swept["opened"]) == ("done", len(OLD), len(OLD))
    ids = opened(expunge)
    assert len(ids) == len(OLD)
    for request_id in ids:
        shown = expunge.json("show", request_id)
        assert (shown["phase"], shown["result"]) == ("closed", "partly_fulfilled"), shown
        (record,) = records_of(expunge.home, request_id)
        assert (record.origin, record.requester) == ("retention", "controller")
        assert record.due_rule.startswith("GDPR Art. 5(1)(e): the period of crm/invoices is over since ")
        outcomes = outcomes_of(record)
        assert set(outcomes) == {"crm/invoices", "crm/invoice_lines"}
        kept = outcomes["crm/invoices"]
        assert isinstance(kept, Kept), "the newer invoice stays, and nobody masked it"
        assert (kept.count, kept.erased, kept.masked) == (1, 1, False)
        assert record.not_searched["crm/contacts"].endswith("not what was found past its period")
        assert record.not_searched["hr"] == "out of the scope of the request"
    after = invoices(expunge)
    with closing(sqlite3.connect(company.stores / "crm.sqlite")) as crm:
        billed = crm.execute("SELECT COUNT(*) FROM invoices WHERE billing_name = 'erased'").fetchone()
        orphans = crm.execute(
            "SELECT COUNT(*) FROM invoice_lines WHERE invoice_id NOT IN (SELECT id FROM invoices)"
        ).fetchone()
    assert billed == (0,)
    assert orphans == (0,)
    assert {one: days for one, days in after.items() if days != before[one]}.keys() == {
        one for one, days in before.items() if len(days) > 1
    }
    assert all(days == before[one][-1:] for one, days in after.items())
    left = company.contents()
    shrunk = {"crm.sqlite/invoices", "crm.sqlite/invoice_lines"}
    assert {place for place in contents if left[place] != contents[place]} == shrunk
    assert all(row in contents[place] for place in shrunk for row in left[place]), "what stays is as it was"
    assert expunge("store", "check") == 0


def test_the_same_records_open_one_request_only(expunge: CommandLine) -> None:
    expunge("retention", "sweep", "crm")
    expunge("run", "--until-idle")
    assert len(opened(expunge)) == len(OLD)
    expunge("retention", "sweep", "crm")
    expunge("run", "--until-idle")
    assert len(opened(expunge)) == len(OLD)
    (swept,) = expunge.json("retention", "list")
    assert (swept["state"], swept["past"], swept["opened"], swept["known"]) == ("done", 0, 0, 0)
