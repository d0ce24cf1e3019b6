"""I10: Redis may be flushed, cut off, restored from an old file or killed at any moment: nothing wrong is said."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis

from connectors.testing.canary import find_canaries
from connectors.testing.people import SUBJECT, person
from orchestrator.cache import suppression as module
from orchestrator.cache.connection import connect
from orchestrator.cache.suppression import KEY, SuppressionCache
from orchestrator.engine import suppressing
from orchestrator.engine.suppressing import Question, digest
from orchestrator.errors import DependencyError
from orchestrator.runtime.suppression import Suppression
from orchestrator.settings import RedisSettings
from orchestrator.store import suppressions as stored
from tests.support.rig import Rig


@pytest.fixture
def service(rig: Rig, cache: SuppressionCache) -> Suppression:
    return Suppression(rig.store, cache, rig.clock, rig.chance)


def mail(number: int) -> str:
    """Of somebody whom no system holds: nothing is found, and what comes late is suppressed all the same."""
    return person(100 + number).email


def erase(rig: Rig, number: int) -> None:
    rig.submit(f"r{number}", email=mail(number))
    rig.pump()


def ask(service: Suppression, rig: Rig, email: str, **more: str) -> str:
    (answer,) = service.answer([Question(digest(rig.keys.subject, "email", email), **more)])
    return answer


class Broken:
    """A store that is away."""

    def read(self) -> object:
        raise DependencyError("the store is away")

    write = read


def away(rig: Rig, cache: SuppressionCache | None) -> Suppression:
    return Suppression(Broken(), cache, rig.clock, rig.chance)  # type: ignore[arg-type]


def test_a_completed_erasure_is_answered_by_the_cache_alone(
    rig: Rig, service: Suppression, cache: SuppressionCache
) -> None:
    erase(rig, 1)
    assert service.rebuild() == 1
    alone = away(rig, cache)
    assert ask(alone, rig, mail(1)) == "erased"
    assert ask(alone, rig, mail(2)) == "not_erased"


def test_i10_an_empty_cache_never_reads_as_not_erased(rig: Rig, service: Suppression, redis: Redis) -> None:
    erase(rig, 1)
    assert ask(service, rig, mail(1)) == "erased"  # by the store
    service.rebuild()
    redis.flushdb()
    assert ask(service, rig, mail(1)) == "erased"
    alone = away(rig, SuppressionCache(redis))
    assert ask(alone, rig, mail(1)) == "unknown"
    assert ask(alone, rig, mail(2)) == "unknown"
    assert not service.feed()  # feeding does not make it complete again
    assert ask(alone, rig, mail(2)) == "unknown"


def test_i10_flushed_in_the_middle_of_a_rebuild(
    rig: Rig, service: Suppression, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "PAGE", 2)
    for number in range(1, 8):
        erase(rig, number)
    flushes: list[int] = []

    def progress(count: int) -> None:
        if count >= 4 and not flushes:
            flushes.append(count)
            redis.flushdb()

    assert service.rebuild(progress) == 7
    assert flushes
    assert service.check() == {"stored": 7, "missing": 0, "different": 0}
    assert all(ask(away(rig, SuppressionCache(redis)), rig, mail(one)) == "erased" for one in range(1, 8))
    assert redis.keys("*") == [KEY.encode()]


def test_i10_flushed_at_every_rebuild_it_gives_up_and_says_so(rig: Rig, service: Suppression, redis: Redis) -> None:
    erase(rig, 1)

    def progress(_: int) -> None:
        redis.flushdb()

    with pytest.raises(DependencyError, match="flushed while"):
        service.rebuild(progress)
    assert ask(away(rig, SuppressionCache(redis)), rig, mail(1)) == "unknown"
    assert ask(service, rig, mail(1)) == "erased"


def test_what_completes_while_a_rebuild_runs_is_in_it(
    rig: Rig, service: Suppression, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "PAGE", 1)
    erase(rig, 1)
    erase(rig, 2)
    late: list[int] = []

    def progress(count: int) -> None:
        if not late:
            late.append(3)
            erase(rig, 3)

    service.rebuild(progress)
    assert service.check() == {"stored": 3, "missing": 0, "different": 0}
    assert ask(away(rig, SuppressionCache(redis)), rig, mail(3)) == "erased"


def test_two_rebuilds_and_a_feeder_at_once_end_complete(rig: Rig, service: Suppression, redis: Redis) -> None:
    for number in range(1, 6):
        erase(rig, number)
    service.rebuild()
    faults: list[BaseException] = []

    def work(job: Callable[[], object]) -> None:
        try:
            for _ in range(5):
                job()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test has to see it
            faults.append(error)

    others = [Suppression(rig.store, SuppressionCache(redis), rig.clock, rig.chance) for _ in range(3)]
    threads = [
        threading.Thread(target=work, args=(job,)) for job in (others[0].rebuild, others[1].rebuild, others[2].feed)
    ]
    for one in threads:
        one.start()
    for number in range(6, 12):
        erase(rig, number)
    for one in threads:
        one.join()
    assert faults == []
    if not service.feed():
        service.rebuild()
    assert service.check() == {"stored": 11, "missing": 0, "different": 0}


def test_a_feed_brings_what_completed_since(rig: Rig, service: Suppression, cache: SuppressionCache) -> None:
    service.rebuild()
    erase(rig, 1)
    assert service.check() == {"stored": 1, "missing": 0, "different": 0}  # what waits for the next feed is not missing
    assert service.feed()
    assert ask(away(rig, cache), rig, mail(1)) == "erased"
    erase(rig, 2)
    assert service.feed()
    assert service.feed()
    assert service.check() == {"stored": 2, "missing": 0, "different": 0}


def test_i10_a_cache_restored_from_an_older_file_is_never_complete_again(
    rig: Rig, service: Suppression, cache: SuppressionCache, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.rebuild()
    old = redis.dump(KEY)
    assert old is not None
    erase(rig, 1)
    assert service.feed()
    redis.restore(KEY, 0, old, replace=True)
    assert not service.feed()
    monkeypatch.setattr(module, "FRESH", 0.0)  # the time that its last marker was good for is over
    assert ask(away(rig, cache), rig, mail(1)) == "unknown"
    service.rebuild()
    monkeypatch.undo()
    assert ask(away(rig, cache), rig, mail(1)) == "erased"


def test_i10_a_feed_whose_store_rolled_back_leaves_no_marker_that_anybody_trusts(
    rig: Rig, service: Suppression, cache: SuppressionCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.rebuild()
    erase(rig, 1)

    def killed(*_: object, **__: object) -> bool:
        SuppressionCache.feed(cache, *_, **__)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cache, "feed", killed)
        with pytest.raises(KeyboardInterrupt):
            service.feed()
    assert not service.feed()
    service.rebuild()
    assert service.feed()
    assert service.check() == {"stored": 1, "missing": 0, "different": 0}


def test_an_old_marker_counts_no_more(
    rig: Rig, service: Suppression, cache: SuppressionCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    erase(rig, 1)
    service.rebuild()
    monkeypatch.setattr(module, "FRESH", 0.05)
    time.sleep(0.06)
    alone = away(rig, cache)
    assert ask(alone, rig, mail(1)) == "erased"  # an old cache may still say yes
    assert ask(alone, rig, mail(2)) == "unknown"
    service.feed()
    assert ask(alone, rig, mail(2)) == "not_erased"


def test_a_hash_that_somebody_else_writes_to_is_not_believed(
    rig: Rig, service: Suppression, cache: SuppressionCache, redis: Redis
) -> None:
    service.rebuild()
    redis.hset(KEY, digest(rig.keys.subject, "email", mail(1)), b"not json")
    assert ask(away(rig, cache), rig, mail(1)) == "unknown"
    assert ask(service, rig, mail(1)) == "not_erased"


def test_while_redis_is_away_the_store_answers_and_then_the_cache_is_made_anew(
    rig: Rig, line: object, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.unit.cache.conftest import Line

    assert isinstance(line, Line)
    monkeypatch.setattr("orchestrator.runtime.suppression.FEED_SECONDS", 0.05)
    client = connect(RedisSettings(url=line.url, timeout_ms=300))
    service = Suppression(rig.store, SuppressionCache(client), rig.clock, rig.chance)
    erase(rig, 1)
    stop = threading.Event()
    feeder = threading.Thread(target=service.run, args=(stop,))
    feeder.start()
    try:
        _until(lambda: SuppressionCache(redis).marker().complete)
        line.cut()
        redis.flushdb()
        erase(rig, 2)
        assert [ask(service, rig, mail(one)) for one in (1, 2, 3)] == ["erased", "erased", "not_erased"]
        line.mend()
        _until(lambda: SuppressionCache(redis).marker().complete)
        alone = away(rig, SuppressionCache(redis))
        assert [ask(alone, rig, mail(one)) for one in (1, 2, 3)] == ["erased", "erased", "not_erased"]
    finally:
        stop.set()
        feeder.join()
        client.close()


def _until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_without_redis_the_store_answers(rig: Rig) -> None:
    erase(rig, 1)
    service = Suppression(rig.store, None, rig.clock, rig.chance)
    assert ask(service, rig, mail(1)) == "erased"
    assert ask(away(rig, None), rig, mail(1)) == "unknown"


def test_when_its_time_is_over_nothing_is_left_in_store_and_cache(
    rig: Rig, service: Suppression, cache: SuppressionCache, redis: Redis
) -> None:
    erase(rig, 1)
    service.rebuild()
    rig.clock.move(days=29)
    rig.pump()
    assert ask(service, rig, mail(1)) == "erased"
    rig.clock.move(days=1)
    assert ask(service, rig, mail(1)) == "not_erased"  # though the entry is still there
    rig.pump()
    assert rig.rows("suppressions") == []
    assert rig.state("r1").forgotten
    assert cache.size() == 1
    assert cache.prune(rig.clock.now().date().isoformat()) == 1
    assert cache.size() == 0


def test_i04_redis_holds_no_identifier_in_any_form(rig: Rig, service: Suppression, redis: Redis) -> None:
    erase(rig, 1)
    rig.submit("r0", email=SUBJECT.email, phone=SUBJECT.phone, customer_id=SUBJECT.customer_id)
    rig.pump()
    service.rebuild()
    service.feed()
    held = _everything(redis)
    assert redis.hlen(KEY) > 3
    assert find_canaries(held, [*SUBJECT.values(), *person(101).values()]) == []
    # Nor by the digest that requests of one person are matched by: the two tables cannot be joined.
    refs = [row[0] for row in rig.rows("subjects")]
    assert not any(isinstance(one, bytes) and one in held for one in refs)


def _everything(redis: Any) -> bytes:
    """All keys, fields and values, and the form in which the server writes them to its file."""
    keys = redis.keys("*")
    fields = [part for key in keys for pair in redis.hgetall(key).items() for part in pair]
    return b"\0".join([*keys, *fields, *(redis.dump(key) for key in keys)])


def test_the_digest_is_keyed() -> None:
    assert digest(b"k" * 32, "email", "a@b.example") != digest(b"l" * 32, "email", "a@b.example")
    assert suppressing.digest(b"k" * 32, "email", "x") != suppressing.digest(b"k" * 32, "username", "x")
