"""Computes a report from facts. One pass over requests and records; what is kept in memory is codes and numbers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Final

from orchestrator.report.facts import Facts, Owed
from orchestrator.report.figures import (
    CaughtRow,
    CountRow,
    KeptRow,
    MonthRow,
    OpenRow,
    OwedRow,
    ReceivedRow,
    Report,
    Returned,
    SlowRow,
    TimeRow,
)
from orchestrator.report.lines import Lines
from orchestrator.report.numbers import counted, days, seconds, spread
from orchestrator.report.period import Period
from schemas.completion import CompletionRecord

ALL: Final = "all"
OPEN: Final = "open"
NOBODY: Final = "(none named)"
"""Where a request names no controller."""
SLOWEST: Final = 5
DUE: Final = "due"
NOTHING_FOUND: Final = frozenset({"nothing_held", "not_subject"})
_BUCKETS: Final = ((0, "late"), (7, "0-6"), (14, "7-13"), (21, "14-20"), (28, "21-27"))
_LAST_BUCKET: Final = "28+"


def compute(period: Period, facts: Facts) -> Report:
    """Give the figures of a period."""
    months = {month: MonthRow(month) for month in period.months()}
    intake = _Intake(period, facts, months)
    work = _Work(facts, months)
    caught: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in facts.caught:
        caught[one.system, one.kind].append(one.request_id)
    for (system, _), ids in caught.items():
        if system:
            work.lines.system(system).caught += len(ids)
    return Report(
        v=1,
        first=period.first.isoformat(),
        last=period.last.isoformat(),
        made_at=period.made_at,
        over=period.over,
        received_total=intake.total,
        unasked=intake.unasked,
        completed_total=len(work.done),
        afresh=work.afresh,
        received=[ReceivedRow(*key, count) for key, count in sorted(intake.received.items())],
        months=list(months.values()),
        times=work.times(),
        slowest=[SlowRow(*one) for one in sorted(work.done, key=lambda one: (-one[2], one[0]))[:SLOWEST]],
        margins=_margins(margin for *_, margin in work.done),
        open=intake.open,
        overdue=sorted(intake.overdue, key=lambda one: (one.due_on, one.request_id)),
        extensions=counted(intake.extensions),
        paused_requests=work.paused,
        paused_days=work.paused_days,
        refusals=counted(work.refusals),
        kept=_kept(work),
        owed=_owed(facts.owed),
        verified=sum(one.verified for one in work.lines.systems.values()) + work.lines.by_hand_verified,
        attested=sum(one.attested for one in work.lines.systems.values()) + work.lines.by_hand_attested,
        systems=[one for _, one in sorted(work.lines.systems.items())],
        recipients=[one for _, one in sorted(work.lines.recipients.items())],
        caught=[CaughtRow(*key, len(ids), len(set(ids))) for key, ids in sorted(caught.items())],
        unread=counted(facts.unread),
        deleted=facts.deleted,
        returned=Returned(counted(work.looked), counted(work.came_back), work.erased_again),
    )


class _Intake:
    """What came, and what was open at the end of the period."""

    def __init__(self, period: Period, facts: Facts, months: dict[str, MonthRow]) -> None:
        self.received: Counter[tuple[str, str, str]] = Counter()
        self.extensions: Counter[str] = Counter()
        self.overdue: list[OpenRow] = []
        self.total = self.unasked = self.open = 0
        for one in facts.requests:
            if one.extended and period.holds(one.extended_at):
                self.extensions[one.extended] += 1
            if one.received_at >= period.ends:
                continue
            first = facts.firsts.get(one.request_id)
            # What has closed and has no record any more was completed: its record's own retention has ended.
            done = first.completed_at < period.ends if first else one.closed
            if not done and one.asked:
                self.open += 1
                if one.due_on < period.ends and one.due_on < period.made_at[:10]:
                    self.overdue.append(OpenRow(one.request_id, one.right, one.due_on))
            if not period.holds(one.received_at):
                continue
            if not one.asked:
                self.unasked += 1
                continue
            self.total += 1
            months[one.received_at[:7]].received += 1
            for controller in one.controllers or (NOBODY,):
                self.received[one.right, controller, first.result if first else OPEN] += 1


class _Work:
    """What was completed in the period. ``done``: (request id, right, seconds, margin in days) of first records."""

    def __init__(self, facts: Facts, months: dict[str, MonthRow]) -> None:
        self.done: list[tuple[str, str, int, int]] = []
        self.answers: dict[str, list[int]] = defaultdict(list)
        self.refusals: Counter[str] = Counter()
        self.looked: Counter[str] = Counter(facts.looks)
        self.came_back: Counter[str] = Counter()
        self.lines = Lines(facts.owners, facts.backlog, facts.heard)
        self.afresh = self.erased_again = self.paused = self.paused_days = 0
        for record in facts.records:
            gone = self.lines.add(record)
            if record.looked_again is not None:
                self._again(record, gone)
            elif record.number > 1:
                self.afresh += 1
            if record.origin is None:
                self._asked(record, facts, months)

    def _again(self, record: CompletionRecord, gone: int) -> None:
        why = (record.looked_again or "").partition(":")[0]
        if why == DUE:  # no look of its own: what was kept came due, and the rest was looked at beside it
            self.looked[why] += 1
        if record.result not in NOTHING_FOUND:
            self.came_back[why] += 1
            self.erased_again += gone

    def _asked(self, record: CompletionRecord, facts: Facts, months: dict[str, MonthRow]) -> None:
        if record.ground is not None:
            self.refusals[record.ground] += 1
        if record.number > 1:
            return
        took = seconds(record.received_at, record.completed_at)
        self.done.append((record.request_id, record.right, took, days(record.completed_at, record.due_at)))
        months[record.completed_at[:7]].completed += 1
        if record.request_id in facts.answered:
            self.answers[record.right].append(seconds(record.received_at, facts.answered[record.request_id]))
        if record.paused_days:
            self.paused += 1
            self.paused_days += record.paused_days

    def times(self) -> list[TimeRow]:
        """Give the times by right, those of all at the end."""
        rights = sorted({right for _, right, *_ in self.done})
        rows = [self._row(right, {right}) for right in rights]
        return [*rows, self._row(ALL, set(rights))] if rows else []

    def _row(self, name: str, rights: set[str]) -> TimeRow:
        done = [one for one in self.done if one[1] in rights]
        answers = [took for right in rights for took in self.answers[right]]
        margins = [margin for *_, margin in done]
        late = sum(margin < 0 for margin in margins)
        return TimeRow(name, spread(took for _, _, took, _ in done), spread(answers), spread(margins, least=True), late)


def _margins(margins: Iterable[int]) -> list[CountRow]:
    counts: Counter[str] = Counter(
        next((name for bound, name in _BUCKETS if margin < bound), _LAST_BUCKET) for margin in margins
    )
    return [CountRow(name, counts[name]) for name in (*(name for _, name in _BUCKETS), _LAST_BUCKET)]


def _kept(work: _Work) -> list[KeptRow]:
    rows: dict[tuple[str, str], KeptRow] = {}
    requests: dict[tuple[str, str], set[str]] = defaultdict(set)
    for (request_id, _), one in work.lines.kept.items():
        key = (one.why.value, one.text)
        days_of = [day for day in (one.until, one.review_by) if day]
        row = rows.setdefault(key, KeptRow(*key, 0, 0, min(days_of, default=""), max(days_of, default=""), 0))
        requests[key].add(request_id)
        row.records += one.count
        row.first, row.last = min([row.first, *days_of]), max([row.last, *days_of])
        row.undated += one.until is None
        row.requests = len(requests[key])
    return [rows[key] for key in sorted(rows)]


def _owed(owed: Iterable[Owed]) -> list[OwedRow]:
    rows: dict[tuple[str, str], OwedRow] = {}
    for one in owed:
        last = one.last or one.due
        row = rows.setdefault((one.kind, one.text), OwedRow(one.kind, one.text, 0, one.due, last))
        row.count += 1
        row.first, row.last = min(row.first, one.due), max(row.last, last)
    return [rows[key] for key in sorted(rows)]
