"""The policy register: what a policy file says, as structs (``docs/policy-register.md`` has the words for people).

Every entry may carry the sentence it encodes (``quote``, the policy's own words; ``says``, ours) and a ``row`` of the
requirements it comes from. An entry says no more than the policy does: what is absent was not said.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from orchestrator.policy.lines import Lines
from orchestrator.policy.processing import Activity, Domain, Join, Output, Recipient, Retention
from orchestrator.policy.promises import (
    Approval,
    Changes,
    Controller,
    Exclusion,
    OutOfScope,
    Policy,
    Promise,
    Version,
)
from orchestrator.policy.words import Entry

KINDS: Final[dict[str, type[Entry]]] = {
    "version": Version,
    "controller": Controller,
    "activity": Activity,
    "retention": Retention,
    "recipient": Recipient,
    "domain": Domain,
    "join": Join,
    "promise": Promise,
    "exclusion": Exclusion,
    "output": Output,
    "out_of_scope": OutOfScope,
}
"""Lists of tables of a policy file."""
TABLES: Final[dict[str, type[Entry]]] = {"policy": Policy, "approval": Approval, "changes": Changes}
"""Tables that stand once."""


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A policy file: the policy register of one company."""

    policy: Policy
    approval: Approval = Approval()
    changes: Changes = Changes()
    version: tuple[Version, ...]
    controller: tuple[Controller, ...]
    activity: tuple[Activity, ...] = ()
    retention: tuple[Retention, ...] = ()
    recipient: tuple[Recipient, ...] = ()
    domain: tuple[Domain, ...] = ()
    join: tuple[Join, ...] = ()
    promise: tuple[Promise, ...] = ()
    exclusion: tuple[Exclusion, ...] = ()
    output: tuple[Output, ...] = ()
    out_of_scope: tuple[OutOfScope, ...] = ()


class Register(msgspec.Struct, frozen=True, dict=True):
    """A document that was read and checked, and where its entries stand."""

    file: str
    document: Document
    lines: Lines

    @functools.cached_property
    def activities(self) -> dict[str, Activity]:
        """Activities by their id."""
        return {one.id: one for one in self.document.activity}

    def line(self, kind: str, entry: Entry) -> int:
        """Give the line an entry begins at; ``kind`` of a transfer is ``recipient.transfer``."""
        if kind in TABLES:
            return self.lines.line(kind, 0) or 1
        if kind == "recipient.transfer":
            places = (
                (owner, number)
                for owner, one in enumerate(self.document.recipient)
                for number, transfer in enumerate(one.transfer)
                if transfer is entry
            )
            owner, number = next(places)
            return self.lines.line(f"recipient.{owner}.transfer", number) or self.lines.line("recipient", owner) or 1
        entries: Sequence[Any] = getattr(self.document, kind)
        return self.lines.line(kind, next(n for n, one in enumerate(entries) if one is entry)) or 1

    def version_on(self, day: dt.date) -> Version | None:
        """Give the version in force on a day; None before the first."""
        begun = [one for one in self.document.version if one.begins <= day]
        return begun[-1] if begun else None
