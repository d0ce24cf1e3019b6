"""``expunge retry`` and ``expunge package``: what a person in charge does with a request."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

import msgspec

from orchestrator.cli.desk import Desk
from orchestrator.cli.writing import new_file
from orchestrator.engine.capsule import CapsuleBox
from orchestrator.engine.handing import package_of
from orchestrator.engine.waiting import resume
from orchestrator.files import ageing, package
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


class Sealing(msgspec.Struct, frozen=True):
    """How a copy is encrypted for its way: to an age key, or under a passphrase that goes to this file."""

    recipient: str = ""
    passphrase_file: Path | None = None


PLAIN: Final = Sealing()


def deliver(desk: Desk, request_id: str, file: Path, sealing: Sealing = PLAIN) -> int:
    """Decrypt the access package of a request into a new file that only its owner can read, or encrypt it anew.

    Raises:
        UsageError: there is no package, it has expired, or a file exists.
        DependencyError: the package is missing or was altered.
    """
    settings = desk.settings()
    box = CapsuleBox(desk.own_keys(settings).store, chance)
    with desk.store(settings) as store, store.read() as tx:
        name, key = package_of(tx, box, request_id)
    source = settings.exports / name
    if sealing == PLAIN:
        with new_file(file, 0o600) as out:
            size = package.deliver(source, key, out)
        desk.screen.say(f"{size} bytes written to {file}; it is personal data in clear: hand it over, then delete it")
        return 0
    if sealing.recipient:
        to = ageing.recipient(sealing.recipient)
        with new_file(file, 0o600) as out:
            ageing.encrypt(package.chunks(source, key), out, to)
        desk.screen.say(f"{file} opens with the key of that recipient: age -d -i KEY -o copy.zip {file.name}")
        return 0
    return _with_passphrase(desk, source, key, file, sealing.passphrase_file)


def _with_passphrase(desk: Desk, source: Path, key: bytes, file: Path, target: Path | None) -> int:
    """Encrypt to a key of this one file, and the key under a passphrase: pyrage streams to keys only."""
    words = ageing.passphrase(chance)
    to, locked = ageing.locked_key(words)
    beside = file.with_name(f"{file.name}.key")
    with contextlib.ExitStack() as files:  # all of them, or none
        out, lock = files.enter_context(new_file(file, 0o600)), files.enter_context(new_file(beside, 0o600))
        if target is not None and str(target) != "-":
            files.enter_context(new_file(target, 0o600)).write(f"{words}\n".encode())
        lock.write(locked)
        ageing.encrypt(package.chunks(source, key), out, to)
    if target is None or str(target) == "-":
        desk.screen.data({"passphrase": words}, lambda one: one.print(f"passphrase: {words}"))
    desk.screen.say(f"{file.name} and {beside.name} go together, the passphrase another way")
    desk.screen.say(f"the person opens it with: age -d -i {beside.name} -o copy.zip {file.name}")
    return 0
