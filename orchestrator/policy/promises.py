"""Entries of a policy file about the company: the document and its versions, controllers, promises, limits."""

from __future__ import annotations

import datetime as dt

from orchestrator.policy.words import Count, Country, Entry, Id, Named, Regime, RightName, Role, Text


class Policy(Named, frozen=True, kw_only=True):
    """``[policy]``: the document as a whole.

    Attributes:
        title: Of the published document.
        scope: Sites or services it is about.
        joint_controllers: Ids of the controllers that act jointly (GDPR Art. 26).
        rights: Rights the policy tells people they have.
        target_hours: Internal target for an erasure, in hours; no promise to anybody.
        security: Technical and organisational measures in general words (GDPR Art. 30(1)(g), 32(1)).
    """

    title: Text
    scope: tuple[Text, ...] = ()
    joint_controllers: tuple[Id, ...] = ()
    rights: tuple[RightName, ...] = ()
    target_hours: Count | None = None
    security: tuple[Text, ...] = ()


class Approval(Entry, frozen=True, kw_only=True):
    """``[approval]``: erasures that a person has to approve.

    Attributes:
        records: One person approves an erasure of more records than this.
        four_eyes_records: Two persons approve an erasure of more records than this.
    """

    records: Count | None = None
    four_eyes_records: Count | None = None


class Changes(Entry, frozen=True, kw_only=True):
    """``[changes]``: what is promised about changes of the policy.

    Attributes:
        notice_before: A notice is posted before a change becomes effective.
    """

    notice_before: bool = False


class Version(Named, frozen=True, kw_only=True):
    """``[[version]]``: one version. It ends when the next becomes effective.

    Attributes:
        published_on: Day of publication.
        effective_on: First day it applies; absent where the policy does not say: then it counts from publication.
        notice_on: Day a notice of the change was posted.
        first: The first version ever: it changes nothing.
    """

    published_on: dt.date
    effective_on: dt.date | None = None
    notice_on: dt.date | None = None
    first: bool = False

    @property
    def begins(self) -> dt.date:
        """First day on which it is in force."""
        return self.effective_on or self.published_on


class Controller(Named, frozen=True, kw_only=True):
    """``[[controller]]``: who decides on purposes and means (GDPR Art. 4(7)).

    Attributes:
        name: As it is known.
        country: ISO 3166 code of two letters.
        calendar: Public holidays that count: a country, or country and subdivision (GB-ENG).
        regime: Which law dates its requests.
        authority: Supervisory authority, where the policy names one.
        court: Where one can sue, where the policy names it.
        contact: Address for requests.
        address: Where it is, for its record of processing (GDPR Art. 30(1)(a)).
        representative: Its representative in the Union (GDPR Art. 27), where it needs one.
        dpo: How its data protection officer is reached; a role's address, never a person's.
    """

    name: Text
    country: Country
    calendar: str
    regime: Regime
    authority: str = ""
    court: str = ""
    contact: str = ""
    address: str = ""
    representative: str = ""
    dpo: str = ""


class Promise(Entry, frozen=True, kw_only=True):
    """``[[promise]]``: what the policy promises about a right.

    Attributes:
        right: The right.
        months: Time to answer in months.
        days: Time to answer in days.
        extension: The policy lets itself two further months (GDPR Art. 12(3)).
        stricter: It promises more than the law asks.
        free: Free of charge, as the policy says.
    """

    right: RightName
    months: Count | None = None
    days: Count | None = None
    extension: bool = False
    stricter: bool = False
    free: bool = False


class Exclusion(Named, frozen=True, kw_only=True):
    """``[[exclusion]]``: something the policy says it does not do: who gets no data for what.

    Attributes:
        roles: Roles of recipients it is about.
        marketing: They get none for marketing.
        activities: They get none for these activities.
    """

    roles: tuple[Role, ...]
    marketing: bool = False
    activities: tuple[Id, ...] = ()


class OutOfScope(Named, frozen=True, kw_only=True):
    """``[[out_of_scope]]``: what the policy is not about.

    Attributes:
        name: What it is.
        why: Why not.
    """

    name: Text
    why: str = ""
