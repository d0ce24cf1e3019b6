"""CloudEvents 1.0 structured-mode JSON (decision 12, formats.md 3).

``subject`` is always the request id, never a person. ``source`` plus ``id`` identify an event; an equal pair
is the same event. ``expungemac`` is our extension: base64url HMAC-SHA256 over the bytes of ``data``.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

import msgspec

from schemas.fields import CLOUDEVENTS_STRING, ID_PATTERN, Moment

TYPE_PREFIX: Final = "org.expunge.dsr."
SCHEMA_BASE: Final = "https://expunge.example/schemas/v1/"

REQUEST_RECEIVED: Final = TYPE_PREFIX + "request-received.v1"
TASK: Final = TYPE_PREFIX + "task.v1"
CONFIRMATION: Final = TYPE_PREFIX + "confirmation.v1"
COMPLETION: Final = TYPE_PREFIX + "completion.v1"
NOTICE: Final = TYPE_PREFIX + "notice.v1"
DEAD_LETTER: Final = TYPE_PREFIX + "dead-letter.v1"
HEARTBEAT: Final = TYPE_PREFIX + "heartbeat.v1"
INCIDENT: Final = TYPE_PREFIX + "incident.v1"


_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}\Z")


def trace_of(text: str) -> str:
    """Give a traceparent (W3C Trace Context, section 3.2) as it is, and nothing for what is none.

    It is copied from what caused an event to what it causes: another text might lead to a person (I4).
    """
    return text if _TRACEPARENT.match(text) else ""


def _text(**more: object) -> msgspec.Meta:
    # Published only: ``codec.decode_event`` checks the attributes, and says which one is wrong.
    return msgspec.Meta(extra_json_schema={"pattern": CLOUDEVENTS_STRING, **more})


class CloudEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event. ``data`` stays raw JSON bytes, so that what was signed or hashed is what arrived."""

    id: Annotated[str, _text(minLength=1)]
    source: Annotated[str, _text(minLength=1, format="uri-reference")]
    type: Annotated[str, _text(minLength=1)]
    specversion: Annotated[str, msgspec.Meta(extra_json_schema={"const": "1.0"})]
    subject: Annotated[str, msgspec.Meta(extra_json_schema={"pattern": ID_PATTERN})]
    time: Moment
    data: msgspec.Raw
    datacontenttype: str = "application/json"
    dataschema: str = ""
    correlationid: str = ""
    expungemac: str = ""
    traceparent: str = ""
