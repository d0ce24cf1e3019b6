"""The sequencer: every fact has one leaf, every leaf one number, and what was handed over outside has the say."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.testing.people import SUBJECT
from orchestrator.engine.sequencing import MOST, LedgerKeys, Sequencer
from orchestrator.errors import ConflictError, DependencyError
from orchestrator.files.anchors import AnchorFolder
from orchestrator.keys.notes import LedgerSigner, LedgerVerifier
from orchestrator.ledger import entries, notes
from orchestrator.ports import LeafRow
from orchestrator.store.database import open_sqlite
from orchestrator.store.migrate import migrate
from orchestrator.store.postgres import PostgresStore, open_postgres
from orchestrator.store.store import SqlStore, SqlTransaction
from schemas.requests import Right
from tests.support.ledgers import ORIGIN, add, checked, leaf, own, sequencer
from tests.support.rig import Rig
from tests.unit.engine.test_crashes import Killed


class _Clock:
    def now(self) -> dt.datetime:
        return dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    made = SqlStore(open_sqlite(tmp_path / "store.db"), "store.db")
    migrate(made.engine)
    yield made
    made.close()


@pytest.fixture(params=["sqlite", "postgres"])
def another(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], SqlStore]:
    """Give what opens one and the same database, as another process would."""
    if request.param == "sqlite":
        return lambda: SqlStore(open_sqlite(tmp_path / "shared.db"), "shared.db")
    url = sa.make_url(request.getfixturevalue("postgres"))
    return lambda: PostgresStore(open_postgres(url), "shared.db")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "dpo"
    made.mkdir()
    return made


def facts(rig: Rig, request_id: str) -> list[LeafRow]:
    with rig.store.read() as tx:
        return tx.leaves_of(request_id)


# -- facts become leaves --------------------------------------------------------------------------------------
def test_every_fact_of_a_request_is_a_leaf_and_its_document_is_at_hand(rig: Rig) -> None:
    rig.seed(SUBJECT)
    rig.submit("r1", email=SUBJECT.email)
    rig.pump()
    assert sequencer(rig.store).turn() == 3
    found = facts(rig, "r1")
    assert [one.fact for one in found] == ["received", "completed", "answered.1"]
    (jws,) = (bytes(row[4]) for row in rig.rows("records"))  # type: ignore[call-overload]
    received, completed, answered = found
    assert completed.entry == hashlib.sha256(jws).digest()
    assert completed.statement is None, "the record is the document"
    said = entries.read(received.statement or b"")
    assert isinstance(said, entries.Received)
    assert received.entry == hashlib.sha256(received.statement or b"").digest()
    (record,) = rig.records("r1")
    assert (said.request_id, said.right, said.received_at) == ("r1", "erasure", record.received_at)
    assert (said.due_at, said.controllers) == (record.due_at, record.controllers)
    told = entries.read(answered.statement or b"")
    assert isinstance(told, entries.Answered)
    (body,) = (row[2] for row in rig.rows("notices") if json.loads(row[2])["data"]["kind"] == "answer")  # type: ignore[arg-type]
    assert told.notice_sha256 == hashlib.sha256(body).hexdigest()  # type: ignore[arg-type]
    assert (told.record_id, told.answered_at) == ("r1.1", record.completed_at)
    assert len({record.salt, said.salt, told.salt}) == 3
    checked(rig.store)


def test_what_is_met_later_is_a_leaf_of_its_own(rig: Rig) -> None:
    rig.seed(SUBJECT)
    rig.submit("r1", email=SUBJECT.email)
    rig.pump()
    sequencer(rig.store).turn()
    rig.clock.move(days=366 * 11)
    rig.pump()
    assert len(rig.records("r1")) > 1
    sequencer(rig.store).turn()
    assert [one.fact for one in facts(rig, "r1")][3:5] == ["discharged.2", "answered.2"]
    checked(rig.store)


def test_a_replay_and_a_second_delivery_write_no_leaf_again(rig: Rig) -> None:
    rig.seed(SUBJECT)
    rig.submit("r1", Right.ACCESS, email=SUBJECT.email)
    rig.pump()
    before = rig.rows("ledger_leaves")
    rig.submit("r1", Right.ACCESS, email=SUBJECT.email)
    rig.reopen()
    rig.pump()
    assert rig.engine.audit() == []
    assert rig.rows("ledger_leaves") == before


def test_a_leaf_says_nothing_of_a_person(rig: Rig) -> None:
    rig.seed(SUBJECT)
    rig.submit("r1", email=SUBJECT.email)
    rig.pump()
    sequencer(rig.store).turn()
    raw = repr([rig.rows(one) for one in ("ledger_leaves", "ledger_tiles", "ledger_checkpoints")]).lower()
    for word in (SUBJECT.email, hashlib.sha256(SUBJECT.email.encode()).hexdigest()):
        assert word.lower() not in raw


# -- numbers --------------------------------------------------------------------------------------------------
def test_many_at_once_leave_no_gap_and_give_no_number_twice(another: Callable[[], SqlStore]) -> None:
    first = another()
    migrate(first.engine)
    writers = 4
    failed: list[BaseException] = []
    written = threading.Barrier(writers)

    def work(me: int) -> None:
        mine = another()
        try:
            numbering = sequencer(mine)
            written.wait()
            for turn in range(25):
                add(mine, *(leaf(f"r{me}.{turn}.{at}") for at in range(8)))
                numbering.turn()
        except BaseException as error:
            failed.append(error)
            raise
        finally:
            mine.close()

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(work, range(writers)))
    assert not failed
    sequencer(first).turn()
    assert checked(first) == writers * 25 * 8
    first.close()


class Dying(SqlStore):
    """A store whose process dies at the n-th thing the sequencer does in a write transaction."""

    left = 0

    @contextlib.contextmanager
    def write(self) -> Iterator[Any]:
        with super().write() as tx:
            yield _Watched(tx, self)
            self.step()

    def step(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


class _Watched:
    def __init__(self, tx: SqlTransaction, store: Dying) -> None:
        self._tx = tx
        self._store = store

    def __getattr__(self, name: str) -> Any:
        self._store.step()
        return getattr(self._tx, name)


def test_wherever_it_dies_the_next_one_gives_the_same_numbers(tmp_path: Path) -> None:
    died = 0
    for at in range(1, 60):
        store = Dying(open_sqlite(tmp_path / f"{at}.db"), "store.db")
        migrate(store.engine)
        add(store, *(leaf(f"r{one}") for one in range(300)))
        sequencer(store).turn()
        add(store, *(leaf(f"s{one}") for one in range(300)))
        store.left = at
        try:
            sequencer(store).turn()
        except Killed:
            died += 1
            assert checked(store) == 300, "all of it or nothing"
        assert sequencer(store).turn() == (300 if store.left <= 0 and died == at else 0)
        assert checked(store) == 600
        store.close()
        if died < at:
            break
    assert died > 8


def test_more_than_a_batch_is_numbered_in_one_turn(store: SqlStore) -> None:
    add(store, *(leaf(f"r{one}") for one in range(2 * MOST + 7)))
    assert sequencer(store).turn() == 2 * MOST + 7
    assert sequencer(store).turn() == 0
    assert checked(store) == 2 * MOST + 7


def test_of_one_moment_a_receipt_comes_before_its_end(store: SqlStore) -> None:
    add(store, leaf("r1", "answered.1"), leaf("r1", "completed"), leaf("r1", "received"))
    sequencer(store).turn()
    with store.read() as tx:
        assert [one.fact for one in tx.leaves_of("r1")] == ["received", "completed", "answered.1"]


def test_a_number_is_given_once_whoever_asks(store: SqlStore) -> None:
    add(store, leaf("r1"), leaf("r2"))
    one, two = leaf("r1"), leaf("r2")
    one.number = two.number = 5
    with pytest.raises(ConflictError), store.write() as tx:
        tx.number_leaves([one, two])


# -- what was handed over -------------------------------------------------------------------------------------
def test_checkpoints_are_copied_out_and_a_folder_that_is_away_stops_only_the_ledger(
    store: SqlStore, folder: Path
) -> None:
    numbering = sequencer(store, AnchorFolder(folder))
    add(store, leaf("r1"))
    numbering.turn()
    (copy,) = folder.iterdir()
    assert copy.name == "checkpoint-1.txt"
    folder.rename(folder.with_name("unplugged"))
    add(store, leaf("r2"))
    assert numbering.turn() == 0
    refused = numbering.refused
    assert isinstance(refused, DependencyError)
    folder.with_name("unplugged").rename(folder)
    assert (numbering.turn(), numbering.refused) == (1, None)
    assert sorted(one.name for one in folder.iterdir()) == ["checkpoint-1.txt", "checkpoint-2.txt"]
    checked(store)


def test_a_checkpoint_that_was_not_handed_over_before_a_kill_is_handed_over_by_the_next(
    store: SqlStore, folder: Path
) -> None:
    add(store, leaf("r1"))
    sequencer(store).turn()
    sequencer(store, AnchorFolder(folder)).turn()
    assert [one.name for one in folder.iterdir()] == ["checkpoint-1.txt"]


def test_a_ledger_smaller_than_what_was_handed_over_does_not_grow(tmp_path: Path, folder: Path) -> None:
    file = tmp_path / "store.db"
    store = SqlStore(open_sqlite(file), "store.db")
    migrate(store.engine)
    add(store, leaf("r1"))
    sequencer(store, AnchorFolder(folder)).turn()
    store.scrub()
    store.close()
    backup = file.read_bytes()
    store = SqlStore(open_sqlite(file), "store.db")
    add(store, leaf("r2"))
    sequencer(store, AnchorFolder(folder)).turn()
    store.close()
    for one in tmp_path.glob("store.db*"):
        one.unlink()
    file.write_bytes(backup)
    store = SqlStore(open_sqlite(file), "store.db")
    add(store, leaf("r3"))
    numbering = sequencer(store, AnchorFolder(folder))
    assert numbering.turn() == 0
    assert numbering.refused is not None
    assert "smaller than it was" in numbering.refused.what
    assert "2 leaves were handed over, 1 are here" in numbering.refused.why
    assert checked(store) == 1, "nothing was written, and what waits still waits"
    store.close()


def test_another_history_of_the_same_size_does_not_grow(store: SqlStore, tmp_path: Path, folder: Path) -> None:
    add(store, leaf("r1"), leaf("r2"))
    sequencer(store, AnchorFolder(folder)).turn()
    forked = SqlStore(open_sqlite(tmp_path / "forked.db"), "forked.db")
    migrate(forked.engine)
    add(forked, leaf("r1"), leaf("r3"))
    sequencer(forked).turn()
    add(forked, leaf("r4"))
    numbering = sequencer(forked, AnchorFolder(folder))
    assert numbering.turn() == 0
    assert numbering.refused is not None
    assert "not the one that was handed over" in numbering.refused.what
    forked.close()


@pytest.mark.parametrize("how", ["altered", "foreign key", "foreign name"])
def test_an_anchor_that_is_not_ours_stops_the_growth(store: SqlStore, folder: Path, how: str) -> None:
    add(store, leaf("r1"))
    sequencer(store, AnchorFolder(folder)).turn()
    copy = folder / "checkpoint-1.txt"
    note = notes.parse(copy.read_bytes())
    if how == "altered":
        copy.write_bytes(copy.read_bytes().replace(b"\n1\n", b"\n2\n"))
    elif how == "foreign key":
        copy.write_bytes(notes.signed(note.text, [LedgerSigner(ORIGIN, bytes(32))]).raw())
    else:
        text = note.text.replace(ORIGIN, "other.example/ledger")
        copy.write_bytes(notes.signed(text, own("").signers).raw())
    add(store, leaf("r2"))
    numbering = sequencer(store, AnchorFolder(folder))
    assert numbering.turn() == 0
    assert numbering.refused is not None
    assert ("another ledger" if how == "foreign name" else "not one of ours") in numbering.refused.what


def test_a_store_that_was_tampered_with_is_not_signed_over(store: SqlStore) -> None:
    add(store, *(leaf(f"r{one}") for one in range(5)))
    sequencer(store).turn()
    with store.write() as tx:
        tx.save_tiles({(0, 0): bytes(32) + (tx.tile(0, 0) or b"")[32:]})
    add(store, leaf("r9"))
    numbering = sequencer(store)
    assert numbering.turn() == 0
    assert numbering.refused is not None
    assert "damaged" in numbering.refused.what
    with store.write() as tx:
        tx.connection.execute(sa.text("DELETE FROM ledger_tiles"))
    assert numbering.turn() == 0
    assert "missing" in numbering.refused.why


def test_a_ledger_keeps_its_name_and_two_keys_sign_while_they_change(store: SqlStore) -> None:
    add(store, leaf("r1"))
    sequencer(store, origin=ORIGIN).turn()
    new = LedgerSigner(ORIGIN, bytes(range(2, 34)))

    def both(origin: str) -> LedgerKeys:
        assert origin == ORIGIN
        return LedgerKeys(origin, [new, *own(origin).signers], [LedgerVerifier.of(new.vkey), *own(origin).keys])

    add(store, leaf("r2"))
    sequencer(store, keys=both).turn()
    add(store, leaf("r3"))
    Sequencer(store, lambda name: LedgerKeys(name, [new], [LedgerVerifier.of(new.vkey)]), _Clock()).turn()
    with store.read() as tx:
        signed = [len(notes.parse(one.note).signatures) for one in tx.all_checkpoints()]
    assert signed == [1, 2, 1]
    assert checked(store, [*own("").keys, LedgerVerifier.of(new.vkey)]) == 3  # type: ignore[list-item]
    numbering = sequencer(store, origin="another.example/name")
    add(store, leaf("r4"))
    assert numbering.turn() == 0
    assert numbering.refused is not None
    assert "another name" in numbering.refused.what
