"""The log of requests and the yearly figures of California (11 CCR 7101, 7102). Pure; nobody is in it.

A request is Californian where the law of one of the controllers that it was made to is California's (`law.regimes`).
What is not known is said, and counted where it can be.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from orchestrator.law.calendars import UndatableError, calendar_of
from orchestrator.law.california import KEPT_MONTHS, KINDS, Nature, nature_of
from orchestrator.law.periods import add_months
from orchestrator.law.regimes import regime_of
from orchestrator.report.figures import CountRow
from orchestrator.report.numbers import counted, days, spread
from orchestrator.report.period import Period

Response = Literal["complied", "complied_in_part", "nothing_held", "denied", "withdrawn", "open"]
Ground = Literal["not_verifiable", "exempt", "other"]
NOT_VERIFIABLE: Final = frozenset({"identity_not_established", "lapsed", "unidentifiable", "cannot_identify"})
_RESPONSES: Final[dict[str, Response]] = {
    "fulfilled": "complied",
    "partly_fulfilled": "complied_in_part",
    "nothing_held": "nothing_held",
    "withdrawn": "withdrawn",
    "": "open",
}


class ConsumerFact(msgspec.Struct, frozen=True):
    """One request, as the log needs it.

    Attributes:
        calendars: Of the controllers that it was made to; None: the plan does not say where they are.
        channel: In which manner it was made; empty: nobody noted it.
        answered_at: When the person was told the result; empty: not yet.
        result, ground: Of its first record; empty: there is none.
        kept: What that record says is kept: (why, text).
        not_searched: How many systems or record sets that record names as not searched.
    """

    request_id: str
    right: str
    received_at: str
    calendars: tuple[str, ...] | None
    channel: str = ""
    answered_at: str = ""
    result: str = ""
    ground: str = ""
    kept: tuple[tuple[str, str], ...] = ()
    not_searched: int = 0


class LogRow(msgspec.Struct):
    """One line of the log (11 CCR 7101(b)). Days in UTC. ``basis``: of a denial in whole or in part, as codes."""

    request_id: str
    received_on: str
    nature: Nature
    right: str
    manner: str
    responded_on: str
    response: Response
    basis: list[str]


class MetricRow(msgspec.Struct):
    """The figures of one kind of request (11 CCR 7102(a)(1)). ``median_days``: from receipt to the response.

    ``received`` is the sum of the six after it. ``responded``: of how many requests the median is.
    """

    nature: Nature
    text: str
    received: int = 0
    complied: int = 0
    complied_in_part: int = 0
    nothing_held: int = 0
    denied: int = 0
    withdrawn: int = 0
    open: int = 0
    responded: int = 0
    median_days: int | None = None


class California(msgspec.Struct):
    """The log and the figures of requests received in the period.

    Attributes:
        denied_because: Denials in whole or in part, by the grounds of 11 CCR 7102(a)(2).
        manners: By manner; ``unknown``: nobody noted it.
        not_counted: Requests to a controller under this law that are none of its kinds, by right.
        other_law: Requests to controllers under other laws only.
        unknown_law: Requests of which nobody knows where the controller is: they are in no figure.
        deleted: Requests taken in in the period that were deleted at the end of their retention: they are in no figure.
        log_may_end: What was received before this day need not be kept any longer (11 CCR 7101(a)).
    """

    v: int
    first: str
    last: str
    made_at: str
    over: bool
    metrics: list[MetricRow]
    denied_because: list[CountRow]
    manners: list[CountRow]
    not_counted: list[CountRow]
    other_law: int
    unknown_law: int
    log_may_end: str
    log: list[LogRow]
    deleted: int = 0


def compute(period: Period, facts: Iterable[ConsumerFact], deleted: int = 0) -> California:
    """Give log and figures."""
    rows: list[LogRow] = []
    because: Counter[str] = Counter()
    left: Counter[str] = Counter()
    other = unknown = 0
    for one in facts:
        if not period.holds(one.received_at):
            continue
        under = _under(one)
        if under is None:
            unknown += 1
        elif not under:
            other += 1
        elif (nature := nature_of(one.right)) is None:
            left[one.right] += 1
        else:
            rows.append(_row(one, nature))
            because.update(_grounds(one))
    rows.sort(key=lambda one: (one.received_on, one.request_id))
    ends = add_months(dt.date.fromisoformat(period.made_at[:10]), -KEPT_MONTHS)
    return California(
        v=1,
        first=period.first.isoformat(),
        last=period.last.isoformat(),
        made_at=period.made_at,
        over=period.over,
        metrics=[_metrics(kind.nature, kind.text, rows) for kind in KINDS],
        denied_because=counted(because),
        manners=counted(Counter(one.manner or "unknown" for one in rows)),
        not_counted=counted(left),
        other_law=other,
        unknown_law=unknown,
        log_may_end=ends.isoformat(),
        log=rows,
        deleted=deleted,
    )


def _under(one: ConsumerFact) -> bool | None:
    """Tell whether California's law dates it; None: no law is known for one of its controllers."""
    if not one.calendars:
        return None
    try:
        day = dt.date.fromisoformat(one.received_at[:10])
        return any(regime_of(calendar_of(code), day).id == "california" for code in one.calendars)
    except UndatableError:
        return None


def _response(one: ConsumerFact) -> Response:
    # What ended without the controller acting is a denial: refused, not verified, or not what the right is about.
    return _RESPONSES.get(one.result, "denied")


def _row(one: ConsumerFact, nature: Nature) -> LogRow:
    response = _response(one)
    basis: list[str] = []
    if response == "denied":
        basis = [one.ground or one.result]
    elif response == "complied_in_part":
        basis = sorted({f"kept: {why}, {text}" for why, text in one.kept})
        basis += [f"not searched: {one.not_searched}"] if one.not_searched else []
    return LogRow(
        one.request_id, one.received_at[:10], nature, one.right, one.channel, one.answered_at[:10], response, basis
    )


def _grounds(one: ConsumerFact) -> set[Ground]:
    match _response(one):
        case "denied":
            return {"not_verifiable" if {one.result, one.ground} & NOT_VERIFIABLE else "other"}
        case "complied_in_part":
            return {"exempt" if one.kept else "other"}
        case _:
            return set()


def _metrics(nature: Nature, text: str, rows: Iterable[LogRow]) -> MetricRow:
    made = MetricRow(nature, text)
    took: list[int] = []
    for one in rows:
        if one.nature != nature:
            continue
        made.received += 1
        setattr(made, one.response, getattr(made, one.response) + 1)
        if one.responded_on and one.response != "withdrawn":
            took.append(days(one.received_on, one.responded_on))
    found = spread(took)
    made.responded, made.median_days = found.count, found.median
    return made
