"""``expunge retry`` and ``expunge package``: what a person in charge does with a request."""

from __future__ import annotations

from pathlib import Path

from orchestrator.cli.desk import Desk
from orchestrator.cli.writing import new_file
from orchestrator.core.machine import AWAITED
from orchestrator.engine.capsule import CapsuleBox
from orchestrator.engine.engine import load_state
from orchestrator.engine.waiting import resume
from orchestrator.errors import UsageError
from orchestrator.files import package
from orchestrator.runtime.clock import SystemClock, chance
from orchestrator.store.migrate import check as check_tables


def retry(desk: Desk, request_id: str, role: str) -> int:
    """Note that the cause was mended; ``expunge run`` or ``expunge orchestrate`` goes on.

    Raises:
        UsageError: no such request, or it does not wait for a person.
    """
    with desk.store() as store:
        check_tables(store.engine)
        resume(store, SystemClock(), request_id, role)
    desk.screen.say(f"request {request_id} goes on with the next `expunge run`")
    return 0


def deliver(desk: Desk, request_id: str, file: Path) -> int:
    """Decrypt the access package of a request into a new file that only its owner can read.

    Raises:
        UsageError: there is no package, it has expired, or the file exists.
        DependencyError: the package is missing or was altered.
    """
    settings = desk.settings()
    keys = desk.own_keys(settings)
    with desk.store(settings) as store, store.read() as tx:
        state = load_state(tx, request_id)
        sealed = tx.capsules([request_id]).get(request_id)
    if state.identity.level != "verified" or (state.fee is not None and not state.fee.accepted_at):
        why = "the person has been asked, and did not answer yet"
        where, fix = f"request {request_id}", f"see `expunge show {request_id}`"
        raise UsageError("the copy is not to be handed out yet", where=where, why=why, fix=fix)
    if not state.package or state.package == AWAITED:
        why = "only an access request that found something has one"
        raise UsageError(f"request {request_id} has no package", why=why, fix=f"see `expunge show {request_id}`")
    key = CapsuleBox(keys.store, chance).open(request_id, sealed).package_key if sealed else b""
    if not key:
        raise UsageError(f"the package of request {request_id} has expired", fix="submit a new access request")
    with new_file(file, 0o600) as out:
        size = package.deliver(settings.exports / state.package, key, out)
    desk.screen.say(f"{size} bytes written to {file}; it is personal data in clear: hand it over, then delete it")
    return 0
