"""What would differ, had another plan been in force: every decision and every date of a past request (issue 6).

A request's events are applied again under the plans that they name; wherever it was decided, both plans decide by what
was known then, at the time of then. What another plan would have found, asked or done afterwards is not guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, Final

import msgspec

from orchestrator.core import adopting, approving, clock, machine, procedures, ruling
from orchestrator.core.events import Event, RequestAccepted
from orchestrator.core.model import RequestState
from orchestrator.core.plan import Plan
from orchestrator.errors import IllegalTransitionError
from schemas.requests import Right

NOT_ASKED: Final = "not asked"
_DATES: Final = ("due", "notice_by", "target")

Said = dict[str, Any]
"""What a plan says of one place: ``does``, ``rule``; where there is one ``why``, ``text``, ``until``, ``waits_for``."""


class Difference(msgspec.Struct, frozen=True, omit_defaults=True):
    """One decision or date that another plan changes.

    Attributes:
        request_id: The request.
        right: Its right.
        what: ``decision`` or ``date``.
        place: ``system/record_set`` of a decision; a system alone that was not
            asked, or would not be; ``due``, ``notice_by`` or ``target`` of a date.
        at: When it was decided, RFC 3339; of a date: when the request arrived.
        episode: Of the request, counted from 1.
        before: What was said then. ``after``: what the other plan says.
    """

    request_id: str
    right: str
    what: str
    place: str
    at: str
    episode: int
    before: Said
    after: Said


class _Point(msgspec.Struct, frozen=True):
    """A state in which a system was decided about, and under which plan."""

    plan: Plan
    state: RequestState
    now: str


def differences(plans: Callable[[str], Plan], events: Iterable[Event], other: Plan) -> Iterator[Difference]:
    """Give what another plan would have decided or dated differently in one request.

    Args:
        plans: Gives a plan by its digest.
        events: What the journal says was applied, in its order.
        other: The plan that is tried.

    Raises:
        IllegalTransitionError: an event is impossible where it stands: the journal or the logic is not the same.
    """
    state: RequestState | None = None
    plan, now = other, ""
    points: dict[tuple[int, str], _Point] = {}
    for event in events:
        before, now = state, event.observed_at
        if state is None:
            if not isinstance(event, RequestAccepted):
                raise IllegalTransitionError("a history begins with the request")
            state = machine.step(plans(event.plan_sha256), None, event).state
        else:
            digest = adopting.brought(state, event)
            state = machine.step(plans(state.plan_sha256), state, event, plans(digest) if digest else None).state
        plan = plans(state.plan_sha256)
        if state.right is Right.ERASURE:
            for name in _decided(before, state):
                points[state.episode, name] = _Point(plan, state, now)
    if state is None:
        return
    if state.retention is None:  # else nobody asked, and no clock of Art. 12 runs
        yield from _dates(plan, other, state)
    yield from _asked(plan, other, state)
    if state.right is Right.ERASURE:
        for (_, name), point in points.items():
            yield from _decisions(point, other, name)
    else:
        yield from _reach(plan, other, state, now)


def _decided(before: RequestState | None, state: RequestState) -> Iterator[str]:
    """Give the systems that were decided about in a step: what was decided is new, or stands on what was found anew."""
    for name, system in state.systems.items():
        was = before.systems.get(name) if before is not None and before.episode == state.episode else None
        if system.rules and (was is None or was.rules != system.rules or was.instructions != system.instructions):
            yield name


def _dates(plan: Plan, other: Plan, state: RequestState) -> Iterator[Difference]:
    one, two = clock.dates(plan, state), clock.dates(other, state)
    for name in _DATES:
        before, after = getattr(one, name), getattr(two, name)
        if before != after:
            yield Difference(
                state.request_id, state.right.value, "date", name, state.received_at, 1, {name: before}, {name: after}
            )


def _asked(plan: Plan, other: Plan, state: RequestState) -> Iterator[Difference]:
    """Give the systems that a request for everything would be about, and was not; and the other way round."""
    everywhere = state.retention is None and set(state.scope) >= plan.by_name.keys()
    more = sorted(other.by_name.keys() - set(state.scope)) if everywhere else []
    less = sorted(set(state.scope) - other.by_name.keys())
    for name in (*more, *less):
        one, two = {"does": NOT_ASKED}, {"does": "asked"}
        before, after = (one, two) if name in more else (two, one)
        yield Difference(state.request_id, state.right.value, "decision", name, state.received_at, 1, before, after)


def _decisions(point: _Point, other: Plan, name: str) -> Iterator[Difference]:
    if name not in other.by_name:
        return  # said of the system as a whole
    before, after = _said(point.plan, point, name), _said(other, point, name)
    for record_set in (*before, *(one for one in after if one not in before)):
        one, two = before.get(record_set, {"does": NOT_ASKED}), after.get(record_set, {"does": NOT_ASKED})
        if one != two:
            yield _difference(point.state, f"{name}/{record_set}", point.now, one, two)


def _difference(state: RequestState, place: str, at: str, before: Said, after: Said) -> Difference:
    return Difference(state.request_id, state.right.value, "decision", place, at, state.episode, before, after)


def _said(plan: Plan, point: _Point, name: str) -> dict[str, Said]:
    instructions, rules, blocked = ruling.decided(plan, point.state, name, point.now)
    system = msgspec.structs.replace(point.state.systems[name], instructions=instructions, rules=rules)
    waits = {one.record_set: {"waits_for": one.reason} for one in blocked}
    return {
        one.name: {key: value for key, value in approving.line(one, system).items() if key != "found"}
        | waits.get(one.name, {})
        for one in plan.system(name).record_sets
        if one.name in instructions  # the order may be about some of them only (ADR 36, 39)
    }


def _reach(plan: Plan, other: Plan, state: RequestState, now: str) -> Iterator[Difference]:
    """Give where another plan lets the right reach further, or not so far."""
    both = plan.by_name.keys() & other.by_name.keys()
    before, after = _reached(plan, state, both), _reached(other, state, both)
    for place in (*before, *(one for one in after if one not in before)):
        one, two = before.get(place, {"does": NOT_ASKED}), after.get(place, {"does": NOT_ASKED})
        if one != two:
            yield _difference(state, place, now, one, two)


def _reached(plan: Plan, state: RequestState, both: Collection[str]) -> dict[str, Said]:
    legs = procedures.of(plan, state).legs
    return {
        f"{name}/{one.name}": {
            "does": [
                procedures.out_of_reach(state, leg, name, one) or (leg.action.value, leg.rule, *leg.purposes)
                for leg in legs
            ]
        }
        for name in state.systems
        if name in both
        for one in plan.system(name).record_sets
    }
