"""I11: wherever a process dies, the next one brings the same work to the same end."""

from __future__ import annotations

import gc
import shutil
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from connectors.testing.people import OTHER, SUBJECT
from orchestrator.core.model import Phase
from schemas.outcomes import Outcome
from schemas.requests import Right
from tests.support.rig import Rig, Templates


class Killed(BaseException):
    """The process dies here."""


class Death:
    """Dies at the n-th statement, before or after it is carried out; COMMIT counts as one."""

    def __init__(self, rig: Rig, at: int, *, after: bool) -> None:
        self.left = at
        self._after = after
        self._open: list[sqlite3.Connection] = []
        engine = rig.store.engine
        engine.dispose()
        sa.event.listen(engine, "connect", lambda connection, _: self._open.append(connection))
        sa.event.listen(engine, "after_cursor_execute" if after else "before_cursor_execute", self._count)
        sa.event.listen(engine, "commit", self._count)

    def take_away(self) -> None:
        """What the operating system does with the connections of a dead process."""
        for one in self._open:
            one.close()
        gc.collect()  # cursors that the traceback held would keep a closed connection alive

    def _count(self, *_: object) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


def _begun(home: Path, templates: Templates) -> Rig:
    rig = Rig(home, templates)
    rig.seed(SUBJECT, OTHER)
    rig.submit("r1", email=SUBJECT.email)
    rig.submit("r2", Right.ACCESS, email=SUBJECT.email)
    rig.submit("r3", email=OTHER.email)
    return rig


def _end(rig: Rig) -> dict[str, object]:
    """Everything that may not depend on whether a process died on the way."""
    lines: dict[str, dict[str, Outcome]] = {}
    for name in ("r1", "r2", "r3"):
        state = rig.state(name)
        assert state.phase is Phase.CLOSED
        (record,) = rig.records(name)
        lines[name] = {f"{one.system}/{line.name}": line.outcome for one in record.systems for line in one.record_sets}
    return {
        "lines": {
            name: {place: (type(one).__name__, getattr(one, "count", 0)) for place, one in some.items()}
            for name, some in lines.items()
        },
        "outbox": rig.rows("outbox"),
        "waits": rig.rows("waits"),
        "dead": rig.dead(),
        "capsules": [row[0] for row in rig.rows("capsules")],
        "obligations": rig.rows("obligations"),
        "crm": rig.systems["crm"].dump(),
        "hr": rig.systems["hr"].dump(),
        "replay": rig.engine.audit(),
    }


def _confirm(rig: Rig) -> None:
    for name in rig.systems:
        tasks = rig.engine.next_tasks(name)
        rig.engine.confirm(rig.execute(name, tasks), tasks)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, templates: Templates) -> dict[str, object]:
    rig = _begun(tmp_path_factory.mktemp("undisturbed") / "home", templates)
    rig.pump()
    end = _end(rig)
    rig.close()
    return end


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize("stride", [17, pytest.param(2, marks=[pytest.mark.chaos, pytest.mark.slow])])
def test_i11_killed_between_any_two_statements_the_end_is_the_same(
    tmp_path: Path, templates: Templates, undisturbed: dict[str, object], turns: int, after: bool, stride: int
) -> None:
    """Every gap in the slow form; a sample, another one in each turn, in the quick one."""
    died = 0
    # Before one statement is after the one before it: with a stride of 2 both values of ``after`` are every gap.
    at = 1 if stride == 2 else 1 + 2 * turns + after
    while True:
        rig = _begun(tmp_path / str(at), templates)
        for _ in range(turns):
            rig.turn()
        if not turns:
            rig.engine.recall()
        death = Death(rig, at, after=after)
        try:
            rig.turn()
        except Killed:
            died += 1
        death.take_away()
        survived = death.left > 0
        rig.close()
        rig.reopen()
        rig.pump()
        assert _end(rig) == undisturbed, f"died at statement {at}"
        rig.close()
        shutil.rmtree(rig.home)
        if survived:
            break
        at += stride
    assert died >= 1


def test_i11_a_kill_between_the_key_and_the_package_or_before_it_is_noted(rig: Rig) -> None:
    rig.seed(SUBJECT)
    rig.submit("r1", Right.ACCESS, email=SUBJECT.email)
    while not rig.engine.next_packages():
        rig.engine.apply_waiting()
        _confirm(rig)
    key = rig.engine.package_key("r1")
    rig.close()
    rig.reopen()
    assert rig.engine.package_key("r1") == key, "durable before it is first used"
    ((_, job),) = rig.engine.next_packages()
    rig.engine.packaged("r1", job.job_id, "f" * 32 + ".package", "a" * 64)
    state = rig.state("r1")
    rig.engine.packaged("r1", job.job_id, "e" * 32 + ".package", "b" * 64)
    assert rig.state("r1") == state, "a second one for the same job does not count"
    assert rig.engine.packages_alive() == {"f" * 32 + ".package"}
    assert rig.engine.next_packages() == []


def test_i11_killed_while_a_system_erases_the_second_look_still_finds_the_truth(rig: Rig) -> None:
    from connectors.testing.fake_store import Crash

    rig.seed(SUBJECT)
    rig.submit("r1", email=SUBJECT.email)
    rig.systems["crm"].fault("crash", "erase", after=2)
    with pytest.raises(Crash):
        rig.pump()
    rig.close()
    rig.reopen()
    rig.pump()
    (record,) = rig.records("r1")
    found = {
        line.name: type(line.outcome).__name__
        for one in record.systems
        if one.system == "crm"
        for line in one.record_sets
    }
    assert found == {"contacts": "Deleted", "invoices": "Kept", "notes": "Deleted", "profiles": "Anonymised"}
