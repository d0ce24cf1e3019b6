"""Acting: a right's legs, one after the other, and what only a person can do (``procedures``).

A record set that holds something its system cannot act on is never passed over: a person does it and says so, or the
request does not close (section 7).
"""

from __future__ import annotations

from typing import Final

import msgspec

from orchestrator.core import aggregate, ending, holding, procedures, recipients
from orchestrator.core.answers import back_to_discovery
from orchestrator.core.effects import Order
from orchestrator.core.events import OtherOpened, TimerFired
from orchestrator.core.model import Attention, Phase, SystemState
from orchestrator.core.moments import later
from orchestrator.core.procedures import Leg
from orchestrator.core.rulings import Rulings, hold_rule
from orchestrator.core.work import SYSTEM_OWNER, Work
from schemas.outcomes import Attested, Kept, KeptWhy, Located, Restricted
from schemas.outcomes import Final as FinalOutcome
from schemas.requests import Right
from schemas.tasks import Action

MANUAL = "manual_task"
BALANCE = "objection_to_balance"
_DO: Final = {
    Action.RECTIFY: "correct these fields",
    Action.RESTRICT: "mark these records as restricted",
    Action.LIFT: "lift the restriction of these records",
    Action.STOP: "stop using these records for the purpose",
}


def begin(work: Work) -> None:
    """Tell who has to hear of it at once, and stop on what no data map knows."""
    state = work.state
    if procedures.answered_by_a_person(state.right):
        _to_be_answered(work)
    if state.right is Right.WITHDRAWAL_OF_CONSENT:
        # Other controllers may rely on the same consent: they are told as well (CJEU C-129/21).
        work.notice("consent_withdrawn", "dpo", purposes=",".join(state.asked.purposes), text="cjeu-c-129-21")
    work.stop(*procedures.unknown(work.plan, state, work.now))


def _to_be_answered(work: Work) -> None:
    todo = f"answer it, then `expunge attest {work.state.request_id} --document FILE`"
    work.warn(Attention(MANUAL, "dpo", todo, work.now, detail=work.state.right.value))


def decide(work: Work) -> None:
    """Decide per record set whether the leg reaches it, and whether its system can do it."""
    state, plan = work.state, work.plan
    leg = procedures.leg(plan, state)
    state.attention = tuple(one for one in state.attention if one.reason != MANUAL)
    for name, system in state.systems.items():
        of, sets, manual = plan.system(name), [], []
        # Whatever was answered before was about another order, or about what was found before it.
        system.left_out, system.rules, system.attested, system.outcomes, system.kept = {}, {}, {}, {}, {}
        if not state.progress.leg:
            system.earlier = {}
        for one in of.record_sets:
            why = procedures.out_of_reach(state, leg, name, one)
            if why:
                system.left_out[one.name] = why
                continue
            if leg.action is Action.RECTIFY and _held(work, name, one.name):
                continue
            system.rules[one.name] = leg.rule
            if procedures.able(state, leg, name, one):
                sets.append(one.name)
            elif isinstance(system.located.get(one.name), Located):
                manual.append(one.name)
                work.warn(_by_hand(work, name, one.name, leg))
        system.sets, system.manual = tuple(sets), tuple(manual)


def _held(work: Work, name: str, record_set: str) -> bool:
    """Leave as it is what a legal hold is about: evidence must not change. A person is told, and sees to the rest."""
    state, system = work.state, work.state.systems[name]
    found = system.located.get(record_set)
    holds = Rulings(state.holds).holds_on(name, record_set, found)
    if not holds or not isinstance(found, Located):
        return False
    review_by = min(one.review_by for one in holds)
    system.kept = system.kept | {record_set: Kept(found.count, KeptWhy.HOLD, holds[0].text, review_by=review_by)}
    system.rules[record_set] = hold_rule(holds)
    facts = {"system": name, "record_set": record_set, "holds": ",".join(one.hold_id for one in holds)}
    work.notice("rectification_held", "dpo", **facts, review_by=review_by, text=holds[0].text)
    return True


def _by_hand(work: Work, name: str, record_set: str, leg: Leg) -> Attention:
    command = f"`expunge attest {work.state.request_id} {name}/{record_set} --document FILE`"
    todo = f"the system cannot do it: {_DO[leg.action]} by hand, then {command}"
    if not work.plan.system(name).attested:
        todo += f"; for that, the configuration has to take your word: attested = true under [systems.{name}]"
    return Attention(MANUAL, SYSTEM_OWNER, todo, work.now, name, record_set, ",".join(leg.purposes) or leg.action.value)


def send(work: Work, name: str) -> None:
    """Send a system the order of the leg."""
    state, plan = work.state, work.plan
    system, leg = state.systems[name], procedures.leg(plan, state)
    system.purposes = leg.purposes if leg.action is Action.STOP else ()
    work.issue(name, leg.action, system.asked, _order(work, name, leg, system.sets))


def _order(work: Work, name: str, leg: Leg, sets: tuple[str, ...] | None) -> Order:
    if sets is None:
        return Order()
    match leg.action:
        case Action.RECTIFY:
            return Order(corrects=sets)
        case Action.EXPORT:
            provided = {one.name: one.provided for one in work.plan.system(name).record_sets if one.name in sets}
            return Order(fields=provided)
        case _:
            return Order(purposes=work.state.systems[name].purposes, record_sets=sets)


def start(work: Work) -> None:
    """Send every system that holds something the order of the leg, and have the processors asked."""
    recipients.ask(work)
    for name, system in work.state.systems.items():
        system.retry = False
        if aggregate.held(system) and aggregate.lines(work.plan.system(name), system) is None:
            send(work, name)


def by_hand(work: Work) -> bool:
    """Tell whether a person has still to do something that no system can."""
    state = work.state
    if procedures.answered_by_a_person(state.right) and state.progress.attested is None:
        _to_be_answered(work)
        return True
    return any(set(one.manual) - one.attested.keys() for one in state.systems.values())


def next_leg(work: Work) -> bool | None:
    """Begin the next leg. Gives True where one began, None where something is waited for, False after the last."""
    state, plan = work.state, work.plan
    legs = procedures.of(plan, state).legs
    if state.progress.leg + 1 < len(legs):
        if legs[state.progress.leg + 1].action is Action.LIFT and "lift" in state.timers:
            return None  # the person is told before it is lifted (Art. 18(3))
        for name, system in state.systems.items():
            if system.asked:
                _close_leg(aggregate.final_lines(plan.system(name), system), system)
        state.progress = msgspec.structs.replace(state.progress, leg=state.progress.leg + 1)
        decide(work)
        start(work)
        return True
    if procedures.to_be_balanced(plan, state) and _restricted(work):
        todo = f"weigh its grounds: `expunge balance {state.request_id} --uphold` or `--override`, with `--reason`"
        work.warn(Attention(BALANCE, "dpo", todo, work.now))
        return None
    return False


def _close_leg(lines: dict[str, FinalOutcome], system: SystemState) -> None:
    system.earlier = system.earlier | {
        name: (*system.earlier.get(name, ()), outcome) for name, outcome in lines.items()
    }


def _restricted(work: Work) -> bool:
    return any(
        isinstance(outcome, Restricted | Attested)
        for name, system in work.state.systems.items()
        if system.asked
        for outcome in aggregate.final_lines(work.plan.system(name), system).values()
    )


def hold_back(work: Work, event: OtherOpened) -> str:
    """Let an erasure wait for another request of the person: what has not left is called back (decision 4).

    One that is closed may still owe an erasure; it waits when that comes due.
    """
    state, other = work.state, event.other
    if state.right is not Right.ERASURE or state.ending is not None:
        return "nothing of it has to wait"
    if state.forgotten:
        return "nothing leads to the person any more"
    if other in state.waits_for:
        return "it is waited for already"
    state.waits_for = (*state.waits_for, other)
    work.notice("erasure_waits", "dpo", other=other, **({} if event.erases else {"text": "gdpr-18-2"}))
    if state.phase in (Phase.ACTING, Phase.REVIEWING):
        ending.recall(work)
        back_to_discovery(work)
    return ""


def lift_is_due(work: Work, event: TimerFired) -> None:
    """The person was told, and had time to answer: now the restriction may be lifted.

    Several restrictions of a person share the mark in the system: it goes with the last of them.
    """
    state = work.state
    if event.busy:
        # Another request is about to set the same mark, or to take it away: after that it is known whose it is.
        work.timer("lift", later(work.now, minutes=60))
        return
    state.progress = msgspec.structs.replace(state.progress, shared=event.marked)
    if state.phase is Phase.CLOSED:
        again = tuple(sorted({one.system for one in state.obligations if one.kind == "restriction"}))
        state.progress = msgspec.structs.replace(state.progress, leg=0, lifting=True)
        holding.reopen_by_newest(work, again, event.plan_sha256)
    elif state.right is Right.RESTRICTION:
        # An episode is running; what was ordered follows when it is over.
        work.timer("lift", later(work.now, minutes=60))


def announce_lift(work: Work) -> None:
    """Tell the person before the restriction is lifted: the order goes out in a later step (Art. 18(3), S41)."""
    due = later(work.now, minutes=60 * work.plan.limits.lift_notice_hours)
    work.notice("restriction_lifted", "subject", on=due[:10], text="gdpr-18-3")
    work.timer("lift", due)
