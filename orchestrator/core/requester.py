"""Who asks for somebody else: whether their proof suffices, who gets the answer, and the data of the dead.

The rights of the GDPR end with the person (recital 27); what heirs may ask is the law of the country (LIL Art. 84-86).
So a request of an heir is never carried out as one of the person: somebody decides it by hand, by a ground of its own.
"""

from __future__ import annotations

from typing import Final

from orchestrator.core.commands_identity import DeadDecided
from orchestrator.core.model import Attention, RequestState, Result
from orchestrator.core.moments import date_of, days_from, start_of
from orchestrator.core.work import Work
from schemas.requesters import Relation
from schemas.requests import Right

_BY_LAW: Final = frozenset({Relation.PARENT, Relation.GUARDIAN})
"""Relations that cover every right by themselves; the others cover what the proof names."""
_ERASED: Final = frozenset({Result.FULFILLED, Result.PARTLY_FULFILLED})
DEAD: Final = {
    "directive": frozenset({"access", "erasure"}),
    "estate": frozenset({"access"}),
    "account_closed": frozenset({"erasure"}),
}
"""Why data of the dead may be touched (LIL Art. 85), and what may be asked for it."""


def lacks(state: RequestState, now: str) -> str:
    """Give a code for what the proof of the requester lacks; empty: nothing."""
    who = state.requester
    if who is None or who.relation is Relation.HEIR:
        return ""
    if not who.proof:
        return "no_proof"
    if expired(state, now):
        return "proof_expired"
    if who.rights and state.right.value not in who.rights:
        return "right_not_covered"
    if not who.rights and who.relation not in _BY_LAW:
        return "no_right_named"
    return ""


def expired(state: RequestState, now: str) -> bool:
    """Tell whether the proof of the requester holds no more."""
    who = state.requester
    return who is not None and bool(who.valid_until) and date_of(now).isoformat() > who.valid_until


def addressee(state: RequestState, now: str) -> str:
    """Give whom to tell: the requester only if that was asked for, and only while the proof holds."""
    who = state.requester
    if who is None or who.answer_to == "subject" or state.identity.level != "verified" or expired(state, now):
        return "subject"
    # A proof that lacked something is as good as one that does not once somebody has looked at it.
    return "subject" if lacks(state, now) and not state.identity.method else "requester"


def watch(work: Work) -> None:
    """Set the timer that tells when the proof ends."""
    who = work.state.requester
    if who is not None and who.valid_until and not expired(work.state, work.now):
        work.timer("proof", start_of(days_from(who.valid_until, 1)))


def proof_ended(work: Work) -> None:
    """The proof ended while the request runs: what was asked in time goes on, and the answer goes to the person."""
    who = work.state.requester
    detail = who.valid_until if who is not None else ""
    todo = "the answer goes to the data subject now; a new proof: `expunge identity confirm --valid-until`"
    work.warn(Attention("proof_ended", "dpo", todo, work.now, detail=detail))


def undecided(state: RequestState) -> bool:
    """Tell whether it is about data of the dead, and nobody decided that it may be carried out."""
    who = state.requester
    return who is not None and who.relation is Relation.HEIR and not state.ground


def no_decision(state: RequestState, command: DeadDecided) -> tuple[str, str] | None:
    """Say why a request about the dead may not be decided so."""
    if not undecided(state):
        return "it is not an heir's request that waits", "see `expunge show`"
    if command.why not in DEAD:
        return f"{command.why!r} is no ground to touch data of the dead", f"one of: {', '.join(DEAD)}"
    if state.right.value not in DEAD[command.why]:
        allowed = " or ".join(sorted(DEAD[command.why]))
        return f"{command.why!r} does not allow {state.right.value}", f"it allows {allowed}; or `expunge refuse`"
    return None


def dead_decided(work: Work, command: DeadDecided) -> str:
    """Let it be carried out, on the ground that somebody decided."""
    work.state.ground = f"dead:{command.why}"
    work.settled("data_of_the_dead")
    return ""


# -- who was a minor --------------------------------------------------------------------------------------
def rules(state: RequestState, decided: dict[str, str]) -> dict[str, str]:
    """Give the rules of an erasure; data collected from a minor has a ground of its own (Art. 17(1)(f), LIL 51-II)."""
    if not state.minor_at_collection:
        return decided
    return {name: "erase:gdpr-17-1-f" if rule == "erase:gdpr-17-1" else rule for name, rule in decided.items()}


def tell_others(work: Work) -> None:
    """Have the other controllers told to whom the data of a minor went, once it is erased (LIL Art. 51-II)."""
    state = work.state
    if state.minor_at_collection and state.right is Right.ERASURE and state.result in _ERASED and state.episode == 1:
        work.notice("tell_other_controllers", "dpo", text="fr-lil-51-ii")
