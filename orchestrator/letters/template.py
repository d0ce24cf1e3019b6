"""Templates as they are worked with: sentences with their claims, letters as rows of sentences, and one language."""

from __future__ import annotations

import re
from typing import Final

import msgspec

LIST_KINDS: Final = (
    "receipt",
    "identity_needed",
    "identity_doubt",
    "extension",
    "fee",
    "answer",
    "nothing_held",
    "unidentifiable",
    "not_subject",
    "refusal",
    "identity_not_established",
    "lapsed",
    "withdrawal",
    "later",
    "kept",
    "restriction_lifted",
    "recipients_told",
    "recipients_rectified",
    "recipients_restricted",
)
"""Kinds of letters, in the order in which a request may meet them."""


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a sentence is, in whatever language.

    Attributes:
        claims: What it asserts; each is held against the record.
        when, unless: Flags that must be true, or must not.
        each: The list it goes through, once for every entry.
        names: Facts that its text has to name in every language; without them it would say less, or something else.
    """

    claims: tuple[str, ...] = ()
    when: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    each: str = ""
    names: tuple[str, ...] = ()


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Words that assert something: whoever writes them has to answer for one of these claims; none: for nothing.

    ``family``: what they are about. ``says``: what they assert, for the error.
    """

    family: str
    pattern: str
    says: str
    needs: tuple[str, ...] = ()

    def match(self, text: str) -> str:
        """Give the words of a text that assert it; empty: there are none."""
        found = re.search(self.pattern, text, re.IGNORECASE)
        return found[0] if found else ""


class Sentence(msgspec.Struct, frozen=True):
    """A sentence of one language. ``facts``: what its text names."""

    key: str
    text: str
    where: str
    shape: Shape
    facts: tuple[str, ...]


class Language(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a language writes dates, counts and lists. ``singular``: numbers that take the singular.

    ``salutation`` and ``signature`` stand where the sender writes a name: none is known here.
    """

    code: str
    name: str
    months: tuple[str, ...]
    date: str = "{day} {month} {year}"
    first_day: str = "1"
    comma: str = ", "
    last: str = " and "
    singular: tuple[int, ...] = (1,)
    decimal: str = "."
    one: str = "{n} record"
    many: str = "{n} records"
    law: str = "{article}"
    own_rule: str = "{rule}"
    salutation: str = ""
    signature: str = ""


class Template(msgspec.Struct, frozen=True):
    """One language's letters. ``words``: table -> code -> words."""

    language: Language
    words: dict[str, dict[str, str]]
    letters: dict[str, tuple[Sentence, ...]]
    subjects: dict[str, Sentence]
    lexicon: tuple[Rule, ...]
