"""A misspelt field would find nobody for ever; ``check`` says so before the first request."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors import events
from connectors.settings import SystemSettings

MAP = """
[[record_set]]
name = "visits"
files = "*.jsonl*"
match = { email = [{ field = "who.email" }], customer_id = [{ field = "id" }] }
"""


@pytest.mark.parametrize("packed", [False, True])
def test_check_warns_of_a_field_that_no_record_has(tmp_path: Path, packed: bool) -> None:
    (tmp_path / "map.toml").write_text(MAP)
    root = tmp_path / "events"
    root.mkdir()
    lines = "".join(json.dumps({"who": {"mail": f"p{n}@example.com"}, "id": n}) + "\n" for n in range(30)).encode()
    (root / "a.jsonl").write_bytes(lines)
    if packed:
        (root / "a.jsonl").unlink()
        (root / "a.jsonl.gz").write_bytes(gzip.compress(lines))
    settings = SystemSettings("events", tmp_path / "map.toml", tmp_path, {"root": "events"})
    (warning,) = events.connector(settings)().check()
    assert "'who.email'" in warning
    assert "30 records" in warning
    assert "example.com" not in warning
    (root / "b.jsonl").write_text('{"who": {"email": "one@example.com"}, "id": 1}\n')
    assert events.connector(settings)().check() == []


def _warned(folder: Path, field: str) -> list[str]:
    text = MAP.replace("*.jsonl*", "*").replace('files = "*"', f'files = "*"\nfree_text = ["{field}"]')
    (folder / "map.toml").write_text(text)
    settings = SystemSettings("events", folder / "map.toml", folder, {"root": "events"})
    return list(events.connector(settings)().check())


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
@pytest.mark.parametrize(
    ("field", "fits"),
    [
        ("note", True),
        ("who.said", True),
        ("chat.body", True),
        ("who", True),
        ("*", True),
        ("note.x", False),
        ("notes", False),
        ("who.sayed", False),
        ("who.said.x", False),
    ],
)
def test_check_warns_of_free_text_that_is_nowhere(tmp_path: Path, kind: str, field: str, fits: bool) -> None:
    root = tmp_path / "events"
    root.mkdir()
    row = {"who": {"email": "p@example.com", "said": "x"}, "id": 1, "note": "x", "chat": [{"body": "x"}]}
    if kind == "jsonl":
        (root / "a.jsonl").write_text(json.dumps(row) + "\n")
    else:
        pq.write_table(pa.Table.from_pylist([row]), root / "a.parquet")
    warnings = _warned(tmp_path, field)
    if fits:
        assert warnings == []
        return
    (warning,) = warnings
    assert "free_text" in warning
    assert repr(field) in warning
    assert "example.com" not in warning


def test_nothing_is_said_of_free_text_before_there_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    assert not any("free_text" in one for one in _warned(tmp_path, "note"))
