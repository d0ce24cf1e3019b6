"""What the commands of one right do: lift, balance, attest; and when they may not be given."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from orchestrator.core import acting, procedures
from orchestrator.core.commands_rights import DoneByHand, LiftOrdered, ObjectionBalanced
from orchestrator.core.model import Phase, RequestState
from orchestrator.core.moments import date_of
from orchestrator.core.plan import Plan
from orchestrator.core.work import Work
from schemas.fields import ID_PATTERN
from schemas.outcomes import Attested
from schemas.requesters import is_code
from schemas.requests import Right

Wrong = tuple[str, str] | None
_SHOW: Final = "see `expunge show`"
_SHA256: Final = re.compile(r"^[0-9a-f]{64}$(?!\n)")
_WORD: Final = re.compile(ID_PATTERN)


def lift(work: Work, _: LiftOrdered) -> str:
    """Tell the person; the orders follow when the notice is over, and until then the restriction stands."""
    acting.announce_lift(work)
    return ""


def cannot_lift(state: RequestState, _: LiftOrdered) -> Wrong:
    """Say why nothing can be lifted."""
    if state.phase is not Phase.CLOSED:
        return "it is still being worked on", "wait until it is closed, or end it with `expunge withdraw`"
    if not any(one.kind == "restriction" for one in state.obligations):
        return "nothing is restricted by it", "see `expunge list --obligations` for what is"
    if "lift" in state.timers:
        return "the restriction is about to be lifted already", _SHOW
    return None


def balance(work: Work, command: ObjectionBalanced) -> str:
    """Take in how an objection was weighed."""
    state = work.state
    wrong = not_weighed(work.plan, state)
    if wrong is not None:
        return wrong[0]
    state.progress = msgspec.structs.replace(state.progress, balance=command.balance)
    work.settled(acting.BALANCE)
    # Whichever way it was weighed: what was restricted for the balancing is lifted in the end.
    acting.announce_lift(work)
    return ""


def cannot_balance(state: RequestState, command: ObjectionBalanced) -> Wrong:
    """Say why there is nothing to weigh."""
    if state.right is not Right.OBJECTION:
        return "it is no objection", _SHOW
    if state.phase is Phase.CLOSED:
        return "the request is closed", _SHOW
    if state.ending is not None:
        return "the request is about to end already", _SHOW
    if state.progress.balance is not None:
        return f"it was weighed already: {state.progress.balance}", _SHOW
    if not is_code(command.why):
        return "the reason is one word", "e.g. --reason fraud_prevention; never a text about the person"
    return None


def not_weighed(plan: Plan, state: RequestState) -> Wrong:
    """Say that nothing of an objection is weighed: one to marketing never is (Art. 21(3))."""
    if procedures.to_be_balanced(plan, state):
        return None
    return "nothing of it is to be weighed", "an objection to marketing is carried out at once (GDPR Art. 21(3))"


def attest(work: Work, command: DoneByHand) -> str:
    """Take in what somebody did by hand; shown as the weaker assurance."""
    state = work.state
    done = Attested(command.role, date_of(command.when).isoformat(), command.document_sha256)
    if procedures.answered_by_a_person(state.right):
        state.progress = msgspec.structs.replace(state.progress, attested=done)
        work.settled(acting.MANUAL)
        return ""
    if not work.plan.system(command.system).attested:
        return "the policy takes nobody's word for this system"
    system = state.systems[command.system]
    todo = _open(state, command)
    system.attested = system.attested | dict.fromkeys(todo, done)
    state.attention = tuple(
        one
        for one in state.attention
        if (one.reason, one.system) != (acting.MANUAL, command.system) or one.record_set not in todo
    )
    return ""


def cannot_attest(state: RequestState, command: DoneByHand) -> Wrong:
    """Say why nobody's word is asked for."""
    if state.phase is Phase.CLOSED:
        return "the request is closed", _SHOW
    if state.ending is not None:
        return "the request is about to end already", _SHOW
    if not _SHA256.match(command.document_sha256):
        return "the document's SHA-256 is 64 hexadecimal digits", "give the file with --document"
    if not _WORD.match(command.role):
        return "the role is one word", "e.g. --role dpo; never a name"
    if procedures.answered_by_a_person(state.right):
        if command.system:
            return "no system is asked anything for it", f"expunge attest {state.request_id} --document FILE"
        return None
    if command.system in state.recipients:
        return f"{command.system} is asked, and answers", "say --done or --exception, and what it found with --found"
    if not command.system:
        return "it is not said where", f"expunge attest {state.request_id} SYSTEM/RECORD_SET --document FILE"
    if not _open(state, command):
        fix = "what a system can do, it does: see `expunge show`, and `expunge retry` once its cause is mended"
        return "nothing is to be done by hand there", fix
    return None


def not_taken(plan: Plan, state: RequestState, command: DoneByHand) -> Wrong:
    """Say that the plan takes nobody's word for a system."""
    if not command.system or command.system not in plan.by_name or plan.system(command.system).attested:
        return None
    fix = f"set attested = true under [systems.{command.system}], `expunge retry {state.request_id}`, then attest"
    return "the configuration takes nobody's word for this system", fix


def _open(state: RequestState, command: DoneByHand) -> tuple[str, ...]:
    system = state.systems.get(command.system)
    if system is None:
        return ()
    return tuple(one for one in system.manual if one not in system.attested and command.record_set in {"", one})
