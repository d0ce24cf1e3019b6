"""A processor's word turns out to be wrong, and the DPO takes it back (ADR 52)."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.cli import main
from orchestrator.ledger.jws import canonical
from schemas.sealing import b64u, unb64u
from tests.scenario.test_recipients import FIVE, answer, erased, settle
from tests.support.home import records_of
from tests.support.odigo import Odigo


@pytest.fixture
def odigo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Odigo:
    made = Odigo(tmp_path, monkeypatch, capsys, wider=True, asks=True)
    settle(made.home)
    (tmp_path / "answer.eml").write_text("It is done.\n")
    return made


def _forged_in_the_store(odigo: Odigo, wrong: tuple[str, ...]) -> None:
    """A correction signs what the record says anew: a record that was altered in the store is none."""
    with closing(sqlite3.connect(odigo.home / "expunge.db")) as store, store:
        ((good,),) = store.execute("SELECT jws FROM records").fetchall()
        head, body, signature = good.split(b".")
        said = json.loads(unb64u(body.decode())) | {"due_at": "2099-01-01"}
        forged = b".".join((head, b64u(canonical(said)).encode(), signature))
        store.execute("UPDATE records SET jws = ?", (forged,))
    odigo(*wrong, "livee", code=4)
    with closing(sqlite3.connect(odigo.home / "expunge.db")) as store, store:
        store.execute("UPDATE records SET jws = ?", (good,))


def test_a_wrong_word_is_taken_back_and_who_checks_is_told(odigo: Odigo, capsys: pytest.CaptureFixture[str]) -> None:
    erased(odigo)
    odigo("task", "sent", "one", "group-uk")
    for name in FIVE:
        odigo("task", "sent", "one", name)
        answer(odigo, name, "--found", "1", "--done")
    odigo.run()
    (old,) = records_of(odigo.home, "one")
    wrong = ("correct", "one", "--record", "1", "--reason", "recipient_word_wrong", "--place")
    odigo(*wrong, "crm/contacts", code=2)
    odigo("correct", "one", "--record", "3", "--reason", "recipient_word_wrong", "--place", "livee", code=2)
    odigo("correct", "one", "--settled", "--record", "1", code=2)
    _forged_in_the_store(odigo, wrong)
    odigo(*wrong, "livee")
    odigo.run(code=1)
    new = records_of(odigo.home, "one")[-1]
    assert (new.record_id, new.corrects, new.headline) == ("one.2", old.record_id, "not_searched")
    assert {one["reason"] for one in odigo.shown()["attention"]} == {"record_corrected"}
    assert "does not hold for livee" in odigo("explain", "one", code=None) + odigo("show", "one", code=None)
    odigo("ledger", "check")
    bundle = odigo.root / "evidence"
    odigo("ledger", "export", str(bundle))
    key = odigo("ledger", "key").split()[0]
    pinned = ("--key", str(odigo.home / "keys" / "record.pub.jwk"), "--ledger-key", key)
    capsys.readouterr()
    assert main(["verify", str(bundle), *pinned, "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["corrected"] == {"one.1": "one.2"}
    assert found["checked"]["corrected"] == 1
    assert main(["verify", str(bundle), *pinned, "-o", "text"]) == 0
    assert "one.2 corrects it" in capsys.readouterr().out
    odigo("correct", "one", "--settled")
    odigo.run()
    assert not odigo.shown()["attention"]
