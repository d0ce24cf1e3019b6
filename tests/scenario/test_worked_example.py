"""The worked example's policy in force over three real databases: what one person asks, and what the record says."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from schemas.outcomes import Deleted, Exported, Kept
from tests.support.home import outcomes_of
from tests.support.odigo import AT_WORK, COOKIE, IP, PRIVATE, Odigo

SIX = ["odigo-fr", "odigo-es", "odigo-uk", "odigo-de", "odigo-nl", "odigo-be"]


@pytest.fixture
def odigo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Odigo:
    return Odigo(tmp_path, monkeypatch, capsys)


def _ago(days: int) -> str:
    return (dt.datetime.now(dt.UTC) - dt.timedelta(days=days)).isoformat()


def test_s01_s03_s34_a_request_to_one_controller_is_dated_by_all_six_and_carried_out_everywhere(odigo: Odigo) -> None:
    odigo.submit("erasure", ids={"email": AT_WORK}, controllers=["odigo-es"], received_at=_ago(2))
    odigo.run()
    trace = "\n".join(odigo.shown()["due_trace"])
    for calendar in ("FR", "ES", "GB", "DE", "NL", "BE"):
        assert f"{calendar}: " in trace
    assert odigo.rows("crm") == [2]
    assert odigo.rows("hr") == [1, 2]
    record = odigo.record()
    assert record.controllers == ("odigo-es",)
    assert list(record.bound_controllers) == SIX, "joint controllers: whoever was asked, all of them answer (Art. 26)"
    assert odigo.shown()["bound_controllers"] == SIX
    assert "asked of odigo-es; binds odigo-fr, odigo-es, odigo-uk" in " ".join(odigo("show", "one").split())
    assert set(outcomes_of(record)) == {"crm/contacts", "hr/applications"}
    (rule,) = (line.rule for one in record.systems for line in one.record_sets if line.name == "contacts")
    assert rule == "erase:gdpr-17-1-a", "S03: it rests on a legitimate interest, so no consent ended"


def test_s15_s16_no_period_of_the_policy_keeps_what_a_person_wants_gone(odigo: Odigo) -> None:
    odigo.submit("erasure", ids={"email": PRIVATE})
    odigo.submit("erasure", "two", ids={"email": AT_WORK})
    odigo.run()
    assert (odigo.rows("hr"), odigo.rows("crm")) == ([2], [2])


def test_s07_s19_what_hr_found_does_not_search_the_crm(odigo: Odigo) -> None:
    odigo.submit("erasure", ids={"email": PRIVATE})
    odigo.run()
    assert (odigo.rows("hr"), odigo.rows("crm")) == ([2], [1, 2])
    assert odigo.record().identifier_kinds == ("email",), "the number that HR holds searched nothing"


def test_s07_s19_it_is_the_wall_that_stops_it(odigo: Odigo) -> None:
    door = '[[join]]\nfound_in = "people"\nmay_search = "customers"\nsays = "a test"\nrow = "S19"\n\n'
    odigo.policy('[[promise]]\nright = "access"', f'{door}[[promise]]\nright = "access"')
    odigo.submit("erasure", ids={"email": PRIVATE})
    odigo.run()
    assert (odigo.rows("hr"), odigo.rows("crm")) == ([2], [2])


def test_s07_only_my_application(odigo: Odigo) -> None:
    odigo.submit("erasure", ids={"email": PRIVATE, "phone": "+33612345678"}, scope={"systems": ["hr"]})
    odigo.run()
    assert (odigo.rows("hr"), odigo.rows("crm")) == ([2], [1, 2])
    record = odigo.record()
    assert [one.system for one in record.systems] == ["hr"]
    assert set(record.not_searched) == {"crm", "logs"}


def test_s13_an_address_of_the_network_alone_is_nobody_and_a_cookie_is_somebody(odigo: Odigo) -> None:
    odigo.submit("access", ids={"ip": IP})
    odigo.run()
    assert odigo.shown()["result"] == "unidentifiable"
    told = odigo.record().not_searched
    assert "would help: " in told["crm"]
    assert "email" in told["crm"]
    assert "cookie_id" in told["logs"]
    odigo.submit("access", "two", ids={"cookie_id": COOKIE}, follows="one")
    odigo.run()
    line = outcomes_of(odigo.record("two"))["logs/visits"]
    assert isinstance(line, Exported)
    assert line.count == 1, "whoever else came from that address is not told about"


def test_s17_nothing_is_kept_on_a_repealed_text_before_the_dpo_decides(odigo: Odigo) -> None:
    odigo.submit("erasure", ids={"cookie_id": COOKIE})
    odigo.run(code=1)
    (one,) = odigo.shown()["attention"]
    assert (one["reason"], one["owner"], one["detail"]) == ("text_repealed", "dpo", "fr-decret-2011-219")
    assert odigo.rows("logs") == [1, 2]
    keep = ("decide", "one", "logs/visits", "--keep", "--why", "exception_17_3_b", "--review", "2099-01-01")
    odigo(*keep, "--text", "fr-decret-2011-219", code=2)
    odigo("decide", "one", "logs/visits", "--erase", "--ground", "a")
    odigo.run()
    assert odigo.rows("logs") == [2]
    (line,) = odigo.record().systems[-1].record_sets
    assert line.rule == "erase:gdpr-17-1-a"


def test_s18_lines_stay_a_year_on_the_text_that_applies_then_go_and_a_second_record_says_so(odigo: Odigo) -> None:
    file = odigo.home / "logs.toml"
    file.write_text(file.read_text().replace("fr-decret-2011-219", "fr-decret-2021-1362"))
    odigo.submit("erasure", ids={"cookie_id": COOKIE})
    odigo.run()
    assert odigo.rows("logs") == [1, 2]
    kept = outcomes_of(odigo.record())["logs/visits"]
    assert isinstance(kept, Kept)
    (owed,) = json.loads(odigo("list", "--obligations", "-o", "json"))
    assert owed["due"] == kept.until
    assert kept.text == owed["text"] == "fr-decret-2021-1362"
    odigo.later(days=400)
    odigo.run()
    assert odigo.rows("logs") == [2], "whoever else came from that address stays"
    assert isinstance(outcomes_of(odigo.record())["logs/visits"], Deleted)
    assert odigo.record().number == 2


@pytest.mark.parametrize(("right", "code"), [("access", 0), ("erasure", 2), ("rectification", 2), ("objection", 2)])
def test_s35_s36_an_extension_is_promised_for_access_only(odigo: Odigo, right: str, code: int) -> None:
    more: dict[str, Any] = {"corrections": {"crm/contacts": {"name": "Ada"}}} if right == "rectification" else {}
    odigo.submit(right, ids={"email": PRIVATE}, identity="unverified", **more)
    odigo("run", "--until-idle", code=None)
    before = odigo.shown()
    odigo("extend", "one", "--reason", "complexity", code=code)
    odigo("run", "--until-idle", code=None)
    assert (odigo.shown()["due_on"] == before["due_on"]) is bool(code)


def test_s46_a_refusal_names_the_authority_that_the_policy_names(odigo: Odigo) -> None:
    odigo.submit("access", ids={"email": PRIVATE}, identity="unverified")
    odigo.run(code=1)
    odigo("refuse", "one", "--ground", "excessive", "--reason", "third_in_a_month", "--text", "gdpr-12-5")
    odigo.run()
    (told,) = (one for one in odigo.notices() if one.kind == "refused")
    assert (told.to, told.facts["authority"]) == ("subject", "CNIL")
    assert "court" not in told.facts, "the policy names none (S46)"


@pytest.mark.parametrize(("ago", "version"), [(400, "2022-03-31"), (2, "second")])
def test_s49_the_record_states_the_version_in_force_at_receipt(odigo: Odigo, ago: int, version: str) -> None:
    begins = (dt.datetime.now(dt.UTC).date() - dt.timedelta(days=30)).isoformat()
    more = f'[[version]]\nid = "second"\npublished_on = {begins}\neffective_on = {begins}\nsays = "x"\nrow = "S49"\n\n'
    odigo.policy("# -- controllers --", f"{more}# -- controllers --")
    odigo.submit("erasure", ids={"email": PRIVATE}, received_at=_ago(ago))
    odigo.run()
    assert odigo.record().policy_version == version
    assert version in odigo("show", "one", "--why")


def test_s52_a_complaint_has_a_clock_of_its_own(odigo: Odigo) -> None:
    for right in ("complaint", "access"):
        odigo.submit(right, right, ids={"email": PRIVATE}, received_at="2026-07-06T09:00:00Z")
    odigo("run", "--until-idle", code=1)
    found = {right: odigo.shown(right) for right in ("complaint", "access")}
    # 30 days to acknowledge it in the United Kingdom, a month by analogy elsewhere; July has 31.
    assert (found["complaint"]["due_on"], found["access"]["due_on"]) == ("2026-08-05", "2026-08-06")
    assert "164a" in "\n".join(found["complaint"]["due_trace"]).lower()


def test_s56_the_list_shows_the_own_aim_beside_the_date(odigo: Odigo) -> None:
    odigo.submit("erasure", ids={"email": PRIVATE}, received_at=_ago(1), identity="unverified")
    odigo.run(code=1)
    (row,) = json.loads(odigo("list", "-o", "json"))
    aim = dt.datetime.fromisoformat(row["received_at"]) + dt.timedelta(hours=72)
    assert row["target_on"] == aim.date().isoformat() < row["due_on"]
    said = odigo("list")
    assert "own aim" in said
    assert row["target_on"] in said
