"""Small plans, and a story: events told to the machine one after the other, with what they caused.

Times are made from seconds since ``START``; nothing here asks a clock.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from orchestrator.core import adopting
from orchestrator.core.asked import NOTHING, Asked
from orchestrator.core.effects import Complete, Effect, IssueTask, Notice
from orchestrator.core.events import Confirmed, Event, RequestAccepted, Resumed, TimerFired
from orchestrator.core.machine import Step, step
from orchestrator.core.model import Known, Phase, RequestState
from orchestrator.core.plan import Limits, Plan, RecordSetPlan, RetainRule, SystemPlan
from orchestrator.core.rulings import Hold
from schemas.completion import CompletionRecord
from schemas.identifiers import Strength
from schemas.outcomes import (
    Deleted,
    Exported,
    Facts,
    KeptWhy,
    Lifted,
    Located,
    NothingHeld,
    Outcome,
    Rectified,
    Restricted,
    Stopped,
)
from schemas.requests import Right, utc
from schemas.tasks import Action

START = dt.datetime(2026, 3, 1, 9, 0, tzinfo=dt.UTC)
TEN_YEARS = RetainRule(KeptWhy.LEGAL_OBLIGATION, "fr-ccom-l123-22", 120)
EMAIL = Known("ref-email", "email", Strength.UNIQUE)

_Kind = TypeVar("_Kind", bound=Effect)


def at(seconds: float = 0) -> str:
    """The time, so many seconds after the start."""
    return utc(START + dt.timedelta(seconds=seconds))


def contacts(name: str = "contacts", **more: object) -> RecordSetPlan:
    """A record set that is found by e-mail and deleted."""
    return msgspec.structs.replace(RecordSetPlan(name, ("email",)), **more)


def invoices(name: str = "invoices", **more: object) -> RecordSetPlan:
    """A record set that is found by customer id and kept ten years."""
    return msgspec.structs.replace(RecordSetPlan(name, ("customer_id",), retain=TEN_YEARS), **more)


def system(name: str, *sets: RecordSetPlan, domain: str = "customers", **more: object) -> SystemPlan:
    """A system; with one set of contacts where none is given."""
    made = SystemPlan(name, f"{name}/1", domain, sets or (contacts(),))
    return msgspec.structs.replace(made, **more)


def plan(*systems: SystemPlan, joined: Iterable[tuple[str, str]] = (), **limits: int) -> Plan:
    """A plan; with one system ``crm`` where none is given."""
    return Plan(systems or (system("crm"),), "policy-1", ("acme",), tuple(joined), Limits(**limits))


def link(kind: str, value: str, domain: str = "customers", strength: Strength = Strength.UNIQUE) -> Known:
    """An identifier that a system found."""
    return Known(f"ref-{kind}-{value}", kind, strength, domain)


def found(count: int = 1, *, last: str | None = None, **facts: object) -> Located:
    """Records were found."""
    return Located(count, msgspec.structs.replace(Facts(anchor_first=last, anchor_last=last), **facts))


def deleted(before: int = 1) -> Deleted:
    """Records are gone."""
    return Deleted(before, "delete", at())


def asked_for(right: Right) -> Asked:
    """What a request for this right asks of ``able`` record sets, where a test does not say."""
    match right:
        case Right.RECTIFICATION:
            return Asked(corrected={"crm/contacts": ("city",)})
        case Right.OBJECTION | Right.WITHDRAWAL_OF_CONSENT:
            return Asked(purposes=("marketing",))
        case _:
            return NOTHING


def able(one: RecordSetPlan) -> RecordSetPlan:
    """The same record set of a system that can do everything with it."""
    return msgspec.structs.replace(
        one,
        purpose="marketing",
        basis="consent",
        rectifiable=("city",),
        restrictable=True,
        stoppable=("marketing", "profiling"),
        provided=("email",),
    )


def all_able(of: Plan) -> Plan:
    """The same plan, of systems that can do everything."""
    systems = (msgspec.structs.replace(one, record_sets=tuple(map(able, one.record_sets))) for one in of.systems)
    return msgspec.structs.replace(of, systems=tuple(systems))


def as_signed(record: CompletionRecord) -> CompletionRecord:
    """Read a record as whoever verifies it does: each of its texts has the form that the schema gives it."""
    raw = msgspec.json.encode(msgspec.structs.replace(record, salt="A" * 43))
    read = msgspec.json.decode(raw, type=CompletionRecord)
    assert msgspec.structs.replace(read, salt=record.salt) == record
    return read


class Story:
    """One request from its arrival on."""

    def __init__(
        self,
        plan: Plan,
        right: Right = Right.ERASURE,
        *,
        request_id: str = "req",
        identifiers: tuple[Known, ...] = (EMAIL,),
        scope: tuple[str, ...] = (),
        others: tuple[str, ...] = (),
        holds: tuple[Hold, ...] = (),
        received_at: str | None = None,
        asked: Asked | None = None,
        **more: Any,
    ) -> None:
        self.plan = plan
        self.newer: Plan | None = None
        self.now = 0.0
        self.history: list[Event] = []
        self.steps: list[Step] = []
        self._state: RequestState | None = None
        self.told(
            RequestAccepted(
                request_id=request_id,
                observed_at=at(),
                right=right,
                received_at=received_at or at(),
                plan_sha256=plan.digest(),
                identifiers=identifiers,
                scope=scope,
                others=others,
                holds=holds,
                asked=asked_for(right) if asked is None else asked,
                **more,
            )
        )

    @property
    def state(self) -> RequestState:
        assert self._state is not None
        return self._state

    def told(self, event: Event) -> Step:
        """Tell one event; it counts in the history even if it is ignored."""
        before = msgspec.json.encode(self._state)
        brings = self._state is not None and adopting.brought(self._state, event)
        made = step(self.plan, self._state, event, self.newer if brings else None)
        assert msgspec.json.encode(self._state) == before, "a step changed the state it was given"
        for one in made.effects:
            if isinstance(one, Complete):
                as_signed(one.record)
        self.history.append(event)
        self.steps.append(made)
        self._state = made.state
        if self.newer is not None and made.state.plan_sha256 == self.newer.digest():
            self.plan, self.newer = self.newer, None
        return made

    def corrected(self, *systems: SystemPlan, **limits: int) -> Plan:
        """Somebody corrects the configuration; what a person mends or what comes due from now on brings it."""
        self.newer = plan(*systems, joined=(), **limits)
        return self.newer

    def in_force(self) -> str:
        """Digest of the plan that an event brings; empty: nobody corrected anything."""
        return self.newer.digest() if self.newer else ""

    # -- what happened ------------------------------------------------------------------------------------
    def effects(self, kind: type[_Kind]) -> list[_Kind]:
        return [effect for one in self.steps for effect in one.effects if isinstance(effect, kind)]

    @property
    def tasks(self) -> list[IssueTask]:
        return self.effects(IssueTask)

    @property
    def records(self) -> list[CompletionRecord]:
        return [one.record for one in self.effects(Complete)]

    @property
    def notices(self) -> list[Notice]:
        return self.effects(Notice)

    @property
    def reasons(self) -> list[str]:
        """Why it waits for a person."""
        return [one.reason for one in self.state.attention]

    # Methods, since mypy takes the value of a property as unchanged.
    def phase(self) -> Phase:
        return self.state.phase

    def closed(self) -> bool:
        return self.phase() is Phase.CLOSED

    def out(self) -> dict[str, IssueTask]:
        """The tasks that are out, by system."""
        by_id = {one.task_id: one for one in self.tasks}
        return {name: by_id[one.task] for name, one in self.state.systems.items() if one.task}

    def line(self, system: str, record_set: str) -> Outcome:
        """The outcome that the last record tells."""
        lines = {one.system: one.record_sets for one in self.records[-1].systems}
        return {one.name: one.outcome for one in lines[system]}[record_set]

    # -- what happens -------------------------------------------------------------------------------------
    def confirmation(
        self, task: IssueTask, outcomes: Mapping[str, Outcome] | Outcome, links: tuple[Known, ...] = ()
    ) -> Confirmed:
        """An answer to a task; one outcome stands for all record sets of the system."""
        if not isinstance(outcomes, Mapping):
            outcomes = dict.fromkeys(named(task, self.plan), outcomes)
        content = msgspec.json.encode([task.task_id, outcomes, links, self.now], order="deterministic")
        return Confirmed(
            request_id=self.state.request_id,
            observed_at=at(self.now),
            task_id=task.task_id,
            system=task.system,
            action=task.action,
            connector=f"{task.system}/1",
            acted_at=at(self.now),
            sha256=hashlib.sha256(content).hexdigest(),
            outcomes=dict(outcomes),
            links=links,
        )

    def answer(self, name: str, outcomes: Mapping[str, Outcome] | Outcome, *links: Known) -> Step:
        """The system answers the task that is out."""
        self.now += 1
        return self.told(self.confirmation(self.out()[name], outcomes, links))

    def fire(self, name: str) -> Step:
        """The timer of this name is due."""
        timer = self.state.timers[name]
        begins = name in {"owed", "recheck"} or (name == "lift" and self.state.phase is Phase.CLOSED)
        due = dt.datetime.fromisoformat(timer.due)
        self.now = max(self.now, (due - START).total_seconds())
        return self.told(
            TimerFired(
                request_id=self.state.request_id,
                observed_at=at(self.now),
                name=name,
                generation=timer.generation,
                plan_sha256=self.in_force() if begins else "",
            )
        )

    def resume(self) -> Step:
        """Somebody mended the cause."""
        self.now += 1
        event = Resumed(
            request_id=self.state.request_id, observed_at=at(self.now), role="dpo", plan_sha256=self.in_force()
        )
        return self.told(event)

    def all_answer(self, outcome: Outcome | None = None) -> None:
        """Every task that is out is answered: located once, deleted, exported; or all with one outcome."""
        for name, task in self.out().items():
            match task.action:
                case Action.LOCATE | Action.SWEEP:
                    self.answer(name, outcome or found())
                case Action.ERASE:
                    self.answer(name, outcome or deleted())
                case Action.EXPORT:
                    self.answer(name, outcome or Exported(1, f"file-{name}", "0" * 64))
                case Action.RECTIFY | Action.RESTRICT | Action.LIFT | Action.STOP:
                    self.answer(name, outcome or changed(task.action, purposes=task.order.purposes))

    def nothing(self) -> None:
        """Every task that is out finds nothing."""
        self.all_answer(NothingHeld())


def named(task: IssueTask, plan: Plan) -> tuple[str, ...]:
    """The record sets that a task has to be answered for."""
    order = task.order
    return tuple(order.record_sets or order.corrects or order.fields) or tuple(
        one.name for one in plan.system(task.system).record_sets
    )


def changed(action: Action, count: int = 1, purposes: tuple[str, ...] = ("marketing",)) -> Outcome:
    """Give the outcome of an order that changed records and let them stay."""
    given: dict[Action, Outcome] = {
        Action.RECTIFY: Rectified(count, at()),
        Action.RESTRICT: Restricted(count, at()),
        Action.LIFT: Lifted(count, at()),
        Action.STOP: Stopped(purposes, count, at()),
    }
    return given[action]


def speaks(state: RequestState) -> bool:
    """Tell whether a state that is not closed is heard of again by itself or by a person (I6)."""
    waits = bool(state.timers) or any(one.task for one in state.systems.values())
    return waits or any(one.owner and one.todo for one in state.attention)


COMPANY = plan(
    system("crm", contacts(), invoices()),
    system("events", contacts("clicks", kinds=("cookie_id", "ip"))),
    system("mail", contacts("letters", erase="anonymise")),
    system("hr", contacts("staff", kinds=("employee_id",)), domain="staff"),
)
"""``crm`` and ``mail`` know the e-mail; ``events`` is reached through what they find; ``hr`` is another domain."""
