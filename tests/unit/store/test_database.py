"""SQLite as the store: plans of its queries, its errors in words, its versions."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import IntegrityError

import orchestrator.store
from orchestrator.errors import ConflictError, DependencyError, ExpungeError, UsageError
from orchestrator.ports import LeafRow
from orchestrator.store import tables
from orchestrator.store.database import HEAD, friendly, open_sqlite, translate
from orchestrator.store.migrate import check, migrate
from orchestrator.store.store import SqlStore, SqlTransaction


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    made = open_sqlite(tmp_path / "store.db", busy_seconds=0.1)
    migrate(made)
    yield made
    made.dispose()


WAITING = ("journal_waiting", "requests_package", "ledger_leaves_pending", "SCAN ledger_checkpoints")


# -- speed --------------------------------------------------------------------------------------------------
def test_no_query_of_the_engine_reads_a_whole_table(engine: sa.Engine) -> None:
    asked: list[str] = []
    store = SqlStore(engine, "store.db")
    with store.write() as tx:
        driver: Any = tx.connection.connection.driver_connection
        driver.set_trace_callback(asked.append)
        tx.known([("/s", "e1"), ("/t", "e2")])
        tx.waiting(5)
        tx.history("r1")
        tx.states(["r1", "r2"])
        tx.due("2026", 5)
        tx.next_timer()
        tx.capsules(["r1"])
        tx.forget(["r1"])
        tx.same_subject([b"a", b"b"])
        tx.take_waits(["a"])
        tx.outbox_next("crm", 5)
        tx.outbox_remove(["t1"])
        tx.packages()
        tx.replace_obligations(["r1"], [])
        tx.plan("digest")
        tx.add_leaves([LeafRow("r1", "received", "2026", bytes(32), b"{}")])
        tx.pending_leaves(5)
        tx.number_leaves([LeafRow("r1", "received", "2026", bytes(32), b"{}", 0)])
        tx.tile(0, 0)
        tx.last_checkpoint()
        tx.leaves_of("r1")
        driver.set_trace_callback(None)
        assert len(asked) >= 23
        for statement in asked:
            steps = [row[3] for row in driver.execute(f"EXPLAIN QUERY PLAN {statement}")]
            for step in steps:
                # Partial indexes hold only what waits, or lives: reading one of them whole is the point. The newest
                # checkpoint is the last one of its index.
                fine = not step.startswith("SCAN") or any(one in step for one in WAITING)
                assert fine, f"{step}: {statement}"
                assert "TEMP B-TREE" not in step, statement


def test_settings_that_durability_and_secrecy_rest_on(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}


# -- versions -----------------------------------------------------------------------------------------------
def test_the_newest_script_is_the_head_that_the_program_expects() -> None:
    scripts = ScriptDirectory(str(Path(orchestrator.store.__path__[0]) / "migrations"))
    assert scripts.get_current_head() == HEAD
    assert scripts.get_heads() == [HEAD]


def test_the_migrated_schema_is_the_one_of_the_tables(engine: sa.Engine, tmp_path: Path) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
        migrated = _indexes(connection)
    fresh = sa.create_engine("sqlite://")
    tables.metadata.create_all(fresh)
    with fresh.connect() as connection:
        assert _indexes(connection) == migrated, "also what Alembic does not compare: partial indexes, unique keys"
    fresh.dispose()


def _indexes(connection: sa.Connection) -> dict[str, object]:
    found: dict[str, object] = {}
    for name in sa.inspect(connection).get_table_names():
        if name == "alembic_version":
            continue
        for _, index, unique, _, partial in connection.exec_driver_sql(f"PRAGMA index_list({name})"):
            columns = [row[2] for row in connection.exec_driver_sql(f"PRAGMA index_info({index})")]
            found[f"{name}:{','.join(map(str, columns))}"] = (unique, partial)
    return found


def test_migrating_twice_changes_nothing(engine: sa.Engine) -> None:
    migrate(engine)
    check(engine)


@pytest.mark.parametrize(("version", "what"), [("9999", "newer version"), ("0000", "older tables"), (None, "older")])
def test_a_database_of_another_version_is_refused(engine: sa.Engine, version: str | None, what: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM alembic_version")
        if version:
            connection.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('{version}')")
    with pytest.raises(UsageError, match=what) as caught:
        check(engine)
    assert caught.value.fix
    assert caught.value.where.endswith("store.db")


def test_a_database_without_tables_is_refused(tmp_path: Path) -> None:
    empty = open_sqlite(tmp_path / "empty.db")
    with pytest.raises(UsageError, match="no tables") as caught:
        check(empty)
    assert "expunge init" in caught.value.fix
    empty.dispose()


# -- errors in words ----------------------------------------------------------------------------------------
def _refused(engine: sa.Engine) -> DependencyError:
    with pytest.raises(DependencyError) as caught, SqlStore(engine, "store.db").write() as tx:
        tx.save_plan("digest", b"x" * 100_000)
    assert caught.value.where == "store.db"
    assert caught.value.fix
    return caught.value


def test_a_database_that_another_program_has_locked(engine: sa.Engine, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert "locked" in _refused(engine).what
    other.execute("ROLLBACK")
    other.close()
    with SqlStore(engine, "store.db").write() as tx:
        tx.save_plan("digest", b"x")


def test_a_full_disk_loses_nothing(engine: sa.Engine) -> None:
    store = SqlStore(engine, "store.db")
    with store.write() as tx:
        tx.save_plan("before", b"x")

    @sa.event.listens_for(engine, "checkout")
    def _small(connection: Any, *_: Any) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}").close()

    assert "full" in _refused(engine).what
    with store.read() as tx:
        assert tx.plan("before") == b"x"
        assert tx.plan("digest") is None


def test_a_read_only_database(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, "checkout")
    def _read_only(connection: Any, *_: Any) -> None:
        connection.execute("PRAGMA query_only = ON").close()

    assert "read-only" in _refused(engine).what


def test_files_that_are_no_database_or_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is not a database, it is a text file of some length " * 50)
    for file, what in ((tmp_path / "text.db", "not a database"), (tmp_path / "no" / "folder.db", "cannot be opened")):
        engine = open_sqlite(file)
        with pytest.raises(DependencyError, match=what):
            check(engine)
        engine.dispose()


@pytest.mark.parametrize(
    ("text", "kind", "what"),
    [
        ("database disk image is malformed", DependencyError, "damaged"),
        ("disk I/O error", DependencyError, "the disk cannot be read or written"),
        ("no such column: x", UsageError, "older ones"),
        ("something nobody has seen: secret@example.org", DependencyError, "refused"),
    ],
)
def test_other_errors_are_words_and_never_quote(text: str, kind: type[ExpungeError], what: str) -> None:
    error = translate(sqlite3.OperationalError(text), "x.db")
    assert isinstance(error, kind)
    assert what in error.what
    assert "secret" not in repr((error.what, error.why, error.fix))


def test_a_row_that_is_there_already_is_another_kind_of_error() -> None:
    with pytest.raises(ConflictError) as caught, friendly("x.db"):
        raise IntegrityError("INSERT secret", {}, sqlite3.IntegrityError("UNIQUE constraint failed: secret"))
    assert "secret" not in repr((caught.value.what, caught.value.why))


# -- many at once -------------------------------------------------------------------------------------------
def test_writers_wait_for_each_other_and_lose_no_update(tmp_path: Path) -> None:
    engine = open_sqlite(tmp_path / "store.db")
    migrate(engine)
    store = SqlStore(engine, "store.db")

    def add(number: int) -> None:
        for step in range(10):
            with store.write() as tx:
                assert isinstance(tx, SqlTransaction)
                before = tx.plan("count")
                after = str(int(before or b"0") + 1).encode()
                tx.connection.execute(sa.delete(tables.plans))
                tx.save_plan("count", after)
                assert number + step >= 0

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    with store.read() as tx:
        assert tx.plan("count") == b"40"
    store.close()
