"""The DPO answers the linter (S10), a data map declares an output anonymous (S09), a system says whose it is (S20)."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli import main
from tests.support.odigo import AT_WORK, Odigo

TODAY = dt.datetime.now(dt.UTC).date()
NEXT_YEAR = (TODAY + dt.timedelta(days=365)).isoformat()
FINDING = "basis-no-obligation:activity:logs"
ANONYMOUS = """
[[anonymous]]
output = "statistics"
method = "counts above ten"
assessment = "DPIA-2026-03"
made_from = ["contacts"]
"""


@pytest.fixture
def odigo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Odigo:
    return Odigo(tmp_path, monkeypatch, capsys)


def lint(odigo: Odigo) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(odigo("policy", "lint", "-o", "json", code=None))
    return found


def finding(odigo: Odigo, name: str = FINDING) -> dict[str, Any] | None:
    return next((one for one in lint(odigo)["findings"] if one["id"] == name), None)


def answer(odigo: Odigo, text: str = "improvement rests on Art. 6(1)(f)", *more: str, code: int = 0) -> str:
    return odigo("policy", "answer", FINDING, "--text", text, "--until", NEXT_YEAR, *more, code=code)


def refused(odigo: Odigo, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main([*arguments, "--home", str(odigo.home), "-o", "json"]) == 2
    told: dict[str, Any] = json.loads(capsys.readouterr().err)["error"]
    return told


def add(odigo: Odigo, name: str, text: str) -> None:
    with (odigo.home / name).open("a", encoding="utf-8") as file:
        file.write(text)


def edit(odigo: Odigo, name: str, old: str, new: str) -> None:
    file = odigo.home / name
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_s10_an_answer_is_quoted_beside_its_finding_until_the_entry_changes(odigo: Odigo) -> None:
    policy = (odigo.home / "odigo.toml").read_bytes()
    answer(odigo)
    assert (odigo.home / "odigo.toml").read_bytes() == policy, "a record of its own"
    one = finding(odigo)
    assert one is not None
    given = one["answered"]["answer"]
    assert (given["role"], given["answered_on"], given["until"]) == ("dpo", TODAY.isoformat(), NEXT_YEAR)
    assert one["answered"]["stale"] == ""
    shown = odigo("policy", "lint", code=1)
    assert f"answered by dpo on {TODAY}, until {NEXT_YEAR}: improvement rests on Art. 6(1)(f)" in shown
    assert "STALE" not in shown
    answer(odigo, "improvement was given up", "--role", "legal")
    edit(odigo, "odigo.toml", "# -- what else", "# a line that moves all others\n# -- what else")
    one = finding(odigo)
    assert one is not None
    assert one["answered"]["answer"]["text"] == "improvement was given up", "the latest one"
    assert one["answered"]["stale"] == "", "lines may move"
    edit(odigo, "odigo.toml", '"improvement"', '"improvement", "analytics"')
    one = finding(odigo)
    assert one is not None
    assert one["answered"]["stale"] == "the entry has changed since"
    assert "STALE: the entry has changed since; answer it anew" in odigo("policy", "lint", code=1)
    answer(odigo)
    one = finding(odigo)
    assert one is not None
    assert one["answered"]["stale"] == ""


def test_s10_an_answer_holds_until_its_day(odigo: Odigo) -> None:
    answer(odigo)
    later = (TODAY + dt.timedelta(days=366)).isoformat()
    found = json.loads(odigo("policy", "lint", "--on", later, "-o", "json", code=1))["findings"]
    (one,) = (one for one in found if one["id"] == FINDING)
    assert one["answered"]["stale"] == f"it held until {NEXT_YEAR}"


def test_s10_every_finding_has_an_id_of_its_own(odigo: Odigo) -> None:
    ids = [one["id"] for one in lint(odigo)["findings"]]
    assert len(set(ids)) == len(ids)


def test_s10_what_is_no_answer_is_refused_and_not_written(odigo: Odigo, capsys: pytest.CaptureFixture[str]) -> None:
    given = ("--text", "yes", "--until", NEXT_YEAR)
    assert FINDING in refused(odigo, capsys, "policy", "answer", "basis-no-obligation:activity:log", *given)["fix"]
    assert "role" in refused(odigo, capsys, "policy", "answer", FINDING, *given, "--role", "Marie Dupont")["what"]
    assert (
        "too long" in refused(odigo, capsys, "policy", "answer", FINDING, "--text", " ", "--until", NEXT_YEAR)["what"]
    )
    assert "over" in refused(odigo, capsys, "policy", "answer", FINDING, "--text", "x", "--until", str(TODAY))["what"]
    file = odigo.home / "odigo.answers.jsonl"
    assert not file.exists()
    answer(odigo)
    file.write_bytes(file.read_bytes().rstrip(b"\n"))  # a crash cut the last line off before its end
    answer(odigo, "a second one")
    assert len(file.read_bytes().splitlines()) == 2
    add(odigo, file.name, "{broken\n")
    assert refused(odigo, capsys, "policy", "lint")["where"] == f"{file}:3"


def test_s09_an_output_is_anonymous_with_method_and_assessment_or_the_question_stays(odigo: Odigo) -> None:
    name = "anonymous-without-method:output:statistics"
    assert finding(odigo, name) is not None
    add(odigo, "crm.toml", ANONYMOUS)
    assert finding(odigo, name) is None
    odigo("check", code=None)
    assert odigo.rows("crm") == [1, 2]
    odigo.submit("erasure", ids={"email": AT_WORK})
    odigo.run()
    assert odigo.rows("crm") == [2], "what is declared is no record set, and changes nothing for those that are"


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('method = "counts above ten"\n', "", "method is missing; without it the output is in scope"),
        ('assessment = "DPIA-2026-03"\n', "", "assessment is missing"),
        ('"DPIA-2026-03"', '"see Marie Dupont"', "assessment is a reference"),
        ('["contacts"]', '["contact"]', "which is no record set here"),
        ('["contacts"]', '"contacts"', "a list of record sets"),
        ("method =", "methods =", "unknown key 'methods'"),
        ('output = "statistics"', 'output = "contacts"', "a record set has that name"),
        ('output = "statistics"', 'output = "figures"', "no anonymous output 'figures'"),
        ("[[anonymous]]", "[anonymous]", "a table of its own"),
    ],
)
def test_s09_a_declaration_that_does_not_hold_is_told_with_its_line(
    odigo: Odigo, capsys: pytest.CaptureFixture[str], old: str, new: str, what: str
) -> None:
    add(odigo, "crm.toml", ANONYMOUS.replace(old, new))
    told = refused(odigo, capsys, "policy", "lint")
    assert what in told["what"]
    assert "crm.toml:" in told["where"]
    assert what in odigo("check", code=2)


def test_s20_who_holds_a_system_is_shown_and_its_transfer_is_checked(odigo: Odigo) -> None:
    edit(odigo, "expunge.toml", "[systems.crm]\n", '[systems.crm]\ncontroller = "odigo-uk"\n')
    assert lint(odigo)["systems"] == [], "the clauses that the policy names have no end"
    edit(
        odigo,
        "odigo.toml",
        'mechanism = "scc"\nsays = "otherwise',
        'mechanism = "scc"\nvalid_until = 2022-12-27\nsays = "otherwise',
    )
    (one,) = lint(odigo)["systems"]
    assert one["problem"] == (f"system crm is held in GB by odigo-uk, and no transfer to group-uk is valid on {TODAY}")
    assert "S20  system crm is held in GB by odigo-uk" in odigo("policy", "lint", code=1)
    assert "system crm is held in GB by odigo-uk" in odigo("check", code=None)
    odigo.submit("erasure", ids={"email": AT_WORK})
    odigo.run()
    page = json.loads(odigo("show", "one", "--why", "-o", "json", code=None))
    (why,) = (line for line in page["why"]["record_sets"] if line["system"] == "crm")
    assert (why["held_by"], why["country"]) == ("odigo-uk", "GB")
    assert "by odigo-uk in GB" in odigo("show", "one", "--why")


def test_s20_a_country_that_no_recipient_is_in(odigo: Odigo) -> None:
    edit(odigo, "expunge.toml", "[systems.crm]\n", '[systems.crm]\ncountry = "JP"\n')
    (one,) = lint(odigo)["systems"]
    assert one["problem"] == "system crm is held in JP, and the policy names no recipient there"
    edit(odigo, "expunge.toml", '"JP"', '"DE"')
    assert lint(odigo)["systems"] == []


@pytest.mark.parametrize(
    ("line", "what", "fix"),
    [
        ('controller = "odigo-u"', "no such controller", "did you mean 'odigo-uk'?"),
        ('country = "gb"', "a code of two letters", "GB"),
        ('country = "XX"', "unknown country", "GB"),
        ("country = 3", "country is a text in quotes", "e.g. country"),
    ],
)
def test_s20_a_wrong_place_is_told_with_its_line(
    odigo: Odigo, capsys: pytest.CaptureFixture[str], line: str, what: str, fix: str
) -> None:
    edit(odigo, "expunge.toml", "[systems.crm]\n", f"[systems.crm]\n{line}\n")
    told = refused(odigo, capsys, "policy", "lint")
    assert what in told["what"]
    assert fix in told["fix"]
    assert "expunge.toml:" in told["where"]
