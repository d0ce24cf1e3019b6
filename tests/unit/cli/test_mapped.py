"""What the data maps that are here name: read without a connector, and silent where there is nothing to read."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator import settings as configuration
from orchestrator.cli.mapped import Mapped
from schemas.errors import SchemaError
from schemas.identifiers import Identifier
from schemas.requests import RequestForm, Right

MAP = """version = 1
[[record_set]]
name = "contacts"
match = { email = [{ field = "email" }] }
yields = { phone = [{ field = "phone" }] }
personal = ["name"]
rectify = ["city"]
provided = ["nick"]
"""


def _mapped(home: Path, text: str | None) -> Mapped:
    (home / "expunge.toml").write_text('version = 1\n[systems.crm]\nconnector = "sql"\nmap = "crm.toml"\n')
    if text is not None:
        (home / "crm.toml").write_text(text)
    return Mapped(configuration.load(home))


def _correcting(place: str, field: str) -> RequestForm:
    who = (Identifier("email", "ada@home.example"),)
    return RequestForm(Right.RECTIFICATION, who, corrections={place: {field: "x"}})


@pytest.mark.parametrize("field", ["email", "phone", "name", "city", "nick"])
def test_every_field_that_a_map_names_may_be_corrected(tmp_path: Path, field: str) -> None:
    mapped = _mapped(tmp_path, MAP)
    mapped.check(_correcting("crm/contacts", field))
    assert mapped.places() == ["crm", "crm/contacts"]


@pytest.mark.parametrize(
    ("place", "field", "rule", "where", "fix"),
    [
        ("crm/contacts", "nmae", "field", '$.corrections["crm/contacts"]["nmae"]', "did you mean 'name'?"),
        ("crm/contacts", "zzz", "field", '$.corrections["crm/contacts"]["zzz"]', "known: city, email, name, "),
        ("crm/contact", "name", "record_set", '$.corrections["crm/contact"]', "did you mean 'crm/contacts'?"),
        ("hr/contacts", "name", "system", '$.corrections["hr/contacts"]', "known: crm"),
    ],
)
def test_what_is_not_named_is_told_with_the_nearest_name(
    tmp_path: Path, place: str, field: str, rule: str, where: str, fix: str
) -> None:
    with pytest.raises(SchemaError) as caught:
        _mapped(tmp_path, MAP).check(_correcting(place, field))
    assert (caught.value.rule, caught.value.where) == (f"request.corrections.{rule}", where)
    assert caught.value.fix.startswith(fix)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "broken [",
        "version = 1\n",
        'record_set = "x"\n',
        "record_set = [1]\n",
        "[[record_set]]\nname = 1\n",
    ],
)
def test_where_there_is_nothing_to_read_nothing_is_refused(tmp_path: Path, text: str | None) -> None:
    mapped = _mapped(tmp_path, text)
    mapped.check(_correcting("crm/anything", "anything"))
    assert mapped.places() == ["crm"]


def test_a_map_of_strange_shape_is_left_to_its_connector(tmp_path: Path) -> None:
    text = '[[record_set]]\nname = "a"\npersonal = "x"\nmatch = 1\nyields = { email = ["x"] }\nrectify = [1]\n'
    _mapped(tmp_path, text).check(_correcting("crm/a", "x"))
