"""Data that came back (I14): what was erased is looked for again while backups live, and after a backup was restored.

A look is an episode of the closed request. If nothing is there it ends as quietly as it began; else what came back is
decided afresh, erased, and confirmed by a record of its own. Who came back themselves is left alone, and in doubt a
person decides (ADR 39).
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from orchestrator.core import adopting, aggregate, approving, holding
from orchestrator.core.answers import back_to_discovery, ended_early, reopen, searchable
from orchestrator.core.commands_returning import CameBack, Restored
from orchestrator.core.effects import Forget
from orchestrator.core.model import Attention, Look, Obligation, Phase, RequestState, SystemState
from orchestrator.core.moments import days_from, later, start_of
from orchestrator.core.rulings import Rulings
from orchestrator.core.transitions import move
from orchestrator.core.work import STAYING, Work
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
    if state.right is not Right.ERASURE or state.retention is not None:
        return
    names = [name for name, one in state.systems.items() if aggregate.held(one) or one.past]
    # Where the person has given something since, that stays theirs, whatever else is erased beside it.
    theirs = {name: _gone(state, name) for name in names if _gave_since(state, name)}
    state.gone = {name: day for name, day in state.gone.items() if name not in names} | theirs
    state.erased = state.erased | dict.fromkeys(names, now)


def _gave_since(state: RequestState, name: str) -> bool:
    decided = Rulings((), tuple(one for one in state.decisions if one.at > state.erased.get(name, "")))
    return any(
        isinstance(one, Located) and _since(state, name, one.facts) and decided.decision_on(name, of) is None
        for of, one in state.systems[name].located.items()
    )


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
        if not state.systems[name].asked:
            move(state, Phase.DISCOVERING)  # the episode was about other systems: it looks in this one as well
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
    known = tuple(sorted({one.ref for one in work.state.known}))
    work.state.look = msgspec.structs.replace(look, known=known)
    work.stop(*lacks)


def came_back(work: Work, event: CameBack) -> str:
    """Take in that the person came back themselves: what is of them now is no remainder of what was erased."""
    state = work.state
    names = [event.system] if event.system else list(state.scope)
    state.returned = state.returned | dict.fromkeys(names, event.since)
    if state.look is not None:
        told = {*state.look.themselves, *names}
        state.look = msgspec.structs.replace(state.look, themselves=tuple(sorted(told)))
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
    """Judge what a closed erasure finds again; False: nothing is to decide, or a person has to say what it is."""
    state, look = work.state, work.state.look
    if look is None:
        if state.episode == 1 or state.retention is not None:
            return True
        look = Look("due", work.now)  # what is kept came due, and beside it the person may be there again
    found = _found(work, look)
    unclear = [place for place, verdict in sorted(found.items()) if verdict == "unclear"]
    if unclear or "themselves" in found.values():
        state.look = look
    work.stop(*(Attention(CAME_BACK, "dpo", _TODO, work.now, name, of, look.why) for name, of in unclear))
    if unclear:
        return False
    for name in sorted({name for name, _ in found}):
        if not approving.done(work.plan, name, state.systems[name]):
            _tell_apart(work, look, name, {of: verdict for (where, of), verdict in found.items() if where == name})
    done = any(one.past or one.unproven or one.outcomes for one in state.systems.values())
    if "back" in found.values() or look.why != "recheck" or done:
        return True
    _quietly(work, look)
    return False


def _tell_apart(work: Work, look: Look, name: str, verdicts: dict[str, Verdict]) -> None:
    """Leave alone in one system what is of a person who came back themselves; the order is about the rest."""
    state, system = work.state, work.state.systems[name]
    themselves = sorted(of for of, verdict in verdicts.items() if verdict == "themselves")
    back = sorted(verdicts.keys() - set(themselves))
    system.left_out, system.sets = {}, None
    if back and look.why != "due" and not system.instructions:
        work.notice(CAME_BACK, "dpo", system=name, record_sets=",".join(back), look=look.why)
    if not themselves:
        return
    if name not in state.returned:
        work.notice("came_back_themselves", "dpo", system=name, record_sets=",".join(themselves), look=look.why)
        days = [one.facts.since_first for of in themselves if isinstance(one := system.located[of], Located)]
        state.returned = state.returned | {name: min(day or work.now[:10] for day in days)}
    system.left_out = dict.fromkeys(themselves, THEMSELVES)
    system.sets = tuple(sorted(work.plan.system(name).names - set(themselves)))


def afresh(work: Work) -> None:
    """Forget the doubt about what was found: what is found now is judged anew."""
    work.state.attention = tuple(one for one in work.state.attention if one.reason != CAME_BACK)


def _found(work: Work, look: Look) -> Found:
    state = work.state
    kept = {(one.system, one.record_set): one for one in state.obligations if one.kind == "retention"}
    found: Found = {}
    for name, system in state.systems.items():
        since = state.erased.get(name, "") if look.why == "due" else look.since
        decided = Rulings((), tuple(one for one in state.decisions if one.at > since))
        for of, located in system.located.items():
            place = (name, of)
            # What is kept is there because it is kept; it has a day of its own. A restore brings its mask down.
            if not isinstance(located, Located) or (look.why == "recheck" and place in kept):
                continue
            if decided.decision_on(name, of) is not None or approving.done(work.plan, name, system):
                found[place] = "back"
            elif look.why == "due" or place in kept:
                found[place] = _of_due(state, name, located.facts, look, kept.get(place))
            else:
                found[place] = _verdict(state, name, located.facts, look)
            if found[place] == "themselves" and (of in system.past or of in system.unproven):
                found[place] = "unclear"  # of the same records some were erased a moment ago
    for name in {name for name, _ in found}:
        back = {of for (where, of), verdict in found.items() if (where, verdict) == (name, "back")}
        apart = look.why == "due" or name in look.themselves
        for of in [of for (where, of), verdict in found.items() if (where, verdict) == (name, "themselves")]:
            # One system is erased as a whole, or somebody has said which of it stays; never without what it belongs to.
            if back and (not apart or _above(work, name, of) & back):
                found[name, of] = "unclear"
    return found


def _above(work: Work, name: str, record_set: str) -> set[str]:
    """Give the record sets that one hangs on."""
    parents = {one.name: one.parent for one in work.plan.system(name).record_sets}
    above: set[str] = set()
    while (parent := parents.get(record_set)) and parent not in above:
        above.add(parent)
        record_set = parent
    return above


def _when(state: RequestState, name: str, facts: Facts) -> Literal["before", "around", "after", ""]:
    """Tell when the person gave the data, against the day on which it was gone; empty: nothing tells."""
    gone = _gone(state, name)
    first, last = facts.since_first, facts.since_last
    if first is None or last is None or facts.since_missing or not gone:
        return ""
    if first > gone or first >= state.returned.get(name, "9999"):
        return "after"
    return "before" if last < gone else "around"


def _since(state: RequestState, name: str, facts: Facts) -> bool:
    """Tell whether some of it was given after all was gone there, or after a return that is known."""
    last, gone = facts.since_last or "", _gone(state, name)
    return bool(gone) and (last > gone or last >= state.returned.get(name, "9999"))


def _gone(state: RequestState, name: str) -> str:
    return state.gone.get(name) or state.erased.get(name, "")[:10]


def _verdict(state: RequestState, name: str, facts: Facts, look: Look) -> Verdict:
    """Tell from the day on which the person gave the data, where a data map can tell (``since``)."""
    when, returned = _when(state, name, facts), name in state.returned
    if when in {"before", "after"}:
        return "back" if when == "before" else "themselves"
    if facts.since_first is None and look.why == "recheck" and returned:
        return "themselves"
    # A restore explains by itself how it came there; but never what is partly of a known, later day.
    if facts.since_first is None and look.why == "restored" and not returned:
        return "back"
    return "themselves" if name in look.themselves else "unclear"


def _of_due(state: RequestState, name: str, facts: Facts, look: Look, kept: Obligation | None) -> Verdict:
    """Tell what an episode is about from what the person gave since; where nothing says that they did, it is about it.

    What a hold has kept is in one record set with what they gave since: a person has to say which goes.
    """
    when, returned = _when(state, name, facts), name in state.returned
    bare = facts.since_first is None
    if when == "after" or (bare and returned and kept is None):
        return "themselves"
    both = when == "around" and _since(state, name, facts)
    untold = when == "" and returned and (not bare or (kept is not None and bool(kept.holds)))
    if both or untold:
        return "themselves" if name in look.themselves else "unclear"
    return "back"


def _quietly(work: Work, look: Look) -> None:
    """End a look that found nothing to erase: no record, and nobody is told; the journal knows of it."""
    state = work.state
    state.result, state.look = look.result, None
    # What led on from who came back themselves is nothing that anybody asked us to know (decision 9).
    keep = set(look.known) or {one.ref for one in state.known}
    state.known = tuple(one for one in state.known if one.ref in keep)
    owing = {one.system for one in state.obligations if one.system}
    work.effects.append(Forget(tuple(sorted(keep)), tuple(sorted(owing))))
    state.attention = tuple(one for one in state.attention if one.reason in STAYING)
    state.timers = {}
    # Where nothing is owed any more, the timer has what is left forgotten.
    due = min((one.due for one in state.obligations), default=work.now[:10])
    work.timer("owed", max(start_of(due), later(work.now, seconds=1)))
    move(state, Phase.CLOSED)
    set_timer(work)
