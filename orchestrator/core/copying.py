"""What a person is told beside the copy of their data (GDPR Art. 15(1), 12(1)), from plan and state alone. Pure."""

from __future__ import annotations

import msgspec

from orchestrator.core import aggregate, completion
from orchestrator.core.model import RequestState
from orchestrator.core.plan import Plan
from orchestrator.policy.informing import Information
from schemas.outcomes import NothingHeld


class SetTold(msgspec.Struct, frozen=True, omit_defaults=True):
    """A record set, as a person is told of it. ``titles``: column -> what it is called; the data map's words."""

    title: str = ""
    titles: dict[str, str] = {}
    purpose: str = ""
    basis: str = ""
    categories: tuple[str, ...] = ()


class About(msgspec.Struct, frozen=True, omit_defaults=True):
    """What goes with a copy.

    Attributes:
        request_id: Random; nothing of the person.
        right: ``access`` or ``portability``.
        received_at: When it was asked for, RFC 3339.
        controllers: Who answers.
        sets: "system/record_set" -> what is told of it.
        not_given: What is not in the copy ("system" or "system/record_set") -> why.
        empty: "system/record_set" that was looked through for the person and holds nothing.
        held_back: "system/record_set" -> passages about other people that are not given (Art. 15(4)).
        locale: Language tag of the request (BCP 47).
        information: What the policy in force at receipt tells (Art. 15(1)); None where the installation has none.
    """

    request_id: str = ""
    right: str = "access"
    received_at: str = ""
    controllers: tuple[str, ...] = ()
    sets: dict[str, SetTold] = {}
    not_given: dict[str, str] = {}
    empty: tuple[str, ...] = ()
    locale: str = "en"
    information: Information | None = None
    held_back: dict[str, int] = {}


def about(plan: Plan, state: RequestState) -> About:
    """Gather what goes with the copy of a request whose systems have answered."""
    not_given = completion.not_searched(plan, state, aggregate.unsearched(plan, state))
    return About(
        request_id=state.request_id,
        right=state.right.value,
        received_at=state.received_at,
        controllers=state.controllers,
        sets={
            f"{system.system}/{one.name}": SetTold(one.title, one.titles, one.purpose, one.basis, one.categories)
            for system in plan.systems
            for one in system.record_sets
        },
        not_given=not_given,
        empty=tuple(
            f"{name}/{one}"
            for name, system in sorted(state.systems.items())
            for one, outcome in sorted((system.located | system.outcomes).items())
            if isinstance(outcome, NothingHeld) and f"{name}/{one}" not in not_given
        ),
        locale=state.locale,
        information=plan.information,
        held_back=_held_back(state),
    )


def _held_back(state: RequestState) -> dict[str, int]:
    counts: dict[str, int] = {}
    for (place, _), count in (state.review.held_back() if state.review is not None else {}).items():
        counts[place] = counts.get(place, 0) + count
    return counts
