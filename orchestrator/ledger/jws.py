"""Compact JWS (RFC 7515) with Ed25519 (RFC 9864) over RFC 8785 JSON: how what we sign is written and opened.

Keys are pinned by the caller; nothing in the header is trusted (no ``jwk``, no ``x5c``, no other algorithm). ``typ``
says what is signed, so that one kind never passes as another.
"""

from __future__ import annotations

import json
from typing import Final, Protocol, TypeVar

import msgspec
import rfc8785

from orchestrator.errors import VerificationError
from schemas.codec import decode, forbid_unknown
from schemas.errors import SchemaError
from schemas.sealing import b64u, unb64u

_LARGEST_NUMBER: Final = (1 << 53) - 1
_ALGORITHMS: Final = frozenset({"Ed25519", "EdDSA"})


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


def signed(payload: bytes, typ: str, signer: Signing) -> bytes:
    """Give the compact JWS of a payload that is in canonical form."""
    header = canonical({"alg": "Ed25519", "kid": signer.kid, "typ": typ})
    text = f"{b64u(header)}.{b64u(payload)}".encode("ascii")
    return text + b"." + b64u(signer.sign(text)).encode("ascii")


def kid_of(jws: bytes) -> str:
    """Give the id of the key that a JWS names; empty where it names none. It is a hint, and proves nothing."""
    try:
        header = msgspec.json.decode(unb64u(jws.strip().split(b".")[0].decode("ascii")), type=dict[str, str])
    except (SchemaError, msgspec.MsgspecError, UnicodeDecodeError):
        return ""
    return header.get("kid", "")


def opened(jws: bytes, typ: str, key: Checking, fix: str) -> bytes:
    """Check form, algorithm, kind, key and signature; gives the payload as it was signed.

    Args:
        jws: The compact JWS.
        typ: What it has to be.
        key: The pinned key.
        fix: What whoever has a damaged one does.

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
        raise VerificationError("the record is damaged: it cannot be decoded", fix=fix) from None
    if set(header) != {"alg", "kid", "typ"} or header["alg"] not in _ALGORITHMS or header["typ"] != typ:
        raise VerificationError(f"not signed in the expected way (Ed25519, {typ})", fix=fix)
    if header["kid"] != key.kid:
        raise VerificationError(
            "signed with another key than the one you trust", fix="ask the issuer which key was in use"
        )
    key.verify(signature, parts[0] + b"." + parts[1])
    return payload
