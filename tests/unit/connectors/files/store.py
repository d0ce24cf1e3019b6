"""A small store of files for tests: a folder, a data map, and the connector's five methods in short form."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from connectors import events, logs
from connectors.contract import Connector, ErasureOrder, Holding, Look, Presence, SetReport, Subject, TaskId
from connectors.settings import SystemSettings
from schemas.tasks import Instruction

Row = dict[str, Any]
TEXT = """
[[record_set]]
name = "lines"
files = "*.log*"
live = "live.log"
match.email = [{ field = "*" }]
match.ip = [{ field = "*" }]
match.phone = [{ field = "*" }]
match.customer_id = [{ field = "*" }]
match.username = [{ field = "*" }]
match.name = [{ field = "*" }]
"""
MASKED = """
[[record_set]]
name = "lines"
files = "*.log*"
live = "live.log"
match.email = [{ field = "*" }]
match.ip = [{ field = "*" }]
retain = { why = "exception_17_3_b", text = "test.text", months = 12, anchor = "*", mask = { "*" = "{random}" } }
"""
EVENTS = """
[[record_set]]
name = "lines"
files = "*"
match.email = [{ field = "user.email" }]
match.phone = [{ field = "phone" }]
match.ip = [{ field = "ip" }]
match.customer_id = [{ field = "id" }]
yields.customer_id = [{ field = "id" }]
yields.name = [{ field = "user.name", strength = "weak" }]
"""


class Rows:
    """Collects an export."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, Row]] = []

    def write(self, record_set: str, row: Mapping[str, str | int | float | bool | None]) -> None:
        self.rows.append((record_set, dict(row)))


class Store:
    """One folder with one data map."""

    def __init__(self, folder: Path, text: str, *, kind: str = "logs") -> None:
        self.folder = folder
        self.root = folder / "data"
        self.root.mkdir(exist_ok=True)
        (folder / "map.toml").write_text(text)
        self.settings = SystemSettings("files", folder / "map.toml", folder, {"root": "data"})
        self.open: Callable[[], Connector] = (logs if kind == "logs" else events).connector(self.settings)

    def put(self, name: str, content: bytes) -> Path:
        file = self.root / name
        file.write_bytes(gzip.compress(content, mtime=0) if name.endswith(".gz") else content)
        return file

    def jsonl(self, name: str, *rows: Row) -> Path:
        return self.put(name, b"".join(json.dumps(row).encode() + b"\n" for row in rows))

    def get(self, name: str) -> bytes:
        raw = (self.root / name).read_bytes()
        return gzip.decompress(raw) if name.endswith(".gz") else raw

    def holding(self, one: Subject) -> Holding:
        return self.open().locate([one])[one.task_id]["lines"]

    def count(self, **identifiers: str) -> int:
        return len(self.holding(subject(**identifiers)).keys)

    def erase(self, one: Subject, instruction: Instruction | None = None) -> SetReport:
        order = ErasureOrder(one, {"lines": instruction or Instruction()})
        return self.open().erase([order])[one.task_id]["lines"]

    def look(self, one: Subject, keys: Sequence[str]) -> dict[str, Presence]:
        return dict(self.open().present([Look(one, {"lines": tuple(keys)})])[one.task_id]["lines"])

    def export(self, one: Subject) -> list[Row]:
        into = Rows()
        self.open().export(one, into)
        return [row for _, row in into.rows]

    def names(self) -> set[str]:
        return {file.name for file in self.root.iterdir()} - {".expunge"}


def subject(task: str = "task-1", keys: Sequence[str] = (), **identifiers: str | frozenset[str]) -> Subject:
    values = {kind: frozenset({one}) if isinstance(one, str) else one for kind, one in identifiers.items()}
    return Subject(TaskId(task), values, {"lines": tuple(keys)} if keys else {})
