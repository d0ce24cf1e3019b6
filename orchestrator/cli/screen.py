"""Where output goes: data on stdout, everything else on stderr; colour and progress on a terminal only.

rich keeps to NO_COLOR by itself. Off a terminal nothing is cut to the width of a window that is not there. It is
imported by what prints: a worker that runs for weeks and prints one line at its end does without its 4 MB.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec

from orchestrator.cli.format import Format

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_WIDE: Final = 1000
"""Columns where there is no terminal: long enough that no line is broken."""


def console_for(stream: IO[str]) -> Console:
    """Give a console that highlights nothing by guessing and never breaks lines off a terminal."""
    from rich.console import Console

    width = None if stream.isatty() else _WIDE
    return Console(file=stream, highlight=False, width=width, soft_wrap=False, emoji=False, markup=False)


class Screen:
    """Both streams of one command."""

    def __init__(self, form: Format = Format.TEXT) -> None:
        self.json = form is Format.JSON
        self._streams = (sys.stdout, sys.stderr)

    @functools.cached_property
    def out(self) -> Console:
        """Where data goes."""
        return console_for(self._streams[0])

    @functools.cached_property
    def err(self) -> Console:
        """Where everything else goes."""
        return console_for(self._streams[1])

    @property
    def live(self) -> bool:
        """Tell whether progress may be shown: only where somebody looks."""
        return self.err.is_terminal and not self.err.is_dumb_terminal

    def data(self, value: Any, text: Callable[[Console], None]) -> None:
        """Print data: as one JSON document, or by ``text`` for people."""
        if self.json:
            self.write(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
        else:
            text(self.out)

    def write(self, raw: bytes) -> None:
        """Write bytes to stdout as they are."""
        sys.stdout.flush()
        binary = getattr(sys.stdout, "buffer", None)
        if binary is None:
            sys.stdout.write(raw.decode())
        else:
            binary.write(raw)
            binary.flush()

    def say(self, *parts: str | tuple[str, str]) -> None:
        """Tell the person something, on stderr; a pair is (text, style)."""
        from rich.text import Text

        self.err.print(Text.assemble(*parts), soft_wrap=True)


def table(*columns: str) -> Table:
    """Give a plain table: header, one rule, no frame."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    made = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for name in columns:
        made.add_column(name, overflow="fold")
    return made
