"""The orchestrator's database restored from a backup, or a topic made anew: refused, healed, nothing lost."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from orchestrator.cli import main
from orchestrator.engine.auditing import audit
from orchestrator.engine.stored import StoredPlans
from orchestrator.store.opening import open_store
from schemas.topics import REQUESTS
from tests.support import bus
from tests.support.bus import wait_for
from tests.support.company import Company, made_up
from tests.support.distributed import Installation, Workers
from tests.support.home import erasure
from tests.support.services import Databases

pytestmark = [pytest.mark.timeout(300)]


@pytest.fixture
def installation(tmp_path: Path, kafka: str, postgres: str) -> Installation:
    return Installation(Company.build(tmp_path, 12, dt.date(2026, 3, 1)).home, kafka, postgres)


def phases(one: Installation) -> dict[str, str]:
    """Request id -> phase, as the store has it; and the journal has to lead there."""
    store = open_store(one.settings)
    try:
        with store.read() as tx:
            assert list(audit(tx, StoredPlans())) == []
            rows = tx.connection.execute(sa.text("SELECT request_id, phase FROM requests WHERE attention = 0"))
            return {row[0]: row[1] for row in rows}
    finally:
        store.close()


def copied(url: str, name: str) -> str:
    """Copy a database that nobody uses: the backup."""
    source = sa.make_url(url)
    engine = sa.create_engine(source.set(database="postgres"), isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{name}" TEMPLATE "{source.database}"')
    return source.set(database=name).render_as_string(hide_password=False)


def carry_out(one: Installation, numbers: list[int]) -> None:
    wanted = {f"r{n}" for n in numbers}
    with one.orchestrate("plain") as process:
        one.publish([erasure(f"r{n}", email=made_up(n).email) for n in numbers])
        wait_for(lambda: wanted <= {done.request_id for done, _ in one.completions()}, 120)
        assert process.stop()[0] == 0


def test_a_database_restored_from_an_earlier_hour_is_refused_and_healed_and_nothing_is_lost(
    installation: Installation, workers: Workers, postgres_server: Databases, capsys: pytest.CaptureFixture[str]
) -> None:
    home = ["--home", str(installation.home), "-o", "json"]
    carry_out(installation, [1000, 1001])
    backup = copied(installation.settings.store_url, f"{sa.make_url(installation.settings.store_url).database}_b")
    carry_out(installation, [1002, 1003, 1004])
    file = installation.home / "expunge.toml"
    file.write_text(file.read_text().replace(installation.settings.store_url, backup))
    installation.settings = msgspec.structs.replace(installation.settings, store_url=backup)
    assert set(phases(installation)) == {"r1000", "r1001"}

    code, said = installation.orchestrate("plain").end()
    assert code == 3
    assert "expunge store recover" in said
    capsys.readouterr()
    assert main(["store", "check", *home]) == 1
    found = json.loads(capsys.readouterr().out)
    assert {one["what"] for one in found if one["level"] == "error"} == {"positions"}
    wait_for(lambda: main(["store", "recover", *home]) == 0, 60)
    steps = json.loads(capsys.readouterr().out)
    assert {one["kind"] for one in steps} == {"ahead"}
    assert all(one["after"] < one["before"] and one["gone"] == 0 for one in steps)
    assert main(["store", "recover", *home]) == 0
    assert json.loads(capsys.readouterr().out) == [], "healed: nothing is left to do"

    with installation.orchestrate("plain") as process:
        wait_for(lambda: len(phases(installation)) == 5 and set(phases(installation).values()) == {"closed"}, 120)
        assert process.stop()[0] == 0
    postgres_server.drop(backup)


def test_a_topic_that_was_made_anew_is_noticed_and_read_from_its_beginning(
    installation: Installation, workers: Workers, capsys: pytest.CaptureFixture[str]
) -> None:
    home = ["--home", str(installation.home)]
    carry_out(installation, [1000, 1001])
    bus.recreate(installation.kafka, {REQUESTS.name: 2})
    installation.publish([erasure("r1005", email=made_up(1005).email)])
    code, said = installation.orchestrate("plain").end()
    assert code == 3
    assert "made again" in said
    wait_for(lambda: main(["store", "recover", *home]) == 0, 60)
    assert "recreated" in capsys.readouterr().out
    carry_out(installation, [1006])
    assert phases(installation)["r1005"] == "closed"
