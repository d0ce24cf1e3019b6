"""Bundles of evidence as a folder or as a zip. A zip is written in one way, without compression, and read only so.

What a zip says besides its files (dates, rights, comments, a second directory) could be altered unseen: so it is built
anew from what was read, and has to be the same to the byte.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from orchestrator.errors import DependencyError, UsageError, VerificationError
from orchestrator.ledger.bundle import name_is_fine

_DATE: Final = (1980, 1, 1, 0, 0, 0)
_MODE: Final = 0o100644 << 16
_UNIX: Final = 3
_FIX: Final = "get the bundle again from the issuer; do not rely on this one"


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Give the one zip of these files."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_STORED) as out:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, _DATE)
            info.create_system = _UNIX
            info.external_attr = _MODE
            out.writestr(info, files[name])
    return raw.getvalue()


def unzipped(raw: bytes) -> dict[str, bytes]:
    """Read a zip.

    Raises:
        VerificationError: it is none, or not written in the one way.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as held:
            infos = held.infolist()
            if any(one.compress_type != zipfile.ZIP_STORED or one.file_size > len(raw) for one in infos):
                raise VerificationError("the zip is not one of ours: its files are compressed", fix=_FIX)
            if any(not name_is_fine(one.filename) for one in infos) or sum(one.file_size for one in infos) > len(raw):
                raise VerificationError("the zip holds a file with a name that leads elsewhere", fix=_FIX)
            files = {one.filename: held.read(one) for one in infos}
    except VerificationError:
        raise
    except Exception:  # noqa: BLE001 - the library raises many kinds on damaged bytes; each means the same to us
        raise VerificationError("the zip is damaged", fix=_FIX) from None
    if zipped(files) != raw:
        raise VerificationError("the zip was altered: it is not written in its one form", fix=_FIX)
    return files


def write(target: Path, files: Mapping[str, bytes]) -> None:
    """Write a bundle to a new folder, or to a new zip where the name ends so.

    Raises:
        UsageError: it is there already. DependencyError: it cannot be written.
    """
    try:
        if target.suffix == ".zip":
            with target.open("xb") as out:
                out.write(zipped(files))
            return
        target.mkdir(mode=0o755)
        for name, raw in files.items():
            file = target / name
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(raw)
    except FileExistsError:
        raise UsageError(
            "there is something of this name already", where=str(target), fix="give another name"
        ) from None
    except OSError as error:
        raise DependencyError("the bundle cannot be written", where=str(target), why=error.strerror or "") from None


def read(source: Path) -> dict[str, bytes]:
    """Read a bundle.

    Raises:
        UsageError: it cannot be read. VerificationError: it holds what no bundle has.
    """
    try:
        if not source.is_dir():
            return unzipped(source.read_bytes())
        files = {}
        for one in sorted(source.rglob("*")):
            name = one.relative_to(source).as_posix()
            if one.is_symlink() or not (one.is_dir() or (one.is_file() and name_is_fine(name))):
                raise VerificationError(f"{name}: no bundle has such a file", fix=_FIX)
            if one.is_file():
                files[name] = one.read_bytes()
        return files
    except OSError as error:
        raise UsageError("the bundle cannot be read", where=str(source), why=error.strerror or "") from None
