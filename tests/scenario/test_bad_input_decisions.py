"""Bad decisions, dates and policies: a clear error through the command line, and nothing changes.

The list "Bad input" of issue 5, item by item. Each refusal: exit code 2; what, where (file and line where there is a
file), and how to mend it; the same as JSON; no traceback, no value of the person. Before and after, row by row and byte
by byte: the product's database, its folder, and every system of the company. Then the right input is taken.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from orchestrator.cli import main
from tests.support.cli import CANARY, REQUEST, WHO, CommandLine, edit
from tests.support.company import made_up
from tests.support.policies import under_a_policy

HOLD: Final = {
    "--owner": "legal",
    "--reason": "litigation",
    "--text": "gdpr-17-3-e",
    "--review": "2099-01-01",
    "--system": "crm",
}


@contextmanager
def untouched(expunge: CommandLine) -> Iterator[None]:
    """Hold everything there is against what it was: rows of the database, files of the home, systems of the company."""

    def everything() -> tuple[Any, ...]:
        files = {
            str(one): one.read_bytes()
            for one in sorted(expunge.home.rglob("*"))
            if one.is_file() and not one.name.startswith("expunge.db")  # SQLite's own files change when they are read
        }
        return expunge.rows(), files, expunge.company.contents()

    before = everything()
    yield
    assert everything() == before


def hold(**but: str | None) -> list[str]:
    """Give the arguments of a hold that lacks nothing, but for these."""
    given = HOLD | {f"--{name}": value for name, value in but.items()}
    return ["hold", "place", *(word for name, value in given.items() if value is not None for word in (name, value))]


def asked(right: str = "access", *, ago: int = 1, **more: Any) -> dict[str, Any]:
    received = (dt.datetime.now(dt.UTC) - dt.timedelta(days=ago)).isoformat()
    who = [{"kind": "email", "value": made_up(WHO).email}]
    return {"right": right, "request_id": REQUEST, "identifiers": who, "received_at": received, **more}


# -- policies ---------------------------------------------------------------------------------------------------------
POLICIES: Final = {
    # name: (what stands there, what is written instead, line of the error begins with, part of what, part of fix)
    "unknown_country": ('country = "FR"', 'country = "FX"', "[[controller]]", "unknown country 'FX'", "ISO 3166"),
    "no_country": ('country = "US"', 'country = "usa"', "country", "country", "two capital letters"),
    "overlapping_versions": (
        "published_on = 2024-05-01\neffective_on = 2024-06-01",
        "published_on = 2019-05-01\neffective_on = 2019-06-01",
        "[[version]]",
        "begins on 2019-06-01, version '1' above it on 2020-01-01: they overlap",
        "from old to new",
    ),
    "two_versions_on_one_day": (
        "effective_on = 2024-06-01",
        "effective_on = 2020-01-01",
        "[[version]]",
        "they overlap",
        "from old to new",
    ),
    "a_text_that_does_not_exist": (
        'text = "fr-decret-2021-1362"',
        'text = "fr-decret-2021-1326"',
        "[[retention]]",
        "the text 'fr-decret-2021-1326' does not exist",
        "did you mean 'fr-decret-2021-1362'?",
    ),
    "retention_without_anchor": (
        'anchor = "connection"\n',
        "",
        "[[retention]]",
        "retention 'security': anchor is missing",
        "one of: relationship_ended",
    ),
    "retention_with_an_anchor_of_its_own": (
        'anchor = "connection"',
        'anchor = "some_day"',
        "anchor",
        "retention 'security', anchor: Invalid enum value 'some_day'",
        "one of: relationship_ended",
    ),
    "unknown_calendar": (
        'calendar = "GB-ENG"',
        'calendar = "GB-LDN"',
        "[[controller]]",
        "unknown calendar 'GB-LDN'",
        "GB-ENG",
    ),
    "calendar_of_another_country": (
        'calendar = "GB-ENG"',
        'calendar = "DE"',
        "[[controller]]",
        "is not of its country 'GB'",
        'calendar = "GB"',
    ),
}


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_that_is_wrong_decides_nothing(expunge: CommandLine, name: str) -> None:
    old, new, line, what, fix = POLICIES[name]
    file = under_a_policy(expunge)
    expunge.submit()
    assert expunge("run", "--until-idle") == 1, "an erasure waits for its approval"
    sha = expunge.json("preview", REQUEST)["sha256"]
    good = file.read_text()
    edit(file, old, new)
    with untouched(expunge):
        for command in (("policy", "lint"), ("policy", "show"), ("policy", "inform"), ("run", "--until-idle")):
            told = expunge.error(2, *command)
            assert what in told["what"], command
            assert fix in told["fix"], command
            place, _, number = told["where"].rpartition(":")
            assert place == str(file)
            assert file.read_text().splitlines()[int(number) - 1].startswith(line)
        assert expunge("check") == 2
        assert what in expunge.out
    file.write_text(good)
    assert expunge.json("preview", REQUEST)["sha256"] == sha, "nothing that was shown has changed"
    for sign in ("staff-17", "staff-23"):
        assert expunge("approve", REQUEST, "--preview", sha, "--by", sign) == 0, expunge.err
        expunge("run", "--until-idle")
    lines = [
        one for system in expunge.json("show", REQUEST)["systems"].values() for one in system["record_sets"].values()
    ]
    assert {one["outcome"]["outcome"] for one in lines} <= {"deleted", "anonymised", "kept", "nothing_held"}


# -- holds ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("but", "what", "where"),
    [
        ({"owner": None}, "a hold needs an owner", "--owner"),
        ({"owner": ""}, "a hold needs an owner", "--owner"),
        ({"owner": "Marie Curie"}, "a hold needs an owner", "--owner"),
        ({"review": None}, "a hold needs a day of review", "--review"),
        ({"review": "2020-01-01"}, "a hold needs a day of review", "--review"),
        ({"review": "soon"}, "a hold needs a day of review", "--review"),
        ({"review": "2099-02-30"}, "a hold needs a day of review", "--review"),
        ({"reason": None}, "a hold needs a reason", "--reason"),
        ({"text": "fr-decret-2011-219"}, "fr-decret-2011-219: ", "--text"),
        ({"text": "gdpr-99"}, "gdpr-99: ", "--text"),
        ({"system": "crm/nonsense"}, "there is no crm/nonsense", "--system"),
        ({"system": "payroll"}, "there is no payroll", "--system"),
        ({"system": "crm/"}, "there is no crm/", "--system"),
        ({"from": "2026-02-01", "to": "2026-01-01"}, "ends before it begins", "--from, --to"),
        ({"from": "01.02.2026"}, "is no date", "--from, --to"),
    ],
)
def test_a_hold_that_lacks_something_holds_nothing(
    expunge: CommandLine, but: dict[str, str | None], what: str, where: str
) -> None:
    expunge.submit()
    with untouched(expunge):
        told = expunge.error(2, *hold(**but))
    assert what in told["what"]
    assert told["where"] == where
    assert expunge(*hold()) == 0, "what lacks nothing is taken"


def test_a_hold_on_everything_of_everybody_is_refused(expunge: CommandLine) -> None:
    with untouched(expunge):
        told = expunge.error(2, *hold(system=None))
    assert told["what"] == "a hold on everything of everybody"


def test_a_release_of_a_hold_that_does_not_exist_releases_nothing(expunge: CommandLine) -> None:
    assert expunge(*hold()) == 0
    hold_id = expunge.out.strip()
    with untouched(expunge):
        told = expunge.error(2, "hold", "release", "hold-0815", "--role", "legal")
        assert told["what"] == "there is no hold hold-0815"
        assert "expunge hold list" in told["fix"]
        told = expunge.error(2, "hold", "release", hold_id, "--role", "Marie Curie")
        assert "role" in told["what"]
    assert expunge("hold", "release", hold_id, "--role", "legal") == 0
    with untouched(expunge):
        assert "was released before" in expunge.error(2, "hold", "release", hold_id, "--role", "legal")["what"]


# -- decisions about one request --------------------------------------------------------------------------------------
def test_an_extension_in_month_two_extends_nothing(expunge: CommandLine) -> None:
    expunge.submit([asked(ago=40, identity="unverified"), asked(identity="unverified") | {"request_id": "in-time"}])
    expunge("run", "--until-idle")
    before = expunge.json("show", REQUEST)
    with untouched(expunge):
        told = expunge.error(2, "extend", REQUEST, "--reason", "complexity")
        assert "an extension had to be announced by" in told["what"]
        assert told["fix"].startswith("answer by ")
        assert "is no reason to extend" in expunge.error(2, "extend", "in-time", "--reason", "holidays")["what"]
        assert expunge("extend", "nobody", "--reason", "complexity") == 2
        assert "no request nobody" in expunge.err
    expunge("run", "--until-idle")
    assert expunge.json("show", REQUEST)["due_on"] == before["due_on"]
    assert expunge("extend", "in-time", "--reason", "complexity") == 0


def test_an_approval_of_a_preview_that_is_no_longer_true_approves_nothing(expunge: CommandLine) -> None:
    under_a_policy(expunge)
    expunge.submit()
    expunge("run", "--until-idle")
    sha = expunge.json("preview", REQUEST)["sha256"]
    assert expunge(*hold(system="crm/notes")) == 0
    expunge("run", "--until-idle")
    with untouched(expunge):
        for old in (sha, "0" * 64, "that one"):
            told = expunge.error(2, "approve", REQUEST, "--preview", old, "--by", "staff-17")
            assert "preview" in told["what"]
            assert f"expunge preview {REQUEST}" in told["fix"]
    assert expunge.json("show", REQUEST)["approvals"] == []
    new = expunge.json("preview", REQUEST)["sha256"]
    assert new != sha
    assert expunge("approve", REQUEST, "--preview", new, "--by", "staff-17") == 0


@pytest.mark.parametrize(
    ("corrections", "line", "what", "fix"),
    [
        ({"crm/contacts": {"name": CANARY, "nmae": CANARY}}, '"nmae"', "no data map has this field", "'name'?"),
        ({"crm/contcts": {"name": CANARY}}, '"crm/contcts"', "no data map has this record set", "'crm/contacts'?"),
        ({"crn/contacts": {"name": CANARY}}, '"crn/contacts"', "no data map has this system", "'crm'?"),
        ({"hr/employees": {"x9": CANARY}}, '"x9"', "no data map has this field", "known: "),
    ],
)
def test_a_rectification_of_what_no_data_map_knows_is_not_taken_in(
    expunge: CommandLine, corrections: dict[str, dict[str, str]], line: str, what: str, fix: str
) -> None:
    right = asked("rectification", corrections={"crm/contacts": {"name": "Ada"}}) | {"request_id": "right"}
    wrong = asked("rectification", corrections=corrections)
    file = expunge.file(json.dumps([right, wrong], indent=1).encode())
    with untouched(expunge):
        told = expunge.error(2, "submit", file)
    assert told["what"].startswith(what)
    assert fix in told["fix"]
    place, _, number = told["where"].partition(" ")[0].rpartition(":")
    assert place == file
    lines = expunge.company.root.joinpath("request.json").read_text().splitlines()
    assert line in lines[int(number) - 1]
    expunge.submit([right])


def test_where_there_is_no_data_map_to_hold_it_against_a_rectification_is_taken_in(expunge: CommandLine) -> None:
    (expunge.home / "maps" / "crm.toml").unlink()
    expunge.submit(asked("rectification", corrections={"crm/contacts": {"nmae": "Ada"}}))


# -- dates ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--calendar", "XX"), "unknown calendar 'XX'"),
        (("--calendar", "FR", "--calendar", "GB-LDN"), "unknown calendar 'GB-LDN'"),
        (("--calendar", ""), "unknown calendar ''"),
        (("--calendar", "fr"), "unknown calendar 'fr'"),
    ],
)
def test_a_deadline_of_an_unknown_calendar_is_no_date(
    arguments: tuple[str, ...], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["deadline", "--received", "2026-01-31", *arguments, "-o", "json"]) == 2
    out, err = capsys.readouterr()
    told = json.loads(err)["error"]
    assert (out, told["what"], told["where"]) == ("", what, "--calendar")
    assert told["fix"].startswith(("known: ", "did you mean "))
