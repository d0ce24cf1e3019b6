"""Regressions of the core that the engine's tests brought to light."""

from __future__ import annotations

from connectors.testing.people import SUBJECT
from orchestrator.core import answers, machine
from orchestrator.core.events import Incident, PackageAssembled, TimerFired
from orchestrator.core.model import Phase, Timer
from orchestrator.core.work import Work, copy_of
from schemas.requests import Right, utc
from tests.support.rig import Rig


def _incident(rig: Rig, reason: str) -> Incident:
    return Incident(request_id="r1", observed_at=utc(rig.clock.now()), reason=reason)


def test_two_reasons_between_two_timers_are_two_notices(rig: Rig) -> None:
    rig.submit("r1", email=SUBJECT.email)
    rig.engine.apply_waiting()
    first = machine.step(rig.plan, rig.state("r1"), _incident(rig, "contradictory_answer"))
    second = machine.step(rig.plan, first.state, _incident(rig, "internal_error"))
    ids = [one.notice_id for step in (first, second) for one in step.effects if hasattr(one, "notice_id")]
    assert len(ids) == len(set(ids)) == 2


def test_what_is_owed_while_an_episode_runs_uses_its_timer_up(rig: Rig) -> None:
    # An ignored firing would leave the timer due: fired again at every turn, for ever.
    rig.seed(SUBJECT)
    rig.submit("r1", email=SUBJECT.email)
    rig.pump()
    work = Work(rig.plan, copy_of(rig.state("r1")), utc(rig.clock.now()))
    answers.reopen(work, ("crm",))
    work.state.timers["owed"] = Timer(work.now, 99)
    fired = TimerFired(request_id="r1", observed_at=work.now, name="owed", generation=99)
    step = machine.step(rig.plan, work.state, fired)
    assert not step.ignored
    assert "owed" not in step.state.timers


def test_a_package_of_an_earlier_job_does_not_count(rig: Rig) -> None:
    rig.seed(SUBJECT)
    rig.submit("r1", Right.ACCESS, email=SUBJECT.email)
    while not rig.engine.next_packages():
        rig.engine.apply_waiting()
        for name in rig.systems:
            rig.engine.confirm(rig.execute(name, rig.engine.next_tasks(name)))
    state = rig.state("r1")
    assert state.phase is Phase.REVIEWING
    now = utc(rig.clock.now())
    work = Work(rig.plan, copy_of(state), now)
    answers.back_to_discovery(work)
    assert work.state.package_job == ""
    stale = PackageAssembled(request_id="r1", observed_at=now, job_id="another", file="f", sha256="s")
    assert machine.step(rig.plan, state, stale).ignored == "the package is not awaited"
    right = PackageAssembled(request_id="r1", observed_at=now, job_id=state.package_job, file="f", sha256="s")
    assert machine.step(rig.plan, state, right).state.phase is Phase.CLOSED
