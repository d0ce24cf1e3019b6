"""A system's workers share one rate through a real Redis, which may be flushed or away."""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import pytest
import redis

from connectors.limits import Limiter
from connectors.pace import Rate
from tests.support import bus
from tests.support.cli import CommandLine
from tests.support.company import Company, made_up
from tests.support.services import Redis
from tests.support.working import Post, Process, connected, ending, fresh_topics

RATE = Rate(50, 1)


class Taker(threading.Thread):
    """Takes whatever is granted, as fast as it can; notes when."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.limiter = Limiter("crm", RATE, redis_url=url)
        self._ended = threading.Event()
        self.taken: list[float] = []

    def run(self) -> None:
        while not self._ended.wait(0.005):
            self.taken += [time.monotonic()] * self.limiter.grant(7, 0.5)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()


def taken(takers: Sequence[Taker], since: float, until: float) -> int:
    return sum(since <= at < until for one in takers for at in one.taken)


def test_two_workers_together_keep_to_the_rate_also_over_a_flush(redis_url: str) -> None:
    began = time.monotonic()
    with Taker(redis_url) as first, Taker(redis_url) as second:
        both = (first, second)
        bus.wait_for(lambda: all(len(one.taken) > 20 for one in both))
        with redis.Redis.from_url(redis_url) as client:
            assert list(client.scan_iter("expunge:rate*")), "they really share it"
            client.flushall()
        before = [len(one.taken) for one in both]
        bus.wait_for(lambda: all(len(one.taken) > old + 20 for one, old in zip(both, before, strict=True)))
        assert not any(one.limiter._degraded for one in both)
    took = time.monotonic() - began
    # A flush begins the count anew: at most one period's worth more, never a stop.
    assert taken(both, began, began + took) <= 50 * (took + 2)


def test_redis_that_is_killed_and_comes_back_stops_nobody(own_redis: Redis) -> None:
    with Taker(own_redis.url) as first, Taker(own_redis.url) as second:
        both = (first, second)
        bus.wait_for(lambda: all(one.taken for one in both))
        own_redis.kill()
        bus.wait_for(lambda: all(one.limiter._degraded for one in both))
        killed = time.monotonic()
        bus.wait_for(lambda: all(one.taken[-1] > killed for one in both))
        until = time.monotonic()
        own_redis.start()
        bus.wait_for(lambda: not any(one.limiter._degraded for one in both))
    assert 0 < taken(both, killed, until) <= 50 * (until - killed) + 2, "each keeps to its half"


@pytest.mark.timeout(180)
def test_two_worker_processes_are_no_faster_than_the_system_allows(tmp_path: Path, kafka: str, redis_url: str) -> None:
    fresh_topics(kafka)
    company = connected(Company.build(tmp_path / "company", 6, dt.date(2026, 3, 1)), kafka)
    file = company.home / "expunge.toml"
    text = file.read_text().replace("[systems.crm]\n", '[systems.crm]\nrate = "20/second"\n')
    file.write_text(f'{text}\n[redis]\nurl = "{redis_url}"\n')
    post = Post(company, kafka)
    workers = [Process(company.home, tmp_path / f"crm-{n}.log", "connect", "crm") for n in range(2)]
    with ending(*workers):
        bus.wait_for(lambda: len({one.worker for one in post.heartbeats()}) == 2, 60)
        names = [f"t{n}" for n in range(160)]
        for half in (0, 1):
            post.send(*(post.locate(one, made_up(1001).email) for one in names[half::2]), partition=half)
        answers = post.wait(*names, seconds=90)
        assert len(answers) == 160
        times = sorted(dt.datetime.fromisoformat(one.acted_at) for many in answers.values() for one in many)
        assert (times[-1] - times[0]).total_seconds() >= 160 / 20 - 2, "two periods' worth may come at once"
        for one in workers:
            code, out = one.end()
            assert code == 0, one.said()
            assert json.loads(out)["buried"] == 0


def test_the_embedded_runtime_keeps_to_the_rate_and_still_finishes(expunge: CommandLine) -> None:
    file = expunge.home / "expunge.toml"
    file.write_text(file.read_text().replace("[systems.crm]\n", '[systems.crm]\nrate = "1/second"\n'))
    began = time.monotonic()
    expunge.submit()
    expunge.is_done()
    assert time.monotonic() - began > 0.9, "more than one task, one a second"


def test_a_rate_that_is_none_names_the_line(expunge: CommandLine) -> None:
    file = expunge.home / "expunge.toml"
    file.write_text(file.read_text().replace("[systems.crm]\n", '[systems.crm]\nrate = "fast"\n'))
    told = expunge.error(2, "list")
    assert "rate" in told["what"]
    assert "50/second" in told["fix"]
