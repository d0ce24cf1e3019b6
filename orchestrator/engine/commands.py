"""Takes in what a person in charge decides: into the journal, for whoever works on the store to apply."""

from __future__ import annotations

import msgspec

from orchestrator.core import commanding, overruling, recipients_answers, righting
from orchestrator.core.commands import AnyCommand
from orchestrator.core.commands_deciding import SetDecided
from orchestrator.core.commands_recipients import RecipientAnswered
from orchestrator.core.commands_rights import DoneByHand, ObjectionBalanced
from orchestrator.engine import wire
from orchestrator.engine.base import a_role, a_text, again
from orchestrator.engine.stored import StoredPlans, load_state
from orchestrator.errors import UsageError
from orchestrator.ports import Clock, JournalRow, Store
from schemas.codec import encode
from schemas.requests import utc

SOURCE = "/operator"


def give(store: Store, clock: Clock, command: AnyCommand) -> str:
    """Journal a command; it takes effect with what waits, in order. Gives its event id.

    Args:
        store: The authority; another process may be working on it.
        clock: Stamps it.
        command: ``observed_at`` and ``given_at`` are filled in here.

    Raises:
        UsageError: no role, no such request, or the command may not be given in its state (``commanding.REFUSALS``);
            nothing is journaled then.
    """
    a_role(command.role)
    a_text(getattr(command, "text", ""))
    now = utc(clock.now())
    command = msgspec.structs.replace(command, observed_at=now, given_at=now)
    kind = type(command).__name__

    def note() -> str:
        with store.write() as tx:
            state = load_state(tx, command.request_id)
            wrong = commanding.refusal(state, command)
            if wrong is None and isinstance(command, SetDecided):
                wrong = overruling.unknown(StoredPlans().get(tx, state.plan_sha256), command)
            if wrong is None and isinstance(command, ObjectionBalanced):
                wrong = righting.not_weighed(StoredPlans().get(tx, state.plan_sha256), state)
            if wrong is None and isinstance(command, DoneByHand):
                wrong = righting.not_taken(StoredPlans().get(tx, state.plan_sha256), state, command)
            if wrong is None and isinstance(command, RecipientAnswered):
                wrong = recipients_answers.unknown(StoredPlans().get(tx, state.plan_sha256), command)
            if wrong is not None:
                raise UsageError(wrong[0], where=f"request {command.request_id}", fix=wrong[1])
            before = [row for row in tx.history(command.request_id) if row.type == kind]
            body = encode(command)
            event_id = f"{command.request_id}.{kind.lower()}.{len(before) + 1}"
            row = JournalRow(
                SOURCE, event_id, command.request_id, kind, command.observed_at, wire.digest(body)[0], None, body,
                "waiting",
            )  # fmt: skip
            tx.journal([row])
        return event_id

    return again(note)
