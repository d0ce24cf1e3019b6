"""Rules about activities and how long their data stays."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Final

from orchestrator.law.texts import TEXTS, LegalText, objection_to
from orchestrator.policy.lint.finding import Hit
from orchestrator.policy.processing import Retention
from orchestrator.policy.register import Register

OWN_CHOICE: Final = frozenset({"improvement", "marketing", "personalisation", "analytics", "statistics"})
"""Aims that a controller chooses for itself: no law obliges anybody to them."""


def contract_with_somebody_else(register: Register, _: dt.date) -> Iterator[Hit]:
    """A contract is a basis only for data of a party to it (GDPR Art. 6(1)(b))."""
    for one in register.document.activity:
        if one.basis in {"contract", "pre_contractual"} and one.contract_with == "organisation":
            yield Hit(
                (("activity", one),),
                f"activity {one.id} rests on a contract with an organisation; its contact persons are not party to it",
                f"On which basis does activity {one.id} rest for the contact persons of a client: legitimate interest "
                "(then they may object), or is each of them a party to the contract (then portability applies)?",
            )


def obligation_of_nobody(register: Register, _: dt.date) -> Iterator[Hit]:
    """A legal obligation covers what the law asks for, not what is done besides (GDPR Art. 6(1)(c), 6(3))."""
    for one in register.document.activity:
        chosen = sorted(OWN_CHOICE & set(one.aims))
        if one.basis == "legal_obligation" and chosen:
            aims = ", ".join(chosen)
            yield Hit(
                (("activity", one),),
                f"activity {one.id} rests on a legal obligation, but no law obliges anybody to one of its aims: {aims}",
                f"Which law asks you for activity {one.id}, and on which basis does the aim of {aims} rest?",
            )


def no_fields(register: Register, _: dt.date) -> Iterator[Hit]:
    """An access answer names the categories of data (GDPR Art. 15(1)(b))."""
    for one in register.document.activity:
        if one.provided_by_subject and not one.fields:
            yield Hit(
                (("activity", one),),
                f"the policy does not list the data that people give for {one.id}",
                f"Which categories of data does {one.id} hold?",
            )


def no_period(register: Register, _: dt.date) -> Iterator[Hit]:
    """Where the policy says for how long, and gives no period that ends."""
    for one in register.document.retention:
        if one.undecided:
            start = one.anchor.replace("_", " ")
            after = "after the end of the relationship" if one.anchor == "relationship_ended" else f"from {start} on"
            yield Hit(
                (("retention", one),),
                f"retention {one.id} gives no period {after}",
                f"How long does the data of {', '.join(one.activities)} stay {after}, and on which text?",
            )


def no_retention(register: Register, _: dt.date) -> Iterator[Hit]:
    """An activity that no retention rule is about."""
    covered = {name for one in register.document.retention for name in one.activities}
    for one in register.document.activity:
        if one.id not in covered:
            yield Hit(
                (("activity", one),),
                f"the policy does not say how long the data of {one.id} stays",
                f"How long does the data of {one.id} stay, counted from what, and on which text?",
            )


def text_not_in_force(register: Register, on: dt.date) -> Iterator[Hit]:
    """A retention rule on a legal text that does not apply on the day."""
    for one in register.document.retention:
        objection = objection_to(one.text, on) if one.text else None
        if objection == "text_repealed":
            yield _repealed(register, one, on)
        elif objection == "text_not_yet_in_force":
            text = TEXTS[one.text]
            yield Hit(
                (("retention", one),),
                f"retention {one.id} rests on {_short(text)}, which is in force from {text.since} only",
                f"On which text does the period of {one.id} rest until {text.since}?",
            )


def _short(text: LegalText) -> str:
    return text.title.partition(":")[0]


def _repealed(register: Register, one: Retention, on: dt.date) -> Hit:
    text = TEXTS[one.text]
    version = register.version_on(on)
    repealed = text.until or ""
    before = version is not None and repealed <= version.published_on.isoformat()
    already = f", before version {version.id} was published" if version and before else ""
    instead = f" by {_short(TEXTS[text.replaced_by])}" if text.replaced_by in TEXTS else ""
    replaced = f" (replaced{instead})" if instead else ""
    return Hit(
        (("retention", one),),
        f"retention {one.id} rests on {_short(text)}, not in force any more since {repealed}{replaced}{already}; "
        "what is kept on it waits for a decision",
        f"On what does retention {one.id} rest now: does the text that replaced it bind you, do you have an interest "
        "of your own with its own period, or is the data to be erased?",
    )
