"""What a policy has to tell a person, from the register alone."""

from __future__ import annotations

import datetime as dt

import pytest

from orchestrator.policy import read
from orchestrator.policy.informing import Information, Safeguard, inform
from orchestrator.policy.words import ARTICLES
from schemas.codec import decode, encode
from tests.support.policies import ODIGO, SMALL, spoiled


def _of(text: str) -> Information:
    return inform(read(text, "policy.toml").document)


def _odigo() -> Information:
    return _of(ODIGO.read_text(encoding="utf-8"))


def test_every_activity_is_told_with_all_that_the_register_has() -> None:
    document = read(ODIGO.read_text(encoding="utf-8"), "odigo.toml").document
    told = inform(document)
    assert [one.activity for one in told.activities] == [one.id for one in document.activity]
    for one, activity in zip(told.activities, document.activity, strict=True):
        assert (one.purpose, one.basis, one.article) == (activity.purpose, activity.basis, ARTICLES[activity.basis])
        assert one.categories == activity.fields
    assert {one.id for one in told.receivers} == {"group-uk", "authorities", "reorganisation"}
    everybody = {other.id for one in told.activities for other in one.receivers} | {one.id for one in told.receivers}
    assert everybody == {one.id for one in document.recipient}, "nobody who gets data is left out"
    assert [one.authority for one in told.controllers if one.authority] == ["CNIL"]
    assert told.joint
    assert told.of("nothing") is None


def test_an_undecided_period_is_told_as_one_and_a_missing_one_is_not_made_up() -> None:
    told = {one.activity: one for one in _odigo().activities}
    (clients,) = told["client_relation"].periods
    assert (clients.months, clients.anchor, clients.text) == (0, "relationship_ended", "")
    assert told["partner_contact"].periods == ()
    (logs,) = told["logs"].periods
    assert (logs.months, logs.text) == (12, "fr-decret-2011-219")


@pytest.mark.parametrize(
    ("begins", "ends", "day", "holds"),
    [
        (None, None, "2026-01-01", True),
        ("2026-01-01", "2026-12-31", "2026-01-01", True),
        ("2026-01-01", "2026-12-31", "2026-12-31", True),
        ("2026-01-01", "2026-12-31", "2025-12-31", False),
        ("2026-01-01", "2026-12-31", "2027-01-01", False),
        (None, "2026-12-31", "2027-01-01", False),
        ("2026-01-01", None, "2025-12-31", False),
    ],
)
def test_a_safeguard_holds_from_its_first_day_to_its_last(
    begins: str | None, ends: str | None, day: str, *, holds: bool
) -> None:
    first, last = (dt.date.fromisoformat(one) if one else None for one in (begins, ends))
    assert Safeguard("scc", first, last).on(dt.date.fromisoformat(day)) is holds


def test_it_hangs_on_the_register_alone_and_comes_back_from_storage_as_it_was() -> None:
    assert _odigo() == _odigo()
    assert decode(encode(_odigo()), Information) == _odigo()
    quoted = spoiled("We will tell you before.", "We shall.")
    assert _of(quoted) == _of(SMALL), "a quote decides nothing, so it changes no plan"
