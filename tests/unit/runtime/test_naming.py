"""A name that tells something about a person is found before it stands in a record."""

from __future__ import annotations

import pytest

from connectors.datamap import RecordSet
from orchestrator.runtime.naming import telling


@pytest.mark.parametrize("name", ["disability", "sick_notes", "union-members", "Gesundheit_Krankentage", "maladies"])
def test_i04_a_name_that_tells_is_warned_of(name: str) -> None:
    (said,) = telling([RecordSet(name=name, title="Notes"), RecordSet(name="contacts"), RecordSet(name="hr-7")])
    assert repr(name) in said
    assert said.endswith('title = "Notes"')


def test_the_names_of_ordinary_record_sets_are_let_through() -> None:
    ordinary = "contacts invoices clicks access reviews applicants employees tickets payments subscriptions orders"
    assert telling([RecordSet(name=name) for name in ordinary.split()]) == []
