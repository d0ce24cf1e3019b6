"""Which phase a process is in, in shared memory that survives its death, so that the killer can say what it hit."""

from __future__ import annotations

import contextlib
import mmap
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any


class Marks:
    """Counts threads per phase. The file has one byte a phase."""

    def __init__(self, file: Path, phases: Sequence[str]) -> None:
        self._phases = list(phases)
        with file.open("r+b") as raw:
            self._bytes = mmap.mmap(raw.fileno(), len(phases))
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def inside(self, phase: str) -> Iterator[None]:
        place = self._phases.index(phase)
        self._add(place, 1)
        try:
            yield
        finally:
            self._add(place, -1)

    def _add(self, place: int, step: int) -> None:
        with self._lock:
            self._bytes[place] += step

    def method(self, owner: Any, name: str, phase: str) -> None:
        """Mark calls of a method; a context manager is marked until it is left."""
        original: Callable[..., Any] = getattr(owner, name)

        def marked(*args: Any, **kwargs: Any) -> Any:
            with self.inside(phase):
                return original(*args, **kwargs)

        @contextlib.contextmanager
        def held(*args: Any, **kwargs: Any) -> Iterator[Any]:
            with self.inside(phase), original(*args, **kwargs) as value:
                yield value

        setattr(owner, name, held if hasattr(original, "__wrapped__") else marked)


def phases_in(file: Path, phases: Sequence[str]) -> tuple[str, ...]:
    """Give the phases that some thread is in now."""
    return tuple(name for name, count in zip(phases, file.read_bytes(), strict=False) if count)
