"""What an opener holds between connectors: a SQLite log that is in use, and not for longer than there is work."""

from __future__ import annotations

import itertools
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from connectors import registry
from connectors.contract import Connector
from connectors.settings import SystemSettings
from connectors.sql import connector
from connectors.sql.adapter import Opener, SqlConnector
from orchestrator.runtime.embedded import Embedded
from tests.support.home import erasure, make_home, records_of
from tests.support.services import free_port
from tests.unit.connectors.sql.shop import admin_engine

NAME = "Ada Lovelace-Canary"
MAP = """
version = 1
[[record_set]]
name = "people"
table = "people"
match = { email = [{ field = "email" }] }
one_per_subject = true
personal = ["email", "name"]
"""
SYSTEM = '[systems.shop]\nconnector = "sql"\nmap = "shop.toml"\nurl = "sqlite:///shop.db"\n'


def wal_shop(folder: Path) -> Path:
    """Make a database with a write-ahead log that nobody has open."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "shop.toml").write_text(MAP)
    with closing(sqlite3.connect(folder / "shop.db")) as db, db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT UNIQUE, name TEXT)")
        db.execute("INSERT INTO people VALUES (1, 'ada@x.example', ?), (2, 'bob@x.example', 'Bob')", (NAME,))
    return folder / "shop.db"


def shop_opener(folder: Path) -> Opener:
    settings = SystemSettings("shop", folder / "shop.toml", folder, {"url": "sqlite:///shop.db"})
    opener = connector(settings)
    assert isinstance(opener, Opener)
    return opener


def wipe(folder: Path, opener: Opener) -> None:
    """Do what a batch does: a connector on a connection of its own, and bytes of a row in the log."""
    with closing(opener()) as one:
        assert not one.check()
    with closing(sqlite3.connect(folder / "shop.db")) as db, db:
        db.execute("PRAGMA secure_delete = ON")
        db.execute("UPDATE people SET name = ? WHERE id = 1", (NAME + "!",))
        db.execute("DELETE FROM people WHERE id = 1")


def bytes_of(folder: Path) -> bytes:
    return b"".join(one.read_bytes() for one in folder.glob("shop.db*"))


def test_the_log_stays_while_it_is_held_and_goes_with_its_bytes_at_rest(tmp_path: Path) -> None:
    wal = Path(f"{wal_shop(tmp_path)}-wal")
    opener = shop_opener(tmp_path)
    registry.hold(opener)
    registry.hold(opener)
    wipe(tmp_path, opener)
    assert wal.exists()
    registry.rest(opener)
    assert not wal.exists()
    assert NAME.encode() not in bytes_of(tmp_path)
    registry.rest(opener)


def test_nothing_is_held_unless_asked_for(tmp_path: Path) -> None:
    wal = Path(f"{wal_shop(tmp_path)}-wal")
    wipe(tmp_path, shop_opener(tmp_path))
    assert not wal.exists()


def test_a_store_that_cannot_be_opened_is_not_held_and_not_made(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text(MAP)
    opener = shop_opener(tmp_path)
    registry.hold(opener)
    registry.rest(opener)
    assert not (tmp_path / "shop.db").exists()


def test_others_write_while_it_is_held(tmp_path: Path) -> None:
    file = wal_shop(tmp_path)
    opener = shop_opener(tmp_path)
    registry.hold(opener)
    with closing(sqlite3.connect(file, timeout=0)) as db, db:
        db.execute("BEGIN IMMEDIATE")
        db.execute("UPDATE people SET name = 'Bo' WHERE id = 2")
    registry.rest(opener)


def test_a_system_that_never_rests_lets_go_now_and_then(tmp_path: Path) -> None:
    wal = Path(f"{wal_shop(tmp_path)}-wal")
    opener = shop_opener(tmp_path)
    registry.hold(opener)
    wipe(tmp_path, opener)
    assert NAME.encode() in bytes_of(tmp_path)
    for _ in range(1000):
        registry.hold(opener)
    assert wal.exists()
    assert NAME.encode() not in bytes_of(tmp_path)
    registry.rest(opener)


def test_a_locked_store_is_not_waited_for_and_held_when_it_is_free(tmp_path: Path) -> None:
    file = wal_shop(tmp_path)
    settings = SystemSettings(
        "shop", tmp_path / "shop.toml", tmp_path, {"url": "sqlite:///shop.db", "lock_timeout": 60}
    )
    opener = connector(settings)
    with closing(sqlite3.connect(file)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("UPDATE people SET name = 'Bo' WHERE id = 2")
        other.commit()
        began = time.monotonic()
        registry.hold(opener)
        assert time.monotonic() - began < 30
    assert not Path(f"{file}-wal").exists()
    registry.hold(opener)
    assert Path(f"{file}-wal").exists()
    registry.rest(opener)


def test_a_slow_system_does_not_keep_the_others_in_use(tmp_path: Path) -> None:
    systems = SYSTEM + '[systems.slow]\nconnector = "sql"\nmap = "shop.toml"\nurl = "sqlite:///slow.db"\n'
    home = make_home(tmp_path / "home", systems, ["shop", "slow"])
    wal_shop(home).rename(home / "slow.db")
    wal = Path(f"{wal_shop(home)}-wal")
    seen: list[bool] = []
    with Embedded.open(home) as runtime:
        openers = dict(runtime._openers)

        def slow() -> Connector:
            patience = time.monotonic() + 30
            for wanted in (True, False) if not seen else ():
                while wal.exists() is not wanted and time.monotonic() < patience:
                    time.sleep(0.01)
                seen.append(wal.exists() is wanted)
            return openers["slow"]()

        runtime._openers = openers | {"slow": slow}
        runtime.submit([erasure("r1", email="ada@x.example")])
        runtime.run(until_idle=True)
    assert seen == [True, True]
    assert [one.result for one in records_of(home, "r1")] == ["fulfilled"]


def test_an_opener_that_can_hold_nothing_is_fine() -> None:
    def plain() -> Connector:
        raise AssertionError("not to be opened")

    registry.hold(plain)
    registry.rest(plain)
    assert registry.fresh(plain) is plain


def test_i01_who_cannot_give_a_fresh_connection_is_never_asked_to_hold() -> None:
    class Careless:
        def __call__(self) -> Connector:
            raise AssertionError("not to be opened")

        def hold(self) -> None:
            raise AssertionError("not to be held")

        rest = hold

    registry.hold(Careless())
    registry.rest(Careless())


@pytest.mark.parametrize("until_idle", [True, False])
def test_a_runtime_that_has_nothing_to_do_holds_nothing(tmp_path: Path, until_idle: bool) -> None:
    home = make_home(tmp_path / "home", SYSTEM, ["shop"])
    wal = Path(f"{wal_shop(home)}-wal")
    stop = threading.Event()
    with Embedded.open(home) as runtime:
        runtime.submit([erasure("r1", email="ada@x.example")])
        if until_idle:
            runtime.run(until_idle=True)
            assert not wal.exists()
        else:
            loop = threading.Thread(target=lambda: runtime.run(until_idle=False, stop=stop))
            loop.start()
            patience = time.monotonic() + 20
            while (not records_of(home, "r1") or wal.exists()) and time.monotonic() < patience:
                time.sleep(0.05)
            still_there = wal.exists()
            stop.set()
            loop.join(timeout=20)
            assert not still_there
    assert [one.result for one in records_of(home, "r1")] == ["fulfilled"]
    assert NAME.encode() not in bytes_of(home)


# -- PostgreSQL: sessions that are emptied ----------------------------------------------------------------------------
PIDS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


def postgres_opener(folder: Path, url: str) -> Opener:
    (folder / "shop.toml").write_text(MAP)
    opener = connector(SystemSettings("shop", folder / "shop.toml", folder, {"url": url}, "expunge.toml"))
    assert isinstance(opener, Opener)
    return opener


def pid_of(opener: Callable[[], Connector]) -> int:
    with closing(opener()) as one:
        assert isinstance(one, SqlConnector)
        return int(one._open().exec_driver_sql("SELECT pg_backend_pid()").scalar_one())


def test_two_sessions_take_turns_and_end_at_rest(tmp_path: Path, postgres: str) -> None:
    opener = postgres_opener(tmp_path, postgres)
    assert len({pid_of(opener) for _ in range(4)}) == 4, "without hold each connection is new"
    registry.hold(opener)
    registry.hold(opener)
    pids = [pid_of(opener) for _ in range(8)]
    assert len(set(pids)) == 2
    assert all(one != other for one, other in itertools.pairwise(pids))
    registry.rest(opener)
    admin = admin_engine(postgres)
    patience = time.monotonic() + 20
    with admin.connect() as db:
        while (left := db.exec_driver_sql(PIDS).scalars().all()) and time.monotonic() < patience:
            time.sleep(0.05)
            db.rollback()
    admin.dispose()
    assert not set(left) & set(pids)
    assert pid_of(opener) not in pids


def test_a_session_that_is_given_again_is_as_a_new_one(tmp_path: Path, postgres: str) -> None:
    opener = postgres_opener(tmp_path, postgres)
    registry.hold(opener)
    for _ in range(12):  # long enough for a driver that prepares what it sees again and again
        with closing(opener()) as one:
            db = one._open()
            assert db.exec_driver_sql("SHOW search_path").scalar_one() == '"$user", public'
            assert db.exec_driver_sql("SELECT to_regclass('mine')").scalar_one() is None
            assert db.exec_driver_sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").scalar_one() == 0
            db.exec_driver_sql("CREATE TEMP TABLE mine (a int)")
            db.exec_driver_sql("SET search_path = pg_catalog")
            db.exec_driver_sql("SELECT pg_advisory_lock(7)")
            db.commit()
    registry.rest(opener)


def test_i01_the_second_look_is_on_a_new_connection_whatever_is_held(tmp_path: Path, postgres: str) -> None:
    opener = postgres_opener(tmp_path, postgres)
    registry.hold(opener)
    kept = {pid_of(opener), pid_of(opener)}
    looks = [pid_of(registry.fresh(opener)) for _ in range(3)]
    assert len(set(looks)) == 3
    assert not kept & set(looks)
    assert pid_of(opener) in kept
    registry.rest(opener)


def test_a_session_that_the_server_ended_is_replaced(tmp_path: Path, postgres: str) -> None:
    opener = postgres_opener(tmp_path, postgres)
    registry.hold(opener)
    pids = {pid_of(opener), pid_of(opener)}
    admin = admin_engine(postgres)
    with admin.connect() as db:
        for pid in pids:
            db.exec_driver_sql(f"SELECT pg_terminate_backend({pid})")
    admin.dispose()
    assert pid_of(opener) not in pids
    registry.rest(opener)


def test_where_work_never_ends_a_session_does(tmp_path: Path, postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sql.engine.LONGEST_SECONDS", 0)
    opener = postgres_opener(tmp_path, postgres)
    registry.hold(opener)
    assert len({pid_of(opener) for _ in range(6)}) == 6
    registry.rest(opener)


def test_a_server_that_is_away_is_not_held(tmp_path: Path) -> None:
    opener = postgres_opener(tmp_path, f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    registry.hold(opener)
    registry.rest(opener)
