"""Every right end to end: the command line, a real SQLite file behind the SQL connector, signed and checked records."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from schemas.outcomes import Attested, Deleted, Exported, Kept, Lifted, NothingHeld, Rectified, Restricted, Stopped
from tests.support.cli import edit
from tests.support.home import records_of
from tests.support.shop import ANN, CANARY, Shop, untouched


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    return Shop(tmp_path, monkeypatch)


def test_s36_rectify_what_is_named_also_what_the_person_is_found_by(shop: Shop) -> None:
    shop.submit("rectification", corrections={"crm/contacts": {"city": CANARY, "email": "ann.new@example.org"}})
    shop.run()
    assert shop.row("customers", 1)["city"] == CANARY
    assert shop.row("customers", 1)["email"] == "ann.new@example.org"
    assert isinstance(shop.lines("rectification")["crm/contacts"], Rectified)
    assert "crm/scores" not in shop.lines("rectification")
    assert [one.to for one in shop.notices("rectification") if one.kind == "rectified"] == ["recipients"]
    untouched(shop)
    for file in shop.home.glob("expunge.db*"):
        assert CANARY.encode() not in file.read_bytes()


def test_a_column_that_the_map_no_longer_lets_be_corrected_changes_nothing(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    before = shop.row("customers", 1)
    shop.submit("rectification", corrections={"crm/contacts": {"name": CANARY, "city": CANARY}})
    edit(shop.home / "crm.toml", 'rectify = ["name", "email", "city"]', 'rectify = ["name", "email"]')
    shop.run(code=1)
    (one,) = shop.attention("rectification", capsys)
    assert (one["reason"], one["detail"]) == ("unknown_field", "crm/contacts: city")
    assert shop.row("customers", 1) == before


def test_s41_restrict_then_lift_with_the_notice_before_it(shop: Shop) -> None:
    shop.submit("restriction", restriction_ground="accuracy_contested")
    shop.run()
    assert (shop.row("customers", 1)["restricted"], shop.row("scores", 1)["restricted"]) == (1, 1)
    assert {type(one) for one in shop.lines("restriction").values()} == {Restricted}
    # An erasure of the same person waits until it is lifted.
    shop.submit("erasure")
    shop.run(code=None)
    assert shop.row("customers", 1)
    shop("lift", "restriction")
    shop.run(code=None)
    assert "restriction_lifted" in [one.kind for one in shop.notices("restriction")]
    assert shop.row("customers", 1)["restricted"] == 1, "told, and not yet lifted"
    shop.later(hours=25)
    shop.run(code=None)
    assert {type(one) for one in shop.lines("restriction").values()} == {Lifted}
    assert [one.number for one in records_of(shop.home, "restriction")] == [1, 2]
    shop.run()
    assert shop.row("customers", 1) == {}
    shop("lift", "restriction", code=2)
    untouched(shop)


def test_an_erasure_waits_for_a_copy_and_a_restriction_that_were_asked_for_beside_it(shop: Shop) -> None:
    for right in ("erasure", "access", "restriction"):
        shop.submit(right)
    shop.run(code=None)
    assert records_of(shop.home, "access")
    assert shop.row("customers", 1)["restricted"] == 1
    shop("lift", "restriction")
    shop.run(code=None)
    shop.later(hours=25)
    shop.run()
    assert shop.row("customers", 1) == {}


def test_s41_two_restrictions_share_the_mark_and_it_goes_with_the_last(shop: Shop) -> None:
    shop.submit("restriction", request_id="one")
    shop.submit("restriction", request_id="two")
    shop.run()
    shop("lift", "one")
    shop.run(code=None)
    shop.later(hours=25)
    shop.run()
    assert shop.row("customers", 1)["restricted"] == 1, "the other one still stands"
    (_, second) = records_of(shop.home, "one")
    assert set(second.not_searched.values()) == {"stays restricted by request two"}
    assert second.headline == "restricted"
    shop("lift", "two")
    shop.run(code=None)
    shop.later(hours=51)
    shop.run()
    assert (shop.row("customers", 1)["restricted"], shop.row("scores", 1)["restricted"]) == (0, 0)
    assert {type(one) for one in shop.lines("two").values()} == {Lifted}
    untouched(shop)


def test_a_second_erasure_of_the_person_runs_after_the_first_and_both_have_a_record(shop: Shop) -> None:
    shop.submit("erasure", request_id="first")
    shop.submit("erasure", request_id="second")
    shop.run()
    assert {type(one) for one in shop.lines("first").values()} == {Deleted}
    assert {type(one) for one in shop.lines("second").values()} == {NothingHeld}
    assert [one.result for one in records_of(shop.home, "second")] == ["nothing_held"]
    untouched(shop)


def _rules(shop: Shop, request_id: str) -> dict[str, str]:
    (system,) = records_of(shop.home, request_id)[0].systems
    return {line.name: line.rule for line in system.record_sets}


def test_s03_s39_an_upheld_objection_is_the_ground_of_the_erasure_that_follows(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.submit("objection", purposes=["scoring"])
    shop.run(code=1)
    shop("balance", "objection", "--uphold", "--reason", "no_compelling_ground")
    shop.run(code=None)
    shop.later(hours=25)
    shop.run()
    shop.submit("erasure")
    shop.run()
    rules = _rules(shop, "erasure")
    assert rules["scores"] == "erase:gdpr-17-1-c:gdpr-21-1:objection"
    assert "objection" not in rules["contacts"], "it was not objected to what these are used for"
    capsys.readouterr()
    shop("show", "erasure", "--why")
    said = " ".join(capsys.readouterr().out.split())
    assert "the person has ended this use by request objection, GDPR Art. 21(1)" in said
    assert "GDPR Art. 17(1)(c)" in said
    untouched(shop)


@pytest.mark.parametrize("together", [True, False])
def test_s05_withdrawn_consent_is_the_ground_of_the_erasure_that_follows(shop: Shop, together: bool) -> None:
    file = shop.home / "crm.toml"
    on_consent = 'purpose = "marketing"\nbasis = "consent"'
    file.write_text(file.read_text().replace('purpose = "delivery"\nbasis = "contract"', on_consent))
    if together:
        shop.submit("erasure")
    shop.submit("withdrawal_of_consent", purposes=["marketing"])
    if not together:
        shop.run()
        shop.submit("erasure")
    shop.run()
    rules = _rules(shop, "erasure")
    assert rules["contacts"] == "erase:gdpr-17-1-b:gdpr-7-3:withdrawal_of_consent"
    assert rules["scores"].startswith("erase:gdpr-17-1-a")


def test_s29_what_a_hold_is_about_is_not_corrected(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    (shop.root / "ann.json").write_text(json.dumps([{"kind": "email", "value": ANN}]))
    hold = ("--owner", "legal", "--reason", "litigation", "--review", "2099-01-01", "--person-file")
    shop("hold", "place", *hold, str(shop.root / "ann.json"), "--text", "gdpr-17-3-e")
    hold_id = capsys.readouterr().out.strip()
    before = shop.row("customers", 1)
    shop.submit("rectification", corrections={"crm/contacts": {"city": CANARY}})
    shop.run()
    assert shop.row("customers", 1) == before
    line = shop.lines("rectification")["crm/contacts"]
    assert isinstance(line, Kept)
    assert (line.why, line.text) == ("hold", "gdpr-17-3-e")
    (record,) = records_of(shop.home, "rectification")
    assert record.result == "partly_fulfilled"
    assert {"rectification_held", "partly_refused"} <= {one.kind for one in shop.notices("rectification")}
    shop("hold", "release", hold_id, "--role", "legal")
    shop.submit("rectification", request_id="again", corrections={"crm/contacts": {"city": CANARY}})
    shop.run()
    assert shop.row("customers", 1)["city"] == CANARY
    untouched(shop)


def test_a_purpose_of_several_words_is_named_with_underscores(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    file = shop.home / "crm.toml"
    text = file.read_text().replace("stop.scoring = ", "stop.credit_score = ")
    file.write_text(text.replace('purpose = "scoring"', 'purpose = "credit score"'))
    shop.submit("objection", purposes=["credit_score"])
    shop.run(code=1)
    assert [one["reason"] for one in shop.attention("objection", capsys)] == ["objection_to_balance"]
    assert (shop.row("scores", 1)["restricted"], shop.row("customers", 1)["restricted"]) == (1, 0)


def test_an_agent_without_proof_does_not_keep_a_withdrawal_waiting_for_ever(shop: Shop) -> None:
    file = shop.home / "expunge.toml"
    file.write_text(file.read_text() + "\n[limits]\nlapse_days = 14\n")
    shop.submit("withdrawal_of_consent", purposes=["marketing"], requester={"relation": "agent"})
    shop.run(code=1)
    assert shop.row("customers", 1)["marketing_ok"] == 1
    shop.later(days=15)
    shop.run()
    assert [one.result for one in records_of(shop.home, "withdrawal_of_consent")] == ["lapsed"]


@pytest.mark.parametrize(
    ("end", "more"),
    [(["withdraw"], {}), ([], {"identity": "unverified"})],
    ids=["withdrawn", "nobody confirmed it"],
)
def test_an_objection_that_is_not_in_force_is_no_ground(shop: Shop, end: list[str], more: dict[str, Any]) -> None:
    shop.submit("objection", purposes=["scoring"], **more)
    shop.run(code=1)
    for one in end:
        shop(one, "objection")
    shop.submit("erasure", request_id="gone")
    shop.run(code=None)
    shop.later(hours=200 * 24)
    shop.run(code=None)
    rules = _rules(shop, "gone")
    assert rules["scores"] == "erase:gdpr-17-1-a"


@pytest.mark.parametrize("right", ["withdrawal_of_consent", "objection"])
def test_s37_it_is_stopped_at_receipt_before_it_is_known_who_asks(shop: Shop, right: str) -> None:
    shop.submit(right, purposes=["marketing"], identity="unverified")
    shop.run()
    assert shop.row("customers", 1)["marketing_ok"] == 0
    line = shop.lines(right)["crm/contacts"]
    assert isinstance(line, Stopped)
    assert line.purposes == ("marketing",)
    (record,) = records_of(shop.home, right)
    assert record.not_searched["crm/scores"].startswith("not subject to this right: GDPR Art.")
    untouched(shop)


def test_s38_an_objection_is_weighed_and_upheld(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.submit("objection", purposes=["scoring", "marketing"])
    shop.run(code=1)
    assert shop.row("customers", 1)["marketing_ok"] == 0
    assert shop.row("scores", 1)["restricted"] == 1
    assert [one["reason"] for one in shop.attention("objection", capsys)] == ["objection_to_balance"]
    shop("balance", "objection", "--uphold", "--reason", "no_compelling_ground")
    shop.run(code=None)
    assert shop.row("scores", 1)["scoring_ok"] == 0
    assert shop.row("scores", 1)["restricted"] == 1, "told, and not yet lifted"
    shop.later(hours=25)
    shop.run()
    assert shop.row("scores", 1)["restricted"] == 0
    assert {type(one) for one in shop.lines("objection").values()} == {Stopped}
    untouched(shop)


def test_s38_an_objection_is_weighed_and_overridden(shop: Shop) -> None:
    shop.submit("objection", purposes=["scoring"])
    shop.run(code=1)
    shop("balance", "objection", "--override", "--reason", "fraud_prevention")
    shop("balance", "objection", "--uphold", "--reason", "x", code=0)
    shop.run(code=None)
    shop.later(hours=25)
    shop.run()
    assert (shop.row("scores", 1)["restricted"], shop.row("scores", 1)["scoring_ok"]) == (0, 1)
    (record,) = records_of(shop.home, "objection")
    assert (record.result, record.ground) == ("refused", "overriding_grounds")
    assert isinstance(shop.lines("objection")["crm/scores"], Lifted)


def test_s42_portability_gives_what_was_provided_and_nothing_else(shop: Shop) -> None:
    shop.submit("portability", transfer_to="other-shop")
    shop.run()
    lines = shop.lines("portability")
    assert isinstance(lines["crm/contacts"], Exported)
    assert set(lines) == {"crm/contacts"}
    shop("package", "portability", "-O", str(shop.root / "copy.zip"))
    with zipfile.ZipFile(shop.root / "copy.zip") as copy:
        tables = [name for name in copy.namelist() if name.endswith(".csv")]
        rows = list(csv.DictReader(io.StringIO(copy.read(tables[0]).decode("utf-8-sig"))))
    assert len(tables) == 1
    assert [set(row) for row in rows] == [{"name", "email", "city"}]
    assert rows[0]["email"] == ANN
    assert "transfer" in [one.kind for one in shop.notices("portability")]


def test_what_the_system_cannot_do_a_person_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(tmp_path, monkeypatch, notes=True, attested=True)
    shop.submit("restriction")
    shop.run(code=1)
    assert shop.row("customers", 1)["restricted"] == 1, "what it can do does not wait"
    assert records_of(shop.home, "restriction") == []
    document = tmp_path / f"{CANARY}.txt"
    document.write_text(CANARY)
    shop("attest", "restriction", "crm/contacts", "--document", str(document), code=2)
    shop("attest", "restriction", "crm/notes", "--document", str(tmp_path / "none"), code=2)
    shop("attest", "restriction", "crm/notes", "--document", str(document))
    shop.run()
    assert isinstance(shop.lines("restriction")["crm/notes"], Attested)
    assert records_of(shop.home, "restriction")[0].headline == "attested"
    for file in shop.home.glob("expunge.db*"):
        assert CANARY.encode() not in file.read_bytes()


def test_nobody_is_taken_at_their_word_without_the_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = Shop(tmp_path, monkeypatch, notes=True)
    shop.submit("restriction")
    shop.run(code=1)
    (tmp_path / "d").write_text("x")
    shop("attest", "restriction", "crm/notes", "--document", str(tmp_path / "d"), code=2)
    assert "attested = true under [systems.crm]" in capsys.readouterr().err
    assert records_of(shop.home, "restriction") == []


@pytest.mark.parametrize("right", ["complaint", "safeguard_copy"])
def test_s22_s52_a_person_answers(shop: Shop, right: str, tmp_path: Path) -> None:
    shop.submit(right)
    shop.run(code=1)
    (tmp_path / "letter").write_text("dear Ann")
    shop("attest", right, "--document", str(tmp_path / "letter"))
    shop.run()
    (record,) = records_of(shop.home, right)
    assert record.systems == ()
    assert isinstance(record.by_hand[0].outcome, Attested)


def test_who_is_not_there_is_not_there(shop: Shop) -> None:
    shop.submit("restriction", who="nobody@example.org")
    shop.run()
    assert set(map(type, shop.lines("restriction").values())) == {NothingHeld}


@pytest.mark.parametrize(
    "command",
    [
        ("lift", "restriction"),
        ("balance", "restriction", "--uphold", "--reason", "x"),
        ("attest", "restriction", "crm/contacts", "--document", "form.json"),
    ],
)
def test_what_may_not_be_decided_changes_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(shop.root)
    shop.submit("restriction")
    shop(*command, code=2)
    shop.run()
    shop(*(command if command[0] != "lift" else ("lift", "nothing")), code=2)
    assert len(records_of(shop.home, "restriction")) == 1


def test_what_is_shown_tells_who_did_what_and_what_was_not_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = Shop(tmp_path, monkeypatch, notes=True, attested=True)
    shop.submit("restriction")
    shop.run(code=1)
    (tmp_path / "d").write_text("x")
    shop("attest", "restriction", "crm/notes", "--document", str(tmp_path / "d"), "--role", "support")
    shop.run()
    shop.submit("portability")
    shop.run()
    capsys.readouterr()
    shop("show", "restriction")
    said = " ".join(capsys.readouterr().out.split())
    assert "attested by support" in said
    assert "restricted 1" in said
    shop("show", "portability", "-o", "json")
    sets = json.loads(capsys.readouterr().out)["systems"]["crm"]["record_sets"]
    assert sets["contacts"]["rule"] == "export:gdpr-20-1"
    assert sets["notes"]["rule"] is None
