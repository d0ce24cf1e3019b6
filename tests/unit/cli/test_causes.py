"""Every code that a connector of ours ends with for good has an explanation, and no other code has one."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator.cli.causes import CAUSES, cause

CONNECTORS = Path(__file__).parents[3] / "connectors"
INTERNAL = {
    "export_row",
    "key_type",
    "no_instruction",
    "no_period",
    "parquet_rewrite",
    "record_sets",
    "unknown_format",
    "unknown_record_set",
}
"""What only a mistake in a connector gives; there is nothing that its owner could mend."""


def test_each_code_of_ours_is_explained() -> None:
    text = "".join(one.read_text() for one in CONNECTORS.rglob("*.py") if "testing" not in one.parts)
    codes = set(re.findall(r'PermanentError\(\s*"([a-z_]+)"', text))
    assert codes - INTERNAL <= CAUSES.keys()
    known = set(re.findall(r'"([a-z_]+)"', text))
    assert CAUSES.keys() <= known, "explained, and given by nobody"


def test_an_unknown_code_says_nothing_more() -> None:
    assert cause("ZeroDivisionError") == ""
