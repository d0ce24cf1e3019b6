"""What the engine relies on in a store; every adapter of ``ports.Store`` passes this suite."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from orchestrator.errors import ConflictError, DependencyError
from orchestrator.ports import (
    INTAKE_SOURCE,
    TOO_EARLY,
    CheckpointRow,
    HoldRow,
    IncidentRow,
    JournalRow,
    LeafRow,
    MailRow,
    OutboxRow,
    ParkedRow,
    Position,
    Publication,
    Released,
    Store,
    SweepRow,
    Transaction,
)
from orchestrator.store.database import open_sqlite
from orchestrator.store.migrate import migrate
from orchestrator.store.postgres import PostgresStore, open_postgres
from orchestrator.store.store import SqlStore, SqlTransaction


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        made: SqlStore = SqlStore(open_sqlite(tmp_path / "store.db", busy_seconds=0.1), "store.db")
    else:
        url = sa.make_url(request.getfixturevalue("postgres"))
        made = PostgresStore(open_postgres(url), "store.db")
    migrate(made.engine)
    yield made
    made.close()


def row(event_id: str, request_id: str = "r1", wire: bytes | None = None, source: str = "/s") -> JournalRow:
    body = None if wire is not None else b"body"
    return JournalRow(source, event_id, request_id, "T", "2026", b"hash-" + event_id.encode(), body, wire, "v")


def state(request_id: str, **changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "request_id": request_id, "right": "access", "phase": "acting", "result": None, "attention": 0,
        "received_at": "2026", "due_on": "2026", "next_timer": None, "package": None, "logic": 1, "state": b"s",
        "receipt_sha256": None,
    }  # fmt: skip
    return given | changes


def test_all_of_a_transaction_is_written_or_nothing(store: Store) -> None:
    class Stop(Exception):
        pass

    def die() -> None:
        with store.write() as tx:
            tx.journal([row("e1")])
            tx.save_states([state("r1")])
            raise Stop

    with pytest.raises(Stop):
        die()
    with store.read() as tx:
        assert tx.known([("/s", "e1")]) == {}
        assert tx.states(["r1"]) == {}


def test_an_event_is_known_by_source_and_id_together(store: Store) -> None:
    with store.write() as tx:
        tx.journal([row("e1"), row("e1", source="/other"), row("e2")])
    with store.read() as tx:
        assert tx.known([("/s", "e1"), ("/s", "e3")])["/s", "e1"] == b"hash-e1"
        assert ("/s", "e3") not in tx.known([("/s", "e3")])
        assert tx.known([]) == {}
        many = tx.known([("/s", f"e{number}") for number in range(2000)])
        assert {key for key in many if key[0] == "/s"} == {("/s", "e1"), ("/s", "e2")}


def test_the_same_event_cannot_be_there_twice(store: Store) -> None:
    with store.write() as tx:
        tx.journal([row("e1")])
    with pytest.raises(ConflictError), store.write() as tx:
        tx.journal([row("e2"), row("e1")])
    with store.read() as tx:
        assert tx.known([("/s", "e2")]) == {}


def test_what_waits_comes_in_its_order_and_is_taken_out(store: Store) -> None:
    with store.write() as tx:
        tx.journal([row("e1", wire=b"1"), row("done"), row("e2", wire=b""), row("e3", wire=b"3")])
    with store.write() as tx:
        first = tx.waiting(2)
        assert [one.event_id for one in first] == ["e1", "e2"]
        tx.take_waiting(first)
        tx.journal([row("e2"), row("e1")])
    with store.read() as tx:
        assert [one.event_id for one in tx.waiting(9)] == ["e3"]
        assert [one.event_id for one in tx.history("r1")] == ["done", "e3", "e2", "e1"], "in the order of application"


def test_states_and_capsules_are_inserted_or_replaced(store: Store) -> None:
    with store.write() as tx:
        tx.save_states([state("r1", state=b"1"), state("r2", state=b"2")])
        tx.save_capsules({"r1": b"c1"})
        tx.save_states([state("r1", state=b"1b")])
        tx.save_capsules({"r1": b"c1b"})
        tx.save_states([])
    with store.read() as tx:
        assert tx.states(["r1", "r2", "r3"]) == {"r1": b"1b", "r2": b"2"}
        assert tx.capsules(["r1", "r2"]) == {"r1": b"c1b"}
        assert list(tx.all_states()) == [("r1", b"1b"), ("r2", b"2")]
        assert tx.states([f"r{number}" for number in range(2000)]).keys() == {"r1", "r2"}


def test_requests_are_found_by_what_their_receipts_open(store: Store) -> None:
    with store.write() as tx:
        tx.save_states([state("r1", receipt_sha256="aa"), state("r2", receipt_sha256="bb"), state("old")])
        tx.save_states([state("r3", receipt_sha256="aa")])
    with store.read() as tx:
        assert sorted(tx.claimed(["aa", "cc"])) == [("aa", "r1"), ("aa", "r3")]
        assert tx.claimed([]) == []


def test_timers_come_earliest_first(store: Store) -> None:
    with store.read() as tx:
        assert tx.next_timer() is None
    with store.write() as tx:
        tx.save_states([state("late", next_timer="2026-03"), state("soon", next_timer="2026-01"), state("never")])
    with store.read() as tx:
        assert tx.next_timer() == "2026-01"
        assert tx.due("2025-12", 9) == []
        assert tx.due("2026-01", 9) == ["soon"]
        assert tx.due("2027", 9) == ["soon", "late"]
        assert tx.due("2027", 1) == ["soon"]


def test_tasks_come_by_system_in_order_of_deadline(store: Store) -> None:
    def task(name: str, system: str, due: str) -> OutboxRow:
        return OutboxRow(name, "r1", system, due, 60, b"body")

    with store.write() as tx:
        tx.outbox_add([task("b", "crm", "2026-02"), task("a", "crm", "2026-02"), task("c", "crm", "2026-01")])
        tx.outbox_add([task("d", "hr", "2026-01")])
    with store.write() as tx:
        assert [one.task_id for one in tx.outbox_next("crm", 9)] == ["c", "a", "b"]
        assert tx.outbox_next("crm", 1) == [task("c", "crm", "2026-01")]
        tx.outbox_remove(["c", "nothing"])
        tx.outbox_remove([])
        assert [one.task_id for one in tx.outbox_next("crm", 9)] == ["a", "b"]
        assert [one.task_id for one in tx.outbox_next("hr", 9)] == ["d"]


def test_one_person_is_recognised_among_open_requests_only(store: Store) -> None:
    with store.write() as tx:
        tx.save_states([state("open"), state("closed", phase="closed")])
        people = [(b"p", "open"), (b"p", "closed"), (b"q", "open"), (b"p", "not there")]
        tx.add_subjects([{"subject_ref": ref, "request_id": one, "right": "access"} for ref, one in people])
    with store.read() as tx:
        assert tx.same_subject([b"p"]) == [(b"p", "open", "access")]
        assert tx.same_subject([b"x"]) == []
        assert tx.same_subject([]) == []
        assert sorted(tx.subject_refs(["open", "closed", "nobody"])) == [
            ("closed", b"p"),
            ("open", b"p"),
            ("open", b"q"),
        ]


def test_those_who_wait_are_given_once(store: Store) -> None:
    with store.write() as tx:
        tx.add_waits([{"other": "a", "request_id": "r1"}, {"other": "a", "request_id": "r2"}])
        tx.add_waits([{"other": "b", "request_id": "r1"}])
        assert sorted(tx.take_waits(["a"])) == [("a", "r1"), ("a", "r2")]
        assert tx.take_waits(["a"]) == []
    with store.write() as tx:
        assert tx.take_waits(["b", "c"]) == [("b", "r1")]
        tx.save_states([state("r1", right="erasure"), state("r2", right="restriction")])
        tx.add_waits([{"other": "d", "request_id": one} for one in ("r1", "r2")])
        assert tx.take_waits(["d"], but="erasure") == [("d", "r2")]
        assert tx.take_waits(["d"]) == [("d", "r1")]


def test_forgetting_takes_all_that_leads_to_the_person_and_nothing_of_others(store: Store) -> None:
    letter = {"source": "/s", "event_id": "e", "observed_at": "2026", "error": "X", "sealed": b"secret"}
    with store.write() as tx:
        for one in ("r1", "r2"):
            tx.save_states([state(one)])
            tx.save_capsules({one: b"capsule"})
            tx.add_subjects([{"subject_ref": b"p", "request_id": one, "right": "access"}])
            tx.journal([row(f"{one}-in", one, source=INTAKE_SOURCE), row(f"{one}-answer", one)])
            tx.add_dead_letters([letter | {"request_id": one}])
        tx.forget(["r1"])
        tx.forget([])
    with store.read() as tx:
        assert tx.capsules(["r1", "r2"]) == {"r2": b"capsule"}
        assert tx.same_subject([b"p"]) == [(b"p", "r2", "access")]
        assert [one.payload_hash for one in tx.history("r1")] == [b"", b"hash-r1-answer"]
        assert [one.payload_hash for one in tx.history("r2")] == [b"hash-r2-in", b"hash-r2-answer"]


def test_packages_that_live_and_open_requests_of_a_right(store: Store) -> None:
    with store.write() as tx:
        tx.save_states([state("r1", package="p1", state=b"1"), state("r2", right="erasure"), state("r3", state=b"3")])
        tx.save_states([state("r4", phase="closed", package="p4")])
    with store.read() as tx:
        assert tx.packages() == {"p1", "p4"}
        assert sorted(state for _, state in tx.open_states("access")) == [b"1", b"3"]


def test_results_are_kept(store: Store) -> None:
    with store.write() as tx:
        record = {"record_id": "r1.1", "request_id": "r1", "number": 1, "completed_at": "2026", "jws": b"j"}
        tx.add_records([record])
        tx.add_notices([{"notice_id": "n", "request_id": "r1", "body": b"b"}])
        owed = {"request_id": "r1", "place": 0, "kind": "k", "system": "s", "record_set": "x", "due": "d", "text": "t"}
        tx.replace_obligations(["r1"], [owed, owed | {"place": 1}])
        tx.replace_obligations(["r1"], [owed])
        tx.replace_obligations(["r1"], [])
        tx.save_plan("digest", b"plan")
        tx.save_plan("digest", b"another")
    with store.read() as tx:
        assert tx.plan("digest") == b"plan"
        assert tx.plan("none") is None
    with pytest.raises(ConflictError), store.write() as tx:
        tx.add_records([record | {"record_id": "r1.1b"}])


def test_a_reader_sees_what_was_committed_and_blocks_no_writer(store: Store) -> None:
    with store.write() as tx:
        tx.save_states([state("r1", state=b"1")])
    with store.read() as reader:
        assert reader.states(["r1"]) == {"r1": b"1"}
        with store.write() as writer:
            assert writer.states(["r1"]) == {"r1": b"1"}
            writer.save_states([state("r1", state=b"2")])
        assert reader.states(["r1"]) == {"r1": b"1"}, "one look at one moment"
    with store.read() as reader:
        assert reader.states(["r1"]) == {"r1": b"2"}
    assert store.scrub() is True


# -- many processes, and a broker ---------------------------------------------------------------------------
def test_a_savepoint_takes_back_its_own_writes_only(store: Store) -> None:
    class Stop(Exception):
        pass

    def fail(tx: Transaction) -> None:
        with tx.savepoint():
            tx.journal([row("e2")])
            raise Stop

    with store.write() as tx:
        tx.journal([row("e1")])
        with pytest.raises(Stop):
            fail(tx)
        with pytest.raises(ConflictError), tx.savepoint():
            tx.journal([row("e3"), row("e1")])
        with tx.savepoint():
            tx.journal([row("e4")])
    with store.read() as tx:
        assert {key[1] for key in tx.known([("/s", f"e{number}") for number in range(1, 5)])} == {"e1", "e4"}


def test_positions_never_go_back_unless_the_topic_is_another_one(store: Store) -> None:
    one, two = Position("requests", 0, 5, "id-1"), Position("requests", 1, 6, "id-1")
    with store.write() as tx:
        tx.save_positions("g", [two, one])
        tx.save_positions("other", [Position("requests", 0, 9, "id-1")])
        tx.save_positions("g", [])
    with store.write() as tx:
        tx.save_positions("g", [Position("requests", 0, 3, "id-1"), Position("requests", 1, 1 << 40, "id-1")])
    with store.read() as tx:
        assert tx.positions("g") == [one, Position("requests", 1, 1 << 40, "id-1")]
    with store.write() as tx:
        tx.save_positions("g", [Position("requests", 0, 2, "id-2")])
    with store.read() as tx:
        assert tx.positions("g")[0] == Position("requests", 0, 2, "id-2")
    with store.write() as tx:
        tx.put_positions("g", [one])
    with store.read() as tx:
        assert tx.positions("g") == [one]
        assert tx.positions("other") == [Position("requests", 0, 9, "id-1")]
        assert tx.positions("nobody") == []


def test_tasks_go_out_in_two_phases(store: Store) -> None:
    rows = [OutboxRow(name, f"r-{name}", "crm", due, 60, b"body") for name, due in (("a", "2"), ("b", "1"), ("c", "3"))]
    with store.write() as tx:
        tx.outbox_add(rows)
        assert tx.outbox_in_flight(["crm"])["crm"] == 0
        assert [one.task_id for one in tx.outbox_free({"crm": 2})["crm"]] == ["b", "a"]
        tx.outbox_released("2026-01-01", {"b": b"final", "a": b"final a"})
        tx.outbox_released("2026-01-01", {})
    with store.write() as tx:
        assert tx.outbox_in_flight(["crm"])["crm"] == 2
        assert [one.task_id for one in tx.outbox_free({"crm": 9})["crm"]] == ["c"]
        tx.outbox_published("2026-01-02", ["a", "gone"])
        assert tx.take_unpublished("2026-01-02", "2026-01-01", 9) == []
        taken = tx.take_unpublished("2026-01-03", "2026-01-02", 9)
        assert taken == [Released("b", "r-b", "crm", b"final")]
        assert tx.take_unpublished("2026-01-04", "2026-01-02", 9) == []
        assert tx.quarantine("b", "too_large") == OutboxRow("b", "r-b", "crm", "1", 60, b"final")
        assert tx.quarantine("nothing", "too_large") is None
    with store.write() as tx:
        assert tx.outbox_in_flight(["crm", "shop"]) == {"crm": 1}, "nothing of the shop's waits to be released"
        assert tx.outbox_free({"shop": 9, "crm": 0}) == {"shop": [], "crm": []}
        assert [one.task_id for one in tx.outbox_free({"crm": 9})["crm"]] == ["c"]
        assert tx.take_unpublished("2027", "2027", 9) == []


def test_tasks_of_several_systems_go_out_each_by_its_own_deadlines_and_room(store: Store) -> None:
    rows = [
        OutboxRow(f"{system}{due}", "r", system, str(due), 60, b"body")
        for due in (3, 1, 2)
        for system in ("b", "a", "c")
    ]
    with store.write() as tx:
        tx.outbox_add(rows)
        assert tx.alone_of(["release b", "release a"]) == ["release b", "release a"]
        found = tx.outbox_free({"b": 2, "a": 9})
        assert {name: [one.task_id for one in some] for name, some in found.items()} == {
            "b": ["b1", "b2"],
            "a": ["a1", "a2", "a3"],
        }
        tx.outbox_released("2026-01-01", {one.task_id: b"final" for some in found.values() for one in some})
        assert tx.outbox_in_flight(["c", "b", "a"]) == {"c": 0, "b": 2}
        assert [one.task_id for one in tx.outbox_free({"b": 9})["b"]] == ["b3"]


def test_publications_are_taken_by_one_for_a_while(store: Store) -> None:
    one, two = Publication("1", "completions", "r1", b"1"), Publication("2", "notices", "r1", b"2")
    with store.write() as tx:
        tx.publish([two, one])
        tx.publish([])
        assert tx.take_publications("2026-01", "2025-12", 1) == [one]
        assert tx.take_publications("2026-01", "2025-12", 9) == [two]
        assert tx.take_publications("2026-02", "2026-01", 9) == []
        assert tx.take_publications("2026-03", "2026-02", 9) == [one, two]
        assert tx.publication("1") == one
        tx.publications_remove(["1", "nothing"])
        assert tx.publication("1") is None
        assert tx.take_publications("2027", "2027", 9) == [two]


def test_parked_events_come_when_their_time_is_there_and_go_with_the_person(store: Store) -> None:
    def parked(event_id: str, retry_at: str, reason: str = "too_early", until: str | None = "2027") -> ParkedRow:
        return ParkedRow(event_id, "/s", b"h", f"r-{event_id}", "T", reason, "2026", 1, retry_at, until, b"sealed")

    first, late, key = parked("a", "2026-01"), parked("b", "2026-03"), parked("c", "2026-02", "unknown_key", None)
    with store.write() as tx:
        tx.park([late, first, key])
        tx.park([parked("a", "2029")])
    with store.write() as tx:
        assert tx.parked() == {"too_early": 2, "unknown_key": 1}
        assert tx.take_parked("2025", 9) == []
        assert tx.take_parked("2026-02", 1) == [first]
        assert tx.take_parked("2026-02", 9) == [key]
        tx.forget(["r-b"])
        assert tx.parked() == {}


def test_a_task_whose_answer_is_parked_is_not_released_and_the_answer_is_due_at_once(store: Store) -> None:
    def parked(event_id: str, source: str = "/systems/crm", reason: str = TOO_EARLY) -> ParkedRow:
        return ParkedRow(event_id, source, b"h", "r", "T", reason, "2026", 1, "2029", "2030", b"sealed")

    answer = parked("a")
    with store.write() as tx:
        # Only what was checked to be the system's own holds its task back, and only while it can be tried.
        tx.park([answer, parked("b", reason="unknown_key"), parked("c", "/systems/hr"), parked("z")])
        assert tx.take_parked("2026", 9) == [], "nothing is asked yet"
        tx.outbox_add([OutboxRow(name, "r", "crm", "1", 0, b"") for name in "abcd"])
        assert [one.task_id for one in tx.outbox_free({"crm": 9})["crm"]] == ["b", "c", "d"]
        assert tx.take_parked("2026", 9) == [answer]
        assert [one.task_id for one in tx.outbox_free({"crm": 9})["crm"]] == ["a", "b", "c", "d"]


def test_dead_letters_are_numbered(store: Store) -> None:
    letter = {"source": "/s", "event_id": "e", "request_id": "r", "observed_at": "2026", "error": "X", "sealed": b"s"}
    with store.write() as tx:
        one, two = tx.add_dead_letters([letter, letter])
        assert two > one
        assert tx.add_dead_letters([]) == []


def test_what_is_written_together_is_all_there_and_a_failure_is_told(store: Store) -> None:
    row = {"notice_id": "n1", "request_id": "r1", "body": b"1"}
    with store.write() as tx:
        with tx.together():
            tx.add_notices([row, row | {"notice_id": "n2"}])
            tx.outbox_add([OutboxRow("a", "r1", "crm", "1", 0, b"a"), OutboxRow("b", "r1", "crm", "2", 0, b"b")])
            tx.outbox_remove(["a"])
        assert [one.task_id for one in tx.outbox_next("crm", 9)] == ["b"]

    def fail() -> None:
        with store.write() as tx, tx.together():
            tx.outbox_add([OutboxRow("c", "r1", "crm", "1", 0, b"c")])
            tx.add_notices([row])
            tx.outbox_remove(["b"])

    with pytest.raises(ConflictError):
        fail()
    with store.read() as tx:
        assert [one.task_id for one in tx.outbox_next("crm", 9)] == ["b"]


@pytest.mark.parametrize("before", range(8))
def test_what_was_undone_alone_leaves_statements_that_work(store: Store, before: int) -> None:
    """psycopg prepares a statement that it saw a few times; that moment must not get lost with a savepoint."""
    notice = {"notice_id": "n1", "request_id": "r1", "body": b"1"}
    assert isinstance(store, SqlStore)
    store.engine.dispose()  # so that the driver has seen nothing yet

    def fail(tx: Transaction) -> None:
        with tx.savepoint(), tx.together():
            tx.add_notices([notice, notice])
            tx.outbox_add([OutboxRow("undone", "r1", "crm", "1", 0, b"c")])

    def undone() -> None:
        with store.write() as tx:
            with pytest.raises(ConflictError):
                fail(tx)
            with tx.savepoint(), tx.together():
                tx.outbox_add([OutboxRow(f"again{len(tx.outbox_next('crm', 99))}", "r1", "crm", "1", 0, b"c")])

    undone()
    for number in range(before):
        with store.write() as tx, tx.together():
            tx.outbox_add([OutboxRow(f"t{number}", "r1", "crm", "1", 0, b"c")])
    undone()
    undone()
    with store.read() as tx:
        assert len(tx.outbox_next("crm", 99)) == before + 3


def hold(hold_id: str, *, by_person: int = 1) -> HoldRow:
    return HoldRow(
        hold_id, "litigation", "gdpr-17-3-e", "legal", "2027-01-01", f"2026-{hold_id}", "", None, None, by_person
    )


def test_a_hold_is_about_its_people_until_it_is_released(store: Store) -> None:
    with store.write() as tx:
        tx.everybody()
        tx.add_hold(hold("1"), [b"a" * 32, b"b" * 32])
        tx.add_hold(hold("2", by_person=0), [])
    with store.write() as tx:
        tx.among_people()
        assert [one.hold_id for one in tx.standing_holds()] == ["1", "2"]
        assert tx.held_people([b"b" * 32, b"c" * 32]) == {"1"}
        assert tx.held_people([]) == tx.held_people([b"c" * 32]) == set()
        tx.release_hold("1", "2026-02-01", "legal")
    with store.read() as tx:
        assert tx.held_people([b"a" * 32]) == set()
        assert [one.hold_id for one in tx.standing_holds()] == ["2"]
        assert [one.hold_id for one in tx.holds()] == ["2", "1"]
        gone = tx.hold("1")
        assert gone is not None
        assert (gone.released_at, gone.released_by) == ("2026-02-01", "legal")
        assert tx.hold("3") is None


def test_what_waits_to_be_heard_and_who_was_told_of_a_hold(store: Store) -> None:
    told = msgspec.structs.replace(row("r1.holdplaced.h1", "r1", b"wire"), type="HoldPlaced")
    with store.write() as tx:
        tx.journal([told, row("e2", "r2"), row("e3", "r3", b"wire")])
    with store.read() as tx:
        assert tx.unheard(["r1", "r2", "r9"]) == {"r1"}
        assert tx.unheard([]) == set()
        assert tx.waiting_holds("h1") == {"r1"}
        assert tx.waiting_holds("h2") == set()


def test_an_erasure_is_found_as_long_as_something_leads_to_its_person(store: Store) -> None:
    with store.write() as tx:
        tx.save_states([state("r1", right="erasure"), state("r2", right="erasure"), state("r3")])
        tx.save_capsules({"r1": b"sealed", "r3": b"sealed"})
        tx.add_subjects([{"subject_ref": b"a" * 32, "request_id": "r1", "right": "erasure"}])
    with store.read() as tx:
        assert list(tx.erasures()) == [("r1", b"s", b"sealed")]
        assert tx.subjects_of([b"a" * 32]) == {"r1"}


def test_nobody_hears_of_holds_while_one_is_placed(store: Store) -> None:
    entered = threading.Event()

    def ask() -> None:
        with store.write() as tx:
            tx.among_people()
            entered.set()
            assert [one.hold_id for one in tx.standing_holds()] == ["1"]

    with ThreadPoolExecutor(1) as pool:
        with store.write() as tx:
            tx.everybody()
            other = again_and_again(pool, ask)
            assert not entered.wait(0.2)
            tx.add_hold(hold("1"), [])
        other.result(timeout=20)
    assert entered.is_set()


def again_and_again(pool: ThreadPoolExecutor, call: Callable[[], None]) -> Future[None]:
    """SQLite says at once that somebody else writes; whoever works on it tries again."""

    def work() -> None:
        for _ in range(100):
            try:
                return call()
            except DependencyError:
                continue
        raise AssertionError("never let in")

    return pool.submit(work)


def a_mail(mail_id: str, standing: Any = "waiting", request_id: str | None = None) -> MailRow:
    return MailRow(
        mail_id, b"c", f"2026-01-0{mail_id}", "received", "2026-02-01", standing, "no_rule", 7, request_id, b"sealed"
    )


def test_mails_are_known_wait_and_are_settled_once(store: Store) -> None:
    with store.write() as tx:
        tx.add_mails([a_mail("3"), a_mail("1"), a_mail("2", "request", "r2")])
        tx.add_mails([])
    with store.read() as tx:
        assert [one.mail_id for one in tx.waiting_mails()] == ["1", "3"]
        assert {one.sealed for one in tx.waiting_mails()} == {None}, "what is sealed is read for one at a time"
        assert tx.mails(["2", "9"]) == {"2": msgspec.structs.replace(a_mail("2", "request", "r2"), sealed=None)}
        assert tx.mails([]) == {}
        assert tx.mail("9") is None
    with store.write() as tx:
        assert tx.settle_mail("1", at="2026-02-02", role="dpo", outcome="spam", request_id=None)
        assert tx.settle_mail("3", at="2026-02-02", role="dpo", outcome="part_of_request", request_id="r2")
        assert not tx.settle_mail("3", at="2026-02-02", role="dpo", outcome="spam", request_id=None)
        assert not tx.settle_mail("2", at="2026-02-02", role="dpo", outcome="spam", request_id=None)
    with store.read() as tx:
        gone = tx.mail("1")
        assert gone is not None
        assert (gone.standing, gone.outcome, gone.settled_by, gone.sealed) == ("settled", "spam", "dpo", None)
        assert [(one.mail_id, one.sealed) for one in tx.mails_of("r2")] == [("2", b"sealed"), ("3", b"sealed")]
    with store.write() as tx, tx.together():
        tx.drop_mails(["r1", "r2"])
        tx.drop_mails([])
    with store.read() as tx:
        assert [one.sealed for one in tx.mails_of("r2")] == [None, None]


def test_a_mail_is_taken_in_by_one_only(store: Store) -> None:
    with store.write() as tx:
        tx.add_mails([a_mail("1")])
    with pytest.raises(ConflictError), store.write() as tx:
        tx.add_mails([a_mail("1")])


# -- the ledger -----------------------------------------------------------------------------------------------
def leaf(request_id: str, fact: str = "received", at: str = "2026-01") -> LeafRow:
    return LeafRow(request_id, fact, at, fact.encode().ljust(32), None if fact == "completed" else b"{}")


def test_leaves_wait_oldest_first_until_they_have_a_number(store: Store) -> None:
    with store.write() as tx:
        tx.add_leaves([leaf("r2", at="2026-02"), leaf("r1"), leaf("r1", "completed", "2026-03")])
        tx.add_leaves([])
    with store.write() as tx:
        assert [one.request_id for one in tx.pending_leaves(2)] == ["r1", "r2"]
        waiting = tx.pending_leaves(9)
        assert [(one.fact, one.statement, one.number) for one in waiting] == [
            ("received", b"{}", None), ("received", b"{}", None), ("completed", None, None)
        ]  # fmt: skip
        tx.number_leaves([msgspec.structs.replace(one, number=at) for at, one in enumerate(waiting[:2])])
    with store.read() as tx:
        assert [(one.request_id, one.fact) for one in tx.pending_leaves(9)] == [("r1", "completed")]


def test_a_fact_is_one_leaf_and_a_number_one_place(store: Store) -> None:
    with store.write() as tx:
        tx.add_leaves([leaf("r1"), leaf("r2")])
    with pytest.raises(ConflictError), store.write() as tx:
        tx.add_leaves([leaf("r1")])
    with pytest.raises(ConflictError), store.write() as tx:
        tx.number_leaves([msgspec.structs.replace(leaf(one), number=7) for one in ("r1", "r2")])
    with store.read() as tx:
        assert len(tx.pending_leaves(9)) == 2


def test_tiles_grow_and_the_newest_checkpoint_is_the_largest(store: Store) -> None:
    with store.write() as tx:
        assert tx.tile(0, 0) is None
        assert tx.last_checkpoint() is None
        tx.save_tiles({(0, 0): b"a" * 32, (0, 1): b"b" * 32, (1, 0): b"c" * 32})
        tx.save_checkpoint(CheckpointRow(9, "2026", b"nine"))
        tx.save_checkpoint(CheckpointRow(10, "2026", b"ten"))
    with store.write() as tx:
        tx.save_tiles({(0, 1): b"b" * 64})
        tx.save_checkpoint(CheckpointRow(10, "2026", b"ten, cosigned"))
    with store.read() as tx:
        assert [tx.tile(0, 0), tx.tile(0, 1), tx.tile(1, 0), tx.tile(1, 1)] == [b"a" * 32, b"b" * 64, b"c" * 32, None]
        assert tx.last_checkpoint() == CheckpointRow(10, "2026", b"ten, cosigned")
        assert isinstance(tx, SqlTransaction)
        long = tx.last_checkpoint()
        assert tx.longer_checkpoints(0, len(b"ten, cosigned"), 9) == [long]
        assert tx.longer_checkpoints(0, len(b"ten, cosigned") + 1, 9) == []
        assert tx.longer_checkpoints(11, 1, 9) == []
        assert [one.size for one in tx.longer_checkpoints(0, 1, 1)] == [min(one.size for one in tx.all_checkpoints())]


def an_incident(incident_id: str, tell_at: str | None, closed_at: str | None = None) -> IncidentRow:
    return IncidentRow(incident_id, 1, f"2026-01-0{incident_id}", tell_at, 0, 0, closed_at, b"{}")


def test_incidents_are_replaced_listed_and_told_of_when_it_is_time(store: Store) -> None:
    with store.write() as tx:
        for one in (
            an_incident("1", "2026-02-01"),
            an_incident("2", "2026-02-03"),
            an_incident("3", None, "2026-01-09"),
        ):
            tx.save_incident(one)
        assert tx.incident("1") == an_incident("1", "2026-02-01")
    with store.read() as tx:
        assert [one.incident_id for one in tx.incidents()] == ["2", "1", "3"]
        assert [one.incident_id for one in tx.due_incidents("2026-02-02", 9)] == ["1"]
        assert tx.next_timer() == "2026-02-01"
        assert tx.incident("9") is None
    with store.write() as tx:
        assert [one.incident_id for one in tx.due_incidents("2026-02-04", 1)] == ["1"]
        tx.save_incident(an_incident("1", None))
    with store.read() as tx:
        assert tx.next_timer() == "2026-02-03"


def test_a_sweep_has_one_row_a_record_set_that_is_replaced(store: Store) -> None:
    first, other = SweepRow("crm", "invoices"), SweepRow("crm", "contacts", run=3, state="done")
    with store.write() as tx:
        tx.save_sweeps([first, other])
        tx.save_sweeps([])
    first.state, first.cursor, first.scanned = "running", "sealed", 2**40
    with store.write() as tx:
        assert tx.sweeps() == [other, SweepRow("crm", "invoices")]
        tx.save_sweeps([first])
    with store.read() as tx:
        assert tx.sweeps() == [other, first]
