"""Mail folders: Maildir, a folder of ``.eml`` files, an mbox file. They are read as they lie; no server is asked.

A mail that was taken in moves to a folder ``taken`` (of Maildir: ``.taken``), and so does what a program answered. An
mbox file is somebody else's and stays as it is: what was taken out of it is known by its Message-ID. Names of files
are never told: some mail programs make them from the subject.
"""

from __future__ import annotations

import mailbox
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

from orchestrator.engine.mail import MAX_HEAD
from orchestrator.engine.mailing import Letter
from orchestrator.errors import DependencyError, UsageError

TAKEN: Final = "taken"
_MBOX: Final = b"From "


class Box(Protocol):
    """A mail folder."""

    kind: str

    def letters(self) -> Iterator[Letter]:
        """Give its mails one by one; one that vanished meanwhile was another program's, and is left out."""
        ...

    def leave(self, letter: Letter) -> None:
        """Take a mail out of the folder that is to be read; where it is gone already, that is fine."""
        ...


def open_box(folder: Path, max_bytes: int) -> Box:
    """Give the mail folder that lies there.

    Args:
        folder: A Maildir, a folder of ``.eml`` files, or an mbox file.
        max_bytes: Of larger mails only the headers are read.

    Raises:
        UsageError: nothing is there, or something else.
        DependencyError: it cannot be read.
    """
    fix = "name a Maildir (with cur and new), a folder of .eml files, or an mbox file"
    try:
        mode = folder.stat().st_mode
        if stat.S_ISDIR(mode):
            maildir = all((folder / one).is_dir() for one in ("cur", "new"))
            return Maildir(folder, max_bytes) if maildir else EmlFolder(folder, max_bytes)
        if stat.S_ISREG(mode):
            with folder.open("rb") as file:
                if file.read(len(_MBOX)) in {_MBOX, b""}:
                    return Mbox(folder, max_bytes)
    except FileNotFoundError:
        raise UsageError("there is no mail folder", where=str(folder), fix=fix) from None
    except OSError as error:
        raise DependencyError("the mail folder cannot be read", where=str(folder), why=error.strerror or "") from None
    raise UsageError("this is no mail folder", where=str(folder), fix=fix)


class _Files:
    """Mails that are files of their own."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max = max_bytes

    def _found(self) -> list[Path]:
        raise NotImplementedError  # pragma: no cover - each kind has its own

    def _target(self) -> Path:
        raise NotImplementedError  # pragma: no cover - each kind has its own

    def letters(self) -> Iterator[Letter]:
        """Give the mails in the order of their names."""
        for number, file in enumerate(self._found(), 1):
            try:
                yield self._read(file, number)
            except FileNotFoundError:
                continue
            except OSError as error:
                yield Letter(str(file), number, b"", 0, unread=error.strerror or type(error).__name__)

    def _read(self, file: Path, number: int) -> Letter:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as opened:
            found = os.fstat(opened.fileno())
            if not stat.S_ISREG(found.st_mode):
                return Letter(str(file), number, b"", 0, unread="not a file")
            if found.st_size <= self._max:
                raw = opened.read()
                return Letter(str(file), number, raw, len(raw))
            return Letter(str(file), number, opened.read(min(MAX_HEAD, self._max)), found.st_size)

    def leave(self, letter: Letter) -> None:
        """Move the file; never over another one."""
        file, folder = Path(letter.place), self._target()
        target, number = folder / file.name, 0
        while target.exists():
            number += 1
            target = folder / f"{number}.{file.name}"
        try:
            file.rename(target)
        except FileNotFoundError:
            return
        except OSError as error:
            fix = "let whoever runs this write to the folder; what was taken in is known, and not taken twice"
            raise DependencyError(
                "a mail that was taken in cannot be moved", where=str(folder), why=error.strerror or "", fix=fix
            ) from None


class Maildir(_Files):
    """A Maildir; ``tmp`` is never looked at: what lies there is still being delivered."""

    kind = "maildir"

    def _found(self) -> list[Path]:
        return sorted(
            (Path(one.path) for sub in ("new", "cur") for one in os.scandir(self._folder / sub) if one.name[0] != "."),
            key=lambda one: one.name,
        )

    def _target(self) -> Path:
        try:
            mailbox.Maildir(self._folder, create=False).add_folder(TAKEN)
        except OSError as error:
            raise _no_folder(self._folder, error) from None
        return self._folder / f".{TAKEN}" / "cur"


class EmlFolder(_Files):
    """A folder of ``.eml`` files; whoever puts one there writes it elsewhere, and renames it."""

    kind = "eml"

    def _found(self) -> list[Path]:
        return sorted(Path(one.path) for one in os.scandir(self._folder) if one.name.lower().endswith(".eml"))

    def _target(self) -> Path:
        folder = self._folder / TAKEN
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise _no_folder(self._folder, error) from None
        return folder


def _no_folder(where: Path, error: OSError) -> DependencyError:
    fix = "let whoever runs this write there"
    return DependencyError(f"no folder {TAKEN!r} can be made", where=str(where), why=error.strerror or "", fix=fix)


class Mbox:
    """An mbox file, which is only read."""

    kind = "mbox"

    def __init__(self, file: Path, max_bytes: int) -> None:
        self._file = file
        self._max = max_bytes

    def letters(self) -> Iterator[Letter]:
        """Give the mails in the order of the file."""
        box = mailbox.mbox(self._file, create=False)
        try:
            for number, key in enumerate(box.keys(), 1):
                with box.get_file(key) as part:
                    raw = part.read(self._max + 1)
                    size = len(raw)
                    if size > self._max:
                        raw = raw[: min(MAX_HEAD, self._max)]
                yield Letter(key, number, raw, size)
        finally:
            box.close()

    def leave(self, letter: Letter) -> None:
        """Leave the file as it is."""
