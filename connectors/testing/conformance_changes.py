"""The cases of the conformance suite for connectors that can do more: correct, restrict, lift, stop.

Each case runs for every capability that the connector has and that some record set has a rule for; it is skipped, with
its reason, where there is none. For corrections the stand has to say what is right (``Stand.corrections``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from connectors.changes import Capability, Change
from connectors.contract import ChangeOrder, TaskId
from connectors.errors import ConnectorError
from connectors.testing.canary import find_canaries
from connectors.testing.checks import match
from connectors.testing.desk import Answer
from connectors.testing.people import OTHER, STRANGER, SUBJECT, Person
from connectors.testing.stand import Stand, listening, opened
from connectors.testing.wrapper import IdleChanger
from schemas.codec import encode
from schemas.outcomes import Failed, NothingHeld, is_final
from schemas.tasks import Action

UNKNOWN_FIELD = "no_such_field"


class ChangeConformance(Stand):
    """The cases. See the module's docstring."""

    def test_changes_all_it_counts(self) -> None:
        for capability, wanted in self._each():
            self._ready(capability, wanted)
            answer, counts = self.located()
            before = self.snapshot()
            outcomes = self._order(capability, wanted, handle=answer.handle).outcomes
            assert set(outcomes) == set(wanted), f"{capability}: answered for {sorted(outcomes)}"
            changed = Counter(name for name, _ in (before - self.snapshot()).elements())
            for name, one in outcomes.items():
                assert is_final(one), f"{capability}: {name}: {one}"
                assert getattr(one, "count", 0) == counts.get(name), f"{capability}: {name}: {one}, not {counts}"
                assert changed[name] == counts.get(name), f"{capability}: {name}: {changed[name]} records changed"

    def test_second_change_changes_nothing(self) -> None:
        for capability, wanted in self._each():
            self._ready(capability, wanted)
            first = self._directly(capability, wanted)
            between = self.snapshot()
            second = self._directly(capability, wanted)
            assert self.snapshot() == between, f"{capability}: the second order changed the store"
            for name in wanted:
                assert not second[name].changed, f"{capability}: {name}: says that it changed something again"
                assert set(first[name].changed) <= set(first[name].records), f"{capability}: {name}: changed, not there"
                assert set(second[name].records) == set(first[name].records), f"{capability}: {name}: other records"

    def test_changes_answer_a_batch_exactly(self) -> None:
        for capability, wanted in self._each():
            self._ready(capability, wanted)
            people = {"t1": SUBJECT, "t2": STRANGER, "t3": OTHER}
            if capability is Capability.RECTIFY:
                del people["t3"]  # what is right for two people may have to be unique
            orders = [ChangeOrder(self.subject(one, task_id), wanted) for task_id, one in people.items()]
            with opened(self.connector()) as connector:
                reports = getattr(connector, capability.value)(orders)
            match(reports, people, set(wanted), capability.value)
            for name in wanted:
                keys = {task_id: set(reports[TaskId(task_id)][name].records) for task_id in people}
                assert keys["t1"], f"{capability}: {name}: nothing was found"
                assert not keys["t2"], f"{capability}: {name}: a stranger was found"
                assert not keys["t1"] & keys.get("t3", set()), f"{capability}: {name}: two persons share a record"

    def test_changing_an_unknown_subject_is_nothing_held(self) -> None:
        for capability, wanted in self._each():
            self._ready(capability, wanted)
            before = self.snapshot()
            outcomes = self._order(capability, wanted, STRANGER).outcomes
            held = {name: one for name, one in outcomes.items() if not isinstance(one, NothingHeld)}
            assert not held, f"{capability}: {held}"
            assert self.snapshot() == before, f"{capability}: the store changed"

    def test_changes_leave_everything_else_untouched(self) -> None:
        for capability, wanted in self._each():
            others = self.snapshot()
            self._ready(capability, wanted)
            name = next(iter(wanted))
            # Of the subject's own records too only those of the record set that was named.
            rest = Counter({one: count for one, count in self.snapshot().items() if one[0] != name})
            self._order(capability, {name: wanted[name]})
            self.untouched(others)
            assert not rest - self.snapshot(), f"{capability}: records of other record sets changed"

    def test_a_change_that_was_not_made_is_noticed(self) -> None:
        for capability, wanted in self._each():
            self._ready(capability, wanted)
            answer, counts = self.located()
            keys = self.desk().keys(answer)
            liar = self.desk(lambda keys=keys: IdleChanger(self.connector()(), keys))  # type: ignore[misc]
            outcomes = self._order(capability, wanted, handle=answer.handle, desk=liar).outcomes
            missed = {name: outcomes[name] for name in wanted if counts.get(name) and is_final(outcomes[name])}
            assert not missed, f"{capability}: what was not done passes for done: {missed}"

    def test_a_field_that_cannot_be_corrected_changes_nothing(self) -> None:
        for capability, wanted in self._each(Capability.RECTIFY):
            self._ready(capability, wanted)
            before = self.snapshot()
            for name, one in wanted.items():
                wrong = {**wanted, name: Change({**one.values, UNKNOWN_FIELD: "x"})}
                outcomes = self._order(capability, wrong).outcomes
                assert all(isinstance(one, Failed) for one in outcomes.values()), f"{name}: accepted: {outcomes}"
                try:
                    self._directly(capability, wrong)
                except ConnectorError:
                    pass
                else:
                    pytest.fail(f"{name}: the connector itself accepts a field that the data map does not name")
                assert self.snapshot() == before, f"{name}: something changed all the same"

    def test_lifting_restores_what_a_restriction_marked(self) -> None:
        for _, wanted in self._each(Capability.LIFT):
            self.seed(SUBJECT)
            before = self.snapshot()
            answer = self._order(Capability.RESTRICT, wanted)
            assert self.snapshot() != before, "the restriction left no mark"
            outcomes = self._order(Capability.LIFT, wanted, handle=answer.handle).outcomes
            assert all(is_final(one) for one in outcomes.values()), f"not lifted: {outcomes}"
            assert self.snapshot() == before, "the store is not as it was before the restriction"

    def test_what_is_restricted_or_stopped_is_still_found_and_erased(self) -> None:
        for capability, wanted in self._each(Capability.RESTRICT, Capability.STOP):
            self._ready(capability, wanted)
            _, counts = self.located()
            self._order(capability, wanted)
            answer, after = self.located()
            assert after == counts, f"{capability}: found {after}, before {counts}"
            outcomes = self.desk().erase(self.identifiers(SUBJECT), self.instructions(counts), answer.handle).outcomes
            bad = {name: one for name, one in outcomes.items() if not is_final(one)}
            assert not bad, f"{capability}: not erased: {bad}"

    def test_killed_while_changing_converges(self) -> None:
        root = self.folder
        for capability, wanted in self._each():
            for point in range(self.crash_points):
                self.prepare(root / f"{capability}-killed-{point}")
                others = self.snapshot()
                self._ready(capability, wanted)
                answer, counts = self.located()
                keys = self.desk().keys(answer)
                self.changing = True
                self.crash(lambda keys=keys, c=capability, w=wanted: self._directly(c, w, keys), point)  # type: ignore[misc]
                self.changing = False
                outcomes = self._order(capability, wanted, handle=answer.handle).outcomes
                lost = {
                    name: outcomes[name] for name in wanted if getattr(outcomes[name], "count", 0) != counts.get(name)
                }
                assert not lost, f"{capability}: killed at point {point}, then run again: {lost}"
                self.untouched(others)

    def test_changes_never_show_the_canary(self) -> None:
        for capability, wanted in self._each():
            self._ready(capability, wanted)
            right = [value for one in wanted.values() for value in one.values.values() if isinstance(value, str)]
            values = (*SUBJECT.values(), *right)
            with listening() as heard:
                clear = encode(self._order(capability, wanted).confirmation)
                if self.break_store():
                    clear += encode(self._order(capability, wanted).confirmation)
            assert not find_canaries(heard(), values), f"{capability}: personal data in logs or output"
            assert not find_canaries(clear, values), f"{capability}: personal data in the clear part of a confirmation"

    # --- what the cases share ---------------------------------------------------------------------

    def _each(self, *only: Capability) -> Iterator[tuple[Capability, dict[str, Change]]]:
        """Give each capability, with changes for all record sets that have a rule; each on a store of its own."""
        found = [(one, wanted) for one in only or Capability if (wanted := self._wanted(one))]
        if not found:
            names = ", ".join(only or Capability)
            pytest.skip(f"conformance: nothing to do for {names}: no capability, no rule, or no corrections()")
        root = self.folder
        for capability, wanted in found:
            self.prepare(root / f"to-{capability}")
            yield capability, wanted

    def _wanted(self, capability: Capability) -> dict[str, Change]:
        with opened(self.connector()) as connector:
            sets = list(connector.record_sets()) if capability in connector.capabilities else []
        right = self.corrections()
        wanted: dict[str, Change] = {}
        for one in sets:
            if capability is Capability.RECTIFY and right.get(one.name):
                wanted[one.name] = Change(right[one.name])
            elif capability is Capability.STOP and one.stop:
                wanted[one.name] = Change(purposes=tuple(one.stop))
            elif capability in {Capability.RESTRICT, Capability.LIFT} and one.restrict is not None:
                wanted[one.name] = Change()
        return wanted

    def _ready(self, capability: Capability, wanted: Mapping[str, Change]) -> None:
        """Seed, so that there is something to change."""
        self.seed(SUBJECT)
        if capability is Capability.LIFT:
            self._order(Capability.RESTRICT, wanted)

    def _order(
        self,
        capability: Capability,
        wanted: Mapping[str, Change],
        person: Person = SUBJECT,
        *,
        handle: str = "",
        desk: Any = None,
    ) -> Answer:
        """Order for some record sets, one purpose list for all: as the orchestrator does."""
        at = desk or self.desk()
        purposes: dict[str, None] = {}
        for one in wanted.values():
            purposes |= dict.fromkeys(one.purposes)
        task = at.task(
            Action(capability),
            self.identifiers(person),
            handle=handle,
            corrections={name: one.values for name, one in wanted.items() if one.values},
            purposes=list(purposes),
            record_sets=[] if capability is Capability.RECTIFY else list(wanted),
        )
        answer: Answer = at.run([task])[0]
        return answer

    def _directly(
        self, capability: Capability, wanted: Mapping[str, Change], keys: Mapping[str, Sequence[str]] | None = None
    ) -> Any:
        """Order without ``execute``: what a worker does that is killed."""
        with opened(self.connector()) as connector:
            reports = getattr(connector, capability.value)([ChangeOrder(self.subject(SUBJECT, keys=keys), wanted)])
        return reports[TaskId("t1")]
