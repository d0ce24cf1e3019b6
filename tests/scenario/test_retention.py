"""What is past its period goes without anybody asking: the real command line on real SQLite (S15, S16, ADR 36)."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from orchestrator.engine import waiting
from orchestrator.engine.capsule import CapsuleBox
from orchestrator.engine.swept import open_due
from orchestrator.engine.wire import OpenedRequest
from orchestrator.ports import JournalRow
from schemas.outcomes import Deleted, Kept
from tests.support import odigo
from tests.support.cli import CommandLine
from tests.support.home import outcomes_of, records_of
from tests.support.odigo import Odigo

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
        assert shown["retention"]["record_set"] == "invoices"
        assert expunge("show", request_id) == 0
        assert "nobody asked: the period of crm/invoices is over since" in expunge.out
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


# --- bad input


def test_a_wrong_system_or_setting_is_refused_and_nothing_is_written(expunge: CommandLine) -> None:
    before = expunge.rows()
    assert expunge.error(2, "retention", "sweep", "nothing")["where"] == "nothing"
    assert "expire" in expunge.error(2, "retention", "sweep", "hr")["fix"], "it has no period"
    file = expunge.home / "expunge.toml"
    text = file.read_text()
    for line, fix in (("rows_per_second = 0", "1 to"), ("every_hours = -1", "0 to"), ("page_rows = 'many'", "")):
        file.write_text(f"{text}\n[retention]\n{line}\n")
        told = expunge.error(2, "retention", "sweep")
        assert f"expunge.toml:{len(text.splitlines()) + 3}" in told["where"]
        assert fix in told["fix"]
    file.write_text(f"{text}\n[retention]\nevery_hour = 1\n")
    assert "every_hours" in expunge.error(2, "retention", "sweep")["fix"]
    file.write_text(text)
    assert expunge.rows() == before


def test_nothing_was_ever_swept(expunge: CommandLine) -> None:
    assert expunge("retention", "list") == 0
    assert "every_hours" in expunge.err
    assert expunge.json("retention", "list") == []


def test_a_sweep_is_listed_in_words_and_stops_where_a_system_cannot_look(expunge: CommandLine) -> None:
    assert expunge("retention", "sweep") == 0
    expunge("run", "--until-idle")
    assert expunge("retention", "list") == 1
    assert "crm/invoices" in expunge.out
    states = {(one["system"], one["record_set"]): one for one in expunge.json("retention", "list")}
    assert states["logs", "access"]["reason"] == "no_capability"
    assert states["crm", "invoices"]["state"] == "done"
    assert expunge("retention", "sweep", "--dry-run") == 1
    assert "cannot" in expunge.out


# --- the worked example

EXPIRE = {
    "crm": 'expire = { text = "policy:prospects", months = 36, anchor = "last_contact" }\n',
    "hr": 'expire = { text = "policy:candidates", months = 24, anchor = "shared_at" }\n',
}


@pytest.fixture
def prospects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Odigo:
    """The worked example, with the day of a prospect's last contact, and its promises in the data maps."""
    made = Odigo(tmp_path, monkeypatch, capsys)
    with closing(sqlite3.connect(made.home / "crm.db")) as crm, crm:
        crm.execute("ALTER TABLE contacts ADD COLUMN last_contact DATE")
        crm.execute("UPDATE contacts SET last_contact = ?", (day(0),))
    for system, text in EXPIRE.items():
        file = made.home / f"{system}.toml"
        file.write_text(file.read_text().replace('basis = "', text + 'basis = "', 1))
    with closing(sqlite3.connect(made.home / "hr.db")) as hr, hr:
        hr.execute("UPDATE applications SET shared_at = ?", (day(0),))
    return made


def day(years: int, days: int = 0) -> str:
    """Give the day so many years ago, and so many days later."""
    today = dt.datetime.now(dt.UTC).date()
    if (today.month, today.day) == (2, 29):
        today = today.replace(day=28)
    return (today.replace(year=today.year - years) + dt.timedelta(days=days)).isoformat()


def aged(made: Odigo, system: str, statement: str, *values: Any) -> None:
    with closing(sqlite3.connect(made.home / f"{system}.db")) as database, database:
        database.execute(statement, values)


def ids(made: Odigo) -> list[str]:
    return [one["request_id"] for one in json.loads(made("list", "-o", "json", code=None))]


def test_s15_a_prospect_who_is_silent_for_three_years_goes_by_itself(prospects: Odigo) -> None:
    aged(prospects, "crm", "UPDATE contacts SET last_contact = ? WHERE id = 1", day(3, 1))
    prospects("retention", "sweep", "crm")
    prospects("run", "--until-idle", code=None)
    assert odigo.keys_in(prospects.home, "crm", "contacts") == [1, 2], "three years are over tomorrow"
    aged(prospects, "crm", "UPDATE contacts SET last_contact = ? WHERE id = 1", day(3))
    prospects("retention", "sweep", "crm")
    prospects("run", "--until-idle", code=None)
    assert odigo.keys_in(prospects.home, "crm", "contacts") == [2]
    (request_id,) = ids(prospects)
    (record,) = records_of(prospects.home, request_id)
    assert record.origin == "retention"
    assert record.policy_version != "unversioned"
    (line,) = record.systems[0].record_sets
    assert isinstance(line.outcome, Deleted)
    assert line.rule == "retention-over:policy:prospects:36m"


def test_s15_a_prospect_who_wrote_between_sweep_and_decision_stays(prospects: Odigo) -> None:
    aged(prospects, "crm", "UPDATE contacts SET last_contact = ? WHERE id = 1", day(4))
    file = prospects.home / "expunge.toml"
    file.write_text(file.read_text() + "\n[retention]\npage_rows = 1\nrows_per_second = 1\n")
    prospects("retention", "sweep", "crm")

    def written(row: JournalRow, box: CapsuleBox) -> OpenedRequest:
        """They write when the sweep has seen them, before anything is decided."""
        aged(prospects, "crm", "UPDATE contacts SET last_contact = ? WHERE id = 1", day(0))
        return open_due(row, box)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(waiting, "open_due", written)
        prospects("run", "--until-idle", code=None)
    assert odigo.keys_in(prospects.home, "crm", "contacts") == [1, 2]
    (request_id,) = ids(prospects)
    (record,) = records_of(prospects.home, request_id)
    assert record.result == "not_subject"
    assert record.not_searched["crm/contacts"].endswith("looked at afresh, and not past its period")


def test_s15_s16_who_asks_before_is_erased_at_once_and_the_sweep_finds_nothing(prospects: Odigo) -> None:
    """The promise is no reason to keep: an early end needs no rule of its own."""
    prospects.submit("erasure", ids={"email": odigo.AT_WORK}, scope={"systems": ["crm"]})
    prospects("run", "--until-idle", code=None)
    assert odigo.keys_in(prospects.home, "crm", "contacts") == [2]
    counts = json.loads(prospects("retention", "sweep", "crm", "--dry-run", "-o", "json"))
    assert counts[0]["past"] == 0


def test_s16_a_candidate_goes_after_two_years_unless_hired(prospects: Odigo) -> None:
    """Who was hired moved to the employee file: the day that the period begins at is empty, and no period runs."""
    aged(prospects, "hr", "UPDATE applications SET shared_at = ? WHERE id = 2", day(2))
    aged(prospects, "hr", "UPDATE applications SET shared_at = NULL WHERE id = 1")
    prospects("retention", "sweep", "hr")
    prospects("run", "--until-idle", code=None)
    assert odigo.keys_in(prospects.home, "hr", "applications") == [1]
    (swept,) = json.loads(prospects("retention", "list", "-o", "json"))
    assert (swept["past"], swept["undated"], swept["opened"]) == (1, 1, 1)


def test_check_says_where_the_policy_promises_an_earlier_end(prospects: Odigo) -> None:
    found = json.loads(prospects("check", "-o", "json", code=None))
    said = [one["text"] for one in found if "promises" in one.get("text", "")]
    assert said == [], "the data maps say what the policy says"
    for system, text in EXPIRE.items():
        file = prospects.home / f"{system}.toml"
        file.write_text(file.read_text().replace(text, ""))
    found = json.loads(prospects("check", "-o", "json", code=None))
    said = [one["text"] for one in found if "promises" in one.get("text", "")]
    assert ["contacts" in said[0], "36 months" in said[0], "policy:prospects" in said[0]] == [True] * 3
    assert ["applications" in said[1], "24 months" in said[1]] == [True] * 2
