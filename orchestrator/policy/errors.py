"""What is wrong with a policy file."""

from __future__ import annotations

from orchestrator.errors import UsageError


class PolicyError(UsageError):
    """A policy file is wrong. ``more``: what else is wrong in it."""

    def __init__(self, what: str, *, where: str, fix: str, more: tuple[str, ...] = ()) -> None:
        super().__init__(what, where=where, fix=fix)
        self.more = more
