"""A document that was looked at to know who asks: it is owed that it is deleted, and that somebody says so (S45)."""

from __future__ import annotations

from typing import Final

import msgspec

from orchestrator.core.commands_identity import DocumentDeleted
from orchestrator.core.model import Attention, Phase, RequestState
from orchestrator.core.work import Work

HELD: Final = "document_held"
"""Stays in the list when the request is closed, until it is gone."""


def after_check(work: Work) -> None:
    """The check is over, whatever it showed: a document that was asked for has to go."""
    state = work.state
    if state.identity.document != "asked":
        return
    state.identity = msgspec.structs.replace(state.identity, document="to_delete")
    todo = "delete the document that was asked for, wherever it lies; then `expunge identity document-deleted`"
    work.warn(Attention(HELD, "dpo", todo, work.now))


def deleted(work: Work, command: DocumentDeleted) -> str:
    """Take in that it is gone."""
    found = msgspec.structs.replace(work.state.identity, document="deleted", document_deleted_at=command.when)
    work.state.identity = found
    work.settled(HELD)
    return ""


def no_document(state: RequestState, _: DocumentDeleted) -> tuple[str, str] | None:
    """Say why no document can be deleted."""
    if state.identity.document == "deleted":
        return f"its deletion is noted, on {state.identity.document_deleted_at[:10]}", "nothing is left to do"
    if state.identity.document == "asked" and state.phase is not Phase.CLOSED:
        return "the check is not over", "`expunge identity confirm` or `expunge identity refuse` first"
    if not state.identity.document:
        return "no document was asked for", "see `expunge show`"
    return None
