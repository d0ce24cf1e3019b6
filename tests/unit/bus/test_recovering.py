"""Where store and brokers do not fit, what the store has not read is read again."""

from __future__ import annotations

import pytest

from orchestrator.bus.offsets import Partition, compare
from orchestrator.bus.recovering import plan
from orchestrator.ports import Position

FINE = Partition("expunge.requests", 1, "id", 0, 50, 40)
AT = Position("expunge.requests", 1, 40, "id")


@pytest.mark.parametrize(
    ("broker", "stored", "kind", "after", "gone"),
    [
        ((0, 90, 80), (60, "id"), "ahead", 60, 0),
        ((70, 90, 80), (60, "id"), "ahead", 70, 10),
        ((3, 90, 80), None, "ahead", 3, 0),
        ((0, 5, 5), (60, "old"), "recreated", 0, 0),
        ((0, 5, None), (60, "old"), "recreated", 0, 0),
        ((70, 90, 60), (60, "id"), "lost", 70, 10),
        ((2, 50, 50), (60, "id"), "cut", 2, 0),
    ],
)
def test_a_partition_in_trouble_is_read_from_where_the_store_stands(
    broker: tuple[int, int, int | None], stored: tuple[int, str] | None, kind: str, after: int, gone: int
) -> None:
    partition = Partition("expunge.requests", 0, "id", *broker)
    positions = [AT] + ([Position("expunge.requests", 0, *stored)] if stored else [])
    todo = plan([partition, FINE], positions)
    (step,) = todo.steps
    assert (step.kind, step.after, step.gone) == (kind, after, gone)
    assert todo.offsets == {("expunge.requests", 0): after}
    assert todo.positions == (Position("expunge.requests", 0, after, "id"), AT)
    # Only where the store is an older one were there answers to what it still asks.
    ends = (Position("expunge.requests", 0, broker[1], "id"), Position("expunge.requests", 1, 50, "id"))
    assert todo.again == (ends if kind == "ahead" else ())
    healed = Partition("expunge.requests", 0, "id", broker[0], broker[1], after)
    assert compare([healed, FINE], todo.positions) == [], "nothing is left to refuse for"


def test_where_everything_fits_nothing_is_moved() -> None:
    todo = plan([FINE], [AT])
    assert (todo.steps, todo.offsets, todo.positions, todo.again) == ((), {}, (AT,), ())
