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
        assert command == shown
        return
    tests = re.findall(r"`([^`]+)`", shown)
    assert ", ".join(f"`{one}`" for one in tests) == shown, "tests between commas, and nothing else"
    for one in tests:
        file, _, function = one.partition("::")
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        assert function in {one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)}
    assert any(f"_{name.lower()}_" in one for one in tests), "a test names its row"


@pytest.mark.parametrize("command", sorted({row[3] for row in ROWS} - LATER))
def test_a_command_is_one_that_the_command_line_has(command: str) -> None:
    program, *words = command.strip("`").split()
    assert program == "expunge"
    here = get_command(app)
    while words and words[0] in getattr(here, "commands", {}):
        here = here.commands[words.pop(0)]  # type: ignore[attr-defined]  # a group
    assert not (words and hasattr(here, "commands") and not words[0].startswith("-")), "no such command"
    known = {option for one in here.params for option in one.opts} | {"--help"}
    assert {word for word in words if word.startswith("-")} <= known
