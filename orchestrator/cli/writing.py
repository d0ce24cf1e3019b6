"""Files that the CLI writes for people: whole or not at all, never over another one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from orchestrator.errors import UsageError


@contextlib.contextmanager
def new_file(file: Path, mode: int) -> Iterator[IO[bytes]]:
    """Open a file that does not exist yet; if anything fails, nothing is left behind.

    Raises:
        UsageError: it exists, or cannot be created.
    """
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise UsageError("the file exists", where=str(file), fix="name another one; nothing is overwritten") from None
    except OSError as error:
        raise UsageError("the file cannot be created", where=str(file), why=error.strerror or "") from None
    try:
        with os.fdopen(handle, "wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
    except BaseException:
        file.unlink(missing_ok=True)
        raise
