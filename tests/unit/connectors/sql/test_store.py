from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from connectors import registry
from connectors.contract import ErasureOrder
from connectors.errors import ConnectorError, MisconfiguredError, PermanentError, TransientError
from connectors.settings import SystemSettings
from connectors.sql import connector
from connectors.sql.engine import make_engine
from connectors.sql.errors import translate
from schemas.tasks import Instruction
from tests.unit.connectors.sql.shop import DELETED_MAP, ROWS, SCHEMA, Opened, Shop, ask

ADA = ask(email="ada@x.example")


def test_a_locked_database_is_tried_again_later(lite: Shop) -> None:
    other = sqlite3.connect(lite.folder / "shop.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    opener = lite.opener(DELETED_MAP, lock_timeout=0.05)
    with Opened(opener) as one:
        one.check()
        assert one.locate([ADA])["t1"]["people"].keys == ("[1]",)  # type: ignore[index]
        with pytest.raises(TransientError) as caught:
            lite_erase(one)
        assert caught.value.code == "locked"
        other.execute("ROLLBACK")
        lite_erase(one)
    other.close()
    assert lite.rows("SELECT id FROM people WHERE id = 1") == []


def lite_erase(one: Any) -> None:
    one.erase([ErasureOrder(ADA, {each.name: Instruction() for each in one.record_sets()})])


def test_check_of_a_wholly_locked_database(lite: Shop) -> None:
    other = sqlite3.connect(lite.folder / "shop.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with Opened(lite.opener(DELETED_MAP, lock_timeout=0.05)) as one, pytest.raises(TransientError) as caught:
        one.check()
    assert caught.value.code == "locked"
    other.close()


def test_a_read_only_database(lite: Shop) -> None:
    lite.url += "?mode=ro"
    with pytest.raises(PermanentError) as caught:
        lite.erase(DELETED_MAP, ADA)
    assert caught.value.code == "read_only"
    (found,) = lite.locate(DELETED_MAP, ADA)
    assert found["people"].keys == ("[1]",)


def test_a_table_dropped_while_running(shop: Shop) -> None:
    opener = shop.opener(DELETED_MAP)
    with Opened(opener) as one:
        one.check()
    shop.run("DROP TABLE visits")
    with Opened(opener) as one, pytest.raises(PermanentError) as caught:
        one.locate([ADA])
    assert caught.value.code == "missing_table"


def test_a_column_dropped_while_running(shop: Shop) -> None:
    opener = shop.opener(DELETED_MAP)
    with Opened(opener) as one:
        one.check()
    shop.run("DROP TABLE visits;\nCREATE TABLE visits (id INTEGER PRIMARY KEY)")
    with Opened(opener) as one, pytest.raises(PermanentError) as caught:
        one.locate([ADA])
    assert caught.value.code == "missing_column"


def test_a_full_disk(lite: Shop) -> None:
    lite.run(
        "CREATE TABLE grow (id INTEGER PRIMARY KEY, email TEXT, name TEXT);\nINSERT INTO grow (email) VALUES ('a')"
    )
    text = """
[[record_set]]
name = "grow"
table = "grow"
match = { email = [{ field = "email" }] }
erase = "anonymise"
personal = ["email", "name"]
anonymise = { email = "{null}", name = "LONG" }
""".replace("LONG", "x" * 20_000)
    opener = lite.opener(text)

    @sa.event.listens_for(opener()._system.held._engine, "connect")  # type: ignore[attr-defined]
    def _(connection: Any, __: Any) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    with Opened(opener) as one, pytest.raises(TransientError) as caught:
        one.erase([ErasureOrder(ask(email="a"), {"grow": Instruction()})])
    assert caught.value.code == "disk_full"
    assert lite.rows("SELECT email FROM grow") == [("a",)]


def test_no_database_is_made_where_there_is_none(tmp_path: Path, lite: Shop) -> None:
    lite.url = "sqlite:///other.sqlite"
    with pytest.raises(TransientError) as caught:
        lite.locate(DELETED_MAP, ADA)
    assert caught.value.code == "unreachable"
    with pytest.raises(MisconfiguredError) as wrong:
        lite.warnings(DELETED_MAP)
    assert "no such file" in str(wrong.value)
    assert not (tmp_path / "other.sqlite").exists()


def test_a_file_that_is_no_database(lite: Shop) -> None:
    (lite.folder / "text.sqlite").write_bytes(b"nothing of the kind " * 100)
    lite.url = "sqlite:///text.sqlite"
    with pytest.raises(PermanentError) as caught:
        lite.locate(DELETED_MAP, ADA)
    assert caught.value.code == "corrupt"


def test_a_server_that_is_not_there(lite: Shop) -> None:
    lite.url = "postgresql://nobody:secret@127.0.0.1:1/none"
    with pytest.raises(TransientError) as caught:
        lite.locate(DELETED_MAP, ADA)
    assert caught.value.code == "unreachable"


class WithState(psycopg.Error):
    def __init__(self, sqlstate: str) -> None:
        super().__init__("text with data")
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("state", "kind", "code"),
    [
        ("08006", TransientError, "unreachable"),
        ("57P01", TransientError, "unreachable"),
        ("57014", TransientError, "timeout"),
        ("53100", TransientError, "disk_full"),
        ("53300", TransientError, "overloaded"),
        ("55P03", TransientError, "locked"),
        ("40P01", TransientError, "locked"),
        ("40001", TransientError, "locked"),
        ("23505", PermanentError, "constraint"),
        ("25006", PermanentError, "read_only"),
        ("28P01", PermanentError, "credentials"),
        ("42501", PermanentError, "permission"),
        ("42P01", PermanentError, "missing_table"),
        ("42703", PermanentError, "missing_column"),
    ],
)
def test_states_of_postgresql(state: str, kind: type[ConnectorError], code: str) -> None:
    error = translate(sa.exc.DBAPIError("SELECT", {}, WithState(state)))
    assert type(error) is kind
    assert error.code == code


def test_what_is_not_known_stays_as_it_is_and_hides_its_values(shop: Shop) -> None:
    assert translate(sa.exc.DBAPIError("SELECT", {}, WithState("22012"))) is None
    assert translate(sa.exc.DBAPIError("SELECT", {}, sqlite3.Error("odd"))) is None
    assert translate(sa.exc.DBAPIError("SELECT", {}, sqlite_error(sqlite3.SQLITE_TOOBIG))) is None
    assert make_engine(shop.settings(DELETED_MAP))[0].hide_parameters
    wrong_password = psycopg.OperationalError("password authentication failed")
    error = translate(sa.exc.DBAPIError("SELECT", {}, wrong_password))
    assert isinstance(error, PermanentError)
    assert error.code == "credentials"


def sqlite_error(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("text")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (sqlite3.SQLITE_IOERR, "io_error"),
        (sqlite3.SQLITE_BUSY | (1 << 8), "locked"),
        (sqlite3.SQLITE_LOCKED, "locked"),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, "constraint"),
        (sqlite3.SQLITE_AUTH, "permission"),
    ],
)
def test_codes_of_sqlite(code: int, expected: str) -> None:
    error = translate(sa.exc.DBAPIError("SELECT", {}, sqlite_error(code)))
    assert error is not None
    assert error.code == expected


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "either url or url_env"),
        ({"url": "sqlite:///a", "url_env": "B"}, "either url or url_env"),
        ({"url_env": "EXPUNGE_NO_SUCH_VARIABLE"}, "EXPUNGE_NO_SUCH_VARIABLE is not set"),
        ({"url": "secret-that-is-no-url"}, "not a database URL"),
        ({"url": "mysql://secret@host/x"}, "no such kind of database"),
        ({"url": "postgresql+asyncpg://secret@host/x"}, "psycopg"),
        ({"url": "sqlite://"}, "needs a file"),
        ({"url": "sqlite:///:memory:"}, "needs a file"),
        ({"url": "sqlite:///a?mode=rwc"}, "mode is rw or ro"),
        ({"ulr": "sqlite:///a"}, "did you mean 'url'"),
        ({"url": "sqlite:///a", "lock_timeout": "5"}, "seconds"),
        ({"url": "sqlite:///a", "lock_timeout": True}, "seconds"),
        ({"url": "sqlite:///a", "lock_timeout": -1}, "seconds"),
    ],
)
def test_wrong_options(lite: Shop, options: dict[str, Any], said: str) -> None:
    settings = lite.settings(DELETED_MAP)
    with pytest.raises(MisconfiguredError) as caught:
        connector(SystemSettings("crm", settings.map_file, settings.base, options))
    assert said in str(caught.value)
    assert str(caught.value).startswith("expunge.toml: [systems.crm]")
    assert "secret" not in str(caught.value)


def test_the_url_may_come_from_the_environment_and_paths_from_the_base(
    lite: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_URL", "sqlite:///shop.sqlite")
    monkeypatch.chdir(os.sep)
    settings = lite.settings(DELETED_MAP)
    settings = SystemSettings("crm", settings.map_file, settings.base, {"url_env": "SHOP_URL"})
    with Opened(registry.factory("sql", settings)) as one:
        assert one.locate([ADA])["t1"]["people"].keys == ("[1]",)  # type: ignore[index]


def test_odd_characters_in_the_path(tmp_path: Path) -> None:
    folder = tmp_path / "a b#c%20"
    folder.mkdir()
    shop = Shop(
        "sqlite:///shop.sqlite",
        folder,
        sa.create_engine("sqlite://", creator=lambda: sqlite3.connect(folder / "shop.sqlite")),
    )
    shop.run(SCHEMA + ROWS)
    (found,) = shop.locate(DELETED_MAP, ADA)
    assert found["people"].keys == ("[1]",)
