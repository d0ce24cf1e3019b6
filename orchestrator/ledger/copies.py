"""Signs the description of a copy (``manifest.jws``), and checks it. Pure.

A detached JWS (RFC 7515, appendix F) over the exact bytes of ``datapackage.json``, which names every other file of the
copy with its length and SHA-256: whoever holds the copy can show that it is what was handed out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from orchestrator.errors import VerificationError
from orchestrator.ledger import jws
from orchestrator.ledger.jws import Signing
from orchestrator.ledger.trust import RecordKey, Trust
from schemas.sealing import b64u

DESCRIPTION: Final = "datapackage.json"
SIGNATURE: Final = "manifest.jws"
JWS_TYP: Final = "dsr-copy+jws"
_FIX: Final = "get the copy again from the company; do not rely on this one"
_HASH: Final = re.compile(r"sha256:([0-9a-f]{64})")
_PART: Final = re.compile(r"[A-Za-z0-9._-]*[A-Za-z0-9_-][A-Za-z0-9._-]*")
_SHOWN: Final = 80


class Entry(msgspec.Struct, frozen=True):
    """A file as the description names it. ``sha256``: hex; ``length``: bytes."""

    length: int
    sha256: str


class Signed(msgspec.Struct, frozen=True):
    """A description that a pinned key has signed. ``request_id``: empty where it names none."""

    request_id: str
    kid: str
    files: dict[str, Entry]
    retired_at: str = ""


class _File(msgspec.Struct):
    path: str
    bytes: int = -1
    hash: str = ""


class _Description(msgspec.Struct):
    resources: list[_File]
    files: list[_File]
    id: str = ""


def sign(description: bytes, signer: Signing) -> bytes:
    """Give the detached JWS of a description: the compact form without its payload."""
    head, _, signature = jws.signed(description, JWS_TYP, signer).split(b".")
    return head + b".." + signature


def opened(description: bytes, signature: bytes, trust: Trust) -> Signed:
    """Check the signature of a description under the pinned key that it names, and read the description.

    Raises:
        VerificationError: at the first doubt.
    """
    parts = signature.strip().split(b".")
    if len(parts) != 3 or parts[1]:  # noqa: PLR2004 - a compact JWS has three parts
        raise VerificationError(f"{SIGNATURE} is not a detached JWS", fix=_FIX)
    kid = jws.kid_of(signature)
    pinned = next((one for one in trust.records if one.key.kid == kid), None)
    if pinned is None:
        fix = "ask the company which key was in use, by another way than the copy came"
        raise VerificationError("signed with another key than the one you trust", fix=fix)
    _counts(pinned)
    whole = b".".join((parts[0], b64u(description).encode("ascii"), parts[2]))
    try:
        jws.opened(whole, JWS_TYP, pinned.key, _FIX)
    except VerificationError:
        what = f"the signature does not fit: {DESCRIPTION} or {SIGNATURE} was altered"
        raise VerificationError(what, fix=_FIX) from None
    return _read(description, kid, pinned.retired_at)


def compare(files: Mapping[str, Entry], lengths: Mapping[str, int]) -> None:
    """Hold names and lengths of what is there against what was signed: no file more, none less.

    Raises:
        VerificationError: at the first difference, naming the file.
    """
    if missing := sorted(files.keys() - lengths.keys()):
        raise VerificationError(f"{missing[0]} is missing from the copy", fix=_FIX)
    if more := sorted(lengths.keys() - files.keys()):
        raise VerificationError(f"{shown(more[0])} is in the copy, and was not handed out", fix=_FIX)
    for name, one in files.items():
        same(name, one, Entry(lengths[name], one.sha256))


def same(name: str, signed: Entry, found: Entry) -> None:
    """Hold one file against what was signed.

    Raises:
        VerificationError: it is another.
    """
    if found != signed:
        raise VerificationError(f"{name} was altered: it is not what was handed out", fix=_FIX)


def name_is_fine(name: str) -> bool:
    """Tell whether a name stays in its folder, on every system (zip-slip)."""
    return all(_PART.fullmatch(part) for part in name.split("/"))


def shown(name: str) -> str:
    """Give a name as it may be printed: one from a foreign file could steer a terminal."""
    return ascii(name)[1:-1][:_SHOWN]


def _counts(pinned: RecordKey) -> None:
    if pinned.lost_at is not None:
        what = "signed with a key that was lost: anybody may have signed this copy"
        raise VerificationError(what, fix="ask the company for a new copy")


def _read(description: bytes, kid: str, retired_at: str) -> Signed:
    try:
        said = msgspec.json.decode(description, type=_Description)
    except msgspec.MsgspecError:
        raise VerificationError(f"{DESCRIPTION} is not the description of a copy of ours", fix=_FIX) from None
    files: dict[str, Entry] = {}
    for one in (*(one for one in said.resources if one.hash), *said.files):
        match = _HASH.fullmatch(one.hash)
        if match is None or one.bytes < 0 or one.path in files or not name_is_fine(one.path):
            raise VerificationError(f"{DESCRIPTION} is not the description of a copy of ours", fix=_FIX)
        files[one.path] = Entry(one.bytes, match[1])
    return Signed(said.id, kid, files, retired_at)
