"""Letters over the real command line and real stores: what the person reads is what the signed record says."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from orchestrator.letters.writing import date
from orchestrator.runtime import letters
from tests.support.cli import CANARY, REQUEST, CommandLine, found_in
from tests.support.home import records_of
from tests.support.shop import ANN, Shop


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    return Shop(tmp_path, monkeypatch)


def letter(shop: Shop, capsys: pytest.CaptureFixture[str], request: str, *more: str) -> dict[str, Any]:
    capsys.readouterr()
    shop("letter", request, *more, "-o", "json")
    out = capsys.readouterr().out
    assert ANN not in out
    found: dict[str, Any] = json.loads(out)
    return found


def said(found: dict[str, Any]) -> str:
    return " ".join(one["text"] for one in found["sentences"])


def keys(found: dict[str, Any]) -> list[str]:
    return [one["key"] for one in found["sentences"]]


def test_s46_the_letters_of_an_erasure_say_what_the_record_says(expunge: CommandLine) -> None:
    expunge.submit()
    expunge("run", "--until-idle")
    receipt = expunge.json("letter", REQUEST, "--kind", "receipt")
    due = expunge.json("show", REQUEST)["due_on"]
    assert f"You will have our answer by {date(letters.load('en', None).language, due)}." in said(receipt)
    found = expunge.json("letter", REQUEST)
    assert (found["kind"], found["to"], found["language"]) == ("answer", "subject", "en")
    (record,) = records_of(expunge.home, REQUEST)
    lines = {f"{one.system}/{line.name}": line.outcome for one in record.systems for line in one.record_sets}
    told = {one["place"]: one["key"] for one in found["sentences"] if one["place"] and one["key"] != "kept_masked"}
    words = {"Deleted": "erased", "Anonymised": "anonymised", "Kept": "kept_until"}
    assert {place: key for place, key in told.items() if key != "partly_erased"} == {
        place: words[type(one).__name__] for place, one in lines.items() if type(one).__name__ in words
    }
    assert "all_erased" not in keys(found)
    assert "complain" in keys(found)
    french = expunge.json("letter", REQUEST, "--language", "fr")
    assert keys(french) == keys(found)
    assert "Nous gardons cela jusqu'au" in said(french)
    for one in (receipt, found, french):
        assert one["fill_in"] == ["salutation", "signature"]
        assert not found_in(json.dumps(one, ensure_ascii=False).encode())
        assert CANARY not in one["text"]
    assert expunge("letter", REQUEST, "--kind", "kept") == 0
    assert "what we keep, and until when" in expunge.out


def test_a_letter_of_a_record_that_was_tampered_with_is_not_handed_out(expunge: CommandLine) -> None:
    expunge.submit()
    expunge("run", "--until-idle")
    with closing(sqlite3.connect(expunge.home / "expunge.db")) as database:
        (jws,) = database.execute("SELECT jws FROM records").fetchone()
        head, body, signature = bytes(jws).split(b".")
        database.execute("UPDATE records SET jws = ?", (b".".join((head, body[:-2] + b"AA", signature)),))
        database.commit()
    assert expunge("letter", REQUEST) == 4
    assert expunge.out == ""


def test_a_request_without_a_letter_yet_and_kinds_that_are_not_there(expunge: CommandLine) -> None:
    expunge.submit()
    assert expunge("letter", REQUEST) == 2
    assert "not begun" in expunge.err
    expunge("run", "--until-idle")
    for more, says in (
        (("--kind", "extension"), "has no letter 'extension'"),
        (("--kind", "anwser"), "kinds: receipt"),
        (("--notice", "nonsense"), "has no notice nonsense"),
        (("--language", "it"), "no letters in the language 'it'"),
    ):
        assert expunge("letter", REQUEST, *more) == 2, more
        assert says in expunge.err
    assert expunge("letter", "nobody") == 2


def test_s41_before_a_restriction_is_lifted_the_person_reads_when_and_what_to_do(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.submit("restriction", restriction_ground="accuracy_contested", locale="fr-CA")
    shop.run()
    first = letter(shop, capsys, "restriction")
    assert (first["kind"], first["language"]) == ("answer", "fr")
    assert keys(first).count("restricted") == 2
    recipients = letter(shop, capsys, "restriction", "--kind", "recipients_restricted", "--language", "en")
    assert recipients["to"] == "recipients"
    assert recipients["fill_in"] == ["salutation", "signature", "whom"]
    assert "Please only store it from now on" in said(recipients)
    shop("lift", "restriction")
    shop.run(code=None)
    before = letter(shop, capsys, "restriction", "--language", "en")
    assert before["kind"] == "restriction_lifted"
    assert "If you do not agree, tell us before" in said(before)
    assert shop.row("customers", 1)["restricted"] == 1, "told, and not yet lifted"
    shop.later(hours=25)
    shop.run(code=None)
    after = letter(shop, capsys, "restriction")
    assert after["kind"] == "later"
    assert keys(after).count("lifted") == 2


def test_s30_s36_recipients_read_what_was_corrected_and_not_of_whom(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.submit("rectification", corrections={"crm/contacts": {"city": CANARY}})
    shop.run()
    found = letter(shop, capsys, "rectification", "--kind", "recipients_rectified")
    assert "Corrected: contacts." in found["text"]
    assert CANARY not in json.dumps(found)
    assert letter(shop, capsys, "rectification")["kind"] == "answer"


def test_s45_a_doubt_an_extension_and_a_refusal_are_told_in_words(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.submit("access", identity="unverified")
    shop.run(code=None)
    assert letter(shop, capsys, "access")["kind"] == "identity_needed"
    shop("identity", "doubt", "access", "--reason", "address_unknown", "--asks", "callback")
    shop.run(code=None)
    doubt = letter(shop, capsys, "access")
    assert doubt["kind"] == "identity_doubt"
    assert {"doubt_no_document", "doubt_clock"} <= set(keys(doubt))
    assert "address_unknown" not in json.dumps(doubt)
    shop("extend", "access", "--reason", "complexity")
    shop.run(code=None)
    longer = letter(shop, capsys, "access")
    assert longer["kind"] == "extension"
    assert "your request is complex" in said(longer)
    shop("refuse", "access", "--ground", "excessive", "--reason", "third_in_a_month", "--text", "gdpr-12-5")
    shop.run(code=None)
    refusal = letter(shop, capsys, "access", "--kind", "answer")
    assert refusal["kind"] == "refusal"
    assert "the request is excessive" in said(refusal)
    assert "complain" in keys(refusal)
    assert "third_in_a_month" not in json.dumps(refusal)


def test_nobody_is_found_and_a_request_that_is_taken_back(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.submit("erasure", who="nobody@example.org")
    shop.run()
    assert letter(shop, capsys, "erasure")["kind"] == "nothing_held"
    shop.submit("access", identity="unverified")
    shop.run(code=None)
    shop("withdraw", "access")
    shop.run(code=None)
    assert letter(shop, capsys, "access")["kind"] == "withdrawal"


def test_own_words_are_used_and_one_that_claims_more_is_refused_with_its_line(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shop.home / "letters"
    folder.mkdir()
    own = folder / "en.toml"
    own.write_text('[sentence]\nreply = "Call us: {request_id}."\n[category]\ncontacts = "your address book"\n')
    shop.submit("erasure")
    shop.run()
    found = letter(shop, capsys, "erasure")
    assert "Call us: erasure." in found["text"]
    assert "Erased: your address book (1 record)." in found["text"]
    assert "all_erased" in keys(found)
    for named in ((str(own),), ()):
        shop("letters", "check", *named)
        assert f"ok: {own}, 1 sentences" in capsys.readouterr().err
    shop("letters", "list", "-o", "json")
    listed = json.loads(capsys.readouterr().out)["languages"]
    assert [(one["code"], bool(one["files"])) for one in listed] == [("en", True), ("fr", False)]
    own.write_text('[sentence]\nattested = "{what}: everything we held is erased, says {by}, {said_on}."\n')
    for command in (("letter", "erasure"), ("letters", "check", str(own)), ("letters", "list")):
        shop(*command, code=2)
        err = capsys.readouterr().err
        assert f"{own}:2" in err
        assert "answers for attested" in err
