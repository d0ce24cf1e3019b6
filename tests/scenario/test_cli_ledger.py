"""The ledger on the command line: from a request to a bundle that a stranger checks, and what is refused on the way."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from orchestrator.ledger import notes
from orchestrator.store.database import open_sqlite
from orchestrator.store.store import SqlStore
from tests.scenario import test_cli_journey as journey
from tests.scenario.test_cli_journey import Shell, only_crm, request, write
from tests.support.mail_server import mail_server
from tests.support.secured import certificates
from tests.unit.ledger.test_notes import Witness

template, home, shell = journey.template, journey.home, journey.shell


@pytest.fixture
def issued(home: Path, tmp_path: Path, shell: Shell) -> dict[str, str]:
    """Two requests, done, in a ledger that a folder of the DPO's keeps; gives where things are."""
    only_crm(home)
    (tmp_path / "dpo").mkdir()
    file = home / "expunge.toml"
    file.write_text(
        file.read_text() + f'\n[ledger]\norigin = "privacy.example.com/ledger"\nanchor = "{tmp_path / "dpo"}"\n'
    )
    shell("submit", write(tmp_path / "two.jsonl", request(7, "copy", "access"), request(7, "erase")))
    assert shell("run", "--until-idle") == 0, shell.err
    (key,) = shell.json("ledger", "key")
    return {"key": str(home / "keys" / "record.pub.jwk"), "ledger": key, "dpo": str(tmp_path / "dpo")}


def test_from_a_request_to_evidence_that_a_stranger_checks(
    issued: dict[str, str],
    tmp_path: Path,
    shell: Shell,
) -> None:
    said = shell.json("ledger", "check")
    assert (said["size"], said["waiting"]) == (6, 0)
    pinned = ("--key", issued["key"], "--ledger-key", issued["ledger"])
    checkpoint = shell.json("ledger", "checkpoint")
    assert (checkpoint["origin"], checkpoint["size"]) == ("privacy.example.com/ledger", 6)
    copies = sorted(Path(issued["dpo"]).iterdir(), key=lambda one: int(one.stem.split("-")[1]))
    assert copies[-1].read_text() == checkpoint["note"]

    proofs = tmp_path / "proofs"
    assert {Path(one["document"]).name for one in shell.json("ledger", "prove", "erase", "-O", str(proofs))} == {
        "received.json", "completed.jws", "answered.1.json"
    }  # fmt: skip
    proof = ("--proof", str(proofs / "completed.tlog-proof"))
    place = shell.json("verify", str(proofs / "completed.jws"), *pinned, *proof)["ledger"]
    assert (place["size"], place["origin"]) == (6, "privacy.example.com/ledger")
    assert shell("verify", str(proofs / "completed.jws"), *pinned, *proof) == 0
    assert "it is leaf" in shell.out
    wrong = ("--proof", str(proofs / "received.tlog-proof"))
    assert "not in the ledger" in shell.error(4, "verify", str(proofs / "completed.jws"), *pinned, *wrong)["what"]

    for name in ("case.zip", "case"):
        shell("ledger", "export", str(tmp_path / name), "--request", "erase")
        found = shell.json("verify", str(tmp_path / name), *pinned)
        assert (found["kind"], found["records"]) == ("some leaves", ["erase.1"])
    shell("ledger", "export", str(tmp_path / "all.zip"))
    earlier = ("--earlier", str(copies[0]))
    found = shell.json("verify", str(tmp_path / "all.zip"), *pinned, *earlier)
    assert (found["size"], found["checked"], found["open"]) == (6, {"answered": 2, "completed": 2, "received": 2}, {})
    assert found["continues"] == int(copies[0].stem.split("-")[1])
    assert shell("verify", str(tmp_path / "all.zip"), *pinned) == 0
    assert "not proved:" in shell.out
    assert "keep this one (--earlier)" in shell.out


def test_what_is_wrong_is_said_with_its_fix(issued: dict[str, str], home: Path, tmp_path: Path, shell: Shell) -> None:
    pinned = ("--key", issued["key"], "--ledger-key", issued["ledger"])
    shell("ledger", "export", str(tmp_path / "all.zip"))
    assert "name already" in shell.error(2, "ledger", "export", str(tmp_path / "all.zip"))["what"]
    assert "nothing of request absent" in shell.error(2, "ledger", "prove", "absent", "-O", str(tmp_path / "p"))["what"]
    assert "no key of the ledger" in shell.error(2, "verify", str(tmp_path / "all.zip"), "--key", issued["key"])["what"]
    assert "no key of records" in shell.error(2, "verify", str(tmp_path / "all.zip"))["what"]
    (tmp_path / "bad.zip").write_bytes((tmp_path / "all.zip").read_bytes()[:-1])
    shell.error(4, "verify", str(tmp_path / "bad.zip"), *pinned)
    with zipfile.ZipFile(tmp_path / "slip.zip", "w") as out:
        out.writestr("../x", "x")
    assert "leads elsewhere" in shell.error(4, "verify", str(tmp_path / "slip.zip"), *pinned)["what"]
    shell("record", "erase", "-O", str(tmp_path / "r.jws"))
    shell.error(2, "verify", str(tmp_path / "r.jws"), "--key", issued["key"], "--earlier", str(tmp_path / "all.zip"))
    shell.error(2, "verify", str(tmp_path / "r.jws"), "--key", issued["key"], "--proof", str(tmp_path / "all.zip"))


def test_a_witness_s_cosignature_is_checked_kept_and_handed_on(
    issued: dict[str, str], tmp_path: Path, shell: Shell
) -> None:
    witness = Witness(1_800_000_000)
    note = notes.parse(shell.json("ledger", "checkpoint")["note"].encode())
    (line,) = notes.signed(note.text, [witness]).signatures
    back, pinned = tmp_path / "back.txt", ("--witness", witness.vkey)
    forged = notes.Signature(line.name, line.key_id, line.body[:-1] + bytes([line.body[-1] ^ 1]))
    back.write_bytes(notes.Note(note.text, (*note.signatures, forged)).raw())
    assert "does not fit" in shell.error(4, "ledger", "cosign", str(back), *pinned)["what"]
    other = notes.signed(note.text.replace("\n6\n", "\n5\n"), [witness])
    back.write_bytes(other.raw())
    assert "none of ours" in shell.error(4, "ledger", "cosign", str(back), *pinned)["what"]
    back.write_bytes(notes.Note(note.text, (*note.signatures, line)).raw())
    shell.error(2, "ledger", "cosign", str(back), "--witness", issued["ledger"])
    shell.error(2, "ledger", "cosign", str(tmp_path / "absent"), *pinned)
    for _ in range(2):  # once more is no harm
        assert shell.json("ledger", "cosign", str(back), *pinned)["seen_at"] == "2027-01-15T08:00:00.000Z"
    assert len(notes.parse(shell.json("ledger", "checkpoint")["note"].encode()).signatures) == 2
    trust = tmp_path / "trust.toml"
    trust.write_text(
        f'witnesses_needed = 1\n[[record]]\nfile = "{issued["key"]}"\n[[ledger]]\nkey = "{issued["ledger"]}"\n'
        f'[[witness]]\nkey = "{witness.vkey}"\n'
    )
    shell("ledger", "export", str(tmp_path / "seen.zip"))
    found = shell.json("verify", str(tmp_path / "seen.zip"), "--trust", str(trust))
    assert found["witnesses"] == {witness.name: "2027-01-15T08:00:00.000Z"}
    shell("submit", write(tmp_path / "more.jsonl", request(8, "more")))
    assert shell("run", "--until-idle") == 0, shell.err
    assert shell.json("ledger", "check")["size"] == 9, "it grows on from a checkpoint that others have signed too"
    shell("ledger", "export", str(tmp_path / "unseen.zip"))
    refused = shell.error(4, "verify", str(tmp_path / "unseen.zip"), "--trust", str(trust))
    assert "0 of the witnesses you trust have seen the checkpoint, 1 are wanted" in refused["what"]


def test_a_ledger_that_is_smaller_than_its_anchor_is_a_finding_and_work_goes_on(
    issued: dict[str, str],
    home: Path,
    tmp_path: Path,
    shell: Shell,
) -> None:
    newest = max(Path(issued["dpo"]).iterdir(), key=lambda one: int(one.stem.split("-")[1]))
    newest.rename(newest.with_name("checkpoint-9.txt"))
    newest.with_name("checkpoint-9.txt").write_text(
        newest.with_name("checkpoint-9.txt").read_text().replace("\n6\n", "\n9\n")
    )
    assert "not one of ours" in shell.error(4, "ledger", "check")["what"]
    found: list[dict[str, Any]] = [one for one in _doctor(shell) if one["check"] == "ledger"]
    assert [one["level"] for one in found] == ["finding"]
    shell("submit", write(tmp_path / "more.jsonl", request(8, "more")))
    assert shell("run", "--until-idle") == 0, shell.err
    assert shell.json("show", "more")["phase"] == "closed"
    newest.with_name("checkpoint-9.txt").unlink()
    assert shell("run", "--until-idle") == 0, shell.err
    assert shell.json("ledger", "check")["size"] == 9


def _doctor(shell: Shell) -> list[dict[str, Any]]:
    shell("doctor", "-o", "json")
    found: list[dict[str, Any]] = json.loads(shell.out)
    return found


def test_the_newest_checkpoint_is_mailed_and_a_server_that_is_away_stops_nobody(
    issued: dict[str, str], home: Path, tmp_path: Path, shell: Shell
) -> None:
    ca_file, pem = certificates(tmp_path, "mail")
    file = home / "expunge.toml"
    before = file.read_text()
    said = f'\n[ledger_mail]\nto = "dpo@example.org"\nsender = "expunge@example.org"\nca_file = "{ca_file}"\n'
    file.write_text(f'{before}{said}server = "127.0.0.1:9"\n')
    shell("submit", write(tmp_path / "more.jsonl", request(8, "more")))
    assert shell("run", "--until-idle") == 0, shell.err
    assert shell.json("ledger", "check")["size"] == 9
    assert [one["text"] for one in _doctor(shell) if one["check"] == "ledger_mail"] == ["none was taken yet"]

    with mail_server("starttls", pem) as sink:
        file.write_text(f'{before}{said}server = "127.0.0.1:{sink.port}"\n')
        assert shell("run", "--until-idle") == 0, shell.err
        assert sink.mails == [], "a minute is not over"
        with SqlStore(open_sqlite(home / "expunge.db"), "").write() as tx:
            tx.connection.execute(sa.text("UPDATE ledger_mails SET tried_at = '2020-01-01T00:00:00.000Z'"))
        assert shell("run", "--until-idle") == 0, shell.err
    (mail,) = (email.message_from_bytes(one, policy=email.policy.default) for one in sink.mails)
    (attached,) = mail.iter_attachments()
    assert attached.get_content().decode() == shell.json("ledger", "checkpoint")["note"]
    assert sink.encrypted == [True]
    (one,) = (one for one in _doctor(shell) if one["check"] == "ledger_mail")
    assert one["text"].startswith("the last one was taken 2")

    kept = tmp_path / "kept.txt"
    kept.write_bytes(attached.get_content())
    shell("ledger", "export", str(tmp_path / "ledger.zip"))
    pinned = ("--key", issued["key"], "--ledger-key", issued["ledger"])
    assert shell("verify", str(tmp_path / "ledger.zip"), *pinned, "--earlier", str(kept)) == 0


def test_one_line_is_shown_to_an_authority_and_the_others_stay_hidden(
    issued: dict[str, str], home: Path, tmp_path: Path, shell: Shell
) -> None:
    places = shell.json("disclose", "erase")
    assert "systems/crm/contacts" in places
    file, folder = tmp_path / "line.json", tmp_path / "proofs"
    assert shell("disclose", "erase", "crm/contacts", "-O", str(file)) == 0
    assert b"invoices" not in file.read_bytes()
    pinned = ("--key", issued["key"], "--ledger-key", issued["ledger"])
    said = shell.json("verify", str(file), "--key", issued["key"])
    assert (list(said["lines"]), said["hidden"]) == (["systems/crm/contacts"], len(places) - 1)
    shell("ledger", "prove", "erase", "-O", str(folder))
    proof = ("--proof", str(folder / "completed.tlog-proof"))
    assert shell.json("verify", str(file), *pinned, *proof)["ledger"]["size"] == 6
    assert shell("verify", str(file), *pinned, *proof) == 0
    assert f"1 of {len(places)} lines" in shell.out
    assert "they may change the picture" in shell.out
    wrong = ("--proof", str(folder / "received.tlog-proof"))
    assert "not in the ledger" in shell.error(4, "verify", str(file), *pinned, *wrong)["what"]
    assert "no such line" in shell.error(2, "disclose", "erase", "crm/nothing")["what"]
    assert "the file exists" in shell.error(2, "disclose", "erase", "crm/contacts", "-O", str(file))["what"]

    store = SqlStore(open_sqlite(home / "expunge.db"), "")
    with store.write() as tx:
        tx.connection.execute(sa.text("UPDATE records SET outline = NULL"))
    store.close()
    later = tmp_path / "later.json"
    assert shell("disclose", "erase", "crm/contacts", "-O", str(later)) == 0
    assert shell("verify", str(later), "--key", issued["key"]) == 0
    assert "not proved:" in shell.out
    assert "the issuer signed their list on" in shell.out


def _years_ago(home: Path) -> None:
    """Let everything that was noted have been noted four years before."""
    store = SqlStore(open_sqlite(home / "expunge.db"), "test")
    with store.write() as tx:
        for table, column in (("journal", "observed_at"), ("requests", "received_at"), ("ledger_leaves", "at")):
            earlier = f"CAST(substr({column}, 1, 4) - 4 AS TEXT) || substr({column}, 5)"
            tx.connection.execute(sa.text(f"UPDATE {table} SET {column} = {earlier}"))
    store.close()


def test_evidence_is_deleted_when_its_time_is_over_and_everybody_who_asks_hears_so(
    issued: dict[str, str], home: Path, tmp_path: Path, shell: Shell
) -> None:
    shell("submit", write(tmp_path / "three.jsonl", request(999, "nobody")))
    assert shell("run", "--until-idle") == 0
    _years_ago(home)
    assert shell("run", "--until-idle") == 0, "nobody said that anything ends"
    assert shell.json("ledger", "check")["deleted"] == 0
    file = home / "expunge.toml"
    settings = file.read_text()
    file.write_text(settings.replace("[ledger]", "[ledger]\nrecords_kept_months = 12"))
    assert "at least 24" in str(shell.error(2, "run", "--until-idle"))
    file.write_text(settings.replace("[ledger]", "[ledger]\nrecords_kept_months = 36"))
    shell("submit", write(tmp_path / "one.jsonl", request(8, "young")))
    assert shell("run", "--until-idle") == 0, shell.err
    said = shell.json("ledger", "check")
    gone = 3
    assert said["deleted"] == gone, "of two something is owed still, and one is young"
    assert shell("ledger", "check") == 0
    assert f"the documents of {gone} were deleted at the end of their retention" in shell.out
    for command in (
        ["show", "nobody"], ["record", "nobody"], ["letter", "nobody"],
        ["ledger", "prove", "nobody", "-O", str(tmp_path / "p")],
        ["ledger", "export", str(tmp_path / "x.zip"), "--request", "nobody"],
        ["bundle", "nobody", "-O", str(tmp_path / "y.zip")], ["receipt", "nobody"],
    ):  # fmt: skip
        error = shell.error(2, *command)
        assert "request nobody was deleted on" in error["what"], command
    assert "nobody" not in [one["request_id"] for one in shell.json("list")]
    shell("ledger", "export", str(tmp_path / "all.zip"))
    pinned = ("--key", issued["key"], "--ledger-key", issued["ledger"])
    assert shell.json("verify", str(tmp_path / "all.zip"), *pinned)["without_document"] == gone
    assert shell("verify", str(tmp_path / "all.zip"), *pinned) == 0
    assert "deleted at the end of their retention" in shell.out
    year = dt.datetime.now(dt.UTC).year - 4
    period = ("--from", f"{year}-01-01", "--to", f"{year}-12-31")
    shell("report", *period, "-O", str(tmp_path / "r.json"))
    report = json.loads((tmp_path / "r.json").read_text())
    assert (report["received_total"], report["deleted"]) == (2, 1)
    shell("report", *period)
    assert "of this period" in shell.out
