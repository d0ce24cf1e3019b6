"""Receipts as people hand them in: from stdin, or asked on a terminal without echo. Never from the command line."""

from __future__ import annotations

import getpass
import sys
from typing import Final

from orchestrator.errors import UsageError
from schemas import receipts
from schemas.errors import SchemaError

STDIN: Final = "-"
_LARGEST: Final = 64 << 10
"""Bytes of stdin; a thousand receipts are half of it."""
_PROMPT: Final = "receipt (not shown; an empty line ends): "


def shown(given: str = STDIN) -> tuple[str, ...]:
    """Read receipts, one a line.

    Args:
        given: What stands behind ``--receipt``: only ``-``.

    Raises:
        UsageError: something else stands there, there is none, or one is mistyped; what was typed is not repeated.
    """
    if given != STDIN:
        what = "a receipt never stands on the command line: the shell's history would keep it"
        raise UsageError(what, where="--receipt", fix="--receipt -, and type it, or let it come from stdin")
    found: dict[str, None] = {}
    for number, line in enumerate(_asked() if sys.stdin.isatty() else _lines(), 1):
        if line.strip():
            try:
                found[receipts.read(line)] = None
            except SchemaError as error:
                raise UsageError(error.message, where=f"stdin, line {number}", why=error.rule, fix=error.fix) from None
    if not found:
        raise UsageError("no receipt is given", where="stdin", fix="one a line, as the person's letter has it")
    return tuple(found)


def _asked() -> list[str]:
    found: list[str] = []
    while line := getpass.getpass(_PROMPT):
        found.append(line)
    return found


def _lines() -> list[str]:
    raw = sys.stdin.buffer.read(_LARGEST + 1)
    if len(raw) > _LARGEST:
        raise UsageError("too much for receipts", where="stdin", fix="one receipt a line, and nothing else")
    return raw.decode("utf-8", "replace").splitlines()
