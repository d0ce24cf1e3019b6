"""Errors of a data map lead to the line that a person has to change."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.datamap import Location, RecordSet, load, read_toml
from connectors.errors import MisconfiguredError

MAP = """[[record_set]]
name = "contacts"   # anonymise = here is a comment
erase = "anonymise"
match.email = [{ field = "email" }]
personal = ["name", "phone"]
anonymise = { name = "erased", phone = "{null}" }

[[record_set]]
name = "invoices"

[record_set.retain]
mask = { name = "erased" }
"""


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("contacts",), 2),
        (("contacts", "erase"), 3),
        (("contacts", "match", "email"), 4),
        (("contacts", "personal", "phone"), 5),
        (("contacts", "anonymise", "name"), 6),
        (("contacts", "anonymise"), 3),
        (("invoices", "retain", "mask"), 12),
        (("invoices", "mask", "name"), 12),
        (("contacts", "nowhere", "phone"), 5),
        (("nowhere",), None),
    ],
)
def test_an_entry_is_found_by_the_words_that_lead_to_it(words: tuple[str, ...], line: int | None) -> None:
    assert Location(Path("map.toml"), MAP).line(*words) == line


@pytest.mark.parametrize(
    ("raw", "line", "said"),
    [
        (b'a = 1\nname = "crm\n', 2, "broken TOML"),
        (b"a = 1\n[limits\n", 2, "broken TOML"),
        (b"a = 1\na = 2\n", 2, "broken TOML"),
        (b'a = """\nno end\n', 2, "broken TOML"),
        (b"a = 1\nb = '\xff'\n", 2, "not UTF-8"),
        (b"a = 1\nb = '\x00'\n", 2, "broken TOML"),
    ],
)
def test_broken_toml_names_the_line_and_the_way_out(tmp_path: Path, raw: bytes, line: int, said: str) -> None:
    file = tmp_path / "map.toml"
    file.write_bytes(raw)
    with pytest.raises(MisconfiguredError) as caught:
        read_toml(file)
    assert caught.value.message.startswith(said)
    assert (caught.value.file, caught.value.line) == (str(file), line)
    assert caught.value.fix


@pytest.mark.parametrize(
    ("expire", "more", "said"),
    [
        ('text = "policy:x", months = 0', "", "months is not a period"),
        (
            'text = "policy:x", months = 12',
            'erase = "with_parent"\nparent = "people"',
            "lives and dies with its parent",
        ),
        (
            'text = "policy:x", months = 12',
            'retain = { why = "no_ground", text = "t", months = 6, anchor = "b" }',
            "anchor",
        ),
        (
            'text = "policy:x", months = 5',
            'retain = { why = "no_ground", text = "t", months = 6, anchor = "a" }',
            "ends before",
        ),
        ('text = "policy:x", month = 5', "", "month"),
    ],
)
def test_s15_a_promise_that_makes_no_sense_names_its_line(tmp_path: Path, expire: str, more: str, said: str) -> None:
    file = tmp_path / "map.toml"
    file.write_text(f'[[record_set]]\nname = "s"\n{more}\nexpire = {{ {expire}, anchor = "a" }}\n')
    with pytest.raises(MisconfiguredError) as caught:
        load(file, RecordSet)
    assert said in caught.value.message
    assert caught.value.line == (5 if "parent" in more else 4)
    assert caught.value.fix


def test_s15_a_promise_beside_a_reason_to_keep(tmp_path: Path) -> None:
    file = tmp_path / "map.toml"
    retain = 'retain = { why = "no_ground", text = "t", months = 6, anchor = "a" }'
    file.write_text(f'[[record_set]]\nname = "s"\n{retain}\nexpire = {{ text = "p", months = 6, anchor = "a" }}\n')
    (one,) = load(file, RecordSet).sets
    assert one.anchor == "a"
    assert RecordSet(name="x").anchor == ""


@pytest.mark.parametrize("name", ["people of Ann", "hr/disability", "ann@example.org", "", "two\\nlines", "x" * 129])
def test_i04_the_name_of_a_record_set_is_an_id(tmp_path: Path, name: str) -> None:
    file = tmp_path / "map.toml"
    file.write_text(f'[[record_set]]\nname = "{name}"\n')
    with pytest.raises(MisconfiguredError) as caught:
        load(file, RecordSet)
    assert "stands in signed records" in str(caught.value)
    assert "title" in caught.value.fix
    file.write_text('[[record_set]]\nname = "hr-7"\ntitle = "Disability"\n')
    assert load(file, RecordSet).sets[0].title == "Disability"


@pytest.mark.parametrize("text", ["policy:as Mr Smith said", "a@b", "", "fr:l123"])
@pytest.mark.parametrize("rule", ['retain = {{ why = "no_ground", text = "{}"', 'expire = {{ text = "{}"'])
def test_i07_a_period_rests_on_the_id_of_a_text(tmp_path: Path, rule: str, text: str) -> None:
    file = tmp_path / "map.toml"
    file.write_text(f'[[record_set]]\nname = "bills"\n{rule.format(text)}, months = 12, anchor = "day" }}\n')
    with pytest.raises(MisconfiguredError, match="is no id of a text") as caught:
        load(file, RecordSet)
    assert f"{file}:3" in str(caught.value)
