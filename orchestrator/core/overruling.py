"""Decisions of a person about one record set: an exception of Art. 17(3), no ground, or erasure on a ground (S14, S40).

Never about an account: Art. 17(3) is weighed for each set of records by itself, with a text, by somebody who answers
for it, until a day on which it is weighed again.
"""

from __future__ import annotations

from typing import Final

from orchestrator.core import holding
from orchestrator.core.commands_deciding import SetDecided
from orchestrator.core.model import Obligation, Phase, RequestState
from orchestrator.core.moments import date_of, is_date
from orchestrator.core.plan import Plan
from orchestrator.core.resting import objection as objection_to
from orchestrator.core.rulings import SetDecision
from orchestrator.core.staying import REVIEW_DUE
from orchestrator.core.work import Work
from schemas.outcomes import KeptWhy
from schemas.requests import Right

EXCEPTIONS: Final = (
    KeptWhy.EXPRESSION,
    KeptWhy.LEGAL_OBLIGATION,
    KeptWhy.PUBLIC_HEALTH,
    KeptWhy.ARCHIVING,
    KeptWhy.LEGAL_CLAIMS,
)
MAY_KEEP: Final = (*EXCEPTIONS, KeptWhy.NO_GROUND)
GROUNDS: Final = "abcdef"
_SETTLES: Final = frozenset(
    {
        REVIEW_DUE,
        "retention_without_date",
        "retention_without_end",
        "text_repealed",
        "text_not_yet_in_force",
        "unknown_text",
        "unknown_rule",
        "rule_undecided",
        "rule_exceeded",
        "came_back",
    }
)
"""Reasons to wait for a person that this decision takes away."""
OBJECTIONS: Final = {
    "unknown_text": "nobody knows this legal text",
    "text_not_yet_in_force": "this legal text is not in force yet",
    "text_repealed": "this legal text is repealed",
}
"""What is wrong with a text, in words, by ``resting.objection``."""

Wrong = tuple[str, str] | None


def refusal(state: RequestState, event: SetDecided) -> Wrong:
    """Say what is wrong with a decision, and the fix; None where it may be made."""
    if state.right is not Right.ERASURE:
        return "only an erasure is decided per record set", "see `expunge show`"
    if state.ending is not None:
        return "the request is about to end", "see `expunge show`"
    if state.phase is Phase.CLOSED and not _owed(state, event):
        return "the request is closed, and nothing of this record set is kept", "see `expunge show`"
    if event.system not in state.scope:
        return f"the request is not about {event.system}", f"one of: {', '.join(state.scope)}"
    return _no_ground(event) if event.why is None else _no_exception(event)


def _no_ground(event: SetDecided) -> Wrong:
    if event.ground not in tuple(GROUNDS):
        return "erasure needs a ground of GDPR Art. 17(1)", f"--ground, one of: {', '.join(GROUNDS)}"
    return None


def _no_exception(event: SetDecided) -> Wrong:
    if event.why not in MAY_KEEP:
        return f"{event.why} is nothing that a person decides", f"--why, one of: {', '.join(MAY_KEEP)}"
    today = date_of(event.observed_at)
    objection = objection_to(event.text, today, None)
    if objection:
        return f"{event.text or 'no text'}: {OBJECTIONS[objection]}", "name the text that it rests on, in force today"
    if not event.review_by or not is_date(event.review_by) or event.review_by <= today.isoformat():
        return "a day on which somebody looks at it again is missing", "--review, a date in the future (YYYY-MM-DD)"
    return None


def unknown(plan: Plan, event: SetDecided) -> Wrong:
    """Say that the plan does not know the record set, or the policy the rule it is kept on; None if they do."""
    if event.system not in plan.by_name:
        return f"no system {event.system}", f"one of: {', '.join(sorted(plan.by_name))}"
    names = plan.system(event.system).names
    if event.record_set not in names:
        return f"no record set {event.system}/{event.record_set}", f"one of: {', '.join(sorted(names))}"
    if event.why is not None and objection_to(event.text, date_of(event.observed_at), plan.own_rules) == "unknown_rule":
        return f"{event.text}: the policy has no such rule", f"one of: {', '.join(plan.own_rules or ()) or 'none'}"
    return None


def decided(work: Work, event: SetDecided) -> str:
    """Take in what somebody decided about a record set; the last word counts."""
    state = work.state
    wrong = unknown(work.plan, event)
    if wrong is not None:
        return wrong[0]
    place = (event.system, event.record_set)
    others = tuple(one for one in state.decisions if (one.system, one.record_set) != place)
    made = SetDecision(*place, event.role, event.when, event.why, event.ground, event.text, event.review_by)
    state.decisions = (*others, made)
    state.attention = tuple(
        one for one in state.attention if (one.system, one.record_set) != place or one.reason not in _SETTLES
    )
    if state.phase is Phase.CLOSED:
        holding.reopen_by_newest(work, (event.system,), event.plan_sha256)
    else:
        holding.at_once(work, [one for one in state.obligations if _is_of(one, event)])
        holding.afresh(work, [event.system] if event.system in state.systems else [])
    return ""


def _owed(state: RequestState, event: SetDecided) -> bool:
    return any(_is_of(one, event) for one in state.obligations)


def _is_of(one: Obligation, event: SetDecided) -> bool:
    place = (event.system, event.record_set)
    return one.kind == "retention" and (one.system, one.record_set) == place
