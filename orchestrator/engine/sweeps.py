"""Sweeps for what is past its period: begins them, and asks for their pages (ADR 36).

Where each sweep is stands in the store, one row a record set; a page is a task that is released like any other. Who
asks for a sweep only notes it (``ask``): whoever works on the store carries it out, and a kill goes on where it was.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from typing import Final

import msgspec

from orchestrator.core.effects import Notice
from orchestrator.core.moments import date_of, later
from orchestrator.core.plan import Plan, RecordSetPlan
from orchestrator.core.resting import objection
from orchestrator.engine import wire
from orchestrator.engine.base import Base, again
from orchestrator.engine.batch import Batch
from orchestrator.engine.causing import outgoing
from orchestrator.errors import UsageError
from orchestrator.law.periods import last_expired_anchor
from orchestrator.ports import OutboxRow, Store, SweepRow
from schemas import topics
from schemas.requests import utc
from schemas.tasks import Sweep

LOOK_AGAIN: Final = dt.timedelta(seconds=1)
"""How soon it is seen what another program noted."""
OPEN: Final = ("requested", "running")
DONE: Final = "done"
STOPPED: Final = "stopped"


class SweepPace(msgspec.Struct, frozen=True):
    """How sweeps go.

    Attributes:
        every_hours: A record set is swept again so long after its last sweep began; 0: only when somebody asks.
        rows_per_second: Records a sweep looks at, of one record set, on average.
        page_rows: Records of one page at most; ``page_found``: of these, past their period.
        patience_minutes: A page that was not answered for so long is asked for again, and its owner told.
    """

    every_hours: int = 0
    rows_per_second: int = 25_000
    page_rows: int = 20_000
    page_found: int = 500
    patience_minutes: int = 60


def periods(plan: Plan) -> Iterable[tuple[str, RecordSetPlan]]:
    """Give every record set with a period of its own, by its system."""
    for system in plan.systems:
        for one in system.record_sets:
            if one.period is not None:
                yield system.system, one


def ask(store: Store, plan: Plan, systems: Collection[str] = ()) -> list[SweepRow]:
    """Note that these systems (none: all) are to be swept; gives the rows. One that runs goes on as it is.

    Raises:
        UsageError: a system is not connected, or none of its record sets has a period.
    """
    wanted = [(system, one.name) for system, one in periods(plan) if not systems or system in systems]
    lacking = sorted(set(systems) - {system for system, _ in wanted})
    if lacking or not wanted:
        known = ", ".join(sorted({system for system, _ in periods(plan)})) or "none"
        where = f"system {lacking[0]}" if lacking else ""
        raise UsageError(
            "no record set with a period is there to sweep", where=where,
            fix=f"`expire` or `retain` in the data map gives one; systems that have some: {known}",
        )  # fmt: skip

    def note() -> list[SweepRow]:
        with store.write() as tx:
            before = {(one.system, one.record_set): one for one in tx.sweeps()}
            rows = [_asked(before.get(key), *key) for key in wanted]
            tx.save_sweeps([one for one in rows if one is not before.get((one.system, one.record_set))])
            return rows

    return again(note)


def _asked(before: SweepRow | None, system: str, record_set: str) -> SweepRow:
    if before is not None and before.state in OPEN:
        return before
    return SweepRow(system, record_set, before.run + 1 if before is not None else 1)


class Sweeps(Base):
    """Pages that are asked for."""

    pace = SweepPace()
    sweep_look: dt.datetime | None = None
    """When the store is asked next; None: at once."""
    _sweep_at: str | None = None

    def next_sweep(self) -> str | None:
        """When the next page may be asked for, as far as is known; None: there is none. For the runtime's pause."""
        return self._sweep_at

    def turn_sweeps(self) -> int:
        """Ask for every page whose time has come; returns how many."""
        now = self._clock.now()
        if self.sweep_look is not None and now < self.sweep_look:
            return 0
        with self.store.read() as tx:
            rows = tx.sweeps()
        asked = 0
        if any(self._page_is_due(one, now) for one in self._scheduled(rows)):
            asked = again(self._ask_for_pages)
            with self.store.read() as tx:
                rows = tx.sweeps()
        self._sweep_at = min((one.next_at for one in rows if one.state == "running" and not one.task_id), default=None)
        self.sweep_look = now + LOOK_AGAIN
        if self._sweep_at is not None:
            self.sweep_look = min(self.sweep_look, dt.datetime.fromisoformat(self._sweep_at))
        return asked

    def _scheduled(self, rows: Collection[SweepRow]) -> list[SweepRow]:
        """Give the rows, those included that the schedule adds."""
        known = {(one.system, one.record_set) for one in rows}
        if not self.pace.every_hours:
            return list(rows)
        fresh = (SweepRow(system, one.name, 0, DONE) for system, one in periods(self._plans.current))
        return [*rows, *(one for one in fresh if (one.system, one.record_set) not in known)]

    def _page_is_due(self, one: SweepRow, now: dt.datetime) -> bool:
        match one.state:
            case "requested":
                return True
            case "running" if one.task_id:
                return _since(one.issued_at, now) >= dt.timedelta(minutes=self.pace.patience_minutes)
            case "running":
                return one.next_at <= utc(now)
            case _:
                hours = self.pace.every_hours
                return bool(hours) and _since(one.started_at, now) >= dt.timedelta(hours=hours)

    def _ask_for_pages(self) -> int:
        now = self._clock.now()
        asked: list[OutboxRow] = []
        with self._batch("sweeps") as batch:
            if not batch.tx.alone("sweeps"):
                return 0
            ready = [one for one in self._scheduled(batch.tx.sweeps()) if self._page_is_due(one, now)]
            for one in ready:
                if one.state != "running":
                    self._begin_sweep(batch, one)
                elif one.task_id:
                    batch.tx.outbox_remove([one.task_id])
                    one.failures += 1
                    self.call_owner(batch, one, "no_answer")
                if one.state == "running":
                    asked.append(self._next_page(batch, one))
            batch.tx.outbox_add(asked)
            batch.tx.save_sweeps(ready)
        self.hints.note({one.system for one in asked}, None)
        return len(asked)

    def _begin_sweep(self, batch: Batch, one: SweepRow) -> None:
        """Begin, or say why not. A period that rests on nothing is no ground to erase by either (S17)."""
        run = one.run if one.state == "requested" else one.run + 1
        _reset(one, SweepRow(one.system, one.record_set, run, "running", started_at=batch.now, next_at=batch.now))
        today = date_of(batch.now)
        rule = next(
            (each.period for system, each in periods(self._plans.current)
             if (system, each.name) == (one.system, one.record_set)),
            None,
        )  # fmt: skip
        if rule is None:
            self.stop_sweep(batch, one, "no_period")
            return
        doubt = objection(rule.text, today, self._plans.current.own_rules, rule.months)
        if doubt:
            self.stop_sweep(batch, one, doubt)
            return
        one.up_to = last_expired_anchor(today, rule.months).isoformat()

    def _next_page(self, batch: Batch, one: SweepRow) -> OutboxRow:
        one.task_id = f"{one.sweep_id}.{one.record_set}.{one.pages + 1}.{one.failures}"
        one.issued_at = batch.now
        sweep = Sweep(one.record_set, one.up_to, self.pace.page_rows, self.pace.page_found)
        body = wire.sweep_event(
            one.sweep_id, one.task_id, one.system, sweep, one.cursor, self.keys, self._chance, batch.now
        )
        # Due today, so before what it finds: a page is short, and how often one comes is bounded.
        return OutboxRow(one.task_id, one.sweep_id, one.system, batch.now[:10], 0, body)

    # -- what a page may come to --------------------------------------------------------------------------
    def stop_sweep(self, batch: Batch, one: SweepRow, reason: str) -> None:
        """End a sweep before it has seen everything, and call whoever can mend the cause."""
        one.state, one.reason, one.finished_at, one.task_id = STOPPED, reason, batch.now, ""
        self.call_owner(batch, one, reason)

    def call_owner(self, batch: Batch, one: SweepRow, reason: str) -> None:
        """Tell the owner of the system, or of the policy, that a sweep does not go on (I6)."""
        one.reason = reason
        system = self._plans.current.by_name.get(one.system)
        to = "dpo" if system is None or reason in _POLICY else system.owner
        facts = {"reason": reason, "system": one.system, "record_set": one.record_set}
        notice = Notice(f"{one.sweep_id}.{one.record_set}.{one.pages}.{one.failures}", "sweep_stopped", to, facts)
        body = wire.notice_event(one.sweep_id, notice, batch.now)
        batch.tx.add_notices([{"notice_id": notice.notice_id, "request_id": one.sweep_id, "body": body}])
        if self._publish:
            batch.tx.publish([outgoing(topics.NOTICES, notice.notice_id, one.sweep_id, body)])

    def put_off(self, batch: Batch, one: SweepRow, reason: str) -> None:
        """Ask for the same page again after a pause, and call the owner if it goes on like that."""
        limits = self._plans.current.limits
        one.failures, one.task_id, one.reason = one.failures + 1, "", reason
        pause = min(limits.retry_first_seconds * 2 ** min(one.failures - 1, 16), limits.retry_most_seconds)
        one.next_at = later(batch.now, seconds=pause)
        if one.failures == limits.transient_retries + 1:
            self.call_owner(batch, one, reason)


_POLICY: Final = frozenset(
    {
        "unknown_text",
        "text_repealed",
        "not_yet_in_force",
        "unknown_rule",
        "rule_undecided",
        "rule_exceeded",
        "no_period",
    }
)


def _reset(one: SweepRow, fresh: SweepRow) -> None:
    for name in SweepRow.__struct_fields__:
        setattr(one, name, getattr(fresh, name))


def _since(text: str, now: dt.datetime) -> dt.timedelta:
    return now - dt.datetime.fromisoformat(text) if text else dt.timedelta.max
