"""A misspelt field would find nobody for ever; ``check`` says so before the first request."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

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
