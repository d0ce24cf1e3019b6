"""Reads what whoever checks has pinned: keys on the command line, and a TOML file with the times they count for.

witnesses_needed = 1
[[record]]
file = "record.2f0a.pub.jwk"                    # relative to this file
retired_at = "2026-05-01T00:00:00.000Z"         # what says that it was completed later does not count
lost_at_leaf = 1204                             # the key was lost then: only what is in the ledger before counts
[[ledger]]
key = "privacy.example.com/ledger+530d903a+AekyeRrm56hA..."
retired_at_size = 1204
[[witness]]
key = "witness.example/w1+6f3f2c1d+BHlz..."
[[tsa]]
root = "tsa-root.pem"                           # of the time-stamp authority
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from orchestrator.errors import UsageError, VerificationError
from orchestrator.keys.folder import read_public
from orchestrator.keys.notes import LedgerVerifier
from orchestrator.ledger import notes
from orchestrator.ledger.trust import LedgerKey, RecordKey, Trust
from schemas.requests import utc


class _Record(msgspec.Struct, forbid_unknown_fields=True):
    file: str
    retired_at: str = ""
    lost_at_leaf: int | None = None


class _Ledger(msgspec.Struct, forbid_unknown_fields=True):
    key: str
    retired_at_size: int | None = None


class _Witness(msgspec.Struct, forbid_unknown_fields=True):
    key: str


class _Tsa(msgspec.Struct, forbid_unknown_fields=True):
    root: str


class _File(msgspec.Struct, forbid_unknown_fields=True):
    record: list[_Record] = []
    ledger: list[_Ledger] = []
    witness: list[_Witness] = []
    tsa: list[_Tsa] = []
    witnesses_needed: int = 0


def pinned(
    records: Sequence[Path],
    ledger: Sequence[str],
    file: Path | None,
    tsa_roots: Sequence[Path] = (),
    now: dt.datetime | None = None,
) -> Trust:
    """Give what is pinned.

    Args:
        records: JWK files of keys of records.
        ledger: Keys of the ledger: a line of ``expunge ledger key`` each, or a file of such lines.
        file: The TOML file.
        tsa_roots: Root certificates of time-stamp authorities (PEM).
        now: When it is checked; needed with them.

    Raises:
        UsageError: something cannot be read, or is no key.
    """
    keys = [RecordKey(read_public(one)) for one in records]
    logs = [LedgerKey(_key(line, one, notes.ED25519)) for one in ledger for line in _lines(one)]
    said = _read(file) if file is not None else _File()
    for record in said.record:
        where = (file or Path()).parent / record.file
        keys.append(RecordKey(read_public(where), _moment(record.retired_at, str(file)), record.lost_at_leaf))
    logs += [LedgerKey(_key(one.key, str(file), notes.ED25519), one.retired_at_size) for one in said.ledger]
    witnesses = [_key(one.key, str(file), notes.COSIGNATURE) for one in said.witness]
    if len(witnesses) < said.witnesses_needed:
        fix = f"name {said.witnesses_needed} under [[witness]], or want fewer"
        raise UsageError("more witnesses are wanted than are named", where=str(file), fix=fix)
    roots = [*tsa_roots, *((file or Path()).parent / one.root for one in said.tsa)]
    authority = None
    if roots and now is not None:
        from orchestrator.keys.stamps import PinnedAuthority  # the library costs its time, and few need it

        authority = PinnedAuthority.of(roots, now)
    return Trust(keys, logs, witnesses, said.witnesses_needed, authority)


def witness(line: str) -> LedgerVerifier:
    """Give the key of a witness.

    Raises:
        UsageError: it is none.
    """
    return _key(line, "--witness", notes.COSIGNATURE)


def _lines(given: str) -> list[str]:
    if given.count("+") >= 2 and not Path(given).exists():  # noqa: PLR2004 - name, id, key
        return [given]
    try:
        found = [one for one in Path(given).read_text().splitlines() if one and not one.startswith("#")]
    except (OSError, UnicodeDecodeError):
        fix = "give a line of `expunge ledger key` of the issuer, or a file of such lines"
        raise UsageError("a key of a ledger cannot be read", where=given, fix=fix) from None
    return found


def _key(line: str, where: str, kind: int) -> LedgerVerifier:
    try:
        found = LedgerVerifier.of(line)
    except VerificationError as error:
        raise UsageError(error.what, where=where, fix=error.fix) from None
    if found.kind != kind:
        wanted = "a ledger" if kind == notes.ED25519 else "a witness (cosignature/v1)"
        raise UsageError(f"not a key of {wanted}", where=where, fix="ask whoever gave it to you")
    return found


def _moment(text: str, where: str) -> str:
    if not text:
        return ""
    try:
        return utc(dt.datetime.fromisoformat(text))
    except ValueError:
        fix = 'e.g. retired_at = "2026-05-01T00:00:00Z"'
        raise UsageError("retired_at is not a time with a zone", where=where, fix=fix) from None


def _read(file: Path) -> _File:
    try:
        return msgspec.convert(tomllib.loads(file.read_text("utf-8")), _File)
    except OSError as error:
        raise UsageError("the file of pinned keys cannot be read", where=str(file), why=error.strerror or "") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        why = str(error)
        fix = "see the example at the head of docs/evidence.md"
        raise UsageError("the file of pinned keys is wrong", where=str(file), why=why, fix=fix) from None
