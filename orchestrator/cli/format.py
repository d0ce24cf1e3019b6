"""How data is printed; apart from ``screen``, so that the declarations of the commands import nothing heavy."""

from __future__ import annotations

import enum


class Format(enum.StrEnum):
    """``-o``."""

    TEXT = "text"
    JSON = "json"


class Bus(enum.StrEnum):
    """``--bus``."""

    FAUST = "faust"
    PLAIN = "plain"
