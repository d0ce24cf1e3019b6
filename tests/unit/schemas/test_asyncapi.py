"""The AsyncAPI document names every topic and message, and the example events are what it says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from schemas import envelope, generate
from schemas.asyncapi import FILE
from schemas.topics import FIXED
from tests.support.absent import SERVICE_ABSENT

DOCUMENT: dict[str, Any] = json.loads((generate.FOLDER / FILE).read_text(encoding="utf-8"))
EXAMPLES = generate.FOLDER / "examples" / "valid"
PARSER = "@asyncapi/parser@3.6.6"
VALIDATE = """
import { Parser, fromFile } from "@asyncapi/parser";
const parser = new Parser();
const { document, diagnostics } = await fromFile(parser, process.argv[2]).parse();
const wrong = diagnostics.filter((one) => one.severity === 0);
console.log(JSON.stringify({ wrong, channels: document?.channels().all().map((one) => one.address()) }));
"""


def _payload_of(event_type: str) -> dict[str, Any]:
    (message,) = [one for one in DOCUMENT["components"]["messages"].values() if one["name"] == event_type]
    return {"components": DOCUMENT["components"], **message["payload"]}


def test_the_file_is_up_to_date_and_needs_no_other() -> None:
    assert json.loads(generate.render()[FILE]) == DOCUMENT
    references = {
        line.split('"')[3] for line in json.dumps(DOCUMENT, indent=1).splitlines() if line.strip().startswith('"$ref"')
    }
    for one in references:
        place: Any = DOCUMENT
        for part in one.removeprefix("#/").split("/"):
            place = place[part]
        assert place


def test_every_topic_is_a_channel_with_its_retention() -> None:
    addresses = {one["address"]: one for one in DOCUMENT["channels"].values()}
    assert addresses.keys() == {one.name for one in FIXED} | {"expunge.tasks.{system}"}
    for one in FIXED:
        configuration = addresses[one.name]["bindings"]["kafka"]["topicConfiguration"]
        assert configuration["retention.ms"] == 7 * 24 * 3600 * 1000


def test_the_orchestrator_receives_what_others_publish() -> None:
    actions = {one["channel"]["$ref"].rpartition("/")[2]: one["action"] for one in DOCUMENT["operations"].values()}
    assert {name for name, action in actions.items() if action == "receive"} == {
        "requests", "confirmations", "heartbeats"
    }  # fmt: skip
    assert actions.keys() == DOCUMENT["channels"].keys()


def _is_known(file: Path) -> bool:
    event = json.loads(file.read_text(encoding="utf-8"))
    return isinstance(event, dict) and event.get("type") in generate.DATA_OF


EVENTS = [file for file in sorted(EXAMPLES.glob("*.json")) if _is_known(file)]


@pytest.mark.parametrize("file", EVENTS, ids=lambda file: file.stem)
def test_an_example_event_is_what_the_document_says_alone_and_in_a_batch(file: Path) -> None:
    event = json.loads(file.read_text(encoding="utf-8"))
    validator = jsonschema.Draft7Validator(_payload_of(event["type"]))
    validator.validate(event)
    validator.validate([event, event])
    with pytest.raises(jsonschema.ValidationError):
        validator.validate([event, {**event, "data": {**event["data"], "email": "nobody@example.org"}}])
    other = envelope.NOTICE if event["type"] != envelope.NOTICE else envelope.TASK
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**event, "type": other})


def test_asyncapi_s_own_parser_takes_it(tmp_path: Path) -> None:
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip(f"{SERVICE_ABSENT} node and npm")
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", PARSER]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=110)
    if done.returncode:
        pytest.skip(f"{SERVICE_ABSENT} npm cannot install {PARSER}")
    (tmp_path / "validate.mjs").write_text(VALIDATE)
    shutil.copy(generate.FOLDER / FILE, tmp_path)
    for name, text, fine in (
        (FILE, "", True),
        ("wrong.json", json.dumps({**DOCUMENT, "operations": {"x": {"action": "shout"}}}), False),
    ):
        if text:
            (tmp_path / name).write_text(text)
        run = subprocess.run(
            ["node", "validate.mjs", name], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60,
            env={"PATH": os.environ["PATH"]},
        )  # fmt: skip
        result = json.loads(run.stdout)
        assert (result["wrong"] == []) is fine, result
        if fine:
            assert len(result["channels"]) == len(FIXED) + 1
