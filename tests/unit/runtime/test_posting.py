"""Checkpoints by mail: once a period, once for many processes, again after a failure; nobody waits for the server."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from orchestrator.errors import DependencyError
from orchestrator.ports import CheckpointMail, CheckpointRow
from orchestrator.runtime.posting import Posting, next_mail
from orchestrator.settings import Settings, load
from orchestrator.settings.ledger_mail import LedgerMailSettings
from orchestrator.store.database import open_sqlite
from orchestrator.store.figures import Figures
from orchestrator.store.migrate import migrate
from orchestrator.store.postgres import PostgresStore, open_postgres
from orchestrator.store.store import SqlStore
from tests.support.ledgers import add, leaf, sequencer

NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
MAIL = LedgerMailSettings("dpo@example.org", "expunge@example.com", "127.0.0.1:25", "none")


class Clock:
    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> dt.datetime:
        return self.at


class Server:
    """Takes mails, or does not."""

    def __init__(self) -> None:
        self.subjects: list[str] = []
        self.away = False
        self.before: Callable[[], None] = lambda: None

    def send(self, mail: EmailMessage) -> None:
        self.before()
        if self.away:
            raise DependencyError("the mail server did not take a checkpoint")
        self.subjects.append(mail["Subject"])


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    if request.param == "sqlite":
        made = SqlStore(open_sqlite(tmp_path / "store.db"), "store.db")
    else:
        made = PostgresStore(open_postgres(sa.make_url(request.getfixturevalue("postgres"))), "store")
    migrate(made.engine)
    yield made
    made.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "expunge.toml").write_text('version = 1\n[systems.crm]\nconnector = "sql"\nmap = "crm.toml"\n')
    return msgspec.structs.replace(load(tmp_path), ledger_mail=MAIL)


def grow(store: SqlStore, name: str) -> None:
    add(store, leaf(name))
    sequencer(store).turn()


def test_the_newest_checkpoint_goes_out_once_a_period(store: SqlStore, settings: Settings) -> None:
    clock, server = Clock(), Server()
    posting = Posting(settings, store, clock, send=server.send)
    assert not posting.turn(), "there is no checkpoint"
    grow(store, "r1")
    assert posting.turn()
    assert not posting.turn()
    grow(store, "r2")
    grow(store, "r3")
    clock.at += DAY / 2
    assert not posting.turn()
    assert not Posting(settings, store, clock, send=server.send).turn(), "a new process knows what was sent"
    clock.at += DAY / 2
    assert posting.turn()
    clock.at += DAY
    assert not posting.turn(), "nothing is new"
    assert server.subjects == ["Checkpoint 1 of test.example/ledger", "Checkpoint 3 of test.example/ledger"]


def test_a_server_that_is_away_is_tried_again_with_pauses_that_grow(store: SqlStore, settings: Settings) -> None:
    clock, server = Clock(), Server()
    posting = Posting(settings, store, clock, send=server.send)
    grow(store, "r1")
    server.away = True
    tried = []

    def note() -> None:
        tried.append(round((clock.at - NOW).total_seconds() / 60))

    server.before = note
    for _ in range(60 * 24):
        posting.turn()
        clock.at += dt.timedelta(minutes=1)
    assert tried == [0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 871, 1231]
    due = {one.name: one.value for one in Figures(store, clock)()}["expunge_oldest_checkpoint_mail_seconds"]
    assert due == 24 * 3600
    grow(store, "r2")
    server.away = False
    clock.at += DAY
    assert posting.turn()
    assert server.subjects == ["Checkpoint 2 of test.example/ledger"], "the newest, not the one that failed"
    assert {one.name: one.value for one in Figures(store, clock)()}["expunge_oldest_checkpoint_mail_seconds"] == 0


def test_i11_killed_while_it_sends_it_goes_out_again_and_is_known(store: SqlStore, settings: Settings) -> None:
    clock, server = Clock(), Server()
    grow(store, "r1")

    class KilledError(BaseException):
        pass

    def die() -> None:
        raise KilledError

    server.before = die
    with pytest.raises(KilledError):
        Posting(settings, store, clock, send=server.send).turn()
    server.before = lambda: None
    other = Posting(settings, store, clock, send=server.send)
    assert not other.turn(), "who has begun may still be at it"
    clock.at += dt.timedelta(minutes=2)
    assert other.turn()
    assert server.subjects == ["Checkpoint 1 of test.example/ledger"]


def test_many_processes_send_one(store: SqlStore, settings: Settings) -> None:
    clock, server = Clock(), Server()
    grow(store, "r1")
    begun = threading.Barrier(4)

    def one() -> None:
        begun.wait(10)
        Posting(settings, store, clock, send=server.send).turn()

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.subjects) == 1


def test_nobody_waits_for_the_server_while_the_ledger_grows(store: SqlStore, settings: Settings) -> None:
    clock, server = Clock(), Server()
    grow(store, "r1")
    stuck, free = threading.Event(), threading.Event()

    def hang() -> None:
        stuck.set()
        free.wait(20)

    server.before = hang
    thread = threading.Thread(target=Posting(settings, store, clock, send=server.send).turn)
    thread.start()
    assert stuck.wait(20)
    grow(store, "r2")  # no transaction is open while a server takes its time
    free.set()
    thread.join()
    with store.read() as tx:
        last = tx.last_checkpoint()
        assert last is not None
        assert last.size == 2


def test_without_an_address_nothing_is_sent(store: SqlStore, settings: Settings) -> None:
    server = Server()
    grow(store, "r1")
    none = msgspec.structs.replace(settings, ledger_mail=LedgerMailSettings())
    assert not Posting(none, store, Clock(), send=server.send).turn()
    assert server.subjects == []


def test_a_restored_store_sends_no_smaller_checkpoint() -> None:
    sent = CheckpointMail(9, "2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z", 1, "2026-01-01T00:00:00.000Z")
    assert next_mail([sent], CheckpointRow(5, "2026-01-02T00:00:00.000Z", b""), NOW, DAY) is None
