"""Legal texts that a retention rule may rest on, dated (decision 15).

A rule that names a text which is unknown, or not in force on the day of the decision, blocks: a person decides
(décret 2011-219 was repealed before the policy that quotes it was written).
"""

from __future__ import annotations

import datetime as dt
from typing import Final

import msgspec


class LegalText(msgspec.Struct, frozen=True):
    """One text with its validity. ``until`` is the first day on which it no longer applies."""

    id: str
    title: str
    country: str
    since: str
    until: str | None = None
    replaced_by: str | None = None


_TEXTS: Final = (
    LegalText("fr-ccom-l123-22", "Code de commerce, art. L123-22: accounting documents, ten years", "FR", "2000-09-21"),
    LegalText(
        "fr-decret-2011-219",
        "Décret 2011-219: data of connection",
        "FR",
        "2011-03-01",
        "2021-10-21",
        "fr-decret-2021-1362",
    ),
    LegalText("fr-decret-2021-1362", "Décret 2021-1362: data of connection", "FR", "2021-10-21"),
    LegalText("de-hgb-257", "Handelsgesetzbuch, § 257: accounting documents", "DE", "1986-01-01"),
    LegalText("gdpr-17-3-e", "GDPR Art. 17(3)(e): legal claims", "EU", "2018-05-25"),
    LegalText(
        "gdpr-6-1-f-security", "GDPR Art. 6(1)(f), recital 49: network and information security", "EU", "2018-05-25"
    ),
)

TEXTS: Final = {text.id: text for text in _TEXTS}


def objection_to(text_id: str, today: dt.date) -> str | None:
    """Say why a retention rule may not rest on this text today, or None if it may.

    ``policy:<rule>`` names a rule of the controller's own policy, which the controller answers for; it has no
    validity here.
    """
    if text_id.startswith("policy:") and len(text_id) > len("policy:"):
        return None
    text = TEXTS.get(text_id)
    if text is None:
        return "unknown_text"
    day = today.isoformat()
    if day < text.since:
        return "text_not_yet_in_force"
    if text.until is not None and day >= text.until:
        return "text_repealed"
    return None
