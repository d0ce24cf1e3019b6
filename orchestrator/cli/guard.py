"""The last line: every exception becomes words a person can act on, and an exit code. Never a traceback."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

INTERRUPTED: Final = 130
_ROOT: Final = Path(__file__).resolve().parent.parent.parent


def guarded(call: Callable[[], Any], arguments: Sequence[str] = ()) -> int:
    """Run a command and give its exit code.

    Args:
        call: The command; what it returns is the exit code (None is 0).
        arguments: Of the command line; tells whether errors are printed as JSON.
    """
    try:
        code = call()
        sys.stdout.flush()
        return int(code or 0)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough (`expunge list | head`). What is left must not raise at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - no traceback ever reaches a person
        if os.environ.get("EXPUNGE_DEBUG"):
            traceback.print_exc()
        told = explain(error)
        as_json = wants_json(arguments)
        if told.kind == "help" and not as_json:
            sys.stderr.write(f"{told.what.rstrip()}\n")
        else:
            _print(told, as_json=as_json)
        return told.exit_code


class Told(msgspec.Struct, omit_defaults=True):
    """An error as it is printed. ``more``: further findings of the same kind, each in words of its own."""

    kind: str
    what: str
    where: str = ""
    why: str = ""
    fix: str = ""
    more: tuple[str, ...] = ()
    exit_code: int = 1


def explain(error: Exception) -> Told:
    """Say what happened, where, why and how to mend it; never a value from data (I4)."""
    from typer import Abort
    from typer.exceptions import TyperException

    from connectors.errors import ConnectorError, MisconfiguredError, UnavailableError
    from orchestrator.errors import ExpungeError
    from schemas.errors import SchemaError

    match error:
        case ExpungeError():
            kind = type(error).__name__.removesuffix("Error").lower() or "error"
            more = tuple(getattr(error, "more", ()))
            return Told(kind, error.what, error.where, error.why, error.fix, more, error.exit_code)
        case SchemaError():
            return Told("input", error.message, error.where, error.rule, error.fix, exit_code=2)
        case MisconfiguredError():
            where = f"{error.file}:{error.line}" if error.line else error.file
            return Told("usage", error.message, where, fix=error.fix, exit_code=2)
        case UnavailableError():
            return Told("dependency", error.message, why=error.why, fix=error.fix, exit_code=3)
        case ConnectorError():
            return Told("dependency", "a system cannot be reached", why=error.code, fix="`expunge check`", exit_code=3)
        case TyperException() if type(error).__name__ == "NoArgsIsHelpError":  # typer does not export it
            return Told("help", error.format_message(), fix="name a command", exit_code=2)
        case TyperException():
            asked = getattr(getattr(error, "ctx", None), "command_path", "").split()[1:]
            fix = f"see `{' '.join(['expunge', *asked])} --help`"
            return Told("usage", error.format_message(), fix=fix, exit_code=2)
        case Abort():
            return Told("interrupted", "stopped; nothing was taken in", exit_code=INTERRUPTED)
        case OSError():
            where = str(error.filename or "")
            return Told("dependency", "a file cannot be read or written", where, error.strerror or "", exit_code=3)
        case _:
            return _unexpected(error)


def _unexpected(error: Exception) -> Told:
    """A bug of ours: its message may quote data, so only the class and the place are shown."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [one for one in frames if Path(one.filename).is_relative_to(_ROOT)] or list(frames)
    place = f"{Path(ours[-1].filename).stem}:{ours[-1].lineno}" if ours else "unknown"
    return Told(
        "internal",
        f"this should not have happened: {type(error).__name__}",
        where=f"reference {place}",
        why="a mistake in expunge; nothing that was taken in is lost",
        fix="run the command again with EXPUNGE_DEBUG=1 for a traceback (it may show personal data), and report it",
    )


def wants_json(arguments: Sequence[str]) -> bool:
    """Tell whether ``-o json`` was asked for, even where the command line could not be understood."""
    for place, one in enumerate(arguments):
        if one in {"-ojson", "-o=json", "--output=json"}:
            return True
        if one in {"-o", "--output"} and arguments[place + 1 : place + 2] == ["json"]:
            return True
    return False


def _print(told: Told, *, as_json: bool) -> None:
    if as_json:
        sys.stderr.write(msgspec.json.encode({"error": told}).decode() + "\n")
        return
    from rich.text import Text

    from orchestrator.cli.screen import console_for

    console = console_for(sys.stderr)
    text = Text.assemble(("error: ", "bold red"), (told.what, "bold"))
    for name in ("where", "why", "fix"):
        if getattr(told, name):
            text.append(f"\n  {name + ':':<6} ", "dim").append(getattr(told, name))
    for one in told.more:
        text.append("\n  also:  ", "dim").append(one)
    console.print(text, soft_wrap=True)
