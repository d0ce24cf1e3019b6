"""Who asks: by any means (S44), a document only on a recorded doubt (S45), and nothing goes out before it is settled.

An unverified request rests in VERIFYING. A doubt may come later as well: then nothing more is issued, what has not
left is called back, and the clock stands still. The doubt, what was asked, and both times stay in the state.
"""

from __future__ import annotations

from typing import Final

import msgspec

from orchestrator.core import afresh, aggregate, answers, clock, documents, ending, pausing, requester
from orchestrator.core.asking import Identity
from orchestrator.core.commands_identity import IdentityConfirmed, IdentityDoubted, IdentityRefused
from orchestrator.core.events import RequestAccepted
from orchestrator.core.model import Attention, Phase, RequestState, Result
from orchestrator.core.moments import date_of, later
from orchestrator.core.pausing import Wrong
from orchestrator.core.transitions import move
from orchestrator.core.work import Work
from schemas.requesters import is_code, is_day
from schemas.requests import Right

DOCUMENT: Final = "document"
ASKS: Final = (
    "reply_to_known_address",
    "callback",
    "question",
    "in_person",
    "electronic_id",
    "proof_of_mandate",
    DOCUMENT,
)
"""What the person, or who asks for them, may be asked for."""
METHODS: Final = ("account_login", *ASKS)
"""By which means it may be known who asks."""
_OPEN: Final = ("identity_unverified", "identity_doubted", "requester_unproven")
_OUTLIVES_ART_11: Final = frozenset({Right.OBJECTION, Right.WITHDRAWAL_OF_CONSENT})
_DAY: Final = 24 * 60


def waits_for_identity(state: RequestState) -> bool:
    """Tell whether nothing may be done before it is known who asks.

    What takes effect at receipt does so whoever asks: nothing is handed out, and nothing lost that cannot come back.
    """
    return state.identity.level != "verified" and not state.progress.at_receipt


def begin(work: Work, event: RequestAccepted) -> None:
    """Take in what is known of who asks, and call somebody where it is not enough."""
    state = work.state
    requester.watch(work)
    if requester.undecided(state):
        todo = "the law of the country decides on data of the dead: `expunge decide-dead`, or `expunge refuse`"
        work.stop(Attention("data_of_the_dead", "dpo", todo, work.now))
    lacking = requester.lacks(state, work.now)
    if lacking:
        state.identity = Identity("unverified", reason=lacking)
        todo = "see what the requester has shown: `expunge identity confirm`, or `expunge identity refuse`"
        work.stop(Attention("requester_unproven", "dpo", todo, work.now, detail=lacking))
    elif waits_for_identity(state):
        todo = "find out who asks, by any means: `expunge identity confirm`, or `expunge identity refuse`"
        work.stop(Attention("identity_unverified", "dpo", todo, work.now))
    if waits_for_identity(state) or (lacking and event.unproven_lapses):
        work.notice("identity_needed", "subject")
        wait(work)


def wait(work: Work) -> None:
    """Set the end of waiting for the person, if there is one."""
    if work.plan.limits.lapse_days:
        work.timer("lapse", later(work.now, minutes=work.plan.limits.lapse_days * _DAY))


def verifying(work: Work) -> bool:
    """Go on, once it is known who asks."""
    if waits_for_identity(work.state) or requester.undecided(work.state):
        return False
    move(work.state, Phase.DISCOVERING)
    return True


def unfound(work: Work) -> bool:
    """Stop where nobody was found and the right does not end with that: a person decides, no rule does.

    Art. 11(2) takes Arts 15 to 20 away from who cannot be identified; an objection and a withdrawal of consent stay.
    """
    state, plan = work.state, work.plan
    if state.right not in _OUTLIVES_ART_11 or state.episode > 1:
        return False
    result, _ = aggregate.result_of(plan, state, aggregate.unsearched(plan, state))
    if result is not Result.UNIDENTIFIABLE:
        return False
    todo = (
        "Art. 11 does not end this right: ask for what would help and let it be submitted anew (`follows`), then"
        " `expunge withdraw`; or `expunge refuse --ground cannot_identify`, which you have to prove (Art. 12(2))"
    )
    work.stop(Attention("cannot_be_found", "dpo", todo, work.now))
    return True


def lapsed(work: Work) -> None:
    """The person was asked, and did not answer in the time there was."""
    state = work.state
    unproven = any(one.reason == "requester_unproven" for one in state.attention)
    if unproven or waits_for_identity(state) or (state.fee is not None and not state.fee.accepted_at):
        pausing.end_pause(work, work.now, identity=True)
        ending.end(work, Result.LAPSED)


# -- commands ---------------------------------------------------------------------------------------------
def doubted(work: Work, command: IdentityDoubted) -> str:
    """Stop, ask, and let the clock stand still."""
    state = work.state
    state.identity = msgspec.structs.replace(
        state.identity,
        level="doubted",
        reason=command.reason,
        asks=command.asks,
        document="asked" if command.asks == DOCUMENT else state.identity.document,
    )
    work.settled("identity_unverified")
    todo = "wait for what was asked: `expunge identity confirm`, or `expunge identity refuse`"
    work.stop(Attention("identity_doubted", "dpo", todo, work.now, detail=command.asks))
    pausing.pause(work, "identity", command.when)
    work.notice("identity_doubt", "subject", reason=command.reason, asks=command.asks)
    ending.recall(work)
    wait(work)
    return ""


def confirmed(work: Work, command: IdentityConfirmed) -> str:
    """Go on: it is who they say."""
    state = work.state
    doubted = state.identity.level == "doubted"
    state.identity = msgspec.structs.replace(state.identity, level="verified", method=command.method)
    if command.valid_until and state.requester is not None:
        state.requester = msgspec.structs.replace(state.requester, valid_until=command.valid_until)
        work.settled("proof_ended")
        requester.watch(work)
    for reason in _OPEN:
        work.settled(reason)
    _checked(work, command.when)
    # It may have waited for weeks: what was found then is no ground to decide or to act on now.
    if doubted and command.afresh:
        afresh.look(work)
    elif state.phase is Phase.DECIDING:
        answers.back_to_discovery(work)
    return ""


def refused(work: Work, command: IdentityRefused) -> str:
    """End: nobody could tell who asks."""
    work.state.identity = msgspec.structs.replace(work.state.identity, reason=command.reason)
    _checked(work, command.when)
    ending.end(work, Result.IDENTITY_NOT_ESTABLISHED)
    return ""


def _checked(work: Work, when: str) -> None:
    pausing.end_pause(work, when, identity=True)
    if work.state.fee is None or work.state.fee.accepted_at:
        work.state.timers.pop("lapse", None)
    documents.after_check(work)


def no_doubt(state: RequestState, command: IdentityDoubted) -> Wrong:
    """Say why nobody may be asked who they are."""
    if (again := pausing.answered(state)) is not None:
        return again
    if state.identity.level == "doubted":
        return "the identity is doubted already", "`expunge identity confirm` or `expunge identity refuse`"
    if not is_code(command.reason):
        return "a doubt needs its reason", "a code word, e.g. address_unknown; never a name (GDPR Art. 12(6))"
    if command.asks not in ASKS:
        return f"{command.asks!r} is nothing to ask for", f"one of: {', '.join(ASKS)}"
    if command.asks == DOCUMENT and not clock.in_first_month(state, command.when):
        return "a document had to be asked for within one month of receipt", "ask for something else"
    return None


def no_confirmation(state: RequestState, command: IdentityConfirmed) -> Wrong:
    """Say why the identity may not be confirmed."""
    if command.method not in METHODS:
        return f"{command.method!r} is no means to know who asks", f"one of: {', '.join(METHODS)}"
    if command.method == DOCUMENT and state.identity.document != "asked":
        fix = "by other means; or note the doubt: `expunge identity doubt --asks document` (GDPR Art. 12(6))"
        return "no document was asked for on a recorded doubt", fix
    if command.valid_until and state.requester is None:
        return "nobody asks for somebody else here: no proof has an end", "leave --valid-until out"
    if command.valid_until and (
        not is_day(command.valid_until) or command.valid_until < date_of(command.when).isoformat()
    ):
        return "the proof's last day lies in the past, or is no day", "the day of the new proof: 2026-12-31"
    if not command.valid_until and requester.expired(state, command.when):
        return "the proof of the requester holds no more", "ask for a new one, and give --valid-until"
    if state.identity.level == "verified" and not command.valid_until:
        return "the identity is not in doubt", "see `expunge show`"
    return None


def no_refusal(state: RequestState, command: IdentityRefused) -> Wrong:
    """Say why a request may not end for its identity."""
    if state.identity.level == "verified":
        return "nobody doubted the identity", "note the doubt first, and ask: `expunge identity doubt`"
    if not is_code(command.reason):
        return "a refusal needs its reason", "a code word, e.g. no_answer; never a name"
    return None
