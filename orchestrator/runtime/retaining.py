"""Retention without a request: how fast it goes, and what a sweep would find, counted and not touched (ADR 36)."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator, Mapping

import msgspec

from connectors.errors import ConnectorError
from connectors.past import PastPage, PastQuestion
from connectors.sweeping import by_subject
from orchestrator.core.plan import ExpireRule, Plan, RetainRule
from orchestrator.core.resting import objection
from orchestrator.engine.sweeps import SweepPace, periods
from orchestrator.law.periods import last_expired_anchor
from orchestrator.runtime.systems import Opener
from orchestrator.settings import Settings


def pace(settings: Settings) -> SweepPace:
    """Give the pace that the configuration asks for."""
    one = settings.retention
    return SweepPace(one.every_hours, one.rows_per_second, one.page_rows, one.page_found)


class Count(msgspec.Struct):
    """What is past in one record set. ``reason``: why it could not be looked at, a code; empty: it was.

    ``subjects``: data subjects, of each page anew; ``unclear``: records that name several.
    """

    system: str
    record_set: str
    text: str
    months: int
    up_to: str = ""
    scanned: int = 0
    past: int = 0
    subjects: int = 0
    undated: int = 0
    unclear: int = 0
    reason: str = ""


def dry_run(
    plan: Plan,
    openers: Mapping[str, Opener],
    wanted: SweepPace,
    today: dt.date,
    systems: tuple[str, ...] = (),
    rest: Callable[[float], None] = time.sleep,
) -> Iterator[Count]:
    """Count what is past in every record set, page by page; reads, and writes nothing anywhere.

    Args:
        plan: Which record sets have a period.
        openers: The connected systems.
        wanted: How fast.
        today: The day.
        systems: Only these; none: all.
        rest: Waits for so many seconds, so that no more rows a second are looked at than was said.
    """
    for system, one in periods(plan):
        rule = one.period
        if rule is None or (systems and system not in systems):
            continue
        count = Count(system, one.name, rule.text, rule.months)
        count.reason = objection(rule.text, today, plan.own_rules, rule.months) or ""
        if not count.reason:
            _look_through(count, openers[system], rule, wanted, today, rest)
        yield count


def _look_through(
    count: Count,
    opener: Opener,
    rule: RetainRule | ExpireRule,
    wanted: SweepPace,
    today: dt.date,
    rest: Callable[[float], None],
) -> None:
    up_to = last_expired_anchor(today, rule.months)
    count.up_to = up_to.isoformat()
    connector = opener()
    try:
        if not connector.sweeps:
            count.reason = "no_capability"
            return
        after, began = "", time.monotonic()
        while True:
            page = connector.past(PastQuestion(count.record_set, up_to, wanted.page_rows, wanted.page_found, after))
            _add(count, page)
            if not page.after or page.after == after:
                return
            after = page.after
            rest(max(0.0, count.scanned / wanted.rows_per_second - (time.monotonic() - began)))
    except ConnectorError as error:
        count.reason = error.code
    finally:
        connector.close()


def _add(count: Count, page: PastPage) -> None:
    count.scanned += page.scanned
    count.past += len(page.records)
    count.undated += page.undated
    for identifiers, records in by_subject(page.records):
        if identifiers is None:
            count.unclear += len(records)
        else:
            count.subjects += 1
