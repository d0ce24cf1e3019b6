"""Every message survives the round trip; fuzzed bytes raise SchemaError only, and no error repeats the data."""

from __future__ import annotations

import datetime as dt
import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import schemas
from schemas import codec, requests
from schemas.completion import CompletionRecord
from schemas.envelope import CloudEvent
from schemas.errors import SchemaError
from schemas.fields import (
    ID_PATTERN,
    JWE_PATTERN,
    LARGEST_INTEGER,
    LOCALE_PATTERN,
    SET_PATTERN,
    SHA256_PATTERN,
    TIME_PATTERN,
)
from schemas.generate import MESSAGES, schema_of
from schemas.identifiers import CUSTOM_KIND, KINDS, MAX_LENGTH, Identifier
from schemas.incidents import NO_CODE_PATTERN
from schemas.published import BASE64_PATTERN, JWS_PATTERN
from schemas.requesters import CODE_PATTERN
from schemas.requests import RequestForm, RequestReceived
from schemas.tasks import Confirmation, Findings, Secret, Task

NOW = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
EXAMPLES = Path(schemas.__file__).parent / "v1" / "examples" / "valid"

# Strategies for fields whose form is published but not enforced by the type.
_EXACT: dict[str, st.SearchStrategy[str]] = {
    ID_PATTERN: st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z"),
    LOCALE_PATTERN: st.from_regex(r"\A[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,6}\Z"),
    JWS_PATTERN: st.from_regex(r"\A[A-Za-z0-9_-]{1,9}\.[A-Za-z0-9_-]{1,9}\.[A-Za-z0-9_-]{1,9}\Z"),
    CODE_PATTERN: st.from_regex(r"\A[a-z][a-z0-9_]{0,63}\Z"),
    NO_CODE_PATTERN: st.from_regex(r"\A([a-z][a-z0-9_]{0,63})?\Z"),
    SHA256_PATTERN: st.from_regex(r"\A[0-9a-f]{64}\Z"),
    SET_PATTERN: st.text(
        st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="@/"), min_size=1
    ),
    BASE64_PATTERN: st.from_regex(r"\A[A-Za-z0-9+/]{0,20}={0,2}\Z"),
}


def _strings(schema: dict[str, Any]) -> st.SearchStrategy[str]:
    """Texts that a schema of type string allows."""
    if "const" in schema:
        return st.just(schema["const"])
    if "anyOf" in schema:
        return st.sampled_from([*KINDS, "x_card"])
    pattern = schema.get("pattern")
    if schema.get("format") == "date":
        return st.dates().map(dt.date.isoformat)
    if schema.get("format") == "date-time":
        return st.datetimes(timezones=st.just(dt.UTC)).map(requests.utc)
    if pattern and "[A-Za-z0-9_-]+\\.\\." in pattern:
        return st.just(json.loads((EXAMPLES / "task.locate.json").read_text("utf-8"))["sealed"])
    if pattern in _EXACT:
        return _EXACT[pattern]
    if pattern is not None and not pattern.startswith("^[^"):
        return st.from_regex("\\A" + pattern.removeprefix("^").removesuffix("$(?!\\n)") + "\\Z")
    words = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="@"), min_size=1)
    return words if pattern else st.text(st.characters(codec="utf-8"))


def _values(schema: dict[str, Any], defs: dict[str, Any]) -> st.SearchStrategy[Any]:
    """JSON values that one of our schemas allows: the producer's view."""
    if "$ref" in schema:
        return _values(defs[schema["$ref"].rpartition("/")[2]], defs)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kind = schema.get("type")
    if kind == "string":
        return _strings(schema)
    if "anyOf" in schema:
        return st.one_of(*(_values(one, defs) for one in schema["anyOf"]))
    if kind == "integer":
        return st.integers(schema.get("minimum", -LARGEST_INTEGER), schema.get("maximum", LARGEST_INTEGER))
    if kind == "number":
        return st.floats(allow_nan=False, allow_infinity=False)
    if kind == "array":
        return st.lists(_values(schema["items"], defs), min_size=schema.get("minItems", 0), max_size=4)
    if kind == "object" and "properties" in schema:
        required = {name: _values(schema["properties"][name], defs) for name in schema["required"]}
        optional = {name: _values(one, defs) for name, one in schema["properties"].items() if name not in required}
        return st.fixed_dictionaries(required, optional=optional)
    if kind == "object":
        keys = _strings({"type": "string", **schema.get("propertyNames", {})})
        return st.dictionaries(keys, _values(schema["additionalProperties"], defs), max_size=4)
    return {"null": st.none(), "boolean": st.booleans()}.get(str(kind), st.just({"any": ["thing", 1, None]}))


def _message(name: str) -> st.SearchStrategy[Any]:
    schema = schema_of(name)
    return _values(schema, schema.get("$defs", {}))


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_what_the_schema_allows_is_read_and_written_without_loss(name: str) -> None:
    schema = schema_of(name)
    schema.pop("allOf", None)  # another file says what data is; here it is anything
    validator = jsonschema.Draft202012Validator(schema)

    @settings(deadline=None)
    @given(message=_message(name))
    def holds(message: Any) -> None:
        read = codec.decode(json.dumps(message).encode(), MESSAGES[name])
        written = codec.encode(read)
        assert codec.decode(written, MESSAGES[name]) == read or name == "cloud-event"
        assert codec.encode(codec.decode(written, MESSAGES[name])) == written
        validator.validate(json.loads(written))

    holds()


def test_confirmations_are_read_the_same_by_the_tolerant_reader() -> None:
    @settings(deadline=None)
    @given(message=_message("confirmation"))
    def holds(message: Any) -> None:
        raw = json.dumps(message).encode()
        assert codec.decode_confirmation(raw) == codec.decode(raw, Confirmation)

    holds()


def test_events_are_read_and_written_without_loss() -> None:
    @settings(deadline=None)
    @given(
        message=_message("cloud-event"), data=st.recursive(st.none() | st.text(st.characters(codec="utf-8")), st.lists)
    )
    def holds(message: Any, data: Any) -> None:
        raw = json.dumps({**message, "data": data}).encode()
        loose = msgspec.json.decode(raw, type=CloudEvent)
        if refusal := _refusal(lambda: codec.decode_event(raw)):
            assert refusal.rule == "event.attribute", "only a long or odd extension attribute"
            return
        event = codec.decode_event(raw)
        assert json.loads(codec.encode(event)) == json.loads(codec.encode(loose))
        assert json.loads(bytes(event.data)) == data

    holds()


READERS: list[Callable[[bytes], object]] = [
    codec.decode_form,
    codec.decode_event,
    codec.decode_confirmation,
    codec.decode_identifiers,
    lambda raw: requests.validated(codec.decode_form(raw), now=NOW),
    *[
        (lambda raw, kind=kind: codec.decode(raw, kind))
        for kind in (RequestForm, RequestReceived, Task, Secret, Confirmation, Findings, CompletionRecord, CloudEvent)
    ],
]
SEEDS = [file.read_bytes() for file in sorted(EXAMPLES.glob("*.json"))]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


def _refusal(read: Callable[[], object]) -> SchemaError | None:
    try:
        read()
    except SchemaError as error:
        return error
    return None


def _read_all(raw: bytes) -> list[SchemaError]:
    return [error for read in READERS if (error := _refusal(lambda: read(raw)))]  # noqa: B023 - called at once


@settings(deadline=None)
@given(raw=st.binary(max_size=300))
@example(raw=b"[" * 50_000)
@example(raw=b'{"a":' * 50_000)
def test_any_bytes_raise_schema_errors_only(raw: bytes) -> None:
    assert len(_read_all(raw)) > len(READERS) - 2


@settings(deadline=None)
@given(seed=st.sampled_from(SEEDS), data=st.data())
def test_damaged_messages_raise_schema_errors_only(seed: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(seed)))
    end = data.draw(st.integers(start, min(len(seed), start + 20)))
    _read_all(seed[:start] + data.draw(st.binary(max_size=20)) + seed[end:])


def _paths(message: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    items = message.items() if isinstance(message, dict) else enumerate(message) if isinstance(message, list) else ()
    return [path, *(place for key, value in items for place in _paths(value, (*path, key)))]


def _replaced(message: Any, path: tuple[str | int, ...], value: Any) -> Any:
    if not path:
        return value
    copy = message.copy()
    copy[path[0]] = _replaced(message[path[0]], path[1:], value)
    return copy


CANARY = "Qz7"


def _salted(value: Any) -> Any:
    """Put the canary into every text and key of a JSON value."""
    if isinstance(value, dict):
        return {f"{CANARY}{key}": _salted(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_salted(one) for one in value]
    return f"{CANARY}{value}{CANARY}" if isinstance(value, str) else value


@settings(deadline=None)
@given(seed=st.sampled_from(SEEDS), value=JSON | st.just(f"' - at `$.{CANARY}`") | st.integers(7777777), data=st.data())
def test_i04_no_error_repeats_what_was_put_into_a_message(seed: bytes, value: Any, data: st.DataObject) -> None:
    message = json.loads(seed)
    path = data.draw(st.sampled_from(_paths(message)))
    damaged = json.dumps(_replaced(message, path, _salted(value))).encode()
    for error in _read_all(damaged):
        said = f"{error} {error!r} {error.rule} {error.where} {error.fix}"
        assert CANARY not in said
        assert not (isinstance(value, int) and value >= 7777777 and str(value) in said)
        assert error.__cause__ is None
        assert error.__context__ is None or error.__suppress_context__
        for known in ("ann.example", "4711", "loyalty"):
            assert known not in said, "a value of the example, or the name of a kind of somebody's own"


@settings(deadline=None)
@given(
    key=st.text(max_size=50).map(lambda text: f"{CANARY}{text}{CANARY}"), seed=st.sampled_from(SEEDS), data=st.data()
)
def test_i04_no_error_repeats_the_name_of_an_unknown_field(key: str, seed: bytes, data: st.DataObject) -> None:
    message = json.loads(seed)
    path = data.draw(st.sampled_from(_paths(message)))
    inner = message
    for step in path:
        inner = inner[step]
    if isinstance(inner, dict):
        damaged = json.dumps(_replaced(message, path, {**inner, key: key})).encode("utf-8", "surrogatepass")
        assert not [error for error in _read_all(damaged) if CANARY in f"{error} {error.where} {error.fix}"]


@pytest.mark.parametrize("name", ["request-form", "task", "confirmation", "completion-record", "request-received"])
def test_the_place_of_an_error_is_the_place_of_the_damage(name: str) -> None:
    seeds = [json.loads(file.read_bytes()) for file in sorted(EXAMPLES.glob(f"{name}.*"))]

    @settings(deadline=None)
    @given(message=st.sampled_from(seeds), data=st.data())
    def holds(message: Any, data: st.DataObject) -> None:
        # What a value is corrected to may be half a thing.
        leaves = [path for path in _paths(message) if path and path[0] != "corrections"]
        path = data.draw(st.sampled_from(leaves))
        damaged = json.dumps(_replaced(message, path, 0.5)).encode()
        error = _refusal(lambda: codec.decode(damaged, MESSAGES[name]))
        assert error, "half a thing is nowhere allowed"
        mapped = {"outcomes", "instructions", "not_searched", "fields", "maps"}
        expected = "$"
        for before, step in zip((None, *path), path, strict=False):
            expected += "[...]" if before in mapped else f"[{step}]" if isinstance(step, int) else f".{step}"
        assert error.where == expected

    holds()


@settings(deadline=None)
@given(kind=st.from_regex(CUSTOM_KIND, fullmatch=False), value=st.text(min_size=1, max_size=MAX_LENGTH))
def test_an_opaque_identifier_is_read_or_refused_and_never_shown(kind: str, value: str) -> None:
    raw = codec.encode([Identifier(kind, value)])
    if refusal := _refusal(lambda: codec.decode_identifiers(raw)):
        assert refusal.rule in {"identifier.empty", "identifier.characters", "identifier.length"}
        return
    (one,) = codec.decode_identifiers(raw)
    assert one.value == unicodedata.normalize("NFC", value.strip())
    assert repr(one) == f"Identifier(kind={kind!r}, value=<hidden>)"


def test_the_patterns_are_those_of_the_schemas() -> None:
    text = json.dumps([schema_of(name) for name in MESSAGES])
    for pattern in (ID_PATTERN, JWE_PATTERN, LOCALE_PATTERN, SET_PATTERN, TIME_PATTERN, CUSTOM_KIND):
        assert json.dumps(pattern)[1:-1] in text
