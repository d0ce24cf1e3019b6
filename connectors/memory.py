"""The memory of a process that works in batches: its garbage collector, and where the C library takes memory from."""

from __future__ import annotations

import contextlib
import ctypes
import gc
from collections.abc import Iterator
from typing import Final

_COLLECT_EVERY: Final = 50_000
_M_ARENA_MAX: Final = -8
"""Of glibc's malloc.h."""


def one_arena() -> None:
    """Let all threads take memory from one place; call it before any is started. Does nothing but with glibc.

    By default each thread has an arena of its own, that grows with the largest batch it ever saw: 4 MB of a worker's
    100, 10 MB of an orchestrator's 140. One thread at a time allocates anyway (the GIL).
    """
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


@contextlib.contextmanager
def calm_collector() -> Iterator[None]:
    """Let the garbage collector look less often: a batch makes many objects that live until its end, and no cycles.

    With the default it looked hundreds of times a batch in vain, which was a tenth of the time. What is there when the
    work begins (modules, settings, plans) stays, and is not looked at again.
    """
    before = gc.get_threshold()
    gc.set_threshold(_COLLECT_EVERY, *before[1:])
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
