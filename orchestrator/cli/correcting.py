"""Takes back what people had noted wrongly in a record; the record itself is read from the store."""

from __future__ import annotations

from orchestrator.cli import deciding
from orchestrator.cli.desk import Desk
from orchestrator.core.commands_correcting import CorrectionSettled, RecordCorrected
from orchestrator.errors import UsageError
from orchestrator.keys import trusting
from orchestrator.store.migrate import check as check_tables


def correct(desk: Desk, request_id: str, role: str, number: int, places: tuple[str, ...], reason: str) -> int:
    """Correct a record.

    Raises:
        UsageError: no such record, or it cannot be corrected like this (``core.correcting``).
        VerificationError: a record in the store is not one that we have signed.
    """
    settings = desk.settings()
    with desk.store(settings) as store:
        check_tables(store.engine)
        with store.read() as tx:
            held = [raw for _, raw in tx.records_of(request_id)]
    # What is corrected is signed anew: it has to be what was signed, whoever can write the store.
    trust = trusting.pinned(sorted(settings.keys.glob("record*.pub.jwk")), [], None)
    records = [trust.record(raw) for raw in held]
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
