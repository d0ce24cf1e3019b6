"""A world of simulated systems around the core: stores with records, faults, a clock, answers on their way.

Pure, like the core: what happens when is decided by the caller (``Choice``), so that a test can say "the same, in
another order". The systems are honest: what they call final is so. That a connector cannot lie is the business of
``connectors.execute``, which looks a second time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgspec

from orchestrator.core.effects import AssemblePackage, IssueTask
from orchestrator.core.events import Confirmed, PackageAssembled, TimerFired
from orchestrator.core.machine import Step
from orchestrator.core.model import Known
from orchestrator.core.plan import Plan, RecordSetPlan
from orchestrator.law.periods import add_months
from schemas.identifiers import Strength
from schemas.outcomes import (
    Anonymised,
    Deleted,
    Exported,
    Facts,
    Failed,
    FailureKind,
    Kept,
    Located,
    NothingHeld,
    Outcome,
    Pending,
    Survived,
    Unverifiable,
)
from schemas.requests import Right, utc
from schemas.tasks import Action, Instruction
from tests.support.stories import EMAIL, START, Story, at, changed, named

Choice = Callable[[int], int]
"""Picks one of so many."""

FAULTS: dict[str, Outcome] = {
    "transient": Failed(FailureKind.TRANSIENT, "busy"),
    "permanent": Failed(FailureKind.PERMANENT, "broken"),
    "misconfigured": Failed(FailureKind.MISCONFIGURED, "wrong"),
    "unverifiable": Unverifiable("strange"),
    "pending": Pending("", "live_file"),
    "survived": Survived(1),
    "half": Survived(1),
}
"""What a system may answer instead of doing its work; ``half``: it did half of it."""


@dataclass
class Row:
    """One record. ``owner``: whose it is; ``by``: references it is found by; ``gives``: those it leads to."""

    owner: str
    by: frozenset[str]
    gives: tuple[Known, ...] = ()
    anchor: str | None = None
    masked: bool = False


@dataclass
class Store:
    """What one system holds, per record set, and what it remembers of a request (its handle)."""

    rows: dict[str, dict[str, Row]]
    faults: list[str] = field(default_factory=list)
    handle: dict[str, set[str]] = field(default_factory=dict)

    def mine(self, record_set: str, refs: Iterable[str]) -> dict[str, Row]:
        """The records that a search finds: by identifier, or by the key it remembers."""
        wanted, keys = set(refs), self.handle.get(record_set, set())
        return {key: row for key, row in self.rows[record_set].items() if row.by & wanted or key in keys}


class World:
    """One request in a world of systems. Time stands still but for timers."""

    def __init__(self, plan: Plan, stores: dict[str, Store], right: Right = Right.ERASURE, **more: object) -> None:
        self.stores = stores
        self.story = Story(plan, right, **more)  # type: ignore[arg-type]  # handed on as they came
        self.answers: list[Confirmed | PackageAssembled] = []
        self.said: list[Confirmed | PackageAssembled] = []
        self.unheard: set[str] = set()
        """Digests of the answers that said nothing new when they came."""
        self._carry_out(self.story.steps[0])

    @property
    def plan(self) -> Plan:
        """The plan that the request goes by."""
        return self.story.plan

    # -- what happens -------------------------------------------------------------------------------------
    def deliver(self, place: int) -> Step:
        """One of the answers that are on their way arrives."""
        event = self.answers.pop(place)
        self.said.append(event)
        made = self._told(event)
        if made.ignored and isinstance(event, Confirmed):
            self.unheard.add(event.sha256)
        return made

    def again(self, place: int) -> Step:
        """An answer arrives that has arrived before."""
        return self._told(self.said[place])

    def fire(self) -> bool:
        """Time goes on to the earliest timer; tells whether there was one."""
        timers = self.story.state.timers
        if not timers:
            return False
        name = min(timers, key=lambda one: (timers[one].due, one))
        due = dt.datetime.fromisoformat(timers[name].due)
        self.story.now = max(self.story.now, (due - START).total_seconds())
        fired = TimerFired(
            request_id="req",
            observed_at=at(self.story.now),
            name=name,
            generation=timers[name].generation,
            plan_sha256=self.story.in_force() if name == "owed" else "",
        )
        self._told(fired)
        return True

    def resume(self) -> None:
        """A person mends every system and says so."""
        for store in self.stores.values():
            store.faults.clear()
        self._carry_out(self.story.resume())

    def settle(self, choose: Choice, *, twice: bool = False, most: int = 300) -> None:
        """Deliver and fire until the request is closed or a person has to act (at most so many steps)."""
        for _ in range(most):
            if self.answers:
                self.deliver(choose(len(self.answers)))
                if twice and self.said:
                    self.again(choose(len(self.said)))
            elif self.story.closed() or self.stopped() or not self.fire():
                return
        raise AssertionError("the world does not come to rest")

    def stopped(self) -> bool:
        """Tell whether a person has to act."""
        return any(one not in {"deadline_near", "system_silent", "package_silent"} for one in self.story.reasons)

    def close(self, choose: Choice = lambda _: 0) -> None:
        """Mend whatever stops it until it is closed."""
        for _ in range(30):
            self.settle(choose)
            if self.story.closed():
                return
            self.resume()
        raise AssertionError(f"not closed: {self.story.reasons}")

    def left(self, owner: str) -> dict[tuple[str, str], list[Row]]:
        """What the systems still hold of somebody."""
        found = {
            (name, record_set): [row for row in rows.values() if row.owner == owner]
            for name, store in self.stores.items()
            for record_set, rows in store.rows.items()
        }
        return {place: rows for place, rows in found.items() if rows}

    # -- the systems --------------------------------------------------------------------------------------
    def _told(self, event: Confirmed | PackageAssembled | TimerFired) -> Step:
        made = self.story.told(event)
        self._carry_out(made)
        return made

    def _carry_out(self, made: Step) -> None:
        for effect in made.effects:
            if isinstance(effect, IssueTask):
                outcomes, links = self._answer(effect)
                self.answers.append(self.story.confirmation(effect, outcomes, links))
            elif isinstance(effect, AssemblePackage):
                self.answers.append(
                    PackageAssembled(
                        request_id="req",
                        observed_at=at(self.story.now),
                        job_id=effect.job_id,
                        file="package",
                        sha256="0" * 64,
                    )
                )

    def _answer(self, task: IssueTask) -> tuple[dict[str, Outcome], tuple[Known, ...]]:
        store = self.stores[task.system]
        wanted = named(task, self.plan)
        sets = tuple(one for one in self.plan.system(task.system).record_sets if one.name in wanted)
        fault = store.faults.pop(0) if store.faults else ""
        if fault and not (fault in {"survived", "half"} and task.action is not Action.ERASE):
            if fault == "half":
                self._erase(store, sets[:1], task)
            outcome = FAULTS[fault]
            if isinstance(outcome, Pending):
                later = START + dt.timedelta(seconds=self.story.now, days=1)
                outcome = Pending(utc(later), outcome.ref)
            return dict.fromkeys((one.name for one in sets), outcome), ()
        match task.action:
            case Action.LOCATE | Action.SWEEP:
                return self._locate(store, sets, task)
            case Action.ERASE:
                return self._erase(store, sets, task), ()
            case Action.EXPORT:
                found = {one.name: len(store.mine(one.name, task.refs)) for one in sets}
                return {
                    name: Exported(count, task.task_id, "0" * 64) if count else NothingHeld()
                    for name, count in found.items()
                }, ()
            case Action.RECTIFY | Action.RESTRICT | Action.LIFT | Action.STOP:
                there = {one.name: len(store.mine(one.name, task.refs)) for one in sets}
                return {
                    name: changed(task.action, count, task.order.purposes) if count else NothingHeld()
                    for name, count in there.items()
                }, ()

    def _locate(
        self, store: Store, sets: tuple[RecordSetPlan, ...], task: IssueTask
    ) -> tuple[dict[str, Outcome], tuple[Known, ...]]:
        outcomes: dict[str, Outcome] = {}
        links: dict[Known, None] = {}
        for one in sets:
            mine = store.mine(one.name, task.refs)
            store.handle.setdefault(one.name, set()).update(mine)
            anchors = sorted(row.anchor for row in mine.values() if row.anchor)
            facts = Facts(anchors[0], anchors[-1]) if anchors else Facts()
            outcomes[one.name] = Located(len(mine), facts) if mine else NothingHeld()
            links |= dict.fromkeys(one for row in mine.values() for one in row.gives)
        return outcomes, tuple(links)

    def _erase(self, store: Store, sets: tuple[RecordSetPlan, ...], task: IssueTask) -> dict[str, Outcome]:
        return {one.name: self._erase_set(store, one, task.instructions[one.name], task.refs) for one in sets}

    def _erase_set(self, store: Store, one: RecordSetPlan, what: Instruction, refs: tuple[str, ...]) -> Outcome:
        mine = store.mine(one.name, refs)
        stay = {
            key: row.anchor
            for key, row in mine.items()
            if what.keep and (what.review_by or (row.anchor and what.erase_up_to and row.anchor > what.erase_up_to))
        }
        for key in mine.keys() - stay.keys():
            del store.rows[one.name][key]
        for key in stay:
            store.rows[one.name][key].masked |= what.review_by is None
        store.handle[one.name] = set(stay)
        before = max(what.found, len(mine))
        if stay and what.keep and what.review_by:
            gone = before - len(stay)
            return Kept(len(stay), what.keep, what.text, None, what.review_by, gone, looked_at=at())
        if stay and what.keep:
            days = sorted(
                add_months(dt.date.fromisoformat(day), what.period_months).isoformat() for day in stay.values() if day
            )
            gone = before - len(stay)
            return Kept(len(stay), what.keep, what.text, days[-1], days[0], gone, masked=True, looked_at=at())
        if not before:
            return NothingHeld()
        return Anonymised(before, "anonymise", at()) if one.erase == "anonymise" else Deleted(before, "delete", at())


# -- a small company --------------------------------------------------------------------------------------


def person(number: int) -> dict[str, Known]:
    """Identifiers of one person as the systems find them; person 0 asks, and gave the e-mail."""
    return {
        "email": EMAIL if number == 0 else Known(f"email-{number}", "email", Strength.UNIQUE),
        "customer_id": Known(f"customer-{number}", "customer_id", Strength.UNIQUE, "customers"),
        "cookie_id": Known(f"cookie-{number}", "cookie_id", Strength.UNIQUE, "customers"),
        "employee_id": Known(f"employee-{number}", "employee_id", Strength.UNIQUE, "customers"),
        "ip": Known("shared-ip", "ip", Strength.SHARED, "customers"),
    }


def company(contacts: int = 1, bills: tuple[str, ...] = ("2020-05-05",), clicks: int = 2) -> dict[str, Store]:
    """A store per system of ``COMPANY``, with one person who asks (0) and a bystander (1) who shares an address."""
    crm: dict[str, Row] = {}
    invoices: dict[str, Row] = {}
    events: dict[str, Row] = {}
    staff: dict[str, Row] = {}
    letters: dict[str, Row] = {}
    for number in (0, 1):
        who, them = f"person-{number}", person(number)
        links = (them["customer_id"], them["ip"])
        for n in range(contacts):
            crm[f"{who}/{n}"] = Row(who, frozenset({them["email"].ref}), links)
        for n, day in enumerate(bills):
            found = (them["cookie_id"], them["employee_id"])
            invoices[f"{who}/{n}"] = Row(who, frozenset({them["customer_id"].ref}), found, day)
        for n in range(clicks):
            events[f"{who}/{n}"] = Row(who, frozenset({them["cookie_id"].ref, "shared-ip"}), (them["ip"],))
        shy = (msgspec.structs.replace(them["cookie_id"], strength=Strength.SHARED), them["customer_id"])
        letters[f"{who}/0"] = Row(who, frozenset({them["email"].ref}), shy)
        staff[f"{who}/0"] = Row(who, frozenset({them["employee_id"].ref}))
    return {
        "crm": Store({"contacts": crm, "invoices": invoices}),
        "events": Store({"clicks": events}),
        "mail": Store({"letters": letters}),
        "hr": Store({"staff": staff}),
    }
