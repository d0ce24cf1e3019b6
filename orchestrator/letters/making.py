"""From a request as it is stored to the case of one of its notices. Pure; records come in checked."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from orchestrator.core import clock, complaining
from orchestrator.core.model import RequestState
from orchestrator.core.moments import later
from orchestrator.core.plan import Plan
from orchestrator.letters.case import Case, episode_of
from schemas.completion import CompletionRecord
from schemas.published import Notice

_SOME_DAYS = 10 * 24 * 60
"""Minutes: how long somebody may take to answer, to see what the law makes of it."""


def case_of(plan: Plan, state: RequestState, notice: Notice, records: Sequence[CompletionRecord]) -> Case:
    """Give the case of a notice: its record is the last one that there was when it was given.

    Args:
        plan: The plan the request goes by.
        state: Its state.
        notice: One of its notices.
        records: All signed records of the request, checked.
    """
    number, where = record_of(notice), complaining.remedies(plan)
    return Case(
        notice=notice,
        request_id=state.request_id,
        right=state.right.value,
        received_at=state.received_at,
        records=tuple(sorted((one for one in records if one.number <= number), key=lambda one: one.number)),
        titles=titles(plan),
        names={one.id: one.name for one in plan.recipients},
        told_at=state.extension.told_at if state.extension is not None else "",
        notice_by=clock.notice_by(state),
        clock_stops=_clock_stops(plan, state),
        authority=where.get("authority", ""),
        court=where.get("court", ""),
        receipt_sha256=state.receipt_sha256,
    )


def record_of(notice: Notice) -> int:
    """Give the number of the record that a notice is about; 0: there is none yet."""
    if "record" in notice.facts:
        return int(notice.facts["record"].rpartition(".")[2])
    return episode_of(notice) if notice.to == "recipients" or notice.kind == "recipients" else 0


def titles(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Give what the data maps call each record set: its categories, else its name."""
    return {
        f"{system.system}/{one.name}": one.categories or (one.name,)
        for system in plan.systems
        for one in system.record_sets
    }


def _clock_stops(plan: Plan, state: RequestState) -> bool:
    """Ask the law itself: does the answer come later, if the person takes some days to say who they are?"""
    asked = next((one for one in reversed(state.pauses) if one.reason == "identity"), None)
    if asked is None:
        return False
    answered = msgspec.structs.replace(asked, answered_at=later(asked.asked_at, minutes=_SOME_DAYS))
    return clock.dates(plan, msgspec.structs.replace(state, pauses=(answered,))).paused_days > 0
