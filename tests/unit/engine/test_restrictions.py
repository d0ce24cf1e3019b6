"""A restriction and an erasure of one person, in whichever order they come (decision 11)."""

from __future__ import annotations

from connectors.testing.people import OTHER, SUBJECT
from schemas.requests import Right
from tests.support.rig import Rig


def test_an_erasure_at_work_is_held_back_and_another_persons_is_not(rig: Rig) -> None:
    rig.seed(SUBJECT, OTHER)
    rig.submit("gone", email=SUBJECT.email)
    rig.submit("else", email=OTHER.email)
    rig.engine.apply_waiting()
    rig.submit("limit", right=Right.RESTRICTION, email=SUBJECT.email)
    rig.engine.apply_waiting()
    rig.engine.apply_waiting()
    assert rig.state("gone").waits_for == ("limit",)
    assert rig.state("else").waits_for == ()
    rig.pump()
    assert rig.state("gone").phase == "deciding"
    assert rig.state("else").phase == "closed"
    assert list(rig.engine.audit()) == []
