"""Any program publishes a request and reads the completion: the Python client, and Node with nothing of ours."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import subprocess
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka.admin import KafkaAdminClient, MemberToRemove

from connectors.errors import MisconfiguredError
from connectors.kafka.client import client_options
from connectors.kafka.publisher import Publisher, read_intake_key
from connectors.kafka.settings import KafkaSettings
from connectors.testing.canary import find_canaries
from orchestrator.engine.wire import open_request
from orchestrator.keys import KeyFolder
from orchestrator.keys.folder import create_missing
from orchestrator.runtime.clock import chance
from schemas import batches, envelope, receipts
from schemas.codec import decode_event, encode
from schemas.envelope import CloudEvent
from schemas.errors import SchemaError
from schemas.identifiers import Identifier
from schemas.published import Completion
from schemas.requests import RequestForm, Right, Scope
from tests.support.broker import find_event, make_topics, publish_completion

ROOT = Path(__file__).resolve().parents[2]
CANARY = "Canary4711@Example.org"
ANN = (Identifier("email", CANARY),)


@pytest.fixture(scope="module")
def settings(kafka: str) -> KafkaSettings:
    return make_topics(kafka)


@pytest.fixture
def keys(tmp_path: Path) -> KeyFolder:
    create_missing(tmp_path / "keys", [], chance)
    return KeyFolder(tmp_path / "keys", ())


def _completion(request_id: str, number: int = 1) -> bytes:
    data = Completion(f"{request_id}.{number}", request_id, number, "2026-01-31T09:30:00.000Z", "e30.e30.e30")
    event = CloudEvent(
        f"{request_id}.{number}", "/orchestrator", envelope.COMPLETION, "1.0", request_id, data.completed_at,
        msgspec.Raw(encode(data)),
    )  # fmt: skip
    return encode(event)


def test_five_lines_publish_a_request_that_the_orchestrator_opens(
    settings: KafkaSettings, keys: KeyFolder, tmp_path: Path
) -> None:
    with Publisher(settings.bootstrap_servers, tmp_path / "keys/intake.pub.jwk") as publisher:
        form = RequestForm(Right.ERASURE, ANN, scope=Scope(("crm",)), channel="web", receipt_sha256="ab" * 32)
        request_id = publisher.submit(form)
    event, raw, key, headers = find_event(settings, "expunge.requests", request_id)
    assert (key, headers["content-type"]) == (request_id, b"application/cloudevents+json")
    opened = open_request(event, request_id, keys)
    assert opened.identifiers == (Identifier("email", CANARY.lower()),)
    assert (opened.receipt.shown, opened.receipt.commitment) == ("", "ab" * 32)
    assert (opened.message.right, opened.message.scope.systems, opened.message.channel) == (
        Right.ERASURE, ("crm",), "web"
    )  # fmt: skip
    assert CANARY.lower().encode() not in raw.lower()


def test_the_example_of_the_docs_runs(
    settings: KafkaSettings, keys: KeyFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "docs/wire-format.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    found: dict[str, str] = {}
    exec(example.replace("localhost:9092", settings.bootstrap_servers[0]), found)
    event, *_ = find_event(settings, "expunge.requests", found["request_id"])
    assert open_request(event, found["request_id"], keys).identifiers == (Identifier("email", "ann@example.org"),)


def test_with_a_secret_a_repetition_is_the_same_bytes_and_other_content_is_not(
    settings: KafkaSettings, keys: KeyFolder, tmp_path: Path
) -> None:
    at = iter(dt.datetime(2026, 1, 31, hour, tzinfo=dt.UTC) for hour in range(9))  # a crash is not mended at once
    name = f"again-{os.urandom(6).hex()}"
    form = RequestForm(Right.ACCESS, ANN, request_id=name, received_at="2026-01-30T10:00:00+01:00")
    data = []
    for secret, one in ((b"s" * 32, form), (b"s" * 32, form), (b"t" * 32, form)):
        with Publisher(settings, tmp_path / "keys/intake.pub.jwk", secret=secret, now=lambda: next(at)) as publisher:
            sent: list[bytes] = []
            real = publisher._producer.send
            publisher._producer.send = lambda topic, value, real=real, sent=sent, **more: (
                sent.append(value), real(topic, value, **more)
            )[1]  # fmt: skip
            assert publisher.submit(one) == name
            data += sent
    assert data[0] == data[1]
    assert data[0] != data[2]
    with Publisher(settings, tmp_path / "keys/intake.pub.jwk", secret=b"s" * 32) as publisher:
        with pytest.raises(SchemaError) as caught:
            publisher.submit(msgspec.structs.replace(form, received_at=None))
        assert caught.value.rule == "request.received_at.missing"


def test_completions_come_once_to_one_reader_and_from_the_beginning_to_another(
    settings: KafkaSettings, keys: KeyFolder, tmp_path: Path
) -> None:
    name = f"done-{os.urandom(6).hex()}"
    noise = encode(
        CloudEvent("n", "/orchestrator", envelope.NOTICE, "1.0", name, "2026-01-31T09:30:00Z", msgspec.Raw(b"{}"))
    )
    publish_completion(settings, b"[{broken}]")  # a message that is no JSON at all
    publish_completion(settings, _completion(name), b'{"no":"event"}', noise, _completion(name, 2))
    with Publisher(settings, tmp_path / "keys/intake.pub.jwk") as publisher:
        for reader in (f"r-{name}", f"s-{name}"):
            mine = [one for one in publisher.completions(reader, idle_seconds=5) if one.request_id == name]
            assert [one.number for one in mine] == [1, 2]
        publish_completion(settings, _completion(name, 3))
        later = [one.number for one in publisher.completions(f"r-{name}", idle_seconds=5) if one.request_id == name]
        assert later == [3]


def test_a_reader_whose_place_was_taken_away_reads_on_and_misses_nothing(
    settings: KafkaSettings, keys: KeyFolder, tmp_path: Path
) -> None:
    name = f"done-{os.urandom(6).hex()}"
    group = settings.reader_group(name)
    publish_completion(settings, _completion(name))
    with Publisher(settings, tmp_path / "keys/intake.pub.jwk") as publisher:
        mine = (one.number for one in publisher.completions(name, idle_seconds=20) if one.request_id == name)
        assert next(mine) == 1
        admin = KafkaAdminClient(**client_options(settings))
        try:  # what a broker does with a member that was not heard of for a session
            (member,) = admin.describe_groups([group])[group]["members"]
            admin.remove_group_members(group, [MemberToRemove(member_id=member["member_id"])])
            assert not admin.describe_groups([group])[group]["members"]
        finally:
            admin.close()
        publish_completion(settings, _completion(name, 2))
        assert next(one for one in mine if one == 2)


def test_what_is_wrong_is_told_before_anything_leaves(tmp_path: Path, settings: KafkaSettings) -> None:
    create_missing(tmp_path / "keys", [], chance)
    with Publisher(settings, tmp_path / "keys/intake.pub.jwk") as publisher, pytest.raises(SchemaError) as caught:
        publisher.submit(RequestForm(Right.ERASURE, (Identifier("email", "canary-no-address"),)))
    assert "canary" not in str(caught.value)
    for name in ("record.pub.jwk", "intake.jwk", "nothing.jwk"):
        with pytest.raises(MisconfiguredError, match=r"intake\.pub\.jwk"):
            read_intake_key(tmp_path / "keys" / name)
    with pytest.raises(MisconfiguredError, match="32 bytes"):
        Publisher(settings, tmp_path / "keys/intake.pub.jwk", secret=b"short")


def test_node_publishes_what_we_open_and_reads_its_completion(
    node: Path, settings: KafkaSettings, keys: KeyFolder, tmp_path: Path
) -> None:
    form = {
        "right": "erasure",
        "identifiers": [{"kind": "email", "value": CANARY.lower()}],
        "scope": {"systems": ["hr"]},
    }
    reader = f"node-{os.urandom(6).hex()}"
    command = ["node", "publish.mjs", settings.bootstrap_servers[0], str(tmp_path / "keys/intake.pub.jwk"), reader]
    running = subprocess.Popen(
        command, cwd=node, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    ends = threading.Timer(90, running.kill)
    ends.start()
    try:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write(json.dumps(form))
        running.stdin.close()
        running.stdin = None
        request_id = running.stdout.readline().strip()
        assert request_id, running.communicate()[1]
        receipt = running.stdout.readline().strip()
        event, raw, key, headers = find_event(settings, "expunge.requests", request_id)
        opened = open_request(event, request_id, keys)
        assert opened.identifiers == (Identifier("email", CANARY.lower()),)
        assert (opened.receipt.shown, opened.receipt.commitment) == ("", receipts.commitment(receipt))
        assert find_canaries(raw, [receipt, receipt.replace("-", "")]) == []
        assert (opened.message.right, opened.message.scope.systems) == (Right.ERASURE, ("hr",))
        assert (key, headers["content-type"]) == (request_id, b"application/cloudevents+json")
        assert CANARY.lower().encode() not in raw
        publish_completion(settings, _completion("another"), _completion(request_id))
        out, err = running.communicate()
    finally:
        ends.cancel()
        running.kill()
        running.communicate()
    assert running.returncode == 0, err
    assert json.loads(out) == json.loads(_completion(request_id))["data"]


def test_many_requests_travel_together_and_all_or_none_leave(
    settings: KafkaSettings, keys: KeyFolder, tmp_path: Path
) -> None:
    forms = [RequestForm(Right.ERASURE, (Identifier("email", f"canary{n}@example.org"),)) for n in range(150)]
    bad = RequestForm(Right.ERASURE, (Identifier("email", "canary-no-address"),))
    with Publisher(settings, tmp_path / "keys/intake.pub.jwk") as publisher:
        sent: list[bytes] = []
        real = publisher._producer.send

        def send(topic: str, value: bytes, **more: Any) -> Any:
            sent.append(value)
            return real(topic, value, **more)

        publisher._producer.send = send
        with pytest.raises(SchemaError):
            publisher.submit_all([*forms, bad])
        assert sent == []
        assert publisher.submit_all([]) == []
        ids = publisher.submit_all(iter(forms))
    assert [len(batches.unpack(value)) for value in sent] == [100, 50]
    assert len(set(ids)) == 150
    events = [decode_event(bytes(one)) for value in sent for one in batches.unpack(value)]  # type: ignore[arg-type]
    assert [one.subject for one in events] == ids
    assert open_request(events[149], ids[149], keys).identifiers == (Identifier("email", "canary149@example.org"),)
    assert b"canary" not in b"".join(sent)
