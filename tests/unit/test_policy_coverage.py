"""docs/policy-coverage.md: every row is there once, and what it names exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from typer.main import get_command

from orchestrator.cli.app import app

ROOT = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "policy-coverage.md").read_text(encoding="utf-8").splitlines()
    if re.match(r"\| S\d\d ", line)
]
LATER = {"issue 6", "issue 7", "not yet"}


def test_every_row_is_there_once() -> None:
    assert [row[0] for row in ROWS] == [f"S{number:02}" for number in range(1, 57)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row[0]))
def test_what_a_row_names_exists(row: list[str]) -> None:
    name, does, shown, command = row
    if shown in LATER:
        assert shown in does, "it says what is missing"
        return
    file, _, function = shown.strip("`").partition("::")
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert function in {one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)}
    words = command.strip("`").split()[1:]
    if words and not words[0].startswith("-"):
        known = get_command(app).commands  # type: ignore[attr-defined]  # a group
        assert words[0] in known
        inner = getattr(known[words[0]], "commands", None)
        assert inner is None or words[1] in inner
    if name not in {"S15", "S16"} and "linter" not in does:
        assert name.lower() in function or name == "S05", "the test names its row"
