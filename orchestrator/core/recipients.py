"""Processors are asked and recipients told, by a person's hand; the request waits for both (ADR 35; Art. 19, 28).

A processor is asked when systems are ordered to act, a recipient told when they have. Who is concerned follows from the
record sets: what is erased, corrected, restricted or stopped in those that it works on, or was given. Every open task
has timers, an owner, and an attention once it is overdue or was not sent (I6).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from orchestrator.core import aggregate, procedures
from orchestrator.core.discovery import refs_for
from orchestrator.core.model import Attention, Known, RequestState, SystemState
from orchestrator.core.moments import date_of, days_from, start_of
from orchestrator.core.plan import Plan, RecipientPlan
from orchestrator.core.recipient_task import RecipientTask
from orchestrator.core.rulings import plain_rule
from orchestrator.core.staying import found_in
from orchestrator.core.work import Work
from orchestrator.law.periods import response_due
from schemas.outcomes import Anonymised, Attested, Deleted, Kept, Located, Rectified, Restricted
from schemas.requests import Right
from schemas.tasks import Action

TO_ASK: Final = "recipient_to_ask"
SILENT: Final = "recipient_silent"
PROCESSOR: Final = "processor"
ANSWER: Final = "answer"
REMIND: Final = "remind"
_DOES: Final[dict[Action, Literal["erase", "rectify", "restrict", "stop"]]] = {
    Action.ERASE: "erase",
    Action.RECTIFY: "rectify",
    Action.RESTRICT: "restrict",
    Action.STOP: "stop",
}
ASKS: Final = frozenset(
    {Right.ERASURE, Right.RECTIFICATION, Right.RESTRICTION, Right.OBJECTION, Right.WITHDRAWAL_OF_CONSENT}
)
"""Rights for which processors are asked."""
TELLS: Final = frozenset({Right.ERASURE, Right.RECTIFICATION, Right.RESTRICTION})
"""Rights after which recipients are told (Art. 19)."""


def ask(work: Work) -> None:
    """Ask the processors that the leg which begins concerns."""
    state, plan = work.state, work.plan
    if state.right not in ASKS or state.retention is not None:
        return  # of what a sweep found nobody asked; the record says who was not asked, and why
    leg = procedures.leg(plan, state)
    does = _DOES.get(leg.action)
    if does is None or (leg.action is Action.RESTRICT and state.right is Right.OBJECTION):
        return  # what is weighed may come back: a processor hears what was decided
    for one in plan.recipients:
        if one.role != PROCESSOR or one.through or not gets_data(one, work.now):
            continue
        # A processor that was asked by an earlier leg is still asked that.
        earlier = state.recipients.get(one.id) if state.progress.leg else None
        before = earlier.sets if earlier is not None else ()
        purposes = earlier.purposes if earlier is not None else ()
        sets = _in_plan_order(one, {*before, *(place for place in one.sets if concerned(state, does, place))})
        if not sets and (not one.always or state.episode > 1 or not in_scope(plan, state, one)):
            _drop(work, one.id)
            continue
        stops = tuple(sorted({*purposes, *leg.purposes})) if does == "stop" else ()
        _open(work, one, does, sets or one.sets, stops)


def concerned(state: RequestState, does: str, place: str) -> bool:
    """Tell whether records of a set are about to be changed, or were."""
    name, _, record_set = place.partition("/")
    system = state.systems.get(name)
    if system is None:
        return False
    if does == "erase":
        return _going(system, record_set) or changed(system.past.get(record_set))
    if record_set not in system.rules:
        return False
    return isinstance(system.located.get(record_set), Located) or record_set in system.earlier


def _going(system: SystemState, record_set: str) -> bool:
    if not found_in(system, record_set):
        return False
    instruction = system.instructions.get(record_set)
    over = plain_rule(system.rules.get(record_set, "")).startswith("retention-over")
    return instruction is not None and (instruction.keep is None or over)


def changed(outcome: object) -> bool:
    """Tell whether an outcome changed records in a way that who was given them has to hear of (Art. 19)."""
    if isinstance(outcome, Kept):
        return bool(outcome.erased)
    return isinstance(outcome, Deleted | Anonymised | Rectified | Restricted | Attested)


def in_scope(plan: Plan, state: RequestState, one: RecipientPlan) -> bool:
    """Tell whether a request is about what a recipient has; where the policy does not say, one about everything is."""
    if not one.sets:
        return set(state.scope) >= plan.by_name.keys()
    return any(place.partition("/")[0] in state.scope for place in one.sets)


def gets_data(one: RecipientPlan, now: str) -> bool:
    """Tell whether it has been given anything by now (S30)."""
    return not one.since or one.since <= date_of(now).isoformat()


def _in_plan_order(one: RecipientPlan, places: set[str]) -> tuple[str, ...]:
    return tuple(place for place in (*one.sets, *sorted(places - set(one.sets))) if place in places)


def refs_of(plan: Plan, known: Iterable[Known], sets: tuple[str, ...]) -> tuple[str, ...]:
    """Give the identifiers by which these record sets are searched; where there are none, what the person gave."""
    known = tuple(known)
    if not sets:
        return tuple(one.ref for one in known if not one.domain)
    found: dict[str, None] = {}
    kind_of = {one.ref: one.kind for one in known}
    for place in sets:
        name, _, record_set = place.partition("/")
        if name not in plan.by_name:
            # What led there is not known any more: nothing is lost that may be needed to name the person.
            return tuple(kind_of)
        kinds = {kind for one in plan.system(name).record_sets if one.name == record_set for kind in one.kinds}
        # What is found through its parent alone has no kind of its own: all that its system is searched by leads to it.
        refs = refs_for(plan, plan.system(name), known)
        found |= dict.fromkeys(ref for ref in refs if not kinds or kind_of[ref] in kinds)
    return tuple(found)


def tell(work: Work) -> None:
    """Have the recipients told, now that it is done (Art. 19)."""
    state, plan = work.state, work.plan
    if state.right not in TELLS or state.progress.lifting or state.retention is not None:
        return
    does = _DOES[procedures.leg(plan, state).action]
    places = {
        f"{name}/{record_set}"
        for name, system in state.systems.items()
        if system.asked
        for record_set, outcome in aggregate.final_lines(plan.system(name), system).items()
        if changed(outcome)
    }
    for one in plan.recipients:
        if one.role == PROCESSOR or one.through or not gets_data(one, work.now):
            continue
        sets = _in_plan_order(one, places & set(one.sets))
        if sets:
            _open(work, one, does, sets, ())


def waits(work: Work) -> bool:
    """Tell whether somebody is still waited for, once recipients were given their tasks."""
    tell(work)
    return any(one.open for one in work.state.recipients.values())


def _open(
    work: Work,
    one: RecipientPlan,
    does: Literal["erase", "rectify", "restrict", "stop"],
    sets: tuple[str, ...],
    purposes: tuple[str, ...],
) -> None:
    state = work.state
    refs = refs_of(work.plan, state.known, sets)
    before = state.recipients.get(one.id)
    if before is not None:
        covered = set(refs) <= set(before.refs) and set(sets) <= set(before.sets)
        if covered and set(purposes) <= set(before.purposes):
            return  # what was asked, and what was answered, is about all of it
        refs = (*before.refs, *(ref for ref in refs if ref not in before.refs))
        sets = (*before.sets, *(place for place in sets if place not in before.sets))
    number = before.number + 1 if before is not None else 1
    open_(work, one.id, RecipientTask(one.role, does, sets, refs, work.now, due(work), number, purposes))


def open_(work: Work, name: str, task: RecipientTask) -> None:
    """Give somebody a task: who owns it is told, and hears of it again until it is done."""
    state = work.state
    state.recipients = {**state.recipients, name: task}
    work.settled(SILENT, name)
    work.timer(f"{ANSWER}:{name}", start_of(days_from(task.due, 1)))
    _remind_later(work, name)
    command = f"`expunge task show {state.request_id} {name} --reveal`"
    todo = f"{_what(task)}: {command} is the text; then `expunge task sent {state.request_id} {name}`"
    work.settled(TO_ASK, name)
    work.warn(Attention(TO_ASK, owner(work.plan, name), todo, work.now, name, detail=task.due))


def _what(task: RecipientTask) -> str:
    return "ask this processor" if task.role == PROCESSOR else "tell this recipient (GDPR Art. 19)"


def due(work: Work) -> str:
    """Give the day by which an answer has to be there: well before the request's own, and never after it."""
    state = work.state
    today = date_of(work.now).isoformat()
    last = state.due_on if state.episode == 1 else response_due(date_of(work.now))[0].isoformat()
    wanted = days_from(last, -work.plan.limits.recipient_margin_days)
    latest = max(min(days_from(today, 1), days_from(last, -1)), today)
    return max(wanted, latest)


def owner(plan: Plan, name: str) -> str:
    """Give the role that writes to a recipient."""
    return next((one.owner for one in plan.recipients if one.id == name), "dpo")


def _remind_later(work: Work, name: str) -> None:
    days = work.plan.limits.recipient_reminder_days
    if days:
        work.timer(f"{REMIND}:{name}", start_of(days_from(date_of(work.now).isoformat(), days)))


def timer(work: Work, kind: str, name: str) -> None:
    """A day of a task has come; the timers of a task that is over are gone."""
    task = work.state.recipients[name]
    if kind == ANSWER:
        _overdue(work, name, task)
    else:
        _remind(work, name, task)


def _remind(work: Work, name: str, task: RecipientTask) -> None:
    asked = "sent" if task.sent_at else "not_sent"
    work.notice("recipient_reminder", owner(work.plan, name), recipient=name, due=task.due, state=asked)
    _remind_later(work, name)


def _overdue(work: Work, name: str, task: RecipientTask) -> None:
    """The day of an answer is over: somebody is called, and the request is not done (I6)."""
    command = f"`expunge attest {work.state.request_id} {name}`"
    todo = (
        f"it did not answer by {task.due}: ask again, or by telephone; then {command}"
        " with what it says, or what you found out"
    )
    work.warn(Attention(SILENT, owner(work.plan, name), todo, work.now, name, detail=task.due))


def settle(work: Work, name: str, task: RecipientTask) -> None:
    """Take in what came back: nobody is reminded of it any more."""
    state = work.state
    state.recipients = {**state.recipients, name: task}
    if not task.open:
        _quiet(work, name)


def _quiet(work: Work, name: str) -> None:
    for kind in (ANSWER, REMIND):
        work.state.timers.pop(f"{kind}:{name}", None)
    for reason in (TO_ASK, SILENT):
        work.settled(reason, name)


def _drop(work: Work, name: str) -> None:
    """Take a task back that nothing calls for any more; where it was sent, a hold or a decision came in between."""
    task = work.state.recipients.get(name)
    if task is None or task.owed or not task.open:
        return
    if task.sent_at:
        todo = f"what it was asked to {task.does} stays now: tell it so, then `expunge attest` what it says"
        work.warn(Attention(TO_ASK, owner(work.plan, name), todo, work.now, name, detail=task.due))
        return
    work.state.recipients = {of: one for of, one in work.state.recipients.items() if of != name}
    _quiet(work, name)


def renew(work: Work, kept: Iterable[tuple[str, tuple[str, ...]]]) -> None:
    """Ask processors again for what they kept: its time has come (I8). An episode for it has begun."""
    work.state.recipients = {}
    for name, sets in kept:
        refs = refs_of(work.plan, work.state.known, sets)
        open_(work, name, RecipientTask(PROCESSOR, "erase", sets, refs, work.now, due(work), owed=True))
