"""A person comes back for a purpose: `expunge suppression lift`, and what producers of events hear then (I14)."""

from __future__ import annotations

import datetime as dt
import sqlite3
from contextlib import closing

import msgspec
import pytest

from orchestrator.engine.suppressing import Entry, Question, verdict
from tests.support import came_back
from tests.support.cli import WHO, CommandLine
from tests.support.company import made_up

TODAY = dt.datetime.now(dt.UTC).date().isoformat()
LIFT = ("suppression", "lift", "--since", TODAY, "--reason", "fresh_consent")


@pytest.fixture
def erased(expunge: CommandLine) -> CommandLine:
    came_back.tells_since_when(expunge.company)
    crm = expunge.home / "maps" / "crm.toml"
    crm.write_text(crm.read_text().replace('name = "notes"\n', 'name = "notes"\npurpose = "newsletter"\n'))
    expunge.submit()
    expunge.is_done()
    return expunge


def person(expunge: CommandLine, email: str = made_up(WHO).email) -> str:
    return expunge.file([{"kind": "email", "value": email}], "person.json")


def answers(expunge: CommandLine, purpose: str, as_of: str = "") -> str:
    """What a producer that asks for the person hears now."""
    with closing(sqlite3.connect(expunge.home / "expunge.db")) as database:
        rows = database.execute("SELECT entry FROM suppressions").fetchall()
    entries = [msgspec.json.decode(row[0], type=Entry) for row in rows]
    assert entries
    return verdict(entries, Question(b"", purpose, as_of=as_of), TODAY)


def test_i14_consent_given_anew_frees_its_purpose_from_that_day_on(erased: CommandLine) -> None:
    assert answers(erased, "newsletter") == "erased"
    assert erased(*LIFT, "--purpose", "newsletter", "--person-file", person(erased)) == 0
    assert answers(erased, "newsletter") == "not_erased"
    assert answers(erased, "newsletter", "2020-01-01T00:00:00.000Z") == "erased"
    assert answers(erased, "profiling") == "erased"
    assert answers(erased, "") == "erased"
    assert erased(*LIFT, "--all-purposes", "--person-file", person(erased)) == 0
    assert answers(erased, "profiling") == "not_erased"
    with closing(sqlite3.connect(erased.home / "expunge.db")) as database:
        # The cache is told.
        assert database.execute("SELECT count(*) FROM suppressions WHERE fed IS NOT NULL").fetchone() == (0,)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "a purpose is missing"),
        (("--purpose", "newsletter", "--all-purposes"), "a purpose and every purpose"),
        (("--purpose", "newsleter"), "did you mean newsletter?"),
        (("--purpose", "newsletter", "--since", "2099-01-01"), "is no day up to today"),
        (("--purpose", "newsletter", "--reason", "luck"), "is no reason"),
    ],
)
def test_what_cannot_be_lifted_is_refused_and_nothing_changes(
    erased: CommandLine, arguments: tuple[str, ...], says: str
) -> None:
    before = erased.rows()
    assert erased(*LIFT, "--person-file", person(erased), *arguments) == 2
    assert says in erased.err
    assert erased(*LIFT, "--purpose", "newsletter", "--person-file", person(erased, "nobody@sim.example")) == 2
    assert "nothing of this person is suppressed" in erased.err
    assert erased.rows() == before
