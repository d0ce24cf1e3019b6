"""Several orchestrators at one PostgreSQL: what one decides on, no other one changes meanwhile.

Each test holds one engine at the worst moment (everything is read, nothing is written) and lets another one run into
it. Without the lock that it is about, each of them fails.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.testing.people import SUBJECT, person
from orchestrator.core.model import Phase
from orchestrator.engine import Engine
from orchestrator.engine.batch import Batch
from orchestrator.ports import Position
from orchestrator.runtime.clock import chance
from orchestrator.store.migrate import migrate
from orchestrator.store.postgres import PostgresStore, open_postgres
from orchestrator.store.store import SqlStore
from schemas.requests import Right
from tests.support.events import request_event
from tests.support.rig import Rig, Templates

PEOPLE = tuple(person(number) for number in range(10, 14))
BLOCKED = 0.4
"""Seconds after which a thread that has not come back is taken for one that waits."""


class Many(Rig):
    """A rig whose store is a database of PostgreSQL."""

    def __init__(self, home: Path, templates: Templates, url: str) -> None:
        self.url = sa.make_url(url)
        engine = open_postgres(self.url)
        migrate(engine)
        engine.dispose()
        super().__init__(home, templates)
        self.chance = chance  # type: ignore[assignment] # a counter is not for threads
        self.store.close()
        self.reopen()
        self.others: list[SqlStore] = []

    def open_store(self) -> SqlStore:
        return PostgresStore(open_postgres(self.url), "test.db")

    def another(self) -> Engine:
        store = self.open_store()
        self.others.append(store)
        return Engine(store, self.keys, self.clock, self.chance, self.plan)

    def event(self, request_id: str, right: Right = Right.ERASURE, **identifiers: Any) -> bytes:
        given = identifiers or {"email": SUBJECT.email}
        return request_event(self.keys.intake.public(), self.clock, self.chance, request_id, right, **given)

    def close(self) -> None:
        for one in (self.store, *self.others):
            one.close()


@pytest.fixture
def rig(tmp_path: Path, templates: Templates, postgres: str) -> Iterator[Many]:
    made = Many(tmp_path, templates, postgres)
    yield made
    made.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(6) as made:
        yield made


@pytest.fixture
def hold(monkeypatch: pytest.MonkeyPatch, pool: ThreadPoolExecutor) -> Callable[[Callable[[], Any]], Held]:
    """Start something on a thread and hold it before its batch writes, until it is let go."""
    real = Batch.flush
    held: dict[int, Held] = {}

    def flush(self: Batch) -> None:
        mine = held.pop(threading.get_ident(), None)
        if mine is not None:
            mine.reached.set()
            assert mine.go.wait(20)
        real(self)

    monkeypatch.setattr(Batch, "flush", flush)

    def start(work: Callable[[], Any]) -> Held:
        one = Held()

        def run() -> Any:
            held[threading.get_ident()] = one
            return work()

        one.future = pool.submit(run)
        assert one.reached.wait(20)
        return one

    return start


class Held:
    """Something that stands before its writes."""

    future: Future[Any]

    def __init__(self) -> None:
        self.reached, self.go = threading.Event(), threading.Event()

    def done(self) -> Any:
        self.go.set()
        return self.future.result(20)


def meanwhile(pool: ThreadPoolExecutor, held: Held, work: Callable[[], Any]) -> tuple[Any, Any]:
    """Let something else run into what is held; gives what both returned."""
    other = pool.submit(work)
    time.sleep(BLOCKED)
    return held.done(), other.result(20)


def test_the_same_event_at_two_orchestrators_counts_once(rig: Many, pool: ThreadPoolExecutor, hold: Any) -> None:
    event, other = rig.event("r1"), rig.another()
    at = Position("requests", 0, 1, "t")
    first = hold(lambda: rig.engine.receive([event], [at], group="g"))
    counted = meanwhile(pool, first, lambda: other.receive([event], [at], group="g"))
    assert sorted(counted) == [0, 1]
    assert len(rig.history("r1")) == 1
    assert rig.dead() == []


def test_two_requests_under_one_id_of_different_people_are_not_mixed_up(
    rig: Many, pool: ThreadPoolExecutor, hold: Any
) -> None:
    mine = rig.event("r1")
    theirs = rig.event("r1", event_id="e2", email=PEOPLE[1].email)
    other = rig.another()
    first = hold(lambda: rig.engine.receive([mine]))
    assert sorted(meanwhile(pool, first, lambda: other.receive([theirs]))) == [0, 1]
    assert rig.dead() == [("r1", "RequestIdTaken")]
    assert rig.engine.audit() == []


def test_an_erasure_sees_the_access_of_the_same_person_that_is_just_being_taken_in(
    rig: Many, pool: ThreadPoolExecutor, hold: Any
) -> None:
    other = rig.another()
    access = hold(lambda: rig.engine.receive([rig.event("copy", Right.ACCESS)]))
    meanwhile(pool, access, lambda: other.receive([rig.event("erase")]))
    assert rig.state("erase").waits_for == ("copy",)


def test_an_access_cannot_close_unseen_while_an_erasure_begins_to_wait_for_it(
    rig: Many, pool: ThreadPoolExecutor, hold: Any
) -> None:
    rig.engine.receive([rig.event("copy", Right.ACCESS)])
    answers = [one for name in rig.systems for one in rig.execute(name, rig.engine.next_tasks(name))]
    rig.engine.receive(answers[:1])
    other = rig.another()
    erasure = hold(lambda: rig.engine.receive([rig.event("erase")]))
    meanwhile(pool, erasure, lambda: other.receive(answers[1:]))
    assert rig.state("copy").phase is Phase.CLOSED
    rig.engine.apply_waiting()
    assert rig.state("erase").waits_for == (), "told that it need not wait any more"


def test_i03_answers_of_two_systems_at_two_orchestrators_are_both_kept(
    rig: Many, pool: ThreadPoolExecutor, hold: Any
) -> None:
    rig.engine.receive([rig.event("r1")])
    crm, hr = (rig.execute(name, rig.engine.next_tasks(name)) for name in ("crm", "hr"))
    other = rig.another()
    first = hold(lambda: rig.engine.receive(crm))
    assert meanwhile(pool, first, lambda: other.receive(hr)) == (1, 1)
    assert all(one.answered for one in rig.state("r1").systems.values())
    assert rig.engine.audit() == []


def test_i03_one_answer_at_two_orchestrators_counts_once(rig: Many, pool: ThreadPoolExecutor, hold: Any) -> None:
    rig.engine.receive([rig.event("r1")])
    answer = rig.execute("crm", rig.engine.next_tasks("crm"))
    other = rig.another()
    first = hold(lambda: rig.engine.receive(answer))
    assert meanwhile(pool, first, lambda: other.receive(answer)) == (1, 0)
    assert rig.dead() == []
    assert rig.engine.audit() == []


def test_a_timer_fires_once_whoever_looks(rig: Many, pool: ThreadPoolExecutor, hold: Any) -> None:
    rig.engine.receive([rig.event("r1"), rig.event("r2", email=PEOPLE[1].email)])
    rig.clock.move(days=2)
    other = rig.another()
    first = hold(rig.engine.fire_timers)
    assert pool.submit(other.fire_timers).result(5) == 0, "what another one has is left out, and nobody waits for it"
    assert first.done() > 0
    assert rig.engine.audit() == []


def test_what_waits_is_begun_by_one_and_nobody_waits_for_that(rig: Many, pool: ThreadPoolExecutor, hold: Any) -> None:
    rig.submit("r1", email=SUBJECT.email)
    other = rig.another()
    first = hold(rig.engine.apply_waiting)
    started = time.monotonic()
    assert pool.submit(other.apply_waiting).result(20) == 0
    assert time.monotonic() - started < 5
    assert first.done() == 1
    assert len(rig.history("r1")) == 1


def test_two_relays_stay_within_one_window(rig: Many, pool: ThreadPoolExecutor) -> None:
    rig.engine.receive([rig.event(f"r{number}") for number in range(12)])
    engines = [rig.engine, rig.another(), rig.another()]
    found: list[str] = []
    for _ in range(10):
        released = list(pool.map(lambda one: one.release("crm", 8, 3), engines))
        found += [one.task_id for some in released for one in some]
    assert len(found) == len(set(found)) == 8


def test_a_package_has_one_key_whoever_asks_first(rig: Many, pool: ThreadPoolExecutor) -> None:
    rig.seed(SUBJECT)
    rig.engine.receive([rig.event("copy", Right.ACCESS)])
    engines = [rig.engine, rig.another(), rig.another()]
    for _ in range(5):
        assert len(set(pool.map(lambda one: one.package_key("copy"), engines))) == 1


def test_a_person_who_says_twice_at_once_that_it_is_mended_says_it_once(rig: Many, pool: ThreadPoolExecutor) -> None:
    rig.engine.receive([rig.event("r1")])
    rig.clock.move(days=60)
    rig.engine.fire_timers()
    assert rig.state("r1").attention
    list(pool.map(lambda one: one.resume("r1", "dpo"), [rig.engine, rig.another(), rig.another()]))
    assert [row.type for row in rig.history("r1")].count("Resumed") == 1


def test_engines_that_start_at_once_keep_one_plan(rig: Many, pool: ThreadPoolExecutor) -> None:
    with rig.store.write() as tx:
        tx.connection.exec_driver_sql("DELETE FROM plans")
    list(pool.map(lambda _: rig.another(), range(4)))
    assert len(rig.rows("plans")) == 1


def test_migrating_at_once_happens_once(rig: Many, pool: ThreadPoolExecutor) -> None:
    with rig.store.write() as tx:
        tx.connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        tx.connection.exec_driver_sql("CREATE SCHEMA public")
    stores = [rig.open_store() for _ in range(3)]
    list(pool.map(lambda one: migrate(one.engine), stores))
    for one in stores:
        one.close()


def test_three_orchestrators_and_two_relays_bring_everything_to_its_end(rig: Many, pool: ThreadPoolExecutor) -> None:
    rig.seed(SUBJECT)
    rights = (Right.ACCESS, Right.ERASURE)
    events = [rig.event(f"r{number}", rights[number % 2], email=PEOPLE[number % 4].email) for number in range(24)]
    for number in range(24, 30):
        rig.submit(f"r{number}", email=PEOPLE[number % 4].email)
    lock = threading.Lock()  # the fakes are for one thread
    failed: list[BaseException] = []

    def orchestrate(engine: Engine, mine: list[bytes]) -> None:
        for start in range(0, len(mine), 5):
            engine.receive(mine[start : start + 5])
        for _ in range(40):
            engine.fire_timers()
            engine.apply_waiting(5)
            for name in rig.systems:
                released = engine.release(name, 6, 4)
                with lock:
                    from tests.unit.engine.test_releasing import task_of

                    answers = rig.execute(name, [task_of(one) for one in released]) if released else []
                engine.receive(answers)
                engine.receive(answers[:1])
            with lock:
                for request_id, job in engine.next_packages():
                    engine.package_key(request_id)
                    engine.packaged(request_id, job.job_id, "f" * 32 + ".package", "a" * 64)

    def run(engine: Engine, mine: list[bytes]) -> None:
        try:
            orchestrate(engine, mine)
        except BaseException as error:  # noqa: BLE001 - shown by the test
            failed.append(error)

    engines = [rig.engine, rig.another(), rig.another()]
    orders = [events, events[::-1], events[7:] + events[:7]]
    list(pool.map(run, engines, orders))
    assert failed == []
    for _ in range(6):
        orchestrate(rig.engine, [])
    assert {rig.state(f"r{number}").phase for number in range(30)} == {Phase.CLOSED}
    assert rig.rows("outbox") == []
    assert rig.dead() == []
    assert rig.engine.audit() == []
