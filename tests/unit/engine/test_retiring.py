"""Evidence goes at the end of its own retention, whole, and history still verifies."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from connectors.testing.people import OTHER, SUBJECT
from orchestrator.engine.retiring import EVERY, Retiring
from orchestrator.engine.stored import load_state
from orchestrator.errors import UsageError, VerificationError
from orchestrator.keys import trusting
from orchestrator.ledger import bundle
from orchestrator.ledger.trust import Trust
from orchestrator.ports import HoldRow
from orchestrator.runtime import exporting
from orchestrator.runtime.sequencing import sequencer
from orchestrator.store.store import SqlTransaction
from tests.support.rig import PLAIN, PostgresRig, Rig, Templates

MONTHS = 36
PERIOD = 3 * 365 + 2
TABLES = ("records", "notices", "requests", "dead_letters", "capsules", "subjects")


class Home:
    """Two requests that are done, numbered; nothing is owed of either."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.rig.seed(SUBJECT, OTHER)
        self.rig.submit("r1", email=SUBJECT.email)
        self.rig.pump()
        self.number()
        self.rig.clock.move(days=100)
        self.rig.submit("r2", email=OTHER.email)
        self.rig.pump()
        self.number()

    def number(self) -> None:
        sequencer(self.rig.settings, self.rig.store, self.rig.keys, self.rig.clock).turn()

    def retire(self) -> int:
        return Retiring(self.rig.store, self.rig.clock, MONTHS).turn()

    def left(self, request_id: str) -> set[str]:
        found = set()
        with self.rig.store.read() as tx:
            for table in TABLES:
                query = sa.text(f"SELECT count(*) FROM {table} WHERE request_id = :id")
                if tx.connection.execute(query, {"id": request_id}).scalar_one():
                    found.add(table)
        return found

    def trust(self) -> Trust:
        with self.rig.store.read() as tx:
            origin = exporting.newest(tx)[1].origin
        keys = self.rig.keys.ledger(origin)
        return trusting.pinned([self.rig.settings.keys / "record.pub.jwk"], [keys[0].vkey], None)


@pytest.fixture(params=["sqlite", "postgres"])
def home(request: pytest.FixtureRequest, tmp_path: Path, templates: Templates) -> Iterator[Home]:
    if request.param == "sqlite":
        rig = Rig(tmp_path / "home", templates, PLAIN)
    else:
        rig = PostgresRig(tmp_path / "home", templates, request.getfixturevalue("postgres"), PLAIN)
    yield Home(rig)
    rig.close()


def test_all_of_it_goes_when_its_period_is_over_and_nothing_before(home: Home) -> None:
    home.rig.clock.move(days=PERIOD - 102)
    assert home.retire() == 0
    home.rig.clock.move(days=3)
    secret = home.rig.history("r1")[-1].body
    assert secret is not None
    assert home.retire() == 1
    assert home.left("r1") == set()
    assert home.left("r2") == {"records", "notices", "requests"}
    assert [row.body for row in home.rig.history("r1")] == [None]
    assert home.retire() == 0
    assert home.rig.engine.audit() == []
    assert home.rig.store.scrub()
    assert secret not in b"".join(one.read_bytes() for one in home.rig.home.glob("expunge.db*"))


def test_two_at_once_delete_each_of_them_once(home: Home) -> None:
    home.rig.clock.move(days=2 * PERIOD)
    with ThreadPoolExecutor(2) as pool:
        done = [pool.submit(home.retire) for _ in range(2)]
    assert sum(one.result() for one in done) == 2
    assert home.left("r1") == home.left("r2") == set()


def test_history_verifies_and_says_how_much_was_deleted(home: Home) -> None:
    with home.rig.store.read() as tx:
        earlier = tx.all_checkpoints()[0].note
    before = exporting.some(home.rig.store, home.rig.keys, ["r2"])["documents"]
    home.rig.clock.move(days=PERIOD - 90)
    day = home.rig.clock.now().date().isoformat()
    home.retire()
    assert list(exporting.check(home.rig.store)) == []
    found = bundle.check(exporting.whole(home.rig.store, home.rig.keys), home.trust(), earlier)
    assert (found.deleted, found.deleted_until, found.ended) == (3, day, {"r2"})
    assert exporting.some(home.rig.store, home.rig.keys, ["r2"])["documents"] == before
    home.rig.submit("r3", email=SUBJECT.email)  # the ledger grows on
    home.rig.pump()
    home.number()
    assert list(exporting.check(home.rig.store)) == []
    assert bundle.check(exporting.whole(home.rig.store, home.rig.keys), home.trust(), earlier).deleted == 3


def test_what_is_lost_is_told_from_what_was_deleted(home: Home) -> None:
    home.rig.clock.move(days=PERIOD - 90)
    home.retire()
    with home.rig.store.write() as tx:
        tx.connection.execute(sa.text("DELETE FROM records WHERE request_id = 'r2'"))
    (said,) = exporting.check(home.rig.store)
    assert said == "the document of leaf 4 is missing, and no retention has ended"
    with pytest.raises(VerificationError, match="leaf 4 is missing, and nobody says that its retention has ended"):
        bundle.check(exporting.whole(home.rig.store, home.rig.keys), home.trust())


def test_what_should_be_gone_and_is_not_is_found(home: Home) -> None:
    with home.rig.store.write() as tx:
        tx.connection.execute(sa.text("UPDATE ledger_leaves SET retired_at = '2026-05-01' WHERE number = 0"))
    (said,) = exporting.check(home.rig.store)
    assert said == "the document of leaf 0 is here, and was to be deleted on 2026-05-01"


@pytest.mark.parametrize("scope", ["", "crm", "hr/people crm/customers"])
def test_a_hold_stops_it_until_it_is_released(home: Home, scope: str) -> None:
    now = "2026-03-01T12:00:00.000Z"
    with home.rig.store.write() as tx:
        tx.add_hold(HoldRow("h1", "litigation", "", "legal", "2030-01-01", now, scope, None, None, 0), [])
    home.rig.clock.move(days=2 * PERIOD)
    assert home.retire() == 0
    with home.rig.store.write() as tx:
        tx.release_hold("h1", now, "legal")
    assert home.retire() == 2


def test_what_hangs_on_something_stays(home: Home) -> None:
    home.rig.clock.move(days=2 * PERIOD)
    with home.rig.store.write() as tx:
        tx.connection.execute(sa.text("UPDATE ledger_leaves SET number = NULL WHERE number = 5"))
    assert home.retire() == 1
    assert home.left("r2") == {"records", "notices", "requests"}


def test_it_is_off_unless_somebody_said_so_and_looks_once_an_hour(home: Home) -> None:
    home.rig.clock.move(days=PERIOD - 90)
    assert Retiring(home.rig.store, home.rig.clock, 0).turn() == 0
    one = Retiring(home.rig.store, home.rig.clock, MONTHS)
    assert one.turn() == 1
    home.rig.clock.move(days=200)
    assert one.turn() == 1
    assert one.turn() == 0
    home.rig.clock.move(seconds=EVERY.total_seconds() - 1)
    assert one.turn() == 0


def test_a_kill_in_the_middle_leaves_all_of_it_or_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.rig.clock.move(days=PERIOD - 90)
    real = SqlTransaction.retire

    def killed(self: SqlTransaction, request_ids: list[str], at: str) -> None:
        real(self, request_ids, at)
        raise KeyboardInterrupt

    monkeypatch.setattr(SqlTransaction, "retire", killed)
    with pytest.raises(KeyboardInterrupt):
        home.retire()
    monkeypatch.undo()
    home.rig.close()
    home.rig.reopen()
    assert home.left("r1") == {"records", "notices", "requests"}
    assert home.rig.engine.audit() == []
    assert home.retire() == 1


def test_its_id_is_taken_and_whoever_asks_hears_why(home: Home) -> None:
    home.rig.clock.move(days=PERIOD - 90)
    home.retire()
    with pytest.raises(UsageError, match="closed and forgotten"):
        home.rig.submit("r1", email=SUBJECT.email)
    with home.rig.store.read() as tx, pytest.raises(UsageError, match="request r1 was deleted on 2029-"):
        load_state(tx, "r1")
    with pytest.raises(UsageError, match="request r1 was deleted on"):
        exporting.some(home.rig.store, home.rig.keys, ["r1"])
