"""What a request asks for beyond its right, and how far its procedure is (``procedures``). Plain data."""

from __future__ import annotations

import enum

import msgspec

from schemas.outcomes import Attested


class Asked(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What belongs to the right that is exercised.

    Attributes:
        purposes: What an objection or a withdrawal of consent is about.
        corrected: Rectification: "system/record_set" -> fields. The values are in the capsule.
        transfer_to: Portability: id of the controller the copy is to go to.
        restriction_ground: Restriction: the case of Art. 18(1).
    """

    purposes: tuple[str, ...] = ()
    corrected: dict[str, tuple[str, ...]] = {}
    transfer_to: str = ""
    restriction_ground: str = ""


class Balance(enum.StrEnum):
    """What the balancing of an objection came to (Art. 21(1)): the person's, or the controller's grounds weigh more."""

    UPHELD = "upheld"
    OVERRIDDEN = "overridden"


class Progress(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How far a procedure is.

    Attributes:
        leg: Which of the procedure's legs is being acted on, from 0.
        balance: What was decided of an objection.
        lifting: The restriction is to be lifted, or was.
        at_receipt: It takes effect at receipt, before it is known who asks.
        attested: What a person has done where no system could.
        shared: What stays restricted when this restriction is lifted, and by which other request of the person.
    """

    leg: int = 0
    balance: Balance | None = None
    lifting: bool = False
    at_receipt: bool = False
    attested: Attested | None = None
    shared: dict[str, str] = {}


NOTHING = Asked()
"""Asks for nothing beyond the right. One object: msgspec leaves a default out by identity."""
BEGINNING = Progress()
"""Nothing was done or decided yet."""


def again(progress: Progress) -> Progress:
    """Begin with the first leg."""
    return msgspec.structs.replace(progress, leg=0) if progress.leg else progress
