import datetime as dt

import pytest

from orchestrator.errors import UsageError
from orchestrator.report.numbers import counted, days, seconds, spread
from orchestrator.report.period import read
from orchestrator.report.wording import duration, margin, number

NOW = "2026-07-01T08:00:00.000Z"


@pytest.mark.parametrize(
    ("first", "last", "what", "where"),
    [
        ("2026-06-30", "2026-06-01", "the period ends before it begins", "--from 2026-06-30 --to 2026-06-01"),
        ("2026-06-01", "2026-07-02", "the period ends in the future", "--to 2026-07-02"),
        ("2026-08-01", "2026-08-31", "the period begins in the future", "--to 2026-08-31"),
        ("2026-02-30", "2026-06-01", "'2026-02-30' is no date", "--from"),
        ("20260101", "2026-06-01", "'20260101' is no date", "--from"),
        ("2026-06-01", "June", "'June' is no date", "--to"),
        ("2026-06-01", "", "'' is no date", "--to"),
    ],
)
def test_a_period_that_makes_no_sense_is_refused(first: str, last: str, what: str, where: str) -> None:
    with pytest.raises(UsageError) as refused:
        read(first, last, NOW)
    assert (refused.value.what, refused.value.where) == (what, where)
    assert refused.value.fix


def test_both_days_belong_to_it_and_no_instant_beside_them() -> None:
    period = read("2026-02-28", "2026-03-01", NOW)
    assert period.holds("2026-02-28T00:00:00.000Z")
    assert period.holds("2026-03-01T23:59:59.999Z")
    assert not period.holds("2026-02-27T23:59:59.999Z")
    assert not period.holds("2026-03-02T00:00:00.000Z")
    assert list(period.months()) == ["2026-02", "2026-03"]
    assert period.over


def test_a_period_of_today_is_not_over() -> None:
    period = read("2026-07-01", "2026-07-01", NOW)
    assert not period.over
    assert (period.first, period.last) == (dt.date(2026, 7, 1), dt.date(2026, 7, 1))


def test_months_go_over_the_end_of_a_year() -> None:
    assert list(read("2025-11-30", "2026-02-01", NOW).months()) == ["2025-11", "2025-12", "2026-01", "2026-02"]


def test_a_spread_is_counted_as_anybody_would_count_it() -> None:
    assert spread([]).median is None
    one = spread([7])
    assert (one.count, one.median, one.p95, one.slowest) == (1, 7, 7, 7)
    even = spread([4, 1, 2, 8])
    assert (even.median, even.p95, even.slowest) == (3, 8, 8)
    hundred = spread(range(1, 101))
    assert (hundred.median, hundred.p95, hundred.slowest) == (50, 95, 100)
    least = spread(range(1, 101), least=True)
    assert (least.median, least.p95, least.slowest) == (50, 6, 1)


def test_lengths_of_time() -> None:
    assert seconds("2026-01-01T00:00:00.000Z", "2026-01-02T00:00:01.999Z") == 86_401
    assert days("2026-03-31T23:00:00.000Z", "2026-04-30") == 30
    assert days("2026-05-01T00:00:00.000Z", "2026-04-30") == -1
    assert [(one.what, one.count) for one in counted({"b": 1, "a": 1, "c": 3})] == [("c", 3), ("a", 1), ("b", 1)]


@pytest.mark.parametrize(
    ("length", "said"),
    [(None, "-"), (0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (3_600, "1 h"), (90_061, "1 d 1 h"), (864_000, "10 d")],
)
def test_lengths_of_time_in_words(length: int | None, said: str) -> None:
    assert duration(length) == said


def test_what_was_late_says_so_without_a_colour() -> None:
    assert [margin(one) for one in (None, -3, 0, 1200)] == ["-", "3 d late", "0 d", "1\u202f200 d"]
    assert number(None) == "-"
