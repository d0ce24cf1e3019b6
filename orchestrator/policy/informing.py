"""What a policy has to tell a person about each of its activities (GDPR Art. 13 to 15), from the register alone.

One function, ``inform``, for everybody who tells it: ``expunge policy inform``, and ``expunge show ID --why``.
The plan of a request carries what it gives, so that a request is explained by the register it was begun under.
"""

from __future__ import annotations

import datetime as dt

import msgspec

from orchestrator.policy.processing import Activity, Recipient, Retention
from orchestrator.policy.register import Document
from orchestrator.policy.words import ARTICLES


class Period(msgspec.Struct, frozen=True, omit_defaults=True):
    """How long, by one retention rule (Art. 15(1)(d)).

    Attributes:
        rule: Id of the retention rule.
        anchor: The fact that the period starts at.
        months: Its length; 0 where the policy leaves it undecided.
        text: Legal text, or ``policy:<rule>``.
        ends_early_on: Events that end it before its time.
    """

    rule: str
    anchor: str
    months: int = 0
    text: str = ""
    ends_early_on: tuple[str, ...] = ()


class Safeguard(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a transfer rests on (Art. 15(2)). ``valid_until``: its last day."""

    mechanism: str
    valid_from: dt.date | None = None
    valid_until: dt.date | None = None

    def on(self, day: dt.date) -> bool:
        """Tell whether it holds on a day."""
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_until is None or day <= self.valid_until
        )


class Receiver(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who gets data (Art. 15(1)(c)); the words are those of ``policy.processing.Recipient``."""

    id: str
    name: str
    role: str
    category: bool = False
    country: str = ""
    area: str = ""
    held_in: tuple[str, ...] = ()
    agreement: str = ""
    confidentiality: str = ""
    safeguards: tuple[Safeguard, ...] = ()


class Processing(msgspec.Struct, frozen=True, omit_defaults=True):
    """One activity, as a person is told of it.

    Attributes:
        activity: Its id: the ``purpose`` of record sets.
        purpose: What for (Art. 15(1)(a)).
        basis: Legal basis, and ``article``, its place in the GDPR.
        categories: Categories of data (Art. 15(1)(b)); empty where the policy lists none.
        from_the_person: The person gave the data; else ``source`` says where it is from (Art. 15(1)(g)).
        free_text: People may have written anything into it, about others too.
        marketing: Direct marketing: an objection always stops it.
        profiling: Profiles are made (Art. 15(1)(h)).
        aims: Single aims that the policy names.
        held_in: Systems, or record sets as system/set.
        periods: How long; empty where no rule is about it.
        receivers: Who gets its data. ``Information.receivers`` may, too.
    """

    activity: str
    purpose: str
    basis: str
    article: str
    categories: tuple[str, ...] = ()
    from_the_person: bool = False
    source: str = ""
    free_text: bool = False
    marketing: bool = False
    profiling: bool = False
    aims: tuple[str, ...] = ()
    held_in: tuple[str, ...] = ()
    periods: tuple[Period, ...] = ()
    receivers: tuple[Receiver, ...] = ()


class Party(msgspec.Struct, frozen=True, omit_defaults=True):
    """A controller: who answers, and where one may complain (Art. 15(1)(f))."""

    id: str
    name: str
    country: str
    contact: str = ""
    authority: str = ""
    court: str = ""


class Beyond(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the policy is not about, and why (S50)."""

    id: str
    name: str
    why: str = ""


class Information(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything that a policy tells a person.

    Attributes:
        title: Of the published document, and ``version``, the newest that the register has.
        scope: Sites or services it is about.
        joint: The controllers act jointly (Art. 26).
        rights: Rights it tells people they have (Art. 15(1)(e)).
        activities: In the order of the register.
        receivers: Who may get the data of any activity: the policy names none for them.
        beyond: What it is not about.
    """

    title: str
    version: str
    scope: tuple[str, ...] = ()
    controllers: tuple[Party, ...] = ()
    joint: bool = False
    rights: tuple[str, ...] = ()
    activities: tuple[Processing, ...] = ()
    receivers: tuple[Receiver, ...] = ()
    beyond: tuple[Beyond, ...] = ()

    def of(self, activity: str) -> Processing | None:
        """Give one activity; None where the policy has none of that id."""
        return next((one for one in self.activities if one.activity == activity), None)


def inform(document: Document) -> Information:
    """Give what a policy has to tell. It hangs on the register alone; a safeguard carries its days."""
    policy = document.policy
    return Information(
        title=policy.title,
        version=document.version[-1].id,
        scope=policy.scope,
        controllers=tuple(
            Party(one.id, one.name, one.country, one.contact, one.authority, one.court) for one in document.controller
        ),
        joint=bool(policy.joint_controllers),
        rights=policy.rights,
        activities=tuple(_processing(document, one) for one in document.activity),
        receivers=tuple(_receiver(one) for one in document.recipient if not one.activities),
        beyond=tuple(Beyond(one.id, one.name, one.why) for one in document.out_of_scope),
    )


def _processing(document: Document, one: Activity) -> Processing:
    return Processing(
        activity=one.id,
        purpose=one.purpose,
        basis=one.basis,
        article=ARTICLES[one.basis],
        categories=one.fields,
        from_the_person=one.provided_by_subject,
        source=one.source,
        free_text=one.free_text,
        marketing=one.marketing,
        profiling=one.profiling,
        aims=one.aims,
        held_in=one.held_in,
        periods=tuple(_period(rule) for rule in document.retention if one.id in rule.activities),
        receivers=tuple(_receiver(other) for other in document.recipient if one.id in other.activities),
    )


def _period(rule: Retention) -> Period:
    return Period(rule.id, rule.anchor, rule.months or 0, rule.text, rule.ends_early_on)


def _receiver(one: Recipient) -> Receiver:
    return Receiver(
        id=one.id,
        name=one.name,
        role=one.role,
        category=one.category,
        country=one.country,
        area=one.area,
        held_in=one.held_in,
        agreement=one.agreement,
        confidentiality=one.confidentiality,
        safeguards=tuple(Safeguard(each.mechanism, each.valid_from, each.valid_until) for each in one.transfer),
    )
