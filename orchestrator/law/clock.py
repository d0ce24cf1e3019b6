"""The clock of one calendar: from a receipt to a last day, each step in words with the text it rests on.

The order is that of the texts: when the period begins, how long it is, how long it stood still, and only then, once,
whether the last day is a working day (Regulation 1182/71 art. 3(4)). So an extension counts from receipt, and a weekend
between the first period and the second moves nothing.
"""

from __future__ import annotations

import datetime as dt

import msgspec

from orchestrator.law.calendars import (
    Calendar,
    next_working_day,
    previous_working_day,
)
from orchestrator.law.periods import add_months
from orchestrator.law.questions import Pause, Question, ask_until
from orchestrator.law.regimes import Period, Regime, Span
from orchestrator.law.texts import LIBRARY
from orchestrator.law.wording import MONTHS, date_words, day_words, span_words


class TraceStep(msgspec.Struct, frozen=True):
    """One step on the way to a date.

    Attributes:
        what: What happened, in words.
        day: The date after it.
        text: Id of the legal text it rests on (`texts.LIBRARY`); empty: none.
        calendar: Code of the calendar it is of; empty: of all.
    """

    what: str
    day: dt.date
    text: str = ""
    calendar: str = ""


class Course(msgspec.Struct, frozen=True):
    """What one calendar gives.

    Attributes:
        due: Last day to answer.
        rule: In one line, ASCII only.
        notice_by: Last day to tell of an extension; None: there is none.
        confirm_by: Last day to confirm the receipt; None: no such duty.
        promised: The policy's promise decided, and not the law.
        extended: The date is that of the extended period.
        waiting: A pause that counts is open.
    """

    calendar: str
    regime: str
    due: dt.date
    rule: str
    trace: tuple[TraceStep, ...]
    notice_by: dt.date | None
    confirm_by: dt.date | None
    promised: bool
    extended: bool
    waiting: bool


def run(question: Question, received: dt.date, calendar: Calendar, regime: Regime, period: Period) -> Course:
    """Let the clock of one calendar run."""
    return _Clock(question, received, calendar, regime, period).run()


class _Clock:
    """One run; the steps gather in ``steps``, ``day`` is where it stands."""

    def __init__(
        self, question: Question, received: dt.date, calendar: Calendar, regime: Regime, period: Period
    ) -> None:
        self.question, self.received, self.calendar = question, received, calendar
        self.regime, self.period = regime, period
        self.code = calendar.code
        self.steps: list[TraceStep] = []
        self.day = received
        self.still = 0
        self.waiting = False

    def run(self) -> Course:
        question, period = self.question, self.period
        extended = question.extended_on is not None and period.extended is not None
        span = period.extended if extended and period.extended else period.first
        if self.calendar.shared:
            self._note(f"of {self.code}, only the holidays that all its parts share")
        counted = self._begin()
        start = self.day
        self._last_day(start, span, extended=extended)
        self._stand_still(start, counted)
        self._roll()
        promised = not extended and self._promise()
        return Course(
            calendar=self.code,
            regime=self.regime.id,
            due=self.day,
            rule=self._rule(span, extended=extended, promised=promised),
            trace=tuple(self.steps),
            notice_by=self._notice_by(),
            confirm_by=self._confirm_by(),
            promised=promised,
            extended=extended,
            waiting=self.waiting,
        )

    def _note(self, what: str, text: str = "") -> None:
        self.steps.append(TraceStep(what, self.day, text, self.code))

    def _begin(self) -> list[Pause]:
        """Move to where the period begins; gives the pauses that stop it later on."""
        stopping = []
        until = ask_until(self.question, self.received)
        over = self._after(self.received, self.period.first)
        for one in sorted(self.question.pauses, key=lambda one: (_begun(one), one.ended or dt.date.max, one.reason)):
            rule = self.regime.waits(one.reason, self.question.right)
            if rule is None:
                self._note(f"waiting for {_for(one)} does not stop this clock", self.period.text)
            elif one.asked > until:
                what = f"asked for {_for(one)} on {date_words(one.asked)}, after {date_words(until)}: too late to count"
                self._note(what, rule.text)
            elif rule.effect == "stops":
                stopping.append(one)
            elif one.begun > over:
                self._note(_began_late(one), rule.text)
            elif (ended := self._end_of(one)) is None:
                self._note(f"still waiting for {_for(one)}: not counted yet", rule.text)
            elif ended > self.day:
                self.day = ended
                self._note(f"the period begins with {_for(one)}, {date_words(ended)}", rule.text)
        return stopping

    def _last_day(self, start: dt.date, span: Span, *, extended: bool) -> None:
        self.day = self._after(start, span)
        said = span_words(span)
        if extended:
            said = (
                f"extended: {said} from {'receipt' if start == self.received else 'the beginning'}, the first included"
            )
        elif self.period.by_analogy:
            said += ", by analogy: the law sets no period for this"
        elif self.period.what:
            said += f" {self.period.what}"
        if span.months and self.day.day != start.day:
            said += f"; no {start.day} {MONTHS[self.day.month - 1]}, so {self.day.day}"
        self._note(said, self.period.text)
        if self.question.extended_on is not None and not extended:
            self._note("no extension here", self.period.text)

    def _stand_still(self, start: dt.date, pauses: list[Pause]) -> None:
        """Add the days of waiting, each of them once; a pause that begins when the period is over adds none."""
        counted_to = start
        for one in pauses:
            rule = self.regime.waits(one.reason, self.question.right)
            text = rule.text if rule else ""
            if _begun(one) > self.day:
                self._note(_began_late(one), text)
            elif (ended := self._end_of(one)) is None:
                self._note(f"still waiting for {_for(one)}: not counted yet", text)
            else:
                begun = max(_begun(one), counted_to)
                days = max(0, (ended - begun).days)
                counted_to = max(counted_to, ended)
                self.day += dt.timedelta(days=days)
                self.still += days
                if days:
                    what = f"stood still for {_for(one)}, {date_words(begun)} to {date_words(ended)}: {_days(days)}"
                else:
                    what = f"the wait for {_for(one)} adds no day"
                self._note(what, text)

    def _end_of(self, pause: Pause) -> dt.date | None:
        """Give the day up to which a pause that counts is counted; None: it is open, and no day is."""
        if pause.ended is not None:
            return pause.ended
        self.waiting = True
        seen = self.question.as_of
        return seen if seen is not None and seen >= pause.asked and seen >= pause.begun else None

    def _roll(self) -> None:
        if self.regime.rolling is None:
            return
        self.day, reasons = next_working_day(self.code, self.day)
        what = f"{', '.join(reasons)}, so {day_words(self.day)}" if reasons else f"{day_words(self.day)}, a working day"
        self._note(what, self.regime.rolling)

    def _promise(self) -> bool:
        """Hold the date to a promise that is shorter than the law's own period; tells whether it decided."""
        limit = self._promised()
        if limit is None or limit >= self.day:
            return False
        self.day = limit
        self._note(f"the policy promises {self._promise_words()} from receipt: {day_words(limit)}")
        return True

    def _promised(self) -> dt.date | None:
        end = self.question.promise.end(self.received) if self.question.promise else None
        if end is None or end >= self._after(self.received, self.period.first):
            return None
        if self.regime.rolling is None:
            return end
        working = previous_working_day(self.code, end)
        return working if working > self.received else end

    def _promise_words(self) -> str:
        promise = self.question.promise
        return span_words(Span(months=promise.months, days=promise.days)) if promise else ""

    def _notice_by(self) -> dt.date | None:
        """Give the last day for the notice of extension: the first period from receipt, whatever is waited for."""
        if self.period.extended is None or (self.question.promise and not self.question.promise.extension):
            return None
        day = self._after(self.received, self.period.first)
        if self.regime.rolling is not None:
            day, _ = next_working_day(self.code, day)
        return min(day, self._promised() or day)

    def _confirm_by(self) -> dt.date | None:
        confirm = self.regime.confirm
        if confirm is None or self.question.right not in confirm.rights:
            return None
        return self._after(self.received, confirm.first)

    def _after(self, start: dt.date, span: Span) -> dt.date:
        """Give the last day of a period; the day it begins on is not counted (Regulation 1182/71 art. 3(1))."""
        if span.business_days:
            day = start
            for _ in range(span.business_days):
                day, _reasons = next_working_day(self.code, day + dt.timedelta(days=1))
            return day
        return add_months(start, span.months) + dt.timedelta(days=span.days)

    def _rule(self, span: Span, *, extended: bool, promised: bool) -> str:
        if promised:
            parts = [f"stricter promise of the policy, {self._promise_words()} from receipt"]
        else:
            told = f"{LIBRARY[self.period.text].short}, {span_words(span)}"
            parts = [told + (", extended" if extended else "") + (", by analogy" if self.period.by_analogy else "")]
            if self.still:
                parts.append(f"stood still for {_days(self.still)}")
            if self.regime.rolling is not None:
                parts.append(LIBRARY[self.regime.rolling].short)
        return "; ".join([*parts, f"calendar {self.code}"])


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _begun(pause: Pause) -> dt.date:
    return max(pause.begun, pause.asked)


def _began_late(pause: Pause) -> str:
    return f"the wait for {_for(pause)} began after the period had ended: not counted"


def _for(pause: Pause) -> str:
    return {"identity": "proof of identity", "clarification": "a clarification", "fee": "a fee"}[pause.reason]
