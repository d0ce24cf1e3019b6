"""Imports structlog without what it brings for developers: rich, its tracebacks, and with them Pygments.

``structlog.dev`` takes them where it finds them, and does without where not. Our lines have no traceback: one that
quotes values would lead to persons (I4).
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

_UNWANTED = "rich"


@contextlib.contextmanager
def _without(name: str) -> Iterator[None]:
    """Let an import fail meanwhile, unless it was made before."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # the language's own way to say: not there
    try:
        yield
    finally:
        del sys.modules[name]


with _without(_UNWANTED):
    import structlog

__all__ = ["structlog"]
