"""Identifiers live as long as they are owed, and no longer (decision 9), down to the bytes of the files."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.testing.people import SUBJECT
from orchestrator.errors import UsageError
from orchestrator.store.store import SqlTransaction
from schemas.identifiers import Identifier
from schemas.requests import RequestForm, Right
from tests.support.rig import PLAIN, Rig, Templates


def _bytes(rig: Rig) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(rig.home.glob("expunge.db*")))


def _sealed(rig: Rig, request_id: str) -> bytes:
    with rig.store.read() as tx:
        return tx.capsules([request_id])[request_id]


@pytest.fixture
def plain(tmp_path: Path, templates: Templates) -> Rig:
    rig = Rig(tmp_path / "home", templates, PLAIN)
    rig.seed(SUBJECT)
    return rig


def test_when_nothing_is_owed_nothing_leads_to_the_person(plain: Rig) -> None:
    plain.submit("r1", email=SUBJECT.email)
    (waiting,) = plain.history("r1")
    assert waiting.wire is not None
    plain.engine.apply_waiting()
    capsules = [_sealed(plain, "r1")]
    task = plain.rows("outbox")[0][5]
    assert isinstance(task, bytes)
    plain.turn()
    capsules.append(_sealed(plain, "r1"))
    assert capsules[-1] in _bytes(plain)
    plain.pump()
    assert plain.state("r1").forgotten
    assert plain.rows("capsules") == plain.rows("subjects") == plain.rows("outbox") == []
    assert plain.store.scrub()
    left = _bytes(plain)
    for secret in (*capsules, waiting.wire, waiting.payload_hash, task):
        assert secret[20:60] not in left
    plain.close()


def test_what_is_kept_keeps_only_what_leads_to_it(rig: Rig) -> None:
    rig.seed(SUBJECT)
    rig.submit("r1", email=SUBJECT.email)
    rig.engine.apply_waiting()
    rig.turn()
    with rig.store.read() as tx:
        before = rig.engine._box.open("r1", tx.capsules(["r1"])["r1"])
    old = _sealed(rig, "r1")
    rig.pump()
    with rig.store.read() as tx:
        after = rig.engine._box.open("r1", tx.capsules(["r1"])["r1"])
    assert set(after.handles) == {"crm"} < set(before.handles)
    assert after.identifiers.items() <= before.identifiers.items()
    assert rig.store.scrub()
    assert old[20:60] not in _bytes(rig)
    rig.clock.move(days=366 * 11)
    rig.pump()
    assert rig.rows("capsules") == rig.rows("subjects") == []


def test_after_forgetting_nobody_can_test_whom_the_request_was_of(plain: Rig) -> None:
    plain.submit("r1", email=SUBJECT.email)
    plain.pump()
    assert plain.history("r1")[0].payload_hash == b""
    form = RequestForm(Right.ERASURE, (Identifier("email", SUBJECT.email),), request_id="r1")
    with pytest.raises(UsageError, match="forgotten") as caught:
        plain.intake.submit([form])
    assert "new request_id" in caught.value.fix
    plain.close()


def test_dead_letters_of_a_forgotten_request_are_emptied(plain: Rig) -> None:
    plain.submit("r1", email=SUBJECT.email)
    plain.engine.apply_waiting()
    task = plain.engine.next_tasks("crm")[0]
    for one in plain.take_back("crm", task):
        plain.engine.confirm([one])
    plain.engine.resume("r1", "operator")
    assert plain.rows("dead_letters")[0][-1] != b""
    plain.pump()
    assert plain.rows("dead_letters")[0][-1] == b""
    assert plain.dead() == [("r1", "IncidentError")], "that it happened stays"
    plain.close()


def test_scrubbing_waits_for_a_reader(rig: Rig) -> None:
    rig.submit("r1", email=SUBJECT.email)
    with rig.store.read() as tx:
        assert isinstance(tx, SqlTransaction)
        tx.connection.exec_driver_sql("SELECT count(*) FROM journal").all()
        rig.engine.apply_waiting()
        rig.store.engine.dispose()
        with rig.store.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout = 10")
        assert rig.store.scrub() is False
    assert rig.store.scrub() is True
