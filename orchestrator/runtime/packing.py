"""Puts exported parts into one access package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from connectors.exports import ExportSink, read_export
from orchestrator.core.effects import AssemblePackage
from orchestrator.errors import ExpungeError
from orchestrator.files import package
from orchestrator.ports import Chance, Keyring
from schemas.errors import SealError


class PartLostError(ExpungeError):
    """An exported part is missing or was altered: its request waits for a person, everybody else's goes on."""


def assemble(
    folder: Path, key: bytes, job: AssemblePackage, parts: ExportSink, keys: Keyring, chance: Chance
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

    return package.write(folder, key, ((one, rows(one, *part)) for one, part in sorted(job.parts.items())), chance)
