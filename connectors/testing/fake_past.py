"""How the fake connector looks for what is past its period; and how its faults are played."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from connectors.errors import PermanentError
from connectors.past import PastPage, PastQuestion, PastRecord
from connectors.testing.fake_changes import ChangingFake
from connectors.testing.fake_store import FakeSet, Row
from schemas.identifiers import canonical, strength_of
from schemas.tasks import Link


class PastFake(ChangingFake):
    """Looks through rows in the order of their keys."""

    def past(self, question: PastQuestion) -> PastPage:
        self._enter("sweep", ())
        one = next((one for one in self._system.sets if one.name == question.record_set), None)
        if one is None:
            raise PermanentError("unknown_record_set")
        if not one.anchor:
            raise PermanentError("no_period")
        records: list[PastRecord] = []
        scanned = undated = 0
        keys = [key for key in sorted(self._system.rows[one.name]) if key > question.after]
        for key in keys:
            if scanned == question.rows or len(records) == question.found:
                break
            scanned += 1
            row = self._system.rows[one.name][key]
            anchor = self._date(one, row)
            if anchor is None:
                undated += 1
            elif self._is_past(anchor, question.up_to):
                records.append(PastRecord(key, anchor, self._named(one, row)))
        return PastPage(tuple(records), scanned, undated, keys[scanned - 1] if scanned < len(keys) else "")

    def _is_past(self, anchor: dt.date, up_to: dt.date) -> bool:
        return anchor <= up_to

    def _date(self, one: FakeSet, row: Row) -> dt.date | None:
        cell = row.cells.get(one.anchor)
        return dt.date.fromisoformat(str(cell)) if cell else None

    def _named(self, one: FakeSet, row: Row) -> tuple[Link, ...]:
        """Give what the row holds under ``match``; what a mask wrote is nobody's."""
        mask: Mapping[str, object] = one.retain.mask if one.retain else {}
        cells = {
            (kind, place.field): row.cells.get(place.field) for kind, places in one.match.items() for place in places
        }
        return tuple(
            Link(kind, canonical(kind, str(cell)), strength_of(kind))
            for (kind, field), cell in cells.items()
            if cell is not None and (field not in mask or cell != mask[field])
        )
