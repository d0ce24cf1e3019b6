"""Errors of a data map lead to the line that a person has to change."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.datamap import Location, read_toml
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
