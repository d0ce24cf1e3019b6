"""The working copy of one step: state, plan, now, and the effects gathered so far."""

from __future__ import annotations

import msgspec

from orchestrator.core import aggregate
from orchestrator.core.effects import Effect, IssueTask, Notice, Order
from orchestrator.core.model import Attention, RequestState, Timer
from orchestrator.core.moments import later
from orchestrator.core.plan import Plan
from schemas.tasks import CHANGES, Action

SYSTEM_OWNER = "system_owner"
"""Stands for the owner that the plan names for the system (``owner`` under ``[systems.<id>]``)."""

INFORMS = frozenset(
    {
        "deadline_near",
        "system_silent",
        "package_silent",
        "extension_notice_near",
        "proof_ended",
        "document_held",
        "manual_task",
        "recipient_to_ask",
        "recipient_silent",
        "objection_to_balance",
        "record_corrected",
    }
)
"""Reasons that call somebody but do not stop the work."""

STAYING = frozenset({"document_held", "record_corrected"})
"""Reasons that outlast the end of an episode."""

DECISIONS = frozenset(
    {
        "deadline_near",
        "extension_notice_near",
        "proof_ended",
        "document_held",
        "identity_unverified",
        "identity_doubted",
        "requester_unproven",
        "data_of_the_dead",
        "fee_open",
        "further_copy",
        "approval_needed",
        "objection_to_balance",
        "recipient_to_ask",
        "recipient_silent",
        "came_back",
        "third_parties",
        "record_corrected",
    }
)
"""Reasons that are no fault anybody mends (``expunge retry``): each has a command of its own, or passes."""


def copy_of(state: RequestState) -> RequestState:
    """Copy what a step may change in place; everything else is immutable or replaced whole."""
    return msgspec.structs.replace(
        state,
        systems={name: msgspec.structs.replace(one) for name, one in state.systems.items()},
        timers=dict(state.timers),
    )


class Work:
    """What one step works on. ``newer``: a plan that the event brings, to be adopted or not."""

    def __init__(self, plan: Plan, state: RequestState, now: str, newer: Plan | None = None) -> None:
        self.plan = plan
        self.newer = newer
        self.state = state
        self.now = now
        self.effects: list[Effect] = []

    def timer(self, name: str, due: str) -> None:
        """Set a timer; one of the same name is replaced."""
        self.state.generation += 1
        self.state.timers[name] = Timer(due, self.state.generation)

    def notice(self, kind: str, to: str, **facts: str) -> None:
        """Tell the person or the DPO something."""
        state = self.state
        if to == "subject" and state.retention is not None:
            return  # nobody asked, so there is nobody to answer
        # Numbered by itself: two steps between which no timer was set may tell the same person twice.
        state.generation += 1
        notice_id = f"{state.request_id}.{state.episode}.{kind}.{state.generation}"
        self.effects.append(Notice(notice_id, kind, to, facts))

    def warn(self, attention: Attention) -> None:
        """Call somebody; a second call for the same thing is one."""
        if attention.owner == SYSTEM_OWNER and attention.system in self.plan.by_name:
            owner = self.plan.system(attention.system).owner
            attention = msgspec.structs.replace(attention, owner=owner)
        key = (attention.reason, attention.system, attention.record_set)
        if any((one.reason, one.system, one.record_set) == key for one in self.state.attention):
            return
        self.state.attention = (*self.state.attention, attention)
        facts = {"reason": attention.reason, "system": attention.system, "record_set": attention.record_set}
        self.notice("needs_attention", attention.owner, **{k: v for k, v in facts.items() if v})

    def settled(self, reason: str, system: str = "") -> None:
        """Nobody has to act on this any more."""
        self.state.attention = tuple(
            one for one in self.state.attention if (one.reason, one.system) != (reason, system)
        )

    def stop(self, *attentions: Attention) -> None:
        """Stop automatic work until a person has acted."""
        for one in attentions:
            self.warn(one)

    def stopped(self) -> bool:
        """Tell whether a person has to act first."""
        return any(one.reason not in INFORMS for one in self.state.attention)

    def busy(self) -> bool:
        """Tell whether a system still has to be heard of: a task is out, or will be when its timer fires."""
        return any(one.task for one in self.state.systems.values()) or any(
            name.startswith(("retry:", "pending:")) for name in self.state.timers
        )

    def issue(self, name: str, action: Action, refs: tuple[str, ...], order: Order = Order()) -> None:  # noqa: B008 - frozen
        """Send a task to a system, and set the timer that makes its silence visible (I12)."""
        state, limits = self.state, self.plan.limits
        system = state.systems[name]
        system.attempt += 1
        system.retry = False
        system.action = action
        system.task = f"{state.request_id}.{state.episode}.{name}.{action.value}.{system.attempt}"
        if action is Action.LOCATE:
            system.asked = refs
            aggregate.search_again(system)
        for kind in ("retry", "pending"):
            state.timers.pop(f"{kind}:{name}", None)
        lease = limits.lease_minutes if action is Action.ERASE or action in CHANGES else 0
        instructions = system.instructions if action is Action.ERASE else {}
        version = state.hold_version if lease else 0
        task = IssueTask(system.task, name, action, refs, state.due_on, instructions, lease, version, order)
        self.effects.append(task)
        self.timer(f"silent:{name}", later(self.now, minutes=limits.silent_minutes))
