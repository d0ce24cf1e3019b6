"""The end of an episode: tell the person, complete, note what is owed; and what happens when that comes due."""

from __future__ import annotations

import msgspec

from orchestrator.core import (
    adopting,
    aggregate,
    complaining,
    completion,
    ending,
    holding,
    procedures,
    recipients,
    recipients_told,
    refusing,
    requester,
    returning,
)
from orchestrator.core.answers import reopen
from orchestrator.core.asked import Balance, again
from orchestrator.core.discovery import refs_for
from orchestrator.core.effects import Complete, Forget
from orchestrator.core.model import Phase, Result
from orchestrator.core.moments import date_of, days_from, start_of
from orchestrator.core.transitions import move
from orchestrator.core.work import STAYING, Work
from schemas.completion import CompletionRecord
from schemas.outcomes import Rectified, Restricted
from schemas.tasks import Action

OVERRIDDEN = "overriding_grounds"
"""Why an objection is refused: the controller's grounds weigh more (Art. 21(1))."""


def answering(work: Work) -> bool:
    """Answer, complete and close. The only place that completes; it raises unless every line is final (I1)."""
    state, plan = work.state, work.plan
    today = date_of(work.now).isoformat()
    state.obligations = completion.obligations(plan, state, today)
    missing = aggregate.unsearched(plan, state)
    if state.ending is None:
        others = recipients_told.tags(plan, state, work.now)
        state.result, headline = aggregate.result_of(plan, state, missing, others)
        overridden = state.progress.balance is Balance.OVERRIDDEN and not state.progress.lifting
        if overridden and state.result in {Result.FULFILLED, Result.PARTLY_FULFILLED}:
            # What was to be weighed goes on; marketing, if it was meant as well, is stopped all the same.
            some = any(one.action is Action.STOP for one in procedures.of(plan, state).legs)
            state.result = Result.PARTLY_FULFILLED if some else Result.REFUSED
            state.ground = OVERRIDDEN
    else:
        state.result, headline = (
            state.ending,
            aggregate.headline_of(ending.tags(plan, state, missing) | recipients_told.tags(plan, state, work.now)),
        )
    record = completion.record(plan, state, work.now, state.result, headline, missing)
    state.unsearched = missing
    returning.remember(state, work.now)
    state.ending = None
    state.records = record.number
    to = requester.addressee(state, work.now)
    facts = refusing.remedies(plan, state)
    look = state.look if state.look is not None and state.look.why != "due" else None
    if look is not None:
        facts = facts | {"looked_again": look.why}
    if look is None or record.result not in {Result.NOTHING_HELD.value, Result.NOT_SUBJECT.value}:
        # After a restore that brought nothing back there is a record, and nothing that a person has to be told.
        work.notice("answer", to, result=record.result, headline=record.headline, record=record.record_id, **facts)
    complaining.tell(work, record, to)
    requester.tell_others(work)
    _tell_recipients(work, record)
    recipients_told.tell_person(work, record.recipients, to)
    work.effects.append(Complete(record))
    state.attention = tuple(one for one in state.attention if one.reason in STAYING)
    restricts = any(one.kind == "restriction" for one in state.obligations)
    state.timers = {name: one for name, one in state.timers.items() if name == "lift" and restricts}
    state.progress = again(state.progress)
    state.look = None
    move(state, Phase.CLOSED)
    _keep_what_is_owed(work)
    returning.set_timer(work)
    return False


def _tell_recipients(work: Work, record: CompletionRecord) -> None:
    """Whoever was given the data hears that it was corrected or restricted (Art. 19); another controller gets it."""
    for kind, found in (("rectified", Rectified), ("restricted", Restricted)):
        places = [
            f"{system.system}/{line.name}"
            for system in record.systems
            for line in system.record_sets
            if isinstance(line.outcome, found)
        ]
        if places:
            work.notice(kind, "recipients", record_sets=",".join(places), text="gdpr-19")
    if work.state.asked.transfer_to and work.state.package_sha256:
        work.notice("transfer", "dpo", controller=work.state.asked.transfer_to, text="gdpr-20-2")


def _keep_what_is_owed(work: Work) -> None:
    """Shrink the identifiers to what the obligations need, and set the timer for the next of them (decision 9)."""
    state = work.state
    owing = {one.system for one in state.obligations if one.system}
    needed = {ref for name in sorted(owing) for ref in refs_for(work.plan, work.plan.system(name), state.known)}
    for one in state.obligations:
        if one.kind == "recipient":
            needed |= set(recipients.refs_of(work.plan, state.known, one.sets))
    state.known = tuple(one for one in state.known if one.ref in needed)
    if state.obligations:
        work.timer("owed", start_of(min(one.due for one in state.obligations)))
    else:
        state.forgotten = True
        state.waits_for = ()
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
    if any(one.kind == "restriction" for one in due):
        work.notice("restriction_review", "dpo", text="gdpr-18", lift=f"expunge lift {state.request_id}")
    for one in due:
        if one.kind == "transfer":
            work.notice("transfer_due", "dpo", controller=one.text, text="gdpr-20-2")
    # It stands until somebody lifts it, and is looked at again.
    review = days_from(today, work.plan.limits.restriction_review_days)
    stands = tuple(msgspec.structs.replace(one, due=review) for one in due if one.kind == "restriction")
    asked = tuple((one.recipient, one.sets) for one in due if one.kind == "recipient")
    stays = {"retention", "recipient"}
    state.obligations = tuple(one for one in state.obligations if one not in due or one.kind in stays) + stands
    # Where nothing is looked at, no plan is needed; and nobody could mend what a closed request lacks.
    lacks = adopting.lacking(work, work.newer) if again and work.newer is not None else []
    if again and work.newer is not None and not lacks:
        adopting.adopt(work, work.newer, plan_sha256)
    # Also where an episode begins: it may take long, and what expired may not wait for its end.
    _keep_what_is_owed(work)
    if again or asked:
        reopen(work, again)
        recipients.renew(work, asked)
        work.stop(*lacks)
