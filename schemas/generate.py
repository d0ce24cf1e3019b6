"""Writes the JSON Schema 2020-12 files of everything that travels: ``python -m schemas.generate [--check]``.

The producers' view: ``additionalProperties`` is false everywhere, so a field that nobody defined cannot leave
(the "PII firewall", formats.md 3.5). A consumer validates with ``codec``, which ignores what it does not know.
The output depends on nothing but the definitions; a test compares it with the files.
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from schemas import asyncapi, envelope
from schemas.completion import CompletionRecord
from schemas.envelope import SCHEMA_BASE, CloudEvent
from schemas.heartbeats import Heartbeat
from schemas.incidents import Incident
from schemas.published import Completion, DeadLetter, Notice
from schemas.requests import Identifiers, RequestForm, RequestReceived
from schemas.statements import Answered, Received
from schemas.tasks import Confirmation, Findings, Secret, Task

FOLDER: Final = Path(__file__).parent / "v1"
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
SUFFIX: Final = ".schema.json"

MESSAGES: Final[dict[str, Any]] = {
    "request-form": RequestForm,
    "request-identifiers": Identifiers,
    "request-received": RequestReceived,
    "task": Task,
    "task-secret": Secret,
    "confirmation": Confirmation,
    "confirmation-findings": Findings,
    "completion-record": CompletionRecord,
    "dsr-received": Received,
    "dsr-answered": Answered,
    "completion": Completion,
    "notice": Notice,
    "dead-letter": DeadLetter,
    "heartbeat": Heartbeat,
    "incident": Incident,
    "cloud-event": CloudEvent,
}
"""File name without suffix -> type. ``task-secret`` and the like are what is inside the sealed parts."""

DATA_OF: Final = {
    envelope.REQUEST_RECEIVED: "request-received",
    envelope.TASK: "task",
    envelope.CONFIRMATION: "confirmation",
    envelope.HEARTBEAT: "heartbeat",
    envelope.COMPLETION: "completion",
    envelope.NOTICE: "notice",
    envelope.DEAD_LETTER: "dead-letter",
    envelope.INCIDENT: "incident",
}
"""CloudEvents type -> schema of its ``data``."""

_ATTRIBUTE = re.compile(r"^(\w+): (.*)$")


def schema_of(name: str) -> dict[str, Any]:
    """Give one schema as JSON values; ``name`` is a key of ``MESSAGES``."""
    schema = {"$schema": DIALECT, "$id": SCHEMA_BASE + name + SUFFIX, **described(name, MESSAGES[name])}
    if name == "cloud-event":
        schema["allOf"] = [_data_rule(event_type, data) for event_type, data in DATA_OF.items()]
    if "$defs" in schema:
        schema["$defs"] = schema.pop("$defs")
    return schema


def described(title: str, kind: Any) -> dict[str, Any]:
    """Give the schema of a type, closed to unknown fields, with what its docstrings say."""
    (root,), parts = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    for part in parts.values():
        _finish(part)
    if "$ref" in root:
        root = parts.pop(kind.__name__)
    schema = {"title": title, **root}
    schema["title"] = title
    if parts:
        schema["$defs"] = {name: parts[name] for name in sorted(parts)}
    return schema


def _finish(part: dict[str, Any]) -> None:
    """Close an object to unknown fields, and give each property its own line of the docstring."""
    text, attributes = _docstring(part["description"])
    part["description"] = text
    if "properties" in part:
        part["additionalProperties"] = False
    for name, line in attributes.items():
        part["properties"][name]["description"] = line


def _docstring(text: str) -> tuple[str, dict[str, str]]:
    """Split a Google-style docstring into its text and its attributes, each on one line."""
    head, _, rest = inspect.cleandoc(text).partition("\nAttributes:\n")
    attributes: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc(rest).splitlines():
        start = _ATTRIBUTE.match(line)
        if start:
            name = start[1]
            attributes[name] = start[2]
        else:
            attributes[name] += f" {line.strip()}"
    return " ".join(head.split()), attributes


def _data_rule(event_type: str, data: str) -> dict[str, Any]:
    return {
        "if": {"properties": {"type": {"const": event_type}}, "required": ["type"]},
        "then": {"properties": {"data": {"$ref": data + SUFFIX}}},
    }


def asyncapi_document() -> dict[str, Any]:
    """Give the AsyncAPI document, with every schema in it: it refers to no other file."""
    kinds = [MESSAGES[name] for name in ("cloud-event", *DATA_OF.values())]
    _, parts = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    for part in parts.values():
        _finish(part)
    return asyncapi.document(parts, {event_type: MESSAGES[name].__name__ for event_type, name in DATA_OF.items()})


def render() -> dict[str, str]:
    """Give file name -> text for every schema, and for the AsyncAPI document."""
    found = {name + SUFFIX: schema_of(name) for name in sorted(MESSAGES)} | {asyncapi.FILE: asyncapi_document()}
    return {name: text_of(one) for name, one in found.items()}


def text_of(schema: dict[str, Any]) -> str:
    """Give a schema as it is written to a file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def differences(folder: Path) -> list[str]:
    """Name the files of a folder that are missing, changed, or no longer generated."""
    wanted = render()
    found = {file.name: file.read_text(encoding="utf-8") for file in folder.glob("*.json")}
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


def main(arguments: Sequence[str] | None = None, folder: Path = FOLDER) -> int:
    """Write the files, or compare them (``--check``: 1 when they differ)."""
    parser = argparse.ArgumentParser(prog="python -m schemas.generate", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is out of date")
    check = parser.parse_args(arguments).check
    stale = differences(folder)
    if check:
        for name in stale:
            sys.stderr.write(f"out of date: {folder.name}/{name}; run python -m schemas.generate\n")
        return 1 if stale else 0
    folder.mkdir(parents=True, exist_ok=True)
    wanted = render()
    for name in stale:
        if name in wanted:
            (folder / name).write_text(wanted[name], encoding="utf-8")
        else:
            (folder / name).unlink()
        sys.stdout.write(f"{folder.name}/{name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
