"""The access package: a zip with JSON and CSV per record set, encrypted at rest with a key of its own.

The parts come from the systems as encrypted spool files (``connectors.exports``); the zip is written through the
encryption, so nothing in clear touches the disk and memory stays flat. ``deliver`` gives the plain zip to the person
in charge of handing it over. Entries are sorted and carry a fixed time, so the same data gives the same zip.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import json
import os
import re
import struct
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from orchestrator.errors import DependencyError
from orchestrator.ports import Chance

_MAGIC: Final = b"expungeP1"
_SALT: Final = 16
_CHUNK: Final = 1 << 20
_STAMP: Final = (1980, 1, 1, 0, 0, 0)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")

Row = Mapping[str, Any]
Parts = Iterable[tuple[str, Iterator[tuple[str, Row]]]]
"""(system, its exported rows as (record set, row))."""

README: Final = """This is the copy of your personal data under Art. 15(3) GDPR.

Each folder is one system, each pair of files one set of records: .json for programs, .csv for a spreadsheet.
In the .csv files a leading ' marks text that a spreadsheet would take for a formula.
"""


def write(folder: Path, key: bytes, parts: Parts, chance: Chance) -> tuple[str, str]:
    """Assemble and encrypt a package.

    Args:
        folder: Where it goes; created with mode 0700.
        key: 32 bytes, of this package only.
        parts: Rows by system.
        chance: Randomness for the opaque name.

    Returns:
        Opaque file name, and SHA-256 (hex) of the encrypted bytes.

    Raises:
        DependencyError: the disk is full or cannot be written; nothing is left behind.
    """
    name = f"{chance(16).hex()}.package"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".assembling-") as scratch:
            temporary = Path(scratch) / name
            with temporary.open("xb") as raw:
                temporary.chmod(0o600)
                out = _Encrypting(raw, key, chance(_SALT))
                with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
                    _entry(archive, "README.txt", [README.encode()])
                    for system, rows in parts:
                        _system(archive, _safe(system), rows, Path(scratch), chance)
                sha256 = out.finish()
                raw.flush()
                os.fsync(raw.fileno())
            temporary.rename(folder / name)
            _sync(folder)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise DependencyError(
            "the access package cannot be written", why=why, fix="free some space, run again"
        ) from None
    return name, sha256


def _system(
    archive: zipfile.ZipFile, system: str, rows: Iterator[tuple[str, Row]], scratch: Path, chance: Chance
) -> None:
    """Sort rows by record set into scratch files (encrypted too), then write both forms of each."""
    spools: dict[str, _Spool] = {}
    for record_set, row in rows:
        if record_set not in spools:
            spools[record_set] = _Spool(scratch / chance(8).hex(), chance(32), chance(_SALT))
        spools[record_set].add(row)
    for record_set, spool in sorted(spools.items()):
        spool.close()
        stem = f"data/{system}/{_safe(record_set)}"
        _entry(archive, f"{stem}.json", _as_json(spool))
        _entry(archive, f"{stem}.csv", _as_csv(spool))
        spool.remove()


def _entry(archive: zipfile.ZipFile, name: str, chunks: Iterable[bytes]) -> None:
    info = zipfile.ZipInfo(name, _STAMP)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o600 << 16
    with archive.open(info, "w", force_zip64=True) as entry:
        for chunk in chunks:
            entry.write(chunk)


def _as_json(spool: _Spool) -> Iterator[bytes]:
    yield b"["
    for place, line in enumerate(spool.lines()):
        yield (b",\n" if place else b"\n") + line
    yield b"\n]\n"


def _as_csv(spool: _Spool) -> Iterator[bytes]:
    buffer = io.StringIO(newline="")
    out = csv.writer(buffer)
    out.writerow([_cell(name) for name in spool.columns])
    for line in spool.lines():
        row = json.loads(line)
        out.writerow([_cell(row.get(name)) for name in spool.columns])
        if buffer.tell() > _CHUNK:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    # A spreadsheet would run it (formula injection); numbers keep their sign.
    return "'" + text if text.startswith(_FORMULA) and not isinstance(value, int | float) else text


def _safe(name: str) -> str:
    """A name that cannot leave its folder (zip-slip) and cannot surprise a file system."""
    return _UNSAFE.sub("_", name).strip(".") or "_"


class _Spool:
    """Rows of one record set on the way, encrypted under a key that lives in memory only."""

    def __init__(self, file: Path, key: bytes, salt: bytes) -> None:
        self._file = file
        self._key = key
        self._raw = file.open("xb")
        self._out = _Encrypting(self._raw, key, salt)
        self.columns: dict[str, None] = {}

    def add(self, row: Row) -> None:
        self.columns.update(dict.fromkeys(row))
        self._out.write(json.dumps(dict(row), ensure_ascii=False, allow_nan=False).encode() + b"\n")

    def close(self) -> None:
        self._out.finish()
        self._raw.close()

    def lines(self) -> Iterator[bytes]:
        rest = b""
        with self._file.open("rb") as raw:
            for chunk in _decrypted(raw, self._key):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from lines

    def remove(self) -> None:
        self._file.unlink()


class _Encrypting(io.RawIOBase):
    """A write-only stream: AES-256-GCM in chunks; index and "last" are authenticated, so truncation shows."""

    def __init__(self, raw: IO[bytes], key: bytes, salt: bytes) -> None:
        super().__init__()
        self._raw = raw
        self._aead = AESGCM(hmac.digest(key, _MAGIC + salt, "sha256"))
        self._buffer = bytearray()
        self._index = 0
        self._written = 0
        self._hash = hashlib.sha256()
        self._emit(_MAGIC + salt)

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        # The zip writer asks where it is, to note offsets of the plain stream.
        return self._written

    def write(self, data: Any, /) -> int:
        self._buffer += data
        self._written += len(data)
        while len(self._buffer) > _CHUNK:
            self._seal(bytes(self._buffer[:_CHUNK]), last=False)
            del self._buffer[:_CHUNK]
        return len(data)

    def finish(self) -> str:
        self._seal(bytes(self._buffer), last=True)
        self._buffer.clear()
        return self._hash.hexdigest()

    def _seal(self, plain: bytes, *, last: bool) -> None:
        sealed = self._aead.encrypt(struct.pack(">IQ", last, self._index), plain, None)
        self._index += 1
        self._emit(struct.pack(">?I", last, len(sealed)) + sealed)

    def _emit(self, data: bytes) -> None:
        self._raw.write(data)
        self._hash.update(data)


def _decrypted(raw: IO[bytes], key: bytes) -> Iterator[bytes]:
    head = raw.read(len(_MAGIC) + _SALT)
    if not head.startswith(_MAGIC):
        raise DependencyError("not an access package", fix="give the file as it was written")
    aead = AESGCM(hmac.digest(key, head, "sha256"))
    index, last = 0, False
    while not last:
        frame = raw.read(5)
        try:
            last, length = struct.unpack(">?I", frame)
            yield aead.decrypt(struct.pack(">IQ", last, index), raw.read(length), None)
        except (struct.error, InvalidTag, ValueError):
            raise DependencyError(
                "the access package was altered or cut off", fix="run the access request again"
            ) from None
        index += 1
    if raw.read(1):
        raise DependencyError("the access package was altered", fix="run the access request again")


def deliver(file: Path, key: bytes, out: IO[bytes]) -> int:
    """Decrypt a package into a stream; returns the number of bytes.

    Raises:
        DependencyError: missing, altered, cut off, or another key.
    """
    total = 0
    try:
        with file.open("rb") as raw:
            for chunk in _decrypted(raw, key):
                total += out.write(chunk)
    except FileNotFoundError:
        raise DependencyError("the access package is not there any more", fix="submit a new access request") from None
    return total


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
