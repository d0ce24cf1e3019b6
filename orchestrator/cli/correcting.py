"""Takes back what people had noted wrongly in a record; the record itself is read from the store."""

from __future__ import annotations

from orchestrator.cli import deciding
from orchestrator.cli.desk import Desk
from orchestrator.core.commands_correcting import CorrectionSettled, RecordCorrected
from orchestrator.errors import UsageError
from orchestrator.store.migrate import check as check_tables
from schemas.codec import decode
from schemas.completion import CompletionRecord
from schemas.sealing import unb64u


def correct(desk: Desk, request_id: str, role: str, number: int, places: tuple[str, ...], reason: str) -> int:
    """Correct a record.

    Raises:
        UsageError: no such record, or it cannot be corrected like this (``core.correcting``).
    """
    with desk.store() as store:
        check_tables(store.engine)
        with store.read() as tx:
            held = [raw for _, raw in tx.records_of(request_id)]
    records = [decode(unb64u(raw.split(b".")[1].decode()), CompletionRecord) for raw in held]
    found = next((one for one in records if one.number == number), None)
    if found is None:
        known = ", ".join(str(one.number) for one in sorted(records, key=lambda one: one.number)) or "none yet"
        raise UsageError(f"no record {number}", where=f"request {request_id}", fix=f"--record, one of: {known}")
    command = RecordCorrected(
        request_id=request_id, observed_at="", role=role, record=found, places=places, reason=reason
    )
    return deciding.give(desk, command, "gets a further record")


def settled(desk: Desk, request_id: str, role: str, *, alone: bool) -> int:
    """Note that what a correction left open was seen to.

    Raises:
        UsageError: nothing is open, or a correction is given along with it.
    """
    if not alone:
        raise UsageError("--settled goes alone", fix="correct first; settle it once it was seen to")
    command = CorrectionSettled(request_id=request_id, observed_at="", role=role)
    return deciding.give(desk, command, "has nothing more to be corrected")
