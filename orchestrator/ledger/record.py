"""A completion record as compact JWS (RFC 7515) over RFC 8785 JSON, Ed25519 (RFC 9864); and its verifier.

``verify`` raises at the first doubt and returns the record; it never returns a bool. Keys are pinned by the
caller; nothing in the header is trusted (no ``jwk``, no ``x5c``, no other algorithm).
"""

from __future__ import annotations

import json
from typing import Final, Protocol, TypeVar

import msgspec
import rfc8785

from orchestrator.errors import VerificationError
from orchestrator.ledger import claims
from schemas.codec import decode, forbid_unknown
from schemas.completion import JWS_TYP, KIND, CompletionRecord
from schemas.errors import SchemaError
from schemas.sealing import b64u, unb64u

_SALT_BYTES: Final = 32
_LARGEST_NUMBER: Final = (1 << 53) - 1
_ALGORITHMS: Final = frozenset({"Ed25519", "EdDSA"})
_FIX: Final = "get the record again from its issuer; do not rely on this one"


class Signing(Protocol):
    """What signs: see ``orchestrator.keys``."""

    kid: str

    def sign(self, data: bytes) -> bytes:
        """Give the signature."""
        ...


class Checking(Protocol):
    """What checks a signature under a pinned key: see ``orchestrator.keys``."""

    kid: str

    def verify(self, signature: bytes, data: bytes) -> None:
        """Raise VerificationError unless the signature fits."""
        ...


_T = TypeVar("_T")
_SORTED: Final = msgspec.json.Encoder(order="sorted").encode


def canonical(value: object) -> bytes:
    """Give the RFC 8785 form.

    For plain ASCII without escapes, sorted compact JSON *is* the RFC 8785 form (there are no floats in a record), and
    msgspec writes it 30 times faster than the general library, which was an eighth of the cost of a request. Anything
    else goes through the library; a property test holds the two against each other.
    """
    fast = _SORTED(value)
    if fast.isascii() and b"\\" not in fast:
        return fast
    return rfc8785.dumps(msgspec.to_builtins(value))


def is_canonical(document: bytes) -> bool:
    """Tell whether JSON is written in its RFC 8785 form, by the fast way of ``canonical`` where that is the same.

    Raises:
        ValueError: it is no JSON, or holds a fraction or a number that not every reader reads alike (I-JSON).
    """
    value = json.loads(document, parse_float=_refused, parse_constant=_refused, parse_int=_whole)
    if document.isascii() and b"\\" not in document:
        return _SORTED(value) == document
    return rfc8785.dumps(value) == document


def as_written(document: bytes, kind: type[_T]) -> _T | None:
    """Read a document that is written in its one form and has no field that nobody defined; None: another form.

    What we would write in the very same bytes is canonical, and has nothing in it but what was read; with a hundred
    thousand documents that halves the cost. Anything else is looked at field by field.

    Raises:
        SchemaError: it is no such document, or has a field that nobody defined.
        ValueError: it is no JSON, or holds a number that not every reader reads alike.
    """
    try:
        read = decode(document, kind)
    except SchemaError:
        if not is_canonical(document):
            return None
        raise
    if canonical(read) != document:
        if not is_canonical(document):
            return None
        forbid_unknown(document, read)
    return read


def _refused(_: str) -> float:
    raise ValueError("a number that no evidence has")


def _whole(text: str) -> int:
    number = int(text)
    if abs(number) > _LARGEST_NUMBER or text == "-0":
        raise ValueError("a number that not every reader reads alike")
    return number


def sign(record: CompletionRecord, salt: bytes, signer: Signing) -> bytes:
    """Give the compact JWS of a record, with its salt filled in.

    Raises:
        SchemaError: a text of it is not of the form that the schema gives its field. What is signed is for ever, so a
            person is called first (I4).
    """
    payload = canonical(msgspec.structs.replace(record, salt=b64u(salt)))
    decode(payload, CompletionRecord)
    header = canonical({"alg": "Ed25519", "kid": signer.kid, "typ": JWS_TYP})
    signed = f"{b64u(header)}.{b64u(payload)}".encode("ascii")
    return signed + b"." + b64u(signer.sign(signed)).encode("ascii")


def kid_of(jws: bytes) -> str:
    """Give the id of the key that a record names; empty where it names none. It is a hint, and proves nothing."""
    try:
        header = msgspec.json.decode(unb64u(jws.strip().split(b".")[0].decode("ascii")), type=dict[str, str])
    except (SchemaError, msgspec.MsgspecError, UnicodeDecodeError):
        return ""
    return header.get("kid", "")


def verify(jws: bytes, key: Checking) -> CompletionRecord:
    """Check a record: form, algorithm, key, signature, canonical form, and that its lines support its headline.

    Raises:
        VerificationError: at the first doubt, saying which.
    """
    parts = jws.strip().split(b".")
    if len(parts) != 3:  # noqa: PLR2004 - a compact JWS has three parts
        raise VerificationError("not a compact JWS", fix="give the file that `expunge record` wrote")
    try:
        header = msgspec.json.decode(unb64u(parts[0].decode("ascii")), type=dict[str, str])
        payload = unb64u(parts[1].decode("ascii"))
        signature = unb64u(parts[2].decode("ascii"))
    except (SchemaError, msgspec.MsgspecError, UnicodeDecodeError):
        raise VerificationError("the record is damaged: it cannot be decoded", fix=_FIX) from None
    if set(header) != {"alg", "kid", "typ"} or header["alg"] not in _ALGORITHMS or header["typ"] != JWS_TYP:
        raise VerificationError("not signed in the expected way (Ed25519, dsr-completion+jws)", fix=_FIX)
    if header["kid"] != key.kid:
        raise VerificationError(
            "signed with another key than the one you trust", fix="ask the issuer which key was in use"
        )
    key.verify(signature, parts[0] + b"." + parts[1])
    return _payload(payload)


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
