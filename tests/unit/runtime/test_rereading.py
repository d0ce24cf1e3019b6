"""After ``expunge store recover``: until when the topics are read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.bus.recovering import to_read_again
from orchestrator.ports import Position
from orchestrator.runtime import rereading
from orchestrator.runtime.rereading import Rereading
from tests.support.rig import Rig, Templates

GROUP = "expunge.orchestrator"
ENDS = [
    Position("requests", 0, 3, "id-r"),
    Position("confirmations", 0, 9, "id-c"),
    Position("confirmations", 1, 0, "id-c"),
]
IDS = {"requests": "id-r", "confirmations": "id-c"}


@pytest.fixture
def rig(tmp_path: Path, templates: Templates) -> Rig:
    return Rig(tmp_path, templates)


def read_to(rig: Rig, *positions: Position) -> None:
    with rig.store.write() as tx:
        tx.save_positions(GROUP, positions)


def noted(rig: Rig) -> list[Position]:
    with rig.store.read() as tx:
        return tx.positions(to_read_again(GROUP))


def test_nothing_was_recovered_nothing_is_read_again(rig: Rig) -> None:
    assert not Rereading(rig.store, GROUP, IDS)()


def test_read_again_up_to_where_the_topics_ended_by_any_process_and_then_never_more(rig: Rig) -> None:
    with rig.store.write() as tx:
        tx.put_positions(to_read_again(GROUP), ENDS)
    first, second = Rereading(rig.store, GROUP, IDS), Rereading(rig.store, GROUP, IDS)
    assert first()
    read_to(rig, ENDS[0], Position("confirmations", 0, 8, "id-c"))
    assert first()
    read_to(rig, ENDS[1])
    assert not first(), "a partition in which nothing stands has nothing to be read"
    assert noted(rig) == []
    assert not second()
    with rig.store.write() as tx:
        tx.put_positions(to_read_again(GROUP), [*ENDS[:1], Position("confirmations", 0, 99, "id-c")])
    assert not first(), "recover wants every process to be stopped: what it notes is for those that start"
    assert Rereading(rig.store, GROUP, IDS)()


def test_a_topic_that_was_made_again_has_nothing_of_then(rig: Rig) -> None:
    with rig.store.write() as tx:
        tx.put_positions(to_read_again(GROUP), ENDS)
    read_to(rig, ENDS[0])
    assert not Rereading(rig.store, GROUP, IDS | {"confirmations": "another"})()


def test_what_cannot_be_read_any_more_is_not_waited_for_for_ever(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    with rig.store.write() as tx:
        tx.put_positions(to_read_again(GROUP), ENDS)
    one = Rereading(rig.store, GROUP, IDS)
    assert one()
    monkeypatch.setattr(rereading, "_now", lambda: one._until)
    assert not one()
    assert noted(rig) == []
