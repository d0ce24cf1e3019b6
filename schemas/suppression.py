"""The suppression API: what producers of events ask, and what they are told (ADR 7). JSON over HTTP.

An identifier stands in clear in the body of a question, so it belongs on a line of its own (TLS), and nobody logs it.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

PATH: Final = "/v1/suppression"
MOST: Final = 1000
"""Questions in one request."""

Answer = Literal["erased", "not_erased", "unknown"]
"""``unknown``: treat it as erased, or ask again; never as not erased (I10)."""


class Asked(msgspec.Struct, frozen=True, omit_defaults=True):
    """One question.

    Attributes:
        kind: Kind of the identifier, as in a request: ``email``, ``customer_id``, ...
        value: In clear; normalised on the other side.
        purpose: Of the data maps; what is kept on a legal text for this purpose is not erased for it.
        system: The connected system that the data is for.
        as_of: RFC 3339 with zone: when the data came about. Later than the erasure, the person came back. Without it,
            data counts as old.
    """

    kind: str
    value: str
    purpose: str = ""
    system: str = ""
    as_of: str = ""

    def __repr__(self) -> str:
        """Hide the value (I4)."""
        return f"Asked(kind={self.kind!r}, value=<hidden>)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Hide the value from rich too."""
        return [("kind", self.kind)]


class Questions(msgspec.Struct, frozen=True):
    """Body of the question."""

    questions: Annotated[tuple[Asked, ...], msgspec.Meta(max_length=MOST)]


class Answers(msgspec.Struct, frozen=True):
    """Body of the answer: one for each question, in their order."""

    answers: tuple[Answer, ...]
