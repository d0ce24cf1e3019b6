from __future__ import annotations

import pytest

from orchestrator.bus.offsets import Partition, Trouble, compare, refuse
from orchestrator.errors import DependencyError
from orchestrator.ports import Position


def partition(*, start: int = 0, end: int = 100, committed: int | None = None, topic_id: str = "id") -> Partition:
    return Partition("t", 0, topic_id, start, end, committed)


@pytest.mark.parametrize(
    ("broker", "store", "kind"),
    [
        (partition(), None, None),
        (partition(committed=0), None, None),
        (partition(start=40, committed=40), None, None),
        (partition(committed=1), None, "ahead"),
        (partition(committed=50), Position("t", 0, 50, "id"), None),
        (partition(committed=49), Position("t", 0, 50, "id"), None),
        (partition(committed=51), Position("t", 0, 50, "id"), "ahead"),
        (partition(), Position("t", 0, 50, "id"), None),
        (partition(committed=50, topic_id="other"), Position("t", 0, 50, "id"), "recreated"),
        (partition(committed=50, topic_id="other"), Position("t", 0, 50), None),
        (partition(start=51), Position("t", 0, 50, "id"), "lost"),
        (partition(start=50), Position("t", 0, 50, "id"), None),
        (partition(end=49), Position("t", 0, 50, "id"), "cut"),
    ],
)
def test_store_and_brokers_fit_or_the_reason_is_named(
    broker: Partition, store: Position | None, kind: str | None
) -> None:
    found = compare([broker], [store] if store else [])
    assert [one.kind for one in found] == ([kind] if kind else [])


def test_a_group_that_is_ahead_of_the_store_refuses_and_names_the_command() -> None:
    refuse([], "g")
    ahead = Trouble("ahead", "expunge.requests", 3, 5, 9)
    with pytest.raises(DependencyError) as caught:
        refuse([ahead, Trouble("cut", "expunge.requests", 4, 5, 1)], "g")
    error = caught.value
    assert error.what == "store and brokers do not fit (and 1 more partitions)"
    assert error.where == "topic expunge.requests, partition 3"
    assert error.why == "group g is at offset 9, the store at 5: was the database restored?"
    assert error.fix == "run `expunge store recover`"
    assert error.exit_code == 3
