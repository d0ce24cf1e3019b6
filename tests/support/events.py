"""Request events as programs publish them, made step by step as docs/wire-format.md says."""

from __future__ import annotations

import msgspec

from orchestrator.ports import Chance, Clock
from schemas import envelope
from schemas.codec import decode_event, encode
from schemas.envelope import CloudEvent
from schemas.identifiers import Identifier
from schemas.requests import RequestReceived, Right, utc
from schemas.sealing import Binding, IntakePublicKey

SHOP = "https://shop.example/privacy"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def request_event(
    key: IntakePublicKey,
    clock: Clock,
    chance: Chance,
    request_id: str,
    right: Right = Right.ERASURE,
    event_id: str = "",
    source: str = SHOP,
    **identifiers: str,
) -> bytes:
    """Give a request as some program publishes it; every call seals anew."""
    plain = encode(sorted(Identifier(kind, value) for kind, value in identifiers.items()))
    sealed = key.seal(plain, Binding(req=request_id, use="request"), nonce=chance(12), ephemeral=chance(32))
    data = RequestReceived(request_id=request_id, right=right, received_at=utc(clock.now()), sealed=sealed)
    event = CloudEvent(
        id=event_id or request_id,
        source=source,
        type=envelope.REQUEST_RECEIVED,
        specversion="1.0",
        subject=request_id,
        time=utc(clock.now()),
        data=msgspec.Raw(encode(data)),
        traceparent=TRACE,
    )
    return encode(event)


def changed(raw: bytes, **changes: object) -> bytes:
    """Give an event with other attributes."""
    return encode(msgspec.structs.replace(decode_event(raw), **changes))
