"""Where output goes: data on stdout, everything else on stderr; colour and progress on a terminal only.

rich keeps to NO_COLOR by itself. Off a terminal nothing is cut to the width of a window that is not there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import IO, Any, Final

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from orchestrator.cli.format import Format

_WIDE: Final = 1000
"""Columns where there is no terminal: long enough that no line is broken."""


def console_for(stream: IO[str]) -> Console:
    """Give a console that highlights nothing by guessing and never breaks lines off a terminal."""
    width = None if stream.isatty() else _WIDE
    return Console(file=stream, highlight=False, width=width, soft_wrap=False, emoji=False, markup=False)


class Screen:
    """Both streams of one command."""

    def __init__(self, form: Format = Format.TEXT) -> None:
        self.json = form is Format.JSON
        self.out = console_for(sys.stdout)
        self.err = console_for(sys.stderr)

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
        self.err.print(Text.assemble(*parts), soft_wrap=True)


def table(*columns: str) -> Table:
    """Give a plain table: header, one rule, no frame."""
    made = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for name in columns:
        made.add_column(name, overflow="fold")
    return made
