"""PostgreSQL as the store: its errors in words, what is lost with a connection, its versions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from psycopg import errors

import orchestrator.store
from orchestrator.errors import ConflictError, ContentionError, DependencyError, UsageError
from orchestrator.ports import OutboxRow
from orchestrator.settings import Policy, Settings
from orchestrator.store import tables
from orchestrator.store.database import HEAD, open_sqlite
from orchestrator.store.migrate import check, migrate
from orchestrator.store.opening import open_engine, open_store
from orchestrator.store.pgerrors import translate
from orchestrator.store.postgres import PostgresStore, open_postgres
from orchestrator.store.store import SqlTransaction


@pytest.fixture
def store(postgres: str) -> Iterator[PostgresStore]:
    made = PostgresStore(open_postgres(sa.make_url(postgres)), "the store")
    migrate(made.engine)
    yield made
    made.close()


def other(store: PostgresStore, *statements: str) -> None:
    """Do something on a connection of somebody else."""
    engine = sa.create_engine(store.engine.url, poolclass=sa.pool.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for one in statements:
            connection.exec_driver_sql(one)


KILL = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


# -- what is lost -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("step", ["plan", "savepoint", "end"])
def test_a_connection_that_is_lost_leaves_nothing_half_written_and_the_next_one_works(
    store: PostgresStore, step: str
) -> None:
    def write() -> None:
        with store.write() as tx:
            tx.save_plan("half", b"x")
            other(store, KILL)
            if step == "plan":
                tx.plan("half")
            elif step == "savepoint":
                with tx.savepoint():
                    tx.save_plan("more", b"x")

    with pytest.raises(DependencyError) as caught:
        write()
    assert caught.value.where == "the store"
    assert caught.value.fix
    with store.write() as tx:
        assert tx.plan("half") is None


def test_a_server_that_went_away_while_nobody_asked_is_not_noticed(store: PostgresStore) -> None:
    with store.write() as tx:
        tx.save_plan("before", b"x")
    other(store, KILL)
    with store.read() as tx:
        assert tx.plan("before") == b"x"


@pytest.mark.parametrize(
    ("option", "kind", "what"),
    [
        ("-c statement_timeout=200 -c lock_timeout=0", DependencyError, "took too long"),
        ("-c lock_timeout=200", ContentionError, "in the way"),
    ],
)
def test_what_the_server_does_not_do_is_told(
    store: PostgresStore, option: str, kind: type[DependencyError], what: str
) -> None:
    url = store.engine.url.update_query_dict({"options": option})
    slow = PostgresStore(open_postgres(url), "the store")
    with store.write() as tx:
        assert isinstance(tx, SqlTransaction)
        tx.connection.exec_driver_sql("LOCK TABLE plans IN SHARE MODE")
        with pytest.raises(kind, match=what), slow.write() as mine:
            mine.save_plan("digest", b"x")
        assert tx.plan("digest") is None
    slow.close()


def test_a_database_that_is_read_only(store: PostgresStore) -> None:
    url = store.engine.url.update_query_dict({"options": "-c default_transaction_read_only=on"})
    standby = PostgresStore(open_postgres(url), "the store")
    with pytest.raises(DependencyError, match="read-only"), standby.write() as mine:
        mine.save_plan("digest", b"x")
    standby.close()


def test_servers_that_cannot_be_reached(store: PostgresStore) -> None:
    url = store.engine.url
    for changed in (url.set(port=1), url.set(host="no-such-host.invalid")):
        engine = open_postgres(changed)
        with pytest.raises(DependencyError, match="cannot be reached") as caught:
            check(engine)
        assert caught.value.fix
        engine.dispose()


@pytest.mark.parametrize(
    ("error", "kind", "what"),
    [
        (errors.DiskFull, DependencyError, "disk is full"),
        (errors.AdminShutdown, DependencyError, "stopped"),
        (errors.CannotConnectNow, DependencyError, "stopped, or is starting"),
        (errors.TooManyConnections, DependencyError, "no connection left"),
        (errors.InvalidPassword, DependencyError, "refused the login"),
        (errors.InsufficientPrivilege, DependencyError, "does not allow"),
        (errors.DataCorrupted, DependencyError, "damaged"),
        (errors.DeadlockDetected, ContentionError, "in the way"),
        (errors.SerializationFailure, ContentionError, "in the way"),
        (errors.UniqueViolation, ConflictError, "refused a row"),
        (errors.StringDataRightTruncation, ConflictError, "refused a row"),
        (errors.ProgramLimitExceeded, ConflictError, "refused a row"),
        (errors.UndefinedTable, UsageError, "no tables"),
    ],
)
def test_errors_are_told_by_their_code_and_never_quote(error: type[psycopg.Error], kind: type, what: str) -> None:
    told = translate(error("secret@example.org is in this text"), "x")
    assert type(told) is kind
    assert what in told.what
    assert "secret" not in repr((told.what, told.why, told.where, told.fix))


@pytest.mark.parametrize(
    ("more", "what"),
    [({"username": "stranger"}, "refused the login"), ({"database": "nowhere"}, "no such database")],
)
def test_who_is_refused_at_the_door_is_told_why(postgres: str, more: dict[str, str], what: str) -> None:
    """There libpq gives a text and no code."""
    engine = open_postgres(sa.make_url(postgres).set(drivername="postgresql+psycopg", **more))  # type: ignore[arg-type]
    with pytest.raises(DependencyError, match=what) as caught:
        check(engine)
    assert "stranger" not in caught.value.why + caught.value.fix
    engine.dispose()


def test_a_value_that_the_database_cannot_keep_is_the_fault_of_its_row(store: PostgresStore) -> None:
    with pytest.raises(ConflictError), store.write() as tx:
        tx.save_plan("nul \x00", b"x")


# -- versions -----------------------------------------------------------------------------------------------
def test_the_migrated_schema_is_the_one_of_the_tables(store: PostgresStore) -> None:
    with store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
        migrated = _indexes(connection)
        for name in ("alembic_version", *tables.metadata.tables):
            connection.exec_driver_sql(f"DROP TABLE {name}")
        tables.metadata.create_all(connection)
        assert _indexes(connection) - {("feeds", "seed")} == migrated
        connection.rollback()


def _indexes(connection: sa.Connection) -> set[tuple[str, ...]]:
    query = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
    return {tuple(row) for row in connection.exec_driver_sql(query)}


def test_texts_sort_byte_by_byte_as_in_sqlite(store: PostgresStore) -> None:
    query = (
        "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'public' AND data_type LIKE 'character%%'"
    )
    query += " AND table_name <> 'alembic_version' AND collation_name IS DISTINCT FROM 'C'"
    with store.engine.connect() as connection:
        assert connection.exec_driver_sql(query).scalar() == 0


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_database_of_the_first_version_keeps_what_is_in_it(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if database == "sqlite":
        engine = open_sqlite(tmp_path / "old.db")
    else:
        engine = open_postgres(sa.make_url(request.getfixturevalue("postgres")))
    config = Config()
    config.set_main_option("script_location", str(Path(orchestrator.store.__path__[0]) / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        columns = "task_id, request_id, system, due_on, lease_minutes, body"
        insert = sa.text(f"INSERT INTO outbox ({columns}) VALUES ('t', 'r', 'crm', '1', 0, :b)")
        connection.execute(insert, {"b": b"body"})
        connection.execute(sa.text("INSERT INTO plans (digest, body) VALUES ('d', :b)"), {"b": b"plan"})
    with pytest.raises(UsageError, match="older"):
        check(engine)
    migrate(engine)
    check(engine)
    store = PostgresStore(engine, "x") if database == "postgres" else open_store(_settings(tmp_path, path="old.db"))
    with store.write() as tx:
        assert tx.plan("d") == b"plan"
        assert [one.task_id for one in tx.outbox_free({"crm": 9})["crm"]] == ["t"], "not released yet"
    store.close()
    engine.dispose()


def test_a_database_of_a_newer_version_is_refused_and_left_alone(store: PostgresStore) -> None:
    other(store, "UPDATE alembic_version SET version_num = '9999'")
    for work in (check, migrate):
        with pytest.raises(UsageError, match="newer version"):
            work(store.engine)
    other(store, f"UPDATE alembic_version SET version_num = '{HEAD}'")
    check(store.engine)


def test_a_database_without_tables_is_refused(postgres: str) -> None:
    engine = open_postgres(sa.make_url(postgres))
    with pytest.raises(UsageError, match="no tables") as caught:
        check(engine)
    assert "expunge store migrate" in caught.value.fix
    engine.dispose()


# -- settings -----------------------------------------------------------------------------------------------
def _settings(home: Path, path: str = "x.db", **changes: Any) -> Settings:
    return Settings(
        home=home, file=home / "expunge.toml", store=home / path, keys=home, exports=home, policy=Policy(), limits={},
        systems=(), **changes,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "environ", "what"),
    [
        ({"store_url": "postgresql://me:secret@host/x"}, {}, "password does not belong"),
        ({"store_url": "mysql://host/x"}, {}, "PostgreSQL is served"),
        ({"store_url": "not a url"}, {}, "not the URL"),
        ({"store_url_env": "STORE"}, {}, "STORE is not set"),
        ({"store_url_env": "STORE"}, {"STORE": "secret"}, "not the URL"),
    ],
)
def test_a_wrong_url_is_told_with_its_setting_and_never_shown(
    tmp_path: Path, changes: dict[str, str], environ: dict[str, str], what: str
) -> None:
    with pytest.raises(UsageError, match=what) as caught:
        open_engine(_settings(tmp_path, **changes), environ)
    assert "expunge.toml" in caught.value.where
    assert "secret" not in repr((caught.value.what, caught.value.why, caught.value.where, caught.value.fix))


def test_a_password_may_come_by_the_environment_and_is_never_in_an_errors_place(tmp_path: Path) -> None:
    settings = _settings(tmp_path, store_url_env="STORE")
    made = open_store(settings, {"STORE": "postgres://me:secret@127.0.0.1:1/expunge"})
    with pytest.raises(DependencyError) as caught, made.read():
        pass
    assert caught.value.where == "127.0.0.1/expunge"
    made.close()


# -- a queue that much went through ---------------------------------------------------------------------------
def test_what_has_gone_through_the_outbox_is_not_visited_again_and_again(store: PostgresStore) -> None:
    with store.write() as tx:
        tx.connection.exec_driver_sql("ALTER TABLE outbox SET (autovacuum_enabled = off)")
    for turn in range(4):
        ids = [f"{turn}.{number}" for number in range(500)]
        with store.write() as tx:
            tx.outbox_add([OutboxRow(one, "r", "crm", "2026-01-01", 0, b"x" * 500) for one in ids])
        with store.write() as tx:
            assert len(tx.outbox_free({"crm": 999})["crm"]) == len(ids)
            tx.outbox_released("2026-01-01", dict.fromkeys(ids, b"y" * 500))
            assert tx.outbox_in_flight(["crm"]) == {}, "no other waits to be released"
        with store.write() as tx:
            tx.outbox_remove(ids)
    with store.write() as tx:
        tx.outbox_add([OutboxRow("last", "r", "crm", "2026-01-01", 0, b"x")])

    def look() -> int:
        before = _pages(store)
        with store.write() as tx:
            assert tx.outbox_in_flight(["crm"]) == {"crm": 0}
            assert [one.task_id for one in tx.outbox_free({"crm": 9})["crm"]] == ["last"]
        return _pages(store) - before

    # Whoever looks marks what is dead, as soon as no transaction of the whole server is older.
    until = time.monotonic() + 20
    while (pages := look()) >= 100 and time.monotonic() < until:
        time.sleep(0.2)
    assert pages < 100, "2,000 tasks went through, each in two versions"


def test_who_releases_for_a_system_is_alone_with_it_and_others_release_for_others(store: PostgresStore) -> None:
    with store.write() as tx, store.write() as beside:
        tx.outbox_add([OutboxRow("t", "r", "crm", "2026-01-01", 0, b"x")])
        assert tx.alone_of(["release crm"]) == ["release crm"]
        assert beside.alone_of(["release crm", "release hr"]) == ["release hr"]
        assert tx.alone_of(["release hr", "release crm"]) == ["release crm"]
    with store.write() as tx:
        assert tx.alone_of(["release hr", "release crm"]) == ["release hr", "release crm"]


def _pages(store: PostgresStore) -> int:
    """Pages of the outbox and its indexes that were asked for so far, by whomever."""
    query = sa.text(
        "SELECT heap_blks_read + heap_blks_hit + idx_blks_read + idx_blks_hit FROM pg_statio_user_tables"
        " WHERE relname = 'outbox'"
    )
    with store.write() as tx:
        tx.connection.exec_driver_sql("SELECT pg_stat_force_next_flush()")
    with store.write() as tx:
        return int(tx.connection.execute(query).scalar_one())
