"""The orchestrator's database restored from an earlier hour, and a topic made again under a running process.

Refused with a way out, healed by ``expunge store recover``, and nothing lost: neither what was in the middle of its way
when the backup was made, nor what came after it.
"""

from __future__ import annotations

import json

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from schemas.topics import REQUESTS, tasks_of
from tests.support import bus
from tests.support.bus import wait_for
from tests.support.company import bystanders_differ, made_up
from tests.support.fleet import Fleet
from tests.support.home import erasure, outcomes_of
from tests.support.working import ending

pytestmark = [pytest.mark.timeout(240)]


_TO_READ_AGAIN = "SELECT next_offset FROM positions WHERE consumer_group LIKE '%: to read again'"


def _copy(fleet: Fleet, source: str, target: str) -> None:
    """Copy a database that nobody uses; what was there under that name is gone."""
    url = sa.make_url(fleet.one.settings.store_url).set(drivername="postgresql+psycopg", database="postgres")
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f'DROP DATABASE IF EXISTS "{target}" WITH (FORCE)')
        connection.exec_driver_sql(f'CREATE DATABASE "{target}" TEMPLATE "{source}"')


def _publish(fleet: Fleet, *numbers: int) -> None:
    fleet.one.publish([erasure(f"r{n}", email=made_up(n).email) for n in numbers])


def test_a_restored_database_is_refused_healed_and_loses_nothing_and_a_topic_made_again_is_noticed(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    people = [1002, 1004, 1005, 1008, 1010, 1011]
    before = fleet.company.snapshot_bystanders(people)
    name = str(sa.make_url(fleet.one.settings.store_url).database)
    first = fleet.orchestrate()
    with ending(first):
        _publish(fleet, 1002, 1004)
        wait_for(lambda: len(fleet.events(tasks_of("crm").name)) == 2, 60)
        assert first.end(60)[0] == 0
    _copy(fleet, name, f"{name}_backup")  # both are in the middle of their way

    workers = [fleet.start("connect", "crm"), fleet.start("connect", "hr")]
    with ending(*workers):
        second = fleet.orchestrate()
        with ending(second):
            _publish(fleet, 1005, 1008)
            wait_for(lambda: fleet.closed(["r1002", "r1004", "r1005", "r1008"]), 90)
            assert second.end(60)[0] == 0
        told = fleet.one.records()
        assert len(told) == 4
        _copy(fleet, f"{name}_backup", name)
        assert set(fleet.phases()) == {"r1002", "r1004"}, "an hour is gone"

        refused = [fleet.orchestrate(), fleet.start("orchestrate", "--bus", "faust")]
        with ending(*refused):
            for one in refused:
                one.process.wait(60)
                assert one.process.returncode == 3
                error = json.loads(one.said().splitlines()[-1])["error"]
                assert "was the database restored?" in error["why"]
                assert "expunge store recover" in error["fix"]
        assert set(fleet.phases().values()) == {("discovering", 0)}, "refused before anything was done"
        capsys.readouterr()
        assert fleet.expunge("store", "check") == 1
        assert "expunge store recover" in capsys.readouterr().out
        wait_for(lambda: fleet.expunge("store", "recover") == 0, 60)
        assert len(fleet.rows(_TO_READ_AGAIN)) == 4, "two topics of two partitions"

        third = fleet.orchestrate()
        with ending(third):
            wait_for(lambda: fleet.closed(["r1002", "r1004", "r1005", "r1008"]), 90)
            # Old answers alone may close them all; whoever polls next notes that everything was read.
            wait_for(lambda: fleet.rows(_TO_READ_AGAIN) == [], 60)
            # A topic is made again under a running process; what comes in then is not read from an old offset.
            bus.recreate(fleet.one.kafka, {REQUESTS.name: 2})
            _publish(fleet, 1010)
            third.process.wait(60)
            assert third.process.returncode == 3
            error = json.loads(third.said().splitlines()[-1])["error"]
            assert "deleted and made again" in error["what"]
            assert "expunge store recover" in error["fix"]
        wait_for(lambda: fleet.expunge("store", "recover") == 0, 60)
        fourth = fleet.orchestrate()
        with ending(fourth):
            _publish(fleet, 1011)
            wait_for(lambda: fleet.closed(f"r{n}" for n in people), 90)
            assert fourth.end(60)[0] == 0
        assert [one.end(60)[0] for one in workers] == [0, 0]

    fleet.nothing_is_buried()
    assert fleet.rows("SELECT * FROM parked") == []
    capsys.readouterr()
    assert fleet.expunge("store", "check") == 0, capsys.readouterr().out
    for request_id, record in fleet.one.records().items():
        outcomes = outcomes_of(record)
        # Erased long ago, and found gone now: what it was is still known from before the erasure (I2).
        assert msgspec.to_builtins(outcomes["crm/contacts"]) | {"looked_at": ""} == {
            "outcome": "anonymised", "before": 1, "method": "anonymise", "looked_at": "",
        }  # fmt: skip
        if request_id in told:
            assert {key: type(one) for key, one in outcomes_of(told[request_id]).items()} == {
                key: type(one) for key, one in outcomes.items()
            }
    assert bystanders_differ(before, fleet.company.contents(), people) == []
