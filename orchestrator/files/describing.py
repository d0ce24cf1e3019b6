"""Describes a copy for programs: ``datapackage.json`` (Data Package, version 2), with length and hash of every file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from orchestrator.core.copying import About
from orchestrator.files.pages import Resource
from orchestrator.files.wording import load

_PROFILE: Final = "https://datapackage.org/profiles/2.0/datapackage.json"
_NAME: Final = re.compile(r"[^a-z0-9._-]+")
_TYPES: Final = {"csv": "text/csv", "json": "application/json"}


def descriptor(about: About, resources: Sequence[Resource], others: Mapping[str, tuple[int, str]]) -> bytes:
    """Give the descriptor. Fields are of any type: what a system holds in a column is not ours to say.

    Args:
        about: What a person is told.
        resources: The record sets.
        others: Length and SHA-256 (hex) of every file that is no data: they stand under ``files``, which is ours.
    """
    title = load(about.locale).say("title_portability" if about.right == "portability" else "title")
    value: dict[str, Any] = {
        "$schema": _PROFILE,
        "name": "copy-of-personal-data",
        "title": title,
        "description": "Art. 20 GDPR" if about.right == "portability" else "Art. 15(3) GDPR",
    }
    if about.request_id:
        value["id"] = about.request_id
    value["resources"] = [_resource(one, kind) for one in resources for kind in ("csv", "json")]
    if not value["resources"]:
        # A package has at least one resource: the page that says that nothing is held.
        value["resources"] = [{"name": "index", "path": "index.html", "mediatype": "text/html", "type": "text"}]
    value["files"] = [
        {"path": path, "bytes": length, "hash": f"sha256:{sha256}"} for path, (length, sha256) in sorted(others.items())
    ]
    return json.dumps(value, indent=1, ensure_ascii=False).encode() + b"\n"


def _resource(one: Resource, kind: str) -> dict[str, Any]:
    length, sha256 = one.files[kind]
    path = f"{one.stem}.{kind}"
    value: dict[str, Any] = {
        "name": _NAME.sub("-", path.removeprefix("data/").lower().replace("/", "--").replace(".", "-")),
        "title": one.title,
        "path": path,
        "format": kind,
        "mediatype": _TYPES[kind],
        "encoding": "utf-8",
        "bytes": length,
        "hash": f"sha256:{sha256}",
    }
    if kind == "json":
        return value | {"type": "json"}
    fields = [{"name": name, "type": "any", "title": one.titles.get(name, name)} for name in one.columns]
    return value | {"type": "table", "schema": {"fields": fields}}
