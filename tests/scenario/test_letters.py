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
from tests.support import came_back
from tests.support.cli import CANARY, REQUEST, CommandLine, found_in
from tests.support.home import records_of
from tests.support.odigo import Odigo, insert
from tests.support.shop import ANN, Shop

GRACE = "grace@home.example"


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
    french = expunge.json("letter", REQUEST, "--language", "fr-BE")
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


def test_s48_five_processors_answer_one_keeps_something_and_the_letter_says_whose_word_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    odigo = Odigo(tmp_path, monkeypatch, capsys, wider=True, asks=True)
    insert(odigo.home, "crm", "subscribers", (9, GRACE, "Grace", "news", "2026-05-01"))
    insert(odigo.home, "events", "registrations", (9, GRACE, "Grace", "open day", "2026-05-01"))
    odigo.submit("erasure", ids={"email": GRACE}, locale="fr")
    odigo.run(code=1)
    # As long as one is silent there is no answer, and no letter that says there was one.
    assert json.loads(odigo("letter", "one", "-o", "json"))["kind"] == "receipt"
    paper = tmp_path / "answer.txt"
    paper.write_text("done")
    for name in ("livee", "logmein", "eventbrite"):
        odigo("task", "sent", "one", name)
        odigo("attest", "one", name, "--done", "--found", "1", "--document", str(paper))
    odigo("task", "sent", "one", "group-uk")
    exception = ("--exception", "b", "--text", "gdpr-17-3-b", "--until", "2030-06-01")
    odigo("attest", "one", "atelier-xiv", *exception, "--found", "1", "--document", str(paper))
    odigo.run()
    places: dict[str, str] = {}
    for language in ("fr", "en"):
        found = json.loads(odigo("letter", "one", "--language", language, "-o", "json"))
        assert found["kind"] == "answer"
        places = {one["place"]: one["key"] for one in found["sentences"] if one["place"].startswith("@")}
        assert places == {
            "@atelier-xiv": "processor_kept",
            "@eventbrite": "processor_done",
            "@group-uk": "notified",
            "@livee": "processor_done",
            "@logmein": "processor_done",
        }
        assert {"erased", "some_erased", "complain", "authority", "not_found"} <= set(keys(found))
        assert not {"all_erased", "kept_heading"} & set(keys(found))
        assert "Atelier XIV" in found["text"]
        assert "CNIL" in found["text"]
        assert GRACE not in json.dumps(found)
    assert "garde quelque chose sur vous : une loi exige de le garder" in said(
        json.loads(odigo("letter", "one", "-o", "json"))
    )
    whom = json.loads(odigo("letter", "one", "--kind", "recipients_told", "-o", "json"))
    assert sorted(one["place"] for one in whom["sentences"] if one["listed"]) == sorted(places)
    # What the processor kept is asked for again, and told in a letter of its own.
    odigo.later(days=5 * 366)
    odigo.run(code=1)
    odigo("task", "sent", "one", "atelier-xiv")
    odigo("attest", "one", "atelier-xiv", "--done", "--found", "1", "--document", str(paper))
    odigo.run()
    after = json.loads(odigo("letter", "one", "--language", "en", "-o", "json"))
    assert after["kind"] == "later"
    told = {one["place"]: one["key"] for one in after["sentences"] if one["place"]}
    assert told == {"@atelier-xiv": "processor_done", "logs": "not_found"}


def test_i14_who_comes_back_by_an_import_reads_that_it_was_erased_again(expunge: CommandLine) -> None:
    came_back.tells_since_when(expunge.company)
    expunge.submit()
    expunge.is_done()
    came_back.add(expunge.company, came_back.LONG_AGO)
    expunge.later(days=31)
    assert expunge("run", "--until-idle") == 0
    found = expunge.json("letter", REQUEST)
    assert found["kind"] == "later"
    back = [one for one in found["sentences"] if one["key"] == "came_back_anonymised"]
    assert [one["place"] for one in back] == ["hr/employees"]
    assert "You do not have to do anything" in said(found)
    assert "restored" not in keys(found)
    # The first answer can be read again, by its notice, as it was.
    first = expunge.json("letter", REQUEST, "--kind", "answer")
    assert first["kind"] == "answer"
    assert expunge.json("letter", REQUEST, "--notice", first["notice_id"]) == first


def test_i08_what_was_kept_is_told_when_it_is_erased(expunge: CommandLine) -> None:
    expunge.submit()
    expunge.is_done()
    expunge.later(days=11 * 366)
    assert expunge("run", "--until-idle") in {0, 1}
    found = expunge.json("letter", REQUEST)
    assert found["kind"] == "later"
    assert "erased_later" in keys(found)
    assert "We had told you that we keep it." in said(found)


def test_a_letter_of_a_record_that_an_older_key_signed(expunge: CommandLine) -> None:
    expunge.submit()
    expunge.is_done()
    before = expunge.json("letter", REQUEST)
    assert expunge("keys", "add", "record") == 0
    (kid,) = [
        file.name.split(".")[1] for file in (expunge.home / "keys").glob("record.*.jwk") if ".pub." not in file.name
    ]
    assert expunge("keys", "activate", "record", kid) == 0
    assert expunge.json("letter", REQUEST) == before


def test_a_notice_for_somebody_in_charge_is_no_letter_and_an_unknown_language_is_said(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.submit("access", identity="unverified", locale="it")
    shop.run(code=None)
    (calls,) = [one.notice_id for one in shop.notices("access") if one.kind == "needs_attention"]
    shop("letter", "access", "--notice", calls, code=2)
    assert "this notice is no letter to a person" in capsys.readouterr().err
    shop("letter", "access")
    out, err = capsys.readouterr()
    assert "no letters in 'it', the language of the request: written in 'en'" in err
    assert out.startswith("Your request (access): please tell us that it is you\n\n[Salutation")
    assert out.endswith("[Signature: the sender fills it in.]\n")


def test_the_languages_are_listed_and_without_own_templates_there_is_nothing_to_check(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    shop("letters", "check")
    assert "no templates of your own" in capsys.readouterr().err
    shop("letters", "list")
    out = capsys.readouterr().out
    assert [line.split()[:3] for line in out.splitlines()[:2]] == [
        ["en", "English", "shipped"],
        ["fr", "français", "shipped"],
    ]
    assert "kinds: receipt, " in out
    folder = shop.home / "letters"
    folder.mkdir()
    (folder / "english.toml").write_text("")
    shop("letter", "nobody", code=2)
    shop("letters", "list", code=2)
    assert "name the file by its language" in capsys.readouterr().err
    (shop.home / "expunge.toml").write_text(f"{(shop.home / 'expunge.toml').read_text()}\n[letters]\nfolder = 3\n")
    shop("letters", "list", code=2)
    assert "[letters] folder is a path in quotes" in capsys.readouterr().err
