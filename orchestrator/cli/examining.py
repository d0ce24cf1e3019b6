"""``expunge doctor``: what is wrong with an installation, and what cannot be told."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.text import Text

from orchestrator.cli.desk import Desk
from orchestrator.errors import DependencyError
from orchestrator.runtime.clock import SystemClock
from orchestrator.runtime.doctor import Doctor
from orchestrator.runtime.findings import Finding

_STYLES: Final = {"ok": "green", "finding": "bold red", "unknown": "yellow"}


def doctor(desk: Desk) -> int:
    """Make every check and print what each says.

    Returns:
        0 if all are fine, 1 with findings or where something cannot be told, 3 where a dependency is unreachable.

    Raises:
        UsageError: the configuration cannot be read.
    """
    found = Doctor(desk.settings(), SystemClock()).examine()
    desk.screen.data(found, lambda out: _print(out, found))
    findings = sum(one.level == "finding" for one in found)
    unknown = sum(one.level == "unknown" for one in found)
    desk.screen.say(f"{len(found)} checks: {findings} findings, {unknown} unknown")
    if any(one.unreachable for one in found):
        return DependencyError.exit_code
    return 1 if findings or unknown else 0


def _print(out: Console, found: list[Finding]) -> None:
    for one in found:
        head = Text.assemble((f"{one.level:<8}", _STYLES[one.level]), one.check)
        if one.text:
            head.append(f": {one.text}")
        out.print(head, soft_wrap=True)
        if one.fix and one.level != "ok":
            out.print(f"        fix: {one.fix}", soft_wrap=True)
