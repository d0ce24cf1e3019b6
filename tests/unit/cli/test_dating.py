"""`expunge deadline`: a date for anybody, with its trace; every mistake names its option and what to write instead."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.cli import main


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["deadline", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # no home, and nothing above it that could be one


def test_a_person_reads_the_date_and_every_step(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, err = said(capsys, "--received", "2026-01-31", "--calendar", "FR")
    assert (code, err) == (0, "")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == "due Monday 2 Mar 2026"
    assert lines[-4:] == [
        "Sat 31 Jan 2026 received 31 Jan 2026",
        "FR Sat 31 Jan 2026 of FR, only the holidays that all its parts share",
        "FR Sat 28 Feb 2026 one month; no 31 February, so 28 GDPR Art. 12(3)",
        "FR Mon 2 Mar 2026 Saturday, so Monday 2 March Regulation 1182/71 art. 3",
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_program_reads_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, "--received", "2026-01-31", "--calendar", "GB-ENG", "--calendar", "FR", "-o", "json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert {name: told[name] for name in told if name != "trace"} == {
        "due": "2026-03-02",
        "weekday": "Monday",
        "rule": "GDPR Art. 12(3), one month; Regulation 1182/71 art. 3; calendar FR",
        "calendar": "FR",
        "regime": "eu",
        "received": "2026-01-31",
        "extended": False,
        "waiting": False,
        "notice_by": "2026-03-02",
        "confirm_by": None,
        "target_by": "2026-02-03",
    }
    assert told["trace"][0] == {"what": "received 31 Jan 2026", "day": "2026-01-31", "text": "", "calendar": ""}
    assert told["trace"][-1]["what"] == "of 2 calendars, the earliest date: GB-ENG and FR"


@pytest.mark.parametrize(
    ("arguments", "due", "extended"),
    [
        ("--received 2026-01-31 --calendar FR --extended", "2026-04-30", True),
        ("--received 2026-01-31T23:30:00-05:00 --calendar FR", "2026-03-02", False),
        ("--received 2026-01-05 --calendar FR --pause 2026-01-07..2026-01-20", "2026-02-18", False),
        ("--received 2026-01-05 --calendar FR --pause 2026-01-07T10:00:00Z..2026-01-20T10:00:00Z", "2026-02-18", False),
        ("--received 2026-01-05 --calendar FR --pause 2026-01-07..2026-01-20 --extended", "2026-04-20", True),
        (
            "--received 2026-01-05 --calendar FR --pause 2026-01-06..2026-01-08 --pause 2026-01-10..2026-01-13",
            "2026-02-10",
            False,
        ),
        ("--received 2026-03-02 --calendar GB-ENG --pause 2026-03-04..2026-03-14,clarification", "2026-04-13", False),
        ("--received 2026-01-05 --calendar FR --pause 2026-01-07..", "2026-02-05", False),
        ("--received 2026-01-05 --calendar FR --pause 2026-01-07.. --on 2026-01-20", "2026-02-18", False),
        ("--received 2026-06-19 --calendar GB-ENG --right complaint", "2026-07-20", False),
    ],
)
def test_the_options(capsys: pytest.CaptureFixture[str], arguments: str, due: str, extended: bool) -> None:
    code, out, _ = said(capsys, *arguments.split(), "-o", "json")
    told = json.loads(out)
    assert (code, told["due"], told["extended"]) == (0, due, extended)


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        ("--calendar FR --extended", ["extended the person had to be told by Monday 2 Mar 2026"]),
        ("--calendar FR --on 2026-03-02", ["the person has to be told, with the reasons, by 2 Mar 2026"]),
        ("--calendar FR --on 2026-03-03", ["the person had to be told by 2 Mar 2026; a pause does not move that"]),
        ("--calendar FR --right complaint", ["extension none"]),
        ("--calendar US-CA", ["by California, calendar US-CA", "confirm receipt by Friday 13 Feb 2026"]),
        ("--calendar FR --pause 2026-02-02..", ["waiting a pause is open: the date moves when it ends"]),
    ],
)
def test_what_else_a_person_reads(capsys: pytest.CaptureFixture[str], arguments: str, lines: list[str]) -> None:
    code, out, _ = said(capsys, "--received", "2026-01-31", *arguments.split())
    assert code == 0
    assert set(lines) <= {" ".join(line.split()) for line in out.splitlines()}


def test_a_program_reads_whether_an_extension_may_be_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = said(capsys, "--received", "2026-01-31", "--calendar", "FR", "--on", "2026-03-03", "-o", "json")
    assert json.loads(out)["extension"] == {
        "allowed": False,
        "reason": "the person had to be told by 2 Mar 2026; a pause does not move that",
    }


@pytest.mark.parametrize(
    ("arguments", "option", "what", "fix"),
    [
        ("--calendar UK", "--calendar", "unknown calendar 'UK'", "did you mean GB? known: AT"),
        ("--calendar US", "--calendar", "no law is known for US", "only California: US-CA"),
        ("--received 2026-02-30", "--received", "'2026-02-30' is not a date", "write it as 2026-01-31"),
        ("--received yesterday", "--received", "not an RFC 3339 time", "2026-01-31T09:30:00Z"),
        ("--received 2026-01-31T10:00:00", "--received", "the time has no zone", "add Z or +01:00"),
        ("--received 1999-01-31", "--received", "no law is known", "check the date of receipt"),
        ("--right oblivion", "--right", "unknown right", "known: access"),
        (
            "--pause 2026-02-10..2026-02-03",
            "--pause",
            "before it begins",
            "earlier",
        ),
        (
            "--pause 2026-01-10..2026-02-03",
            "--pause",
            "before the receipt",
            "asked",
        ),
        (
            "--pause 2026-02-30..",
            "--pause",
            "'2026-02-30' is not a date",
            "write it",
        ),
        (
            "--pause 2026-02-03",
            "--pause",
            "is not a pause",
            "write 2026-02-03..2026",
        ),
        (
            "--pause ..2026-02-03",
            "--pause",
            "is not a pause",
            "write 2026-02-03..2026",
        ),
        (
            "--pause 2026-02-03..,",
            "--pause",
            "is not a pause",
            "identity|clarification",
        ),
        (
            "--pause 2026-02-03..,nap",
            "--pause",
            "unknown reason 'nap'",
            "known: identity",
        ),
        (
            "--right complaint --extended",
            "--extended",
            "no extension",
            "answer within",
        ),
        ("--calendar US-CA --right objection --extended", "--extended", "no extension", "answer"),
        ("--on 2026-02-30", "--on", "'2026-02-30' is not a date", "write it as"),
    ],
)
def test_a_mistake_names_its_option_and_the_fix(
    capsys: pytest.CaptureFixture[str], arguments: str, option: str, what: str, fix: str
) -> None:
    given = arguments.split()
    for name, usual in (("--received", "2026-01-31"), ("--calendar", "FR")):
        if name not in given:
            given += [name, usual]
    code, out, err = said(capsys, *given, "-o", "json")
    told = json.loads(err)["error"]
    assert (code, out, told["where"]) == (2, "", option)
    assert what in told["what"]
    assert fix in told["fix"]


@pytest.mark.parametrize("arguments", ["", "--received 2026-01-31", "--calendar FR"])
def test_what_is_asked_has_to_be_said(capsys: pytest.CaptureFixture[str], arguments: str) -> None:
    code, out, err = said(capsys, *arguments.split())
    assert (code, out) == (2, "")
    assert "Missing option" in err
