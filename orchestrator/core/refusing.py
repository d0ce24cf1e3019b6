"""The controller does not act on a request: on which ground, by which text, and where the person may complain."""

from __future__ import annotations

from typing import Final

from orchestrator.core import ending, pausing
from orchestrator.core.commands_identity import Refused
from orchestrator.core.model import RequestState, Result
from orchestrator.core.moments import date_of
from orchestrator.core.plan import Plan
from orchestrator.core.work import Work
from orchestrator.law.texts import LIBRARY
from schemas.requesters import is_code

GROUNDS: Final = (
    "manifestly_unfounded",
    "excessive",
    "rights_of_others",
    "secrecy",
    "data_of_the_dead",
    "not_the_controller",
    "cannot_identify",
)
"""Why a controller need not act; it has to prove it (Art. 12(5))."""


def refused(work: Work, command: Refused) -> str:
    """End the request without acting on it."""
    work.state.ground = command.ground
    pausing.end_pause(work, command.when, identity=True)
    ending.end(work, Result.REFUSED)
    return ""


def no_refusal(state: RequestState, command: Refused) -> tuple[str, str] | None:
    """Say why the request may not be refused so."""
    if (again := pausing.answered(state)) is not None:
        return again
    if command.ground not in GROUNDS:
        return f"{command.ground!r} is no ground to refuse", f"one of: {', '.join(GROUNDS)}"
    if not is_code(command.reason):
        return (
            "a refusal needs the fact it rests on: the controller has to prove it",
            "a code word, e.g. third_in_a_month",
        )
    text = LIBRARY.get(command.text)
    if text is None:
        return "unknown text", "the id of a legal text, e.g. gdpr-12-5"
    if not text.in_force(date_of(command.when)):
        return (
            f"{text.short} is not in force",
            f"replaced by {text.replaced_by}" if text.replaced_by else "another text",
        )
    return None


def remedies(plan: Plan, state: RequestState) -> dict[str, str]:
    """Give what an answer has to say besides its result: the ground, and what would help (Art. 11(2), 12(4))."""
    facts = {"ground": state.ground} if state.ground else {}
    if state.result is Result.UNIDENTIFIABLE:
        kinds = {kind for name in state.scope if name in plan.by_name for kind in plan.system(name).kinds}
        facts["would_help"] = ", ".join(sorted(kinds))
    return facts
