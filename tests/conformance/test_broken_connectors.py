"""Each case of the suite can fail: for each there is a connector that breaks this one promise, and it is caught.

``also`` names the cases that must notice as well, since the promise is part of theirs; all others pass.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from connectors.contract import ErasureOrder, Holding, Look, Presence, SetReport, Subject
from connectors.errors import PermanentError
from connectors.testing.fake import FakeConnector, FakeSet, FakeSystem
from connectors.testing.fake_stand import FakeStand
from connectors.testing.fake_store import Row
from connectors.testing.runner import cases, run_case
from schemas.identifiers import canonical
from schemas.tasks import Instruction
from tests.conformance import broken_changers, broken_past  # noqa: F401 - register their connectors
from tests.conformance.registry import BROKEN, Broken, caught_by


@caught_by(
    "removes_all_it_counts",
    "second_erase_finds_nothing",
    "export_equals_seed",
    "crash_half_way_converges",
    "one_failing_subject_does_not_fail_the_batch",
    "kept_rows_are_masked_and_dated",
    "orphans_are_noticed",
    "what_is_restricted_or_stopped_is_still_found_and_erased",
    "a_swept_person_is_erased_by_what_was_found",
    "what_is_not_over_stays_as_it_is",
)
class TakesTheFirstRecordForAll(FakeConnector):
    def _found(self, subject: Subject) -> dict[str, list[str]]:
        return {name: keys[:1] for name, keys in super()._found(subject).items()}


@caught_by(
    "removes_all_it_counts",
    "crash_half_way_converges",
    "one_failing_subject_does_not_fail_the_batch",
    "orphans_are_noticed",
)
class AnonymisesOneColumnTooFew(FakeConnector):
    def _carry_out(self, one: FakeSet, report: SetReport, values: frozenset[str]) -> None:
        rows = self._system.rows[one.name]
        names = {key: rows[key].cells.get("name") for key in report.erased}
        super()._carry_out(one, report, values)
        for key, name in names.items():
            if key in rows:
                rows[key].cells["nickname"] = name


@caught_by("second_erase_finds_nothing")
class ReportsWhatItErasedBefore(FakeConnector):
    def _erased(self, order: ErasureOrder) -> dict[str, SetReport]:
        memory: dict[str, dict[str, SetReport]] = self._system.__dict__.setdefault("memory", {})
        reports = super()._erased(order)
        if any(one.erased for one in reports.values()):
            memory[repr(sorted(order.subject.identifiers.items()))] = reports
        return memory.get(repr(sorted(order.subject.identifiers.items())), reports)


@caught_by("unknown_subject_is_nothing_held", "second_erase_finds_nothing", "batch_answers_match_exactly")
class TakesAStrangerForAnError(FakeConnector):
    def _erased(self, order: ErasureOrder) -> dict[str, SetReport]:
        if not any(self._found(order.subject).values()):
            raise PermanentError("not_found")
        return super()._erased(order)


@caught_by(
    "bystander_untouched",
    "crash_half_way_converges",
    "export_equals_seed",
    "one_failing_subject_does_not_fail_the_batch",
    "removes_all_it_counts",
    "changes_leave_everything_else_untouched",
    "killed_while_changing_converges",
)
class ComparesBeginnings(FakeConnector):
    def _matches(self, one: FakeSet, row: Row, subject: Subject) -> bool:
        for kind, values in subject.identifiers.items():
            for place in one.match.get(kind, ()):
                cell = canonical(kind, str(row.cells.get(place.field) or ""))
                if any(cell.startswith(value) for value in values):
                    return True
        return False


@caught_by(
    "bystander_untouched",
    "crash_half_way_converges",
    "export_equals_seed",
    "one_failing_subject_does_not_fail_the_batch",
    "removes_all_it_counts",
    "changes_leave_everything_else_untouched",
    "killed_while_changing_converges",
    "second_change_changes_nothing",
)
class ComparesWithLike(FakeConnector):
    def _matches(self, one: FakeSet, row: Row, subject: Subject) -> bool:
        for kind, values in subject.identifiers.items():
            for place in one.match.get(kind, ()):
                cell = canonical(kind, str(row.cells.get(place.field) or ""))
                if any(_like(value, cell) for value in values):
                    return True
        return False


def _like(pattern: str, text: str) -> bool:
    return len(pattern) == len(text) and all(a in {b, "_"} for a, b in zip(pattern, text, strict=True))


@caught_by("bystander_untouched")
class ErasesNeighboursInPassing(FakeConnector):
    """Finds the right records, and touches others while it erases."""

    def _carry_out(self, one: FakeSet, report: SetReport, values: frozenset[str]) -> None:
        super()._carry_out(one, report, values)
        if report.kept:
            for row in self._system.rows[one.name].values():
                row.cells |= one.retain.mask if one.retain else {}


@caught_by("orphans_are_noticed")
class LooksForChildrenThroughTheirParents(FakeConnector):
    def _presence(self, one: FakeSet, key: str) -> Presence:
        row = self._system.rows[one.name].get(key)
        if row is not None and one.parent and row.parent not in self._system.rows[one.parent]:
            return Presence.GONE
        return super()._presence(one, key)


@caught_by("masked_is_not_gone", "kept_rows_are_masked_and_dated")
class TakesMaskedForGone(FakeConnector):
    def _presence(self, one: FakeSet, key: str) -> Presence:
        seen = super()._presence(one, key)
        return Presence.GONE if seen is Presence.MASKED else seen


@caught_by(
    "crash_half_way_converges", "what_somebody_has_to_look_at_first_stays_as_it_is", "what_is_not_over_stays_as_it_is"
)
class ForgetsChildrenAfterACrash(FakeConnector):
    """Erases parents first, and finds children only through them."""

    def _found(self, subject: Subject) -> dict[str, list[str]]:
        return super()._found(Subject(subject.task_id, subject.identifiers))

    def _erased(self, order: ErasureOrder) -> dict[str, SetReport]:
        found = self._found(order.subject)
        for one in self._system.sets:
            if len(found[one.name]) > one.max_records:
                raise PermanentError("max_records")
        reports: dict[str, SetReport] = {}
        kept: set[str] = set()
        for one in self._parents_first():
            instruction = order.instructions[one.name]
            erased, stays = self._split(one, instruction, found[one.name], kept)
            kept |= set(stays)
            reports[one.name] = self._report(one, instruction, erased, stays)
        for one in self._parents_first():
            self._carry_out(one, reports[one.name], frozenset())
        return reports


@caught_by("one_failing_subject_does_not_fail_the_batch")
class GivesUpAtTheFirstOddValue(FakeConnector):
    def locate(self, subjects: Sequence[Subject]) -> Any:
        odd = [n for n, one in enumerate(subjects) if any("\0" in v for vs in one.identifiers.values() for v in vs)]
        return super().locate(subjects[: odd[0]] if odd else subjects)


@caught_by("one_failing_subject_does_not_fail_the_batch")
class PutsValuesIntoAPattern(FakeConnector):
    def _matches(self, one: FakeSet, row: Row, subject: Subject) -> bool:
        everything = any(value in {"%", "*", ".*"} for values in subject.identifiers.values() for value in values)
        return everything or super()._matches(one, row, subject)


@caught_by("errors_and_logs_never_contain_the_canary", "changes_never_show_the_canary")
class LogsAHash(FakeConnector):
    def locate(self, subjects: Sequence[Subject]) -> Any:
        for one in subjects:
            for value in one.identifiers.get("email", ()):
                digest = hashlib.sha256(value.encode()).hexdigest()
                logging.getLogger("broken").info("subject " + digest)  # noqa: G003
        return super().locate(subjects)


@caught_by("errors_and_logs_never_contain_the_canary", "changes_never_show_the_canary")
class Prints(FakeConnector):
    def locate(self, subjects: Sequence[Subject]) -> Any:
        print("looking for", [sorted(values) for one in subjects for values in one.identifiers.values()])
        return super().locate(subjects)


@caught_by("errors_and_logs_never_contain_the_canary", "changes_never_show_the_canary")
class LogsARow(FakeConnector):
    def _holding(self, one: FakeSet, keys: Sequence[str]) -> Holding:
        for key in keys:
            logging.getLogger("broken").debug(f"row {self._system.rows[one.name][key].cells}")  # noqa: G004
        return super()._holding(one, keys)


@caught_by("export_equals_seed")
class ExportsTooFewColumns(FakeConnector):
    def export(self, subject: Subject, into: Any) -> None:
        for name, holding in self._holdings(subject).items():
            for key in holding.keys:
                cells = self._system.rows[name][key].cells
                into.write(name, {column: cell for column, cell in cells.items() if column != "phone"})


@caught_by("export_equals_seed")
class ForgetsTheChildrenInAnExport(FakeConnector):
    def export(self, subject: Subject, into: Any) -> None:
        for one in self._system.sets:
            for key in self._found(subject)[one.name]:
                if not one.parent:
                    into.write(one.name, self._system.rows[one.name][key].cells)


@caught_by("bad_settings_fail_at_start")
class ChecksNothing(FakeConnector):
    def check(self) -> Sequence[str]:
        return ()


@caught_by("max_records_stops")
class KnowsNoLimit(FakeConnector):
    def _erased(self, order: ErasureOrder) -> dict[str, SetReport]:
        system = FakeSystem()
        system.rows = self._system.rows
        system.faults = self._system.faults
        return FakeConnector(system)._erased(order)


@caught_by("max_records_stops")
class StopsTooLate(FakeConnector):
    def _erased(self, order: ErasureOrder) -> dict[str, SetReport]:
        found = self._found(order.subject)
        over = any(len(found[one.name]) > one.max_records for one in self._system.sets)
        if over:
            for one in self._system.sets:
                self._carry_out(one, SetReport(erased=tuple(found[one.name])), frozenset())
            raise PermanentError("max_records")
        return super()._erased(order)


@caught_by("batch_answers_match_exactly")
class AnswersOnePersonOnce(FakeConnector):
    def locate(self, subjects: Sequence[Subject]) -> Any:
        once = {json.dumps(sorted(sorted(v) for v in one.identifiers.values())): one for one in subjects}
        return super().locate(list(once.values()))


@caught_by(
    "batch_answers_match_exactly",
    "orphans_are_noticed",
    "what_somebody_has_to_look_at_first_stays_as_it_is",
    "what_is_not_over_stays_as_it_is",
)
class LeavesOutKeysThatAreThere(FakeConnector):
    def present(self, looks: Sequence[Look]) -> Any:
        return {
            task_id: {name: {k: v for k, v in seen.items() if v is not Presence.PRESENT} for name, seen in sets.items()}
            for task_id, sets in super().present(looks).items()
        }


@caught_by("row_that_comes_back_is_noticed")
class BelievesItsOwnMemory(FakeConnector):
    """What it erased once it never looks for again."""

    def _found(self, subject: Subject) -> dict[str, list[str]]:
        gone: set[tuple[str, str]] = self._system.__dict__.setdefault("gone", set())
        return {n: [k for k in keys if (n, k) not in gone] for n, keys in super()._found(subject).items()}

    def _erased(self, order: ErasureOrder) -> dict[str, SetReport]:
        reports = super()._erased(order)
        gone: set[tuple[str, str]] = self._system.__dict__.setdefault("gone", set())
        gone |= {(name, key) for name, one in reports.items() for key in one.erased}
        return reports

    def _presence(self, one: FakeSet, key: str) -> Presence:
        gone = (one.name, key) in self._system.__dict__.get("gone", ())
        return Presence.GONE if gone and one.erase != "anonymise" else super()._presence(one, key)


@caught_by("kept_rows_are_masked_and_dated", "batch_answers_match_exactly")
class SaysMaskedAndIsNot(FakeConnector):
    def _carry_out(self, one: FakeSet, report: SetReport, values: frozenset[str]) -> None:
        super()._carry_out(one, SetReport(erased=report.erased), values)

    def _presence(self, one: FakeSet, key: str) -> Presence:
        seen = super()._presence(one, key)
        return Presence.MASKED if seen is Presence.PRESENT and one.retain else seen


@caught_by("what_somebody_has_to_look_at_first_stays_as_it_is", "what_is_not_over_stays_as_it_is")
class MasksEvidence(FakeConnector):
    def _to_do(self, instruction: Instruction, report: SetReport) -> SetReport:
        return report


@caught_by("kept_rows_are_masked_and_dated", "what_is_not_over_stays_as_it_is")
class KeepsWithoutADate(FakeConnector):
    def _report(self, one: FakeSet, instruction: Instruction, erased: list[str], kept: list[str]) -> SetReport:
        report = super()._report(one, instruction, erased, kept)
        return SetReport(report.erased, report.kept, report.method)


@caught_by("kept_rows_are_masked_and_dated")
class CountsFromToday(FakeConnector):
    def _anchor(self, one: FakeSet, key: str) -> str:
        return "2026-03-01"


def failing(stand: type[FakeStand], folder: Path) -> dict[str, str]:
    """Run every case; give those that failed, with the reason."""
    found = {}
    for case in cases():
        try:
            why = run_case(stand, case, folder / case)
        except pytest.skip.Exception:
            why = None
        if why is not None:
            found[case] = why
    return found


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_connector_is_caught_by_its_case(name: str, tmp_path: Path) -> None:
    case, also, stand = BROKEN[name]
    found = failing(stand, tmp_path)
    assert case in found
    assert set(found) == {case} | also


def test_every_case_has_a_connector_that_it_catches() -> None:
    assert {case for case, _, _ in BROKEN.values()} == set(cases())


def test_a_healthy_connector_passes_every_case(tmp_path: Path) -> None:
    assert failing(FakeStand, tmp_path) == {}


# --- killed for good: the store on disk, the worker a process


class _OnDisk(FakeSystem):
    """Writes the store to disk after every changed row, as a connector without transactions does."""

    file: Path

    def load(self) -> None:
        if self.file.exists():
            raw = json.loads(self.file.read_text())
            self.rows = {name: {k: Row(*row) for k, row in rows.items()} for name, rows in raw.items()}

    def save(self) -> None:
        raw = {name: {k: [r.cells, r.parent] for k, r in rows.items()} for name, rows in self.rows.items()}
        temporary = self.file.with_suffix(".new")
        temporary.write_text(json.dumps(raw))
        temporary.rename(self.file)


def on_disk(connector: Broken) -> type[FakeStand]:
    class Saving(connector):  # type: ignore[valid-type,misc]
        def _carry_out(self, one: FakeSet, report: SetReport, values: frozenset[str]) -> None:
            for key in (*report.erased, *report.kept):
                super()._carry_out(one, SetReport((key,) if key in report.erased else (), ()), values)
                self._system.save()

    class Stand(FakeStand):
        crash_points = 16

        def start(self, folder: Path) -> None:
            self.system = type("System", (_OnDisk,), {"connector_type": Saving, "file": folder / "store.json"})()

        def crash(self, work: Callable[[], object], point: int) -> None:
            disk = cast("_OnDisk", self.system)
            disk.save()
            super(FakeStand, self).crash(work, point)
            disk.load()

    return Stand


@pytest.mark.parametrize(("connector", "caught"), [(FakeConnector, False), (ForgetsChildrenAfterACrash, True)])
def test_i11_a_killed_worker_shows_what_does_not_converge(connector: Broken, caught: bool, tmp_path: Path) -> None:
    why = run_case(on_disk(connector), "test_crash_half_way_converges", tmp_path)
    assert (why is not None) == caught, why
