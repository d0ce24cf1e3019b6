"""The conformance suite: a connector that passes keeps the promises of ``connectors.contract``.

Subclass it in a test module and tell it about your store; every case then runs against a store of its own::

    from connectors.testing.conformance import ConnectorConformance
    from connectors.testing.fake import FakeSystem


    class TestMyConnector(ConnectorConformance):
        def start(self, folder):
            self.system = FakeSystem()  # an empty store

        def seed(self, person):
            return self.system.seed(person)  # write this person's records, return them

        def connector(self, max_records=None):
            return self.system.open if max_records is None else self.system.limited(max_records)

        def rows(self):
            return self.system.dump()  # read the raw store

        def bad_settings(self):
            yield lambda: FakeSystem(self.system.sets[1:]).open().check()  # a child without its parent

        def orphan(self, person):  # only where a record set has a parent
            return self.system.rows["contacts"].pop(f"{self.system.key(person)}/0") is not None

``break_store`` lets one more case see errors, ``corrections`` tries what it corrects; a case that does not apply is
skipped with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pytest

from connectors.contract import Connector, ErasureOrder, Look, Presence, TaskId
from connectors.errors import MisconfiguredError
from connectors.exports import ExportSink, read_export
from connectors.testing.canary import find_canaries
from connectors.testing.checks import check_dates, holds, match, seed_counts
from connectors.testing.conformance_changes import ChangeConformance
from connectors.testing.conformance_past import PastConformance
from connectors.testing.people import OTHER, STRANGER, SUBJECT
from connectors.testing.stand import all_final, listening, opened
from connectors.testing.wrapper import Idle
from schemas.outcomes import (
    Anonymised,
    Deleted,
    Exported,
    Failed,
    FailureKind,
    Kept,
    KeptWhy,
    Located,
    NothingHeld,
    is_final,
)
from schemas.tasks import Action, Instruction

HOSTILE: Final = ("' OR 1=1 --", "%", "_", ".*", "(", "[", "\\", "a\0b", "a\nb", "*", "é" * 512, "🤷", "-1", "1e400")
"""Values that mean something to SQL, LIKE, regular expressions, globs, C strings or number parsers."""


class ConnectorConformance(ChangeConformance, PastConformance):
    """The cases. See the module's docstring."""

    def test_removes_all_it_counts(self) -> None:
        before = self.snapshot()
        seeded = self.seed(SUBJECT)
        answer, counts = self.located()
        assert counts == seed_counts(seeded), f"counted {counts}, seeded {seed_counts(seeded)}"
        outcomes = self.desk().erase(self.identifiers(SUBJECT), self.instructions(counts), answer.handle).outcomes
        all_final(outcomes, "not verified as erased")
        for name, count in counts.items():
            one = outcomes[name]
            assert isinstance(one, Deleted | Anonymised), f"{name}: {one}"
            assert one.before == count, f"{name}: {one.before} of {count}"
        self.no_trace(before)

    def test_second_erase_finds_nothing(self) -> None:
        self.seed(SUBJECT)
        desk = self.desk()
        desk.erase(self.identifiers(SUBJECT), self.instructions())
        between = self.snapshot()
        outcomes = desk.erase(self.identifiers(SUBJECT), self.instructions()).outcomes
        assert all(isinstance(one, NothingHeld) for one in outcomes.values()), f"found again: {outcomes}"
        assert self.snapshot() == between, "the second erasure changed the store"

    def test_unknown_subject_is_nothing_held(self) -> None:
        self.seed(SUBJECT)
        before = self.snapshot()
        desk = self.desk()
        for answer in (
            desk.locate(self.identifiers(STRANGER)),
            desk.erase(self.identifiers(STRANGER), self.instructions()),
            desk.export(self.identifiers(STRANGER)),
        ):
            held = {name: one for name, one in answer.outcomes.items() if not isinstance(one, NothingHeld)}
            assert not held, f"{answer.confirmation.action}: {held}"
        assert self.snapshot() == before, "the store changed"

    def test_bystander_untouched(self) -> None:
        before = self.snapshot()
        self.seed(SUBJECT)
        answer, counts = self.located()
        self.untouched(before)
        self.desk().erase(self.identifiers(SUBJECT), self.instructions(counts, keep=True), answer.handle)
        self.untouched(before)
        self.desk().erase(self.identifiers(SUBJECT), self.instructions(counts), answer.handle)
        self.untouched(before)

    def test_orphans_are_noticed(self) -> None:
        children = [one.name for one in self.sets() if one.parent]
        if not children:
            pytest.skip("conformance: no record set has a parent")
        before = self.snapshot()
        self.seed(SUBJECT)
        answer, counts = self.located()
        keys = self.desk().keys(answer)
        if not self.orphan(SUBJECT):
            pytest.skip("conformance: orphan() is not implemented")
        left = {name: keys.get(name, []) for name in children}
        assert any(left.values()), "the handle holds no keys of children"
        with opened(self.connector()) as connector:
            asked = {name: tuple(some) for name, some in left.items()}
            seen = connector.present([Look(self.subject(SUBJECT), asked)])[TaskId("t1")]
        for name, some in left.items():
            wrong = [key for key in some if seen[name].get(key) is not Presence.PRESENT]
            assert not wrong, f"{name}: {len(wrong)} orphans are not seen"
        outcomes = self.desk().erase(self.identifiers(SUBJECT), self.instructions(counts), answer.handle).outcomes
        if all(is_final(outcomes[name]) for name in children):
            self.no_trace(before)

    def test_masked_is_not_gone(self) -> None:
        masks = [one.name for one in self.sets() if one.retain and one.retain.mask]
        if not masks:
            pytest.skip("conformance: no record set is masked")
        self.seed(SUBJECT)
        answer, counts = self.located()
        desk = self.desk()
        kept = desk.erase(self.identifiers(SUBJECT), self.instructions(counts, keep=True), answer.handle)
        keys = desk.keys(kept)
        asked = {name: tuple(keys.get(name, ())) for name in masks}
        with opened(self.connector()) as connector:
            seen = connector.present([Look(self.subject(SUBJECT), asked)])[TaskId("t1")]
        for name, some in asked.items():
            sights = {seen[name].get(key) for key in some}
            assert sights == {Presence.MASKED}, f"{name}: masked records are seen as {sights}"
        liar = self.desk(lambda: Idle(self.connector()(), keys))
        outcomes = liar.erase(self.identifiers(SUBJECT), self.instructions(counts), kept.handle).outcomes
        for name in masks:
            assert counts.get(name), f"{name}: nothing was seeded"
            assert not is_final(outcomes[name]), f"{name}: masked records pass for erased: {outcomes[name]}"

    def test_crash_half_way_converges(self) -> None:
        root = self.folder
        for point in range(self.crash_points):
            self.prepare(root / f"killed-{point}")
            before = self.snapshot()
            self.seed(SUBJECT)
            answer, counts = self.located()
            orders = self.orders(self.desk().keys(answer), counts)
            self.crash(lambda orders=orders: self.erase_directly(orders), point)  # type: ignore[misc]
            outcomes = self.desk().erase(self.identifiers(SUBJECT), self.instructions(counts), answer.handle).outcomes
            all_final(outcomes, f"killed at point {point}, then run again")
            lost = {n: outcomes[n] for n, count in counts.items() if getattr(outcomes[n], "before", 0) != count}
            assert not lost, f"killed at point {point}: the count of what was found is lost: {lost}"
            self.untouched(before)
            self.no_trace(before)

    def test_one_failing_subject_does_not_fail_the_batch(self) -> None:
        before = self.snapshot()
        self.seed(SUBJECT)
        kinds = list(self.identifiers(SUBJECT))
        desk = self.desk()
        for action in (Action.LOCATE, Action.ERASE):
            tasks = [
                desk.task(action, dict.fromkeys(kinds, value), instructions=self.instructions()) for value in HOSTILE
            ]
            healthy = desk.task(action, self.identifiers(SUBJECT), instructions=self.instructions())
            *hostile, good = desk.run([*tasks, healthy])
            for value, answer in zip(HOSTILE, hostile, strict=True):
                for one in answer.outcomes.values():
                    found = isinstance(one, Located | Deleted | Anonymised | Kept)
                    assert not found, f"{action}: {value[:12]!r} found or erased something: {one}"
            bad = {n: one for n, one in good.outcomes.items() if not isinstance(one, Located) and not is_final(one)}
            assert not bad, f"{action}: the healthy subject failed with the others: {bad}"
        self.untouched(before)
        self.no_trace(before)

    def test_errors_and_logs_never_contain_the_canary(self) -> None:
        self.seed(SUBJECT)
        with listening() as heard:
            clear = self.everything_once()
            if self.break_store():
                clear += self.everything_once()
                clear += self.error_texts()
        assert not find_canaries(heard(), SUBJECT.values()), "personal data in logs or output"
        assert not find_canaries(clear, SUBJECT.values()), "personal data in the clear part of a confirmation or error"
        names = "\n".join(str(path) for path in self.folder.rglob("*")).encode("utf-8", "surrogatepass")
        assert not find_canaries(names, SUBJECT.values()), "personal data in file names"

    def test_export_equals_seed(self) -> None:
        seeded = self.seed(SUBJECT)
        desk = self.desk()
        answer = desk.export(self.identifiers(SUBJECT))
        counts = {name: one.count for name, one in answer.outcomes.items() if isinstance(one, Exported)}
        assert counts == seed_counts(seeded), f"exported {counts}, seeded {seed_counts(seeded)}"
        (file,) = {one.file for one in answer.outcomes.values() if isinstance(one, Exported)}
        path = ExportSink(self.folder / "exports").path(file)
        rows: dict[str, list[Mapping[str, object]]] = {}
        for name, row in read_export(path, desk.key, answer.confirmation.task_id):
            rows.setdefault(name, []).append(row)
        for name, some in seeded.items():
            for wanted in some:
                fitting = [row for row in rows.get(name, []) if holds(row, wanted)]
                assert fitting, f"{name}: a record is missing or incomplete: {sorted(wanted)}"
                rows[name].remove(fitting[0])

    def test_bad_settings_fail_at_start(self) -> None:
        mistakes = list(self.bad_settings())
        assert mistakes, "bad_settings() gives nothing to try"
        for number, start in enumerate(mistakes):
            try:
                start()
            except MisconfiguredError:
                continue
            pytest.fail(f"mistake {number} was accepted")

    def test_max_records_stops(self) -> None:
        self.seed(SUBJECT)
        before = self.snapshot()
        outcomes = self.desk(self.connector(0)).erase(self.identifiers(SUBJECT), self.instructions()).outcomes
        stopped = Failed(FailureKind.PERMANENT, "max_records")
        assert set(outcomes.values()) == {stopped}, f"not stopped: {outcomes}"
        assert self.snapshot() == before, "records were erased or changed beyond the limit"

    def test_batch_answers_match_exactly(self) -> None:
        self.seed(SUBJECT)
        people = {"t1": SUBJECT, "t2": STRANGER, "t3": OTHER, "t4": SUBJECT}
        subjects = [self.subject(one, task_id) for task_id, one in people.items()]
        names = {one.name for one in self.sets()}
        with opened(self.connector()) as connector:
            found = connector.locate(subjects)
            match(found, people, names, "locate")
            for name in names:
                keys = {task_id: set(found[TaskId(task_id)][name].keys) for task_id in people}
                assert keys["t1"] == keys["t4"], f"{name}: two tasks for one person differ"
                assert not keys["t2"], f"{name}: a stranger was found"
                assert not keys["t1"] & keys["t3"], f"{name}: two persons share a record"
            looks = [Look(one, {n: held.keys for n, held in found[one.task_id].items()}) for one in subjects]
            seen = connector.present(looks)
            assert set(seen) == set(people), "present: tasks missing or added"
            for look in looks:
                for name, asked in look.keys.items():
                    got = seen[look.subject.task_id].get(name, {})
                    assert set(got) == set(asked), f"present: {name}: keys missing or added"
                    assert set(got.values()) <= {Presence.PRESENT}, f"present: {name}: not there before the erasure"
            match(connector.erase([ErasureOrder(one, self.instructions()) for one in subjects]), people, names, "erase")

    def test_row_that_comes_back_is_noticed(self) -> None:
        self.seed(SUBJECT)
        answer, counts = self.located()
        opened_before = 0

        def open_late() -> Connector:
            nonlocal opened_before
            opened_before += 1
            if opened_before > 1:
                self.seed(SUBJECT)
            return self.connector()()

        desk = self.desk(open_late)
        outcomes = desk.erase(self.identifiers(SUBJECT), self.instructions(counts), answer.handle).outcomes
        missed = {name: outcomes[name] for name in counts if is_final(outcomes[name])}
        assert not missed, f"records that came back were not noticed: {missed}"

    def test_what_somebody_has_to_look_at_first_stays_as_it_is(self) -> None:
        self.seed(SUBJECT)
        answer, counts = self.located()
        before = self.snapshot()
        whole = {
            name: Instruction(KeptWhy.HOLD, "gdpr-17-3-e", found=count, review_by="2027-06-01")
            for name, count in {one.name: counts.get(one.name, 0) for one in self.sets()}.items()
        }
        outcomes = self.desk().erase(self.identifiers(SUBJECT), whole, answer.handle).outcomes
        all_final(outcomes, "not verified as kept")
        for name, count in counts.items():
            outcome = outcomes[name]
            assert isinstance(outcome, Kept), f"{name}: {outcome}"
            assert (outcome.count, outcome.until, outcome.review_by) == (count, None, "2027-06-01"), (
                f"{name}: {outcome}"
            )
            assert not outcome.masked, f"{name}: what is under a hold was masked"
        assert self.snapshot() == before, "what is under a hold was changed"

    def test_kept_rows_are_masked_and_dated(self) -> None:
        keeping = [one for one in self.sets() if one.retain]
        if not keeping:
            pytest.skip("conformance: no record set is kept")
        before = self.snapshot()
        seeded = self.seed(SUBJECT)
        answer, counts = self.located()
        identifiers, instructions = self.identifiers(SUBJECT), self.instructions(counts, keep=True)
        outcomes = self.desk().erase(identifiers, instructions, answer.handle).outcomes
        all_final(outcomes, "not verified as kept")
        added = self.snapshot() - before
        for one in keeping:
            outcome, retain = outcomes[one.name], one.retain
            assert retain is not None
            assert isinstance(outcome, Kept), f"{one.name}: {outcome}"
            assert outcome.count == counts[one.name], f"{one.name}: {outcome.count} of {counts[one.name]} kept"
            assert outcome.masked == bool(retain.mask), f"{one.name}: masked={outcome.masked}"
            check_dates(one.name, outcome, seeded[one.name], retain.anchor, retain.months)
            hidden = {str(row.get(column) or "") for row in seeded[one.name] for column in retain.mask} - {""}
            # "*" masks a line as a whole: whatever it can be found by.
            hidden |= set(self.identifiers(SUBJECT).values()) if "*" in retain.mask else set()
            text = "\n".join(row for name, row in added if name == one.name).encode("utf-8", "surrogatepass")
            assert not find_canaries(text, hidden), f"{one.name}: a masked column still shows its value"
