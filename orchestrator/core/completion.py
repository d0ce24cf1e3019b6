"""Builds the completion record and what is still owed after it. Pure; the engine salts, signs and numbers it."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from orchestrator.core import accounting, aggregate, ending, procedures, recipients_told, retention
from orchestrator.core.deciding import BEFORE_RULE, EXPORT_RULE, NOTHING_RULE
from orchestrator.core.model import Obligation, RequestState, Result, SystemState
from orchestrator.core.moments import days_from
from orchestrator.core.plan import Plan
from orchestrator.core.rulings import holds_of, stays
from schemas.completion import KIND, STATEMENT, CompletionRecord, HeldBackLine, RecordSetLine, SystemLine
from schemas.outcomes import Attested, Kept, NothingHeld, Restricted
from schemas.outcomes import Final as FinalLine
from schemas.requests import Right
from schemas.tasks import Action

OUT_OF_SCOPE = "out of the scope of the request"
UNCONNECTED: Final = "no such system is connected"
"""The one reason not to search a system that takes nothing from the result; the verifier knows it too."""


NOT_SUBJECT: Final = "not subject to this right: "
"""Begins the reason of a record set that the right does not reach; the verifier knows it too."""


def obligations(plan: Plan, state: RequestState, today: str) -> tuple[Obligation, ...]:
    """Derive what is owed: kept records at their date, backups until they are gone, what expires."""
    # A backup outlives what an episode finds; what is kept was looked at afresh in the systems of this one.
    looked = {name for name in state.systems if _told(plan, state, name)}
    owed = [one for one in state.obligations if one.kind not in _AFRESH or one.system not in looked]
    if state.ending is not None:
        # An episode that ended before it had looked leaves owed what it was about, and not at once again (I8).
        due = days_from(today, 1)
        owed = [replace(one, due=max(one.due, due)) if _was_about(state, one) else one for one in owed]
    for name, system in sorted(state.systems.items()):
        for record_set, outcome in (_lines(plan, name, system) if _told(plan, state, name) else {}).items():
            if _restricts(state, outcome):
                # Somebody looks at it from time to time: a restriction is for as long as its reason, not for ever.
                due = days_from(today, plan.limits.restriction_review_days)
                owed.append(Obligation("restriction", due, name, record_set, "gdpr-18-1"))
            # Nobody asks any more for what a hold has kept of a request that ended: its release erases nothing.
            # Nor does a rectification go on by itself: what was right is not known any more when it has closed.
            done = state.ending is not None and bool(holds_of(system.rules.get(record_set, "")))
            if isinstance(outcome, Kept) and not done and record_set not in system.kept:
                # ``fitting`` lets no record stay without one of the two (I8).
                due, last = outcome.review_by or outcome.until or today, outcome.until or outcome.review_by
                day, holds = max(due, days_from(today, 1)), holds_of(system.rules.get(record_set, ""))
                owed.append(Obligation("retention", day, name, record_set, outcome.text, last, holds))
        if not _told(plan, state, name) and _may_be_restricted(system):
            # Nobody knows how far it came: somebody has to look, and can have it lifted.
            due = days_from(today, plan.limits.restriction_review_days)
            owed = [one for one in owed if (one.kind, one.system) != ("restriction", name)]
            owed.append(Obligation("restriction", due, name, text="gdpr-18-1"))
        days = plan.system(name).backup_days
        erases = state.right is Right.ERASURE and state.retention is None
        # What comes back of what was past its period is past it still: the next sweep finds it, whoever's it is.
        if days and erases and (aggregate.held(system) or system.past):
            owed = [one for one in owed if (one.kind, one.system) != ("backup_horizon", name)]
            owed.append(Obligation("backup_horizon", days_from(today, days), name))
    if state.right is Right.ERASURE and plan.limits.suppression_days and state.ending is None and not state.retention:
        # What is erased is recognised for a while, should it come back (I14); the record has to declare it.
        owed = [one for one in owed if one.kind != "suppression"]
        owed.append(Obligation("suppression", days_from(today, plan.limits.suppression_days)))
    if state.right in {Right.OBJECTION, Right.WITHDRAWAL_OF_CONSENT} and state.ending is None and _stopped(plan, state):
        owed = [one for one in owed if one.kind != "suppression"]
        owed.append(Obligation("suppression", days_from(today, plan.limits.objection_days)))
    owed = recipients_told.owed(state, owed, today)
    if state.asked.transfer_to and state.package_sha256:
        owed.append(Obligation("transfer", max(state.due_on, days_from(today, 1)), text=state.asked.transfer_to))
    if state.package_sha256:
        owed.append(Obligation("package_expiry", days_from(today, plan.limits.package_days)))
    return tuple(owed)


def _was_about(state: RequestState, one: Obligation) -> bool:
    return one.recipient in state.recipients if one.kind == "recipient" else one.system in state.systems


_AFRESH: Final = frozenset({"retention", "restriction"})
"""What is owed of records that are there; an episode looks at them afresh."""


def _restricts(state: RequestState, outcome: FinalLine) -> bool:
    """Tell whether records stay restricted after this: marked, or said to be by a person who was asked for that."""
    if isinstance(outcome, Attested):
        return state.right is Right.RESTRICTION and not state.progress.lifting
    return isinstance(outcome, Restricted)


def _may_be_restricted(system: SystemState) -> bool:
    """Tell whether records may be restricted where a request ended before that was known."""
    ordered = system.action in {Action.RESTRICT, Action.LIFT}
    return ordered or any(isinstance(one, Restricted) for some in system.earlier.values() for one in some)


def _stopped(plan: Plan, state: RequestState) -> bool:
    return bool(stopped_purposes(plan, state))


def stopped_purposes(plan: Plan, state: RequestState) -> tuple[str, ...]:
    """Give the purposes that a request was about and that nobody may use data for any more."""
    legs = procedures.of(plan, state).legs
    if state.progress.lifting:
        return ()
    return tuple(sorted({one for leg in legs if leg.action is Action.STOP for one in leg.purposes} - {""}))


def _lines(plan: Plan, name: str, system: SystemState) -> dict[str, FinalLine]:
    return aggregate.final_lines(plan.system(name), system) if system.asked else {}


def record(
    plan: Plan, state: RequestState, now: str, result: Result, headline: str, missing: tuple[str, ...]
) -> CompletionRecord:
    """Build the record of the current episode.

    Args:
        plan: The plan the request goes by.
        state: Its state; every line is final.
        now: When it is completed.
        result: With ``headline``, as ``aggregate.result_of`` gives it.
        headline: The weakest line.
        missing: What could not be searched (``aggregate.unsearched``).

    Raises:
        IllegalTransitionError: a line is not final.
    """
    number = state.records + 1
    kept_until = max((one.last or one.due for one in state.obligations), default=None)
    return CompletionRecord(
        v=1,
        kind=KIND,
        record_id=f"{state.request_id}.{number}",
        number=number,
        request_id=state.request_id,
        right=state.right.value,
        controllers=state.controllers,
        received_at=state.received_at,
        due_at=state.due_on,
        due_rule=state.due_rule,
        completed_at=now,
        result=result.value,
        headline=headline,
        identifier_kinds=_kinds(state),
        systems=tuple(
            _system_line(plan, state, name)
            for name, system in sorted(state.systems.items())
            if system.asked and _told(plan, state, name) and aggregate.told(plan.system(name), system)
        ),
        not_searched=not_searched(plan, state, missing),
        plan_sha256=state.plan_sha256,
        policy_version=plan.version_on(state.received_at[:10]),
        statement=STATEMENT,
        salt="",
        identifiers_kept_until=kept_until,
        package_sha256=state.package_sha256 or None,
        by_hand=_by_hand(state),
        recipients=recipients_told.lines(plan, state, now),
        follows=f"{state.request_id}.{number - 1}" if number > 1 else None,
        ground=state.ground or None,
        extended=state.extension is not None,
        paused_days=state.paused_days,
        requester=_requester(state),
        origin="retention" if state.retention is not None else None,
        bound_controllers=plan.bound(state.controllers),
        looked_again=_looked_again(state),
        receipt_sha256=state.receipt_sha256 or None,
        held_back=_held_back(state),
        **accounting.told(plan, state),
    )


def _held_back(state: RequestState) -> tuple[HeldBackLine, ...]:
    if state.review is None or not state.package_sha256:
        return ()
    return tuple(HeldBackLine(*key, count) for key, count in state.review.held_back().items())


def _looked_again(state: RequestState) -> str | None:
    if state.look is None:
        return None
    return f"{state.look.why}:{state.look.snapshot}" if state.look.snapshot else state.look.why


def _requester(state: RequestState) -> str | None:
    if state.retention is not None:
        return retention.REQUESTER
    return state.requester.relation.value if state.requester is not None else None


def _by_hand(state: RequestState) -> tuple[RecordSetLine, ...]:
    done = state.progress.attested
    rule = {Right.COMPLAINT: "answer:gdpr-77", Right.SAFEGUARD_COPY: "answer:gdpr-15-2"}.get(state.right, "answer")
    return () if done is None else (RecordSetLine(state.right.value, done, rule, "attested"),)


def _told(plan: Plan, state: RequestState, name: str) -> bool:
    """Tell whether a system has lines in the record; where a request ended before its work was done, some have none."""
    return state.ending is None or ending.finished(plan, state, name)


def _kinds(state: RequestState) -> tuple[str, ...]:
    """Give the kinds that were searched by; what was found and not followed is none of them."""
    asked = {ref for system in state.systems.values() for ref in system.asked}
    return tuple(sorted({one.kind for one in state.known if one.ref in asked}))


def _system_line(whole: Plan, state: RequestState, of: str) -> SystemLine:
    plan, system = whole.system(of), state.systems[of]
    return SystemLine(
        system=plan.system,
        connector=system.connector,
        confirmed_at=system.confirmed_at,
        confirmation_sha256=system.confirmation_sha256,
        backups_kept_days=plan.backup_days,
        record_sets=tuple(
            RecordSetLine(
                name,
                outcome,
                rule := _rule(system, name, outcome),
                "attested" if isinstance(outcome, Attested) else "verified",
                tuple(also),
                "" if rule in _NOBODY_S else accounting.decided_by(whole, state, of, name, rule),
            )
            for name, (outcome, *also) in aggregate.told(plan, system).items()
        ),
    )


_NOBODY_S: Final = frozenset({NOTHING_RULE, BEFORE_RULE})
"""Rules of what nobody had to decide about."""


def _rule(system: SystemState, name: str, outcome: FinalLine) -> str:
    if isinstance(outcome, NothingHeld):
        return NOTHING_RULE
    rule = system.rules.get(name, EXPORT_RULE)
    # It was gone before somebody said that it stays.
    return rule if isinstance(outcome, Kept) or not stays(rule) else BEFORE_RULE


def not_searched(plan: Plan, state: RequestState, missing: tuple[str, ...]) -> dict[str, str]:
    """Say what was not looked at, and why, so that silence is not read as "no data" (formats.md 6)."""
    reasons: dict[str, str] = {}
    for one in plan.systems:
        if one.system not in state.scope:
            if state.episode == 1:
                reasons[one.system] = OUT_OF_SCOPE
        elif one.system in missing:
            kinds = ", ".join(sorted(one.kinds)) or "none"
            reasons[one.system] = f"GDPR Art. 11: cannot be identified there; would help: {kinds}"
    for name in missing:
        system, _, record_set = name.partition("/")
        if record_set and system in plan.by_name:
            kinds = ", ".join(
                kind for one in plan.system(system).record_sets if one.name == record_set for kind in one.kinds
            )
            reasons[name] = f"GDPR Art. 11: cannot be identified there; would help: {kinds or 'none'}"
        elif name not in plan.by_name:
            reasons[name] = UNCONNECTED
    for name, of in state.systems.items():
        sets = {one.name: one for one in plan.system(name).record_sets}
        left = {
            one: why
            for one, why in of.left_out.items()
            if one not in of.earlier and (state.look or procedures.never_reached(plan, state, name, sets[one]))
        }
        reasons |= {f"{name}/{one}": NOT_SUBJECT + why for one, why in left.items()}
        reasons |= {f"{name}/{one}": why for one, why in of.left_out.items() if why.startswith(procedures.STAYS)}
    if state.ending is not None:
        reasons |= ending.unfinished(plan, state)
    return reasons
