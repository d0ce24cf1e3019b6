"""Legal texts, dated: one that is unknown, not yet or no longer in force carries no retention (decision 15)."""

from __future__ import annotations

import datetime as dt

import pytest

from orchestrator.law.texts import TEXTS, LegalText, objection_to


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
        ("nobody-knows", "2026-03-01", "unknown_text"),
        ("", "2026-03-01", "unknown_text"),
        ("policy:", "2026-03-01", "unknown_text"),
        ("policy:web-logs", "1900-01-01", None),
    ],
)
def test_a_text_carries_a_retention_only_while_it_is_in_force(text: str, day: str, objection: str | None) -> None:
    assert objection_to(text, dt.date.fromisoformat(day)) == objection


@pytest.mark.parametrize("text", TEXTS.values(), ids=lambda one: one.id)
def test_every_text_is_well_dated(text: LegalText) -> None:
    since = dt.date.fromisoformat(text.since)
    assert text.until is None or dt.date.fromisoformat(text.until) > since
    assert (text.replaced_by is None) or text.until is not None
    assert TEXTS[text.id] is text
    if text.replaced_by is not None:
        assert TEXTS[text.replaced_by].since == text.until
