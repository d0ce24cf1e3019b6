"""Connectors that break one promise each about records that are changed and stay; see ``test_broken_connectors``."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from connectors.changes import Capability, ChangeReport, Standing
from connectors.contract import ChangeOrder, ChangeReports, Holding, Inspection, Subject, TaskId
from connectors.errors import PermanentError
from connectors.testing.conformance_changes import UNKNOWN_FIELD
from connectors.testing.fake import FakeConnector, FakeSet
from tests.conformance.registry import caught_by


@caught_by("changes_all_it_counts", "killed_while_changing_converges", "second_change_changes_nothing")
class MarksTheFirstRecordOnly(FakeConnector):
    """And says so of all of them."""

    def _write(self, one: FakeSet, keys: Sequence[str], *rest: Any) -> None:
        super()._write(one, keys[:1], *rest)


@caught_by("second_change_changes_nothing")
class SaysThatItChangedEverything(FakeConnector):
    def _change_for(self, capability: Capability, order: ChangeOrder) -> dict[str, ChangeReport]:
        reports = super()._change_for(capability, order)
        return {name: ChangeReport(one.records, one.records) for name, one in reports.items()}


@caught_by("changes_answer_a_batch_exactly", "changing_an_unknown_subject_is_nothing_held")
class LeavesOutWhoHasNothing(FakeConnector):
    def _change_all(self, capability: Capability, orders: Sequence[ChangeOrder]) -> Mapping[TaskId, ChangeReports]:
        done = super()._change_all(capability, orders)
        return {task_id: one for task_id, one in done.items() if any(report.records for report in one.values())}


@caught_by("changing_an_unknown_subject_is_nothing_held", "changes_answer_a_batch_exactly")
class TakesAStrangerForAnErrorInAChange(FakeConnector):
    def _change_for(self, capability: Capability, order: ChangeOrder) -> dict[str, ChangeReport]:
        if not any(self._found(order.subject).values()):
            raise PermanentError("not_found")
        return super()._change_for(capability, order)


@caught_by("changes_leave_everything_else_untouched")
class ChangesOtherRecordSetsInPassing(FakeConnector):
    def _change_for(self, capability: Capability, order: ChangeOrder) -> dict[str, ChangeReport]:
        for key in self._found(order.subject)["notes"] if len(order.changes) == 1 else ():
            self._system.rows["notes"][key].cells["marked"] = True
        return super()._change_for(capability, order)


@caught_by(
    "changes_leave_everything_else_untouched",
    "changes_all_it_counts",
    "changing_an_unknown_subject_is_nothing_held",
    "killed_while_changing_converges",
)
class ChangesNeighboursInPassing(FakeConnector):
    def _change_for(self, capability: Capability, order: ChangeOrder) -> dict[str, ChangeReport]:
        reports = super()._change_for(capability, order)
        if len(order.changes) == 1 and capability is Capability.STOP:
            for row in self._system.rows["contacts"].values():
                row.cells["marketing"] = "no"
        return reports


@caught_by("a_change_that_was_not_made_is_noticed")
class BelievesWhatWasSaid(FakeConnector):
    def inspect(self, capability: Capability, inspections: Sequence[Inspection]) -> Any:
        seen = super().inspect(capability, inspections)
        return {
            task_id: {name: dict.fromkeys(keys, Standing.AS_ORDERED) for name, keys in one.items()}
            for task_id, one in seen.items()
        }


@caught_by("a_field_that_cannot_be_corrected_changes_nothing")
class CorrectsWhateverItIsTold(FakeConnector):
    def _change_for(self, capability: Capability, order: ChangeOrder) -> dict[str, ChangeReport]:
        rectify = {one.name: (*one.rectify, UNKNOWN_FIELD) for one in self._system.sets if one.rectify}
        sets = self._system.sets
        self._system.sets = tuple(
            msgspec.structs.replace(one, rectify=rectify[one.name]) if one.name in rectify else one for one in sets
        )
        try:
            return super()._change_for(capability, order)
        finally:
            self._system.sets = sets


@caught_by("lifting_restores_what_a_restriction_marked")
class LiftsByEmptying(FakeConnector):
    """What it empties is no mark any more, and not what stood there either."""

    def _write(self, one: FakeSet, keys: Sequence[str], capability: Capability, *rest: Any) -> None:
        super()._write(one, keys, capability, *rest)
        if capability is Capability.LIFT and one.name == "contacts":
            for key in keys:
                self._system.rows[one.name][key].cells["restricted"] = None


@caught_by(
    "what_is_restricted_or_stopped_is_still_found_and_erased",
    "changes_all_it_counts",
    "killed_while_changing_converges",
)
class HidesWhatIsNotToBeUsed(FakeConnector):
    def _holdings(self, subject: Subject) -> dict[str, Holding]:
        hidden = {
            f"{name}/{key}"
            for name, rows in self._system.rows.items()
            for key, row in rows.items()
            if row.cells.get("restricted") is True or row.cells.get("marketing") == "no"
        }
        return {
            name: Holding(tuple(key for key in one.keys if f"{name}/{key}" not in hidden), one.links, one.facts)
            for name, one in super()._holdings(subject).items()
        }


@caught_by("killed_while_changing_converges")
class TakesABegunChangeForDone(FakeConnector):
    """Notes that it is about to change a record, and passes over what it finds noted."""

    def _write(self, one: FakeSet, keys: Sequence[str], capability: Capability, *rest: Any) -> None:
        begun = self._system.__dict__.setdefault("begun", set())
        for key in keys:
            note = (capability, one.name, key)
            if note in begun:
                continue
            begun.add(note)
            super()._write(one, [key], capability, *rest)
            begun.discard(note)


@caught_by("changes_never_show_the_canary")
class LogsAHashOfWhatIsRight(FakeConnector):
    def _change_for(self, capability: Capability, order: ChangeOrder) -> dict[str, ChangeReport]:
        for change in order.changes.values():
            for value in change.values.values():
                digest = hashlib.sha256(str(value).encode()).hexdigest()
                logging.getLogger("broken").info("value " + digest)  # noqa: G003
        return super()._change_for(capability, order)
