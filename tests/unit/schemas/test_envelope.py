"""The envelope is a CloudEvent of version 1.0 in structured mode, and topics are data."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import msgspec
import pytest

from schemas import envelope, topics
from schemas.codec import decode_event, encode
from schemas.envelope import CloudEvent
from schemas.errors import MalformedMessageError, SchemaError

EVENT: dict[str, Any] = {
    "id": "e-1",
    "source": "/intake",
    "type": envelope.REQUEST_RECEIVED,
    "specversion": "1.0",
    "subject": "r-1",
    "time": "2026-01-31T09:30:00.000Z",
    "data": {"a": [1, 2]},
}


def _event(**changes: Any) -> bytes:
    return json.dumps({**EVENT, **changes}).encode()


def test_data_stays_the_bytes_that_arrived() -> None:
    raw = b'{"data" : {"b":1,  "a":1.50} ,' + _event()[1:].replace(b', "data": {"a": [1, 2]}', b"")
    assert bytes(decode_event(raw).data) == b'{"b":1,  "a":1.50}'


def test_attributes_that_are_empty_are_not_written() -> None:
    event = CloudEvent("e", "/s", envelope.TASK, "1.0", "r", EVENT["time"], msgspec.Raw(b"{}"))
    assert set(json.loads(encode(event))) == {"id", "source", "type", "specversion", "subject", "time", "data"}
    assert json.loads(encode(decode_event(_event()))) == EVENT


def test_the_types_are_reverse_dns_with_a_major_version() -> None:
    kinds = [envelope.REQUEST_RECEIVED, envelope.TASK, envelope.CONFIRMATION, envelope.COMPLETION, envelope.NOTICE]
    assert len(set(kinds)) == len(kinds)
    for kind in kinds:
        assert kind.startswith("org.expunge.dsr.")
        assert kind.endswith(".v1")


def test_extension_names_are_those_cloudevents_allows() -> None:
    for name in CloudEvent.__struct_fields__:
        assert name.isalnum()
        assert name.islower()
        assert len(name) <= 20


@pytest.mark.parametrize("name", ["id", "source", "type"])
def test_an_empty_attribute_is_named(name: str) -> None:
    with pytest.raises(MalformedMessageError) as caught:
        decode_event(_event(**{name: ""}))
    assert (caught.value.rule, caught.value.where) == ("event.attribute", f"$.{name}")


@pytest.mark.parametrize(
    "name", [name for name in CloudEvent.__struct_fields__ if name not in {"data", "specversion", "time"}]
)
@pytest.mark.parametrize("value", ["a\x00b", "a\nb", "a\n", "a\x9fb", "x" * 513])
def test_an_attribute_that_no_store_could_keep_is_refused(name: str, value: str) -> None:
    with pytest.raises(MalformedMessageError) as caught:
        decode_event(_event(**{name: value}))
    assert (caught.value.rule, caught.value.where) == ("event.attribute", f"$.{name}")


@pytest.mark.parametrize("version", ["", "0.3", "1.1", "2.0", "1.0 "])
def test_only_version_1_0_is_understood(version: str) -> None:
    with pytest.raises(MalformedMessageError) as caught:
        decode_event(_event(specversion=version))
    assert (caught.value.rule, caught.value.where) == ("event.specversion", "$.specversion")


@pytest.mark.parametrize("time", ["", "now", "2026-01-31", "2026-01-31T09:30:00", "2026-01-31T09:30:00Z\n"])
def test_the_time_has_a_zone(time: str) -> None:
    with pytest.raises(MalformedMessageError) as caught:
        decode_event(_event(time=time))
    assert caught.value.where == "$.time"
    assert caught.value.rule in {"event.time", "event.attribute"}


@pytest.mark.parametrize("name", ["id", "source", "type", "specversion", "subject", "time", "data"])
def test_a_missing_attribute_is_refused_and_never_invented(name: str) -> None:
    with pytest.raises(MalformedMessageError, match=f"`{name}`"):
        decode_event(json.dumps({key: value for key, value in EVENT.items() if key != name}).encode())


def test_every_topic_forgets_by_age_and_is_keyed_by_the_request() -> None:
    every = [*topics.FIXED, topics.tasks_of("crm")]
    assert len({one.name for one in every}) == len(every)
    for one in every:
        assert one.key == "request_id"
        assert one.cleanup_policy == "delete"
        assert dt.timedelta(0) < one.segment < one.retention <= dt.timedelta(days=7)


def test_a_system_has_a_topic_of_its_own() -> None:
    assert topics.tasks_of("crm").name == "expunge.tasks.crm"
    assert topics.tasks_of("crm") != topics.tasks_of("hr")


@pytest.mark.parametrize("system", ["", "a b", "../hr", "ann@example.org", "crm\n", "x" * 65, "\u00e4"])
def test_a_name_that_kafka_would_refuse_is_refused_here(system: str) -> None:
    with pytest.raises(SchemaError) as caught:
        topics.tasks_of(system)
    assert caught.value.rule == "topic.name"
    assert not system or system not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", True),
        ("", False),
        ("carla.canary@example.org", False),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\n", False),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-carla", False),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", False),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", False),
        ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", False),
        ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", False),
    ],
)
def test_i04_a_trace_that_is_none_is_dropped_and_is_no_error(text: str, kept: bool) -> None:
    assert envelope.trace_of(text) == (text if kept else "")
