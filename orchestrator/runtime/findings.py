"""What a check of ``expunge doctor`` says, and how one that breaks is told. What cannot be told is never green."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import msgspec

from connectors.errors import ConnectorError, MisconfiguredError, UnavailableError
from orchestrator.errors import DependencyError, ExpungeError

Level = Literal["ok", "finding", "unknown"]


class Finding(msgspec.Struct, omit_defaults=True):
    """What one check says. ``unreachable``: a dependency is away, so the check could not be made."""

    check: str
    level: Level
    text: str = ""
    fix: str = ""
    unreachable: bool = False


Check = Callable[[], Iterator[Finding]]


def made(name: str, check: Check) -> list[Finding]:
    """Make a check; one that breaks says so, and what it had found by then stays."""
    found: list[Finding] = []
    try:
        for one in check():
            found.append(one)  # noqa: PERF402 - what was found before the check broke is kept
    except Exception as error:  # noqa: BLE001 - a check that breaks must not hide the others
        found.append(failed(name, error))
    return found


def failed(name: str, error: Exception) -> Finding:
    """Say why a check could not be made. Of an error that is not ours only the class is told: its text may be data."""
    match error:
        case DependencyError():
            text = ": ".join(filter(None, (error.where, error.what, error.why)))
            return Finding(name, "unknown", text, error.fix, unreachable=True)
        case ExpungeError():
            return Finding(name, "finding", ": ".join(filter(None, (error.where, error.what, error.why))), error.fix)
        case MisconfiguredError():
            return Finding(name, "finding", error.message, error.fix)
        case UnavailableError():
            text = ": ".join(filter(None, (error.message, error.why)))
            return Finding(name, "unknown", text, error.fix, unreachable=True)
        case ConnectorError():
            fix = "see that its store is up"
            return Finding(name, "unknown", f"cannot be reached: {error.code}", fix, unreachable=True)
        case _:
            return Finding(name, "unknown", f"the check broke: {type(error).__name__}", "report it")
