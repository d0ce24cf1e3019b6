"""Reads templates: text in, template out. Errors name file, line and fix; a template with one is not used."""

from __future__ import annotations

import difflib
import re
import string
import tomllib
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, TypeVar

import msgspec

from orchestrator.core.clock import EXTENSIONS
from orchestrator.core.closing import OVERRIDDEN
from orchestrator.core.identity import ASKS
from orchestrator.core.refusing import GROUNDS
from orchestrator.letters import facts as table_of_facts
from orchestrator.letters.claims import CLAIMS
from orchestrator.letters.errors import TemplateError
from orchestrator.letters.facts import FACTS, LISTS, Kind
from orchestrator.letters.template import LIST_KINDS, Language, Rule, Sentence, Shape, Template
from orchestrator.policy.lines import Lines
from schemas.identifiers import KINDS
from schemas.outcomes import KeptWhy

_T = TypeVar("_T", bound=msgspec.Struct)

WORDS: Final[dict[str, tuple[str, ...]]] = {
    "right": table_of_facts.RIGHTS,
    "ground": (*GROUNDS, OVERRIDDEN),
    "kept": tuple(one.value for one in KeptWhy if one is not KeptWhy.LIVE_FILE),
    "asks": ASKS,
    "extension": EXTENSIONS,
    "identifier": tuple(KINDS),
    "role": ("dpo",),
    "category": (),
    "purpose": (),
    "law": (),
}
"""Tables of words, and the codes that each language has to have words for."""
FAMILIES: Final = ("erased", "everything", "verified", "promise")
"""What the lexicon of a language has to watch at least."""
_TABLES: Final = ("language", "lexicon", "subject", "sentence", "add", *WORDS)


class Source(msgspec.Struct, frozen=True):
    """A language file: its text and its name, for errors."""

    text: str
    file: str


class Added(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sentence that a company adds to a letter, behind one of ours."""

    key: str
    letter: str
    after: str
    text: str
    claims: tuple[str, ...] = ()
    when: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    each: str = ""


class Structure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is the same in every language: which sentences a letter has, and what each of them claims."""

    letter: dict[str, tuple[str, ...]]
    sentence: dict[str, Shape]
    group: dict[str, tuple[str, ...]] = {}


def structure(text: str) -> Structure:
    """Read the structure that is shipped."""
    found = msgspec.toml.decode(text, type=Structure)
    letters = {
        kind: tuple(each for key in keys for each in _spread(found.group, key)) for kind, keys in found.letter.items()
    }
    found = msgspec.structs.replace(found, letter=letters, group={})
    used = {key for keys in found.letter.values() for key in keys}
    lost = (used ^ set(found.sentence)) | (set(found.letter) ^ set(LIST_KINDS))
    if lost:
        raise TemplateError("letters and sentences do not fit", where="sentences.toml", fix=", ".join(sorted(lost)))
    for key, shape in found.sentence.items():
        _check_shape(shape, f"sentences.toml: {key}")
    return found


def _spread(groups: dict[str, tuple[str, ...]], key: str) -> tuple[str, ...]:
    """Give the sentences that a name stands for: ``@`` and the name of a group, or the sentence itself."""
    if not key.startswith("@"):
        return (key,)
    return tuple(each for one in groups[key[1:]] for each in _spread(groups, one))


def read(shape: Structure, sources: Sequence[Source]) -> Template:
    """Read a language: the file that is shipped, if it is, and what a company has of its own, sentence by sentence.

    Args:
        shape: What every language has in common.
        sources: Files of one language; what stands in a later one takes the place of what stands in an earlier one.

    Raises:
        TemplateError: broken TOML, an unknown key, sentence, fact or claim, something missing, or words that assert
            more than the sentence answers for.
    """
    files = [_File(one) for one in sources]
    language = _language(files)
    words = {name: _merged(files, name) for name in WORDS}
    lexicon = tuple(rule for one in files for rule in one.lexicon())
    sentences = {
        key: one.sentence("sentence", key, text, shape.sentence[key])
        for one in files
        for key, text in one.texts("sentence", tuple(shape.sentence)).items()
    }
    subjects = {
        key: one.sentence("subject", key, text, Shape())
        for one in files
        for key, text in one.texts("subject", LIST_KINDS).items()
    }
    _complete(files[-1], words, lexicon, sentences, subjects, shape)
    letters = {kind: [sentences[key] for key in keys] for kind, keys in shape.letter.items()}
    for one in files:
        one.add(letters)
    template = Template(language, words, {kind: tuple(some) for kind, some in letters.items()}, subjects, lexicon)
    for sentence in (*(one for some in template.letters.values() for one in some), *subjects.values()):
        _answer_for(sentence, lexicon)
    return template


class _File:
    """One language file, taken apart."""

    def __init__(self, source: Source) -> None:
        self.file = source.file
        self.lines = Lines(source.text)
        try:
            self.raw: dict[str, Any] = tomllib.loads(source.text)
        except tomllib.TOMLDecodeError as error:
            at = re.search(r"line (\d+)", str(error))
            line = int(at[1]) if at else len(source.text.splitlines())
            what = f"broken TOML: {re.sub(r' ?[(]at .*', '', str(error))}"
            raise TemplateError(what, where=f"{self.file}:{line}", fix='key = "text", [table]; see toml.io') from None
        for name in self.raw:
            if name not in _TABLES:
                raise self.wrong(f"unknown table {name!r}", name, fix=close(name, _TABLES))

    def wrong(self, what: str, table: str, key: str = "", number: int = 0, *, fix: str) -> TemplateError:
        return TemplateError(what, where=self.at(table, key, number), fix=fix)

    def at(self, table: str, key: str = "", number: int = 0) -> str:
        line = self.lines.line(table, number, key)
        return f"{self.file}:{line}" if line else self.file

    def texts(self, table: str, known: Collection[str]) -> dict[str, str]:
        """Give the texts of a table; ``known``: the keys it may have, empty where it may have any."""
        raw = self.raw.get(table, {})
        if not isinstance(raw, dict):
            raise self.wrong(f"[{table}] is a table", table, fix=f"write [{table}] on a line of its own")
        for key, value in raw.items():
            if known and key not in known:
                raise self.wrong(f"[{table}] has no {key!r}", table, key, fix=close(key, known))
            if not isinstance(value, str) or not value.strip():
                raise self.wrong(f"[{table}] {key} is a text", table, key, fix=f'{key} = "..."')
        return raw

    def lexicon(self) -> list[Rule]:
        rules = self._structs("lexicon", Rule)
        for number, rule in enumerate(rules):
            try:
                re.compile(rule.pattern)
            except re.error as error:
                fix = "a regular expression between '...', e.g. '\\berased\\b'"
                raise self.wrong(f"pattern: {error}", "lexicon", "pattern", number, fix=fix) from None
            for name in rule.needs:
                if name not in CLAIMS:
                    raise self.wrong(f"unknown claim {name!r}", "lexicon", "needs", number, fix=close(name, CLAIMS))
        return rules

    def _structs(self, table: str, struct: type[_T]) -> list[_T]:
        raw = self.raw.get(table, [])
        if not isinstance(raw, list):
            raise self.wrong(f"{table} is a list of tables", table, fix=f"write [[{table}]], with two brackets")
        return [self.converted(table, number, one, struct) for number, one in enumerate(raw)]

    def converted(self, table: str, number: int, raw: Any, struct: type[_T]) -> _T:
        for name in raw if isinstance(raw, dict) else ():
            if name not in struct.__struct_fields__:
                fix = close(name, struct.__struct_fields__)
                raise self.wrong(f"{table}: unknown key {name!r}", table, name, number, fix=fix)
        try:
            return msgspec.convert(raw, struct)
        except msgspec.ValidationError as error:
            fix = f"it takes: {', '.join(struct.__struct_fields__)}; docs/letters.md"
            raise self.wrong(f"{table}: {error}", table, "", number, fix=fix) from None

    def sentence(self, table: str, key: str, text: str, shape: Shape, number: int = 0) -> Sentence:
        """Check what a text names."""
        line_key = "text" if table == "add" else key
        named = self._named(table, line_key, text, number)
        may = table_of_facts.allowed(shape.each)
        for name in named:
            if name not in may:
                fix = close(name, may)
                if name in FACTS:
                    fix = f"it is known only of the entries of: {', '.join(FACTS[name].lists)}"
                raise self.wrong(f"{key}: no fact {{{name}}}", table, line_key, number, fix=fix)
            if FACTS[name].kind is Kind.FLAG:
                fix = "a flag is never written; it stands in `when` or `unless`"
                raise self.wrong(f"{key}: {{{name}}} is yes or no", table, line_key, number, fix=fix)
        for name in shape.names:
            if name not in named:
                fix = f"name it in the text: {{{name}}}"
                raise self.wrong(f"{key}: has to name {{{name}}}", table, line_key, number, fix=fix)
        return Sentence(key, text, self.at(table, line_key, number), shape, named)

    def _named(self, table: str, key: str, text: str, number: int) -> tuple[str, ...]:
        try:
            parts = list(string.Formatter().parse(text))
        except ValueError as error:
            raise self.wrong(f"{key}: {error}", table, key, number, fix="a fact stands in {}: {due_on}") from None
        for _, name, how, conversion in parts:
            if name is not None and (how or conversion or not re.fullmatch(r"[a-z_]+", name)):
                fix = f"only a name stands in {{}}, e.g. {{{next(iter(FACTS))}}}"
                raise self.wrong(f"{key}: {{{name}}} is no fact", table, key, number, fix=fix)
        return tuple(dict.fromkeys(name for _, name, _, _ in parts if name))

    def add(self, letters: dict[str, list[Sentence]]) -> None:
        """Put a company's own sentences behind ours."""
        for number, one in enumerate(self._structs("add", Added)):
            if one.letter not in letters:
                what = f"{one.key}: no letter {one.letter!r}"
                raise self.wrong(what, "add", "letter", number, fix=close(one.letter, LIST_KINDS))
            keys = [each.key for each in letters[one.letter]]
            if one.after not in keys:
                what = f"{one.key}: the letter {one.letter!r} has no sentence {one.after!r}"
                raise self.wrong(what, "add", "after", number, fix=close(one.after, keys))
            if one.key in keys:
                fix = "another key; to change one of ours, write it under [sentence]"
                raise self.wrong(f"{one.key} is there already", "add", "key", number, fix=fix)
            shape = Shape(one.claims, one.when, one.unless, one.each)
            _check_shape(shape, self.at("add", "", number))
            made = self.sentence("add", one.key, one.text, shape, number)
            letters[one.letter].insert(keys.index(one.after) + 1, made)


def _language(files: Sequence[_File]) -> Language:
    raw: dict[str, Any] = {}
    for one in files:
        table = one.raw.get("language", {})
        if isinstance(table, dict):
            raw |= table
    language = files[-1].converted("language", 0, raw, Language)
    if len(language.months) != 12:  # noqa: PLR2004 - of a year
        raise files[-1].wrong("a year has twelve months", "language", "months", fix="months = [twelve names]")
    for name, facts in _SPELLED.items():
        try:
            getattr(language, name).format(**facts)
        except (KeyError, IndexError, ValueError):
            fix = f"{name} may name: {', '.join(f'{{{one}}}' for one in facts)}"
            raise files[-1].wrong(f"language, {name}: a name it does not have", "language", name, fix=fix) from None
    return language


_SPELLED: Final[dict[str, dict[str, Any]]] = {
    "date": {"day": "1", "month": "May", "year": 2026},
    "one": {"n": 1},
    "many": {"n": 2},
    "law": {"article": "17"},
    "own_rule": {"rule": "r"},
}


def _merged(files: Iterable[_File], table: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in files:
        found |= one.texts(table, ())
    return found


def _complete(
    last: _File,
    words: dict[str, dict[str, str]],
    lexicon: tuple[Rule, ...],
    sentences: dict[str, Sentence],
    subjects: dict[str, Sentence],
    shape: Structure,
) -> None:
    """Refuse a language that lacks something: a letter would lack a sentence, and nobody would see it."""
    tables: list[tuple[str, Collection[str], Collection[str]]] = [
        ("sentence", sentences, shape.sentence),
        ("subject", subjects, LIST_KINDS),
        *((name, words[name], codes) for name, codes in WORDS.items()),
    ]
    for table, there, needed in tables:
        missing = [one for one in needed if one not in there]
        if missing:
            fix = f'write {missing[0]} = "..." under [{table}]; a shipped language may be taken as a pattern'
            raise last.wrong(f"[{table}] lacks {', '.join(missing[:5])}", table, fix=fix)
    for family in FAMILIES:
        if not any(one.family == family for one in lexicon):
            fix = f'[[lexicon]] with family = "{family}": the words of this language that assert it'
            raise last.wrong(f"nothing watches words of the family {family!r}", "lexicon", fix=fix)


def _check_shape(shape: Shape, where: str) -> None:
    for name in shape.claims:
        if name not in CLAIMS:
            raise TemplateError(f"unknown claim {name!r}", where=where, fix=close(name, CLAIMS))
    if shape.each and shape.each not in LISTS:
        raise TemplateError(f"unknown list {shape.each!r}", where=where, fix=close(shape.each, LISTS))
    may = table_of_facts.allowed(shape.each)
    flags = [one for one in may if FACTS[one].kind is Kind.FLAG]
    for name in (*shape.when, *shape.unless):
        if name not in flags:
            raise TemplateError(f"unknown flag {name!r}", where=where, fix=close(name, flags))
    for name in shape.names:
        if name not in may:
            raise TemplateError(f"unknown fact {name!r}", where=where, fix=close(name, may))


def _answer_for(sentence: Sentence, lexicon: Iterable[Rule]) -> None:
    """Refuse words that assert more than the sentence answers for."""
    for rule in lexicon:
        words = rule.match(sentence.text)
        if words and not set(rule.needs) & set(sentence.shape.claims):
            answers = ", ".join(sentence.shape.claims) or "nothing"
            fix = "say less"
            if rule.needs:
                fix += f"; or say it in a sentence that answers for it ({', '.join(rule.needs)})"
            raise TemplateError(
                f"{sentence.key}: {words!r} says {rule.says}, and the sentence answers for {answers}",
                where=sentence.where,
                why="a letter may not claim more than the record",
                fix=fix,
            )


def close(name: str, known: Collection[str]) -> str:
    """Say what may have been meant."""
    found = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {found[0]!r}?" if found else f"known: {', '.join(known)}"
