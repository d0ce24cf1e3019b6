"""The shop of the tests, on SQLite and, where ``EXPUNGE_TEST_POSTGRES`` names a database, on PostgreSQL."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.unit.connectors.sql.shop import ROWS, SCHEMA, Shop, admin_engine

NO_POSTGRES = "EXPUNGE_TEST_POSTGRES is not set (URL of a PostgreSQL database the tests may write to)"


def sqlite_shop(folder: Path) -> Shop:
    return Shop("sqlite:///shop.sqlite", folder, admin_engine(f"sqlite:///{folder / 'shop.sqlite'}"))


@pytest.fixture
def lite(tmp_path: Path) -> Shop:
    """The shop on SQLite."""
    shop = sqlite_shop(tmp_path)
    shop.run(SCHEMA + ROWS)
    return shop


@pytest.fixture(params=["sqlite", "postgres"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    """The shop on each database."""
    if request.param == "sqlite":
        one = sqlite_shop(tmp_path)
        one.run(SCHEMA + ROWS)
        yield one
        return
    base = os.environ.get("EXPUNGE_TEST_POSTGRES")
    if not base:
        pytest.skip(NO_POSTGRES)
    name = f"expunge_test_{secrets.token_hex(6)}"
    plain = sa.make_url(base).set(drivername="postgresql+psycopg")
    url = plain.update_query_dict({"options": f"-csearch_path={name}"}).render_as_string(hide_password=False)
    admin = admin_engine(plain.render_as_string(hide_password=False))
    with admin.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    try:
        one = Shop(url, tmp_path, admin_engine(url))
        one.run(SCHEMA + ROWS)
        yield one
    finally:
        with admin.begin() as connection:
            connection.exec_driver_sql(f"DROP SCHEMA {name} CASCADE")
