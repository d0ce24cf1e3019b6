"""An incident under the worked example's policy (S47, S55): cause, scope, action, and every authority with its date."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from tests.support.cli import CommandLine
from tests.support.odigo import Odigo

SIX = ["odigo-fr", "odigo-es", "odigo-uk", "odigo-de", "odigo-nl", "odigo-be"]


@pytest.fixture
def odigo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Odigo:
    return Odigo(tmp_path, monkeypatch, capsys)


def test_s47_s55_an_incident_has_cause_scope_action_and_a_date_for_each_of_six_controllers(odigo: Odigo) -> None:
    detected = dt.datetime.now(dt.UTC).replace(microsecond=0) - dt.timedelta(hours=10)
    made = json.loads(
        odigo(
            "incident", "report", "--cause", "payload_leaked", "--detected", detected.isoformat(), "--system",
            "crm/contacts", "--category", "contact", "--subjects", "40", "--action", "key_rotated", "-o", "json",
        )
    )  # fmt: skip
    by = (detected + dt.timedelta(hours=72)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert [(one["controller"], one["notify_by"]) for one in made["duties"]] == [(one, by) for one in SIX]
    assert made["duties"][0]["authority"] == "CNIL"
    assert [one["text"] for one in made["duties"] if one["controller"] == "odigo-uk"] == ["uk-gdpr-33"]
    shown = " ".join(odigo("incident", "show", made["incident_id"], code=1).split())
    for piece in ("payload leaked", "record sets: crm/contacts", "about 40", "action: key rotated", "CNIL",
                  "no authority is named", "72 hours", "IncidentReported dpo"):  # fmt: skip
        assert piece in shown


def test_s47_it_waits_in_no_silence(expunge: CommandLine) -> None:
    assert expunge("incident", "report", "--cause", "unauthorised_erasure", "--misuse", "--owner", "security") == 0
    name = expunge.out.strip()
    assert "72" not in expunge.err
    assert expunge("list") == 0
    assert "1 incidents are open" in expunge.err
    assert expunge("doctor") == 1
    assert f"{name} is open for security" in expunge.out
    assert expunge.json("incident", "list")[0]["overdue"] is False
    assert expunge("run", "--until-idle") == 0, expunge.err
    expunge.later(hours=80)
    assert expunge("run", "--until-idle") == 0, expunge.err
    assert len(expunge.rows()["notices"]) == 2
    told = expunge.error(2, "incident", "close", name, "--outcome", "notified", "--persons", "told")
    assert "an authority was not told" in told["what"]
    assert expunge("incident", "amend", name) == 2
    assert expunge("incident", "amend", name, "--action", "rights_withdrawn", "--records", "7") == 0
    assert (
        expunge(
            "incident", "tell", name, "--controller", expunge.json("incident", "list")[0]["duties"][0]["controller"]
        )
        == 0
    )
    assert expunge("incident", "close", name, "--outcome", "notified", "--persons", "told") == 0, expunge.err
    assert expunge("incident", "list") == 0
    assert "closed" in expunge.out
    assert expunge("doctor", "-o", "json") in {0, 1}
    assert name not in expunge.out
    for wrong in (
        ["--cause", "Marie lost it"],
        ["--cause", "x", "--system", "erp"],
        ["--cause", "x", "--detected", "now"],
    ):
        before = expunge.rows()
        expunge.error(2, "incident", "report", *wrong)
        assert expunge.rows() == before
