"""``expunge retry`` and ``expunge package``: what a person in charge does with a request."""

from __future__ import annotations

from pathlib import Path

from orchestrator.cli.desk import Desk
from orchestrator.cli.writing import new_file
from orchestrator.engine.capsule import CapsuleBox
from orchestrator.engine.handing import package_of
from orchestrator.engine.waiting import resume
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
    box = CapsuleBox(desk.own_keys(settings).store, chance)
    with desk.store(settings) as store, store.read() as tx:
        name, key = package_of(tx, box, request_id)
    with new_file(file, 0o600) as out:
        size = package.deliver(settings.exports / name, key, out)
    desk.screen.say(f"{size} bytes written to {file}; it is personal data in clear: hand it over, then delete it")
    return 0
