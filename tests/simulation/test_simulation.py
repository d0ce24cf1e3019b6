"""A year in seconds: no deadline is missed in silence, nothing that was kept is forgotten; and the judge can say no."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from schemas.tasks import Task
from tests.simulation.__main__ import shard
from tests.simulation.company import DEAD, Systems, plan_of
from tests.simulation.run import Simulation

pytestmark = [pytest.mark.timeout(300)]


def test_i06_i08_no_deadline_is_missed_in_silence_and_what_is_kept_has_its_end(tmp_path: Path) -> None:
    found = shard(str(tmp_path), 3, 250, DEAD[1] + 20, 60, True)
    assert found["wrong"] == []
    assert found["closed"] + found["open, and somebody's"] == 250
    # The test is about something: systems were late, people were called, records were kept, another plan differs.
    assert found["answered late, called before"] > 0
    assert found["called"]["deadline_near"] > 0
    assert found["kept still"] > 0
    assert found["what if"]["a period of five years"] > 0
    assert found["refused commands"] == {}


def test_a_deadline_that_nobody_is_warned_of_is_seen(tmp_path: Path) -> None:
    silent = plan_of(warn_days_before_due=-400, silent_minutes=10**6, recipient_margin_days=-400)
    one = Simulation(tmp_path, 3, 120, DEAD[1], 30, silent)
    one.run()
    assert any("nobody was called" in text for text in one.judge.wrong)


def test_records_that_are_said_to_be_erased_and_are_there_are_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Systems.answer

    def lies(self: Systems, person: str, task: Task, now: dt.datetime) -> Any:
        before = {place: list(anchors) for place, anchors in self.records.items()}
        told = honest(self, person, task, now)
        if task.system == "legacy":
            self.records = before
        return told

    monkeypatch.setattr(Systems, "answer", lies)
    one = Simulation(tmp_path, 3, 40, 20, 60)
    one.run()
    assert any("said to be erased, and legacy/notes holds" in text for text in one.judge.wrong)
