"""The words of a copy, by language: sentences as data (``words/*.toml``), dates and counts as the letters write them.

A language that is not shipped is met by English; the data, and what the company wrote itself, is never translated.
"""

from __future__ import annotations

import functools
import importlib.resources
import re
import tomllib
from typing import Any, Final

import msgspec

from orchestrator.core import completion, ending, procedures
from orchestrator.letters.template import Language
from orchestrator.letters.writing import date, row

SHIPPED: Final = ("en", "fr")
FALLBACK: Final = "en"
_UNIDENTIFIED: Final = re.compile(r"GDPR Art\. 11: cannot be identified there; would help: (.+)\Z", re.DOTALL)
_GDPR: Final = "GDPR Art. "
_KILO: Final = 1000
_WHY: Final = {
    completion.OUT_OF_SCOPE: "scope",
    completion.UNCONNECTED: "unconnected",
    ending.WHY_UNFINISHED: "unfinished",
    completion.NOT_SUBJECT + procedures.NEITHER: "neither",
    completion.NOT_SUBJECT + procedures.NOT_PROVIDED: "not_provided",
}


class Words(msgspec.Struct, frozen=True):
    """One language. ``tables``: name of a table -> key -> words; identifiers are called what letters call them."""

    language: Language
    tables: dict[str, dict[str, str]]

    @property
    def code(self) -> str:
        """The language tag of the pages (BCP 47)."""
        return self.language.code

    def say(self, key: str, table: str = "say", **values: object) -> str:
        """Give a sentence.

        Raises:
            KeyError: there is none, or a value is missing: a mistake in the program.
        """
        return self.tables[table][key].format_map(values)

    def word(self, table: str, code: str) -> str:
        """Give the word for a code; one that a company made up is given as it is, without underscores."""
        return self.tables[table].get(code, code.replace("_", " "))

    def count(self, number: int) -> str:
        """Give a number of records."""
        form = self.language.one if number in self.language.singular else self.language.many
        return form.format(n=number)

    def date(self, day: str) -> str:
        """Give a day (ISO 8601) as the language writes it."""
        return date(self.language, day)

    def list(self, some: list[str]) -> str:
        """Give several words in a row."""
        return row(self.language, some)

    def law(self, article: str) -> str:
        """Give the place of a text of the GDPR as the language cites it."""
        return self.language.law.format(article=article.removeprefix(_GDPR)) if article.startswith(_GDPR) else article

    def size(self, length: int) -> str:
        """Give a number of bytes, rounded up."""
        units = ("B", "kB", "MB", "GB") if self.code == "en" else ("o", "Ko", "Mo", "Go")
        step = 0
        while length >= _KILO and step < len(units) - 1:
            length, step = -(-length // _KILO), step + 1
        return f"{length} {units[step]}"

    def why(self, reason: str) -> str:
        """Give a reason of ``About.not_given`` in words; one that has none stands as it is."""
        if (found := _UNIDENTIFIED.match(reason)) is not None:
            if found[1] == "none":
                return self.say("unidentified_ever", "why")
            kinds = [self.word("identifier", one) for one in found[1].split(", ")]
            return self.say("unidentified", "why", kinds=self.list(kinds))
        return self.say(_WHY[reason], "why") if reason in _WHY else reason


@functools.cache
def load(locale: str) -> Words:
    """Give the words for a language tag: itself without its country, or English."""
    code = locale.partition("-")[0].lower()
    return _read(code if code in SHIPPED else FALLBACK)


@functools.cache
def _read(code: str) -> Words:
    tables = _toml("orchestrator.files", f"words/{code}.toml")
    letters = _toml("orchestrator.letters", f"{code}.toml")
    tables["identifier"] = letters["identifier"]
    return Words(msgspec.convert(letters["language"], Language), tables)


def _toml(package: str, file: str) -> dict[str, Any]:
    return tomllib.loads((importlib.resources.files(package) / file).read_text(encoding="utf-8"))
