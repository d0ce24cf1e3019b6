"""The loop: one turn a day. Requests arrive, systems answer when they do, people act when they get to it."""

from __future__ import annotations

import datetime as dt
import random
import shutil
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from orchestrator.core.commands import AnyCommand
from orchestrator.core.commands_recipients import RecipientAnswered, RecipientAsked
from orchestrator.core.commands_rights import DoneByHand
from orchestrator.core.model import RequestState
from orchestrator.core.plan import Plan
from orchestrator.engine import Engine, Intake, commands
from orchestrator.engine.waiting import resume
from orchestrator.errors import UsageError
from orchestrator.keys import KeyFolder, create_missing
from orchestrator.runtime.clock import chance
from orchestrator.store.database import open_sqlite
from orchestrator.store.migrate import migrate
from orchestrator.store.store import SqlStore
from schemas.identifiers import Identifier
from schemas.requests import RequestForm, Right
from schemas.sealing import SharedKey
from schemas.tasks import Confirmation, Task
from schemas.wrapping import confirmation_event
from tests.simulation.company import Arrival, Systems, arrivals, plan_of
from tests.simulation.judge import Judge

START: Final = dt.date(2026, 1, 1)
REACTION: Final = (1, 9)
"""Days after which somebody who was called acts; one in a hundred never does."""
PATIENCE: Final = 14
"""Days that a system that says nothing is given before it is asked again."""
_MOST: Final = 500


class Clock:
    """Stands still until the next day."""

    def __init__(self) -> None:
        self.at = dt.datetime.combine(START, dt.time(9), dt.UTC)

    def now(self) -> dt.datetime:
        return self.at


class Simulation:
    """One company, one store, so many years."""

    def __init__(self, home: Path, seed: int, requests: int, days: int, rest: int, plan: Plan | None = None) -> None:
        """Begin. ``days``: on which requests arrive; ``rest``: days after them, in which what is open may end."""
        self.plan = plan or plan_of()
        self.clock, self.days, self.rest = Clock(), days, rest
        end = START + dt.timedelta(days=days)
        self.systems = Systems(seed, end)
        self.arrivals = arrivals(seed, requests, days)
        self.person: dict[str, str] = {}
        self._random = random.Random(-seed)
        home.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(home / "keys", ignore_errors=True)
        create_missing(home / "keys", list(self.plan.by_name), chance)
        self.keys = KeyFolder(home / "keys", list(self.plan.by_name))
        engine = open_sqlite(home / "expunge.db")
        # A simulation that is killed is begun anew: nothing has to outlive it.
        sa.event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
        migrate(engine)
        self.store = SqlStore(engine, "simulation.db")
        self.engine = Engine(self.store, self.keys, self.clock, chance, self.plan)
        self.intake = Intake(self.store, self.keys, self.clock, chance)
        self.judge = Judge(self.store, self.plan)
        self._out: dict[str, dict[str, Task]] = {name: {} for name in self.plan.by_name}
        self._due: dict[tuple[str, dt.date], list[str]] = defaultdict(list)
        self._acts: dict[tuple[str, str], dt.date] = {}

    def run(self, seen: Callable[[dt.date], None] = lambda _: None) -> None:
        """Live through all days."""
        for day in range(self.days + self.rest):
            self._day(self.arrivals[day] if day < self.days else [])
            seen(self.clock.at.date())
            self.clock.at += dt.timedelta(days=1)
        self.judge.at_the_end(self.clock.at.date(), self.systems.records, self.person)

    def _day(self, new: list[Arrival]) -> None:
        today = self.clock.at.date()
        for one in new:
            if one.person == one.request_id:
                self.systems.add(one.person, today)
            self.person[one.request_id] = one.person
        if new:
            self.intake.submit([self._form(one) for one in new])
        self._come_to_rest(today)
        self._people_act(today)
        self._come_to_rest(today)
        self.judge.every_day(today)

    def _form(self, one: Arrival) -> RequestForm:
        identifiers = (Identifier("email", f"{one.person}@sim.example"),)
        return RequestForm(Right(one.right), identifiers, request_id=one.request_id)

    def _come_to_rest(self, today: dt.date) -> None:
        while self._turn(today):
            pass

    def _turn(self, today: dt.date) -> int:
        worked = self.engine.fire_timers(_MOST) + self.engine.apply_waiting(_MOST)
        for name in self.plan.by_name:
            worked += self._system(name, today)
        for request_id, job in self.engine.next_packages(_MOST):
            self.engine.packaged(request_id, job.job_id, f"package-{request_id}", "0" * 64)
            worked += 1
        return worked

    def _system(self, name: str, today: dt.date) -> int:
        out = self._out[name]
        if self.engine.hints.may_have_tasks(name):
            for task in self.engine.next_tasks(name, len(out) + _MOST):
                if task.task_id not in out:
                    out[task.task_id] = task
                    self._due[name, self.systems.delay(name, today)].append(task.task_id)
        tasks = [out.pop(one) for one in self._due.pop((name, today), [])]
        if not tasks:
            return 0
        key, now = self.keys.system(name), self.clock.now()
        answers = [self.systems.answer(self.person[one.request_id], one, now) for one in tasks]
        self._confirm(answers, key)
        return len(tasks)

    def _confirm(self, answers: list[Confirmation], key: SharedKey) -> None:
        self.engine.confirm([confirmation_event(one, key) for one in answers])

    # -- people -------------------------------------------------------------------------------------------
    def _people_act(self, today: dt.date) -> None:
        with self.store.read() as tx:
            rows = tx.connection.exec_driver_sql(
                "SELECT request_id, state FROM requests WHERE attention > 0 AND phase <> 'closed'"
            ).fetchall()
        for request_id, blob in rows:
            state = msgspec.msgpack.decode(blob, type=RequestState)
            for one in state.attention:
                day = self._acts.setdefault((request_id, one.reason + one.since), self._reaction(today))
                if day <= today:
                    self._act(state, one.reason, one.system, one.since)

    def _reaction(self, today: dt.date) -> dt.date:
        never = self._random.random() < 0.01
        return dt.date.max if never else today + dt.timedelta(days=self._random.randint(*REACTION))

    def _act(self, state: RequestState, reason: str, system: str, since: str) -> None:
        base: dict[str, Any] = {"request_id": state.request_id, "observed_at": "", "role": "owner"}
        match reason:
            case "recipient_to_ask":
                self._give(RecipientAsked(**base, recipient=system))
                # Most answer one day; what never does is asked by telephone once it is overdue.
                if self._random.random() < 0.7:
                    self._answers(base, system)
            case "recipient_silent":
                self._answers(base, system)
            case "manual_task":
                self._give(DoneByHand(**base, document_sha256="0" * 64))
            case "keeps_failing" | "system_silent" | "unverifiable":
                # Nobody asks a system again that is known to be dead; a slow one is given its time.
                patience = PATIENCE if reason == "system_silent" else 1
                dead = self.systems.delay(system, self.clock.at.date()) if system == "legacy" else self.clock.at.date()
                waited = (self.clock.at - dt.datetime.fromisoformat(since)).days
                if waited > patience and dead == self.clock.at.date():
                    self._acts.pop((state.request_id, reason + since), None)
                    resume(self.store, self.clock, state.request_id, "owner")
            case _:
                pass  # what only informs; the judge sees whether anything else is left

    def _answers(self, base: dict[str, Any], name: str) -> None:
        keeps = self._random.random() < 0.1
        until = (self.clock.at.date() + dt.timedelta(days=400)).isoformat()
        kept: dict[str, str] = {"exception": "b", "text": "fr-ccom-l123-22", "until": until} if keeps else {}
        self._give(RecipientAnswered(**base, recipient=name, found=1, document_sha256="0" * 64, **kept))

    def _give(self, command: AnyCommand) -> None:
        try:
            commands.give(self.store, self.clock, command)
        except UsageError as error:
            self.judge.refused[error.what] += 1
