"""Nothing is logged past the list: no other logger, no print, no event name that is not declared."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from connectors.signals import Event

ROOT = Path(__file__).parent.parent.parent.parent
LOGS = {
    "orchestrator/telemetry/lean.py",
    "orchestrator/telemetry/libraries.py",
    "orchestrator/telemetry/logs.py",
    "connectors/redact.py",
    "connectors/kafka/client.py",  # only silences its library
    "orchestrator/runtime/distributed.py",  # takes Faust's own logging away
    "connectors/testing/fake_store.py",  # logs like a careless connector, on purpose
    "connectors/testing/stand.py",
}
"""The only modules that may touch logging."""


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for house in ("schemas", "connectors", "orchestrator"):
        for file in sorted((ROOT / house).rglob("*.py")):
            yield str(file.relative_to(ROOT)), ast.parse(file.read_bytes())


def _imports(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {one.name.partition(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


def test_no_other_module_logs_or_prints() -> None:
    guilty = [name for name, tree in _modules() if name not in LOGS and _imports(tree) & {"logging", "structlog"}]
    guilty += [
        f"{name}:{node.lineno}"
        for name, tree in _modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert guilty == []


def test_every_event_that_is_logged_stands_in_the_list_word_for_word() -> None:
    known = set(get_args(Event))
    wrong = [
        f"{name}:{node.lineno}"
        for name, tree in _modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "log"
        and not all(one in known for one in _texts(node.args[0]))
    ]
    assert wrong == []


def _texts(node: ast.expr) -> list[object]:
    """A constant, or a choice between constants."""
    if isinstance(node, ast.IfExp):
        return [*_texts(node.body), *_texts(node.orelse)]
    return [node.value if isinstance(node, ast.Constant) else None]
