"""The law of this version of the program as files: what a bundle holds, and what a record names by its digest. Pure.

Holidays are none of it: they come from a library, and each one that moved a date stands in the trace of that date.
"""

from __future__ import annotations

import functools
import hashlib
from typing import Any

import msgspec

from orchestrator.law.regimes import REGIMES
from orchestrator.law.texts import LIBRARY


@functools.cache
def files() -> dict[str, bytes]:
    """Give name and bytes of each file, in the order in which their digest is made."""
    return {"law/regimes.json": _json(REGIMES), "law/texts.json": _json([LIBRARY[name] for name in sorted(LIBRARY)])}


@functools.cache
def digest() -> str:
    """Give the SHA-256 (hex) of all the files, one after the other: ``cat law/*.json | sha256sum``."""
    return hashlib.sha256(b"".join(files().values())).hexdigest()


def _json(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value, order="deterministic"), indent=2) + b"\n"
