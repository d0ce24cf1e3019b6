"""The words of a policy file: kinds of texts, and closed lists of what may be said."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

import msgspec

ID_PATTERN: Final = r"^[a-z0-9][a-z0-9._-]{0,62}$(?!\n)"
Id = Annotated[str, msgspec.Meta(pattern=ID_PATTERN)]
Row = Annotated[str, msgspec.Meta(pattern=r"^(S\d{2})?$(?!\n)")]
Text = Annotated[str, msgspec.Meta(min_length=1)]
Country = Annotated[str, msgspec.Meta(pattern=r"^([A-Z]{2})?$(?!\n)")]
Count = Annotated[int, msgspec.Meta(ge=1)]
Months = Annotated[int, msgspec.Meta(ge=1, le=1200)]

Basis = Literal[
    "consent", "contract", "pre_contractual", "legal_obligation", "vital_interests", "public_task",
    "legitimate_interest",
]  # fmt: skip
ARTICLES: Final[dict[str, str]] = {
    "consent": "GDPR Art. 6(1)(a)",
    "contract": "GDPR Art. 6(1)(b)",
    "pre_contractual": "GDPR Art. 6(1)(b)",
    "legal_obligation": "GDPR Art. 6(1)(c)",
    "vital_interests": "GDPR Art. 6(1)(d)",
    "public_task": "GDPR Art. 6(1)(e)",
    "legitimate_interest": "GDPR Art. 6(1)(f)",
}
"""Basis -> its place in the GDPR."""


def same_basis(said: str, basis: str) -> bool:
    """Compare by the letter of GDPR Art. 6(1): a data map may name the article or the word."""
    letter = re.search(r"6\s*\(1\)\s*\(([a-f])\)", said)
    mine = f"({letter[1]})" if letter else ARTICLES.get(said.strip().lower().replace(" ", "_"), "?")[-3:]
    return ARTICLES[basis].endswith(mine)


RightName = Literal[
    "access", "portability", "erasure", "rectification", "restriction", "objection", "withdrawal_of_consent",
    "complaint", "safeguard_copy",
]  # fmt: skip
Anchor = Literal[
    "relationship_ended", "last_inbound_contact", "shared_at", "connection", "created_at", "document_date",
]  # fmt: skip
Regime = Literal["eu", "uk", "california"]
Area = Literal["", "eea", "outside_eea"]
Role = Literal["processor", "recipient", "authority", "partner"]
Mechanism = Literal["adequacy", "scc", "bcr", "derogation", "gdpr_applies", "none_needed"]


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What every entry has.

    Attributes:
        quote: The policy's own words, as published.
        says: What the policy says, in our words, where its own are not at hand.
        row: Row of the requirements, S01 to S56.
    """

    quote: str = ""
    says: str = ""
    row: Row = ""


class Named(Entry, frozen=True, kw_only=True):
    """An entry with a name of its own within its kind.

    Attributes:
        id: Lower-case letters, digits, dot, dash, underscore.
    """

    id: Id
