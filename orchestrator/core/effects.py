"""What the core asks the engine to do, in order. The engine makes them durable in the same transaction (I2)."""

from __future__ import annotations

import msgspec

from orchestrator.core.passages import Review
from schemas.completion import CompletionRecord
from schemas.published import Notice
from schemas.tasks import Action, Instruction


class Order(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a task says besides what to do with which record set (``schemas.tasks.Task``).

    ``corrects``: record sets whose corrections, from the capsule, go sealed with the task.
    """

    purposes: tuple[str, ...] = ()
    record_sets: tuple[str, ...] = ()
    fields: dict[str, tuple[str, ...]] = {}
    corrects: tuple[str, ...] = ()


class IssueTask(msgspec.Struct, frozen=True):
    """Send a task. ``refs``: identifiers to search by.

    ``lease_minutes``: how long a destructive order is valid once it is released (decision 4); 0: no lease.
    ``hold_version``: how many holds had been placed and released when it was decided.
    """

    task_id: str
    system: str
    action: Action
    refs: tuple[str, ...]
    due_on: str
    instructions: dict[str, Instruction] = {}
    lease_minutes: int = 0
    hold_version: int = 0
    order: Order = Order()


class AssemblePackage(msgspec.Struct, frozen=True):
    """Put the exported parts (system -> opaque file, task it was written for) into one package.

    ``portable``: it is one of portability (Art. 20) and not of access (Art. 15), and says so. ``review``: what
    was decided about passages that may be about other people; unset: nobody was asked.
    """

    job_id: str
    due_on: str
    parts: dict[str, tuple[str, str]]
    portable: bool = False
    review: Review | msgspec.UnsetType = msgspec.UNSET


class Complete(msgspec.Struct, frozen=True):
    """Sign and store this completion record. ``salt`` is empty: the engine fills it from a key."""

    record: CompletionRecord


class Forget(msgspec.Struct, frozen=True):
    """Shrink what leads to the person to what is still owed (decision 9).

    ``keep``: references that stay in the vault; ``systems``: whose handles stay. Both empty: everything goes, the
    secret of the references too.
    """

    keep: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    package: bool = False


class Recall(msgspec.Struct, frozen=True):
    """Call back tasks that have not left yet; ``Recalled`` follows at once and says which these were (decision 4)."""

    tasks: tuple[str, ...]


__all__ = ["AssemblePackage", "Complete", "Effect", "Forget", "IssueTask", "Notice", "Recall"]

Effect = Recall | IssueTask | AssemblePackage | Notice | Complete | Forget
