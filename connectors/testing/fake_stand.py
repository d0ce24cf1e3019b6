"""The suite over the fake: a stand to derive broken ones from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from connectors.contract import Connector
from connectors.testing.conformance import ConnectorConformance
from connectors.testing.fake import Crash, FakeSystem
from connectors.testing.people import Person
from connectors.testing.stand import Seeded
from schemas.tasks import FieldValue


class FakeStand(ConnectorConformance):
    """Healthy. ``system_type`` may be another one."""

    system_type: type[FakeSystem] = FakeSystem

    def start(self, folder: Path) -> None:  # noqa: ARG002 - in memory
        self.system = self.system_type()

    def seed(self, person: Person) -> Seeded:
        return self.system.seed(person)

    def connector(self, max_records: int | None = None) -> Callable[[], Connector]:
        return self.system.open if max_records is None else self.system.limited(max_records)

    def rows(self) -> Mapping[str, Sequence[str]]:
        return self.system.dump()

    def bad_settings(self) -> Iterable[Callable[[], object]]:
        yield lambda: self.system_type(self.system.sets[1:]).open().check()

    def orphan(self, person: Person) -> bool:
        del self.system.rows["contacts"][f"{self.system.key(person)}/0"]
        return True

    def crash(self, work: Callable[[], object], point: int) -> None:
        self.system.fault("crash", times=1, after=point)
        try:
            work()
        except Crash:
            return
        assert self.changing or point >= 6, "the six rows of the subject were not all there"
        self.system.faults.clear()

    def corrections(self) -> Mapping[str, Mapping[str, FieldValue]]:
        return {
            "contacts": {"name": "Corrected-Kanary Name", "email": "corrected@kanary-example.org"},
            "profiles": {"name": None},
        }
