"""CloudEvents 1.0 structured-mode JSON (decision 12, formats.md 3).

``subject`` is always the request id, never a person. ``source`` plus ``id`` identify an event; an equal pair
is the same event. ``expungemac`` is our extension: base64url HMAC-SHA256 over the bytes of ``data``.
"""

from __future__ import annotations

from typing import Final

import msgspec

TYPE_PREFIX: Final = "org.expunge.dsr."
SCHEMA_BASE: Final = "https://expunge.example/schemas/v1/"

REQUEST_RECEIVED: Final = TYPE_PREFIX + "request-received.v1"
TASK: Final = TYPE_PREFIX + "task.v1"
CONFIRMATION: Final = TYPE_PREFIX + "confirmation.v1"
COMPLETION: Final = TYPE_PREFIX + "completion.v1"
NOTICE: Final = TYPE_PREFIX + "notice.v1"


class CloudEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event. ``data`` stays raw JSON bytes, so that what was signed or hashed is what arrived."""

    id: str
    source: str
    type: str
    specversion: str
    subject: str
    time: str
    data: msgspec.Raw
    datacontenttype: str = "application/json"
    dataschema: str = ""
    correlationid: str = ""
    expungemac: str = ""
    traceparent: str = ""
