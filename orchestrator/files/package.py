"""The access package: a zip with pages to read and files to use, encrypted at rest with a key of its own.

The parts come from the systems as encrypted spool files (``connectors.exports``); the zip is written through the
encryption, so nothing in clear touches the disk and memory stays flat. ``deliver`` gives the plain zip to the person
in charge of handing it over. Entries are sorted and carry a fixed time, so the same data gives the same zip.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from orchestrator.core.copying import About, SetTold
from orchestrator.errors import DependencyError
from orchestrator.files import describing, pages
from orchestrator.files.pages import Resource
from orchestrator.files.sealed import CHUNK, SALT, Encrypting, decrypted
from orchestrator.ledger import copies
from orchestrator.ledger.jws import Signing
from orchestrator.ports import Chance

SUFFIX: Final = ".package"
SCRATCH: Final = ".assembling-"
RIGHTS: Final = 0o600 << 16
"""Of every entry, as a zip has them: a plain file of its owner."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What spreadsheets take for the start of a formula (OWASP, CSV injection), in full width too."""
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_DEVICE: Final = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|\Z)", re.IGNORECASE)
_LONGEST_NAME: Final = 80
_LEVEL: Final = 4
"""Of deflate: 5 % longer than by 6, which takes twice the time of everything else that makes a copy."""

Row = Mapping[str, Any]
Parts = Iterable[tuple[str, Iterator[tuple[str, Row]]]]
"""(system, its exported rows as (record set, row))."""

NOTHING: Final = About()
_UNTOLD: Final = SetTold()


def write(
    folder: Path, key: bytes, parts: Parts, chance: Chance, about: About = NOTHING, signer: Signing | None = None
) -> tuple[str, str]:
    """Assemble and encrypt a package.

    Args:
        folder: Where it goes; created with mode 0700.
        key: 32 bytes, of this package only.
        parts: Rows by system.
        chance: Randomness for the opaque name.
        about: What a person is told beside it.
        signer: Signs the description, so that whoever holds the copy can show where it is from; None: nobody signs.

    Returns:
        Opaque file name, and SHA-256 (hex) of the encrypted bytes.

    Raises:
        DependencyError: the disk is full or cannot be written; nothing is left behind.
    """
    name = f"{chance(16).hex()}{SUFFIX}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=SCRATCH) as scratch:
            temporary = Path(scratch) / name
            with temporary.open("xb") as raw:
                temporary.chmod(0o600)
                out = Encrypting(raw, key, chance(SALT))
                with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
                    readme = _entry(archive, "README.txt", [pages.readme(about)])
                    systems, found = _Names(), list[Resource]()
                    for system, rows in parts:
                        found += _system(archive, system, systems.give(system), rows, Path(scratch), chance, about)
                    _beside(archive, about, found, {"README.txt": readme}, signer)
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


def _beside(
    archive: zipfile.ZipFile,
    about: About,
    found: Sequence[Resource],
    others: dict[str, tuple[int, str]],
    signer: Signing | None,
) -> None:
    """Write what is not data: the overview, what the policy tells, and the description for programs, signed."""
    others["index.html"] = _entry(archive, "index.html", [pages.index(about, found)])
    if about.information is not None:
        page = pages.information(about.information, about.locale)
        others["about.html"] = _entry(archive, "about.html", [page])
    told = msgspec.json.format(msgspec.json.encode(about), indent=1)
    others["about.json"] = _entry(archive, "about.json", [told])
    others |= {f"{one.stem}.html": one.files["html"] for one in found}
    description = describing.descriptor(about, found, others)
    _entry(archive, copies.DESCRIPTION, [description])
    if signer is not None:
        _entry(archive, copies.SIGNATURE, [copies.sign(description, signer), b"\n"])


def _system(
    archive: zipfile.ZipFile,
    system: str,
    safe: str,
    rows: Iterator[tuple[str, Row]],
    scratch: Path,
    chance: Chance,
    about: About,
) -> list[Resource]:
    """Sort rows by record set into scratch files (encrypted too), then write every form of each."""
    found: list[Resource] = []
    spools: dict[str, _Spool] = {}
    names = _Names()
    try:
        for record_set, row in rows:
            if record_set not in spools:
                spools[record_set] = _Spool(scratch / chance(8).hex(), chance(32), chance(SALT))
            spools[record_set].add(row)
        for record_set, spool in sorted(spools.items()):
            spool.finish()
            told = about.sets.get(f"{system}/{record_set}", _UNTOLD)
            one = Resource(
                system=system,
                record_set=record_set,
                stem=f"data/{safe}/{names.give(record_set)}",
                title=told.title or pages.spelled(record_set),
                titles=told.titles,
                purpose=told.purpose.replace("_", " "),
                columns=tuple(_cell(name) for name in spool.columns),
                rows=spool.rows,
            )
            one.files["json"] = _entry(archive, f"{one.stem}.json", _as_json(spool))
            one.files["csv"] = _entry(archive, f"{one.stem}.csv", _as_csv(spool))
            page, one.shown = pages.records(one, map(json.loads, spool.lines()), about.locale)
            one.files["html"] = _entry(archive, f"{one.stem}.html", [page])
            found.append(one)
            spool.remove()
    finally:
        for spool in spools.values():
            spool.close()
    return found


def _entry(archive: zipfile.ZipFile, name: str, chunks: Iterable[bytes]) -> tuple[int, str]:
    """Write an entry; gives its length and SHA-256 (hex)."""
    length, hashed = 0, hashlib.sha256()
    # By its name, since only so the level counts in every Python; the time of such an entry is zipfile's own, 1980.
    with archive.open(name, "w", force_zip64=True) as entry:
        for chunk in chunks:
            entry.write(chunk)
            length += len(chunk)
            hashed.update(chunk)
    archive.getinfo(name).external_attr = RIGHTS
    return length, hashed.hexdigest()


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
        if buffer.tell() > CHUNK:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def _cell(value: Any) -> str:
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    # A spreadsheet would run it (formula injection); numbers keep their sign.
    return (
        "'" + text
        if (text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA)) and not isinstance(value, int | float)
        else text
    )


class _Names:
    """Names that cannot leave their folder (zip-slip), cannot surprise a file system, and differ from each other."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def give(self, name: str) -> str:
        """Give the safe name; the second of two that would be the same gets a number."""
        safe = _UNSAFE.sub("_", name).strip(".")[:_LONGEST_NAME] or "_"
        if _DEVICE.match(safe):
            safe = f"_{safe}"
        found, number = safe, 1
        while found.lower() in self._taken:  # some file systems do not tell cases apart
            number += 1
            found = f"{safe}_{number}"
        self._taken.add(found.lower())
        return found


def _plain(value: Any) -> Any:
    """JSON has no infinity and no NaN; the person gets the word and not nothing."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


class _Spool:
    """Rows of one record set on the way, encrypted under a key that lives in memory only."""

    def __init__(self, file: Path, key: bytes, salt: bytes) -> None:
        self._file = file
        self._key = key
        self._raw = file.open("xb")
        self._out = Encrypting(self._raw, key, salt)
        self.columns: dict[str, None] = {}
        self.rows = 0

    def add(self, row: Row) -> None:
        self.columns.update(dict.fromkeys(row))
        self.rows += 1
        cells = {name: _plain(value) for name, value in row.items()}
        self._out.write(json.dumps(cells, ensure_ascii=False, allow_nan=False).encode() + b"\n")

    def finish(self) -> None:
        self._out.finish()
        self._raw.close()

    def close(self) -> None:
        self._raw.close()

    def lines(self) -> Iterator[bytes]:
        parts: list[bytes] = []  # of one line: added up as they come, a line of 200 MB would take minutes
        with self._file.open("rb") as raw:
            for chunk in decrypted(raw, self._key):
                first, *others = chunk.split(b"\n")
                parts.append(first)
                if others:
                    yield b"".join(parts)
                    yield from others[:-1]
                    parts = others[-1:]

    def remove(self) -> None:
        self._file.unlink()


def discard_unfinished(folder: Path) -> int:
    """Remove what a killed process left while it assembled; to be called before anything runs. Gives their number."""
    left = list(folder.glob(f"{SCRATCH}*"))
    for one in left:
        shutil.rmtree(one, ignore_errors=True)
    return len(left)


def chunks(file: Path, key: bytes) -> Iterator[bytes]:
    """Give a package in clear, piece by piece; see ``deliver``.

    Raises:
        DependencyError: missing, altered, cut off, or another key.
    """
    try:
        with file.open("rb") as raw:
            yield from decrypted(raw, key)
    except FileNotFoundError:
        raise DependencyError("the access package is not there any more", fix="submit a new access request") from None


def deliver(file: Path, key: bytes, out: IO[bytes]) -> int:
    """Decrypt a package into a stream; returns the number of bytes.

    Only the end proves that nothing was cut off: the caller throws away what it got when this raises.

    Raises:
        DependencyError: missing, altered, cut off, or another key.
    """
    return sum(out.write(chunk) for chunk in chunks(file, key))


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
