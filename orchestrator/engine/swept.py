"""Takes in the pages of sweeps: what is past its period becomes a request per data subject, once (ADR 36).

The requests, and how far the sweep is, are written in one transaction. A request's id says what it is about, so that
the same records are not taken for others when they are found again; who it is about cannot be read from it.
"""

from __future__ import annotations

import datetime as dt
import hmac
from typing import Final

import msgspec

from orchestrator.core.model import Phase, RequestState, Retention
from orchestrator.core.plan import Plan
from orchestrator.engine import wire
from orchestrator.engine.batch import Batch
from orchestrator.engine.capsule import CapsuleBox
from orchestrator.engine.sweeps import DONE, Sweeps
from orchestrator.law.periods import add_months
from orchestrator.ports import Chance, JournalRow, Keyring, SweepRow
from schemas.codec import decode, encode
from schemas.errors import SchemaError
from schemas.identifiers import Identifier, Strength, strength_of
from schemas.outcomes import Failed, FailureKind, Located, NothingHeld, Outcome, Unverifiable
from schemas.requests import RequestReceived, Right, Scope, new_request_id, utc
from schemas.tasks import WHOLE_SYSTEM, Confirmation, Findings, Page, Past

SOURCE: Final = "/retention"
DUE: Final = "RetentionDue"
"""Type of the journal row of a request that nobody made, as long as it waits to be applied."""
CHANNEL: Final = "retention"
_MALFORMED: Final = "malformed_answer"
RETIRED: Final = b""
"""What is left of a fingerprint when the request's evidence was deleted (ADR 45): it is over."""
MOST_AGAIN: Final = 1000
"""So often the same records may come back, of the same person and from the same period."""


class Due(msgspec.Struct, frozen=True):
    """What was found of one person; sealed with the store's key until it is applied."""

    identifiers: tuple[Identifier, ...]
    handle: str
    retention: Retention
    found_at: str

    def __repr__(self) -> str:
        """Hide everything (I4)."""
        return f"Due({self.retention.system}/{self.retention.record_set})"


class _Group(msgspec.Struct):
    past: Past
    keys: bytes
    retention: Retention
    times: int = 0


def open_due(row: JournalRow, box: CapsuleBox) -> wire.OpenedRequest:
    """Open what a sweep found, as the request that it becomes."""
    due = decode(box.open_bytes(row.request_id, row.wire or b""), Due)
    message = RequestReceived(
        row.request_id, Right.ERASURE, due.found_at, "", scope=Scope((due.retention.system,)), channel=CHANNEL
    )
    return wire.OpenedRequest(message, due.identifiers, retention=due.retention, handle=due.handle)


class Swept(Sweeps):
    """Pages that came back."""

    def take_page(self, batch: Batch, confirmation: Confirmation, findings: Findings) -> None:
        """Take in a page; one that is not awaited (a repetition, a late one) changes nothing (I3)."""
        awaited = {one.task_id: one for one in batch.tx.sweeps() if one.task_id}
        row = awaited.get(confirmation.task_id)
        if row is None or row.system != confirmation.system:
            batch.repeated += 1
            return
        batch.tx.outbox_remove([confirmation.task_id])
        outcome = confirmation.outcomes.get(row.record_set, confirmation.outcomes.get(WHOLE_SYSTEM))
        page, reason = findings.page, _doubt(outcome, findings.page)
        if isinstance(outcome, Failed) and outcome.kind is FailureKind.TRANSIENT:
            self.put_off(batch, row, outcome.code)
        elif reason or page is None:
            self.stop_sweep(batch, row, reason)
        else:
            groups = _Groups(batch, row, self.keys, self._chance)
            try:
                groups.read(page, self._plans.current)
            except (SchemaError, ValueError):
                self.stop_sweep(batch, row, _MALFORMED)
            else:
                groups.open()
                self._turn_over(batch, row, page, findings.handle)
        batch.applied += 1
        batch.tx.save_sweeps([row])

    def _turn_over(self, batch: Batch, row: SweepRow, page: Page, handle: str) -> None:
        """Go on behind this page."""
        row.scanned += page.scanned
        row.undated += page.undated
        row.pages += 1
        row.task_id, row.cursor, row.failures, row.reason = "", handle, 0, ""
        if handle:
            # What was looked at is paid for before more is: the store has others to serve.
            began = dt.datetime.fromisoformat(row.issued_at)
            row.next_at = utc(began + dt.timedelta(seconds=page.scanned / max(1, self.pace.rows_per_second)))
        else:
            row.state, row.finished_at = DONE, batch.now
        self.sweep_look = None


def _doubt(outcome: Outcome | None, page: Page | None) -> str:
    """Say why a page is not taken in; empty if it is."""
    match outcome:
        case Failed():
            return outcome.code
        case Unverifiable():
            return outcome.reason
        case Located() | NothingHeld() if page is not None:
            return ""
        case _:
            return _MALFORMED


class _Groups:
    """What one page found, and the requests that it opens."""

    def __init__(self, batch: Batch, row: SweepRow, keys: Keyring, chance: Chance) -> None:
        self._batch = batch
        self._row = row
        self._keys = keys
        self._chance = chance
        self._groups: list[_Group] = []

    def read(self, page: Page, plan: Plan) -> None:
        """Read them, and count.

        Raises:
            ValueError: a date that is none or lies behind what was asked for. SchemaError: a seal does not fit.
        """
        row, months = self._row, _months(plan, self._row)
        unclear = page.unclear
        for past in page.past:
            last = dt.date.fromisoformat(past.last)
            if past.last > row.up_to or past.count < 1:
                raise ValueError
            if any(strength_of(one.kind) is not Strength.UNIQUE for one in past.identifiers):
                unclear += past.count  # it names somebody, and not surely one person (I9)
                continue
            keys = wire.handle_of(past, row.sweep_id, row.system, self._keys.system(row.system))
            since = add_months(last, months).isoformat()
            self._groups.append(_Group(past, keys, Retention(row.system, row.record_set, since)))
        row.unclear += unclear
        row.past += page.unclear + sum(one.count for one in page.past)

    def open(self) -> None:
        """Note a request for each of which none lives; a kill before the commit leaves nothing of it."""
        fresh = self._fresh()
        self._batch.journal += [self._journaled(request_id, one) for request_id, one in fresh]
        self._row.opened += len(fresh)
        self._row.known += len(self._groups) - len(fresh)

    def _fresh(self) -> list[tuple[str, _Group]]:
        batch, found = self._batch, list[tuple[str, _Group]]()
        taken = {row.request_id for row in batch.journal}
        wanted = self._groups
        while wanted:
            ids = [self._id(one) for one in wanted]
            known = batch.tx.known([(SOURCE, one) for one in ids])
            batch.load(one for one in ids if (SOURCE, one) in known)
            back: list[_Group] = []
            for request_id, one in zip(ids, wanted, strict=True):
                if request_id in taken:
                    continue
                if (SOURCE, request_id) not in known:
                    taken.add(request_id)
                    found.append((request_id, one))
                elif (
                    known[SOURCE, request_id] == RETIRED or _is_over(batch.states.get(request_id), one.retention)
                ) and one.times < MOST_AGAIN:
                    one.times += 1
                    back.append(one)
            wanted = back
        return found

    def _id(self, one: _Group) -> str:
        """Name the request: a digest that nobody without the key can make, behind the day that its period ended."""
        who = encode(sorted(one.past.identifiers)) if one.past.identifiers else one.keys
        retention = one.retention
        about = encode([retention.system, retention.record_set, retention.since, one.times])
        digest = hmac.digest(self._keys.subject, b"expunge-retention-v1\0" + about + b"\0" + who, "sha256")
        day = dt.datetime.fromisoformat(retention.since).replace(tzinfo=dt.UTC)
        return new_request_id(day, digest[:16])

    def _journaled(self, request_id: str, one: _Group) -> JournalRow:
        batch, system = self._batch, self._row.system
        handle = wire.handle_for(one.keys, request_id, system, self._keys.system(system), self._chance)
        due = encode(Due(one.past.identifiers, handle, one.retention, batch.now))
        fingerprint = hmac.digest(self._keys.subject, b"expunge-due-v1\0" + request_id.encode(), "sha256")
        sealed = batch.box.seal_bytes(request_id, due)
        return JournalRow(SOURCE, request_id, request_id, DUE, batch.now, fingerprint, None, sealed, "waiting")


def _months(plan: Plan, row: SweepRow) -> int:
    system = plan.by_name.get(row.system)
    rules = [one.period for one in system.record_sets if one.name == row.record_set] if system is not None else []
    return rules[0].months if rules and rules[0] is not None else 0


def _is_over(state: RequestState | None, retention: Retention) -> bool:
    """Tell whether nothing looks at these records any more: then what is found of them has come back, or was left.

    A request that waits in the journal has no state yet.
    """
    if state is None or state.phase is not Phase.CLOSED:
        return False
    return not any(
        one.kind == "retention" and (one.system, one.record_set) == (retention.system, retention.record_set)
        for one in state.obligations
    )
