"""A completion record as compact JWS (``jws``), and its verifier.

``verify`` raises at the first doubt and returns the record; it never returns a bool.
"""

from __future__ import annotations

from typing import Final

import msgspec

from orchestrator.errors import VerificationError
from orchestrator.ledger import claims, jws
from orchestrator.ledger.jws import Checking, Signing, as_written, canonical, is_canonical, kid_of
from schemas.codec import decode
from schemas.completion import JWS_TYP, KIND, CompletionRecord
from schemas.errors import SchemaError
from schemas.sealing import b64u, unb64u

__all__ = ["Checking", "Signing", "as_written", "canonical", "is_canonical", "kid_of", "sign", "verify"]

_SALT_BYTES: Final = 32
_FIX: Final = "get the record again from its issuer; do not rely on this one"


def sign(record: CompletionRecord, salt: bytes, signer: Signing) -> bytes:
    """Give the compact JWS of a record, with its salt filled in.

    Raises:
        SchemaError: a text of it is not of the form that the schema gives its field. What is signed is for ever, so a
            person is called first (I4).
    """
    payload = canonical(msgspec.structs.replace(record, salt=b64u(salt)))
    decode(payload, CompletionRecord)
    return jws.signed(payload, JWS_TYP, signer)


def verify(raw: bytes, key: Checking) -> CompletionRecord:
    """Check a record: form, algorithm, key, signature, canonical form, and that its lines support its headline.

    Raises:
        VerificationError: at the first doubt, saying which.
    """
    return _payload(jws.opened(raw, JWS_TYP, key, _FIX))


def _payload(payload: bytes) -> CompletionRecord:
    try:
        record = as_written(payload, CompletionRecord)
        if record is None:
            raise VerificationError("the record is not in canonical form (RFC 8785)", fix=_FIX)
        salt = unb64u(record.salt)
    except (SchemaError, ValueError):
        raise VerificationError("the signed content is not a completion record of this version", fix=_FIX) from None
    if record.v != 1 or record.kind != KIND or len(salt) != _SALT_BYTES:
        raise VerificationError("the signed content is not a completion record of this version", fix=_FIX)
    if record.record_id != f"{record.request_id}.{record.number}":
        raise VerificationError("the record's number does not fit its id", fix=_FIX)
    claims.supports(record)
    return record
