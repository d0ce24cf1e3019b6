"""``expunge policy``, and ``expunge check`` where a policy file is configured."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from orchestrator.cli import main
from orchestrator.cli.policing import schema_text
from orchestrator.policy import read
from tests.support.cli import CommandLine, edit
from tests.support.policies import ODIGO, SMALL, TODAY, spoiled

SCHEMA = ODIGO.parent / "policy.schema.json"
DOC = ODIGO.parent.parent.parent / "docs" / "policy-register.md"
README = DOC.parent.parent / "README.md"
ROWS = {"S06", "S10", "S14", "S17", "S20", "S21", "S24", "S25", "S51", "S54"}


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(arguments)
    out, err = capsys.readouterr()
    return code, out, err


def test_the_worked_example_is_told_with_quote_question_and_law(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = _run(capsys, "policy", "lint", str(ODIGO), "--on", TODAY.isoformat())
    assert code == 1
    assert "errors" in err
    for row in ROWS:
        assert f"{row}  " in out
    assert 'says: "except for marketing purposes"' in out
    assert "ask:  " in out
    code, out, _ = _run(capsys, "policy", "lint", str(ODIGO), "--on", TODAY.isoformat(), "-o", "json")
    told = json.loads(out)
    assert code == 1
    assert {one["row"] for one in told["findings"]} == ROWS | {"S09", "S47"}
    wrong = sum(one["severity"] == "error" for one in told["findings"])
    assert f"{len(told['findings'])} findings, {wrong} of them errors" in README.read_text(encoding="utf-8")
    assert (told["on"], told["version"]) == ("2026-11-26", "2022-03-31")
    for one in told["findings"]:
        assert ODIGO.read_text(encoding="utf-8").splitlines()[one["line"] - 1].startswith("[[")
        assert one["ask"]
        assert one["law"]
        assert one["said"]


@pytest.mark.parametrize(
    ("old", "new", "code", "told"),
    [
        ("", "", 0, "nothing found"),
        ('agreement = "contract of 2023"\n', "", 0, "0 errors, 1 warnings"),
        ('text = "fr-decret-2021-1362"', 'text = "fr-decret-2011-219"', 1, "1 errors, 0 warnings"),
        ('text = "fr-decret-2021-1362"', 'text = "fr-decret-2021"', 2, "does not exist"),
    ],
)
def test_exit_codes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, code: int, told: str
) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(spoiled(old, new))
    found, _, err = _run(capsys, "policy", "lint", str(file), "--on", TODAY.isoformat())
    assert (found, told in err) == (code, True), err


def test_all_that_does_not_fit_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(spoiled('country = "FR"', 'country = "XX"').replace('country = "US"', 'country = "UK"'))
    code, _, err = _run(capsys, "policy", "show", str(file))
    assert code == 2
    assert "unknown country 'XX'" in err
    assert "also:" in err
    assert "unknown country 'UK'" in err


def test_show_says_it_in_words(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = _run(capsys, "policy", "show", str(ODIGO), "--on", "2026-01-01")
    assert code == 0
    for part in (
        "version 2022-03-31, in force since 2022-03-31",
        "does not say from which day it applies",
        "calendar GB, UK GDPR",
        "1 month, two further months possible",
        '"at the latest"',
        "from relationship ended: undecided",
        "how long: not said",
        "country not named",
        "72 hours, an internal target",
        "customer-platform",
    ):
        assert part in out
    _, out, _ = _run(capsys, "policy", "show", str(ODIGO), "--on", "2020-01-01")
    assert "no version in force yet" in out
    file = tmp_path / "policy.toml"
    file.write_text(SMALL)
    _, out, _ = _run(capsys, "policy", "show", str(file))
    for part in ("20 days", "of more than 1,000 records", "may search technical", "10 years from document date"):
        assert part in out
    code, out, _ = _run(capsys, "policy", "show", str(file), "--on", "2024-05-31", "-o", "json")
    told = json.loads(out)
    assert (told["version"], told["register"]["controller"][1]["calendar"]) == ("1", "GB-ENG")


def test_inform_says_what_a_person_has_to_be_told(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _run(capsys, "policy", "inform", str(ODIGO), "--on", "2021-01-01")
    assert code == 0
    for part in (
        "controller: Odigo, entity in France, FR, dpo@odigo.com, authority CNIL",
        "jointly:    each of them answers for all",
        "not about:  data of employees",
        "the GDPR itself still applies there until 2021-07-01",
        "from relationship ended: undecided (clients)",
        "how long:   the policy does not say",
        "1 year from connection, Décret 2011-219\n",
        "source:     use of the website",
    ):
        assert part in out
    _, out, _ = _run(capsys, "policy", "inform", str(ODIGO), "--activity", "logs", "-o", "json", "--on", "2026-11-26")
    told = json.loads(out)
    (one,) = told["information"]["activities"]
    assert (one["basis"], one["article"]) == ("legal_obligation", "GDPR Art. 6(1)(c)")
    assert told["on"] == "2026-11-26"
    code, out, err = _run(capsys, "policy", "inform", str(ODIGO), "--activity", "markting")
    assert (code, out) == (2, "")
    assert "did you mean 'marketing'?" in err
    code, _, err = _run(capsys, "policy", "inform", str(ODIGO), "--activity", "zzz")
    assert (code, "known: contact_request, " in err) == (2, True)


# -- the schema -------------------------------------------------------------------------------------------------------
def _as_json(text: str) -> Any:
    return msgspec.to_builtins(tomllib.loads(text))


def test_the_schema_is_that_of_the_structs(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _run(capsys, "policy", "schema")
    assert code == 0
    assert out == schema_text() == SCHEMA.read_text(encoding="utf-8"), "expunge policy schema > deploy/policies/..."
    jsonschema.Draft202012Validator.check_schema(json.loads(out))


def test_the_schema_says_what_the_loader_says() -> None:
    valid = jsonschema.Draft202012Validator(json.loads(schema_text()))
    assert valid.is_valid(_as_json(SMALL))
    assert valid.is_valid(_as_json(ODIGO.read_text(encoding="utf-8")))
    for old, new in (
        ("months = 120", "month = 120"),
        ('anchor = "document_date"\n', ""),
        ('country = "US"', 'country = "USA"'),
        ('mechanism = "scc"', 'mechanism = "hope"'),
        ("[[exclusion]]", "[[exclusions]]"),
    ):
        assert not valid.is_valid(_as_json(spoiled(old, new))), new


def test_what_the_page_shows_is_read_and_every_key_has_its_place() -> None:
    page = DOC.read_text(encoding="utf-8")
    example = page.split("```toml\n")[1].split("```")[0]
    assert read(example, "page").document.policy.id == "acme"
    words = set(page.replace("`", " ").replace(",", " ").replace("(", " ").replace(")", " ").replace(";", " ").split())
    schema = json.loads(schema_text())
    keys = {key for part in schema["$defs"].values() for key in part["properties"]}
    enums = {
        str(value)
        for part in schema["$defs"].values()
        for one in part["properties"].values()
        for value in (*one.get("enum", ()), *one.get("items", {}).get("enum", ()))
        if value
    }
    missing = {key for key in keys | enums if key not in words and f"[[recipient.{key}]]" not in page}
    assert missing == set()


# -- in an installation -----------------------------------------------------------------------------------------------
POLICY = """\
[policy]
id = "quill"
title = "Policy of Quill"
[[version]]
id = "2026"
published_on = 2026-01-01
[[controller]]
id = "quill-example"
name = "Quill"
country = "FR"
calendar = "FR"
regime = "eu"
[[activity]]
id = "care"
purpose = "customer care"
basis = "contract"
[[domain]]
id = "customers"
systems = ["crm", "events", "logs"]
[[domain]]
id = "people"
systems = ["hr"]
"""
OWN = """version = "2026-01"
controllers = ["quill-example"]
join_domains = [["crm", "events"], ["crm", "logs"]]
"""


def _with_policy(expunge: CommandLine, policy: str = POLICY) -> None:
    (expunge.home / "policy.toml").write_text(policy)
    edit(expunge.home / "expunge.toml", OWN, 'file = "policy.toml"\n')


def test_a_request_is_decided_under_the_version_of_its_receipt(expunge: CommandLine) -> None:
    _with_policy(
        expunge,
        POLICY.replace("[[controller]]", '[[version]]\nid = "later"\npublished_on = 2999-01-01\n[[controller]]'),
    )
    assert expunge("check") == 0, expunge.out
    assert "ok      policy" in expunge.out
    expunge.submit()
    assert expunge("run", "--until-idle") in {0, 1}
    expunge.is_done()
    record = expunge.json("record", "erase-one")
    assert record["policy_version"] == "2026"
    assert record["controllers"] == ["quill-example"]
    assert expunge.json("policy", "lint")["file"] == str(expunge.home / "policy.toml")


def test_check_holds_data_maps_against_the_policy(expunge: CommandLine) -> None:
    _with_policy(expunge)
    crm = expunge.home / "maps" / "crm.toml"
    edit(crm, 'name = "notes"', 'name = "notes"\npurpose = "cares"\nbasis = "consent"')
    assert expunge("check") == 2
    assert "record set 'notes': purpose 'cares' is no activity of the policy; did you mean 'care'?" in expunge.out
    assert str(crm) in expunge.out
    edit(crm, 'purpose = "cares"', 'purpose = "care"')
    assert expunge("check") == 2
    assert "by the policy contract" in expunge.out


def test_a_policy_that_contradicts_the_configuration_stops_the_start(expunge: CommandLine) -> None:
    _with_policy(expunge)
    edit(expunge.home / "expunge.toml", 'file = "policy.toml"\n', 'file = "policy.toml"\nversion = "2025"\n')
    expunge.submit()
    before = expunge.rows()
    told = expunge.error(2, "run", "--until-idle")
    assert "[policy] version says '2025'" in told["what"]
    assert expunge("check") == 2
    assert expunge.rows() == before


def test_without_a_policy_file_there_is_none_to_lint(expunge: CommandLine) -> None:
    told = expunge.error(2, "policy", "lint")
    assert "no policy file is configured" in told["what"]
