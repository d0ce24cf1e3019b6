"""A year of everything: every right, three controllers under two laws, and a DPO who extends, refuses and attests.

Systems lie now and then, and what was erased comes back out of a backup. Made for reports, which have to tell all of it
apart; what is right is judged elsewhere (``judge``).
"""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path
from typing import Any, Final

import msgspec

from orchestrator.core.asked import Balance
from orchestrator.core.commands import AnyCommand, RequestWithdrawn
from orchestrator.core.commands_clock import ClockPaused, ClockResumed, Extended
from orchestrator.core.commands_deciding import SetDecided
from orchestrator.core.commands_identity import IdentityConfirmed, IdentityRefused, Refused
from orchestrator.core.commands_rights import DoneByHand, ObjectionBalanced
from orchestrator.core.model import Attention, RequestState
from orchestrator.core.plan import ActivityPlan, ControllerPlan, Plan, RecipientPlan, RecordSetPlan, SystemPlan
from orchestrator.engine import commands
from orchestrator.errors import UsageError
from schemas.identifiers import Identifier
from schemas.outcomes import (
    Deleted,
    Exported,
    Lifted,
    NothingHeld,
    Outcome,
    Rectified,
    Restricted,
    Stopped,
    Survived,
    Unverifiable,
)
from schemas.particulars import Ground
from schemas.requests import RequestForm, Right, utc
from schemas.sealing import SharedKey
from schemas.tasks import CHANGES, Action, Confirmation, Task
from tests.simulation.company import Arrival, Systems, plan_of
from tests.simulation.run import START, Simulation

CONTROLLERS: Final = {"acme-fr": 45, "acme-de": 25, "acme-us": 30}
"""Each with its share of the requests; every twentieth request names the first two."""
RIGHTS: Final = {
    Right.ERASURE: 55,
    Right.ACCESS: 20,
    Right.PORTABILITY: 4,
    Right.RECTIFICATION: 5,
    Right.RESTRICTION: 4,
    Right.OBJECTION: 5,
    Right.WITHDRAWAL_OF_CONSENT: 4,
    Right.COMPLAINT: 3,
}
CHANNELS: Final = ("web", "mail", "phone", "letter")
OWNERS: Final = {"crm": "sales", "hr": "people", "shop": "shop", "legacy": "it", "silent": "nobody"}
"""Owners of the systems, by the configuration; one of them was connected and never asked."""
_LIES, _RETURNS, _UNVERIFIED, _TAKEN_BACK = 0.04, 0.03, 0.06, 0.002


def plan_varied() -> Plan:
    """The plan of the simulation, with more in it."""
    old = plan_of(recheck_days=25, objection_days=200).by_name
    contacts = RecordSetPlan(
        "contacts", ("email",), backups_kept_days=60, purpose="marketing", basis="GDPR Art. 6(1)(a)",
        rectifiable=("name",), restrictable=True, stoppable=("marketing", "profiling"), provided=("name",),
    )  # fmt: skip
    crm = (contacts, *old["crm"].record_sets[1:])
    return msgspec.structs.replace(
        plan_of(recheck_days=25, objection_days=200),
        systems=(
            SystemPlan("crm", "sim/1", "customers", crm, "sales", attested=True),
            *(msgspec.structs.replace(old[name], attested=True) for name in ("hr", "shop", "legacy")),
        ),
        controllers=tuple(CONTROLLERS),
        controllers_info=(
            ControllerPlan("acme-fr", "FR", "FR", "eu", "CNIL"),
            ControllerPlan("acme-de", "DE", "DE", "eu"),
            ControllerPlan("acme-us", "US", "US-CA", "california"),
        ),
        activities=(ActivityPlan("marketing", "consent", marketing=True, provided_by_subject=True),),
        marketing_purposes=("marketing",),
        recipients=(
            *plan_of().recipients,
            RecipientPlan("printer", "Printer", "recipient", ("shop/orders",), country="DE", owner="shop"),
        ),
    )


class VariedSystems(Systems):
    """Systems that can do everything, lie now and then, and are restored from backups."""

    def __init__(self, seed: int, end: dt.date) -> None:
        """Begin."""
        super().__init__(seed, end)
        self.back: dict[dt.date, list[tuple[tuple[str, str, str], list[str]]]] = {}
        self._chance = random.Random(seed + 1_000)

    def restore(self, today: dt.date) -> None:
        """Let come back what comes back on this day."""
        for key, anchors in self.back.pop(today, []):
            self.records[key] = anchors

    def answer(self, person: str, task: Task, now: dt.datetime) -> Confirmation:
        """Carry a task out, or say so."""
        if task.action in CHANGES or task.fields:
            return self._changed(person, task, now)
        before = {key: list(anchors) for key, anchors in self.records.items() if key[0] == person}
        told = super().answer(person, task, now)
        outcomes: dict[str, Outcome] = dict(told.outcomes)
        if task.record_sets:
            outcomes = {name: one for name, one in outcomes.items() if name in task.record_sets}
        for name, one in outcomes.items():
            if not isinstance(one, Deleted):
                continue
            if self._chance.random() < (_LIES if task.system == "crm" else 4 * _LIES):
                outcomes[name] = Survived(one.before) if task.system == "crm" else Unverifiable("no_answer_for_key")
                self.records.update(before)
            elif name == "contacts" and self._chance.random() < _RETURNS:
                day = now.date() + dt.timedelta(days=self._chance.randint(5, 40))
                key = (person, task.system, name)
                self.back.setdefault(day, []).append((key, before.get(key, [])))
        return msgspec.structs.replace(told, outcomes=outcomes)

    def _changed(self, person: str, task: Task, now: dt.datetime) -> Confirmation:
        wanted = task.record_sets or tuple(task.fields) or ("contacts",)
        outcomes: dict[str, Outcome] = {}
        for name in wanted:
            count, at = len(self.records.get((person, task.system, name), [])), utc(now)
            outcomes[name] = _done(task, count, f"{person}-{task.system}", at) if count else NothingHeld()
        return Confirmation(task.task_id, task.request_id, task.system, task.action, "sim/1", utc(now), outcomes)


def _done(task: Task, count: int, file: str, at: str) -> Outcome:
    match task.action:
        case Action.EXPORT:
            return Exported(count, file, "0" * 64)
        case Action.RECTIFY:
            return Rectified(count, at)
        case Action.RESTRICT:
            return Restricted(count, at)
        case Action.LIFT:
            return Lifted(count, at)
        case _:
            return Stopped(task.purposes, count, at)


class Varied(Simulation):
    """See the head of this module."""

    def __init__(self, home: Path, seed: int, requests: int, days: int, rest: int) -> None:
        """Begin."""
        super().__init__(home, seed, requests, days, rest, plan_varied())
        self.systems: VariedSystems = VariedSystems(seed, START + dt.timedelta(days=days))
        self._dice = random.Random(seed + 7)

    def _day(self, new: list[Arrival]) -> None:
        self.systems.restore(self.clock.at.date())
        # Not all of them at nine o'clock: people write at any time of the day.
        self.clock.at = self.clock.at.replace(hour=self._dice.randint(6, 18), minute=self._dice.randint(0, 59))
        super()._day(new)

    def _confirm(self, answers: list[Confirmation], key: SharedKey) -> None:
        super()._confirm(answers, key)
        # A few take back later, under the same id, that nothing is there; some send what is no event at all.
        for one in answers:
            drawn = self._dice.random()
            gone = next((name for name, of in one.outcomes.items() if isinstance(of, NothingHeld | Deleted)), None)
            if drawn < _TAKEN_BACK and gone is not None:
                other = {**one.outcomes, gone: Survived(1)}
                super()._confirm([msgspec.structs.replace(one, outcomes=other)], key)
            elif drawn > 1 - _TAKEN_BACK:
                self.engine.receive([b"no event"])

    def _form(self, one: Arrival) -> RequestForm:
        dice = self._dice
        right = dice.choices(list(RIGHTS), list(RIGHTS.values()))[0]
        asked = tuple(dice.choices(list(CONTROLLERS), list(CONTROLLERS.values())))
        more: dict[str, Any] = {}
        if right is Right.RECTIFICATION:
            more = {"corrections": {"crm/contacts": {"name": "Right"}}}
        elif right is Right.RESTRICTION:
            more = {"restriction_ground": Ground.ACCURACY}
        elif right is Right.OBJECTION:
            more = {"purposes": (dice.choice(["marketing", "profiling"]),)}
        elif right is Right.WITHDRAWAL_OF_CONSENT:
            more = {"purposes": ("marketing",)}
        return RequestForm(
            right,
            (Identifier("email", f"{one.person}@sim.example"),),
            request_id=one.request_id,
            controllers=("acme-fr", "acme-de") if dice.random() < 0.05 else asked,
            channel=dice.choice(CHANNELS),
            identity="unverified" if dice.random() < _UNVERIFIED else "verified",
            **more,
        )

    # -- people -------------------------------------------------------------------------------------------
    def _people_act(self, today: dt.date) -> None:
        super()._people_act(today)
        with self.store.read() as tx:
            rows = tx.connection.exec_driver_sql(
                "SELECT request_id FROM requests WHERE phase <> 'closed' AND phase <> 'acting'"
            ).fetchall()
        for (request_id,) in rows:
            drawn, base = self._dice.random(), _by("dpo", request_id)
            if drawn < 0.012:
                self._try(Extended(**base, reason="complexity" if drawn < 0.006 else "number_of_requests"))
            elif drawn < 0.018:
                ground = self._dice.choice(["excessive", "manifestly_unfounded", "cannot_identify"])
                text = "gdpr-11-2" if ground == "cannot_identify" else "gdpr-12-5"
                self._try(Refused(**base, ground=ground, reason="third_in_a_month", text=text))
            elif drawn < 0.020:
                self._try(RequestWithdrawn(**base))
            elif drawn < 0.030:
                self._try(ClockPaused(**base, reason="identity"))
            elif drawn < 0.200:
                self._try(ClockResumed(**base))

    def _act(self, state: RequestState, reason: str, system: str, since: str) -> None:
        base = _by("owner", state.request_id)
        match reason:
            case "manual_task":
                for one in state.attention:
                    if one.reason == reason and (one.system, one.since) == (system, since):
                        self._by_hand(base, one)
            case "objection_to_balance":
                drawn = self._dice.random() < 0.6
                self._try(ObjectionBalanced(**base, balance=Balance.UPHELD if drawn else Balance.OVERRIDDEN, why="x"))
            case "identity_unverified":
                if self._dice.random() < 0.7:
                    self._try(IdentityConfirmed(**base, method="callback"))
                else:
                    self._try(IdentityRefused(**base, reason="no_answer"))
            case "came_back":
                for one in state.attention:
                    if one.reason == reason:
                        self._try(SetDecided(**base, system=one.system, record_set=one.record_set, ground="a"))
            case _:
                super()._act(state, "keeps_failing" if reason == "survived" else reason, system, since)

    def _by_hand(self, base: dict[str, Any], one: Attention) -> None:
        self._try(DoneByHand(**base, system=one.system, record_set=one.record_set, document_sha256="0" * 64))

    def _try(self, command: AnyCommand) -> None:
        try:
            commands.give(self.store, self.clock, command)
        except UsageError as error:  # it was extended before, or it is too late for it: also people try that
            self.judge.refused[error.what] += 1


def _by(role: str, request_id: str) -> dict[str, Any]:
    return {"request_id": request_id, "observed_at": "", "role": role}
