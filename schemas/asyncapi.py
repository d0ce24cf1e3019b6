"""The topics and what travels on them as one AsyncAPI 3 document (decision 12); ``generate`` writes it.

Pure: it depends on nothing but the definitions. The application that the document speaks of is the orchestrator, so it
receives what others publish, and sends what they read.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from schemas import batches
from schemas.envelope import TYPE_PREFIX
from schemas.fields import ID_PATTERN
from schemas.topics import FIXED, Topic, tasks_of

FILE: Final = "asyncapi.json"
_ANY_SYSTEM: Final = "SYSTEM"


def document(components: Mapping[str, Any], data_of: Mapping[str, str]) -> dict[str, Any]:
    """Give the document.

    Args:
        components: Schemas by the name of their type; they refer to each other as ``#/components/schemas/<name>``.
        data_of: CloudEvents type -> name of the type of its ``data``.
    """
    topics = [*FIXED, tasks_of(_ANY_SYSTEM)]
    channels, operations, messages = {}, {}, {}
    for one in topics:
        name = _name(one)
        for carried in (one.carries, *one.also):
            event_type = TYPE_PREFIX + carried
            messages[carried] = _message(carried, event_type, data_of[event_type])
        channels[name] = _channel(one)
        action = "send" if one.producer == "orchestrator" else "receive"
        operations[f"{action}-{name}"] = {
            "action": action,
            "channel": {"$ref": f"#/channels/{name}"},
            "messages": [{"$ref": f"#/channels/{name}/messages/{carried}"} for carried in (one.carries, *one.also)],
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "expunge",
            "version": "1.0.0",
            "description": "Privacy requests, what systems are asked, what they confirm, and the record of the result. "
            "docs/wire-format.md tells how the sealed parts are made.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": batches.ONE,
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": _plain(dict(sorted(components.items())))},
    }


def _plain(schema: Any) -> Any:
    """Without OpenAPI's discriminator, which AsyncAPI writes otherwise; each branch names its tag anyway."""
    if isinstance(schema, dict):
        is_schema = "anyOf" in schema or "oneOf" in schema
        return {name: _plain(one) for name, one in schema.items() if not (is_schema and name == "discriminator")}
    return [_plain(one) for one in schema] if isinstance(schema, list | tuple) else schema


def _name(topic: Topic) -> str:
    return topic.name.removeprefix("expunge.").partition(".")[0]


def _address(topic: Topic) -> str:
    return topic.name.replace(_ANY_SYSTEM, "{system}")


def _channel(topic: Topic) -> dict[str, Any]:
    channel: dict[str, Any] = {
        "address": _address(topic),
        "messages": {carried: {"$ref": f"#/components/messages/{carried}"} for carried in (topic.carries, *topic.also)},
        "bindings": {
            "kafka": {
                "topicConfiguration": {
                    "cleanup.policy": [topic.cleanup_policy],
                    "retention.ms": topic.retention // dt.timedelta(milliseconds=1),
                },
                "bindingVersion": "0.5.0",
            }
        },
    }
    if _ANY_SYSTEM in topic.name:
        channel["parameters"] = {"system": {"description": "Id of a connected system; only it reads its own topic."}}
    return channel


def _message(carried: str, event_type: str, data: str) -> dict[str, Any]:
    event = {
        "allOf": [
            {"$ref": "#/components/schemas/CloudEvent"},
            {"properties": {"type": {"const": event_type}, "data": {"$ref": f"#/components/schemas/{data}"}}},
        ]
    }
    return {
        "name": event_type,
        "title": carried,
        "summary": f"One event, or a JSON array of up to {batches.MAX_EVENTS} of them.",
        "contentType": batches.ONE,
        "headers": {
            "type": "object",
            "properties": {"content-type": {"type": "string", "enum": [batches.ONE, batches.MANY]}},
        },
        "payload": {"oneOf": [event, {"type": "array", "minItems": 1, "maxItems": batches.MAX_EVENTS, "items": event}]},
        "bindings": {
            "kafka": {
                "key": {
                    "type": "string",
                    "pattern": ID_PATTERN,
                    "description": "The request id; absent where a message holds several events.",
                },
                "bindingVersion": "0.5.0",
            }
        },
    }
