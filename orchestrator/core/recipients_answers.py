"""What is noted about a processor or recipient: that it was written to, what it answered; and when it may not be."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from orchestrator.core import recipients
from orchestrator.core.commands_recipients import RecipientAnswered, RecipientAsked
from orchestrator.core.model import Phase, RequestState
from orchestrator.core.moments import date_of, is_date
from orchestrator.core.overruling import EXCEPTIONS, OBJECTIONS
from orchestrator.core.plan import Plan
from orchestrator.core.recipient_task import RecipientTask
from orchestrator.core.resting import objection as objection_to
from orchestrator.core.work import Work
from schemas.fields import ID_PATTERN, LARGEST_INTEGER
from schemas.outcomes import Attested, Kept, KeptWhy, Notified

Wrong = tuple[str, str] | None
LETTERS: Final = "abcde"
WHY_NOT_TOLD: Final = {
    "impossible": "GDPR Art. 19: it is impossible to tell it",
    "disproportionate": "GDPR Art. 19: telling it takes a disproportionate effort",
}
_SHOW: Final = "see `expunge show`"
_SHA256: Final = re.compile(r"^[0-9a-f]{64}$(?!\n)")
_WORD: Final = re.compile(ID_PATTERN)


def asked(work: Work, command: RecipientAsked) -> str:
    """Take in that it was written to. A recipient is told by that; a processor has still to answer."""
    task = work.state.recipients[command.recipient]
    day = command.asked_on or date_of(command.when).isoformat()
    task = msgspec.structs.replace(task, sent_at=day)
    if task.role != recipients.PROCESSOR:
        task = msgspec.structs.replace(task, outcome=Notified(command.recipient))
    recipients.settle(work, command.recipient, task)
    work.settled(recipients.TO_ASK, command.recipient)
    return ""


def not_asked(state: RequestState, command: RecipientAsked) -> Wrong:
    """Say why it cannot be noted that it was written to."""
    wrong = _no_task(state, command.recipient)
    if wrong is not None:
        return wrong
    task = state.recipients[command.recipient]
    today = date_of(command.when).isoformat()
    if not task.open:
        return f"{command.recipient} has answered already", _SHOW
    if command.asked_on and not (is_date(command.asked_on) and task.opened_at[:10] <= command.asked_on <= today):
        return "it cannot have been written to on that day", f"--on, a day from {task.opened_at[:10]} to {today}"
    return None


def answered(work: Work, command: RecipientAnswered) -> str:
    """Take in what it says; the last word counts, as long as the request is open."""
    wrong = unknown(work.plan, command)
    if wrong is not None:
        return wrong[0]
    task = work.state.recipients[command.recipient]
    outcome: Attested | Kept | Notified | None
    why_not = ""
    if task.role != recipients.PROCESSOR:
        outcome = None if command.exception else Notified(command.recipient)
        why_not = WHY_NOT_TOLD.get(command.exception, "")
    elif command.exception:
        outcome = Kept(
            command.found or 0,
            _why(command.exception),
            command.text,
            until=command.until or None,
            review_by=command.review_by or None,
        )
    else:
        outcome = Attested(task.role, date_of(command.when).isoformat(), command.document_sha256)
    task = msgspec.structs.replace(
        task, outcome=outcome, why_not=why_not, found=command.found, document_sha256=command.document_sha256
    )
    recipients.settle(work, command.recipient, task)
    return ""


def _why(letter: str) -> KeptWhy:
    return EXCEPTIONS[LETTERS.index(letter)]


def no_answer(state: RequestState, command: RecipientAnswered) -> Wrong:
    """Say what is wrong with an answer."""
    wrong = _no_task(state, command.recipient)
    if wrong is not None:
        return wrong
    if not _SHA256.match(command.document_sha256):
        return "the document's SHA-256 is 64 hexadecimal digits", "give the file with --document"
    if not _WORD.match(command.role):
        return "the role is one word", "e.g. --role dpo; never a name"
    if command.found is not None and not 0 <= command.found <= LARGEST_INTEGER:
        return "the number of records is none", "--found, 0 or more"
    task = state.recipients[command.recipient]
    if not command.exception:
        return _no_done(task, command)
    return _no_exception(task, command) if task.role == recipients.PROCESSOR else _not_untold(command)


def _no_done(task: RecipientTask, command: RecipientAnswered) -> Wrong:
    if command.text or command.until or command.review_by:
        return "what is done has no text and no date", "--done alone, or --exception with its text and date"
    if task.role == recipients.PROCESSOR and command.found is None:
        return "it is not said how many records it found", "--found, 0 or more"
    return None


def _not_untold(command: RecipientAnswered) -> Wrong:
    if command.exception not in WHY_NOT_TOLD:
        known = " or ".join(WHY_NOT_TOLD)
        return f"{command.exception!r} is no reason not to tell a recipient (GDPR Art. 19)", f"--exception {known}"
    return None


def _no_exception(task: RecipientTask, command: RecipientAnswered) -> Wrong:
    today = date_of(command.when).isoformat()
    if task.does != "erase":
        return "only an erasure has exceptions (GDPR Art. 17(3))", "ask it again; --done once it is carried out"
    if command.exception not in tuple(LETTERS):
        return f"{command.exception!r} is no exception of GDPR Art. 17(3)", f"--exception, one of: {', '.join(LETTERS)}"
    if not command.found:
        return "nothing was found, so nothing can be kept", "--found, how many records it keeps"
    objection = objection_to(command.text, date_of(command.when), None)
    if objection:
        return f"{command.text or 'no text'}: {OBJECTIONS[objection]}", "--text, one in force today"
    days = [one for one in (command.until, command.review_by) if one]
    if not days or any(not is_date(one) or one <= today for one in days):
        return "it is not said until when it keeps it", "--until or --review, a date in the future (YYYY-MM-DD)"
    return None


def unknown(plan: Plan, command: RecipientAnswered) -> Wrong:
    """Say that the policy does not know the rule it is kept on; None if it does."""
    if command.exception and command.text.startswith("policy:"):
        objection = objection_to(command.text, date_of(command.when), plan.own_rules)
        if objection == "unknown_rule":
            known = ", ".join(plan.own_rules or ()) or "none"
            return f"{command.text}: the policy has no such rule", f"one of: {known}"
    return None


def _no_task(state: RequestState, name: str) -> Wrong:
    if state.phase is Phase.CLOSED:
        return "the request is closed", _SHOW
    if state.ending is not None:
        return "the request is about to end already", _SHOW
    if name not in state.recipients:
        known = ", ".join(sorted(state.recipients)) or "none yet"
        return f"{name!r} has no task in this request", f"`expunge task list` shows them; here: {known}"
    return None
