"""The shop of the tests, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.connectors.sql.shop import ROWS, SCHEMA, Shop, admin_engine


def sqlite_shop(folder: Path) -> Shop:
    return Shop("sqlite:///shop.sqlite", folder, admin_engine(f"sqlite:///{folder / 'shop.sqlite'}"))


@pytest.fixture
def lite(tmp_path: Path) -> Shop:
    """The shop on SQLite."""
    shop = sqlite_shop(tmp_path)
    shop.run(SCHEMA + ROWS)
    return shop


@pytest.fixture(params=["sqlite", "postgres"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Shop:
    """The shop on each database."""
    if request.param == "sqlite":
        one = sqlite_shop(tmp_path)
        one.run(SCHEMA + ROWS)
        return one
    url = request.getfixturevalue("postgres")
    one = Shop(url, tmp_path, admin_engine(url))
    one.run(SCHEMA + ROWS)
    return one
