"""Kills a connector in the middle of its work, at a chosen line of its own code.

The work runs in a forked child that SIGKILLs itself, so no ``finally``, no rollback and no flush helps it: what is
in the store afterwards is what a dead worker leaves behind (I11). For stores that outlive a process: files, databases.
"""

from __future__ import annotations

import inspect
import os
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final

from connectors.contract import Connector

_LIMIT: Final = 60
"""Seconds after which a child that hangs is ended."""


def code_of(connector: Connector) -> tuple[str, ...]:
    """Give the folders of the connector's own code, where the lines are counted."""
    own = [one for one in type(connector).__mro__ if issubclass(one, Connector) and one is not Connector]
    return tuple(f"{Path(inspect.getfile(one)).parent}{os.sep}" for one in own)


def lines_of(work: Callable[[], object], code: tuple[str, ...]) -> int:
    """Run the work to its end in a child; give the number of lines of ``code`` it ran."""
    return _in_child(work, code, None)


def kill_at(work: Callable[[], object], code: tuple[str, ...], line: int) -> None:
    """Run the work in a child that dies before the given line."""
    _in_child(work, code, line)


def _in_child(work: Callable[[], object], code: tuple[str, ...], deadly: int | None) -> int:
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        # Python 3.12 warns of forking with threads; the child uses none of them.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:  # pragma: no cover - another process, which dies
        os.close(reading)
        signal.alarm(_LIMIT)
        lines = _Counter(code, deadly)
        try:
            sys.settrace(lines.call)
            work()
        finally:
            sys.settrace(None)
            os.write(writing, str(lines.seen).encode())
            # Nothing of the parent's may be flushed or finished by the child.
            os.kill(os.getpid(), signal.SIGKILL)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return int(said or 0)


class _Counter:
    """A trace function that counts lines of some folders and dies at one of them."""

    def __init__(self, code: tuple[str, ...], deadly: int | None) -> None:
        self._code = code
        self._deadly = deadly
        self.seen = 0

    def call(self, frame: FrameType, _event: str, _arg: Any) -> Any:  # pragma: no cover - in the child
        return self.line if frame.f_code.co_filename.startswith(self._code) else None

    def line(self, _frame: FrameType, event: str, _arg: Any) -> Any:  # pragma: no cover - in the child
        if event == "line":
            self.seen += 1
            if self.seen == self._deadly:
                os.kill(os.getpid(), signal.SIGKILL)
        return self.line
