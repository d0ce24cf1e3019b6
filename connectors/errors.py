"""Errors of a connector, named by who mends them. Nothing of a message's text leaves the worker (I4).

A connector raises one of these with a stable ``code``; anything else it raises is treated as permanent, and
only the class name travels.
"""

from __future__ import annotations


class ConnectorError(Exception):
    """Base. ``code`` is a stable word that may stand in a record; it never holds data."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class TransientError(ConnectorError):
    """Time mends it: database locked, disk full, file busy. Retried with back-off."""


class UnavailableError(TransientError):
    """Something a worker needs beside its own store cannot be reached: a broker, a cache.

    Attributes:
        message: What; from configuration only.
        why: The class of the cause.
        fix: What to look at.
    """

    def __init__(self, code: str, message: str, *, why: str = "", fix: str = "") -> None:
        super().__init__(code)
        self.message = message
        self.why = why
        self.fix = fix

    def __str__(self) -> str:
        """Give what, why and fix on one line."""
        return self.message + (f": {self.why}" if self.why else "") + (f"; {self.fix}" if self.fix else "")


class PermanentError(ConnectorError):
    """A person has to look: it goes to NEEDS_ATTENTION."""


class MisconfiguredError(ConnectorError):
    """The configuration is wrong; the system does not start, or stops.

    Attributes:
        message: What is wrong; from configuration and schema only, never from rows.
        file: The file to change, and ``line`` in it (1-based) where known.
        fix: What to write instead.
    """

    def __init__(self, code: str, message: str = "", *, file: str = "", line: int | None = None, fix: str = "") -> None:
        super().__init__(code)
        self.message = message or code
        self.file = file
        self.line = line
        self.fix = fix

    def __str__(self) -> str:
        """Give file, line, cause and fix on one line."""
        place = f"{self.file}:{self.line}: " if self.line else (f"{self.file}: " if self.file else "")
        return f"{place}{self.message}" + (f"; {self.fix}" if self.fix else "")
