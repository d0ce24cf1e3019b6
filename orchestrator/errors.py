"""Errors a person sees: what, where, why, and the fix. Their class decides the exit code of the CLI."""

from __future__ import annotations


class ExpungeError(Exception):
    """Base. ``exit_code`` is what the CLI ends with.

    Attributes:
        what: One sentence; never contains personal data.
        where: File (and line) or setting.
        why: The cause, if it is not obvious.
        fix: What to do now.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", why: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.why = why
        self.fix = fix


class UsageError(ExpungeError):
    """Wrong use or wrong configuration."""

    exit_code = 2


class DependencyError(ExpungeError):
    """Something we need cannot be reached: a database, a file system, a lock."""

    exit_code = 3


class ContentionError(DependencyError):
    """Another transaction was in the way, and the database undid this one: to be tried again."""


class VerificationError(ExpungeError):
    """A record does not prove what it claims."""

    exit_code = 4


class IllegalTransitionError(ExpungeError):
    """An event that the state tables do not allow. The state is unchanged; the event goes to dead letters."""


class ConflictError(ExpungeError):
    """A row that may be there once is there already: a mistake of ours, not of the database.

    The engine tries the events of the batch one by one, so that it stops only the one.
    """


class IncidentError(ExpungeError):
    """The same event id with other content: somebody or something is lying. Nothing is applied."""
