"""The demo, as `make demo` runs it, and what it leaves behind."""

from __future__ import annotations

import datetime as dt
import json
import os
import pty
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.cli import main
from orchestrator.cli.demo import company, witness
from orchestrator.cli.demo.story import furnish as furnish_well

TODAY = dt.date(2026, 11, 23)
LINES = {
    "crm/contacts": "anonymous",
    "crm/invoice-lines": "kept",
    "crm/invoices": "masked",
    "crm/reviews": "anonymous",
    "crm/tickets": "gone",
    "events/clicks": "gone",
    "events/purchases": "gone",
    "hr/applications": "gone",
    "hr/documents": "gone",
    "hr/employees": "nothing held",
    "hr/interviews": "gone",
    "logs/access": "gone",
}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_demo_ends_well_whatever_the_company(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--seed", str(seed), "-o", "json"]) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert err == ""
    assert told["waited"]
    assert (told["access"]["result"], told["erasure"]["result"]) == ("fulfilled", "partly_fulfilled")
    assert {one["record_set"]: one["looked"] for one in told["lines"]} == LINES
    for one in told["lines"]:
        assert one["found"] == one["copied"] == one["erased"] + one["kept"]
    assert told["records"] == 2
    assert told["others_changed"] == told["traces_after"] == 0
    assert told["traces_before"] > 20
    assert told["others"] > 5000


def test_the_text_says_what_happened_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    marks = [
        "Send me a copy",
        "1  Copy",
        "NOT DONE YET",
        "3  Erase   done",
        "record set",
        "ok     2 of 2",
        "Nothing is left",
    ]
    places = [out.index(one) for one in marks]
    assert places == sorted(places)
    assert "\x1b" not in out


def test_a_demo_that_goes_wrong_says_so(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def furnish(home: Path, seed: int, today: dt.date) -> company.Company:
        made = furnish_well(home, seed, today)
        with (home / "expunge.toml").open("a", encoding="utf-8") as file:
            file.write("\n[limits]\nretry_first_seconds = 0\n")
        with closing(sqlite3.connect(home / "company" / "crm.sqlite")) as database, database:
            database.execute("CREATE TRIGGER keep BEFORE DELETE ON tickets BEGIN SELECT RAISE(IGNORE); END")
        return made

    monkeypatch.setattr("orchestrator.cli.demo.story.furnish", furnish)
    assert main(["demo"]) == 1
    out = capsys.readouterr().out
    assert "3  Erase   ATTENTION" in out
    assert "still there at the second look" in out
    assert "NOT OK 1 of 2 signed records" in out


def test_a_kept_home_can_be_gone_on_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "kept"
    assert main(["demo", "--keep", str(home)]) == 0
    assert f"export EXPUNGE_HOME={home}" in capsys.readouterr().out
    assert main(["check", "--home", str(home)]) == 0
    capsys.readouterr()
    assert main(["list", "--home", str(home), "-o", "json"]) == 0
    assert {one["phase"] for one in json.loads(capsys.readouterr().out)} == {"closed"}
    assert main(["show", "demo-erasure", "--home", str(home)]) == 0


def test_a_folder_in_use_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").write_text("x", encoding="utf-8")
    assert main(["demo", "--keep", str(tmp_path)]) == 2
    assert "the folder is not empty" in capsys.readouterr().err
    assert [one.name for one in tmp_path.iterdir()] == ["mine"]


def test_the_same_seed_and_day_make_the_same_company(tmp_path: Path) -> None:
    def made(name: str, seed: int) -> dict[str, bytes]:
        folder = tmp_path / name
        company.build(folder, seed, TODAY)
        return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}

    first = made("a", 7)
    assert first == made("b", 7)
    assert first != made("c", 8)


def test_without_parquet_the_demo_says_so_and_goes_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main(["demo"]) == 0
    assert "install expunge[parquet]" in capsys.readouterr().out


def test_the_witness_notices_a_changed_bystander_and_a_trace(tmp_path: Path) -> None:
    one = company.build(tmp_path / "company", 1, TODAY)
    before = witness.others(one)
    assert witness.missing(before, witness.others(one)) == 0
    log = one.folder / "logs" / "access.log.1"
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
    other = next(place for place, line in enumerate(lines) if not line.startswith(one.subject.ip + " "))
    log.write_text("".join(lines[:other] + lines[other + 1 :]), encoding="utf-8")
    assert witness.missing(before, witness.others(one)) == 1
    places = witness.traces(one)
    (one.folder / "left.txt").write_text(one.subject.email, encoding="utf-8")
    assert witness.traces(one) == places + 1


def _on_a_terminal(arguments: list[str], columns: int, **environment: str) -> tuple[int, str]:
    leader, follower = pty.openpty()
    size = {"COLUMNS": str(columns), "LINES": "40", "TERM": "xterm-256color"}
    ours = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    with subprocess.Popen(
        [sys.executable, "-m", "orchestrator", *arguments],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env={**ours, **size, **environment},
    ) as process:
        os.close(follower)
        chunks = []
        while True:
            try:
                chunk = os.read(leader, 65536)
            except OSError:
                break  # the other side is closed
            if not chunk:
                break
            chunks.append(chunk)
        os.close(leader)
        return process.wait(60), b"".join(chunks).decode()


def test_a_terminal_gets_colour_and_progress() -> None:
    code, out = _on_a_terminal(["demo"], 80)
    assert code == 0
    assert "\x1b[1;32m" in out
    assert "need attention" in out


def test_no_color_is_respected_on_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "expunge.toml").write_text("version = 2\n", encoding="utf-8")
    code, coloured = _on_a_terminal(["list", "--home", str(tmp_path)], 80)
    assert (code, "\x1b[1;31m" in coloured) == (2, True)
    code, plain = _on_a_terminal(["list", "--home", str(tmp_path)], 80, NO_COLOR="1")
    assert code == 2
    assert "error: " in plain
    assert "31m" not in plain
