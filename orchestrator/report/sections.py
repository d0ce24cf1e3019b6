"""The figures of a period as a document: its sections, in their order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from orchestrator.report.charts import charts
from orchestrator.report.computing import ALL, SLOWEST
from orchestrator.report.document import Document, Section
from orchestrator.report.figures import ReceivedRow, Report, Spread
from orchestrator.report.wording import (
    CAUGHT,
    LOOKED,
    OWED,
    code,
    day,
    duration,
    kept,
    many,
    margin,
    minute,
    missing,
    month,
    number,
    system,
    text,
)

SHOWN: Final = 25
"""Rows of a list of requests that people read; JSON and CSV have all of them."""


TITLE: Final = "Requests of data subjects"
EMPTY: Final = "Nothing was received and nothing was completed in this period."


def period_words(report: Report) -> str:
    """Say which period it is, and whether it is over."""
    days = f"{day(report.first)} to {day(report.last)}"
    return f"{days}; made on {minute(report.made_at)}" + ("" if report.over else ", so the last day is not over")


def document(report: Report) -> Document:
    """Give the report as people read it."""
    return Document(
        TITLE,
        period_words(report),
        sections(report),
        glance(report),
        _warning(report),
        charts(report),
        about=NOTES,
    )


def _warning(report: Report) -> str:
    return " ".join(one for one in (EMPTY if report.empty else "", missing(report.deleted)) if one)


def glance(report: Report) -> list[tuple[str, str]]:
    """Give what a reader wants to know first: (figure, what it is)."""
    every = next((one for one in report.times if one.right == ALL), None)
    return [
        (number(report.received_total), "requests received"),
        (number(report.completed_total), "requests completed"),
        (number(every.late if every else 0), "completed after their last day"),
        (duration(every.answer.median if every else None), "median time to the answer"),
        (number(report.open), f"open {_at_the_end(report)}"),
        (number(len(report.overdue)), "of them past their last day"),
        (number(sum(one.count for one in report.caught)), "answers not believed"),
        (number(sum(one.count for one in report.returned.came_back)), "erased persons whose data came back"),
    ]


def sections(report: Report) -> list[Section]:
    """Give all of them, in their order."""
    return [
        *_received(report),
        *_times(report),
        _late(report),
        _extended(report),
        _outcomes(report),
        _kept(report),
        _owed(report),
        _systems(report),
        _recipients(report),
        _caught(report),
        _returned(report),
    ]


NOTES: Final = (
    "Days and times are in UTC.",
    "A request that names several controllers counts once for each in the first table, and once everywhere else.",
    "A request is completed when its first completion record is signed, answered when the person is told the result.",
    "What the controller's own sweeps found, and nobody asked for, is in no figure about times.",
    "Median: the middle value, or the mean of the middle two. 95 %: 95 of 100 were no worse (nearest rank).",
    "Verified: a second look, on a fresh connection, showed it. Attested: somebody says so, and nobody could look.",
    "This report has no name, no identifier and no value of any person. The id of a request is random.",
)
"""How it was counted."""


def _numbers(*values: int) -> tuple[str, ...]:
    return tuple(number(one) for one in values)


def _at_the_end(report: Report) -> str:
    return "at the end of the period" if report.over else "now"


def _received(report: Report) -> Iterator[Section]:
    results = sorted({one.result for one in report.received})
    by: dict[tuple[str, str], list[ReceivedRow]] = defaultdict(list)
    for one in report.received:
        by[one.right, one.controller].append(one)
    rows = []
    for key, found in sorted(by.items()):
        counts = {one.result: one.count for one in found}
        cells = [number(counts.get(one, 0)) for one in results]
        rows.append((code(key[0]), key[1], number(sum(counts.values())), *cells))
    unasked = many(report.unasked, "more was found by sweeps", "more were found by sweeps")
    yield Section(
        "Requests received",
        "By right, controller and result so far; open: there is no result yet.",
        ("right", "controller", "received", *(code(one) for one in results)),
        rows,
        2,
        f"{unasked}: data past its period, which nobody asked about." if report.unasked else "",
    )
    yield Section(
        "Month by month",
        "",
        ("month", "received", "completed"),
        [(month(one.month), number(one.received), number(one.completed)) for one in report.months],
        chart="months",
    )


def _spread(one: Spread) -> tuple[str, str, str]:
    return duration(one.median), duration(one.p95), duration(one.slowest)


def _times(report: Report) -> Iterator[Section]:
    columns = ("right", "requests", "median", "95 %", "slowest")
    yield Section(
        "Time to the answer",
        "Of the requests completed in the period, from receipt until the person was told.",
        columns,
        [(code(one.right), number(one.answer.count), *_spread(one.answer)) for one in report.times],
    )
    yield Section(
        "Time to completion",
        "From receipt until the completion record was signed.",
        columns,
        [(code(one.right), number(one.complete.count), *_spread(one.complete)) for one in report.times],
    )
    yield Section(
        "Days to spare",
        "From the day of completion to the last day for the answer, as the calendar of the controller has it.",
        ("right", "requests", "median", "95 %", "least", "late"),
        [
            (
                code(one.right),
                number(one.margin.count),
                *map(margin, (one.margin.median, one.margin.p95, one.margin.slowest)),
                number(one.late),
            )
            for one in report.times
        ],
        chart="margins",
    )
    yield Section(
        "The slowest",
        f"The {SLOWEST} that took longest.",
        ("request", "right", "took", "to spare"),
        [(one.request_id, code(one.right), duration(one.seconds), margin(one.margin)) for one in report.slowest],
        2,
    )


def _late(report: Report) -> Section:
    more = len(report.overdue) - SHOWN
    return Section(
        "Past the last day, and not completed",
        f"As it was {_at_the_end(report)}.",
        ("request", "right", "last day"),
        [(one.request_id, code(one.right), day(one.due_on)) for one in report.overdue[:SHOWN]],
        3,
        f"And {number(more)} more; the JSON and CSV forms have all." if more > 0 else "",
    )


def _extended(report: Report) -> Section:
    rows = [("extended", code(one.what), number(one.count)) for one in report.extensions]
    rows += [("refused", code(one.what), number(one.count)) for one in report.refusals]
    paused = many(report.paused_requests, "completed request")
    return Section(
        "Extensions and refusals",
        "Extended: the person was told in the period that the answer takes longer, and why (Art. 12(3)). "
        "Refused: the controller did not act, on this ground (Art. 12(4)).",
        ("what", "reason or ground", "requests"),
        rows,
        2,
        f"{paused} had waited for the person, {many(report.paused_days, 'day')} in all."
        if report.paused_requests
        else "",
    )


def _outcomes(report: Report) -> Section:
    lines = report.verified + report.attested
    share = f" ({100 * report.verified // lines} %)" if lines else ""
    return Section(
        "What was done, and how sure that is",
        f"{many(lines, 'line')} of the completion records of the period: {number(report.verified)} verified{share}, "
        f"{number(report.attested)} attested. Data records by system:",
        ("system", "erased", "anonymised", "kept", "copied", "lines verified", "lines attested"),
        [
            (
                system(one.system),
                *_numbers(one.erased, one.anonymised, one.kept, one.copied, one.verified, one.attested),
            )
            for one in report.systems
        ],
    )


def _kept(report: Report) -> Section:
    return Section(
        "What is kept, on which text, until when",
        "By the last word of the completion records of the period.",
        ("text", "why", "requests", "data records", "first ends", "last ends", "review only"),
        [
            (
                text(one.text),
                kept(one.why),
                *_numbers(one.requests, one.records),
                day(one.first),
                day(one.last),
                number(one.undated),
            )
            for one in report.kept
        ],
        2,
    )


def _owed(report: Report) -> Section:
    return Section(
        "What is still owed",
        "When this report was made, of all requests, whenever they came.",
        ("what", "text", "how many", "next", "last"),
        [
            (
                code(one.kind, OWED),
                text(one.text) if one.text else "-",
                number(one.count),
                day(one.first),
                day(one.last),
            )
            for one in report.owed
        ],
        2,
    )


def _systems(report: Report) -> Section:
    rows = [
        (
            system(one.system),
            one.owner or "not connected any more",
            number(one.backlog),
            day(one.backlog_since),
            day(one.last_answer) if one.last_answer else "never",
            number(one.caught),
        )
        for one in report.systems
    ]
    return Section(
        "Systems",
        "Backlog and last answer are of when this report was made.",
        ("system", "owner", "open tasks", "oldest request", "last answer", "answers not believed"),
        rows,
        2,
    )


def _recipients(report: Report) -> Section:
    return Section(
        "Processors and recipients",
        "In the completion records of the period. Never verified: it is their word, or that of whoever told them.",
        ("who", "role", "say it is done", "keep something", "were told", "neither asked nor told"),
        [
            (one.recipient, code(one.role), *_numbers(one.done, one.keeps, one.told, one.not_told))
            for one in report.recipients
        ],
        2,
    )


def _caught(report: Report) -> Section:
    rows = [
        (system(one.system), code(one.kind, CAUGHT), number(one.count), number(one.requests)) for one in report.caught
    ]
    unread = many(sum(one.count for one in report.unread), "event")
    return Section(
        "False completions caught",
        "Answers that nothing was completed by: what was said was not so.",
        ("system", "what it was", "answers", "requests"),
        rows,
        2,
        f"{unread} could not be applied, and are in the list of dead letters." if report.unread else "",
    )


def _returned(report: Report) -> Section:
    back = {one.what: one.count for one in report.returned.came_back}
    return Section(
        "What came back",
        "Closed erasures that were looked at again, and those where data was there again.",
        ("why", "looked at again", "came back"),
        [(code(one.what, LOOKED), number(one.count), number(back.get(one.what, 0))) for one in report.returned.looked],
        1,
        f"{many(report.returned.records, 'data record')} went again." if report.returned.came_back else "",
    )
