from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from orchestrator.cli import listing, queries
from orchestrator.cli.desk import Desk
from orchestrator.cli.format import Format
from orchestrator.cli.screen import Screen
from orchestrator.errors import UsageError
from orchestrator.ports import JournalRow, ParkedRow
from orchestrator.settings import Settings
from orchestrator.store import tables as t
from orchestrator.store.database import open_sqlite
from orchestrator.store.migrate import migrate
from orchestrator.store.store import SqlStore

AT = "2026-11-23T13:24:05.238Z"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    engine = open_sqlite(tmp_path / "expunge.db")
    migrate(engine)
    made = SqlStore(engine, "store")
    yield made
    made.close()


@pytest.fixture
def show(store: SqlStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[listing.What, int], int]:
    def shown(what: listing.What, limit: int) -> int:
        desk = Desk(tmp_path, Screen(Format.TEXT))
        monkeypatch.setattr(desk, "settings", lambda: _settings(tmp_path))
        return listing.show_list(desk, what, limit)

    return shown


def _settings(home: Path) -> Settings:
    from orchestrator.settings import Policy

    return Settings(home, home, home / "expunge.db", home, home, Policy(), {}, ())


def insert(store: SqlStore, table: sa.Table, **values: Any) -> None:
    with store.write() as tx:
        tx.connection.execute(sa.insert(table).values(**values))


def add(store: SqlStore, request_id: str, phase: str, due_on: str, attention: int = 0) -> None:
    result = "fulfilled" if phase == "closed" else None
    insert(
        store,
        t.requests,
        request_id=request_id,
        right="erasure",
        phase=phase,
        result=result,
        attention=attention,
        received_at=AT,
        due_on=due_on,
        logic=1,
        state=b"",
    )


@pytest.fixture
def filled(store: SqlStore) -> SqlStore:
    add(store, "later", "acting", "2026-12-20")
    add(store, "old", "closed", "2026-10-01")
    add(store, "new", "closed", "2026-11-01")
    add(store, "sooner", "discovering", "2026-12-10", attention=2)
    insert(
        store,
        t.dead_letters,
        source="/systems/crm",
        event_id="e",
        request_id="later",
        observed_at=AT,
        error="SealError",
        sealed=b"",
    )
    insert(
        store,
        t.obligations,
        request_id="old",
        place=0,
        kind="backup_horizon",
        system="crm",
        record_set="",
        due="2026-12-28",
        text="",
    )
    return store


def test_open_ones_come_first_by_deadline_then_closed_ones_newest_first(filled: SqlStore) -> None:
    assert [one.request_id for one in queries.requests(filled, "all", 50)] == ["sooner", "later", "new", "old"]
    assert [one.request_id for one in queries.requests(filled, "all", 3)] == ["sooner", "later", "new"]
    assert [one.request_id for one in queries.requests(filled, "all", 1)] == ["sooner"]
    assert [one.request_id for one in queries.requests(filled, "open", 50)] == ["sooner", "later"]
    assert [one.request_id for one in queries.requests(filled, "attention", 50)] == ["sooner"]


def test_totals_count_each_request_once(filled: SqlStore) -> None:
    assert queries.totals(filled) == queries.Totals(open=2, closed=2, attention=1, waiting=0)


def test_lists_are_readable(
    filled: SqlStore, show: Callable[[listing.What, int], int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert show("all", 2) == 0
    out, err = capsys.readouterr()
    assert "discovering, NEEDS ATTENTION" in out
    assert "2 open (0 not begun), 2 closed, 1 need attention; 2 shown" in err
    show("all", 50)
    assert "closed: fulfilled" in capsys.readouterr().out
    show("dead", 50)
    assert "SealError" in capsys.readouterr().out
    show("obligations", 50)
    assert "backups still hold it until then" in capsys.readouterr().out


def test_what_is_parked_says_why_and_whether_it_is_ever_given_up(
    store: SqlStore, show: Callable[[listing.What, int], int], capsys: pytest.CaptureFixture[str]
) -> None:
    for name, reason, until in (("r1", "unknown_key", None), ("r2", "too_early", AT)):
        row = ParkedRow(f"id-of-{name}", "/somebody", b"h", name, "T", reason, AT, 3, AT, until, b"sealed")
        with store.write() as tx:
            tx.park([row])
    show("parked", 50)
    out = " ".join(capsys.readouterr().out.split())
    assert "a key that is not held" in out
    assert "never" in out
    assert "not known yet" in out
    assert "somebody" not in out
    show("parked", 1)
    assert "r2" not in capsys.readouterr().out


@pytest.mark.parametrize("what", ["all", "attention", "dead", "obligations", "parked"])
def test_an_empty_list_prints_no_data(
    store: SqlStore,
    show: Callable[[listing.What, int], int],
    what: listing.What,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert show(what, 50) == 0
    assert capsys.readouterr().out == ""


def test_a_request_whose_plan_is_gone_is_an_error(store: SqlStore) -> None:
    with pytest.raises(UsageError) as caught:
        queries.page(store, "nobody")
    assert caught.value.what == "no request nobody"


def test_a_request_that_could_not_be_read_leads_to_the_dead_letters(store: SqlStore) -> None:
    row = JournalRow("/intake", "broken", "broken", "x", AT, b"", b"", None, "dead")
    with store.write() as tx:
        tx.journal([row])
    with pytest.raises(UsageError) as caught:
        queries.page(store, "broken")
    assert caught.value.fix == "see `expunge list --dead`"


@pytest.mark.parametrize("body", [None, b"", b"nonsense", b'{"event": "of_a_later_version"}'])
def test_an_event_that_cannot_be_read_is_no_event(body: bytes | None) -> None:
    assert queries.event_of(JournalRow("/a", "b", "c", "d", AT, b"", body, None, "applied")) is None
