"""Keys of records in files, and the tokens that stand for a person in records that are kept.

A line has no key of its own: ``line:<digest>#<n>`` is the n-th line with these bytes. Equal lines are numbered so
that those that stay longest come first; when some of them are removed, the numbers of the others hold.
A pseudonymised record is ``token:<token>#<n>``, numbered the same way.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from connectors.files.faults import translated
from connectors.files.found import Record

_SECRET_BYTES: Final = 32


def digest(raw: bytes) -> str:
    """Give the digest of a record: 32 hex digits. The line's ending does not count."""
    return hashlib.blake2b(raw, digest_size=16).hexdigest()


def number(records: Iterable[Record], owner: int, tokens: Mapping[str, frozenset[int]]) -> list[tuple[str, Record]]:
    """Give each record of one subject its key, in the order of the files."""
    groups: dict[str, list[tuple[int, Record]]] = {}
    for place, record in enumerate(records):
        own = sorted(token for token in record.match.tokens if owner in tokens[token])
        base = f"token:{own[0]}" if own else f"line:{record.digest}"
        groups.setdefault(base, []).append((place, record))
    keyed: list[tuple[int, str, Record]] = []
    for base, group in groups.items():
        # Last to be erased first: live, then without a date, then the youngest.
        group.sort(key=lambda item: item[1].match.anchor or "9999-99-99", reverse=True)
        group.sort(key=lambda item: not item[1].live)
        keyed.extend((place, f"{base}#{nth}", record) for nth, (place, record) in enumerate(group))
    keyed.sort(key=lambda item: item[0])
    return [(key, record) for _, key, record in keyed]


def split(key: str) -> tuple[str, int]:
    """Give a key's base and number; a key of another form gives number -1 and never matches."""
    base, _, nth = key.rpartition("#")
    return (base, int(nth)) if nth.isascii() and nth.isdigit() else (key, -1)


def token(secret: bytes, request_id: str, record_set: str) -> str:
    """Give the token for one request and one record set.

    It is derived, so that an order that is run again finds what was masked before: after a crash, and under another
    task id where the answer to the first try was lost. The secret never leaves the store's folder, so nobody can lead
    the token back from the ids that stand in a completion record.
    """
    text = f"{request_id}\0{record_set}".encode("utf-8", "surrogatepass")
    return "erased-" + hashlib.blake2b(text, key=secret, digest_size=8).hexdigest()


def secret(folder: Path) -> bytes:
    """Read the store's secret, or make it. Call under the lock.

    Raises:
        TransientError, PermanentError: see ``faults``.
    """
    file = folder / "key"
    with translated():
        if file.exists():
            known = file.read_bytes()
            if len(known) == _SECRET_BYTES:
                return known
        # A short file is the rest of a crash: no token was made with it yet.
        file.unlink(missing_ok=True)
        fresh = os.urandom(_SECRET_BYTES)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(fresh)
            out.flush()
            os.fsync(out.fileno())
    return fresh
