"""A state machine test against a simple model: for each person, what every store still holds."""

from __future__ import annotations

import copy

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from orchestrator.core.events import Incident
from schemas.outcomes import Deleted, Kept
from schemas.requests import Right
from tests.support.simulated import FAULTS, Row, Store, World, company, person
from tests.support.stories import COMPANY, at, speaks

NEW, OVER = "2025-06-01", "2010-01-01"
NAMES = [one.system for one in COMPANY.systems]


class Core(RuleBasedStateMachine):
    """The machine among its systems. The model: the rows that were put there."""

    world: World

    @initialize(bills=st.lists(st.sampled_from([NEW, OVER]), min_size=1, max_size=3), clicks=st.integers(0, 2))
    def arrives(self, bills: list[str], clicks: int) -> None:
        self.before = company(bills=tuple(bills), clicks=clicks)
        self.world = World(COMPANY, copy.deepcopy(self.before), Right.ERASURE)
        self.put: list[tuple[str, str]] = []

    @property
    def waiting(self) -> int:
        return len(self.world.answers)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def an_answer_arrives(self, data: st.DataObject) -> None:
        self.world.deliver(data.draw(st.integers(0, self.waiting - 1)))

    @precondition(lambda self: self.world.said)
    @rule(data=st.data())
    def an_answer_arrives_again(self, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(self.world.said) - 1))
        # What said nothing new when it came only the inbox remembers (test_confirmations has it): after the close
        # the core has forgotten whom it knew, and would look again, which is never wrong and never needed.
        unheard = getattr(self.world.said[place], "sha256", "") in self.world.unheard
        if not (self.world.story.closed() and unheard):
            assert self.world.again(place).ignored

    @precondition(lambda self: not self.waiting)
    @rule()
    def time_passes(self) -> None:
        if not self.world.story.closed():
            self.world.fire()

    @rule(name=st.sampled_from(NAMES), fault=st.sampled_from(sorted(FAULTS)))
    def a_system_breaks(self, name: str, fault: str) -> None:
        self.world.stores[name].faults.append(fault)

    @rule(name=st.sampled_from(["", *NAMES]))
    def something_is_odd(self, name: str) -> None:
        story = self.world.story
        story.told(Incident(request_id="req", observed_at=at(story.now), reason="contradictory_answer", system=name))

    @precondition(lambda self: self.world.story.state.attention)
    @rule()
    def a_person_mends_it(self) -> None:
        self.world.resume()

    @precondition(lambda self: "customer-0" in str(self.world.story.state.known) and not self.world.story.closed())
    @rule(day=st.sampled_from([NEW]))
    def an_invoice_is_written(self, day: str) -> None:
        # The shop goes on; the law wants this one kept, whenever it was written.
        key = f"person-0/late-{len(self.put)}"
        found = (person(0)["cookie_id"], person(0)["employee_id"])
        self.world.stores["crm"].rows["invoices"][key] = Row("person-0", frozenset({"customer-0"}), found, day)
        self.put.append((key, day))

    @invariant()
    def i06_it_never_waits_in_silence(self) -> None:
        if hasattr(self, "world"):
            assert self.world.story.closed() or speaks(self.world.story.state)

    @invariant()
    def i08_what_the_law_keeps_is_never_gone(self) -> None:
        if hasattr(self, "world"):
            rows = self.world.stores["crm"].rows["invoices"]
            kept = {key for key, row in self.before["crm"].rows["invoices"].items() if row.anchor == NEW}
            assert kept | {key for key, _ in self.put} <= set(rows)

    @invariant()
    def i09_bystanders_are_untouched(self) -> None:
        if hasattr(self, "world"):
            for name, store in self.world.stores.items():
                assert others(store) == others(self.before[name])

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        world.close()
        left = world.left("person-0")
        left.pop(("hr", "staff"))
        rows = left.pop(("crm", "invoices"), [])
        assert not left, "closed, and something is still there that is not kept"
        assert all(row.anchor == NEW for row in rows)
        record = world.story.records[-1]
        lines = {(s.system, r.name): r.outcome for s in record.systems for r in s.record_sets}
        told = lines["crm", "invoices"]
        if isinstance(told, Kept):
            # What was written after the last look of the erasure is not in it, and is masked at its review.
            assert sum(row.masked for row in rows) <= told.count <= len(rows)
            assert record.result == "partly_fulfilled"
        else:
            assert isinstance(told, Deleted)
            assert not any(row.masked for row in rows)


def others(store: Store) -> dict[str, dict[str, Row]]:
    return {
        name: {key: row for key, row in rows.items() if row.owner != "person-0"} for name, rows in store.rows.items()
    }


TestCore = Core.TestCase
TestCore.settings = settings(deadline=None, max_examples=80, stateful_step_count=40)
