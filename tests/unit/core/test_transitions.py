"""The tables: every event in every phase is accepted, ignored with a reason, or refused with the state unchanged."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from orchestrator.core.asked import Balance
from orchestrator.core.commanding import HANDLERS, REFUSALS
from orchestrator.core.commands import COMMANDS, RequestWithdrawn
from orchestrator.core.commands_clock import ClockPaused, ClockResumed, Extended
from orchestrator.core.commands_correcting import CorrectionSettled, RecordCorrected
from orchestrator.core.commands_deciding import Approved, HoldPlaced, HoldReleased, SetDecided
from orchestrator.core.commands_identity import (
    DeadDecided,
    DocumentDeleted,
    FeeAccepted,
    FeeQuoted,
    FeeWaived,
    IdentityConfirmed,
    IdentityDoubted,
    IdentityRefused,
    Refused,
)
from orchestrator.core.commands_recipients import RecipientAnswered, RecipientAsked
from orchestrator.core.commands_returning import CameBack, Restored
from orchestrator.core.commands_review import PassagesDecided, ReviewDone
from orchestrator.core.commands_rights import DoneByHand, LiftOrdered, ObjectionBalanced
from orchestrator.core.events import (
    Confirmed,
    Event,
    Incident,
    OtherClosed,
    OtherOpened,
    PackageAssembled,
    Recalled,
    RequestAccepted,
    Resumed,
    ReviewFound,
    TimerFired,
)
from orchestrator.core.machine import step
from orchestrator.core.model import LOGIC, Phase, RequestState
from orchestrator.core.passages import Passage
from orchestrator.core.rulings import Hold
from orchestrator.core.transitions import ACCEPTS, IGNORES, MOVES, diagram, move
from orchestrator.errors import IllegalTransitionError
from schemas.outcomes import Exported
from schemas.requests import Right
from schemas.tasks import Action
from tests.support.stories import Story, at, found, plan, system

ROOT = Path(__file__).parents[3]
PLAN = plan(system("crm"), system("mail"))
BASE: dict[str, Any] = {"request_id": "req", "observed_at": at(9)}
_DONE = Story(PLAN)
_DONE.all_answer()
_DONE.all_answer()
RECORD = _DONE.records[0]

EVENTS: tuple[Event, ...] = (
    RequestAccepted(**BASE, right=Right.ACCESS, received_at=at(), plan_sha256="0", identifiers=()),
    Confirmed(
        **BASE,
        task_id="req.1.crm.locate.1",
        system="crm",
        action=Action.LOCATE,
        connector="c",
        acted_at=at(),
        sha256="f" * 64,
        outcomes={},
    ),
    PackageAssembled(**BASE, job_id="j", file="f", sha256="0"),
    ReviewFound(**BASE, job_id="j", found={"crm/notes": 1}),
    PassagesDecided(**BASE, role="dpo", ground="own_data", passages=(Passage("crm/notes", 0, "body", 0, 1),)),
    ReviewDone(**BASE, role="dpo"),
    TimerFired(**BASE, name="deadline", generation=2),
    OtherClosed(**BASE, other="acc"),
    OtherOpened(**BASE, other="lim"),
    Resumed(**BASE, role="dpo"),
    Incident(**BASE, reason="internal_error"),
    Recalled(**BASE, tasks=("req.1.crm.locate.1",)),
    RequestWithdrawn(**BASE, role="dpo"),
    IdentityDoubted(**BASE, role="dpo", reason="r", asks="document"),
    IdentityConfirmed(**BASE, role="dpo", method="callback"),
    IdentityRefused(**BASE, role="dpo", reason="r"),
    DocumentDeleted(**BASE, role="dpo"),
    Refused(**BASE, role="dpo", ground="excessive", reason="r", text="gdpr-12-5"),
    DeadDecided(**BASE, role="dpo", why="estate"),
    ClockPaused(**BASE, role="dpo", reason="clarification"),
    ClockResumed(**BASE, role="dpo"),
    Extended(**BASE, role="dpo", reason="complexity"),
    FeeQuoted(**BASE, role="dpo", cents=500, currency="EUR"),
    FeeAccepted(**BASE, role="dpo"),
    FeeWaived(**BASE, role="dpo"),
    HoldPlaced(**BASE, role="legal", hold=Hold("h", "r", "gdpr-17-3-e", "legal", "2027-01-01", at())),
    HoldReleased(**BASE, role="legal", hold_id="h"),
    SetDecided(**BASE, role="dpo", system="crm", record_set="contacts", ground="a"),
    Approved(**BASE, role="dpo", preview="0", by="x"),
    LiftOrdered(**BASE, role="dpo"),
    Restored(**BASE, role="dpo", system="crm", snapshot=at()),
    CameBack(**BASE, role="dpo", since="2026-03-01", reason="fresh_consent"),
    ObjectionBalanced(**BASE, role="dpo", balance=Balance.UPHELD, why="fraud_prevention"),
    DoneByHand(**BASE, role="dpo", document_sha256="0" * 64),
    RecordCorrected(**BASE, role="dpo", record=RECORD, places=("crm/contacts",), reason="attestation_wrong"),
    CorrectionSettled(**BASE, role="dpo"),
    RecipientAsked(**BASE, role="dpo", recipient="mailer"),
    RecipientAnswered(**BASE, role="dpo", recipient="mailer", found=0, document_sha256="0" * 64),
)


def resting(phase: Phase) -> RequestState:
    """A state that rests in this phase, made by events where events can."""
    story = Story(PLAN, Right.ACCESS, others=("acc",))
    match phase:
        case Phase.VERIFYING:
            story = Story(PLAN, Right.ACCESS, identity="unverified")
        case Phase.DISCOVERING:
            pass
        case Phase.DECIDING:
            story = Story(PLAN, Right.ERASURE, others=("acc",))
            story.all_answer(found())
        case Phase.ACTING | Phase.REVIEWING | Phase.CLOSED:
            story = Story(PLAN, Right.ACCESS if phase is Phase.REVIEWING else Right.ERASURE)
            story.all_answer()
            if phase is not Phase.ACTING:
                story.all_answer()
        case _:
            return msgspec.structs.replace(story.state, phase=phase)
    assert story.state.phase is phase
    return story.state


def test_the_tables_name_every_event_and_every_phase() -> None:
    kinds = set(get_args(Event))
    assert {type(one) for one in EVENTS} == kinds == set(ACCEPTS)
    assert set(MOVES) == set(Phase)
    assert set(COMMANDS) == set(HANDLERS) == set(REFUSALS)
    for kind in kinds:
        # Whatever is not accepted everywhere has its reason to be ignored, and the other way round.
        assert (ACCEPTS[kind] == frozenset(Phase)) != (kind in IGNORES)


@pytest.mark.parametrize("phase", [one for one in Phase if one not in (Phase.RECEIVED, Phase.ANSWERING)])
@pytest.mark.parametrize("event", EVENTS, ids=lambda one: type(one).__name__)
def test_every_event_in_every_phase(phase: Phase, event: Event) -> None:
    state = resting(phase)
    before = msgspec.json.encode(state)
    try:
        made = step(PLAN, state, event)
    except IllegalTransitionError:
        assert isinstance(event, Confirmed)
    else:
        if made.ignored:
            assert made.state is state
            assert not made.effects
        else:
            assert phase in ACCEPTS[type(event)]
            assert made.state is not state
    assert msgspec.json.encode(state) == before


@pytest.mark.parametrize("phase", [Phase.RECEIVED, Phase.VERIFYING, Phase.ANSWERING])
def test_no_verified_request_rests_where_nothing_waits(phase: Phase) -> None:
    story = Story(PLAN, Right.ACCESS)
    story.all_answer()
    story.all_answer(Exported(1, "one", "0" * 64))
    assert phase not in {one.state.phase for one in story.steps}


@pytest.mark.parametrize("start", Phase)
@pytest.mark.parametrize("to", Phase)
def test_a_move_that_is_not_in_the_table_raises_and_changes_nothing(start: Phase, to: Phase) -> None:
    state = msgspec.structs.replace(resting(Phase.DISCOVERING), phase=start)
    if to in MOVES[start]:
        move(state, to)
        assert state.phase is to
    else:
        with pytest.raises(IllegalTransitionError):
            move(state, to)
        assert state.phase is start


def test_nothing_but_a_request_begins_a_history() -> None:
    for event in EVENTS[1:]:
        with pytest.raises(IllegalTransitionError):
            step(PLAN, None, event)


def test_a_state_of_a_newer_logic_is_refused() -> None:
    state = msgspec.structs.replace(resting(Phase.DISCOVERING), logic=LOGIC + 1)
    with pytest.raises(IllegalTransitionError):
        step(PLAN, state, EVENTS[3])


def test_the_diagram_in_the_docs_is_drawn_from_the_table() -> None:
    page = (ROOT / "docs" / "states.md").read_text(encoding="utf-8")
    assert f"```mermaid\n{diagram()}```\n" in page, "run: python -m tests.golden.generate"
