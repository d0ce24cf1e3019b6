"""Entries of a policy file about the data: activities, retention, recipients, domains and outputs."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from orchestrator.policy.words import Anchor, Area, Basis, Country, Entry, Id, Mechanism, Months, Named, Role, Text
from schemas.fields import Word


class Activity(Named, frozen=True, kw_only=True):
    """``[[activity]]``: one processing activity (GDPR Art. 30). Its id is the ``purpose`` of record sets.

    Attributes:
        purpose: What for, in words a person understands.
        basis: Legal basis (GDPR Art. 6(1)).
        fields: Categories of data the policy lists.
        held_in: Systems, or record sets as system/set.
        automated: Carried out by automated means.
        provided_by_subject: The person gave the data (portability, GDPR Art. 20).
        source: Where the data comes from otherwise (GDPR Art. 15(1)(g)).
        free_text: People may write anything into it.
        marketing: Direct marketing: an objection always stops it (GDPR Art. 21(3)).
        profiling: Profiles are made.
        aims: Single aims that the policy names, such as security or improvement.
        contract_with: Where the basis is a contract: with the person, or with an organisation the person works for.
        open_question: What nobody has decided yet.
        subjects: Categories of data subjects (GDPR Art. 30(1)(c)), such as clients or applicants.
        controllers: Controllers that carry it out; absent: the policy does not tell them apart.
    """

    purpose: Text
    basis: Basis
    fields: tuple[Text, ...] = ()
    held_in: tuple[Text, ...] = ()
    automated: bool = True
    provided_by_subject: bool = False
    source: str = ""
    free_text: bool = False
    marketing: bool = False
    profiling: bool = False
    aims: tuple[Text, ...] = ()
    contract_with: Literal["", "person", "organisation"] = ""
    open_question: str = ""
    subjects: tuple[Text, ...] = ()
    controllers: tuple[Id, ...] = ()


class Retention(Named, frozen=True, kw_only=True):
    """``[[retention]]``: how long, counted from which fact.

    Attributes:
        activities: Activities it is about.
        anchor: The fact that the period starts at.
        months: Length of the period; absent only where it is undecided.
        text: Legal text it rests on, or policy:<rule> for the controller's own decision.
        ends_early_on: Events that end it before its time.
        undecided: The policy gives no period: a person has to decide.
    """

    activities: tuple[Id, ...]
    anchor: Anchor
    months: Months | None = None
    text: str = ""
    ends_early_on: tuple[Literal["objection", "withdrawal", "hired"], ...] = ()
    undecided: bool = False


class Transfer(Entry, frozen=True, kw_only=True):
    """``[[recipient.transfer]]``: what a transfer out of the EEA rests on (GDPR Art. 44-49), dated.

    Attributes:
        mechanism: gdpr_applies: the GDPR itself still applies there; none_needed: inside the EEA.
        valid_from: First day.
        valid_until: Last day.
    """

    mechanism: Mechanism
    valid_from: dt.date | None = None
    valid_until: dt.date | None = None


class Recipient(Named, frozen=True, kw_only=True):
    """``[[recipient]]``: who gets data (GDPR Art. 4(9)), processors included (Art. 28).

    Attributes:
        name: As it is known; for a category, what kind of recipients.
        role: processor, recipient, authority or partner.
        category: Not one recipient but a kind of them.
        country: ISO 3166 code; absent where the policy names none.
        area: Where the policy puts it, if it names no country.
        activities: Activities it takes part in.
        held_in: Systems it works on.
        agreement: Contract under GDPR Art. 28(3), as the policy names it.
        confidentiality: What binds it to secrecy, as the policy names it.
        since: First day on which it was given any; absent: since the first version.
        transfer: What a transfer to it rests on.
    """

    name: Text
    role: Role
    category: bool = False
    country: Country = ""
    area: Area = ""
    activities: tuple[Id, ...] = ()
    held_in: tuple[Text, ...] = ()
    agreement: Word = ""
    confidentiality: str = ""
    since: dt.date | None = None
    transfer: tuple[Transfer, ...] = ()


class Domain(Named, frozen=True, kw_only=True):
    """``[[domain]]``: systems that belong together. What is found in one domain does not search another (I9).

    Attributes:
        systems: Ids of the systems.
        owner: Who may see its data; a role, never a name.
    """

    systems: tuple[Id, ...] = ()
    owner: str = ""


class Join(Entry, frozen=True, kw_only=True):
    """``[[join]]``: a door in a wall, one way.

    Attributes:
        found_in: Domain in which an identifier was found.
        may_search: Domain that it may search.
    """

    found_in: Id
    may_search: Id


class Output(Named, frozen=True, kw_only=True):
    """``[[output]]``: something made from personal data.

    Attributes:
        name: What it is.
        kind: anonymous (nobody can be found in it) or derived (in scope as the data it came from).
        method: How it was made anonymous.
        activities: What it was made from.
    """

    name: Text
    kind: Literal["anonymous", "derived"]
    method: str = ""
    activities: tuple[Id, ...] = ()
