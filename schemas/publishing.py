"""A request form as the event that travels: sealed, and wrapped into a CloudEvent. Intake and publishers share it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from schemas import envelope
from schemas.codec import encode
from schemas.envelope import CloudEvent
from schemas.particulars import Sealing
from schemas.requests import RequestForm, RequestReceived
from schemas.sealing import Binding, IntakePublicKey


def request_event(
    form: RequestForm,
    public: IntakePublicKey,
    *,
    request_id: str,
    source: str,
    now: str,
    chance: Callable[[int], bytes],
    receipt: str = "",
) -> CloudEvent:
    """Seal the identifiers of a form, and what they correct, to the orchestrator, and wrap the request.

    Args:
        form: Validated (``requests.validated``); its identifiers are normalised.
        public: The orchestrator's public key.
        request_id: Becomes the event's id as well, so that a request cannot be taken in twice.
        source: Who publishes; a URI reference.
        now: RFC 3339 in UTC; when the request was received, if the form does not say.
        chance: Fresh random bytes, so many.
        receipt: The person's receipt, which goes sealed as well; empty: the form may have its commitment.
    """
    found = tuple(sorted(form.identifiers))
    # A list where there is nothing else: older orchestrators read that.
    whole = Sealing(found, form.corrections, receipt, form.receipt_sha256 or "")
    plain = encode(found if whole == Sealing(found) else whole)
    sealed = public.seal(plain, Binding(req=request_id, use="request"), nonce=chance(12), ephemeral=chance(32))
    received = RequestReceived(
        request_id=request_id,
        right=form.right,
        received_at=form.received_at or now,
        sealed=sealed,
        controllers=form.controllers,
        scope=form.scope,
        locale=form.locale,
        channel=form.channel,
        identity=form.identity,
        requester=form.requester,
        minor_at_collection=form.minor_at_collection,
        follows=form.follows,
        purposes=form.purposes,
        transfer_to=form.transfer_to,
        restriction_ground=form.restriction_ground,
    )
    return CloudEvent(
        id=request_id,
        source=source,
        type=envelope.REQUEST_RECEIVED,
        specversion="1.0",
        subject=request_id,
        time=now,
        data=msgspec.Raw(encode(received)),
    )
