"""Data that comes back: by an import, by a restored backup, or with the person; the real command line (I14)."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from contextlib import closing
from typing import Any

import msgspec
import pytest

from schemas.completion import CompletionRecord
from schemas.outcomes import Anonymised, Kept
from tests.support import came_back
from tests.support.cli import REQUEST, WHO, CommandLine
from tests.support.company import made_up

HOLD = ("--owner", "legal", "--reason", "litigation", "--text", "gdpr-17-3-e", "--review", "2099-01-01")


@pytest.fixture
def erased(expunge: CommandLine) -> CommandLine:
    """The person was erased an hour ago, by a company that can tell since when it has somebody's data."""
    came_back.tells_since_when(expunge.company)
    expunge.submit()
    expunge.is_done()
    return expunge


def record(expunge: CommandLine, number: int) -> CompletionRecord:
    return msgspec.convert(expunge.json("record", REQUEST, "--number", str(number)), CompletionRecord)


def line(expunge: CommandLine, number: int) -> Any:
    (hr,) = [one for one in record(expunge, number).systems if one.system == "hr"]
    return {one.name: one.outcome for one in hr.record_sets}["employees"]


def records(expunge: CommandLine) -> int:
    return len(expunge.json("show", REQUEST)["records"])


def told(expunge: CommandLine) -> list[str]:
    """What the person or the DPO was told of, in order."""
    with closing(sqlite3.connect(expunge.home / "expunge.db")) as database:
        return [json.loads(body)["data"]["kind"] for (body,) in database.execute("SELECT body FROM notices")]


def hour_ago() -> str:
    return (dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)).isoformat()


def test_i14_an_erased_person_who_comes_back_by_an_import_is_erased_again(erased: CommandLine) -> None:
    came_back.add(erased.company, came_back.LONG_AGO)
    erased.later(days=31)
    assert erased("run", "--until-idle") == 0
    assert came_back.there(erased.company) == 0
    assert isinstance(line(erased, 2), Anonymised)
    assert (record(erased, 2).looked_again, record(erased, 2).follows) == ("recheck", f"{REQUEST}.1")
    assert told(erased)[-2:] == ["came_back", "answer"]
    assert erased.company.traces_of(WHO) == []
    assert erased("store", "check") == 0


def test_i14_an_erased_person_who_registers_again_is_not_erased(erased: CommandLine) -> None:
    came_back.add(erased.company, came_back.tomorrow())
    erased.later(days=31)
    assert erased("run", "--until-idle") == 0
    assert came_back.there(erased.company) == 1
    assert records(erased) == 1
    assert told(erased)[-1] == "came_back_themselves"


def test_i14_where_nothing_tells_a_person_is_asked_and_says_so(erased: CommandLine) -> None:
    came_back.add(erased.company, None)
    erased.later(days=31)
    assert erased("run", "--until-idle") == 1
    assert came_back.there(erased.company) == 1
    (waits,) = erased.json("show", REQUEST)["attention"]
    assert (waits["reason"], waits["system"], waits["record_set"]) == ("came_back", "hr", "employees")
    assert erased("returned", REQUEST, "--since", "2020-01-01", "--reason", "new_relationship") == 0
    assert erased("run", "--until-idle") == 0
    assert came_back.there(erased.company) == 1
    assert records(erased) == 1


def test_i14_a_restored_backup_is_erased_again_with_a_second_record(erased: CommandLine) -> None:
    # The backup is of before the erasure: the person stands in it.
    came_back.add(erased.company, came_back.LONG_AGO)
    told = erased.json("restored", "hr", "--snapshot", hour_ago())
    assert (told["requests"], told["lost"]) == (1, [])
    assert erased("run", "--until-idle") == 0
    assert came_back.there(erased.company) == 0
    assert isinstance(line(erased, 2), Anonymised)
    assert (record(erased, 2).looked_again or "").startswith("restored:")
    # What was erased before the snapshot is not in it.
    assert erased.json("restored", "hr", "--snapshot", dt.datetime.now(dt.UTC).isoformat())["requests"] == 0


def test_i14_whose_identifiers_are_gone_is_named_to_the_owner_of_the_backup(erased: CommandLine) -> None:
    for days in (5_000, 6_000):  # the last period is over, then the last backup is gone
        erased.later(days=days)
        assert erased("run", "--until-idle") == 0
    assert erased.json("list", "--obligations") == []
    assert erased("restored", "hr", "--snapshot", hour_ago()) == 1
    assert REQUEST in erased.out


def test_i14_s29_a_hold_a_restore_in_between_and_the_release(expunge: CommandLine) -> None:
    came_back.tells_since_when(expunge.company)
    backup = came_back.snapshot(expunge.company)
    who = expunge.file([{"kind": "email", "value": made_up(WHO).email}], "person.json")
    hold = expunge.json("hold", "place", *HOLD, "--system", "hr", "--person-file", who)["hold_id"]
    expunge.submit()
    assert expunge("run", "--until-idle") == 0
    assert isinstance(line(expunge, 1), Kept)
    # A week later the staff list is put back from a backup that was taken before.
    came_back.restore(expunge.company, backup)
    assert expunge.json("restored", "hr", "--snapshot", hour_ago())["requests"] == 1
    assert expunge("run", "--until-idle") == 0
    held = line(expunge, 2)
    assert isinstance(held, Kept)
    assert (held.why, held.text) == ("hold", "gdpr-17-3-e")
    assert came_back.there(expunge.company) == 1
    assert expunge("hold", "release", hold, "--role", "legal") == 0
    assert expunge("run", "--until-idle") == 0
    assert isinstance(line(expunge, 3), Anonymised)
    assert came_back.there(expunge.company) == 0
    assert told(expunge).count("answer") == 3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("restored", "nowhere", "--snapshot", "2026-01-01T00:00:00Z"), "there is no system nowhere"),
        (("restored", "hr", "--snapshot", "2099-01-01T00:00:00Z"), "lies ahead"),
        (("restored", "hr", "--snapshot", "yesterday"), "is no time"),
        (("restored", "hr", "--snapshot", "2026-01-01T00:00:00"), "has no zone"),
        (("returned", REQUEST, "--since", "soon", "--reason", "fresh_consent"), "is no day"),
        (("returned", REQUEST, "--since", "2099-01-01", "--reason", "fresh_consent"), "lies ahead"),
        (("returned", REQUEST, "--since", "2026-01-01", "--reason", "luck"), "is no reason"),
        (("returned", "nothing", "--since", "2026-01-01", "--reason", "fresh_consent"), "nothing"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_changes(
    erased: CommandLine, arguments: tuple[str, ...], says: str
) -> None:
    before = erased.rows()
    assert erased(*arguments) == 2
    assert says in erased.err
    assert erased.rows() == before


def test_a_column_that_is_not_there_is_named_with_file_and_line(expunge: CommandLine) -> None:
    came_back.tells_since_when(expunge.company)
    file = expunge.home / "maps" / "hr.toml"
    file.write_text(file.read_text().replace('since = "joined_on"', 'since = "joined_at"'))
    assert expunge("check") != 0
    assert "since: table 'employees' has no column 'joined_at'" in expunge.err + expunge.out
    assert "hr.toml:" in expunge.err + expunge.out
