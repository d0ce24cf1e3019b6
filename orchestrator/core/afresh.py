"""What was found before is no ground to act on now: a request searches again, wherever it stands."""

from __future__ import annotations

from orchestrator.core import answers, holding
from orchestrator.core.events import OtherClosed
from orchestrator.core.model import Phase
from orchestrator.core.work import Work
from schemas.tasks import Action


def look(work: Work) -> None:
    """Search every system again that was searched before; nothing that changes something leaves until that is done.

    A search that is out may have looked before: it is given up. An order that is out is waited for, and its system is
    searched once it has answered.
    """
    state = work.state
    for name, system in state.systems.items():
        if system.task and system.action is Action.LOCATE:
            holding.look_again(work, name)
    answers.back_to_discovery(work)
    for system in state.systems.values():
        system.retry = bool(system.asked)


def other_closed(work: Work, event: OtherClosed) -> str:
    """Take in that a request of the same person has closed; gives why that changed nothing."""
    state = work.state
    if event.other not in state.waits_for:
        return "not waited for"
    state.waits_for = tuple(one for one in state.waits_for if one != event.other)
    if state.waits_for or state.phase is Phase.CLOSED:
        return ""
    if event.erased and state.ending is None:
        look(work)
    elif state.phase is Phase.DECIDING:
        # It may have waited for weeks: what was found then, and what was not, is no ground to decide on now.
        answers.back_to_discovery(work)
    return ""
