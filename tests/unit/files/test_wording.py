"""The words of a copy: the same in every language, and each reason that a copy gives is told in words."""

from __future__ import annotations

import re
import string
import tomllib
from importlib.resources import files
from typing import Any, get_args

import pytest

from orchestrator.core import completion, ending, procedures
from orchestrator.core.copying import About, about
from orchestrator.files import pages
from orchestrator.files.wording import SHIPPED, load
from orchestrator.policy import words as policy
from orchestrator.policy.informing import Information, Party
from schemas.outcomes import Exported, NothingHeld
from schemas.requests import Right
from tests.support.stories import Story, contacts, found, plan, system

LANGUAGES = pytest.mark.parametrize("code", SHIPPED)
CODES: dict[str, Any] = {
    "basis": policy.Basis,
    "role": policy.Role,
    "area": policy.Area,
    "mechanism": policy.Mechanism,
    "right": policy.RightName,
    "anchor": policy.Anchor,
}


def read(code: str) -> dict[str, dict[str, str]]:
    return tomllib.loads((files("orchestrator.files") / f"words/{code}.toml").read_text(encoding="utf-8"))


def names(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


@LANGUAGES
def test_no_key_is_missing_in_any_language_and_none_says_less(code: str) -> None:
    here, english = read(code), read("en")
    assert {table: set(some) for table, some in here.items()} == {table: set(some) for table, some in english.items()}
    for table, some in here.items():
        for key, sentence in some.items():
            assert sentence.strip(), (table, key)
            assert names(sentence) == names(english[table][key]), (table, key)
    assert code == "en" or sum(here[t][k] == english[t][k] for t in here for k in here[t]) < 4, "not translated"


@LANGUAGES
def test_every_sentence_of_the_templates_is_there_and_none_is_left_over(code: str) -> None:
    sources = [one.read_text() for one in (files("orchestrator.files") / "templates").iterdir()]
    sources += [(files("orchestrator.files") / one).read_text() for one in ("pages.py", "wording.py", "describing.py")]
    text = "\n".join(sources)
    for table in ("say", "about", "why"):
        left = [key for key in read(code)[table] if not re.search(rf"""["']{key}["']""", text)]
        assert left == [], table


@LANGUAGES
def test_every_word_of_a_policy_file_is_known(code: str) -> None:
    for table, kind in CODES.items():
        nothing = {"", *pages._NOTHING_MORE}
        assert set(read(code)[table]) == set(get_args(kind)) - nothing, table


@pytest.mark.parametrize(
    ("locale", "code"), [("fr", "fr"), ("fr-CA", "fr"), ("FR", "fr"), ("en-GB", "en"), ("de", "en"), ("", "en")]
)
def test_a_wish_is_met_by_the_language_itself_or_by_english(locale: str, code: str) -> None:
    assert load(locale).code == code
    page = pages.index(About(locale=locale), []).decode()
    assert f'<html lang="{code}">' in page
    told = pages.information(Information("P", "1", controllers=(Party("a", "", "FR"),)), locale).decode()
    assert f'<html lang="{code}">' in told


@LANGUAGES
@pytest.mark.parametrize(
    "reason",
    [
        "GDPR Art. 11: cannot be identified there; would help: email, customer_id",
        "GDPR Art. 11: cannot be identified there; would help: none",
        completion.OUT_OF_SCOPE,
        completion.UNCONNECTED,
        ending.WHY_UNFINISHED,
        completion.NOT_SUBJECT + procedures.NEITHER,
        completion.NOT_SUBJECT + procedures.NOT_PROVIDED,
    ],
)
def test_every_reason_not_to_give_something_is_told_in_words(code: str, reason: str) -> None:
    said = load(code).why(reason)
    assert said != reason
    assert "{" not in said
    assert "_" not in said


def test_a_reason_without_words_stands_as_it_is() -> None:
    assert load("fr").why("something new") == "something new"


def test_i12_what_was_looked_through_and_holds_nothing_is_told_and_what_was_not_looked_at_beside_it() -> None:
    of = plan(system("crm", contacts()), system("shop", contacts()), system("hr", contacts(kinds=("employee_id",))))
    story = Story(of, right=Right.ACCESS, locale="fr")
    story.answer("crm", NothingHeld())
    story.answer("shop", found())
    story.answer("shop", Exported(1, "f", "0" * 64))
    told = about(story.plan, story.state)
    assert told.locale == "fr"
    assert (told.empty, set(told.not_given)) == (("crm/contacts",), {"hr"})
    page = pages.index(told, []).decode()
    assert "Où nous avons cherché sans rien trouver sur vous" in page
    assert "Système « hr »</strong>: Nous n&#39;avons pas pu vous y chercher" in page


def test_what_was_copied_is_not_called_empty() -> None:
    story = Story(plan(system("crm", contacts())), right=Right.ACCESS)
    story.answer("crm", found())
    story.answer("crm", Exported(1, "f", "0" * 64))
    assert about(story.plan, story.state).empty == ()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("2026-03-01", "1er mars 2026"),
        ("2026-03-02 00:00:00", "2 mars 2026"),
        ("2026-03-02T10:05:00Z", "2 mars 2026, 10:05:00Z"),
        ("2026-02-31", "2026-02-31"),
        ("2026-03-01 25:00", "2026-03-01 25:00"),
        ("le 2026-03-01", "le 2026-03-01"),
        (3.98, "3,98"),
        (1e-7, "1e-07"),
        (76066, "76066"),
        (10**40, str(10**40)),
        (True, "oui"),
        (None, "(vide)"),
        ("", "(vide)"),
        ("a\r\nb", "a\nb"),
        ("a\rb", "a[caractère U+000D]b"),
        ("exe.\u202egnp", "exe.[caractère U+202E]gnp"),
        ("a\0b\x1b[31m", "a[caractère U+0000]b[caractère U+001B][31m"),
        ("\ud800", "[caractère U+D800]"),
        ("שלום", "שלום"),
        ("👩\u200d👧", "👩\u200d👧"),
    ],
)
def test_a_value_is_shown_as_people_write_it_and_never_as_something_else(value: object, said: str) -> None:
    shown = pages._shown(load("fr"), value, pages.LONGEST)
    assert shown.text == said
    assert shown.moment in {"", value}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("BillingPostalCode", "Billing postal code"), ("invoice_lines", "Invoice lines"), ("user.email", "User email"),
        ("VATNumber", "VAT number"), ("IP", "IP"), ("<b>", "<b>"), ("../x", "../x"), ("", ""), ("x" * 80, "x" * 80),
    ],
)  # fmt: skip
def test_a_technical_name_is_spelled_in_words(name: str, said: str) -> None:
    assert pages.spelled(name) == said


@pytest.mark.parametrize(
    ("length", "said"), [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (1_000_001, "2 MB"), (5 * 10**12, "5000 GB")]
)
def test_sizes_are_rounded_up(length: int, said: str) -> None:
    assert load("en").size(length) == said
