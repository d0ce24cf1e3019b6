"""The plan: which systems and record sets have to answer, and under which rules. Fixed when a request arrives.

Only an event that brings a newer one changes it (``adopting``). Its digest stands in the completion record, so that a
third party can see what had to be looked at.
"""

from __future__ import annotations

import functools
import hashlib
from typing import Final, Literal

import msgspec
import rfc8785

from orchestrator.policy.informing import Information
from schemas.completion import Sources
from schemas.outcomes import KeptWhy

UNVERSIONED: Final = "unversioned"
"""Where no policy says which version a request is decided under."""


class RetainRule(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why records of a set stay, on which text, for how many months from their anchor date.

    ``open``: what it means that a record has no anchor date: ``no_ground`` (what it belongs to still runs, so there is
    no ground for erasure; looked at afresh after ``review_months``), or nothing: a person is asked.
    """

    why: KeptWhy
    text: str
    months: int
    open: str = ""
    review_months: int = 0


class ExpireRule(msgspec.Struct, frozen=True, omit_defaults=True):
    """How long records of a set stay at the most, on which text, if nobody asks before (ADR 36)."""

    text: str
    months: int


class RecordSetPlan(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the core needs to know of one record set (the rest of the data map stays with the connector).

    ``kinds``: what it is found by; ``yields``: unique identifiers its records lead to. ``rectifiable``: fields that can
    be corrected; ``restrictable``: it can be restricted, and that lifted; ``stoppable``: purposes that can be stopped;
    ``provided``: fields that the person provided. What a record set cannot, a person does by hand. ``title`` and
    ``titles``: what it and its fields are called in a copy. ``free_text``: fields that are looked through
    for others before a copy is given.
    """

    name: str
    kinds: tuple[str, ...] = ()
    yields: tuple[str, ...] = ()
    erase: Literal["delete", "anonymise", "with_parent"] = "delete"
    parent: str | None = None
    retain: RetainRule | None = None
    max_records: int = 10_000
    backups_kept_days: int | None = None
    categories: tuple[str, ...] = ()
    purpose: str = ""
    basis: str = ""
    rectifiable: tuple[str, ...] = ()
    restrictable: bool = False
    stoppable: tuple[str, ...] = ()
    provided: tuple[str, ...] = ()
    expire: ExpireRule | None = None
    title: str = ""
    titles: dict[str, str] = {}
    free_text: tuple[str, ...] = ()
    review: Literal["always", "proposals"] = "always"

    @property
    def period(self) -> RetainRule | ExpireRule | None:
        """The period after which records go without anybody asking; None: they have none of their own."""
        return (self.expire or self.retain) if self.erase != "with_parent" else None


class SystemPlan(msgspec.Struct, frozen=True, omit_defaults=True, dict=True):
    """One system.

    ``domain`` walls it off: what is found in one domain does not search another (I9). ``attested``: the policy
    takes somebody's word for this system, where nobody can look; never by default. ``controller``, ``country``: which
    entity holds it, and where, as far as the configuration says (S20); nothing is decided by them.
    """

    system: str
    connector: str
    domain: str
    record_sets: tuple[RecordSetPlan, ...]
    owner: str = "system-owner"
    attested: bool = False
    controller: str = ""
    country: str = ""

    @functools.cached_property
    def kinds(self) -> frozenset[str]:
        """Identifier kinds this system can search by."""
        return frozenset(kind for one in self.record_sets for kind in one.kinds)

    @functools.cached_property
    def names(self) -> frozenset[str]:
        """Names of the record sets."""
        return frozenset(one.name for one in self.record_sets)

    @functools.cached_property
    def purposes(self) -> dict[str, str]:
        """Purpose of each record set."""
        return {one.name: one.purpose for one in self.record_sets}

    @functools.cached_property
    def backup_days(self) -> int | None:
        """Longest life of a backup of this system, in days."""
        return max((one.backups_kept_days for one in self.record_sets if one.backups_kept_days), default=None)


class Limits(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where automatic work stops and a person is asked. The unit is in the name.

    ``lapse_days``: so long a person who was asked something is waited for; 0: for ever. ``free_copies``: after so many
    copies a person decides whether the next one costs something (S32); 0: none ever does. ``recipient_margin_days``: so
    long before the answer is due a processor has to have answered; its owner is reminded every
    ``recipient_reminder_days`` (0: never). ``recheck_days``: how often it is looked whether what was erased came back,
    while backups live; 0: never.
    """

    rounds: int = 4
    identifiers_per_kind: int = 500
    transient_retries: int = 6
    retry_first_seconds: int = 5
    retry_most_seconds: int = 14_400
    survived_retries: int = 1
    silent_minutes: int = 60
    lease_minutes: int = 60
    warn_days_before_due: int = 7
    package_days: int = 30
    suppression_days: int = 0
    lapse_days: int = 0
    free_copies: int = 0
    lift_notice_hours: int = 24
    restriction_review_days: int = 180
    objection_days: int = 1096
    recipient_margin_days: int = 10
    recipient_reminder_days: int = 7
    recheck_days: int = 0


class ControllerPlan(msgspec.Struct, frozen=True, omit_defaults=True):
    """A controller: its holidays, the law that dates its requests, and where one complains, if the policy says.

    ``joint``: it is one of the policy's joint controllers (Art. 26).
    """

    id: str
    country: str
    calendar: str
    regime: str
    authority: str = ""
    court: str = ""
    joint: bool = False


class PromisePlan(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the policy promises about a right. ``months``, ``days``: 0 where it names no time."""

    right: str
    months: int = 0
    days: int = 0
    extension: bool = False


class PolicyVersionPlan(msgspec.Struct, frozen=True, omit_defaults=True):
    """A version of the policy and the first day it applies (ISO 8601)."""

    id: str
    begins_on: str


class ActivityPlan(msgspec.Struct, frozen=True, omit_defaults=True):
    """A processing activity. ``purpose`` is the ``purpose`` of record sets; ``basis`` a word of ``policy.words``."""

    purpose: str
    basis: str
    marketing: bool = False
    provided_by_subject: bool = False


class RetentionRulePlan(msgspec.Struct, frozen=True, omit_defaults=True):
    """A retention rule of the policy. ``months``: the longest it promises; 0 where it leaves the period undecided."""

    id: str
    months: int = 0


class RecipientPlan(msgspec.Struct, frozen=True, omit_defaults=True):
    """A processor (Art. 28) or recipient (Art. 19) of the policy (ADR 35).

    ``sets``: connected record sets, as system/record set, that it works on or was given. ``category``: a kind of
    recipients. ``since``: first day (ISO 8601) on which it gets any.
    ``always``: asked whatever is found here. ``through``: the connected system that is its own store.
    """

    id: str
    name: str
    role: Literal["processor", "recipient", "authority", "partner"]
    sets: tuple[str, ...] = ()
    category: bool = False
    country: str = ""
    agreement: str = ""
    confidentiality: str = ""
    transfer: tuple[str, ...] = ()
    since: str = ""
    owner: str = "dpo"
    always: bool = False
    through: str = ""


MARKETING: Final = ("direct_marketing", "marketing")
"""Purposes that are marketing where the policy names none: an objection to them is never weighed (Art. 21(3))."""


class Plan(msgspec.Struct, frozen=True, omit_defaults=True, dict=True):
    """Everything the core decides by. ``joined_domains``: pairs (found in, may search).

    From ``policy_versions`` on, all is of the policy file and empty where there is none; 0 is no limit, or no target.
    ``policy_version`` is the newest; what a request is decided under is ``version_on`` its receipt (S49).
    ``approval_records``, ``four_eyes_records``: an erasure of more waits for one person, or for two.
    ``information``: what the policy tells a person; nothing is decided by it. ``sources``: what the plan was made from;
    a plan that names it makes records of the form that tells it (``accounting``).
    """

    systems: tuple[SystemPlan, ...]
    policy_version: str
    controllers: tuple[str, ...] = ()
    joined_domains: tuple[tuple[str, str], ...] = ()
    limits: Limits = Limits()
    policy_versions: tuple[PolicyVersionPlan, ...] = ()
    controllers_info: tuple[ControllerPlan, ...] = ()
    promises: tuple[PromisePlan, ...] = ()
    target_hours: int = 0
    approval_records: int = 0
    four_eyes_records: int = 0
    marketing_purposes: tuple[str, ...] = ()
    activities: tuple[ActivityPlan, ...] = ()
    retention_rules: tuple[RetentionRulePlan, ...] = ()
    information: Information | None = None
    recipients: tuple[RecipientPlan, ...] = ()
    sources: Sources | None = None

    def version_on(self, day: str) -> str:
        """Give the version of the policy in force on a day (ISO 8601); ``unversioned`` before the first."""
        if not self.policy_versions:
            return self.policy_version
        return next((one.id for one in reversed(self.policy_versions) if one.begins_on <= day), UNVERSIONED)

    def bound(self, asked: tuple[str, ...]) -> tuple[str, ...]:
        """Give all controllers that a request binds, in the order of the policy; none where no asked one is joint.

        The person may turn to each of the joint controllers (Art. 26(3)): whoever was asked, all of them answer for it.
        """
        joint = {one.id for one in self.controllers_info if one.joint}
        if not joint & set(asked):
            return ()
        known = tuple(one.id for one in self.controllers_info if one.id in joint | set(asked))
        return (*known, *(one for one in asked if one not in known))

    def system(self, name: str) -> SystemPlan:
        """Give one system's plan."""
        return self.by_name[name]

    @functools.cached_property
    def by_name(self) -> dict[str, SystemPlan]:
        """Systems by their id."""
        return {one.system: one for one in self.systems}

    @functools.cached_property
    def reach(self) -> dict[object, tuple[str, ...]]:
        """What ``discovery.unreached`` worked out before, by its question; the answer hangs on nothing but the plan."""
        return {}

    @functools.cached_property
    def own_rules(self) -> dict[str, int] | None:
        """Months by ``policy:<rule>``; None where no policy file says which rules there are."""
        if not self.policy_versions:
            return None
        return {f"policy:{one.id}": one.months for one in self.retention_rules}

    def digest(self) -> str:
        """SHA-256 (hex) of the RFC 8785 form."""
        return hashlib.sha256(rfc8785.dumps(msgspec.to_builtins(self))).hexdigest()
