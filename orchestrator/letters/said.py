"""A sentence as it stands in a letter, and what it means to judge one of its claims."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from orchestrator.letters.case import Case
from orchestrator.letters.facts import Value
from schemas.outcomes import (
    Anonymised,
    Deleted,
)


class Said(msgspec.Struct, frozen=True):
    """A sentence as it stands in a letter.

    Attributes:
        key: Its name in the template.
        claims: What it asserts.
        place: ``system/record set`` that it is about; empty: the request as a whole.
        values: The facts it names, as they are and not as they are written.
        where: File and line of its text.
        listed: It is one of a list.
    """

    key: str
    text: str
    claims: tuple[str, ...]
    place: str = ""
    values: dict[str, Value] = {}
    where: str = ""
    listed: bool = False


Claim = Callable[[Case, Said], str]
"""Says why it does not hold; empty: it does."""


GONE: Final = (Deleted, Anonymised)


NO_RECORD: Final = "there is no signed record yet"
