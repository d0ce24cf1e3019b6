"""Puts exported parts into one access package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from connectors.exports import ExportSink, read_export
from orchestrator.core.copying import About
from orchestrator.core.effects import AssemblePackage
from orchestrator.errors import DependencyError, ExpungeError
from orchestrator.files import package
from orchestrator.ports import Chance, Keyring
from schemas.errors import SealError


class PartLostError(ExpungeError):
    """An exported part is missing or was altered: its request waits for a person, everybody else's goes on."""


def assemble(
    folder: Path, key: bytes, job: AssemblePackage, parts: ExportSink, keys: Keyring, chance: Chance, about: About
) -> tuple[str, str]:
    """Write the package of a job; gives its opaque name and SHA-256.

    Raises:
        PartLostError: a part is missing, or was altered.
        DependencyError: the disk is full.
    """

    def rows(system: str, file: str, task_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
        try:
            yield from read_export(parts.path(file), keys.system(system), task_id)
        except (OSError, SealError):
            # Not an OSError any more: those are about the disk that the package goes to.
            raise PartLostError(f"an exported part of {system} is missing or was altered") from None

    given = ((one, rows(one, *part)) for one, part in sorted(job.parts.items()))
    return package.write(folder, key, given, chance, about, keys.signer)


def attempt(
    folder: Path, key: bytes, job: AssemblePackage, parts: ExportSink, keys: Keyring, chance: Chance, about: About
) -> tuple[str, str] | None:
    """Write the package of a job; None where that is to be looked at by a person.

    Raises:
        DependencyError: the disk is full: everybody's concern.
    """
    try:
        return assemble(folder, key, job, parts, keys, chance, about)
    except DependencyError:
        raise
    except Exception:  # noqa: BLE001 - this package's parts are to blame; the others go on
        return None


def drop_parts(job: AssemblePackage, parts: ExportSink) -> None:
    """Remove the parts of a package that the store names now."""
    for file, _ in job.parts.values():
        parts.path(file).unlink(missing_ok=True)
