"""Writes a letter: sentences whose facts are there and whose flags hold. What they claim is judged afterwards."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Final

import msgspec

from orchestrator.law.texts import LIBRARY
from orchestrator.letters.case import Case
from orchestrator.letters.facts import FACTS, Item, Kind, Known, Value
from orchestrator.letters.gathering import known
from orchestrator.letters.said import Said
from orchestrator.letters.template import Language, Sentence, Template

_GDPR: Final = "GDPR Art. "
OF_RESULT: Final = {
    "refused": "refusal",
    "withdrawn": "withdrawal",
    "nothing_held": "nothing_held",
    "unidentifiable": "unidentifiable",
    "identity_not_established": "identity_not_established",
    "lapsed": "lapsed",
    "not_subject": "not_subject",
}
"""Which letter answers a request that ended so; any other result is answered by ``answer``."""


class Letter(msgspec.Struct, frozen=True):
    """A letter. Salutation and signature are the sender's: no name is known here."""

    kind: str
    language: str
    to: str
    subject: str
    said: tuple[Said, ...]


def kind_of(case: Case) -> str:
    """Give the kind of letter that a notice asks for; empty: it is no letter to a person."""
    notice = case.notice
    match notice.kind:
        case "answer" | "refused":
            if case.record is None:
                return ""
            of = OF_RESULT.get(case.record.result, "answer")
            return "later" if case.record.number > 1 and of in {"answer", "nothing_held"} else of
        case "partly_refused":
            return "kept"
        case "recipients":
            return "recipients_told" if case.record is not None else ""
        case "rectified" | "restricted":
            return f"recipients_{notice.kind}" if notice.to == "recipients" else ""
        case "receipt" | "identity_needed" | "identity_doubt" | "extension" | "fee" | "restriction_lifted":
            return notice.kind
        case _:
            return ""


def write(template: Template, case: Case) -> Letter:
    """Write the letter of a case; the caller has it checked before it is handed out (``checking.handed_out``)."""
    kind = kind_of(case)
    facts = known(case)
    subject = _text(template, template.subjects[kind], facts.values)
    said = tuple(one for sentence in template.letters[kind] for one in _said(template, sentence, facts))
    return Letter(kind, template.language.code, case.notice.to, subject, said)


def _said(template: Template, sentence: Sentence, facts: Known) -> Iterator[Said]:
    shape = sentence.shape
    items = facts.lists.get(shape.each, ()) if shape.each else (Item("", {}),)
    for item in items:
        values = facts.values | item.values
        there = all(name in values for name in sentence.facts)
        if there and all(values.get(one) for one in shape.when) and not any(values.get(one) for one in shape.unless):
            named = {name: values[name] for name in sentence.facts}
            text = _text(template, sentence, named)
            listed = bool(shape.each)
            yield Said(
                sentence.key, text[:1].upper() + text[1:], shape.claims, item.place, named, sentence.where, listed
            )


def _text(template: Template, sentence: Sentence, values: dict[str, Value]) -> str:
    return sentence.text.format(
        **{name: spelled(template, name, values[name]) for name in sentence.facts if name in values}
    )


def spelled(template: Template, name: str, value: Value) -> str:
    """Write one fact in a language."""
    fact, language = FACTS[name], template.language
    words = template.words.get(fact.table, {})
    match fact.kind:
        case Kind.DATE:
            return date(language, str(value))
        case Kind.COUNT:
            return (language.one if value in language.singular else language.many).format(n=value)
        case Kind.WORD:
            return _word(words, str(value))
        case Kind.WORDS:
            some = value if isinstance(value, tuple) else (str(value),)
            return row(language, [_word(words, one) for one in some])
        case Kind.MONEY:
            return str(value).replace(".", language.decimal)
        case Kind.LAW:
            return _law(template, str(value))
        case _:
            return str(value)


def date(language: Language, day: str) -> str:
    """Write a date (ISO 8601) as the language does."""
    found = dt.date.fromisoformat(day)
    number = language.first_day if found.day == 1 else str(found.day)
    return language.date.format(day=number, month=language.months[found.month - 1], year=found.year)


def row(language: Language, some: list[str]) -> str:
    """Write several words as a list."""
    if len(some) < 2:  # noqa: PLR2004 - two are joined by the last word
        return "".join(some)
    return language.comma.join(some[:-1]) + language.last + some[-1]


def _word(words: dict[str, str], code: str) -> str:
    return words.get(code, code.replace("_", " "))


def _law(template: Template, text_id: str) -> str:
    """Name a legal text, or the controller's own rule."""
    if text_id in template.words["law"]:
        return template.words["law"][text_id]
    if text_id.startswith("policy:"):
        return template.language.own_rule.format(rule=text_id.removeprefix("policy:").replace("_", " "))
    text = LIBRARY.get(text_id)
    name = text.short if text else text_id
    return template.language.law.format(article=name.removeprefix(_GDPR)) if name.startswith(_GDPR) else name
