"""The end of an episode: tell the person, complete, note what is owed; and what happens when that comes due."""

from __future__ import annotations

from orchestrator.core import adopting, aggregate, completion, documents, ending, holding, refusing, requester
from orchestrator.core.answers import reopen
from orchestrator.core.discovery import refs_for
from orchestrator.core.effects import Complete, Forget
from orchestrator.core.model import Phase
from orchestrator.core.moments import date_of, start_of
from orchestrator.core.transitions import move
from orchestrator.core.work import Work


def answering(work: Work) -> bool:
    """Answer, complete and close. The only place that completes; it raises unless every line is final (I1)."""
    state, plan = work.state, work.plan
    today = date_of(work.now).isoformat()
    state.obligations = completion.obligations(plan, state, today)
    missing = aggregate.unsearched(plan, state)
    if state.ending is None:
        state.result, headline = aggregate.result_of(plan, state, missing)
    else:
        state.result, headline = state.ending, aggregate.headline_of(ending.tags(plan, state))
    record = completion.record(plan, state, work.now, state.result, headline, missing)
    state.unsearched = missing
    state.ending = None
    state.records = record.number
    to = requester.addressee(state, work.now)
    facts = refusing.remedies(plan, state)
    work.notice("answer", to, result=record.result, headline=record.headline, record=record.record_id, **facts)
    requester.tell_others(work)
    work.effects.append(Complete(record))
    state.attention = tuple(one for one in state.attention if one.reason == documents.HELD)
    state.timers = {}
    move(state, Phase.CLOSED)
    _keep_what_is_owed(work)
    return False


def _keep_what_is_owed(work: Work) -> None:
    """Shrink the identifiers to what the obligations need, and set the timer for the next of them (decision 9)."""
    state = work.state
    owing = {one.system for one in state.obligations if one.system}
    needed = {ref for name in sorted(owing) for ref in refs_for(work.plan, work.plan.system(name), state.known)}
    state.known = tuple(one for one in state.known if one.ref in needed)
    if state.obligations:
        work.timer("owed", start_of(min(one.due for one in state.obligations)))
    else:
        state.forgotten = True
    package = any(one.kind == "package_expiry" for one in state.obligations)
    work.effects.append(Forget(tuple(sorted(needed)), tuple(sorted(owing)), package))


def owed(work: Work, plan_sha256: str = "") -> None:
    """An obligation is due: look afresh, erase, and say so in a record of its own (I8).

    Years have passed: the look goes by the plan of that day, or a person is told why it cannot (decision 21).
    """
    state = work.state
    if state.phase is not Phase.CLOSED:
        # An episode is running; its end sets the timer anew. The firing counts all the same: a timer that is
        # ignored would stay due, and fire again for ever.
        return
    today = date_of(work.now).isoformat()
    # What a hold keeps is looked at when the hold is released; until then somebody is reminded of it.
    state.obligations = tuple(
        holding.remind(work, one, today) if one.due <= today and holding.asleep(state, one) else one
        for one in state.obligations
    )
    due = [one for one in state.obligations if one.due <= today]
    again = tuple(sorted({one.system for one in due if one.kind == "retention"}))
    state.obligations = tuple(one for one in state.obligations if one not in due or one.kind == "retention")
    # Where nothing is looked at, no plan is needed; and nobody could mend what a closed request lacks.
    lacks = adopting.lacking(work, work.newer) if again and work.newer is not None else []
    if again and work.newer is not None and not lacks:
        adopting.adopt(work, work.newer, plan_sha256)
    # Also where an episode begins: it may take long, and what expired may not wait for its end.
    _keep_what_is_owed(work)
    if again:
        reopen(work, again)
        work.stop(*lacks)
