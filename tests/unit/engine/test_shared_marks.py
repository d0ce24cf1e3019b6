"""Two restrictions of one person share the mark in the system: lifting one leaves what the other needs (Art. 18)."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from connectors.datamap import Mark
from connectors.testing.fake import FakeSystem
from connectors.testing.fake_store import DEFAULT_SETS
from connectors.testing.people import SUBJECT
from orchestrator.core.asked import Balance
from orchestrator.core.commands import RequestWithdrawn
from orchestrator.core.commands_identity import IdentityConfirmed
from orchestrator.core.commands_rights import LiftOrdered, ObjectionBalanced
from orchestrator.core.model import Phase
from orchestrator.engine import commands, conflicts
from schemas.identifiers import Identifier
from schemas.outcomes import Lifted, Outcome, Restricted, Stopped
from schemas.requesters import Level
from schemas.requests import RequestForm, Right, Scope
from tests.support.rig import Rig, Templates, plan_of

SETS = (
    msgspec.structs.replace(
        DEFAULT_SETS[0],
        purpose="scoring",
        basis="legitimate_interest",
        stop={"marketing": Mark(column="marketing", set="no"), "scoring": Mark(column="profiling", set="{null}")},
    ),
)


@pytest.fixture
def rig(tmp_path: Path, templates: Templates) -> Rig:
    made = Rig(tmp_path, templates, SETS)
    made.systems["hr"] = FakeSystem(SETS)
    made.plan = plan_of(made.settings, made.systems)
    made.reopen()
    return made


def _submit(
    rig: Rig,
    request_id: str,
    right: Right = Right.RESTRICTION,
    scope: tuple[str, ...] = (),
    purposes: tuple[str, ...] = (),
    level: Level = "verified",
) -> None:
    who = (Identifier("email", SUBJECT.email),)
    form = RequestForm(right, who, request_id=request_id, scope=Scope(scope), purposes=purposes, identity=level)
    rig.intake.submit([form])
    rig.engine.apply_waiting()


def _lift(rig: Rig, request_id: str) -> None:
    commands.give(rig.store, rig.clock, LiftOrdered(request_id=request_id, observed_at="", role="dpo"))
    rig.engine.apply_waiting()


def _later(rig: Rig, hours: int = 25) -> None:
    rig.clock.move(hours=hours)
    rig.pump()


def _marked(rig: Rig, system: str = "crm") -> bool:
    return any(row.cells["restricted"] for row in rig.systems[system].rows["contacts"].values())


def _outcomes(rig: Rig, request_id: str) -> dict[str, Outcome]:
    record = rig.records(request_id)[-1]
    return {f"{one.system}/{line.name}": line.outcome for one in record.systems for line in one.record_sets}


def test_the_mark_goes_with_the_last_restriction_and_the_record_says_so(rig: Rig) -> None:
    rig.seed(SUBJECT)
    _submit(rig, "one")
    _submit(rig, "two", scope=("crm",))
    rig.pump()
    _lift(rig, "one")
    _later(rig)
    assert (_marked(rig, "crm"), _marked(rig, "hr")) == (True, False)
    record = rig.records("one")[-1]
    assert record.not_searched["crm/contacts"] == "stays restricted by request two"
    assert isinstance(_outcomes(rig, "one")["hr/contacts"], Lifted)
    assert (record.result, record.headline) == ("fulfilled", "lifted")
    assert [one.kind for one in rig.state("one").obligations] == []
    _lift(rig, "two")
    _later(rig)
    assert not _marked(rig, "crm")
    assert isinstance(_outcomes(rig, "two")["crm/contacts"], Lifted)
    assert rig.engine.audit() == []


def test_where_nothing_is_left_to_lift_the_record_says_that_it_stays_restricted(rig: Rig) -> None:
    rig.seed(SUBJECT)
    _submit(rig, "one")
    _submit(rig, "two")
    rig.pump()
    _lift(rig, "two")
    _later(rig)
    record = rig.records("two")[-1]
    assert _marked(rig)
    assert (record.result, record.headline) == ("fulfilled", "restricted")
    assert set(record.not_searched.values()) == {"stays restricted by request one"}
    assert rig.state("two").forgotten
    assert rig.engine.audit() == []


def test_both_lifted_at_once_the_mark_goes_with_the_last(rig: Rig) -> None:
    rig.seed(SUBJECT)
    _submit(rig, "one")
    _submit(rig, "two")
    rig.pump()
    _lift(rig, "one")
    _lift(rig, "two")
    _later(rig)
    _later(rig, 1)
    assert not _marked(rig)
    assert {rig.state(one).phase for one in ("one", "two")} == {Phase.CLOSED}
    assert _outcomes(rig, "one") == {}, "it left the mark to the other"
    assert {type(one) for one in _outcomes(rig, "two").values()} == {Lifted}
    assert rig.engine.audit() == []


def test_a_restriction_that_is_open_is_waited_for(rig: Rig) -> None:
    rig.seed(SUBJECT)
    _submit(rig, "one")
    rig.pump()
    _lift(rig, "one")
    _submit(rig, "two", level="unverified")
    _later(rig)
    assert _marked(rig)
    assert "lift" in rig.state("one").timers, "it is tried again: nothing waits in silence (I6)"
    confirm = IdentityConfirmed(request_id="two", observed_at="", role="dpo", method="callback")
    commands.give(rig.store, rig.clock, confirm)
    rig.pump()
    _later(rig, 1)
    assert _marked(rig), "the second needs it"
    assert rig.state("one").forgotten
    assert rig.engine.audit() == []


@pytest.mark.parametrize("ends", [False, True])
def test_a_restriction_that_comes_while_one_is_lifted_waits_for_that(rig: Rig, ends: bool) -> None:
    rig.seed(SUBJECT)
    _submit(rig, "one")
    rig.pump()
    _lift(rig, "one")
    rig.clock.move(hours=25)
    rig.engine.fire_timers()
    assert conflicts.lifts(rig.plan, rig.state("one"))
    _submit(rig, "two")
    _submit(rig, "gone", Right.ERASURE)
    assert rig.state("two").waits_for == ("one",)
    if ends:
        withdraw = RequestWithdrawn(request_id="one", observed_at="", role="dpo")
        commands.give(rig.store, rig.clock, withdraw)
    rig.pump()
    assert rig.state("two").phase is Phase.CLOSED
    assert isinstance(_outcomes(rig, "two")["crm/contacts"], Restricted)
    assert _marked(rig)
    assert rig.state("gone").waits_for == (("one", "two") if ends else ("two",)), "the erasure waits on"
    assert rig.engine.audit() == []


def test_an_objection_that_is_weighed_and_a_restriction_share_it_too(rig: Rig) -> None:
    rig.seed(SUBJECT)
    _submit(rig, "limit", scope=("crm",))
    _submit(rig, "objection", Right.OBJECTION)
    _submit(rig, "adverts", Right.OBJECTION, purposes=("marketing",))
    _submit(rig, "gone", Right.OBJECTION)
    rig.pump()
    assert rig.reasons("objection") == ["objection_to_balance"]
    commands.give(rig.store, rig.clock, RequestWithdrawn(request_id="gone", observed_at="", role="dpo"))
    _lift(rig, "limit")
    _later(rig)
    assert _marked(rig)
    assert rig.records("limit")[-1].not_searched["crm/contacts"].startswith("stays restricted by request ")
    balance = ObjectionBalanced(
        request_id="objection", observed_at="", role="dpo", balance=Balance.UPHELD, why="no_ground"
    )  # fmt: skip
    commands.give(rig.store, rig.clock, balance)
    rig.pump()
    _later(rig)
    assert rig.state("objection").phase is Phase.CLOSED
    assert _marked(rig), "one that was withdrawn while it restricted still does, until somebody has it lifted"
    told = rig.records("objection")[-1]
    assert told.not_searched["crm/contacts"] == "stays restricted by request gone"
    assert isinstance(_outcomes(rig, "objection")["crm/contacts"], Stopped)
    _lift(rig, "gone")
    _later(rig)
    assert not _marked(rig)
    assert rig.engine.audit() == []


def test_what_an_objection_marks_is_known_only_while_it_is_at_rest(rig: Rig) -> None:
    rig.seed(SUBJECT)
    _submit(rig, "objection", Right.OBJECTION)
    _submit(rig, "adverts", Right.OBJECTION, purposes=("marketing",))
    _submit(rig, "copy", Right.ACCESS)
    assert conflicts.marks(rig.plan, rig.state("objection")) is None
    assert conflicts.marks(rig.plan, rig.state("adverts")) == set()
    assert conflicts.marks(rig.plan, rig.state("copy")) == set()
    rig.pump()
    assert conflicts.marks(rig.plan, rig.state("objection")) == {"crm/contacts", "hr/contacts"}
    assert not conflicts.lifts(rig.plan, rig.state("objection"))
