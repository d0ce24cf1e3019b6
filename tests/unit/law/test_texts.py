"""Legal texts, dated: one that is unknown, not yet or no longer in force carries no retention (decision 15)."""

from __future__ import annotations

import datetime as dt

import pytest

from orchestrator.law.texts import LIBRARY, TEXTS, LegalText, objection_to


@pytest.mark.parametrize(
    ("text", "day", "objection"),
    [
        ("fr-ccom-l123-22", "2026-03-01", None),
        ("fr-ccom-l123-22", "2000-09-21", None),
        ("fr-ccom-l123-22", "2000-09-20", "text_not_yet_in_force"),
        ("fr-decret-2011-219", "2021-10-20", None),
        ("fr-decret-2011-219", "2021-10-21", "text_repealed"),
        ("fr-decret-2021-1362", "2021-10-20", "text_not_yet_in_force"),
        ("fr-decret-2021-1362", "2021-10-21", None),
        ("de-hgb-257", "2026-03-01", None),
        ("gdpr-12-3", "2026-03-01", "unknown_text"),  # a period is no reason to keep anything
        ("es-lo-3-2018-32", "2018-12-06", "text_not_yet_in_force"),
        ("nobody-knows", "2026-03-01", "unknown_text"),
        ("", "2026-03-01", "unknown_text"),
        ("policy:", "2026-03-01", "unknown_text"),
        ("policy:web-logs", "1900-01-01", None),
    ],
)
def test_a_text_carries_a_retention_only_while_it_is_in_force(text: str, day: str, objection: str | None) -> None:
    assert objection_to(text, dt.date.fromisoformat(day)) == objection


@pytest.mark.parametrize("text", LIBRARY.values(), ids=lambda one: one.id)
def test_every_text_is_well_dated(text: LegalText) -> None:
    since = dt.date.fromisoformat(text.since)
    assert text.until is None or dt.date.fromisoformat(text.until) > since
    assert (text.replaced_by is None) or text.until is not None
    assert LIBRARY[text.id] is text
    if text.replaced_by is not None:
        assert LIBRARY[text.replaced_by].since == text.until


def test_what_carries_a_retention_is_a_part_of_the_library() -> None:
    assert TEXTS.items() < LIBRARY.items()


@pytest.mark.parametrize(
    ("text", "day", "applies"),
    [
        ("uk-gdpr-12-3", "2026-02-04", True),  # SI 2026/82 reg. 2: Art. 12A from 5 February 2026
        ("uk-gdpr-12-3", "2026-02-05", False),
        ("uk-gdpr-12a", "2026-02-04", False),
        ("uk-gdpr-12a", "2026-02-05", True),
        ("uk-dpa-2018-164a", "2026-06-18", False),  # SI 2026/82 reg. 3
        ("uk-dpa-2018-164a", "2026-06-19", True),
    ],
)
def test_a_text_applies_from_its_first_day_to_the_one_before_its_last(text: str, day: str, applies: bool) -> None:
    assert LIBRARY[text].in_force(dt.date.fromisoformat(day)) == applies


def test_a_text_has_a_short_name() -> None:
    assert LIBRARY["gdpr-17-3-e"].short == "GDPR Art. 17(3)(e)"
    assert LIBRARY["eu-reg-1182-71-3"].short == "Regulation 1182/71 art. 3"
