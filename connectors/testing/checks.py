"""What several cases check in the same way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.contract import TaskId
from connectors.testing.dates import due
from connectors.testing.stand import Seeded
from schemas.outcomes import Kept


def seed_counts(seeded: Seeded) -> dict[str, int]:
    """Count what was seeded, per record set that holds anything."""
    return {name: len(rows) for name, rows in seeded.items() if rows}


def holds(row: Mapping[str, object], wanted: Mapping[str, object]) -> bool:
    """Tell whether an exported row gives every value that was seeded."""
    return all(name in row and (row[name] == value or str(row[name]) == str(value)) for name, value in wanted.items())


def match(
    answer: Mapping[TaskId, Mapping[str, object]], people: Mapping[str, object], names: set[str], what: str
) -> None:
    """Check that an answer has exactly the tasks asked, and each exactly the record sets of the data map."""
    assert set(answer) == set(people), f"{what}: tasks missing or added"
    for one in answer.values():
        assert set(one) == names, f"{what}: record sets missing or added: {names ^ set(one)}"


def check_dates(name: str, kept: Kept, rows: Sequence[Mapping[str, object]], anchor: str, months: int) -> None:
    """Check that kept records are dated, and rightly so where the anchor dates are known."""
    assert kept.review_by is not None, f"{name}: no date"
    assert kept.until is not None, f"{name}: no last date"
    assert kept.review_by <= kept.until, f"{name}: the first is due after the last"
    dates = sorted(str(row[anchor])[:10] for row in rows if row.get(anchor))
    if dates:
        wanted = (due(dates[0], months), due(dates[-1], months))
        assert (kept.review_by, kept.until) == wanted, f"{name}: due {kept.review_by} to {kept.until}, not {wanted}"
