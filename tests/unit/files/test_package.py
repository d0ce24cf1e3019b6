"""The access package: what a person gets, and what a damaged or hostile one can do (nothing)."""

from __future__ import annotations

import csv
import io
import json
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import DependencyError
from orchestrator.files import package, sealed
from orchestrator.files.package import deliver, discard_unfinished, write
from orchestrator.runtime.clock import chance
from tests.support.rig import Counter

KEY = b"k" * 32
_BESIDE = {"README.txt", "about.json", "datapackage.json", "index.html"}
Rows = dict[str, list[tuple[str, dict[str, Any]]]]
PERSON: Rows = {
    "crm": [
        ("contacts", {"id": 1, "name": "Quillan Kanary-Öst", "note": None, "vip": True}),
        ("notes", {"text": "called\nher"}),
        ("contacts", {"id": 2, "email": "q@example.org", "balance": -12.5}),
    ],
    "logs": [("access", {"line": "GET /"})],
}


def _write(folder: Path, rows: Rows, random: object = chance) -> Path:
    assert callable(random)
    name, _ = write(folder, KEY, ((system, iter(some)) for system, some in rows.items()), random)
    return folder / name


def _plain(file: Path) -> bytes:
    out = io.BytesIO()
    assert deliver(file, KEY, out) == len(out.getvalue())
    return out.getvalue()


def _entries(folder: Path, rows: Rows) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(_plain(_write(folder, rows)))) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert len(names) == len(set(names))
        return {name: archive.read(name) for name in names}


def _csv(raw: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(raw.decode(), newline="")))


def test_every_record_set_is_there_as_json_and_csv_and_a_readme_says_what_it_is(tmp_path: Path) -> None:
    entries = _entries(tmp_path, PERSON)
    assert next(iter(entries)) == "README.txt"
    assert b"Art. 15(3) GDPR" in entries["README.txt"]
    assert sorted(entries) == [
        "README.txt",
        "about.json",
        *(
            f"data/{one}.{kind}"
            for one in ("crm/contacts", "crm/notes", "logs/access")
            for kind in ("csv", "html", "json")
        ),
        "datapackage.json",
        "index.html",
    ]
    assert json.loads(entries["data/crm/contacts.json"]) == [PERSON["crm"][0][1], PERSON["crm"][2][1]]
    assert _csv(entries["data/crm/contacts.csv"]) == [
        ["id", "name", "note", "vip", "email", "balance"],
        ["1", "Quillan Kanary-Öst", "", "true", "", ""],
        ["2", "", "", "", "q@example.org", "-12.5"],
    ]
    assert _csv(entries["data/crm/notes.csv"])[1] == ["called\nher"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_a_spreadsheet_runs_nothing_of_it(tmp_path: Path, start: str) -> None:
    attack = f"{start}cmd|' /C calc'!A0"
    entries = _entries(tmp_path, {"crm": [("notes", {attack: attack, "amount": -5})]})
    head, row = _csv(entries["data/crm/notes.csv"])
    assert head == ["'" + attack, "amount"]
    assert row == ["'" + attack, "-5"]
    assert json.loads(entries["data/crm/notes.json"]) == [{attack: attack, "amount": -5}], "programs get it as it is"


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "/etc/passwd", "..\\..\\x", "C:\\x", "", ".", "..", "con", "NUL.txt", "a" * 300, "x\0y", "é"],
)
def test_no_name_leaves_its_folder_or_surprises_a_file_system(tmp_path: Path, name: str) -> None:
    entries = _entries(tmp_path / "e", {"crm": [(name, {"a": 1})], name: [("set", {"a": 1})]})
    for entry in entries:
        if entry in _BESIDE:
            continue
        top, system, file = entry.split("/")
        assert top == "data"
        for part in (system, file):
            assert part.isascii()
            assert part.strip(".")
            assert len(part) <= 100
            assert not part.lower().startswith(("con.", "nul."))
            assert not set(part) & set('\\/:*?"<>|\0')


def test_names_that_would_be_the_same_do_not_overwrite_each_other(tmp_path: Path) -> None:
    names = ["a/b", "a_b", "a b", "A_B", "a_b_2"]
    rows: Rows = {system: [(name, {"from": f"{system}:{name}"}) for name in names] for system in ("s/1", "s_1")}
    entries = _entries(tmp_path, rows)
    found = {
        row["from"]
        for name, raw in entries.items()
        if name.startswith("data/") and name.endswith(".json")
        for row in json.loads(raw)
    }
    assert found == {f"{system}:{name}" for system in ("s/1", "s_1") for name in names}
    assert len({name.lower() for name in entries}) == len(entries)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_json_does_not_have_are_given_as_words(tmp_path: Path, value: float) -> None:
    entries = _entries(tmp_path, {"crm": [("notes", {"n": value})]})
    assert json.loads(entries["data/crm/notes.json"]) == [{"n": str(value)}]


def test_huge_rows_and_many_rows_come_out_as_they_went_in(tmp_path: Path) -> None:
    huge = "x" * (3 << 20) + "é"
    rows = [("notes", {"text": huge}), *(("notes", {"text": str(number)}) for number in range(30_000))]
    entries = _entries(tmp_path, {"crm": rows})
    assert [row["text"] for row in json.loads(entries["data/crm/notes.json"])] == [row["text"] for _, row in rows]
    csv.field_size_limit(1 << 23)
    assert len(_csv(entries["data/crm/notes.csv"])) == len(rows) + 1


def test_nothing_at_all_is_a_package_with_a_readme(tmp_path: Path) -> None:
    assert set(_entries(tmp_path, {})) == _BESIDE


def test_i05_the_same_data_gives_the_same_zip_and_other_bytes_on_disk(tmp_path: Path) -> None:
    first, second = _write(tmp_path, PERSON), _write(tmp_path, PERSON)
    assert _plain(first) == _plain(second)
    assert first.read_bytes() != second.read_bytes()
    assert (
        _write(tmp_path / "a", PERSON, Counter()).read_bytes() == _write(tmp_path / "b", PERSON, Counter()).read_bytes()
    )


def test_i04_nothing_of_the_person_touches_the_disk_in_clear(tmp_path: Path) -> None:
    seen: list[bytes] = []

    def rows() -> Iterator[tuple[str, dict[str, Any]]]:
        for number in range(20_000):
            yield "notes", {"text": f"Quillan Kanary-{number}" + "y" * 200}
        seen.extend(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())

    name, digest = write(tmp_path, KEY, [("crm", rows())], chance)
    seen.append((tmp_path / name).read_bytes())
    assert sum(map(len, seen)) > 1 << 20
    assert not any(b"Kanary" in one or b"notes" in one for one in seen)
    assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert len(digest) == 64
    assert [one.name for one in tmp_path.iterdir()] == [name], "no scratch is left"


@pytest.mark.parametrize("damage", ["cut", "cut at a frame", "flip", "swap", "append", "length", "head", "empty"])
def test_a_damaged_package_is_refused(tmp_path: Path, damage: str) -> None:
    rows: Rows = {"crm": [("notes", {"text": chance(30_000).hex()}) for _ in range(90)]}
    file = _write(tmp_path, rows)
    raw = file.read_bytes()
    start = 25
    length = 5 + int.from_bytes(raw[start + 1 : start + 5], "big")
    assert len(raw) > start + 2 * length
    one, two = raw[start : start + length], raw[start + length : start + 2 * length]
    file.write_bytes(
        {
            "cut": raw[:-1],
            "cut at a frame": raw[: start + length],
            "flip": raw[:100] + bytes([raw[100] ^ 1]) + raw[101:],
            "swap": raw[:start] + two + one + raw[start + 2 * length :],
            "append": raw + b"x",
            "length": raw[: start + 1] + b"\xff\xff\xff\xff" + raw[start + 5 :],
            "head": b"PK" + raw[2:],
            "empty": b"",
        }[damage]
    )
    with pytest.raises(DependencyError) as caught:
        deliver(file, KEY, io.BytesIO())
    assert caught.value.fix


def test_another_key_or_no_file_is_told(tmp_path: Path) -> None:
    file = _write(tmp_path, PERSON)
    with pytest.raises(DependencyError, match="altered"):
        deliver(file, b"x" * 32, io.BytesIO())
    with pytest.raises(DependencyError, match="not there any more"):
        deliver(tmp_path / "none", KEY, io.BytesIO())


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sealed.Encrypting, "_emit", full)
    with pytest.raises(DependencyError, match="cannot be written") as caught:
        _write(tmp_path, PERSON)
    assert caught.value.why == "No space left on device"
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_fails_leaves_nothing_behind_and_no_open_file(tmp_path: Path) -> None:
    def rows() -> Iterator[tuple[str, dict[str, Any]]]:
        yield "notes", {"a": 1}
        raise LookupError

    with pytest.raises(LookupError):
        write(tmp_path, KEY, [("crm", rows())], chance)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_discarded(tmp_path: Path) -> None:
    file = _write(tmp_path, PERSON)
    (tmp_path / ".assembling-abc").mkdir()
    (tmp_path / ".assembling-abc" / "part").write_bytes(b"x")
    assert discard_unfinished(tmp_path) == 1
    assert list(tmp_path.iterdir()) == [file]
    assert discard_unfinished(tmp_path / "none") == 0
    assert file.name.endswith(package.SUFFIX)


def test_i05_every_entry_has_the_same_time_and_can_be_read_by_its_owner_alone(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(_plain(_write(tmp_path, PERSON)))) as archive:
        entries = archive.infolist()
    assert {one.date_time for one in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {one.external_attr >> 16 for one in entries} == {0o600}
