"""The cases of the conformance suite for connectors that can look for what is past its period (``Connector.past``).

Each case runs for every record set with a period of its own; it is skipped, with its reason, where the connector
cannot do it or no set has one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Final

import pytest

from connectors.contract import ErasureOrder, Subject, TaskId
from connectors.datamap import RecordSet
from connectors.errors import ConnectorError
from connectors.past import PastPage, PastQuestion, PastRecord
from connectors.testing.canary import find_canaries
from connectors.testing.people import SUBJECT
from connectors.testing.stand import Stand, listening, opened
from schemas.codec import encode
from schemas.identifiers import Strength
from schemas.outcomes import Deleted, Kept, Located, NothingHeld, is_final
from schemas.tasks import Action, Instruction, Past, Sweep

_DAY: Final = dt.timedelta(days=1)
_MANY: Final = 10_000
_NEVER: Final = dt.date(1900, 1, 1)


class PastConformance(Stand):
    """The cases. See the module's docstring."""

    def test_past_is_what_an_erasure_would_erase(self) -> None:
        for one in self._periods():
            for up_to in self._days(one):
                self._again(one, up_to)
                found = {each.key for each in self._past(one, up_to)}
                mine = self._mine(one)
                with opened(self.connector()) as connector:
                    report = connector.erase([self._over_order(one, up_to, only_over=True)])[TaskId("t1")][one.name]
                erased = set(report.erased)
                assert erased == found & mine, f"{one.name}, up to {up_to}: erases {len(erased)}, finds {len(found)}"

    def test_past_counts_the_day_itself(self) -> None:
        for one in self._periods():
            mine, days = self._mine(one), self._days(one)
            first, last = days[1], days[-1]
            assert not {each.key for each in self._past(one, first - _DAY)} & mine, f"{one.name}: found a day too early"
            assert {each.key for each in self._past(one, first)} & mine, f"{one.name}: not found on the day"
            assert mine <= {each.key for each in self._past(one, last)}, f"{one.name}: not all found on the last day"
            for each in self._past(one, last):
                assert each.anchor <= last, f"{one.name}: gives a record that is not past"

    def test_past_pages_leave_nothing_out(self) -> None:
        for one in self._periods():
            last = self._days(one)[-1]
            whole = [each.key for each in self._past(one, last)]
            assert len(whole) > 1, f"{one.name}: {len(whole)} records are past; seed gives two dates at least"
            assert len(set(whole)) == len(whole), f"{one.name}: a record comes twice"
            for rows, found in ((1, _MANY), (2, _MANY), (_MANY, 1), (3, 2)):
                pages = list(self._pages(one, last, rows, found))
                keys = [each.key for page in pages for each in page.records]
                assert keys == whole, f"{one.name}: pages of {rows} records ({found} past) give others"
                assert all(page.scanned <= rows and len(page.records) <= found for page in pages), "too many"
            scanned = {sum(page.scanned for page in self._pages(one, day, 2, 2)) for day in (_NEVER, last)}
            assert len(scanned) == 1, f"{one.name}: how many records are looked at hangs on the date: {scanned}"

    def test_past_records_lead_to_their_person(self) -> None:
        for one in self._periods():
            mine = self._mine(one)
            for each in self._past(one, self._days(one)[-1]):
                unique = {link.kind: frozenset({link.value}) for link in each.identifiers if _is_unique(link.strength)}
                if each.key not in mine or not unique:
                    continue
                with opened(self.connector()) as connector:
                    held = connector.locate([Subject(TaskId("t1"), unique)])[TaskId("t1")][one.name]
                assert each.key in held.keys, f"{one.name}: what a record is said to name does not lead to it"
                assert set(held.keys) <= mine, f"{one.name}: what a record is said to name leads to somebody else"

    def test_what_is_not_over_stays_as_it_is(self) -> None:
        for one in self._periods():
            days = self._days(one)
            others = self.snapshot()
            answer, counts = self.located()
            instruction = self._instruction(one, days[1], counts.get(one.name, 0))
            names = [one.name, *self._below(one)]
            told = {name: self._instruction(one, days[1], counts.get(name, 0)) for name in names}
            task = self.desk().task(
                Action.ERASE,
                self.identifiers(SUBJECT),
                handle=answer.handle,
                instructions=told,
                record_sets=names,
            )
            outcomes = self.desk().run([task])[0].outcomes
            assert set(outcomes) == set(names), f"{one.name}: answered for {sorted(outcomes)}"
            outcome = outcomes[one.name]
            assert isinstance(outcome, Kept), f"{one.name}: {outcome}"
            assert not outcome.masked, f"{one.name}: what stays was masked"
            assert outcome.erased >= 1, f"{one.name}: nothing was erased"
            assert outcome.count + outcome.erased == instruction.found, f"{one.name}: {outcome}"
            gone = others - self.snapshot()
            assert not self.snapshot() - others, f"{one.name}: records were changed"
            assert {name for name, _ in gone} <= set(names), f"{one.name}: records of other sets are gone"
            number = sum(count for (name, _), count in gone.items() if name == one.name)
            assert number == outcome.erased, f"{one.name}: {number} gone, {outcome.erased} said"

    def test_past_changes_nothing(self) -> None:
        for one in self._periods():
            before = self.snapshot()
            list(self._pages(one, self._days(one)[-1], 2, 2))
            assert self.snapshot() == before, f"{one.name}: looking changed the store"

    def test_past_never_shows_the_canary(self) -> None:
        for one in self._periods():
            last = self._days(one)[-1]
            with listening() as heard:
                page, clear = self._swept(one, last)
                assert page, f"{one.name}: nothing was found"
                said = clear + repr(page).encode()
                with opened(self.connector()) as connector:
                    said += repr(connector.past(PastQuestion(one.name, last, _MANY, _MANY))).encode()
                if self.break_store():
                    said += self._broken(one)
            assert not find_canaries(heard(), SUBJECT.values()), "personal data in logs or output"
            assert not find_canaries(said, SUBJECT.values()), "personal data in clear"

    def test_a_swept_person_is_erased_by_what_was_found(self) -> None:
        for one in self._periods():
            last = self._days(one)[-1]
            mine = self._mine(one)
            page, _ = self._swept(one, last)
            with opened(self.connector()) as connector:
                kinds = {kind for each in connector.record_sets() for kind in each.match}
            for found in page:
                desk = self.desk()
                who: dict[str, list[str]] = {}
                for each in found.identifiers:
                    if each.kind in kinds:
                        who.setdefault(each.kind, []).append(each.value)
                located = desk.run([desk.task(Action.LOCATE, who, handle=found.handle, request_id="sweep")])[0]
                before = located.outcomes[one.name]
                assert isinstance(before, Located), f"{one.name}: not located: {before}"
                names = [one.name, *self._below(one)]
                counts = {name: getattr(located.outcomes[name], "count", 0) for name in names}
                told = {name: self._instruction(one, last, counts[name]) for name in names}
                task = desk.task(
                    Action.ERASE,
                    who,
                    handle=located.handle,
                    instructions=told,
                    record_sets=names,
                    request_id="sweep",
                )
                outcome = desk.run([task])[0].outcomes[one.name]
                assert is_final(outcome), f"{one.name}: {outcome}"
                assert not isinstance(outcome, NothingHeld), f"{one.name}: {outcome}"
                if one.erase == "delete":
                    assert isinstance(outcome, Deleted), f"{one.name}: {outcome}"
            left = {each.key for each in self._past(one, last)}
            assert not left & mine, f"{one.name}: {len(left & mine)} records are still past"

    # --- what the cases share ---------------------------------------------------------------------

    def _periods(self) -> Iterator[RecordSet]:
        """Give each record set with a period, on a store of its own that holds the subject too."""
        with opened(self.connector()) as connector:
            able, sets = connector.sweeps, list(connector.record_sets())
        dated = [one for one in sets if one.retain is not None and one.erase != "with_parent"]
        if not able or not dated:
            pytest.skip("conformance: cannot look for what is past its period, or no record set has one")
        root = self.folder
        for one in dated:
            self.prepare(root / f"past-{one.name}")
            self.seed(SUBJECT)
            yield one

    def _again(self, one: RecordSet, up_to: dt.date) -> None:
        self.prepare(self.folder / f"{one.name}-{up_to}")
        self.seed(SUBJECT)

    def _days(self, one: RecordSet) -> list[dt.date]:
        """Give the day before the subject's first anchor, that anchor, and the last."""
        answer, _ = self.located()
        found = answer.outcomes[one.name]
        assert isinstance(found, Located), f"{one.name}: seed gives the subject no records"
        first, last = found.facts.anchor_first, found.facts.anchor_last
        assert first is not None, f"{one.name}: seed gives no anchor"
        assert last is not None, f"{one.name}: seed gives no anchor"
        days = [dt.date.fromisoformat(day) for day in (first, last)]
        return [days[0] - _DAY, *days]

    def _mine(self, one: RecordSet) -> set[str]:
        with opened(self.connector()) as connector:
            return set(connector.locate([self.subject(SUBJECT)])[TaskId("t1")][one.name].keys)

    def _pages(self, one: RecordSet, up_to: dt.date, rows: int, found: int) -> Iterator[PastPage]:
        after = ""
        for _ in range(_MANY):
            with opened(self.connector()) as connector:
                page = connector.past(PastQuestion(one.name, up_to, rows, found, after))
            yield page
            after = page.after
            if not after:
                return
        pytest.fail(f"{one.name}: the pages do not come to an end")

    def _past(self, one: RecordSet, up_to: dt.date) -> Sequence[PastRecord]:
        return [each for page in self._pages(one, up_to, _MANY, _MANY) for each in page.records]

    def _swept(self, one: RecordSet, up_to: dt.date) -> tuple[Sequence[Past], bytes]:
        """Sweep as the orchestrator does, page by page; gives what was found, and the clear part of the answers."""
        desk, found, clear, handle = self.desk(), list[Past](), b"", ""
        for _ in range(_MANY):
            wanted = Sweep(one.name, up_to.isoformat(), 3, 2)
            answer = desk.run([desk.task(Action.SWEEP, {}, handle=handle, request_id="sweep", sweep=wanted)])[0]
            clear += encode(answer.confirmation)
            assert answer.findings.page is not None, f"{one.name}: {answer.outcomes}"
            found += answer.findings.page.past
            handle = answer.handle
            if not handle:
                break
        return found, clear

    def _broken(self, one: RecordSet) -> bytes:
        try:
            with opened(self.connector()) as connector:
                connector.past(PastQuestion(one.name, dt.date(2026, 1, 1), 10, 10))
        except ConnectorError as error:
            return repr((str(error), error)).encode("utf-8", "surrogatepass")
        except Exception:  # noqa: BLE001 - of anything else only the class name leaves ``execute``
            return b""
        return b""

    def _below(self, one: RecordSet) -> list[str]:
        names = {one.name}
        sets = self.sets()
        for _ in sets:
            names |= {each.name for each in sets if each.parent in names}
        return sorted(names - {one.name})

    def _instruction(self, one: RecordSet, up_to: dt.date, found: int) -> Instruction:
        retain = one.retain
        assert retain is not None
        return Instruction(
            retain.why,
            retain.text,
            erase_up_to=up_to.isoformat(),
            period_months=retain.months,
            found=found,
            only_over=True,
        )

    def _over_order(self, one: RecordSet, up_to: dt.date, *, only_over: bool) -> ErasureOrder:
        names = {one.name, *self._below(one)}
        stays = Instruction(self._instruction(one, up_to, 0).keep, review_by="9999-12-31")
        told = {each.name: stays for each in self.sets()}
        told |= dict.fromkeys(names, self._instruction(one, up_to, 0) if only_over else Instruction())
        return ErasureOrder(self.subject(SUBJECT), told)


def _is_unique(strength: Strength) -> bool:
    return strength is Strength.UNIQUE
