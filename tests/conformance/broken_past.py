"""Connectors that break one promise each about what is past its period; see ``test_broken_connectors``."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

import msgspec

from connectors.contract import SetReport
from connectors.past import PastPage, PastQuestion
from connectors.testing.fake import FakeConnector, FakeSet
from connectors.testing.fake_store import Row
from connectors.testing.people import OTHER
from schemas.tasks import Instruction, Link
from tests.conformance.registry import caught_by


@caught_by("past_is_what_an_erasure_would_erase", "past_counts_the_day_itself")
class CountsTheDayAfter(FakeConnector):
    def _is_past(self, anchor: dt.date, up_to: dt.date) -> bool:
        return anchor < up_to


@caught_by("past_counts_the_day_itself", "past_is_what_an_erasure_would_erase")
class FindsADayTooEarly(FakeConnector):
    def _is_past(self, anchor: dt.date, up_to: dt.date) -> bool:
        return anchor <= up_to + dt.timedelta(days=1)


@caught_by("past_pages_leave_nothing_out")
class SkipsARecordBetweenPages(FakeConnector):
    def past(self, question: PastQuestion) -> PastPage:
        page = super().past(question)
        keys = sorted(self._system.rows[question.record_set])
        if not page.after:
            return page
        following = [key for key in keys if key > page.after]
        return msgspec.structs.replace(page, after=following[0] if following[1:] else "")


@caught_by("past_records_lead_to_their_person", "a_swept_person_is_erased_by_what_was_found")
class SaysThatItIsSomebodyElses(FakeConnector):
    def _named(self, one: FakeSet, row: Row) -> tuple[Link, ...]:
        named = super()._named(one, row)
        return tuple(Link(each.kind, OTHER.customer_id, each.strength) for each in named)


@caught_by("what_is_not_over_stays_as_it_is")
class MasksWhatNobodyAskedFor(FakeConnector):
    def _to_do(self, instruction: Instruction, report: SetReport) -> SetReport:
        return report if instruction.only_over else super()._to_do(instruction, report)


@caught_by("past_changes_nothing")
class MarksWhatItLookedAt(FakeConnector):
    def past(self, question: PastQuestion) -> PastPage:
        for row in self._system.rows[question.record_set].values():
            row.cells["swept"] = True
        return super().past(question)


@caught_by("past_never_shows_the_canary")
class LogsWhomItFound(FakeConnector):
    def past(self, question: PastQuestion) -> PastPage:
        page = super().past(question)
        for one in page.records:
            logging.getLogger("sweeper").warning("past: %s", [link.value for link in one.identifiers])
        return page


@caught_by(
    "a_swept_person_is_erased_by_what_was_found",
    "past_counts_the_day_itself",
    "past_is_what_an_erasure_would_erase",
)
class LosesTheKeysItGave(FakeConnector):
    """Keys that nothing knows any more: the search is by what the record names alone, and the record is not there."""

    def past(self, question: PastQuestion) -> PastPage:
        page = super().past(question)
        nobody: Any = tuple(msgspec.structs.replace(one, identifiers=()) for one in page.records)
        return msgspec.structs.replace(page, records=tuple(_renamed(one) for one in nobody))


def _renamed(one: Any) -> Any:
    return msgspec.structs.replace(one, key=f"lost-{one.key}")
