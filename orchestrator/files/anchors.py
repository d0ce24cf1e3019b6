"""A folder that keeps a copy of every checkpoint, outside of the store: a share of the DPO's, or the drop of a mailbox.

One file a checkpoint, named by its size, never written over. Whoever can write the store must not be able to take files
away here; the folder's own rights say that, not we.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import Final

from orchestrator.errors import DependencyError

_NAME: Final = re.compile(r"checkpoint-([0-9]{1,19})\.txt\Z")
_LARGEST: Final = 1 << 18


class AnchorFolder:
    """Where checkpoints are copied to."""

    def __init__(self, folder: Path) -> None:
        """Take the folder. It is not made: a share that is not mounted must not be taken for an empty one."""
        self._folder = folder

    def newest(self) -> bytes | None:
        """Give the note of the largest checkpoint.

        Raises:
            DependencyError: the folder is not there, or cannot be read.
        """
        try:
            sizes = [int(match[1]) for one in os.scandir(self._folder) if (match := _NAME.match(one.name))]
            if not sizes:
                return None
            with self.file(max(sizes)).open("rb") as raw:
                return raw.read(_LARGEST)
        except OSError as error:
            raise self._away(error) from None

    def hand_over(self, size: int, note: bytes) -> None:
        """Write a checkpoint, whole or not at all; one that is there stays as it is.

        Raises:
            DependencyError: the folder cannot be written.
        """
        file = self.file(size)
        temporary = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            if file.exists():
                return
            with temporary.open("wb") as out:
                out.write(note)
                out.flush()
                os.fsync(out.fileno())
            with contextlib.suppress(FileExistsError):
                file.hardlink_to(temporary)  # unlike a rename, this fails where the name is taken
        except OSError as error:
            raise self._away(error) from None
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def file(self, size: int) -> Path:
        """Give the file of a checkpoint."""
        return self._folder / f"checkpoint-{size}.txt"

    def _away(self, error: OSError) -> DependencyError:
        fix = "let this user read and write the folder under [ledger] anchor; it is not made by us"
        what = "the folder for checkpoints cannot be used"
        return DependencyError(what, where=str(self._folder), why=error.strerror or "", fix=fix)
