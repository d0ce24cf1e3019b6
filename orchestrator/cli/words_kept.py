"""Why records stay, in words. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from orchestrator.core.rulings import WITH_CHILD, holds_of
from schemas.outcomes import KeptWhy

KEPT: Final = {
    KeptWhy.EXPRESSION: "freedom of expression, GDPR Art. 17(3)(a)",
    KeptWhy.LEGAL_OBLIGATION: "legal obligation, GDPR Art. 17(3)(b)",
    KeptWhy.PUBLIC_HEALTH: "public health, GDPR Art. 17(3)(c)",
    KeptWhy.ARCHIVING: "archiving and research, GDPR Art. 17(3)(d)",
    KeptWhy.LEGAL_CLAIMS: "legal claims, GDPR Art. 17(3)(e)",
    KeptWhy.NO_GROUND: "no ground for erasure",
    KeptWhy.HOLD: "legal hold",
    KeptWhy.RESTRICTED: "restriction chosen instead",
    KeptWhy.LIVE_FILE: "a live file that has not been rotated",
}


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
