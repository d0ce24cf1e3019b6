"""The garbage collector of a process that works in batches."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from typing import Final

_COLLECT_EVERY: Final = 50_000


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
