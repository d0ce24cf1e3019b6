"""The published JSON Schemas are what the definitions say, closed to unknown fields, and valid themselves."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from schemas import generate
from schemas.envelope import SCHEMA_BASE
from schemas.requests import RequestForm
from schemas.tasks import Task

NAMES = sorted(generate.MESSAGES)


def _objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for value in schema.values():
            yield from _objects(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _objects(value)


def test_the_files_are_up_to_date() -> None:
    assert generate.differences(generate.FOLDER) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_valid_and_knows_where_it_lives(name: str) -> None:
    schema = generate.schema_of(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"{SCHEMA_BASE}{name}.schema.json"
    assert schema["title"] == name


@pytest.mark.parametrize("name", NAMES)
def test_no_object_lets_an_unknown_field_out(name: str) -> None:
    for one in _objects(generate.schema_of(name)):
        if "properties" in one:
            assert one["additionalProperties"] is False
        else:
            assert one["additionalProperties"] is not True, "a mapping says what its values are"


def test_the_output_does_not_depend_on_the_process() -> None:
    program = "from schemas import generate; import json, sys; json.dump(generate.render(), sys.stdout)"
    runs = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            cwd=generate.FOLDER.parent.parent,
            capture_output=True,
            check=True,
        )
        for seed in ("1", "2")
    ]
    assert [json.loads(one.stdout) for one in runs] == [generate.render()] * 2


def test_descriptions_come_from_the_docstrings() -> None:
    task = generate.schema_of("task")
    assert task["description"] == "One order to one system, as it travels."
    assert task["properties"]["task_id"]["description"] == "Unique; the idempotency key of the order."
    found = task["$defs"]["Instruction"]["properties"]["found"]["description"]
    assert found.startswith("Records that discovery found"), found
    assert found.endswith('never as "nothing held".'), "a line that goes on belongs to its attribute"


def test_a_property_of_a_schema_is_a_field_of_the_message() -> None:
    for name, kind in (("task", Task), ("request-form", RequestForm)):
        assert list(generate.schema_of(name)["properties"]) == [one.name for one in msgspec.structs.fields(kind)]


def test_the_data_of_an_event_is_held_against_its_type() -> None:
    rules = generate.schema_of("cloud-event")["allOf"]
    assert {one["then"]["properties"]["data"]["$ref"] for one in rules} == {
        f"{name}.schema.json" for name in generate.DATA_OF.values()
    }
    assert {one["if"]["properties"]["type"]["const"] for one in rules} == set(generate.DATA_OF)


def test_check_names_what_is_out_of_date_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "v1"
    assert generate.main([], folder) == 0
    assert generate.main(["--check"], folder) == 0
    (folder / "task.schema.json").write_text("{}", encoding="utf-8")
    (folder / "confirmation.schema.json").unlink()
    (folder / "gone.schema.json").write_text("{}", encoding="utf-8")
    capsys.readouterr()

    assert generate.main(["--check"], folder) == 1

    said = capsys.readouterr().err
    for name in ("task", "confirmation", "gone"):
        assert f"out of date: v1/{name}.schema.json" in said
    assert (folder / "task.schema.json").read_text(encoding="utf-8") == "{}"
    assert generate.main([], folder) == 0
    assert generate.differences(folder) == []
    assert not (folder / "gone.schema.json").exists()


def test_it_runs_as_a_module() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "schemas.generate", "--check"],
        cwd=generate.FOLDER.parent.parent,
        capture_output=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, b"")
