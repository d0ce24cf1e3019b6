"""What one message of a topic carries: one CloudEvent, or a CloudEvents JSON batch of them (ADR 23).

CloudEvents 1.0, JSON format section 4: a batch is an array of structured-mode events. Which of the two a value is, its
first byte says; nothing hangs on a header that a program in another language may have left out.

* Every event comes back as the very bytes that arrived: hashes and MACs are over bytes.
* One event that cannot be read never condemns its neighbours. A value that is no JSON at all is refused as a whole,
  since nobody can say where one of its events ends.
* Nothing here raises, whatever the bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

MAX_EVENTS: Final = 100
"""Most events in one value. A reader refuses more: a megabyte of ``[0,0,...]`` would be half a million dead letters."""
MAX_BYTES: Final = 512 * 1024
"""Most bytes of a value with several events; half of what a broker takes by default. One event alone may be larger."""
ONE: Final = "application/cloudevents+json"
MANY: Final = "application/cloudevents-batch+json"
"""Values of the header ``content-type`` (CloudEvents Kafka binding, section 3.2.1)."""

_BATCH: Final = msgspec.json.Decoder(list[msgspec.Raw])
_ARRAY: Final = re.compile(rb"[ \t\r\n]*\[")
_BROKEN: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Unreadable(msgspec.Struct, frozen=True):
    """What is no event: its bytes, for the dead letters, and a stable word for why.

    Attributes:
        raw: The bytes of this event alone, or of the whole value.
        error: ``batch_malformed``, ``batch_too_many``, ``batch_empty``, or ``not_an_object``.
    """

    raw: bytes
    error: str

    def __repr__(self) -> str:
        """Hide the bytes (I4)."""
        return f"Unreadable({len(self.raw)} bytes, error={self.error!r})"


def unpack(value: bytes) -> list[bytes | Unreadable]:
    """Give the events of one value, each as it arrived; never empty.

    What stands alone, or is an object inside an array, is handed on unread: ``codec.decode_event`` judges it.
    """
    if not _ARRAY.match(value):
        return [value] if value.strip() else [Unreadable(value, "not_an_object")]
    try:
        events = _BATCH.decode(value)
    except _BROKEN:
        return [Unreadable(value, "batch_malformed")]
    if not events:
        return [Unreadable(value, "batch_empty")]
    if len(events) > MAX_EVENTS:
        return [Unreadable(value, "batch_too_many")]
    found: list[bytes | Unreadable] = []
    for one in events:
        raw = bytes(one)
        found.append(raw if raw.startswith(b"{") else Unreadable(raw, "not_an_object"))
    return found


def pack(events: Iterable[bytes], *, most: int = MAX_EVENTS, size: int = MAX_BYTES) -> list[bytes]:
    """Put encoded events, in their order, into as few values as fit; one alone stays as it is.

    Args:
        events: CloudEvents as ``codec.encode`` gave them: each one JSON object.
        most: Events in one value.
        size: Bytes of a value with several events.
    """
    values: list[bytes] = []
    group: list[bytes] = []
    length = 0
    for event in events:
        # One byte each for the comma, and one more for the brackets around.
        if group and (len(group) >= most or length + len(event) + 2 > size):
            values.append(_value(group))
            group, length = [], 0
        group.append(event)
        length += len(event) + 1
    if group:
        values.append(_value(group))
    return values


def _value(group: Sequence[bytes]) -> bytes:
    return group[0] if len(group) == 1 else b"[" + b",".join(group) + b"]"


def content_type(value: bytes) -> str:
    """Give the ``content-type`` that goes with a value."""
    return MANY if _ARRAY.match(value) else ONE
