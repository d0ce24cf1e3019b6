"""A copy is looked through for other people's data before it is made (Art. 15(4), 20(4)); somebody decides (ADR 46)."""

from __future__ import annotations

from typing import Final

import msgspec

from orchestrator.core.commands_review import PassagesDecided, ReviewDone
from orchestrator.core.effects import AssemblePackage
from orchestrator.core.events import ReviewFound
from orchestrator.core.model import Attention, Phase, RequestState
from orchestrator.core.moments import later
from orchestrator.core.passages import GROUNDS, MOST, Decided, Review
from orchestrator.core.pausing import Wrong
from orchestrator.core.work import Work
from schemas.outcomes import Exported
from schemas.requests import Right

AWAITED: Final = "awaited"
"""In place of a package's name: a job makes it."""
NEEDED: Final = "third_parties"


def parts_of(state: RequestState) -> dict[str, tuple[str, str]]:
    """Give system -> (file, task it was written for) of what was exported."""
    return {
        name: (outcome.file, one.answered)
        for name, one in sorted(state.systems.items())
        for outcome in one.outcomes.values()
        if isinstance(outcome, Exported)
    }


def assemble(work: Work, parts: dict[str, tuple[str, str]]) -> None:
    """Have the package made, with what was decided about passages."""
    state = work.state
    state.generation += 1
    state.package = AWAITED
    job = state.package_job = f"{state.request_id}.{state.episode}._package.assemble.{state.generation}"
    portable = state.right is Right.PORTABILITY
    work.effects.append(AssemblePackage(job, state.due_on, parts, portable, state.review or msgspec.UNSET))
    work.timer("silent:_package", later(work.now, minutes=work.plan.limits.silent_minutes))


def found(work: Work, event: ReviewFound) -> str:
    """Call somebody: there is something to be looked at before the copy is made."""
    state = work.state
    if state.package != AWAITED or state.package_job != event.job_id:
        return "the package is not awaited"
    state.package = state.package_job = ""
    state.timers.pop("silent:_package", None)
    work.settled("package_silent")
    before = state.review or Review(work.now)
    state.review = msgspec.structs.replace(before, found=event.found, done=False)
    todo = "look at what may be about other people, and decide: `expunge review show`"
    work.stop(Attention(NEEDED, "dpo", todo, work.now, detail=str(sum(event.found.values()))))
    return ""


def decided(work: Work, command: PassagesDecided) -> str:
    """Note a decision."""
    review = work.state.review
    assert review is not None  # noqa: S101 - `no_decision` was asked right before
    one = Decided(command.role, command.ground, command.passages)
    work.state.review = msgspec.structs.replace(review, decided=(*review.decided, one))
    return ""


def done(work: Work, _: ReviewDone) -> str:
    """Let the copy be made. If something is undecided after all, whoever makes it finds that, and it is asked again."""
    review = work.state.review
    assert review is not None  # noqa: S101 - `not_open` was asked right before
    work.state.review = msgspec.structs.replace(review, done=True)
    work.settled(NEEDED)
    return ""


def not_open(state: RequestState) -> Wrong:
    """Say why nothing can be decided about passages now."""
    if state.phase is not Phase.REVIEWING or state.review is None or state.review.done:
        return "no copy of this request waits for a review", f"see `expunge show {state.request_id}`"
    return None


def no_decision(state: RequestState, command: PassagesDecided) -> Wrong:
    """Say why this decision may not be given."""
    wrong = not_open(state)
    if wrong is not None or state.review is None:
        return wrong
    if command.ground not in GROUNDS:
        return "no such ground", f"one of {', '.join(sorted(GROUNDS))}"
    if not command.passages or any(not 0 <= one.start < one.end or one.row < 0 for one in command.passages):
        return "no passage", "give passages by the numbers that `expunge review show` lists"
    if len({*state.review.standing(), *command.passages}) > MOST:
        return f"more than {MOST} passages", "hold back the whole record set: narrow the scope of the request"
    return None
