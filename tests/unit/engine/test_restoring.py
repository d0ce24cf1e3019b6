"""Who is told that a system was restored, and whom nothing finds any more (I14)."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from connectors.testing.people import SUBJECT
from orchestrator.core.commands import RequestWithdrawn
from orchestrator.core.model import Phase, RequestState
from orchestrator.engine import commands, restoring, stored
from orchestrator.engine.restoring import Told
from tests.support.rig import PLAIN, Rig, Templates

BEFORE, AFTER = "2026-02-01T00:00:00Z", "2026-03-01T12:00:00Z"


def restored(rig: Rig, snapshot: str = BEFORE, system: str = "crm") -> Told:
    return restoring.restored(rig.store, rig.clock, system, snapshot, "dpo", ["crm", "hr"])


def rewritten(rig: Rig, state: RequestState) -> None:
    with rig.store.write() as tx:
        tx.save_states([stored.row(state, state.next_timer())])


@pytest.fixture
def backed(tmp_path: Path, templates: Templates) -> Rig:
    """An erasure is closed, and backups hold what it erased."""
    sets = [msgspec.structs.replace(one, backups_kept_days=90) for one in PLAIN]
    rig = Rig(tmp_path / "backed", templates, sets)
    rig.seed(SUBJECT)
    rig.submit("r1", email=SUBJECT.email)
    rig.pump()
    return rig


def test_i14_who_was_erased_since_is_told_and_looks_again(backed: Rig) -> None:
    assert (restored(backed, AFTER).requests, restored(backed, AFTER).lost) == (0, ())
    assert restored(backed).requests == 1
    backed.engine.apply_waiting()
    backed.clock.move(seconds=1)
    assert backed.state("r1").phase is Phase.DISCOVERING
    assert restored(backed, AFTER).requests == 1, "one that runs is told, whatever it has done"
    backed.close()


def test_i14_only_those_are_counted_that_look_again(backed: Rig) -> None:
    backed.submit("r2", email=SUBJECT.email)
    backed.engine.apply_waiting()
    commands.give(backed.store, backed.clock, RequestWithdrawn(request_id="r2", observed_at="", role="dpo"))
    backed.pump()
    assert backed.state("r2").result == "withdrawn"
    assert restored(backed).requests == 1, "who withdrew a request is not looked for by it"
    backed.close()


def test_i14_an_erasure_from_before_it_was_noted_is_named_if_it_may_be_newer(
    tmp_path: Path, templates: Templates
) -> None:
    rig = Rig(tmp_path / "plain", templates, PLAIN)
    rig.seed(SUBJECT)
    rig.submit("r1", email=SUBJECT.email)
    rig.submit("r2", email="nobody@example.org")
    rig.pump()
    assert rig.state("r1").forgotten
    assert restored(rig).lost == ("r1",)
    assert restored(rig, AFTER).lost == ()
    rewritten(rig, msgspec.structs.replace(rig.state("r1"), erased={}))
    assert restored(rig).lost == ("r1",)
    assert restored(rig, AFTER).lost == ()
    rewritten(rig, msgspec.structs.replace(rig.state("r1"), scope=("hr",)))
    assert restored(rig).lost == ()
    rig.close()
