"""What a rule of the linter says."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Literal

import msgspec

from orchestrator.policy.lint.answers import Answered
from orchestrator.policy.register import Register
from orchestrator.policy.words import Entry, Named
from schemas.codec import encode

Severity = Literal["error", "warning"]
"""error: a decision that rests on it would not hold. warning: a gap or a doubt that somebody should decide."""


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """A place of the file, in the policy's own words (``quote``), and in ours (``says``)."""

    entry: str
    line: int
    quote: str = ""
    says: str = ""


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One finding.

    Attributes:
        code: Name of the rule.
        row: Row of the requirements that the rule comes from.
        severity: error or warning.
        entry: Kind and id of the entry.
        file: Name of the policy file.
        line: Where the entry begins.
        said: What the policy says, all the places that matter; the first is the entry itself.
        problem: What is wrong with it, one sentence.
        ask: What to ask the data protection officer.
        law: The legal text behind the question.
        id: Rule and entry, by which it is answered; stays when lines move.
        digest: SHA-256 of rule and entries as they stand: an answer is one to exactly this.
        answered: What somebody in charge answered.
    """

    code: str
    row: str
    severity: Severity
    entry: str
    file: str
    line: int
    said: tuple[Said, ...]
    problem: str
    ask: str
    law: str
    id: str = ""
    digest: str = ""
    answered: Answered | None = None


class Hit(msgspec.Struct, frozen=True):
    """What a rule found: entries as (kind, entry), the one it is about first.

    ``severity``: where it is another than the rule's own.
    """

    entries: tuple[tuple[str, Entry], ...]
    problem: str
    ask: str
    severity: Severity | None = None


class Rule(msgspec.Struct, frozen=True):
    """One rule. ``find`` gets the register and the day it is judged on."""

    code: str
    row: str
    severity: Severity
    law: str
    find: Callable[[Register, dt.date], Iterator[Hit]]


def name_of(kind: str, entry: Entry) -> str:
    """Name an entry: its kind, and its id."""
    return f"{kind} {entry.id}" if isinstance(entry, Named) and kind != "policy" else kind


def finding(rule: Rule, hit: Hit, register: Register) -> Finding:
    """Make the finding of a hit."""
    said = tuple(
        Said(name_of(kind, entry), register.line(kind, entry), entry.quote, entry.says) for kind, entry in hit.entries
    )
    return Finding(
        code=rule.code,
        row=rule.row,
        severity=hit.severity or rule.severity,
        entry=said[0].entry,
        file=register.file,
        line=said[0].line,
        said=said,
        problem=hit.problem,
        ask=hit.ask,
        law=rule.law,
        id=f"{rule.code}:{said[0].entry.replace(' ', ':')}",
        digest=_digest(rule.code, hit),
    )


def _digest(code: str, hit: Hit) -> str:
    entries = [[name_of(kind, entry), json.loads(encode(entry))] for kind, entry in hit.entries]
    return hashlib.sha256(json.dumps([code, entries], sort_keys=True).encode()).hexdigest()
