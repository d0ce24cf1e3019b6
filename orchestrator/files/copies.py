"""Reads a copy that somebody got, as a zip or as a folder, and hashes its files. Memory is flat; nothing is unpacked.

What comes from outside is believed in nothing: a zip whose names lead elsewhere, with two files of a name, with bytes
that belong to no file, encrypted, or with more than it says, is refused.
"""

from __future__ import annotations

import hashlib
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from orchestrator.errors import UsageError, VerificationError
from orchestrator.files import package
from orchestrator.ledger import copies
from orchestrator.ledger.copies import DESCRIPTION, SIGNATURE, Entry, Signed
from orchestrator.ledger.trust import Trust

_FIX: Final = "get the copy again from the company; do not open this one"
_LARGEST: Final = 16 << 20
"""Bytes of the description and of its signature."""
_CHUNK: Final = 1 << 20
_LOCAL, _CENTRAL, _END, _END_64 = 30, 46, 22, 76
"""Bytes of a local header, of one in the directory, and of the ends of a zip (APPNOTE 4.3)."""
_DESCRIPTOR: Final = 24
_DESCRIBED: Final = 1 << 3
_ENCRYPTED: Final = 1
_NOBODYS: Final = "the zip holds bytes that belong to none of its files"
_REPACKED: Final = "the zip is not as it was handed out: another program packed it"
_UNPACK: Final = "unpack it, and check the folder"

Open = Callable[[str], IO[bytes]]


def is_copy(source: Path) -> bool:
    """Tell whether it is a copy, or the remains of one, and not a bundle."""
    if source.is_dir():
        return (source / DESCRIPTION).exists() or (source / SIGNATURE).exists()
    try:
        with zipfile.ZipFile(source) as held:
            return not {DESCRIPTION, SIGNATURE}.isdisjoint(held.namelist())
    except Exception:  # noqa: BLE001 - the library raises many kinds on damaged bytes; the bundle's reader tells it
        return False


def check(source: Path, trust: Trust) -> Signed:
    """Check a copy: its signature, the length and the hash of each file, and that there is no file more or less.

    Raises:
        UsageError: it cannot be read.
        VerificationError: at the first doubt.
    """
    try:
        return _folder(source, trust) if source.is_dir() else _zip(source, trust)
    except OSError as error:
        raise UsageError("the copy cannot be read", where=str(source), why=error.strerror or "") from None


def _folder(source: Path, trust: Trust) -> Signed:
    sizes = {}
    for one in sorted(source.rglob("*")):
        name = one.relative_to(source).as_posix()
        if one.is_symlink() or not (one.is_dir() or one.is_file()):
            raise VerificationError(f"{copies.shown(name)} is no plain file: no copy has such", fix=_FIX)
        if one.is_file():
            sizes[name] = one.stat().st_size
    return _checked(sizes, lambda name: (source / name).open("rb"), trust)


def _zip(source: Path, trust: Trust) -> Signed:
    try:
        with source.open("rb") as raw, zipfile.ZipFile(raw) as held:
            infos = held.infolist()
            _form(held, infos, raw)
            return _checked({one.filename: one.file_size for one in infos}, held.open, trust)
    except (OSError, VerificationError):
        raise
    except Exception:  # noqa: BLE001 - the library raises many kinds on damaged bytes; each means the same to us
        raise VerificationError("the zip is damaged", fix=_FIX) from None


def _checked(sizes: dict[str, int], opener: Open, trust: Trust) -> Signed:
    if SIGNATURE not in sizes:
        what = f"the copy is not signed: there is no {SIGNATURE}"
        raise VerificationError(what, fix="copies of before have none; ask the company for a new one")
    if DESCRIPTION not in sizes:
        raise VerificationError(f"{DESCRIPTION} is missing from the copy", fix=_FIX)
    for name in (DESCRIPTION, SIGNATURE):
        if sizes.pop(name) > _LARGEST:
            raise VerificationError(f"{name} is larger than that of any copy", fix=_FIX)
    signed = copies.opened(_short(opener, DESCRIPTION), _short(opener, SIGNATURE), trust)
    # Names and lengths first: nothing is read of a file that is longer than it should be.
    copies.compare(signed.files, sizes)
    for name, one in signed.files.items():
        copies.same(name, one, _hashed(opener, name, one.length))
    return signed


def _short(opener: Open, name: str) -> bytes:
    with opener(name) as raw:
        return raw.read(_LARGEST)


def _hashed(opener: Open, name: str, limit: int) -> Entry:
    length, hashed = 0, hashlib.sha256()
    with opener(name) as raw:
        while length <= limit and (chunk := raw.read(_CHUNK)):
            length += len(chunk)
            hashed.update(chunk)
    return Entry(length, hashed.hexdigest())


def _form(held: zipfile.ZipFile, infos: list[zipfile.ZipInfo], raw: IO[bytes]) -> None:
    """Look at the zip itself: what every program that opens it would see has to be the same."""
    names = [one.orig_filename.lower() for one in infos]
    if len(names) != len(set(names)):
        raise VerificationError("the zip holds two files of the same name", fix=_FIX)
    for one in infos:
        if not copies.name_is_fine(one.orig_filename.removesuffix("/")):
            what = f"the zip holds a file with a name that leads elsewhere: {copies.shown(one.orig_filename)}"
            raise VerificationError(what, fix=_FIX)
        as_ours = one.external_attr == package.RIGHTS and one.compress_type == zipfile.ZIP_DEFLATED
        if not as_ours or one.is_dir() or one.flag_bits & _ENCRYPTED or not _wide_only(one.extra):
            raise VerificationError(_REPACKED, fix=_UNPACK)
    end = 0
    for one in sorted(infos, key=lambda one: one.header_offset):
        if one.header_offset != end:
            raise VerificationError(_NOBODYS, fix=_FIX)
        end = _end(one, raw)
    directory = sum(_CENTRAL + len(one.orig_filename) + len(one.extra) + len(one.comment) for one in infos)
    size = raw.seek(0, 2)
    if held.start_dir != end or size - end - directory not in (_END, _END + _END_64):
        raise VerificationError(_NOBODYS, fix=_FIX)


def _end(one: zipfile.ZipInfo, raw: IO[bytes]) -> int:
    """Give where a file ends: header, data, and what describes them behind (APPNOTE 4.3.9), with 8-byte sizes."""
    raw.seek(one.header_offset)
    title, extra = (int(one) for one in struct.unpack("<HH", raw.read(_LOCAL)[-4:]))
    held = raw.read(title + extra)[title:]
    if not one.flag_bits & _DESCRIBED or not held or not _wide_only(held):
        raise VerificationError(_REPACKED, fix=_UNPACK)
    return one.header_offset + _LOCAL + title + extra + one.compress_size + _DESCRIPTOR


def _wide_only(extra: bytes) -> bool:
    """Tell whether a header says nothing more than sizes: others could give a file a second name, or an owner."""
    if not extra:
        return True
    kind, length = struct.unpack_from("<HH", extra)
    return (kind, length) == (1, len(extra) - 4)
