"""Statements of the ledger: what is said of a request where there is no record (ADR 37). RFC 8785 JSON, each a leaf."""

from __future__ import annotations

from typing import Annotated

import msgspec

from schemas.completion import RIGHTS
from schemas.fields import Count, Date, Id, RecordId, Salt, Sha256, Time, one_of


class Received(msgspec.Struct, frozen=True, omit_defaults=True, tag="dsr-received", tag_field="kind"):
    """A request was taken in, and until when it has to be answered: so that one that never ends is seen too.

    Attributes:
        received_at: RFC 3339, UTC.
        due_at: ISO date, as the record will have it.
        salt: base64url, 32 bytes.
        receipt_sha256: Commitment that the person's receipt opens (ADR 43), as every record of the request has it.
    """

    v: Count
    request_id: Id
    right: Annotated[str, one_of(*RIGHTS)]
    controllers: tuple[Id, ...]
    received_at: Time
    due_at: Date
    salt: Salt
    receipt_sha256: Sha256 | None = None


class Answered(msgspec.Struct, frozen=True, tag="dsr-answered", tag_field="kind"):
    """The answer to the person was handed out to be sent (Art. 12(3)).

    Attributes:
        record_id: The record that the answer tells of.
        notice_sha256: SHA-256 (hex) of the notice, the CloudEvent that letters are made from.
        salt: base64url, 32 bytes.
    """

    v: Count
    request_id: Id
    record_id: RecordId
    answered_at: Time
    notice_sha256: Sha256
    salt: Salt


Statement = Received | Answered
