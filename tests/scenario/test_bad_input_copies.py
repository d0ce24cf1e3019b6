"""Bad input to a copy: what systems may hold. The copy is complete and safe, or a person is told why there is none."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import zipfile
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli import main
from orchestrator.core.model import Phase
from orchestrator.runtime.embedded import Embedded
from schemas.requests import Right
from tests.support.home import form, make_home, state_of

MAIL = "quillan@sim.example"
SYSTEMS = """
[systems.crm]
connector = "sql"
map = "crm.toml"
domain = "customers"
url = "sqlite:///crm.sqlite"

[systems.events]
connector = "events"
map = "events.toml"
domain = "customers"
root = "events"

[systems.logs]
connector = "logs"
map = "logs.toml"
domain = "customers"
root = "logs"
"""
MAPS = {
    "crm": '[[record_set]]\nname = "notes"\ntable = "notes"\nmatch = { email = [{ field = "mail" }] }\n',
    "events": '[[record_set]]\nname = "clicks"\nfiles = "*.jsonl"\nmatch = { email = [{ field = "mail" }] }\n',
    "logs": '[[record_set]]\nname = "access"\nfiles = "*.log"\nformat = "text"\n'
    'match = { email = [{ field = "*" }] }\n',
}


def home_of(folder: Path, *, rows: list[Any], columns: str = "text", events: bytes = b"", log: bytes = b"") -> Path:
    """A company with one table (id, mail, columns), one file of events and one log."""
    home = make_home(folder / "home", SYSTEMS, ["crm", "events", "logs"])
    for name, text in MAPS.items():
        (home / f"{name}.toml").write_text(text)
    with sqlite3.connect(home / "crm.sqlite") as db:
        db.execute(f"CREATE TABLE notes (id INTEGER PRIMARY KEY, mail TEXT, {columns})")
        for row in rows:
            marks = ", ".join(one if isinstance(one, str) and one.startswith("CAST(") else "?" for one in row)
            values = [one for one in row if not (isinstance(one, str) and one.startswith("CAST("))]
            db.execute(f"INSERT INTO notes VALUES (NULL, ?, {marks})", (MAIL, *values))
    db.close()
    for folder_name, file, raw in (("events", "clicks.jsonl", events), ("logs", "access.log", log)):
        (home / folder_name).mkdir()
        (home / folder_name / file).write_bytes(raw)
        (home / folder_name / file).chmod(0o600)
    (home / "crm.sqlite").chmod(0o600)
    return home


def answered(home: Path) -> Any:
    with Embedded.open(home) as runtime:
        runtime.intake.submit([form(Right.ACCESS, "r", email=MAIL)])
        runtime.run(until_idle=True)
    return state_of(home, "r")


def copied(home: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, bytes]:
    """Give the entries of the copy."""
    state = answered(home)
    assert state.phase is Phase.CLOSED, state.attention
    file = home / "copy.zip"
    assert main(["package", "r", "-O", str(file), "--home", str(home)]) == 0
    assert "Traceback" not in capsys.readouterr().err
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def table(raw: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(raw.decode(), newline="")))


def event(value: str) -> bytes:
    return b'{"mail": "%s", "value": %s}\n' % (MAIL.encode(), value.encode())


FORMULAS = [
    f"{before}{start}cmd|' /C calc'!A0"
    for start in ("=", "+", "-", "@", "\t=", "\r=", "\n=", "\uff1d", "\uff0b", "\uff0d", "\uff20")
    for before in ("", '"', "'", "\n", "x\n", 'x",', "x\t", " ")
]


def test_a_spreadsheet_gets_no_formula_in_any_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entries = copied(home_of(tmp_path, rows=[[one] for one in FORMULAS]), capsys)
    given = [row["text"] for row in json.loads(entries["data/crm/notes.json"])]
    assert given == FORMULAS, "programs get it as it is"
    cells = [row[2] for row in table(entries["data/crm/notes.csv"])[1:]]
    assert len(cells) == len(FORMULAS)
    for cell, text in zip(cells, FORMULAS, strict=True):
        assert cell in {text, "'" + text}, "nothing is lost"
        assert cell.lstrip(" ")[0] not in "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20", cell


def test_what_is_no_utf8_is_in_the_copy_and_shows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = b"GET /caf\xe9 " + MAIL.encode() + b" \xff\xfe end\n"
    entries = copied(home_of(tmp_path, rows=[["CAST(x'636166e9' AS TEXT)"], [b"\xff\x00bytes"]], log=log), capsys)
    notes = [row["text"] for row in json.loads(entries["data/crm/notes.json"])]
    assert notes[0].startswith("caf")
    assert len(notes) == 2
    (line,) = json.loads(entries["data/logs/access.json"])
    assert MAIL in line["line"]
    assert "end" in line["line"]
    for name, raw in entries.items():
        raw.decode()
        assert b"\0" not in raw, name


@pytest.mark.parametrize(
    ("value", "given"),
    [
        ('"a\\u0000b"', "a\0b"), ('"exe.\\u202egnp"', "exe.\u202egnp"), ("null", None), ("-1.5e300", -1.5e300),
        ("123456789012345678901234567890", None), ("1e999", None), ('"2026-02-30"', "2026-02-30"),
        ('"\\ud800"', None), ('[1, [2, {"a": null}]]', None), ('{"deep": {"er": [true, "x"]}}', None),
        ('"' + "9" * 10_000 + '"', "9" * 10_000), ("true", True), ('""', ""),
    ],
)  # fmt: skip
def test_a_strange_value_of_an_event_is_copied(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], value: str, given: Any
) -> None:
    home = home_of(tmp_path, rows=[["x"]], events=event(value))
    entries = copied(home, capsys)
    (row,) = json.loads(entries["data/events/clicks.json"])
    if given is not None or value == "null":
        assert row["value"] == given
    assert len(row) > 1
    page = entries["data/events/clicks.html"].decode()
    assert "\u202e" not in page
    assert "\0" not in page


def test_a_row_with_2000_columns_is_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wide = 1_998
    columns = ", ".join(f"c{n} TEXT" for n in range(wide))
    entries = copied(home_of(tmp_path, rows=[[f"v{n}" for n in range(wide)]], columns=columns), capsys)
    (row,) = json.loads(entries["data/crm/notes.json"])
    assert len(row) == wide + 2
    assert row["c1997"] == "v1997"
    assert table(entries["data/crm/notes.csv"])[1][-1] == "v1997"
    assert b"v1997" in entries["data/crm/notes.html"]
