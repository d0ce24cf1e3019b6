"""Templates that are wrong: each with file, line and fix, and none of them is used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.letters.claims import CLAIMS
from orchestrator.letters.errors import TemplateError
from orchestrator.letters.facts import FACTS, LISTS
from orchestrator.letters.reading import Source, read
from orchestrator.letters.template import LIST_KINDS
from orchestrator.runtime import letters

DOCS = Path(__file__).parents[3] / "docs" / "letters.md"


def refused(tmp_path: Path, text: str, name: str = "en.toml") -> TemplateError:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    with pytest.raises(TemplateError) as found:
        letters.check(file)
    assert found.value.where.startswith(str(file))
    assert found.value.fix
    return found.value


@pytest.mark.parametrize("code", letters.SHIPPED)
def test_what_is_shipped_is_whole_and_claims_no_more_than_any_sample(code: str, tmp_path: Path) -> None:
    shipped = letters.load(code, None)
    assert set(shipped.letters) == set(LIST_KINDS) == set(shipped.subjects)
    # As a company's own file it is tried on every sample; without a change nothing may be wrong.
    (tmp_path / f"{code}.toml").write_text(f'[language]\ncode = "{code}"\n', encoding="utf-8")
    assert letters.check(tmp_path / f"{code}.toml") == shipped


def test_both_languages_name_the_same_facts_and_one_knows_all_that_the_other_does() -> None:
    one, other = (letters.load(code, None) for code in letters.SHIPPED)
    for kind in LIST_KINDS:
        assert [(each.key, set(each.facts)) for each in one.letters[kind]] == [
            (each.key, set(each.facts)) for each in other.letters[kind]
        ]
    assert {rule.family for rule in one.lexicon} == {rule.family for rule in other.lexicon}


@pytest.mark.parametrize(
    ("text", "line", "says", "fix"),
    [
        ('[sentence]\nreply = "Ask us about {reqest_id}."', 2, "no fact {reqest_id}", "did you mean 'request_id'?"),
        ('[sentence]\nreply = "Ask us {request_id} by {until}."', 2, "no fact {until}", "only of the entries of: kept"),
        ('[sentence]\nreply = "Ask us {request_id}, {for_other}."', 2, "{for_other} is yes or no", "`when`"),
        ('[sentence]\nreply = "Ask us."', 2, "has to name {request_id}", "name it in the text"),
        ('[sentence]\nreply = "Ask us {request_id!r}."', 2, "is no fact", "only a name stands in {}"),
        ('[sentence]\nreply = "Ask us {request_id."', 2, "expected '}'", "a fact stands in {}"),
        ('[sentence]\nreplly = "Ask us {request_id}."', 2, "[sentence] has no 'replly'", "did you mean 'reply'?"),
        ("[sentence]\nreply = 3", 2, "is a text", 'reply = "..."'),
        ('sentence = "x"', 1, "[sentence] is a table", "on a line of its own"),
        ('[sentences]\nreply = "x"', 1, "unknown table 'sentences'", "did you mean 'sentence'?"),
        ('[subject]\nanswr = "x"', 2, "[subject] has no 'answr'", "did you mean 'answer'?"),
        ('[sentence]\nreply = "Ask us', 2, "broken TOML", "toml.io"),
        ('[language]\nmonths = ["January"]', 2, "twelve months", "twelve names"),
        ('[language]\nnam = "English"', 2, "unknown key 'nam'", "did you mean 'name'?"),
        ('[language]\ndate = "{day} {moon}"', 2, "a name it does not have", "{day}, {month}, {year}"),
        ("[language]\nname = 3", 1, "Expected `str`", "docs/letters.md"),
        ('[language]\ncode = "de"', None, "the file says 'de'", 'code = "en"'),
        ("lexicon = 3", 1, "is a list of tables", "[[lexicon]]"),
        ("[[lexicon]]\nfamily = 'x'\npattern = '('\nsays = 'x'", 3, "pattern: ", "a regular expression"),
        ("[[lexicon]]\nfamily = 'x'\npattern = 'x'\nsays = 'x'\nneeds = ['erasd']", 5, "'erasd'", "'erased'"),
        ('[[add]]\nkey = "us"\nletter = "anwser"\nafter = "asked"\ntext = "x"', 3, "no letter 'anwser'", "'answer'"),
        ('[[add]]\nkey = "us"\nletter = "answer"\nafter = "askd"\ntext = "x"', 4, "no sentence 'askd'", "'asked'"),
        ('[[add]]\nkey = "asked"\nletter = "answer"\nafter = "asked"\ntext = "x"', 2, "is there already", "another"),
        ('[[add]]\nkey = "us"\nletter = "answer"\nafter = "asked"', 1, "missing required field `text`", "it takes"),
        (
            '[[add]]\nkey = "us"\nletter = "answer"\nafter = "asked"\ntext = "x"\nclaims = ["erasd"]',
            1,
            "unknown claim 'erasd'",
            "'erased'",
        ),
        (
            '[[add]]\nkey = "us"\nletter = "answer"\nafter = "asked"\ntext = "x"\nwhen = ["al_erased"]',
            1,
            "unknown flag 'al_erased'",
            "'all_erased'",
        ),
        (
            '[[add]]\nkey = "us"\nletter = "answer"\nafter = "asked"\ntext = "x"\neach = "ereased"',
            1,
            "unknown list 'ereased'",
            "'erased'",
        ),
    ],
)
def test_a_wrong_template_says_where_and_how_to_mend_it(
    tmp_path: Path, text: str, line: int | None, says: str, fix: str
) -> None:
    error = refused(tmp_path, text)
    assert says in error.what
    assert fix in error.fix
    assert error.where == str(tmp_path / "en.toml") + (f":{line}" if line else "")


@pytest.mark.parametrize(
    ("key", "text", "says"),
    [
        ("erased", "We erased everything we had of {what}.", "that nothing is left"),
        ("attested", "{what}: {by} erased it on {said_on}.", "that data is erased"),
        ("attested", "{what}: {by} did it on {said_on}, and we checked.", "that somebody looked again"),
        ("kept_until", "{what} ({law}, {why}) is deleted now, not on {until}.", "that data is erased"),
        ("received", "{right}, {received_on}, {due_on}: we have erased it.", "that data is erased"),
        ("nothing_erased", "All your data is safe.", "that nothing is left"),
        ("all_erased", "We guarantee that it is away.", "more than any record can show"),
        ("backups", "Our backups are clean, by {backups_until}.", "more than any record can show"),
        ("reply", "Your copy comes with this letter, {request_id}.", "that something is handed over"),
        ("kept_heading", "We informed everybody to whom we passed it on.", "that somebody was told"),
        ("withdrawn", "We no longer use your data.", "that a use has stopped"),
        ("asked", "{right}, {received_on}: your data is corrected.", "that data is corrected"),
        ("lapsed", "Your data is restricted now.", "that data is restricted"),
        ("partly_erased", "{what} ({count}) is anonymised.", "that data is anonymous"),
    ],
)
def test_words_that_assert_more_than_the_sentence_answers_for_are_refused(
    tmp_path: Path, key: str, text: str, says: str
) -> None:
    error = refused(tmp_path, f'# our own\n[sentence]\n{key} = "{text}"')
    assert says in error.what
    assert error.where.endswith("en.toml:3")
    assert "may not claim more" in error.why


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("attested", "{what} : {by}, le {said_on} : tout est effacé."),
        ("erased", "Nous avons tout supprimé : tout ce que nous avions, {what}."),
        ("attested", "{what} : {by}, le {said_on}, et nous l'avons vérifié."),
        ("backups", "Aucune copie n'existe après le {backups_until}."),
        ("reply", "La copie est jointe, {request_id}."),
        ("withdrawn", "Nous n'utilisons plus vos données."),
    ],
)
def test_the_same_in_french(tmp_path: Path, key: str, text: str) -> None:
    refused(tmp_path, f'[sentence]\n{key} = "{text}"', "fr.toml")


def test_a_sentence_without_its_condition_is_refused_on_a_record_that_may_come(tmp_path: Path) -> None:
    """The words are covered by a claim, but they are written where the claim does not hold."""
    text = (
        '[[add]]\nkey = "boast"\nletter = "answer"\nafter = "asked"\nclaims = ["erased_all"]\n'
        'text = "We have erased everything that we held."\n'
    )
    error = refused(tmp_path, text)
    assert error.where.endswith("en.toml:6")
    assert "claims 'erased_all', and" in error.what
    assert "`when`" in error.fix
    (tmp_path / "en.toml").write_text(text + 'when = ["all_erased"]\nunless = ["some_anonymised"]\n', encoding="utf-8")
    assert "boast" in [one.key for one in letters.check(tmp_path / "en.toml").letters["answer"]]


def test_an_own_sentence_stands_behind_ours_and_an_own_text_in_its_place(tmp_path: Path) -> None:
    file = tmp_path / "fr.toml"
    file.write_text(
        '[sentence]\nreply = "Appelez-nous : {request_id}."\n[category]\ncontact = "vos coordonnées"\n'
        '[[add]]\nkey = "phone"\nletter = "receipt"\nafter = "received"\ntext = "Téléphone : 01."\n',
        encoding="utf-8",
    )
    found = letters.load("fr", tmp_path)
    assert [one.key for one in found.letters["receipt"]] == [
        "for_other", "received", "phone", "own_receipt", "received_next", "reply",
    ]  # fmt: skip
    assert {one.text for some in found.letters.values() for one in some if one.key == "reply"} == {
        "Appelez-nous : {request_id}."
    }
    assert found.words["category"]["contact"] == "vos coordonnées"
    assert found.words["category"]["billing"] == "données de facturation"


def test_a_language_of_ones_own_has_to_be_complete(tmp_path: Path) -> None:
    whole = letters._shipped("en").replace('code = "en"', 'code = "de"').replace('name = "English"', 'name = "Deutsch"')
    (tmp_path / "de.toml").write_text(whole, encoding="utf-8")
    assert letters.load("de", tmp_path).language.name == "Deutsch"
    assert [one.code for one in letters.languages(tmp_path)] == ["de", "en", "fr"]
    assert letters.nearest("de-AT", tmp_path) == "de"
    assert letters.nearest("it", tmp_path) == "en"
    lacks = re.sub(r"(?m)^complain = .*\n", "", whole)
    assert "[sentence] lacks complain" in refused(tmp_path, lacks, "de.toml").what
    lacks = whole.replace('secrecy = "a duty', 'other = "a duty')
    assert "[ground] lacks secrecy" in refused(tmp_path, lacks, "de.toml").what
    lacks = whole.replace('family = "verified"', 'family = "other"')
    assert "'verified'" in refused(tmp_path, lacks, "de.toml").what
    lacks = re.sub(r"(?m)^months = .*\n", "", whole)
    assert "months" in refused(tmp_path, lacks, "de.toml").what


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        letters.check(tmp_path / "fr.toml")
    (tmp_path / "fr.toml").write_bytes(b"# ok\n\xff")
    with pytest.raises(UsageError, match="not UTF-8") as found:
        letters.check(tmp_path / "fr.toml")
    assert found.value.where.endswith(":2")
    (tmp_path / "fr.toml").write_bytes(b"#" * (1 << 20) + b"#")
    with pytest.raises(UsageError, match="too large"):
        letters.check(tmp_path / "fr.toml")
    (tmp_path / "french.toml").write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match="not a language"):
        letters.languages(tmp_path)
    with pytest.raises(UsageError, match="no letters in the language 'it'"):
        letters.load("it", None)


@pytest.mark.parametrize(
    "text",
    [
        "[letter]\nreceipt = ['reply']\n[sentence.reply]",
        "[sentence.reply]\nnames = ['nonsense']",
    ],
)
def test_a_structure_that_does_not_fit_is_refused(text: str) -> None:
    from orchestrator.letters.reading import structure

    whole = letters._shipped("sentences")
    broken = text if "[letter]" in text else whole.replace('[sentence.reply]\nnames = ["request_id"]', text)
    with pytest.raises(TemplateError):
        structure(broken)


def test_a_language_needs_a_file() -> None:
    with pytest.raises(TemplateError):
        read(letters.shape(), [Source("", "xx.toml")])


def test_the_page_for_authors_has_every_fact_claim_list_and_kind() -> None:
    page = DOCS.read_text(encoding="utf-8")
    missing = [one for one in (*FACTS, *CLAIMS, *LISTS, *LIST_KINDS) if f"`{one}`" not in page]
    assert missing == []
