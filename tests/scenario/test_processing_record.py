"""``expunge policy record``: the worked example's policy over its data maps, as a DPO gets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.odigo import AT_WORK, PRIVATE, Odigo


@pytest.fixture
def odigo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Odigo:
    return Odigo(tmp_path, monkeypatch, capsys, wider=True)


def test_the_worked_example_has_a_record_and_its_gaps(odigo: Odigo) -> None:
    found = json.loads(odigo("policy", "record", "-o", "json", code=1))
    assert [one["id"] for one in found["controllers"]] == [
        "odigo-fr", "odigo-es", "odigo-uk", "odigo-de", "odigo-nl", "odigo-be",
    ]  # fmt: skip
    assert found["maps"] == 7
    activities = {one["id"]: one for one in found["activities"]}
    assert activities["marketing"]["places"] == ["crm", "marketing", "crm/subscribers"]
    assert {one["name"] for one in activities["event_registration"]["recipients"] if one["outside_eea"]} == {
        "LogMeIn", "EventBrite", "the entity in the United Kingdom",
    }  # fmt: skip
    gaps = {(one["code"], one["what"].split()[0]) for one in found["gaps"]}
    said = {one["code"]: one for one in found["gaps"]}
    assert {code for code, _ in gaps} >= {
        "no-contact", "no-dpo", "no-subjects", "not-connected", "set-without-category", "period-differs", "no-security",
        "text-not-in-force", "retention-undecided", "country-unknown", "recipient-of-anything",
    }  # fmt: skip
    assert said["text-not-in-force"]["where"].startswith(str(odigo.home / "odigo.toml:"))
    map_gap = next(one for one in found["gaps"] if one["code"] == "set-without-category")
    file, _, line = map_gap["where"].rpartition(":")
    name = map_gap["what"].split()[0].partition("/")[2]
    assert f'"{name}"' in Path(file).read_text(encoding="utf-8").splitlines()[int(line) - 1]


def test_every_form_is_written_and_a_gap_that_is_closed_is_gone(odigo: Odigo, tmp_path: Path) -> None:
    for ending, begins in (("html", "<!doctype html>"), ("md", "# Record of processing"), ("csv", "article,entry")):
        file = tmp_path / f"record.{ending}"
        odigo("policy", "record", "-O", str(file), code=1)
        assert file.read_text(encoding="utf-8").startswith(begins)
        assert ending == "csv" or str(odigo.home) not in file.read_text(encoding="utf-8"), "no place of this machine"
        for person in (PRIVATE, AT_WORK):
            assert person not in file.read_text(encoding="utf-8")
    before = json.loads(odigo("policy", "record", "-o", "json", code=1))["gaps"]
    odigo.policy('id = "odigo"\n', 'id = "odigo"\nsecurity = ["encryption at rest"]\n')
    after = json.loads(odigo("policy", "record", "-o", "json", code=1))["gaps"]
    assert {one["code"] for one in before} - {one["code"] for one in after} == {"no-security"}


def test_a_controller_that_nobody_knows_is_an_error_with_its_line(odigo: Odigo) -> None:
    odigo.policy('id = "recruitment"\n', 'id = "recruitment"\ncontrollers = ["odigo-it"]\n')
    odigo("policy", "record", code=2)
    assert "unknown controller 'odigo-it'" in odigo.err


def test_a_broken_map_is_an_error_with_its_line(odigo: Odigo) -> None:
    (odigo.home / "crm.toml").write_text("[[record_set]\n", encoding="utf-8")
    odigo("policy", "record", code=2)
    assert "crm.toml:1" in odigo.err


def test_a_map_that_is_not_here_is_a_gap(odigo: Odigo) -> None:
    (odigo.home / "crm.toml").unlink()
    found = json.loads(odigo("policy", "record", "-o", "json", code=1))
    assert "system crm has no data map that can be read here" in {one["what"] for one in found["gaps"]}
