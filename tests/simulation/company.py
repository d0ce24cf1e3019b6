"""The simulated company: what its four systems hold of whom, and how well they answer. Everything follows from a seed.

Of no system is more known than what it answers: ``crm`` at once, ``hr`` after up to twelve days, ``shop`` fails every
third time, ``legacy`` is dead for fifty days of every year. A processor mails for the crm; some of its answers never
come.
"""

from __future__ import annotations

import datetime as dt
import random
from typing import Final

import msgspec

from orchestrator.core.plan import Limits, Plan, RecipientPlan, RecordSetPlan, RetainRule, SystemPlan
from orchestrator.law.periods import add_months
from schemas.outcomes import (
    Deleted,
    Exported,
    Facts,
    Failed,
    FailureKind,
    Kept,
    KeptWhy,
    Located,
    NothingHeld,
    Outcome,
)
from schemas.requests import utc
from schemas.tasks import Action, Confirmation, Instruction, Task

LAW: Final = KeptWhy.LEGAL_OBLIGATION
INVOICES: Final = RetainRule(LAW, "fr-ccom-l123-22", 120)
FILES: Final = RetainRule(LAW, "fr-ccom-l123-22", 24)
ORDERS: Final = RetainRule(LAW, "fr-ccom-l123-22", 36)
HELD: Final = {"crm": 0.6, "hr": 0.1, "shop": 0.3, "legacy": 0.2}
"""Share of the persons that a system knows."""
DEAD: Final = (100, 150)
"""Days of the year on which ``legacy`` does not answer at all."""


def record_set(name: str, retain: RetainRule | None = None, backups: int | None = None) -> RecordSetPlan:
    """A record set that is found by e-mail."""
    return RecordSetPlan(name, ("email",), retain=retain, backups_kept_days=backups)


def plan_of(invoices: RetainRule = INVOICES, **limits: int) -> Plan:
    """What the company's data maps and policy say. ``invoices``: another rule for them, to be tried."""
    return Plan(
        systems=(
            SystemPlan(
                "crm", "sim/1", "customers", (record_set("contacts"), record_set("invoices", invoices)), "sales"
            ),
            SystemPlan("hr", "sim/1", "customers", (record_set("files", FILES),), "hr"),
            SystemPlan("shop", "sim/1", "customers", (record_set("orders", ORDERS),), "shop"),
            SystemPlan("legacy", "sim/1", "customers", (record_set("notes"),), "it"),
        ),
        policy_version="simulated",
        controllers=("acme",),
        limits=Limits(**({"silent_minutes": 2_880, "recipient_reminder_days": 0} | limits)),
        recipients=(RecipientPlan("mailer", "Mailer", "processor", ("crm/contacts",), country="FR", owner="sales"),),
    )


class Systems:
    """The records of everybody, and how each system answers.

    ``records``: (person, system, record set) -> anchor dates of what is there, ISO. Persons are named by their first
    request.
    """

    def __init__(self, seed: int, end: dt.date) -> None:
        self._random = random.Random(seed)
        self._end = end
        self.records: dict[tuple[str, str, str], list[str]] = {}
        self.asked: dict[str, int] = {}

    def add(self, person: str, today: dt.date) -> None:
        """Let the systems know somebody."""
        chance = self._random
        for system, share in HELD.items():
            if chance.random() >= share:
                continue
            for one in plan_of().by_name[system].record_sets:
                if one.retain is None or chance.random() < 0.4:
                    age = chance.randrange(30 * (one.retain.months if one.retain else 24))
                    anchor = (today - dt.timedelta(days=age)).isoformat()
                    self.records[person, system, one.name] = [anchor] * chance.randint(1, 3)

    def delay(self, system: str, day: dt.date) -> dt.date:
        """Give the day on which a system answers what it is given today."""
        if system == "hr":
            return day + dt.timedelta(days=self._random.randrange(13))
        number = day.timetuple().tm_yday
        if system == "legacy" and DEAD[0] <= number < DEAD[1] and day < self._end:
            return day + dt.timedelta(days=DEAD[1] - number)
        return day

    def answer(self, person: str, task: Task, now: dt.datetime) -> Confirmation:
        """Carry a task out."""
        sets = plan_of().by_name[task.system].record_sets
        fails = task.system == "shop" and self._random.random() < 0.33
        outcomes: dict[str, Outcome] = {}
        for one in sets:
            key = (person, task.system, one.name)
            if fails:
                outcomes[one.name] = Failed(FailureKind.TRANSIENT, "busy")
            elif task.action is Action.ERASE:
                outcomes[one.name] = self._erase(key, task.instructions.get(one.name, Instruction()), utc(now))
            else:
                outcomes[one.name] = self._look(key, task.action)
        return Confirmation(task.task_id, task.request_id, task.system, task.action, "sim/1", utc(now), outcomes)

    def _look(self, key: tuple[str, str, str], action: Action) -> Outcome:
        anchors = sorted(self.records.get(key, []))
        if not anchors:
            return NothingHeld()
        if action is Action.EXPORT:
            return Exported(len(anchors), f"{key[0]}-{key[1]}", "0" * 64)
        return Located(len(anchors), Facts(anchors[0], anchors[-1]))

    def _erase(self, key: tuple[str, str, str], order: Instruction, now: str) -> Outcome:
        anchors = self.records.get(key, [])
        if not anchors:
            return NothingHeld()
        stays = [] if order.keep is None else [one for one in anchors if one > (order.erase_up_to or "")]
        self.records[key] = stays
        gone = len(anchors) - len(stays)
        if not stays:
            return Deleted(gone, "delete", now)
        until = max(add_months(dt.date.fromisoformat(one), order.period_months) for one in stays).isoformat()
        why = order.keep or LAW
        return Kept(len(stays), why, order.text, until, erased=gone, masked=True, looked_at=now)


class Arrival(msgspec.Struct, frozen=True):
    """A request on a day. ``person``: the first request of whom it is about."""

    request_id: str
    person: str
    right: str


def arrivals(seed: int, count: int, days: int) -> list[list[Arrival]]:
    """Give what arrives on each day: mostly erasures, some copies and complaints; sometimes of one person again."""
    chance = random.Random(seed)
    found: list[list[Arrival]] = [[] for _ in range(days)]
    persons: list[str] = []
    for number in range(count):
        right = chance.choices(["erasure", "access", "complaint"], [82, 15, 3])[0]
        request_id = f"r{seed}-{number:06}"
        again = persons and chance.random() < 0.02
        person = chance.choice(persons[-50:]) if again else request_id
        persons.append(person)
        found[number * days // count].append(Arrival(request_id, person, right))
    return found
