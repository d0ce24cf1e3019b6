"""Why records stay, in words. Pure."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.core.rulings import WITH_CHILD, holds_of
from orchestrator.report.wording import KEPT
from schemas.outcomes import KeptWhy


def rule(code: str, text: Callable[[str], str]) -> str | None:
    """Say by which rule records stay until somebody has looked afresh; None: by another kind of rule."""
    with_child = code.startswith(WITH_CHILD)
    kind, _, rest = code.removeprefix(WITH_CHILD).partition(":")
    what, _, on = rest.partition(":")
    match kind:
        case "hold":
            said = f"stays: legal hold {', '.join(holds_of(code))}, {text(on)}"
        case "decided":
            said = f"stays, decided: {KEPT[KeptWhy(what)]}, {text(on)}"
        case "open":
            on, _, months = rest.rpartition(":")
            said = f"stays: what it belongs to still runs, {text(on)}; looked at again every {months[:-1]} months"
        case "gone-before":
            return "was gone before it was decided that the rest stays"
        case _:
            return None
    return f"as what belongs to it: {said}" if with_child else said
