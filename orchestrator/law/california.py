"""California's own list of requests, and which right each of them is here (11 CCR 7101, 7102, as of 29 March 2023).

A right that is in no row is none that the two sections count: a complaint, for example. An objection and a withdrawal
of consent are dated as an opt-out (`regimes`), and counted as one; whether they are about a sale or sharing nobody here
knows.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

Nature = Literal["delete", "correct", "know", "opt_out", "limit"]


class Counted(msgspec.Struct, frozen=True):
    """One kind of request of 11 CCR 7102(a)(1). ``rights``: which of ours it is."""

    nature: Nature
    words: str
    text: str
    rights: tuple[str, ...]


KINDS: Final = (
    Counted("delete", "requests to delete", "11 CCR 7102(a)(1)(A)", ("erasure",)),
    Counted("correct", "requests to correct", "11 CCR 7102(a)(1)(B)", ("rectification",)),
    Counted("know", "requests to know", "11 CCR 7102(a)(1)(C)", ("access", "portability")),
    Counted(
        "opt_out",
        "requests to opt out of sale or sharing",
        "11 CCR 7102(a)(1)(D)",
        ("objection", "withdrawal_of_consent"),
    ),
    Counted("limit", "requests to limit", "11 CCR 7102(a)(1)(E)", ("restriction",)),
)
DAYS_TEXT: Final = "11 CCR 7102(a)(1)(F)"
LOG_TEXT: Final = "11 CCR 7101(b)"
DENIED_TEXT: Final = "11 CCR 7102(a)(2)"
KEPT_MONTHS: Final = 24
"""So long the log has to be kept at least (11 CCR 7101(a))."""
READ_AS_OF: Final = "2023-03-29"
"""The texts above were read as they stand since this day."""


def nature_of(right: str) -> Nature | None:
    """Say which request of California a right is; None: it is none that is counted."""
    return next((one.nature for one in KINDS if right in one.rights), None)
