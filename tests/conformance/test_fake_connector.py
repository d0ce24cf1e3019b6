"""The fake keeps every promise while no fault is scripted; the example of the suite's docstring runs as it stands."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import pytest

import connectors.testing.conformance as suite
from connectors.contract import Connector
from connectors.testing.conformance import ConnectorConformance
from connectors.testing.fake import Crash, FakeSystem
from connectors.testing.people import Person
from connectors.testing.runner import cases, run_case
from connectors.testing.stand import Seeded


class TestFakeConnector(ConnectorConformance):
    def start(self, folder: Path) -> None:
        self.system = FakeSystem()

    def seed(self, person: Person) -> Seeded:
        return self.system.seed(person)

    def connector(self, max_records: int | None = None) -> Callable[[], Connector]:
        return self.system.open if max_records is None else self.system.limited(max_records)

    def rows(self) -> Mapping[str, Sequence[str]]:
        return self.system.dump()

    def bad_settings(self) -> Iterable[Callable[[], object]]:
        yield lambda: FakeSystem(self.system.sets[1:]).open().check()

    def orphan(self, person: Person) -> bool:
        del self.system.rows["contacts"][f"{self.system.key(person)}/0"]
        return True

    def crash(self, work: Callable[[], object], point: int) -> None:
        self.system.fault("crash", "erase", times=1, after=point)
        try:
            work()
        except Crash:
            return
        assert point >= 6, "the six rows of the subject were not all there"


@pytest.mark.parametrize("case", cases())
def test_the_example_of_the_docstring_passes(case: str, tmp_path: Path) -> None:
    assert suite.__doc__ is not None
    block = re.search(r"::\n\n((?:    .*\n|\n)+)", suite.__doc__)
    assert block is not None
    code = textwrap.dedent(block[1])
    names: dict[str, type[ConnectorConformance]] = {}
    exec(compile(code, "example", "exec"), names)  # the example, as a reader copies it
    assert run_case(names["TestMyConnector"], case, tmp_path / "run") is None
