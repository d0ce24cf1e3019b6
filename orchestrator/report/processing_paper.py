"""The record of processing as a document and as a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from orchestrator.report.document import Document, Section
from orchestrator.report.processing import ActivityEntry, PeriodEntry, ProcessingRecord, RecipientEntry
from orchestrator.report.wording import code, day, many, number, text

TITLE: Final = "Record of processing activities (GDPR Art. 30(1))"
COLUMNS: Final = ("article", "entry", "what", "value", "where")
NOT_SAID: Final = "not stated"
BESIDE: Final = "-"
"""Stands where Art. 30 asks for nothing of the kind."""
ANCHORS: Final = {
    "last_inbound_contact": "the person's last contact",
    "shared_at": "the day it was shared",
    "relationship_ended": "the end of the relationship",
    "connection": "the connection",
    "created_at": "the day it was made",
    "document_date": "the date of the document",
}
ABOUT: Final = (
    "Made from the policy file and the data maps, with nothing added. What neither says is a gap, and is in the list.",
    "An activity that names no controllers is recorded for each of them: the policy does not tell them apart.",
    "A recipient that names no activity stands beside every activity.",
    "Whether what is written here is so in every system that nobody connected is not known.",
    "It is a record of categories: it has no person in it.",
)


def document(found: ProcessingRecord) -> Document:
    """Give the record as people read it."""
    outside = {one.id for each in found.activities for one in each.recipients if one.outside_eea}
    glance = [
        (number(len(found.controllers)), "controllers"),
        (number(len(found.activities)), "processing activities"),
        (number(len(outside)), "recipients outside the EEA"),
        (number(len(found.gaps)), "gaps"),
    ]
    version = f"version {found.version}" if found.version else "no version in force"
    maps = "" if found.maps else " No data map was looked at."
    warning = f"This record is not complete: {many(len(found.gaps), 'gap')}, listed at the end.{maps}"
    return Document(
        TITLE,
        f"{found.title}, {version}; as of {day(found.on)}",
        list(_sections(found)),
        glance,
        warning if found.gaps else maps.strip(),
        about_title="How it was made",
        about=ABOUT,
    )


def _place(where: str) -> str:
    """Name file and line; where the file lies on our machine is nobody's business on paper, and the JSON has it."""
    file, colon, line = where.rpartition("/")[2].rpartition(":")
    return f"{file}, line {line}" if colon and line.isdigit() else where.rpartition("/")[2]


def _list(values: list[str]) -> str:
    return ", ".join(values) or NOT_SAID


def _sections(found: ProcessingRecord) -> Iterator[Section]:
    joint = [one.name for one in found.controllers if one.joint_with]
    yield Section(
        "Controllers (a)",
        "Name and contact details of the controllers, joint controllers, representatives and data protection officers.",
        ("controller", "country", "address", "contact", "representative", "data protection officer"),
        [
            (
                one.name,
                one.country,
                one.address or NOT_SAID,
                one.contact or NOT_SAID,
                one.representative or "-",
                one.dpo or NOT_SAID,
            )
            for one in found.controllers
        ],
        6,
        f"Joint controllers (Art. 26): {', '.join(joint)}." if joint else "",
        wide=True,
    )
    every = [one.id for one in found.controllers]
    for number_, one in enumerate(found.activities, 1):
        who = "all controllers" if one.controllers == every else ", ".join(one.controllers)
        yield Section(
            f"{number_}. {one.purpose[:1].upper()}{one.purpose[1:]}",
            f"Activity {one.id}, of {who}.",
            ("Art. 30(1)", "what", "as recorded"),
            [(letter, what, said) for letter, what, said in _lines(one)],
            3,
            wide=True,
        )
    yield Section(
        "Security measures (g)",
        "In general words (Art. 32(1)).",
        ("measure",),
        [(one,) for one in found.security],
        none="Not stated.",
    )
    yield Section(
        "Gaps",
        "What is missing, or said differently by the policy and by a data map.",
        ("Art. 30(1)", "gap", "where", "what closes it"),
        [(one.article.removeprefix("30(1)"), one.what, _place(one.where), one.fix) for one in found.gaps],
        4,
        wide=True,
    )


def _lines(one: ActivityEntry) -> Iterator[tuple[str, str, str]]:
    yield "(b)", "purpose", one.purpose
    yield BESIDE, "legal basis", one.basis
    yield "(c)", "data subjects", _list(one.subjects)
    yield "(c)", "categories of data", _list(one.data)
    yield BESIDE, "held in", _list(one.places)
    within = [each for each in one.recipients if each.outside_eea is False]
    unknown = [each for each in one.recipients if each.outside_eea is None]
    yield "(d)", "recipients", _list([_named(each) for each in [*within, *unknown]]) if one.recipients else "none named"
    for each in one.recipients:
        if each.outside_eea:
            yield "(d), (e)", "recipient in a third country", _named(each)
    for said in [_period(each) for each in one.periods] or [NOT_SAID]:
        yield "(f)", "time limit for erasure", said
    if one.ends_early_on:
        yield "(f)", "ends earlier on", _list([code(each) for each in one.ends_early_on])


def _named(one: RecipientEntry) -> str:
    place = one.place or "place not stated"
    rests = ""
    if one.outside_eea:
        rests = f"; safeguards: {_list([code(each, SAFEGUARDS) for each in one.safeguards])}"
    return f"{one.name} ({one.role}, {place}{rests})"


SAFEGUARDS: Final = {
    "adequacy": "an adequacy decision (Art. 45)",
    "scc": "standard contractual clauses (Art. 46(2)(c))",
    "bcr": "binding corporate rules (Art. 47)",
    "derogation": "a derogation (Art. 49)",
    "gdpr_applies": "the GDPR still applies there",
    "none_needed": "none needed",
}


def _period(one: PeriodEntry) -> str:
    length = "undecided" if one.months is None else many(one.months, "month")
    since = f" from {ANCHORS.get(one.counted_from, code(one.counted_from))}" if one.counted_from else ""
    rests = f", {text(one.text)}" if one.text else ""
    return f"{length}{since}{rests} [{one.of}]"


def rows(found: ProcessingRecord) -> Iterator[tuple[str, str, str, str, str]]:
    """Give the record as rows of ``COLUMNS``: one fact a row, gaps at the end."""
    for one in found.controllers:
        for what in ("name", "country", "address", "contact", "representative", "dpo"):
            yield "30(1)(a)", f"controller {one.id}", what, getattr(one, what), ""
        for other in one.joint_with:
            yield "30(1)(a)", f"controller {one.id}", "joint controller", other, ""
    for each in found.activities:
        for letter, what, said in _lines(each):
            for part in letter.split(", "):
                yield "" if part == BESIDE else f"30(1){part}", f"activity {each.id}", what, said, ""
    for measure in found.security:
        yield "30(1)(g)", "", "security measure", measure, ""
    for gap in found.gaps:
        yield gap.article, "gap", gap.code, gap.what, gap.where
