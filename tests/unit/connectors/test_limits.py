"""Rates: what is granted, who falls back on what, and that nobody waits for ever."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.errors import MisconfiguredError
from connectors.limits import Limiter
from connectors.pace import Bucket, Rate


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Ear:
    """Hears what is signalled."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.counted: list[str] = []

    def log(self, event: str, /, **fields: Any) -> None:
        self.said.append(event)

    def count(self, name: str, amount: float = 1, /, **labels: str) -> None:
        assert labels == {"system": "crm"}
        self.counted.append(name)

    def observe(self, *_: Any, **__: Any) -> None: ...

    def gauge(self, *_: Any, **__: Any) -> None: ...

    def alive(self) -> None: ...

    def ready(self, *_: Any) -> None: ...


@pytest.mark.parametrize(
    ("text", "rate"), [("50/second", Rate(50, 1)), ("1/minute", Rate(1, 60)), ("1000/hour", Rate(1000, 3600))]
)
def test_a_rate_is_read(text: str, rate: Rate) -> None:
    assert Rate.read(text) == rate


@pytest.mark.parametrize(
    "text", ["", "0/second", "-1/second", "50", "50/day", "50/seconds", "5e3/second", "50/second\n"]
)
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(MisconfiguredError):
        Rate.read(text)


def test_a_bucket_gives_no_more_than_the_rate_over_any_time() -> None:
    clock = Clock()
    bucket = Bucket(Rate(10, 1), clock)
    assert bucket.grant(100) == 10
    assert bucket.grant(100) == 0
    given = 0
    for _ in range(200):
        clock.now += 0.05
        given += bucket.grant(3)
    assert given == pytest.approx(100, abs=1)
    assert bucket.grant(0) == 0


def test_shares_make_the_whole_and_the_smallest_still_gets_something() -> None:
    clock = Clock()
    buckets = [(Bucket(Rate(6, 1), clock), share) for share in (1 / 2, 1 / 3, 1 / 6)]
    given = [0, 0, 0]
    for _ in range(1000):
        clock.now += 0.01
        for place, (bucket, share) in enumerate(buckets):
            given[place] += bucket.grant(100, share)
    assert sum(given) <= 60 + 3
    assert given == [pytest.approx(30, abs=1.5), pytest.approx(20, abs=1.5), pytest.approx(10, abs=1.5)]
    slow = Bucket(Rate(1, 1), clock)
    slow.grant(1, 1 / 6)
    clock.now += 5.9
    assert slow.grant(5, 1 / 6) == 0
    clock.now += 0.2
    assert slow.grant(5, 1 / 6) == 1
    assert slow.grant(5, 0.0) == 0, "who holds no partition has no share"


def test_what_was_not_used_is_given_back() -> None:
    bucket = Bucket(Rate(10, 1), Clock())
    assert bucket.grant(10) == 10
    bucket.give_back(4)
    assert bucket.grant(10) == 4


def test_without_redis_each_worker_keeps_to_its_share_and_nothing_is_degraded() -> None:
    ear = Ear()
    one = Limiter("crm", Rate(10, 1), signals=ear, monotonic=Clock())
    assert one.grant(100, 1.0) == 10
    assert (ear.said, ear.counted) == ([], [])


def test_redis_away_falls_back_to_the_share_says_so_once_and_counts_each_time() -> None:
    clock, ear = Clock(), Ear()
    one = Limiter("crm", Rate(10, 1), redis_url="redis://127.0.0.1:1/0", signals=ear, monotonic=clock)
    given = 0
    for _ in range(100):
        clock.now += 0.1
        given += one.grant(100, 0.5)
    assert given == pytest.approx(50, abs=2)
    assert ear.said == ["rate.degraded"]
    assert set(ear.counted) == {"expunge_rate_degraded_total"}
    assert len(ear.counted) == 100


class Full:
    """A shared count that gives nothing, whatever happens: a key without an end, say."""

    def get_window_stats(self, *_: Any) -> Any:
        return type("Stats", (), {"remaining": 0})

    def hit(self, *_: Any, **__: Any) -> bool:
        raise AssertionError("nothing is left to take")


def test_a_shared_count_that_gives_nothing_for_long_is_not_believed() -> None:
    clock, ear = Clock(), Ear()
    one = Limiter("crm", Rate(10, 1), signals=ear, monotonic=clock)
    one._strategy = Full()  # type: ignore[assignment]
    given = []
    for _ in range(300):
        clock.now += 0.1
        given.append(one.grant(5, 1.0))
    assert sum(given[:99]) == 0
    assert sum(given) > 0
    assert "rate.degraded" in ear.said


def test_a_url_that_is_none_shows_nothing_of_it() -> None:
    with pytest.raises(MisconfiguredError) as caught:
        Limiter("crm", Rate(1, 1), redis_url="nothing://canary-password@host")
    assert "canary" not in str(caught.value)
