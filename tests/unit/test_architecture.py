"""The documents that lead a newcomer say what is there, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.core.transitions import diagram
from orchestrator.store.database import HEAD

ROOT = Path(__file__).parent.parent.parent
MAP = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
DECISIONS = ROOT / "docs" / "adr"
HOUSES = ("schemas", "connectors", "orchestrator")


def _rooms() -> dict[str, set[str]]:
    """Folder -> names of the modules that the map lists under it."""
    rooms: dict[str, set[str]] = {}
    folder = ""
    for line in MAP.split("## Map")[1].splitlines():
        if head := re.match(r"\*\*`([a-z_/]+)/`\*\*", line):
            folder = head[1]
            rooms[folder] = set()
        elif row := re.match(r"\| `(\w+\.py)` \|", line):
            rooms[folder].add(row[1])
    return rooms


def _modules() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for house in HOUSES:
        for file in (ROOT / house).rglob("*.py"):
            folder = str(file.parent.relative_to(ROOT))
            if "migrations" not in folder:
                found.setdefault(folder, set()).update({file.name} - {"__init__.py"})
    return found


def test_the_map_has_a_line_for_every_module_and_none_for_what_is_gone() -> None:
    listed, there = _rooms(), _modules()
    missing = {f"{room}/{name}" for room, names in there.items() for name in names - listed.get(room, set())}
    gone = {f"{room}/{name}" for room, names in listed.items() for name in names - there.get(room, set())}
    assert (missing, gone) == (set(), set()), "correct the map in ARCHITECTURE.md"


def test_the_diagram_is_that_of_the_tables() -> None:
    assert f"```mermaid\n{diagram()}```" in MAP


def _named(text: str) -> set[str]:
    """Paths in backticks: ``folder/`` or ``folder/file.ext``."""
    return set(re.findall(r"`((?:[\w.-]+/)+(?:[\w.*-]+\.(?:py|md|json|toml))?)`", text))


@pytest.mark.parametrize("file", ["ARCHITECTURE.md", *(f"docs/adr/{one.name}" for one in sorted(DECISIONS.iterdir()))])
def test_every_path_that_is_named_is_there(file: str) -> None:
    named = _named((ROOT / file).read_text(encoding="utf-8"))
    assert named or file.endswith("README.md")
    for path in named:
        places = [ROOT / path, ROOT / "orchestrator" / path]
        assert any(place.exists() or list(place.parent.glob(place.name or "*")) for place in places), path


def test_every_link_leads_somewhere() -> None:
    for file in (ROOT / "ARCHITECTURE.md", *DECISIONS.iterdir()):
        for link in re.findall(r"\]\(([^)#:]+)\)", file.read_text(encoding="utf-8")):
            assert (file.parent / link).exists(), f"{file.name}: {link}"


def test_every_decision_is_in_the_index_and_has_its_four_parts() -> None:
    index = (DECISIONS / "README.md").read_text(encoding="utf-8")
    pages = [one for one in DECISIONS.iterdir() if one.name != "README.md"]
    assert len(pages) >= 17
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert f"]({page.name})" in index
        assert text.startswith(f"# {int(page.name[:4])}. ")
        parts = ("Why there was something to decide", "Decision", "What follows", "In the code")
        assert re.findall(r"^## (.*)$", text, re.MULTILINE) == list(parts)


def test_the_migrations_are_one_row_that_ends_where_the_program_says() -> None:
    folder = ROOT / "orchestrator" / "store" / "migrations" / "versions"
    said = re.compile(r'^(?:revision|down_revision) = "?(\w+)"?$', re.MULTILINE)
    steps = sorted(tuple(said.findall(one.read_text())) for one in folder.glob("v*.py"))
    assert [after for after, _ in steps] == [f"{number:04}" for number in range(1, len(steps) + 1)], "two of one number"
    assert [before for _, before in steps] == ["None", *(after for after, _ in steps[:-1])]
    assert steps[-1][0] == HEAD
