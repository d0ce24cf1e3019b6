"""CloudEvents as a connected system sends them: authenticated with the system's key, over the bytes of ``data``."""

from __future__ import annotations

import msgspec

from schemas import envelope
from schemas.codec import encode
from schemas.envelope import CloudEvent
from schemas.heartbeats import Heartbeat
from schemas.sealing import SharedKey
from schemas.tasks import Confirmation


def confirmation_event(confirmation: Confirmation, key: SharedKey, trace: str = "") -> bytes:
    """Wrap a confirmation. ``trace``: W3C traceparent of the task it answers."""
    data = encode(confirmation)
    event = CloudEvent(
        id=confirmation.task_id,
        source=source_of(confirmation.system),
        type=envelope.CONFIRMATION,
        specversion="1.0",
        subject=confirmation.request_id,
        time=confirmation.acted_at,
        data=msgspec.Raw(data),
        expungemac=key.mac(data),
        traceparent=envelope.trace_of(trace),
    )
    return encode(event)


def heartbeat_event(heartbeat: Heartbeat, key: SharedKey) -> bytes:
    """Wrap a heartbeat; its subject is the worker, since it concerns no request."""
    data = encode(heartbeat)
    event = CloudEvent(
        id=f"{heartbeat.worker}.{heartbeat.at}",
        source=source_of(heartbeat.system),
        type=envelope.HEARTBEAT,
        specversion="1.0",
        subject=heartbeat.worker,
        time=heartbeat.at,
        data=msgspec.Raw(data),
        expungemac=key.mac(data),
    )
    return encode(event)


def source_of(system: str) -> str:
    """Give the CloudEvents source of what a system says."""
    return f"/systems/{system}"
