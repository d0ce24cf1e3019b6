"""The contract of ``expunge.completions``: every later schema is a compatible addition, in both directions (ADR 50)."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from orchestrator.keys.signing import RecordVerifier
from orchestrator.ledger import record
from schemas import codec, envelope, generate
from schemas.published import Completion
from schemas.sealing import unb64u
from tests.golden import freeze
from tests.support.compatible import GROWING, added_words, breaks

FROZEN = sorted(one for one in freeze.CONTRACT.iterdir() if one.is_dir())
PAGE = (Path(__file__).parents[2] / "docs" / "completions.md").read_text("utf-8")
KEY = RecordVerifier(freeze.SIGNER.public)
NOW = {name: json.loads(generate.text_of(generate.schema_of(name))) for name in freeze.SCHEMAS}
RECORD = NOW["completion-record"]


def schema(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / f"{name}{generate.SUFFIX}").read_text("utf-8"))
    return found


def tolerant(node: Any) -> Any:
    """A schema as a consumer uses it: it ignores fields that it does not know."""
    if isinstance(node, dict):
        return {
            name: tolerant(one) for name, one in node.items() if not (name == "additionalProperties" and one is False)
        }
    return [tolerant(one) for one in node] if isinstance(node, list) else node


def payload(jws: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(unb64u(jws.split(".")[1]))
    return found


def test_something_is_frozen() -> None:
    assert FROZEN
    assert all(len((one / "events.jsonl").read_bytes().splitlines()) > 30 for one in FROZEN)


# -- the schema -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("folder", FROZEN, ids=lambda one: one.name)
@pytest.mark.parametrize("name", ["completion", "completion-record"])
def test_the_schema_of_today_is_a_compatible_addition(folder: Path, name: str) -> None:
    assert breaks(schema(folder, name), NOW[name]) == []


@pytest.mark.parametrize("folder", FROZEN, ids=lambda one: one.name)
def test_attributes_of_an_event_are_what_they_were(folder: Path) -> None:
    # Other events may come to the same envelope; its own attributes are a contract like any other.
    old, new = (
        {key: value for key, value in one.items() if key != "allOf"}
        for one in (schema(folder, "cloud-event"), NOW["cloud-event"])
    )
    assert breaks(old, new) == []


def test_a_word_is_announced_before_it_is_written() -> None:
    announced = PAGE.partition("## Announced")[2]
    assert announced
    for word in added_words(schema(FROZEN[-1], "completion-record"), RECORD):
        assert f"`{word}`" in announced, f"{word} is new since the last release: announce it in docs/completions.md"


def test_the_page_lists_every_word_of_the_lists_that_may_grow() -> None:
    listed = PAGE.partition("## Lists that may grow")[2].partition("\n## ")[0]
    for path in GROWING:
        words = _words(path)
        assert words, path
        assert [one for one in words if one and f"`{one}`" not in listed] == [], path


def _words(path: str) -> list[str]:
    title, _, name = path.rpartition(".")
    one = (RECORD["$defs"][title] if title else RECORD)["properties"][name]
    one = one.get("items", one)
    if "$ref" in one:
        one = RECORD["$defs"][one["$ref"].rpartition("/")[2]]
    if "discriminator" in one:
        return list(one["discriminator"]["mapping"])
    return [word for each in (one, *one.get("anyOf", ())) for word in each.get("enum", ())]


# -- the checker sees what breaks ------------------------------------------------------------------------
def _objects(one: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "", one
    yield from ((name, part) for name, part in one["$defs"].items() if "properties" in part)


FIELDS = [(title, name) for title, one in _objects(RECORD) for name in one["properties"]]


def changed(title: str, change: Callable[[dict[str, Any]], object]) -> list[str]:
    made = copy.deepcopy(RECORD)
    change(dict(_objects(made))[title])
    return breaks(RECORD, made)


@pytest.mark.parametrize(("title", "name"), FIELDS, ids=lambda one: one or "record")
def test_no_field_may_go_or_change(title: str, name: str) -> None:
    required = name in dict(_objects(RECORD))[title].get("required", ())
    assert changed(title, lambda one: one["properties"].pop(name)), "removed"
    assert changed(title, lambda one: one["properties"].__setitem__(f"{name}_2", one["properties"].pop(name))), (
        "renamed"
    )
    if required:
        assert changed(title, lambda one: one["required"].remove(name)), "no longer required"
    else:
        assert changed(title, lambda one: one.setdefault("required", []).append(name)), "newly required"
    assert changed(title, lambda one: one["properties"].__setitem__(name, {"type": "number"})), "another type"


@pytest.mark.parametrize(
    ("title", "name", "key", "value"),
    [
        ("", "number", "maximum", 100),
        ("", "paused_days", "default", 1),
        ("", "due_at", "pattern", "^.*$"),
        ("", "salt", "pattern", "^[a-z]{43}$"),
        ("", "completed_at", "format", "date"),
        ("", "statement", "enum", ["Trust us."]),
        ("", "kind", "enum", ["dsr-completion", "dsr-completion-2"]),
        ("RecordSetLine", "assurance", "enum", ["attested", "verified", "likely"]),
        ("", "result", "enum", ["fulfilled"]),
        ("", "controllers", "items", {"type": "string"}),
        ("", "not_searched", "propertyNames", {}),
        ("SystemLine", "record_sets", "items", {"$ref": "#/$defs/RecipientLine"}),
    ],
)
def test_a_narrower_wider_or_other_value_is_seen(title: str, name: str, key: str, value: object) -> None:
    assert changed(title, lambda one: one["properties"][name].__setitem__(key, value))


def test_an_outcome_may_come_and_never_go() -> None:
    made = copy.deepcopy(RECORD)
    union = made["$defs"]["RecordSetLine"]["properties"]["outcome"]
    union["anyOf"].append({"$ref": "#/$defs/Moved"})
    union["discriminator"]["mapping"]["moved"] = "#/$defs/Moved"
    made["$defs"]["Moved"] = {"title": "Moved", "type": "object", "properties": {}, "required": []}
    assert breaks(RECORD, made) == []
    assert added_words(RECORD, made) == {"moved"}
    assert breaks(made, RECORD) == ["RecordSetLine.outcome: moved is gone"]
    made = copy.deepcopy(RECORD)
    union = made["$defs"]["RecipientLine"]["properties"]["outcome"]["anyOf"][0]
    union["anyOf"].append({"$ref": "#/$defs/Deleted"})
    union["discriminator"]["mapping"]["deleted"] = "#/$defs/Deleted"
    assert breaks(RECORD, made), "a recipient's word stays one of three"


def test_a_field_may_come_if_it_is_optional_and_a_word_or_phrase_where_lists_grow() -> None:
    assert changed("", lambda one: one["properties"].__setitem__("more", {"type": "string"})) == []
    assert changed("Kept", lambda one: one["properties"].__setitem__("more", {"type": "string"})) == []
    assert changed("", lambda one: one["properties"]["result"]["enum"].append("parked")) == []

    def more(one: dict[str, Any]) -> None:
        values = one["properties"]["not_searched"]["additionalProperties"]
        values["pattern"] = values["pattern"].replace("GDPR Art", "asleep|GDPR Art")

    def fewer(one: dict[str, Any]) -> None:
        values = one["properties"]["not_searched"]["additionalProperties"]
        values["pattern"] = re.sub(r"no such system is connected\|", "", values["pattern"])

    assert changed("", more) == []
    assert changed("", fewer)


# -- events, in both directions ---------------------------------------------------------------------------
@pytest.mark.parametrize("folder", FROZEN, ids=lambda one: one.name)
def test_todays_readers_read_every_event_of_before(folder: Path) -> None:
    for raw in (folder / "events.jsonl").read_bytes().splitlines():
        event = codec.decode_event(raw)
        told = codec.decode(bytes(event.data), Completion)
        found = record.verify(told.jws.encode(), KEY)
        assert event.type == envelope.COMPLETION
        assert (event.id, event.subject) == (found.record_id, found.request_id) == (told.record_id, told.request_id)
        assert (told.number, told.completed_at) == (found.number, found.completed_at)
        jsonschema.validate(payload(told.jws), RECORD)


@pytest.mark.parametrize("folder", FROZEN, ids=lambda one: one.name)
def test_yesterdays_schema_takes_every_event_of_today(folder: Path) -> None:
    words = added_words(schema(folder, "completion-record"), RECORD)
    of = {name: jsonschema.Draft202012Validator(tolerant(schema(folder, name))) for name in freeze.SCHEMAS[1:]}
    count = 0
    for raw in freeze.events():
        event = json.loads(raw)
        of["completion"].validate(event["data"])
        said = payload(event["data"]["jws"])
        if not any(f'"{word}"' in json.dumps(said) for word in words):
            of["completion-record"].validate(said)
            count += 1
    assert count > 30


def test_a_consumer_that_ignores_what_it_does_not_know_takes_what_is_to_come() -> None:
    raw = next(freeze.events())
    said = payload(json.loads(raw)["data"]["jws"]) | {"invented_later": {"a": 1}}
    validator = jsonschema.Draft202012Validator(tolerant(RECORD))
    validator.validate(said)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(said, RECORD)
    assert msgspec.convert(said, type=dict)["invented_later"] == {"a": 1}


def test_what_is_frozen_is_not_written_again() -> None:
    with pytest.raises(FileExistsError):
        freeze.freeze(FROZEN[0].name)
