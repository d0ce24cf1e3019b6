"""A bundle for an authority holds the issuer's own account of each case: is it the one that its records tell? Pure.

What the manifest binds cannot be altered, but whoever signed it can have written anything. So the account is held
against the records, whose place in the ledger is proved, and against the plans, whose digest the records name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from orchestrator.errors import VerificationError
from schemas.completion import CompletionRecord

_FIX: Final = "get the bundle again from the issuer, and ask why the two differ"


class _Listed(msgspec.Struct):
    number: int


class _Case(msgspec.Struct):
    request_id: str
    right: str
    received_at: str
    plan_sha256: str
    records: list[_Listed]


def check(files: Mapping[str, bytes], records: Iterable[CompletionRecord]) -> None:
    """Hold cases and plans of a bundle against its records; a bundle without cases has nothing to hold.

    Raises:
        VerificationError: at the first doubt.
    """
    plans = _plans(files)
    told = _told(files, plans)
    if not told:
        return
    for record in records:
        if record.request_id not in told:
            raise VerificationError(f"record {record.record_id} has no case", fix=_FIX)
        name, one = told[record.request_id]
        if record.plan_sha256 not in plans:
            raise VerificationError(f"the plan of record {record.record_id} is not here", fix=_FIX)
        if (one.right, one.received_at) != (record.right, record.received_at) or all(
            listed.number != record.number for listed in one.records
        ):
            raise VerificationError(f"{name} tells something else than record {record.record_id}", fix=_FIX)


def _plans(files: Mapping[str, bytes]) -> set[str]:
    plans = set()
    for name, raw in files.items():
        if name.startswith("plans/"):
            digest = hashlib.sha256(raw).hexdigest()
            if name != f"plans/{digest}.json":
                raise VerificationError(f"{name} is not the plan that its name says", fix=_FIX)
            plans.add(digest)
    return plans


def _told(files: Mapping[str, bytes], plans: set[str]) -> dict[str, tuple[str, _Case]]:
    told: dict[str, tuple[str, _Case]] = {}
    for name in sorted(files):
        if name.startswith("cases/") and name.endswith(".json"):
            one = _read(name, files[name])
            if one.request_id in told:
                raise VerificationError(f"{name}: its request has a case already", fix=_FIX)
            if one.plan_sha256 not in plans:
                raise VerificationError(f"{name}: its plan is not here", fix=_FIX)
            told[one.request_id] = (name, one)
    return told


def _read(name: str, raw: bytes) -> _Case:
    try:
        return msgspec.json.decode(raw, type=_Case)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise VerificationError(f"{name} is no account of a case", fix=_FIX) from None
