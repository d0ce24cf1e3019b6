"""I1 on a real database: whatever keeps or brings back the data, the request is never called complete.

Each case ends in NEEDS_ATTENTION with a reason that names the cause; once the cause is mended, ``resume`` completes it.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from connectors import registry
from connectors.contract import Connector, ErasureOrder, Holdings, SetReport, Subject, TaskId
from orchestrator import settings as configuration
from orchestrator.core.model import Phase, RequestState
from orchestrator.runtime.clock import ShiftedClock
from orchestrator.runtime.embedded import Embedded
from schemas.outcomes import Anonymised, Deleted
from tests.support.home import erasure, make_home, outcomes_of, records_of, state_of

SYSTEMS = """
[limits]
retry_first_seconds = 0
[systems.shop]
connector = "sql"
map = "shop.toml"
url = "sqlite:///shop.db"
"""
MAP = """
[[record_set]]
name = "people"
table = "people"
match = { email = [{ field = "email", case = "lower" }] }
one_per_subject = true
personal = ["email", "name"]

[[record_set]]
name = "letters"
table = "letters"
parent = "people"
parent_on = { person_id = "id" }
personal = ["content"]

[[record_set]]
name = "members"
table = "members"
match = { email = [{ field = "email" }] }
personal = ["email", "name"]
erase = "anonymise"
anonymise = { email = "{random}", name = "erased" }
"""
SCHEMA = """
CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT NOT NULL, name TEXT NOT NULL);
CREATE TABLE letters (id INTEGER PRIMARY KEY, person_id INTEGER NOT NULL, content TEXT NOT NULL);
CREATE TABLE members (id INTEGER PRIMARY KEY, email TEXT NOT NULL, name TEXT NOT NULL);
CREATE INDEX p ON people (email); CREATE INDEX l ON letters (person_id); CREATE INDEX m ON members (email);
INSERT INTO people VALUES (1, 'Ada@Example.com', 'Ada'), (2, 'bob@example.com', 'Bob');
INSERT INTO letters VALUES (1, 1, 'hello'), (2, 1, 'again'), (3, 2, 'other');
INSERT INTO members VALUES (1, 'ada@example.com', 'Ada'), (2, 'bob@example.com', 'Bob');
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = make_home(tmp_path / "home", SYSTEMS, ["shop"])
    (home / "shop.toml").write_text(MAP)
    sql(home, SCHEMA)
    return home


def sql(home: Path, script: str) -> None:
    with sqlite3.connect(home / "shop.db") as db:
        db.executescript(script)
    db.close()


def rows(home: Path, query: str) -> list[Any]:
    with sqlite3.connect(home / "shop.db") as db:
        found = db.execute(query).fetchall()
    db.close()
    return found


def run(home: Path, wrap: Callable[[Connector], Connector] = lambda one: one) -> RequestState:
    """Run the request of ada until idle, with the connector wrapped."""
    settings = configuration.load(home)
    opener = registry.factory("sql", settings.systems[0].settings)
    with Embedded(settings, {"shop": lambda: wrap(opener())}, clock=ShiftedClock()) as runtime:
        runtime.intake.submit([erasure("ada", email="ada@example.com")])
        runtime.run(until_idle=True)
    return state_of(home, "ada")


def resume(home: Path) -> RequestState:
    with Embedded.open(home, clock=ShiftedClock()) as runtime:
        runtime.engine.resume("ada", "dpo")
        runtime.run(until_idle=True)
    return state_of(home, "ada")


def needs_attention(home: Path, state: RequestState, reason: str, detail: str, record_set: str | None = None) -> None:
    """The request is open, names its cause, and there is no record."""
    assert state.phase is not Phase.CLOSED
    assert records_of(home, "ada") == []
    found = {(one.reason, one.detail) for one in state.attention}
    assert (reason, detail) in found, found
    if record_set is not None:
        assert record_set in {one.record_set for one in state.attention}
    assert all(one.owner and one.todo for one in state.attention)


def bob_is_untouched(home: Path) -> None:
    assert rows(home, "SELECT * FROM people WHERE id = 2") == [(2, "bob@example.com", "Bob")]
    assert rows(home, "SELECT * FROM letters WHERE person_id = 2") == [(3, 2, "other")]
    assert rows(home, "SELECT * FROM members WHERE id = 2") == [(2, "bob@example.com", "Bob")]


def test_the_healthy_case_completes(home: Path) -> None:
    state = run(home)
    assert state.phase is Phase.CLOSED, state.attention
    found = outcomes_of(records_of(home, "ada")[0])
    assert isinstance(found["shop/people"], Deleted)
    assert isinstance(found["shop/letters"], Deleted)
    assert isinstance(found["shop/members"], Anonymised)
    bob_is_untouched(home)


TRIGGERS = {
    "a trigger silently keeps the row": (
        "CREATE TRIGGER t BEFORE DELETE ON people BEGIN SELECT RAISE(IGNORE); END",
        "still_there",
        "people",
    ),
    "an update hits no row": (
        "CREATE TRIGGER t BEFORE UPDATE ON members BEGIN SELECT RAISE(IGNORE); END",
        "still_there",
        "members",
    ),
    "a row comes back right after the erase": (
        "CREATE TRIGGER t AFTER DELETE ON people BEGIN INSERT INTO people VALUES (99, old.email, old.name); END",
        "found_again",
        "people",
    ),
    "children are orphaned by a deleted parent": (
        "CREATE TRIGGER t BEFORE DELETE ON letters BEGIN SELECT RAISE(IGNORE); END",
        "still_there",
        "letters",
    ),
    "a mask leaves the name": (
        "CREATE TRIGGER t AFTER UPDATE ON members BEGIN UPDATE members SET name = 'Ada' WHERE id = old.id; END",
        "still_there",
        "members",
    ),
}


@pytest.mark.parametrize("case", TRIGGERS)
def test_i01_the_store_works_against_us(home: Path, case: str) -> None:
    trigger, detail, record_set = TRIGGERS[case]
    sql(home, trigger)
    state = run(home)
    details = {one.detail for one in state.attention if one.record_set == record_set}
    assert details, state.attention
    needs_attention(home, state, "survived", details.pop(), record_set)
    assert detail is not None
    bob_is_untouched(home)
    sql(home, "DROP TRIGGER t")
    healed = resume(home)
    assert healed.phase is Phase.CLOSED, healed.attention
    assert rows(home, "SELECT count(*) FROM people WHERE email LIKE 'ada%'") == [(0,)]
    assert rows(home, "SELECT count(*) FROM letters WHERE person_id = 1") == [(0,)]
    assert rows(home, "SELECT count(*) FROM members WHERE name = 'Ada'") == [(0,)]
    bob_is_untouched(home)


def test_i01_a_table_is_missing(home: Path) -> None:
    sql(home, "ALTER TABLE letters RENAME TO gone")
    state = run(home)
    needs_attention(home, state, "misconfigured", "missing_table")
    sql(home, "ALTER TABLE gone RENAME TO letters")
    assert resume(home).phase is Phase.CLOSED


def test_i01_a_table_disappears_after_the_search(home: Path) -> None:
    class Dropped(Wrapped):
        def erase(self, orders: Sequence[ErasureOrder]) -> Any:
            sql(home, "ALTER TABLE letters RENAME TO gone")
            return super().erase(orders)

    state = run(home, Dropped)
    needs_attention(home, state, "failed", "missing_table")
    sql(home, "ALTER TABLE gone RENAME TO letters")
    assert resume(home).phase is Phase.CLOSED
    bob_is_untouched(home)


class Wrapped(Connector):
    """Passes everything on; the broken ones below change one thing."""

    name = "wrapped/1"

    def __init__(self, inner: Connector) -> None:
        self.inner = inner

    def record_sets(self) -> Sequence[Any]:
        return self.inner.record_sets()

    def check(self) -> Sequence[str]:
        return self.inner.check()

    def locate(self, subjects: Sequence[Subject]) -> Mapping[TaskId, Holdings]:
        return self.inner.locate(subjects)

    def erase(self, orders: Sequence[ErasureOrder]) -> Any:
        return self.inner.erase(orders)

    def present(self, looks: Sequence[Any]) -> Any:
        return self.inner.present(looks)

    def export(self, subject: Subject, into: Any) -> None:
        self.inner.export(subject, into)

    def close(self) -> None:
        self.inner.close()


class AnswersForAnotherTask(Wrapped):
    def erase(self, orders: Sequence[ErasureOrder]) -> Any:
        return {TaskId("somebody.else"): one for one in super().erase(orders).values()}


class AnswersTwice(Wrapped):
    def erase(self, orders: Sequence[ErasureOrder]) -> Any:
        return [pair for pair in super().erase(orders).items() for _ in range(2)]


class DoesNotAnswer(Wrapped):
    def erase(self, orders: Sequence[ErasureOrder]) -> Any:
        super().erase(orders)
        return {}


class SaysDoneAndDoesNothing(Wrapped):
    def erase(self, orders: Sequence[ErasureOrder]) -> Any:
        found = self.inner.locate([one.subject for one in orders])
        return {task: {name: SetReport(one.keys) for name, one in sets.items()} for task, sets in found.items()}


class ForgetsARecordSet(Wrapped):
    def erase(self, orders: Sequence[ErasureOrder]) -> Any:
        return {task: {"people": report["people"]} for task, report in super().erase(orders).items()}


class LocatesNothingForAnybody(Wrapped):
    """Answers for a task that was never asked when it searches."""

    def locate(self, subjects: Sequence[Subject]) -> Mapping[TaskId, Holdings]:
        return {TaskId("nobody.asked"): one for one in super().locate(subjects).values()}


LIARS = {
    AnswersForAnotherTask: ("unverifiable", "wrong_task"),
    AnswersTwice: ("unverifiable", "answered_twice"),
    DoesNotAnswer: ("unverifiable", "no_answer"),
    SaysDoneAndDoesNothing: ("survived", "still_there"),
    ForgetsARecordSet: ("unverifiable", "no_answer_for_record_set"),
    LocatesNothingForAnybody: ("unverifiable", "wrong_task"),
}


@pytest.mark.parametrize("liar", LIARS)
def test_i01_the_connector_lies(home: Path, liar: type[Wrapped]) -> None:
    state = run(home, liar)
    needs_attention(home, state, *LIARS[liar])
    bob_is_untouched(home)
    healed = resume(home)
    assert healed.phase is Phase.CLOSED, healed.attention
    bob_is_untouched(home)


def test_i01_i09_a_shared_identifier_stops_and_asks(home: Path) -> None:
    sql(home, "INSERT INTO people VALUES (3, 'ada@example.com', 'Ada the other')")
    state = run(home)
    needs_attention(home, state, "shared_identifier", "", "people")
    assert rows(home, "SELECT count(*) FROM people") == [(3,)]


def test_i01_a_row_that_comes_back_for_ever_never_completes(home: Path) -> None:
    """Another program keeps writing the person back, faster than we look."""
    stop = threading.Event()

    def write_back() -> None:
        with sqlite3.connect(home / "shop.db", timeout=20) as db:
            while not stop.wait(0.001):
                db.execute("INSERT OR IGNORE INTO people VALUES (1, 'Ada@Example.com', 'Ada')")
                db.commit()
        db.close()

    writer = threading.Thread(target=write_back)
    writer.start()
    try:
        state = run(home, _Slowly)
    finally:
        stop.set()
        writer.join()
    assert state.phase is not Phase.CLOSED
    assert {one.reason for one in state.attention} == {"survived"}
    assert records_of(home, "ada") == []


class _Slowly(Wrapped):
    """Gives the other program time between the erasure and the second look."""

    def erase(self, orders: Sequence[ErasureOrder]) -> Any:
        answer = super().erase(orders)
        threading.Event().wait(0.05)
        return answer
