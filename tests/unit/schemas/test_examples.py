"""Each example file shows one rule; an invalid one is refused by exactly that rule, and by the schema if it can."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import referencing
from referencing.jsonschema import DRAFT202012

import schemas
from schemas import codec, requests
from schemas.completion import CompletionRecord
from schemas.envelope import CONFIRMATION, HEARTBEAT, REQUEST_RECEIVED, SCHEMA_BASE, TASK
from schemas.errors import SchemaError
from schemas.generate import MESSAGES, SUFFIX
from schemas.heartbeats import Heartbeat
from schemas.incidents import Incident
from schemas.outcomes import FINAL_TYPES, Outcome, Unverifiable
from schemas.published import Completion, DeadLetter, Notice
from schemas.sealing import Binding, IntakePrivateKey, SharedKey
from schemas.statements import Answered, Received
from schemas.tasks import Confirmation, Findings, Secret, Task

V1 = Path(schemas.__file__).parent / "v1"
VALID = sorted((V1 / "examples" / "valid").glob("*.json"))
INVALID = sorted((V1 / "examples" / "invalid").glob("*.json"))
NOW = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
INTAKE = IntakePrivateKey("intake-2026-01", bytes(range(32)))
CRM = SharedKey("crm-2026-01", bytes(range(32, 64)))


def _request_received(raw: bytes) -> object:
    message = codec.decode(raw, requests.RequestReceived)
    codec.decode_identifiers(INTAKE.open(message.sealed, Binding(req=message.request_id, use="request")))
    return message


def _task(raw: bytes) -> object:
    task = codec.decode(raw, Task)
    codec.decode(CRM.open(task.sealed, Binding(task.request_id, task.task_id, task.system, "task")), Secret)
    return task


def _confirmation(raw: bytes) -> object:
    answer = codec.decode_confirmation(raw)
    if answer.sealed:
        bound = Binding(answer.request_id, answer.task_id, answer.system, "findings")
        codec.decode(CRM.open(answer.sealed, bound), Findings)
    return answer


def _cloud_event(raw: bytes) -> object:
    event = codec.decode_event(raw)
    read = {REQUEST_RECEIVED: _request_received, TASK: _task, CONFIRMATION: _confirmation}.get(event.type)
    if read:
        read(bytes(event.data))
    if event.type in {CONFIRMATION, HEARTBEAT}:
        CRM.check_mac(bytes(event.data), event.expungemac)
    return event


READ: dict[str, Callable[[bytes], object]] = {
    "request-form": lambda raw: requests.validated(codec.decode_form(raw), now=NOW),
    "request-identifiers": codec.decode_identifiers,
    "request-received": _request_received,
    "task": _task,
    "task-secret": lambda raw: codec.decode(raw, Secret),
    "confirmation": _confirmation,
    "confirmation-findings": lambda raw: codec.decode(raw, Findings),
    "completion-record": lambda raw: codec.decode(raw, CompletionRecord),
    "cloud-event": _cloud_event,
    "completion": lambda raw: codec.decode(raw, Completion),
    "notice": lambda raw: codec.decode(raw, Notice),
    "dead-letter": lambda raw: codec.decode(raw, DeadLetter),
    "heartbeat": lambda raw: codec.decode(raw, Heartbeat),
    "incident": lambda raw: codec.decode(raw, Incident),
    "dsr-received": lambda raw: codec.decode(raw, Received),
    "dsr-answered": lambda raw: codec.decode(raw, Answered),
}


@pytest.fixture(scope="module")
def validator() -> Callable[[str], Any]:
    files = {file.name: json.loads(file.read_text("utf-8")) for file in V1.glob(f"*{SUFFIX}")}
    registry: Any = referencing.Registry().with_resources(
        (SCHEMA_BASE + name, DRAFT202012.create_resource(schema)) for name, schema in files.items()
    )
    return lambda name: jsonschema.Draft202012Validator(files[name + SUFFIX], registry=registry)


def _name(file: Path) -> str:
    return file.name.split(".", maxsplit=1)[0]


def _message(example: dict[str, Any]) -> bytes:
    if "message_base64" in example:
        return base64.b64decode(example["message_base64"], validate=True)
    return json.dumps(example["message"]).encode()


def _report(name: str, raw: bytes) -> tuple[str, str, str, str]:
    """What our reader reports: rule, place, fix, whole text; an unverifiable outcome counts as its report."""
    try:
        message = READ[name](raw)
    except SchemaError as error:
        return error.rule, error.where, error.fix, str(error)
    assert isinstance(message, Confirmation), "the reader accepted it"
    ((place, outcome),) = [item for item in message.outcomes.items() if isinstance(item[1], Unverifiable)]
    assert isinstance(outcome, Unverifiable)
    assert len(message.outcomes) > 1, "the other outcomes are still read"
    return f"unverifiable: {outcome.reason}", f"$.outcomes.{place}", "", ""


@pytest.mark.parametrize("file", VALID, ids=lambda file: file.stem)
def test_a_valid_example_is_read_and_allowed_by_its_schema(file: Path, validator: Callable[[str], Any]) -> None:
    message = json.loads(file.read_bytes())
    # The files are indented for people; a MAC is over the bytes without white space.
    READ[_name(file)](json.dumps(message, separators=(",", ":")).encode())
    validator(_name(file)).validate(message)


@pytest.mark.parametrize("file", VALID, ids=lambda file: file.stem)
def test_a_valid_example_is_what_we_would_write(file: Path) -> None:
    raw = file.read_bytes()
    message = msgspec.json.decode(raw, type=MESSAGES[_name(file)])
    assert json.loads(codec.encode(message)) == json.loads(raw)


@pytest.mark.parametrize("file", INVALID, ids=lambda file: file.stem)
def test_an_invalid_example_is_refused_by_its_rule(file: Path) -> None:
    example = json.loads(file.read_text("utf-8"))
    rule, where, fix, _ = _report(_name(file), _message(example))
    assert (rule, where) == (example["rule"], example["where"])
    assert example.get("did_you_mean", "") in fix


@pytest.mark.parametrize("file", INVALID, ids=lambda file: file.stem)
def test_an_invalid_example_is_refused_by_the_schema_where_it_can_say_so(
    file: Path, validator: Callable[[str], Any]
) -> None:
    example = json.loads(file.read_text("utf-8"))
    if "message" not in example:
        assert not example["refused_by_json_schema"], "bytes that are no JSON value never reach a schema"
        return
    assert validator(_name(file)).is_valid(example["message"]) is not example["refused_by_json_schema"]


@pytest.mark.parametrize("file", INVALID, ids=lambda file: file.stem)
def test_i04_the_report_on_an_invalid_example_quotes_nothing_of_it(file: Path) -> None:
    raw = _message(json.loads(file.read_text("utf-8")))
    said = repr(_report(_name(file), raw)).lower()
    for piece in ("ann.example", "ann@", "example.org", "4711", "oblivion", "shred", "10.0.0", "01 23", "speaks"):
        assert piece not in said


def test_every_message_has_a_valid_and_an_invalid_example() -> None:
    assert {_name(file) for file in VALID} == set(MESSAGES) == {_name(file) for file in INVALID} == set(READ)


def test_every_outcome_stands_in_an_example() -> None:
    answer = codec.decode_confirmation((V1 / "examples/valid/confirmation.every-outcome.json").read_bytes())
    assert {type(one) for one in answer.outcomes.values()} == set(Outcome.__args__)
    assert {type(one) for one in answer.outcomes.values()} >= set(FINAL_TYPES)
