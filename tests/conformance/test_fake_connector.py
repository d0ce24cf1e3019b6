"""The fake keeps every promise while no fault is scripted; the example of the suite's docstring runs as it stands."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

import connectors.testing.conformance as suite
from connectors.testing.conformance import ConnectorConformance
from connectors.testing.fake_stand import FakeStand
from connectors.testing.runner import cases, run_case


class TestFakeConnector(FakeStand):
    pass


@pytest.mark.parametrize("case", cases())
def test_the_example_of_the_docstring_passes(case: str, tmp_path: Path) -> None:
    assert suite.__doc__ is not None
    block = re.search(r"::\n\n((?:    .*\n|\n)+)", suite.__doc__)
    assert block is not None
    code = textwrap.dedent(block[1])
    names: dict[str, type[ConnectorConformance]] = {}
    exec(compile(code, "example", "exec"), names)  # the example, as a reader copies it
    assert run_case(names["TestMyConnector"], case, tmp_path / "run") is None
