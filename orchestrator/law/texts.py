"""Legal texts, dated (decision 15): what a retention may rest on, and what the periods and rights come from.

A rule that names a text which is unknown, or not in force on the day of the decision, blocks: a person decides
(décret 2011-219 was repealed before the policy that quotes it was written). Titles are a short name, a colon, and a
paraphrase for engineers: read the official text before you quote one to a person.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

import msgspec


class LegalText(msgspec.Struct, frozen=True):
    """One text with its validity. ``until`` is the first day on which it no longer applies.

    Attributes:
        country: ISO 3166-1 or -2 code of where it applies; ``EU`` for the Union (and the EEA).
    """

    id: str
    title: str
    country: str
    since: str
    until: str | None = None
    replaced_by: str | None = None

    @property
    def short(self) -> str:
        """The name alone, e.g. ``GDPR Art. 12(3)``."""
        return self.title.split(":")[0]

    def in_force(self, day: dt.date) -> bool:
        """Tell whether it applies on a day."""
        return self.since <= day.isoformat() and (self.until is None or day.isoformat() < self.until)


def _gdpr(place: str, says: str) -> LegalText:
    article, *parts = place.split("-")
    name = article + "".join(f"({one})" for one in parts)
    return LegalText(f"gdpr-{place}", f"GDPR Art. {name}: {says}", "EU", "2018-05-25")


_RETENTION: Final = (
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
    LegalText("de-bdsg-35-3", "BDSG § 35(3): restriction where by-law or contract wants it kept", "DE", "2018-05-25"),
    LegalText("es-lo-3-2018-32", "LO 3/2018, art. 32: blocked until limitation periods end", "ES", "2018-12-07"),
    _gdpr("17-3-a", "freedom of expression and information"),
    _gdpr("17-3-b", "legal obligation or public task"),
    _gdpr("17-3-c", "public health"),
    _gdpr("17-3-d", "archiving, research, statistics"),
    _gdpr("17-3-e", "legal claims"),
    LegalText(
        "gdpr-6-1-f-security", "GDPR Art. 6(1)(f), recital 49: network and information security", "EU", "2018-05-25"
    ),
)

_PERIODS: Final = (
    LegalText(
        "eu-reg-1182-71-3",
        "Regulation 1182/71 art. 3: the day of the event is not counted; months end on the same date number, or on the "
        "last day of the month; a last day on a Saturday, Sunday or public holiday moves to the next working day",
        "EU",
        "1971-07-01",
    ),
    LegalText("edpb-01-2022", "EDPB Guidelines 01/2022 v2.1: right of access, section 5.3", "EU", "2023-03-28"),
    LegalText(
        "uk-gdpr-12-3",
        "UK GDPR Art. 12(3): one month, two more by notice with reasons",
        "GB",
        "2021-01-01",
        "2026-02-05",
        "uk-gdpr-12a",
    ),
    LegalText("uk-gdpr-33", "UK GDPR Art. 33: breach, the Commissioner is told in 72 hours", "GB", "2021-01-01"),
    LegalText(
        "uk-gdpr-12a",
        "UK GDPR Art. 12A: one month from the latest of receipt, identity data and fee; waiting for a clarification "
        "of an access request does not count",
        "GB",
        "2026-02-05",
    ),
    LegalText(
        "uk-reg-1182-71-3",
        "Regulation 1182/71 art. 3 (assimilated law): read into UK periods by DPA 2018 s. 205(2)",
        "GB",
        "2021-01-01",
    ),
    LegalText("uk-dpa-2018-54", "DPA 2018 s. 54: the wording that Art. 12A follows", "GB", "2018-05-25"),
    LegalText(
        "uk-dpa-2018-164a",
        "DPA 2018 s. 164A: a complaint is acknowledged within 30 days, its outcome told without undue delay",
        "GB",
        "2026-06-19",
    ),
    LegalText("uk-gdpr-15-1a", "UK GDPR Art. 15(1A): a reasonable and proportionate search", "GB", "2025-06-19"),
    LegalText("uk-gdpr-22a", "UK GDPR Arts 22A-22D: automated decisions", "GB", "2026-02-05"),
    LegalText(
        "us-ca-ccr-7021",
        "11 CCR 7021: confirm in 10 business days, answer in 45 calendar days, 45 more with notice and reason",
        "US-CA",
        "2022-05-05",
    ),
    LegalText("us-ca-ccr-7022", "11 CCR 7022: deletion, backups, who is told", "US-CA", "2022-05-05"),
    LegalText("us-ca-ccr-7026", "11 CCR 7026: opt out of sale and sharing, 15 business days", "US-CA", "2022-05-05"),
    LegalText("us-ca-ccr-7027", "11 CCR 7027: limit sensitive data, 15 business days", "US-CA", "2023-03-29"),
    LegalText("us-ca-ccr-7101", "11 CCR 7101: log of requests, 24 months", "US-CA", "2022-05-05"),
    LegalText("us-ca-ccr-7102", "11 CCR 7102: figures of businesses with ten million consumers", "US-CA", "2022-05-05"),
    LegalText("us-ca-delete-act", "Civ. Code 1798.99.86: data brokers, every 45 days", "US-CA", "2026-08-01"),
)

_RIGHTS: Final = (
    _gdpr("5-1", "purpose, minimisation, storage limitation"),
    _gdpr("5-2", "accountability"),
    _gdpr("6-1", "the legal bases"),
    _gdpr("7-3", "consent is withdrawn at any time, as easily as given"),
    _gdpr("8-1", "consent of children"),
    _gdpr("11-1", "no duty to collect data merely to identify"),
    _gdpr("11-2", "who cannot be identified: Arts 15 to 20 do not apply, unless the person supplies data"),
    _gdpr("12-1", "plain language"),
    _gdpr("12-2", "make it easy; refuse only who cannot be identified"),
    _gdpr("12-3", "told of the action within one month; two more by notice with reasons within the first month"),
    _gdpr("12-4", "no action: why, within one month, and where to complain"),
    _gdpr("12-5", "free; unfounded or excessive requests; the controller proves it"),
    _gdpr("12-6", "reasonable doubt about the identity: further information may be asked"),
    LegalText("gdpr-rec-63", "GDPR recital 63: much data: the person may be asked what is meant", "EU", "2018-05-25"),
    _gdpr("15-1", "confirmation, data, and eight kinds of information"),
    _gdpr("15-2", "safeguards of transfers"),
    _gdpr("15-3", "a copy, the first one free, in a commonly used electronic form"),
    _gdpr("15-4", "the rights of others"),
    _gdpr("16", "rectification, completion"),
    _gdpr("17-1", "erasure on one of six grounds, which the controller decides"),
    _gdpr("17-1-a", "no longer necessary"),
    _gdpr("17-1-b", "consent withdrawn"),
    _gdpr("17-1-c", "objection"),
    _gdpr("17-1-d", "unlawful processing"),
    _gdpr("17-1-e", "legal obligation to erase"),
    _gdpr("17-1-f", "services offered to children"),
    _gdpr("17-2", "data made public: other controllers are told"),
    _gdpr("18-1", "restriction on four grounds"),
    _gdpr("18-2", "only stored; used with consent, for claims, the rights of others, important public interest"),
    _gdpr("18-3", "the person is told before a restriction is lifted"),
    _gdpr("19", "recipients are told; the person is told of them"),
    _gdpr("20", "portability of what the person provided, on consent or contract"),
    _gdpr("21-1", "objection to processing on 6(1)(e) or (f)"),
    _gdpr("21-2", "objection to direct marketing"),
    _gdpr("21-3", "after it, no direct marketing any more"),
    _gdpr("22", "automated decisions"),
    _gdpr("23", "restrictions by law"),
    _gdpr("25", "by design and by default"),
    _gdpr("26-1", "the arrangement of joint controllers"),
    _gdpr("26-3", "joint controllers: the person may turn to each of them"),
    _gdpr("28-2", "other processors"),
    _gdpr("28-3", "what a processor owes"),
    _gdpr("28-4", "other processors are bound in the same way"),
    _gdpr("30", "records of processing"),
    _gdpr("32", "security"),
    _gdpr("33", "breach: the authority is told in 72 hours"),
    _gdpr("34", "breach: the persons are told"),
    _gdpr("44", "transfers to third countries"),
    _gdpr("45", "transfers on an adequacy decision"),
    _gdpr("46", "transfers with appropriate safeguards"),
    _gdpr("47", "binding corporate rules"),
    _gdpr("49", "transfers by derogation"),
    _gdpr("77", "complaint to an authority"),
    _gdpr("79", "judicial remedy"),
    _gdpr("82", "damages"),
    _gdpr("83-5-b", "fines for infringements of rights"),
    LegalText("cjeu-c-129-21", "CJEU C-129/21: withdrawn consent, other controllers are told", "EU", "2022-10-27"),
    LegalText("cjeu-c-154-21", "CJEU C-154/21: the actual identity of recipients", "EU", "2023-01-12"),
    LegalText("cjeu-c-487-21", "CJEU C-487/21: a faithful copy", "EU", "2023-05-04"),
    LegalText("cjeu-c-579-21", "CJEU C-579/21: logs of who looked", "EU", "2023-06-22"),
    LegalText("cjeu-c-307-22", "CJEU C-307/22: the first copy is free, whatever it is for", "EU", "2023-10-26"),
    LegalText("cjeu-c-526-24", "CJEU C-526/24: even a first access request may be abusive", "EU", "2026-03-19"),
    LegalText("fr-lcen-6", "LCEN art. 6: who must keep data of connection", "FR", "2004-06-22"),
    LegalText("fr-decret-2019-536-77", "Décret 2019-536, art. 77: identity by any means", "FR", "2019-06-01"),
    LegalText("fr-lil-51-ii", "Loi Informatique et Libertés, art. 51-II: minors at collection", "FR", "2019-06-01"),
    LegalText("fr-lil-84", "Loi Informatique et Libertés, arts 84-86: data of the dead", "FR", "2019-06-01"),
)

TEXTS: Final = {text.id: text for text in _RETENTION}
"""What a retention may rest on."""

LIBRARY: Final = {text.id: text for text in (*_RETENTION, *_PERIODS, *_RIGHTS)}
"""Every text that this version knows."""


def objection_to(text_id: str, today: dt.date) -> str | None:
    """Say why a retention rule may not rest on this text today, or None if it may.

    ``policy:<rule>`` names a rule of the controller's own policy, which the controller answers for; it has no
    validity here. A text of the library that is not about keeping data (a right, a period) is as good as unknown.
    """
    if text_id.startswith("policy:") and len(text_id) > len("policy:"):
        return None
    text = TEXTS.get(text_id)
    if text is None:
        return "unknown_text"
    if today.isoformat() < text.since:
        return "text_not_yet_in_force"
    if not text.in_force(today):
        return "text_repealed"
    return None
