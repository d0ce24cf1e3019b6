"""`expunge policy diff`: past requests under another policy or data map, on the real command line (issue 6)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import REQUEST, CommandLine


@pytest.fixture
def erased(expunge: CommandLine) -> CommandLine:
    expunge.submit()
    expunge.is_done()
    return expunge


def other_map(expunge: CommandLine, old: str, new: str) -> str:
    """Write a data map of the crm in which one thing is different; gives ``--map``'s value."""
    text = (expunge.home / "maps" / "crm.toml").read_text()
    assert text.count(old) == 1
    file = expunge.company.root / "crm-new.toml"
    file.write_text(text.replace(old, new))
    return f"crm={file}"


def test_a_data_map_against_itself_changes_nothing(erased: CommandLine) -> None:
    rows = erased.rows()
    found = erased.json("policy", "diff", "--map", f"crm={erased.home / 'maps' / 'crm.toml'}")
    assert (found["requests"], found["differences"]) == (1, [])
    assert erased.rows() == rows


def test_another_period_is_told_with_both_dates(erased: CommandLine) -> None:
    changed = other_map(erased, "months = 120", "months = 72")
    assert erased("policy", "diff", "--map", changed) == 1
    said = erased.out
    assert REQUEST in said
    assert "crm/invoices" in said
    found: list[dict[str, Any]] = json.loads((erased("policy", "diff", "--map", changed, "-o", "json"), erased.out)[1])[
        "differences"
    ]
    assert {one["place"] for one in found} == {"crm/invoices", "crm/invoice_lines"}
    assert all(one["before"]["until"] > one["after"]["until"] for one in found if "until" in one["before"])
    assert erased.json("policy", "diff", "--map", changed, "--since", "2099-01-01")["differences"] == []


def test_a_repealed_text_is_named_where_it_was_used(erased: CommandLine) -> None:
    changed = other_map(erased, 'text = "fr-ccom-l123-22"', 'text = "fr-decret-2011-219"')
    found = erased.json("policy", "diff", "--map", changed)["differences"]
    assert {one["place"]: one["after"].get("waits_for") for one in found}["crm/invoices"] == "text_repealed"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "nothing to try"),
        (("--map", "crm"), "names no file"),
        (("--map", "crmm=x.toml"), "there is no system crmm"),
        (("--map", "crm=nothing.toml"), "cannot be read"),
        (("nothing.toml",), "cannot be read"),
    ],
)
def test_what_cannot_be_tried_is_refused(erased: CommandLine, arguments: tuple[str, ...], says: str) -> None:
    assert erased("policy", "diff", *arguments) == 2
    assert says in erased.err
    assert "Traceback" not in erased.err


def test_a_policy_file_is_tried_with_file_and_line_of_what_is_wrong(erased: CommandLine, tmp_path: Path) -> None:
    broken = tmp_path / "policy.toml"
    broken.write_text("[policy]\ntitle = \n")
    assert erased("policy", "diff", str(broken)) == 2
    assert "policy.toml:2" in erased.err
