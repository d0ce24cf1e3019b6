"""Holds placed and released at any moment, in any order, twice: what is held is not ordered away (decision 4)."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core.commands_deciding import HoldPlaced, HoldReleased
from orchestrator.core.effects import IssueTask, Recall
from orchestrator.core.events import Recalled
from orchestrator.core.machine import Step
from orchestrator.core.replay import replay
from orchestrator.core.rulings import Hold
from schemas.outcomes import Kept, KeptWhy, Located
from schemas.tasks import Action
from tests.support.simulated import World, company
from tests.support.stories import COMPANY, at

SCOPES = [(), ("crm",), ("crm/contacts",), ("crm/invoices",), ("events",), ("mail/letters", "events/clicks")]
HOLDS = [
    Hold(f"hold-{n}", "litigation", "gdpr-17-3-e", "legal", f"203{n}-01-01", at(), scope)
    for n, scope in enumerate(SCOPES)
]
MOVES = st.lists(
    st.tuples(st.sampled_from(["work", "time", "place", "release", "again"]), st.integers(0, 5)), max_size=40
)

Faults = dict[str, list[str]]
"""What a system answers instead of doing its work, in order; nothing: it does it."""
FAULTS = st.dictionaries(
    st.sampled_from(["crm", "events", "mail"]),
    st.lists(st.sampled_from(["", "transient", "pending", "half"]), max_size=4),
)


class Held(World):
    """A world in which an order lies there until somebody carries it out, and can be called back until then."""

    def __init__(self, order: Any, faults: Faults | None = None) -> None:
        self.order = order
        self.queue: list[IssueTask] = []
        stores = company()
        for name, some in (faults or {}).items():
            stores[name].faults = list(some)
        super().__init__(COMPANY, stores)

    def _carry_out(self, made: Step) -> None:
        self.check(made)
        wanted = {task for one in made.effects if isinstance(one, Recall) for task in one.tasks}
        self.queue += [one for one in made.effects if isinstance(one, IssueTask)]
        gone = tuple(one.task_id for one in self.queue if one.task_id in wanted and self.order.random() < 0.5)
        if gone:
            self.queue = [one for one in self.queue if one.task_id not in gone]
            event = Recalled(request_id="req", observed_at=at(self.story.now), tasks=gone)
            self._carry_out(self.story.told(event))

    def check(self, made: Step) -> None:
        """Nothing that a standing hold covers may be ordered to be erased."""
        for one in made.effects:
            if not isinstance(one, IssueTask) or one.action is not Action.ERASE:
                continue
            assert one.hold_version == made.state.hold_version
            located = made.state.systems[one.system].located
            for name, instruction in one.instructions.items():
                if any(hold.covers(one.system, name, located.get(name)) for hold in made.state.holds):
                    assert instruction.keep is KeptWhy.HOLD
                    assert instruction.review_by

    def work(self, place: int) -> None:
        if self.queue:
            task = self.queue.pop(place % len(self.queue))
            outcomes, links = self._answer(task)
            event = self.story.confirmation(task, outcomes, links)
            self.said.append(event)
            self._told(event)

    def place(self, number: int) -> None:
        one = HoldPlaced(request_id="req", observed_at=at(self.story.now), role="legal", hold=HOLDS[number])
        self._carry_out(self.story.told(one))

    def release(self, number: int) -> None:
        hold_id = HOLDS[number].hold_id
        one = HoldReleased(request_id="req", observed_at=at(self.story.now), role="legal", hold_id=hold_id)
        self._carry_out(self.story.told(one))

    def move(self, what: str, number: int) -> None:
        match what:
            case "work":
                self.work(number)
            case "time":
                self.fire()
            case "place":
                self.place(number)
            case "release":
                self.release(number)
            case _:
                if self.said:
                    self.again(number % len(self.said))

    def rest(self) -> None:
        """Carry out what lies there, and let time go on, mend what stops it, until it is closed."""
        for _ in range(200):
            if self.queue:
                self.work(0)
            elif self.story.closed():
                break
            elif self.stopped():
                self.resume()
            else:
                self.fire()
        assert self.story.closed(), self.story.reasons


@settings(deadline=None, max_examples=200)
@given(moves=MOVES, faults=FAULTS, order=st.randoms(use_true_random=False))
def test_what_is_held_is_never_ordered_to_be_erased_and_the_history_replays(
    moves: list[tuple[str, int]], faults: Faults, order: Any
) -> None:
    one = Held(order, faults)
    for what, number in moves:
        one.move(what, number)
    assert replay(lambda _: COMPANY, one.story.history) == one.story.state
    one.rest()
    for record in one.story.records:
        for system in record.systems:
            for line in system.record_sets:
                assert not isinstance(line.outcome, Located)


@settings(deadline=None, max_examples=100)
@given(moves=MOVES, faults=FAULTS, order=st.randoms(use_true_random=False))
def test_when_all_holds_are_over_only_what_the_law_keeps_is_left(
    moves: list[tuple[str, int]], faults: Faults, order: Any
) -> None:
    one, free = Held(order, faults), Held(order)
    for what, number in moves:
        one.move(what, number)
    one.rest()
    for number in range(len(HOLDS)):
        one.release(number)
        one.rest()
    free.rest()
    if not one.story.state.forgotten:
        kept = {
            (system.system, line.name)
            for record in one.story.records[-1:]
            for system in record.systems
            for line in system.record_sets
            if isinstance(line.outcome, Kept)
        }
        assert kept <= {("crm", "invoices")}
    assert set(one.left("person-0")) <= set(free.left("person-0")) | {("crm", "invoices")}
    assert one.left("person-1") == free.left("person-1")
    assert msgspec.json.encode(one.story.state)
