"""Puts exported parts into one access package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from connectors.exports import ExportSink, read_export
from orchestrator.core.copying import About
from orchestrator.core.effects import AssemblePackage
from orchestrator.core.passages import Review
from orchestrator.engine import Engine
from orchestrator.errors import DependencyError, ExpungeError
from orchestrator.files import package
from orchestrator.ports import Chance, Keyring
from orchestrator.runtime import reviewing
from schemas.errors import SealError


class PartLostError(ExpungeError):
    """An exported part is missing or was altered: its request waits for a person, everybody else's goes on."""


class UndecidedError(ExpungeError):
    """Somebody has to decide about passages that may be about others first. ``found``: by record set, how many."""

    def __init__(self, found: dict[str, int]) -> None:
        """Take how many passages of which record sets."""
        super().__init__("a copy waits for a review")
        self.found = found


def part(
    system: str, file: str, task_id: str, parts: ExportSink, keys: Keyring
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the records of an exported part.

    Raises:
        PartLostError: it is missing, or was altered.
    """
    try:
        yield from read_export(parts.path(file), keys.system(system), task_id)
    except (OSError, SealError):
        # Not an OSError any more: those are about the disk that the package goes to.
        raise PartLostError(f"an exported part of {system} is missing or was altered") from None


def rows_of(
    job: AssemblePackage, parts: ExportSink, keys: Keyring
) -> Iterator[tuple[str, Iterator[tuple[str, dict[str, Any]]]]]:
    """Give (system, its exported records) of a job; what is missing raises where it is read."""
    for one, (file, task_id) in sorted(job.parts.items()):
        yield one, part(one, file, task_id, parts, keys)


def assemble(
    folder: Path, packet: Packet, job: AssemblePackage, parts: ExportSink, keys: Keyring, chance: Chance
) -> tuple[str, str]:
    """Write the package of a job; gives its opaque name and SHA-256.

    Raises:
        PartLostError: a part is missing, or was altered.
        UndecidedError: somebody has to look at it first.
        DependencyError: the disk is full.
    """
    review = job.review if isinstance(job.review, Review) else None
    if packet.look.sets:
        found = reviewing.undecided(rows_of(job, parts, keys), packet.look, review)
        if found:
            raise UndecidedError(found)
    given = ((one, reviewing.without(one, some, review)) for one, some in rows_of(job, parts, keys))
    return package.write(folder, packet.key, given, chance, packet.about, keys.signer)


class Packet(msgspec.Struct, frozen=True):
    """What a package is made with. ``key``: its own; ``about``: what a person is told beside; ``look``: what for."""

    key: bytes
    about: About
    look: reviewing.Look = reviewing.Look()

    def __repr__(self) -> str:
        """Hide the key."""
        return "Packet()"


Made = tuple[str, str] | UndecidedError | None
"""Name and SHA-256 of a package; or that somebody has to look first; None: that it cannot be made."""


def attempt(
    folder: Path, packet: Packet, job: AssemblePackage, parts: ExportSink, keys: Keyring, chance: Chance
) -> Made:
    """Write the package of a job; where it is to be looked at by a person, say so.

    Raises:
        DependencyError: the disk is full: everybody's concern.
    """
    try:
        return assemble(folder, packet, job, parts, keys, chance)
    except DependencyError:
        raise
    except UndecidedError as undecided:
        return undecided
    except Exception:  # noqa: BLE001 - this package's parts are to blame; the others go on
        return None


def packet_of(engine: Engine, request_id: str) -> Packet:
    """Gather what the package of a request is made with.

    Raises:
        UsageError: the package has expired: its key is destroyed.
    """
    key, about = engine.package_key(request_id), engine.package_about(request_id)
    watched, own = engine.package_review(request_id)
    sets = {place: reviewing.Watched(fields, always) for place, (fields, always) in watched.items()}
    return Packet(key, about, reviewing.Look(sets, own))


def note(engine: Engine, request_id: str, job: AssemblePackage, made: Made, parts: ExportSink) -> None:
    """Tell the engine what became of a job; parts that nobody needs any more go."""
    if made is None:
        engine.not_packaged(request_id, job.job_id)
    elif isinstance(made, UndecidedError):
        engine.to_review(request_id, job.job_id, made.found)
    else:
        engine.packaged(request_id, job.job_id, *made)
        drop_parts(job, parts)


def drop_parts(job: AssemblePackage, parts: ExportSink) -> None:
    """Remove the parts of a package that the store names now."""
    for file, _ in job.parts.values():
        parts.path(file).unlink(missing_ok=True)
