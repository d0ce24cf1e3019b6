"""What a record tells of processors and recipients, and what is still owed of them (ADR 35). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from orchestrator.core import recipients
from orchestrator.core.model import Obligation, RequestState
from orchestrator.core.moments import date_of, days_from
from orchestrator.core.plan import Plan, RecipientPlan
from orchestrator.core.recipient_task import RecipientTask
from orchestrator.core.staying import found_in
from orchestrator.core.work import Work
from orchestrator.errors import IllegalTransitionError
from schemas.completion import RecipientLine
from schemas.outcomes import Attested, Kept

UNASKED: Final = "not asked: no connected record set is of its activities"
"""The one reason that takes something from the result (ADR 22); the verifier knows it too."""
ENDED: Final = "not waited for: the request ended before"
_NOT_HELD: Final = "not concerned: nothing was held in its record sets"
_STAYS: Final = "not asked yet: what it holds is kept, and it is asked when that ends"
_SCOPE: Final = "not concerned: out of the scope of the request"
_LATER: Final = "not concerned: it gets data from {} on"
_THROUGH: Final = "answered for by the connected system {}"
_KIND: Final = "not told: a kind of recipients, and the policy does not say whose data they are given"
_NOTHING: Final = "not told: nothing was changed in what it was given"
_SWEPT: Final = "not asked: nobody made this request, and a sweep erases in the connected systems alone"
_AUTHORITY: Final = "gdpr-23"


def lines(plan: Plan, state: RequestState, now: str) -> tuple[RecipientLine, ...]:
    """Give the lines of this episode: what was asked and told, and of all others why not.

    Raises:
        IllegalTransitionError: somebody is still waited for. The last fence before a false completion (I1).
    """
    if state.right not in recipients.ASKS or state.progress.lifting:
        return ()
    known = {one.id: one for one in plan.recipients}
    found = [_line(name, task, known.get(name), state) for name, task in state.recipients.items()]
    if state.episode == 1:
        found += _others(plan, state, now)
    if plan.sources is not None:
        # A record goes to whoever asks for it: what the person may not be told does not stand in it (Art. 23).
        found = [one for one in found if not one.withheld]
    return tuple(sorted(found, key=lambda one: one.recipient))


def _line(name: str, task: RecipientTask, one: RecipientPlan | None, state: RequestState) -> RecipientLine:
    if task.open and state.ending is None:
        raise IllegalTransitionError("a processor or recipient is still waited for: nothing may be completed")
    return RecipientLine(
        recipient=name,
        role=task.role,
        record_sets=task.sets,
        outcome=task.outcome,
        assurance="attested" if task.outcome is not None else "",
        why_not=ENDED if task.open else task.why_not,
        asked_on=task.sent_at or None,
        found=task.found,
        document_sha256=task.document_sha256,
        country=one.country if one is not None else "",
        agreement=one.agreement if one is not None else "",
        transfer=one.transfer if one is not None else (),
        withheld=_AUTHORITY if task.role == "authority" else "",
    )


def _others(plan: Plan, state: RequestState, now: str) -> Iterator[RecipientLine]:
    for one in plan.recipients:
        if one.id in state.recipients or (one.role != recipients.PROCESSOR and state.right not in recipients.TELLS):
            continue
        yield RecipientLine(
            recipient=one.id,
            role=one.role,
            record_sets=one.sets,
            why_not=_why_not(plan, state, one, now),
            country=one.country,
            agreement=one.agreement,
            transfer=one.transfer,
            withheld=_AUTHORITY if one.role == "authority" else "",
        )


def _why_not(plan: Plan, state: RequestState, one: RecipientPlan, now: str) -> str:
    if state.retention is not None:
        return _SWEPT
    if one.through:
        return _THROUGH.format(one.through)
    if not recipients.gets_data(one, now):
        return _LATER.format(one.since)
    if state.ending is not None:
        return ENDED
    if not recipients.in_scope(plan, state, one):
        return _SCOPE
    if one.role != recipients.PROCESSOR:
        return _KIND if one.category and not one.sets else _NOTHING
    if not one.sets:
        return UNASKED
    return _STAYS if any(_held(state, place) for place in one.sets) else _NOT_HELD


def _held(state: RequestState, place: str) -> bool:
    name, _, record_set = place.partition("/")
    system = state.systems.get(name)
    return system is not None and (found_in(system, record_set) > 0 or record_set in system.past)


def tags(plan: Plan, state: RequestState, now: str) -> set[str]:
    """Give the words by which they count for the headline; where the request ends early, who is open is one too."""
    found: set[str] = set()
    for one in lines(plan, state, now):
        if isinstance(one.outcome, Kept):
            found.add("kept")
        elif isinstance(one.outcome, Attested):
            found.add("attested")
        elif one.role == recipients.PROCESSOR and one.why_not in {UNASKED, ENDED}:
            found.add("not_searched")
    return found


def owed(state: RequestState, before: list[Obligation], today: str) -> list[Obligation]:
    """Give what is owed with what processors keep, each until its date; then they are asked again (I8)."""
    if state.ending is not None:
        return before  # what was owed stays so
    found = [one for one in before if one.kind != "recipient" or one.recipient not in state.recipients]
    for name, task in sorted(state.recipients.items()):
        if isinstance(task.outcome, Kept):
            kept = task.outcome
            due = max(kept.review_by or kept.until or today, days_from(today, 1))
            last = kept.until or kept.review_by
            found.append(Obligation("recipient", due, text=kept.text, last=last, recipient=name, sets=task.sets))
    return found


def tell_person(work: Work, record_lines: tuple[RecipientLine, ...], to: str) -> None:
    """Tell the person who was told (Art. 19); of an authority nothing (Art. 23, S28)."""
    shown = [one for one in record_lines if not one.withheld]
    told = sorted(one.recipient for one in shown if one.role != recipients.PROCESSOR and one.outcome is not None)
    done = sorted(one.recipient for one in shown if isinstance(one.outcome, Attested))
    kept = sorted(one.recipient for one in shown if isinstance(one.outcome, Kept))
    facts = {"told": told, "processors": done, "kept_by": kept}
    said = {key: ",".join(names) for key, names in facts.items() if names}
    if said:
        work.notice("recipients", to, on=date_of(work.now).isoformat(), text="gdpr-19", **said)
