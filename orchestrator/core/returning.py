"""Data that came back (I14): what was erased is looked for again while backups live, and after a backup was restored.

A look is an episode of the closed request. If nothing is there it ends as quietly as it began; else what came back is
decided afresh, erased, and confirmed by a record of its own. Who came back themselves is left alone, and in doubt a
person decides (ADR 39).
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from orchestrator.core import adopting, aggregate, documents, holding
from orchestrator.core.answers import back_to_discovery, ended_early, reopen, searchable
from orchestrator.core.commands_returning import CameBack, Restored
from orchestrator.core.model import Attention, Look, Phase, RequestState, SystemState
from orchestrator.core.moments import days_from, later, start_of
from orchestrator.core.rulings import Rulings
from orchestrator.core.transitions import move
from orchestrator.core.work import Work
from schemas.outcomes import Facts, Located
from schemas.requests import Right

CAME_BACK: Final = "came_back"
TIMER: Final = "recheck"
THEMSELVES: Final = "the person came back themselves"
REASONS: Final = ("fresh_consent", "new_relationship")
"""Why somebody who was erased is a data subject again."""
_TODO: Final = (
    "data of an erased person is there again, and nothing tells whether they came back themselves: if so,"
    " `expunge returned`; if not, erase it with `expunge decide ID SYSTEM/SET --erase`"
)

Verdict = Literal["back", "themselves", "unclear"]
Found = dict[tuple[str, str], Verdict]


def remember(state: RequestState, now: str) -> None:
    """Note when each system erased; what is of a later day may be of a person who came back."""
    if state.right is Right.ERASURE and state.retention is None:
        erased = {name: now for name, one in state.systems.items() if aggregate.held(one) or one.past}
        state.erased = state.erased | erased


def set_timer(work: Work) -> None:
    """Set when it is looked again: every ``recheck_days``, the last time on the day before the last backup is gone."""
    state, days = work.state, work.plan.limits.recheck_days
    state.timers.pop(TIMER, None)
    last = max((one.due for one in state.obligations if one.kind == "backup_horizon"), default="")
    if not days or not last or ended_early(state):
        return
    due = min(days_from(work.now[:10], days), days_from(last, -1))
    if due > work.now[:10]:
        work.timer(TIMER, start_of(due))


def recheck(work: Work, plan_sha256: str) -> None:
    """Look again in every system whose backups live (the timer is due)."""
    state = work.state
    if state.phase is not Phase.CLOSED:
        return  # an episode is running; its end sets the timer anew
    names = {one.system for one in state.obligations if one.kind == "backup_horizon"}
    systems = tuple(sorted(one for one in names if one in work.plan.by_name and searchable(work, one)))
    if systems:
        _begin(work, systems, Look("recheck", work.now, state.result), plan_sha256)


def restored(work: Work, event: Restored) -> str:
    """Take in that a system was restored from a snapshot that is older than what was erased in it."""
    state, name = work.state, event.system
    why = _needless(work, event)
    if why:
        return why
    look = Look("restored", work.now, state.result, event.snapshot)
    if state.phase is Phase.CLOSED:
        _begin(work, (name,), look, event.plan_sha256)
        return ""
    if state.look is not None:
        state.look = msgspec.structs.replace(look, result=state.look.result)
    state.systems.setdefault(name, SystemState())
    # What was found, and what was not, was so before the restore: nothing is decided on it.
    if state.phase is Phase.DISCOVERING:
        state.systems[name].retry = bool(state.systems[name].asked)
    elif state.phase is Phase.ACTING:
        holding.afresh(work, [name])
        # Also what is out and will be answered: the answer is about what was there before.
        state.systems[name].retry = bool(state.systems[name].asked)
    else:
        back_to_discovery(work)
    return ""


def _needless(work: Work, event: Restored) -> str:
    state, name = work.state, event.system
    if state.right is not Right.ERASURE:
        return "nothing is erased by it"
    if state.retention is not None:
        return "what is past its period is found by the next sweep"
    if state.forgotten:
        return "nothing leads to the person any more"
    if state.ending is not None or ended_early(state):
        return "it ended, and nobody asks for it any more"
    if name not in work.plan.by_name or not searchable(work, name):
        return "nothing finds the person in that system any more"
    if state.phase is Phase.CLOSED and state.erased.get(name, "9999") <= event.snapshot:
        return "the snapshot holds what was erased as erased"
    if state.phase is Phase.VERIFYING or name not in state.scope:
        return "nothing was searched there yet"
    return ""


def _begin(work: Work, systems: tuple[str, ...], look: Look, plan_sha256: str) -> None:
    # As with what comes due: the look goes by the plan of that day, or a person is told why it cannot (decision 21).
    lacks = adopting.lacking(work, work.newer) if work.newer is not None else []
    if work.newer is not None and not lacks:
        adopting.adopt(work, work.newer, plan_sha256)
    reopen(work, systems)
    work.state.look = look
    work.stop(*lacks)


def came_back(work: Work, event: CameBack) -> str:
    """Take in that the person came back themselves: what is of them now is no remainder of what was erased."""
    state = work.state
    names = [event.system] if event.system else list(state.scope)
    state.returned = state.returned | dict.fromkeys(names, event.since)
    for name in names:
        work.settled(CAME_BACK, name)
    return ""


def cannot_come_back(state: RequestState, event: CameBack) -> tuple[str, str] | None:
    """Say what is wrong with the command, and the fix; None where it may be given."""
    if state.right is not Right.ERASURE:
        return "only who was erased can come back", "see `expunge show`"
    if state.retention is not None:
        return "nobody asked for this erasure, and nobody is kept out by it", "nothing has to be done"
    if state.forgotten:
        return "nothing leads to the person any more", "nothing has to be done"
    if event.system and event.system not in state.scope:
        return f"the request is not about {event.system}", f"one of: {', '.join(state.scope)}"
    if event.reason not in REASONS:
        return f"{event.reason!r} is no reason", f"--reason, one of: {', '.join(REASONS)}"
    if not event.since or event.since > event.observed_at[:10]:
        return "the day on which the person came back is missing or lies ahead", "--since, a date (YYYY-MM-DD)"
    return None


def judge(work: Work) -> bool:
    """Judge what a look found; False: there is nothing to decide, or a person has to say what it is."""
    state, look = work.state, work.state.look
    if look is None:
        return True
    found = _found(work, look)
    unclear = [place for place, verdict in sorted(found.items()) if verdict == "unclear"]
    work.stop(*(Attention(CAME_BACK, "dpo", _TODO, work.now, name, of, look.why) for name, of in unclear))
    if unclear:
        return False
    for name in sorted({name for name, _ in found}):
        verdicts = {of: verdict for (where, of), verdict in found.items() if where == name}
        kind = CAME_BACK if "back" in verdicts.values() else "came_back_themselves"
        if kind == CAME_BACK or name not in state.returned:
            work.notice(kind, "dpo", system=name, record_sets=",".join(sorted(verdicts)), look=look.why)
        if kind != CAME_BACK:
            state.returned = {name: work.now[:10]} | state.returned
            state.systems[name].left_out = dict.fromkeys(verdicts, THEMSELVES)
    if "back" in found.values() or look.why == "restored":
        return True
    _quietly(work, look)
    return False


def afresh(work: Work) -> None:
    """Forget the doubt about what was found: what is found now is judged anew."""
    work.state.attention = tuple(one for one in work.state.attention if one.reason != CAME_BACK)


def _found(work: Work, look: Look) -> Found:
    state = work.state
    kept = {(one.system, one.record_set) for one in state.obligations if one.kind == "retention"}
    decided = Rulings((), tuple(one for one in state.decisions if one.at > look.since))
    found: Found = {}
    for name, system in state.systems.items():
        for of, located in system.located.items():
            # What is kept is there because it is kept; it has a day of its own. A restore brings its mask down.
            if not isinstance(located, Located) or (look.why == "recheck" and (name, of) in kept):
                continue
            known = decided.decision_on(name, of) is not None or (name, of) in kept
            found[name, of] = "back" if known else _verdict(state, name, located.facts, look)
    for name in {name for name, _ in found}:
        places = [place for place in found if place[0] == name]
        if {found[one] for one in places} >= {"back", "themselves"}:
            # One system is erased as a whole: somebody has to say which of it stays.
            found |= {one: "unclear" for one in places if found[one] == "themselves"}
    return found


def _verdict(state: RequestState, name: str, facts: Facts, look: Look) -> Verdict:
    """Tell from the day on which the person gave the data, where a data map can tell (``since``)."""
    erased = state.erased.get(name, "")[:10]
    first, last = facts.since_first, facts.since_last
    if first is not None and last is not None and not facts.since_missing and erased:
        if first > erased:
            return "themselves"
        return "back" if last < erased else "unclear"
    if first is None and name in state.returned:
        return "themselves"
    # A restore explains by itself how it came there; but never what is partly of a known, later day.
    return "back" if look.why == "restored" and first is None else "unclear"


def _quietly(work: Work, look: Look) -> None:
    """End a look that found nothing to erase: no record, and nobody is told; the journal knows of it."""
    state = work.state
    state.result, state.look = look.result, None
    state.attention = tuple(one for one in state.attention if one.reason == documents.HELD)
    state.timers = {}
    due = min((one.due for one in state.obligations), default="")
    if due:
        work.timer("owed", max(start_of(due), later(work.now, seconds=1)))
    move(state, Phase.CLOSED)
    set_timer(work)
