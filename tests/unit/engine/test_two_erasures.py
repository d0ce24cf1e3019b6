"""Two erasures of one person: never beside each other, each with a record of its own (section 8, decision 11)."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from connectors.testing.people import OTHER, SUBJECT
from orchestrator.core.commands import RequestWithdrawn
from orchestrator.core.commands_identity import IdentityConfirmed, IdentityDoubted
from orchestrator.core.model import Phase
from orchestrator.engine import commands
from schemas.identifiers import Identifier
from schemas.requesters import Level
from schemas.requests import RequestForm, Right, Scope
from tests.support.rig import PLAIN, Rig, Templates


def _submit(rig: Rig, request_id: str, level: Level = "verified", scope: tuple[str, ...] = ()) -> None:
    who = (Identifier("email", SUBJECT.email),)
    form = RequestForm(Right.ERASURE, who, request_id=request_id, identity=level, scope=Scope(scope))
    rig.intake.submit([form])


def _confirm(rig: Rig, request_id: str) -> None:
    command = IdentityConfirmed(request_id=request_id, observed_at="", role="dpo", method="callback")
    commands.give(rig.store, rig.clock, command)


@pytest.mark.parametrize("together", [True, False])
def test_the_second_waits_for_the_first_and_finds_what_is_left(rig: Rig, together: bool) -> None:
    rig.seed(SUBJECT, OTHER)
    _submit(rig, "one")
    if not together:
        rig.engine.apply_waiting()
    _submit(rig, "two")
    rig.submit("other", email=OTHER.email)
    rig.engine.apply_waiting()
    assert (rig.state("one").waits_for, rig.state("two").waits_for) == ((), ("one",))
    assert rig.state("other").waits_for == ()
    rig.pump()
    first, second = rig.records("one")[0], rig.records("two")[0]
    assert first.result == "partly_fulfilled", "invoices are kept"
    assert second.result == "partly_fulfilled"
    gone = {line.name: line.outcome for one in second.systems for line in one.record_sets}
    assert type(gone["contacts"]).__name__ == "NothingHeld", "the first one has erased them"
    assert type(gone["invoices"]).__name__ == "Kept", "what is left is found"
    assert rig.rows("waits") == []
    assert rig.engine.audit() == []


def test_a_look_that_finds_nothing_lets_go_who_waits_for_it(tmp_path: Path, templates: Templates) -> None:
    backed = [msgspec.structs.replace(one, backups_kept_days=90) for one in PLAIN]
    rig = Rig(tmp_path / "backed", templates, backed, recheck_days=30)
    rig.seed(SUBJECT)
    _submit(rig, "one")
    rig.pump()
    assert rig.state("one").phase is Phase.CLOSED
    rig.clock.move(days=31)
    rig.engine.fire_timers()
    assert rig.state("one").phase is Phase.DISCOVERING
    _submit(rig, "two")
    rig.engine.apply_waiting()
    assert rig.state("two").waits_for == ("one",)
    rig.pump()
    assert len(rig.records("one")) == 1, "nothing came back"
    assert rig.state("two").phase is Phase.CLOSED
    assert rig.rows("waits") == []
    rig.close()


def test_over_other_systems_they_do_not_wait(rig: Rig) -> None:
    _submit(rig, "one", scope=("crm",))
    _submit(rig, "two", scope=("hr",))
    _submit(rig, "three")
    rig.engine.apply_waiting()
    assert rig.state("two").waits_for == ()
    assert rig.state("three").waits_for == ("one", "two")


def test_one_that_nobody_has_confirmed_stops_nobody_and_waits_once_it_is(rig: Rig) -> None:
    rig.seed(SUBJECT)
    _submit(rig, "stranger", "unverified")
    rig.engine.apply_waiting()
    _submit(rig, "person")
    rig.engine.apply_waiting()
    assert rig.state("person").waits_for == ()
    _confirm(rig, "stranger")
    rig.engine.apply_waiting()
    rig.engine.apply_waiting()
    assert rig.state("stranger").waits_for == ("person",)
    assert "erasure_waits" in str(rig.rows("notices")), "somebody is told"
    rig.pump()
    assert {rig.state(one).phase for one in ("stranger", "person")} == {Phase.CLOSED}
    assert rig.engine.audit() == []


def test_who_waits_for_whom_has_no_circle(rig: Rig) -> None:
    rig.seed(SUBJECT)
    _submit(rig, "a", "unverified")
    _submit(rig, "b", "unverified")
    _submit(rig, "c")
    rig.engine.apply_waiting()
    for one in ("a", "b"):
        _confirm(rig, one)
    doubt = IdentityDoubted(request_id="c", observed_at="", role="dpo", reason="odd", asks="question")
    commands.give(rig.store, rig.clock, doubt)
    rig.engine.apply_waiting()
    rig.engine.apply_waiting()
    _submit(rig, "d")
    rig.engine.apply_waiting()
    assert rig.state("a").waits_for == ("c",)
    assert rig.state("b").waits_for == ("a", "c"), "a is confirmed, and goes before it"
    assert rig.state("c").waits_for == ()
    assert rig.state("d").waits_for == ("a", "b", "c"), "one that is doubted now was confirmed, and may have begun"
    _confirm(rig, "c")
    rig.pump()
    assert {rig.state(one).phase for one in "abcd"} == {Phase.CLOSED}
    assert rig.engine.audit() == []


def test_a_second_confirmation_and_one_of_an_access_change_nothing(rig: Rig) -> None:
    rig.seed(SUBJECT)
    _submit(rig, "one")
    _submit(rig, "two", "unverified")
    copy = RequestForm(
        Right.ACCESS, (Identifier("email", SUBJECT.email),), request_id="copy", identity="unverified"
    )  # fmt: skip
    rig.intake.submit([copy])
    rig.engine.apply_waiting()
    assert rig.state("two").waits_for == ("copy", "one")
    _confirm(rig, "two")
    _confirm(rig, "copy")
    rig.pump()
    assert {rig.state(one).phase for one in ("one", "two", "copy")} == {Phase.CLOSED}
    assert rig.engine.audit() == []


def test_the_second_goes_on_when_the_first_is_withdrawn(rig: Rig) -> None:
    rig.seed(SUBJECT)
    _submit(rig, "one")
    _submit(rig, "two")
    rig.engine.apply_waiting()
    commands.give(rig.store, rig.clock, RequestWithdrawn(request_id="one", observed_at="", role="dpo"))
    rig.pump()
    assert rig.records("one")[0].result == "withdrawn"
    assert rig.state("two").phase is Phase.CLOSED
    assert not rig.systems["crm"].rows["contacts"]
