"""Other people's data in a copy: found, decided, held back in every file, told in the record (ADR 46)."""

from __future__ import annotations

import io
import json
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from connectors.testing.canary import find_canaries
from tests.scenario import test_cli_journey as journey
from tests.scenario.test_cli_journey import Shell, customer_with_tickets, only_crm, request, write

template, home, shell = journey.template, journey.home, journey.shell

OTHER = "quentin.fremd@canary-other.example"
NAME = "Quentin Fremd-Sonderbar"
PHONE = "+33 6 12 34 56 78"
NOTE = f"Called about the order; {NAME} ({OTHER}, {PHONE}) took the parcel. Her own mail is {{own}}."


@pytest.fixture
def notes(home: Path, tmp_path: Path, shell: Shell) -> Path:
    """A CRM whose reviews hold free text about somebody else; gives the home."""
    only_crm(home)
    maps = home / "maps/crm.toml"
    number = customer_with_tickets(home)
    with closing(sqlite3.connect(home / "company/crm.sqlite")) as store, store:
        (email,) = store.execute("SELECT email FROM customers WHERE id = ?", (number,)).fetchone()
        store.execute("UPDATE tickets SET body = ? WHERE customer_id = ?", (NOTE.format(own=email), number))
    maps.write_text(maps.read_text().replace('name = "tickets"\n', 'name = "tickets"\nfree_text = ["body"]\n'))
    shell("submit", write(tmp_path / "copy.json", request(number, "copy", "access")))
    assert shell("run", "--until-idle") in (0, 1)
    return home


def test_s12_a_copy_waits_until_somebody_has_decided_and_holds_back_what_is_others(
    notes: Path, tmp_path: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = shell.json("show", "copy")
    assert page["phase"] == "reviewing"
    (waiting,) = shell.json("review", "list")
    assert waiting["request_id"] == "copy"
    shown = shell.json("review", "show", "copy")
    assert {one["kind"] for one in shown} == {"email", "phone"}
    assert all(not one["text"] for one in shown), "nothing is shown unless it is asked for"
    shell("review", "show", "copy")
    assert OTHER not in shell.out
    revealed = shell.json("review", "show", "copy", "--reveal")
    assert {one["text"] for one in revealed} >= {OTHER}
    assert "undecided" in shell.error(2, "review", "done", "copy")["what"]
    assert "no such ground" in shell.error(2, "review", "decide", "copy", "--all", "--ground", "because")["what"]
    assert "no such passage" in shell.error(2, "review", "decide", "copy", "99", "--ground", "own_data")["what"]
    assert shell("review", "decide", "copy", "--all", "--ground", "rights_of_others") == 0
    texts = shell.json("review", "show", "copy", "--texts", "--reveal")
    rows = [one["row"] for one in texts if NAME in one["text"]]
    assert rows
    for row in rows:
        for text, code in (("somebody else", 2), (f"{NAME}\n", 0)):
            monkeypatch.setattr("sys.stdin", io.StringIO(text))
            marked = ("review", "mark", "copy", "crm/tickets", "--row", str(row), "--field", "body")
            assert shell(*marked, "--ground", "rights_of_others") == code
            assert "somebody else" not in shell.err
    assert shell("review", "done", "copy") == 0
    assert shell("run", "--until-idle") == 0
    assert shell.json("show", "copy")["phase"] == "closed"

    shell("package", "copy", "-O", str(tmp_path / "copy.zip"))
    with zipfile.ZipFile(tmp_path / "copy.zip") as copy:
        files = {name: copy.read(name) for name in copy.namelist()}
    everything = b"".join(files.values())
    assert find_canaries(everything, (OTHER, NAME, PHONE, "6 12 34 56 78")) == []
    assert b"[...]" in files["data/crm/tickets.json"]
    assert b"Called about the order" in files["data/crm/tickets.json"]
    assert b"Her own mail is" in files["data/crm/tickets.csv"]
    assert "about other people" in files["index.html"].decode()
    record = json.loads(_record(shell))
    (held,) = record["held_back"]
    assert (held["place"], held["ground"]) == ("crm/tickets", "rights_of_others")
    assert held["count"] >= 3
    raw = b"".join(one.read_bytes() for one in notes.glob("expunge.db*"))
    assert find_canaries(raw, (OTHER, NAME)) == []
    late = shell.error(2, "review", "decide", "copy", "--all", "--ground", "own_data")
    assert "does not wait for a review" in late["what"]


def _record(shell: Shell) -> str:
    shell("record", "copy", "-o", "json")
    return shell.out


def test_what_is_given_is_given_whole(notes: Path, tmp_path: Path, shell: Shell) -> None:
    assert shell("review", "decide", "copy", "--all", "--ground", "professional_role") == 0
    assert shell("review", "done", "copy") == 0
    assert shell("run", "--until-idle") == 0
    shell("package", "copy", "-O", str(tmp_path / "copy.zip"))
    with zipfile.ZipFile(io.BytesIO((tmp_path / "copy.zip").read_bytes())) as copy:
        assert OTHER.encode() in copy.read("data/crm/tickets.json")
    assert "held_back" not in json.loads(_record(shell))


def test_what_somebody_wrote_does_not_steer_the_terminal(notes: Path, shell: Shell) -> None:
    with closing(sqlite3.connect(notes / "company/crm.sqlite")) as store, store:
        (number,) = store.execute("SELECT min(customer_id) FROM tickets").fetchone()
        sly = f"\x1b]0;title\x07\x1b[2J\u202e {OTHER} \x1b[8m"
        store.execute("UPDATE tickets SET body = ? WHERE customer_id = ?", (sly, number))
    shell("submit", write(notes / "sly.json", request(number, "sly", "access")))
    assert shell("run", "--until-idle") in (0, 1)
    for more in ((), ("--texts",)):
        assert shell("review", "show", "sly", "--reveal", *more) == 0
        assert OTHER in shell.out
        assert not set("\x1b\x07\u202e") & set(shell.out)
        assert "[U+001B]" in shell.out


def test_nothing_is_erased_while_a_copy_of_the_same_person_waits_for_its_review(
    notes: Path, tmp_path: Path, shell: Shell
) -> None:
    number = customer_with_tickets(notes)

    def left() -> int:
        with closing(sqlite3.connect(notes / "company/crm.sqlite")) as store:
            (count,) = store.execute("SELECT count(*) FROM tickets WHERE customer_id = ?", (number,)).fetchone()
        return int(count)

    before = left()
    shell("submit", write(tmp_path / "erase.json", request(number, "erase")))
    assert shell("run", "--until-idle") in (0, 1)
    assert {one["request_id"]: one["phase"] for one in shell.json("list")} == {"copy": "reviewing", "erase": "deciding"}
    assert left() == before > 0
    assert shell("review", "decide", "copy", "--all", "--ground", "rights_of_others") == 0
    assert shell("review", "done", "copy") == 0
    assert shell("run", "--until-idle") == 0
    assert {one["phase"] for one in shell.json("list")} == {"closed"}
    assert left() == 0
    assert shell("package", "copy", "-O", str(tmp_path / "copy.zip")) == 0, "the copy outlives what was erased"
