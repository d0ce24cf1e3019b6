"""Sweeps: pages that are asked for, once, at their pace; what they find opens one request, whatever dies when."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from connectors.errors import PermanentError, TransientError
from connectors.testing.canary import find_canaries
from connectors.testing.people import NEIGHBOURS, OTHER, SUBJECT
from orchestrator.core.discovery import BY_KEY
from orchestrator.core.model import Phase, RequestState, Retention
from orchestrator.core.plan import Plan
from orchestrator.engine import sweeps
from orchestrator.engine.sweeps import SweepPace, ask
from orchestrator.errors import UsageError
from orchestrator.ports import SweepRow
from schemas.outcomes import Deleted, Kept, Located
from schemas.requests import Right
from schemas.tasks import Action
from tests.support.rig import SETS, Rig, Templates
from tests.unit.engine.test_crashes import Death, Killed

PAGE = SweepPace(rows_per_second=10, page_rows=3, page_found=2)
PAST = "2016-03-01"
"""Ten years before the rig's day."""


def aged(rig: Rig, day: str | None = PAST, only: str = "") -> None:
    """Let the older invoice of everybody (or of one) be of this day."""
    for key, row in rig.systems["crm"].rows["invoices"].items():
        if key.endswith("/0") and (not only or row.cells["customer"] == only):
            row.cells["date"] = day


def sweeping(home: Path, templates: Templates, *people: Any, sets: Any = SETS) -> Rig:
    rig = Rig(home, templates, sets)
    rig.engine.pace = PAGE
    rig.seed(*(people or (SUBJECT, OTHER)))
    aged(rig)
    return rig


def row(rig: Rig) -> SweepRow:
    with rig.store.read() as tx:
        (one,) = tx.sweeps()
    return one


def swept(rig: Rig, turns: int = 60) -> SweepRow:
    """Work until the sweep has ended, and everything it found."""
    ask(rig.store, rig.plan)
    for _ in range(turns):
        rig.clock.move(seconds=1)
        if not rig.engine.turn_sweeps() + rig.turn() and row(rig).state not in sweeps.OPEN:
            return row(rig)
    raise AssertionError("the sweep does not come to an end")


def found_by(rig: Rig) -> list[RequestState]:
    with rig.store.read() as tx:
        states = [msgspec.msgpack.decode(state, type=RequestState) for _, state in tx.all_states()]
    return [one for one in states if one.retention is not None]


@pytest.fixture
def rig(tmp_path: Path, templates: Templates) -> Rig:
    return sweeping(tmp_path / "home", templates)


def test_what_is_past_opens_a_request_each_and_is_erased(rig: Rig) -> None:
    done = swept(rig)
    assert (done.state, done.scanned, done.past, done.opened, done.known, done.unclear) == ("done", 4, 2, 2, 0, 0)
    assert done.pages == 2
    assert done.up_to == PAST
    requests = found_by(rig)
    assert len(requests) == 2
    for one in requests:
        assert (one.phase, one.right) == (Phase.CLOSED, Right.ERASURE)
        assert one.retention == Retention("crm", "invoices", "2026-03-01")
        (record,) = rig.records(one.request_id)
        (line,) = record.systems[0].record_sets
        assert line.name == "invoices"
        assert isinstance(line.outcome, Kept)
        assert (line.outcome.erased, line.outcome.count, line.outcome.masked) == (1, 1, False)
    left = rig.systems["crm"].rows
    assert {row.cells["date"] for row in left["invoices"].values()} == {"2025-01-15"}
    assert all(row.cells["name"] != "masked" for row in left["invoices"].values())
    assert len(left["contacts"]) == 2
    assert rig.engine.audit() == []
    assert rig.rows("outbox") == []


def test_i04_nothing_of_it_is_in_clear(rig: Rig) -> None:
    swept(rig)
    rig.store.scrub()
    values = (*SUBJECT.values(), *OTHER.values())
    for file in rig.home.glob("expunge.db*"):
        assert not find_canaries(file.read_bytes(), values), file.name
    assert all(one.request_id[14] == "7" for one in found_by(rig)), "an id like any other"


def test_nothing_past_opens_nothing(rig: Rig) -> None:
    aged(rig, "2016-03-02")
    done = swept(rig)
    assert (done.state, done.past, done.opened, done.scanned) == ("done", 0, 0, 4)
    assert found_by(rig) == []
    rig.clock.move(days=1)
    assert swept(rig).opened == 2, "on the day itself"


def test_a_page_is_asked_for_when_the_rows_before_it_are_paid_for(rig: Rig) -> None:
    ask(rig.store, rig.plan)
    assert rig.engine.turn_sweeps() == 1
    began = rig.clock.now()
    assert rig.engine.turn_sweeps() == 0
    rig.turn()
    one = row(rig)
    assert (one.state, one.task_id, one.scanned) == ("running", "", 3)
    assert dt.datetime.fromisoformat(one.next_at) == began + dt.timedelta(seconds=0.3), "3 rows, 10 a second"
    assert rig.engine.turn_sweeps() == 0
    assert rig.engine.next_sweep() == one.next_at
    rig.clock.move(seconds=0.29)
    assert rig.engine.turn_sweeps() == 0
    rig.clock.move(seconds=0.01)
    assert rig.engine.turn_sweeps() == 1
    rig.turn()
    assert row(rig).state == "done"
    assert rig.engine.turn_sweeps() == 0
    assert rig.engine.next_sweep() is None


def test_an_answer_counts_once(rig: Rig) -> None:
    ask(rig.store, rig.plan)
    rig.engine.turn_sweeps()
    tasks = rig.engine.next_tasks("crm")
    answers = rig.execute("crm", tasks)
    assert rig.engine.confirm(answers, tasks) == 1
    before = row(rig)
    assert rig.engine.confirm(answers, tasks) == 0
    assert rig.engine.receive(answers) == 0
    assert row(rig) == before
    assert rig.dead() == []


def test_the_same_records_open_one_request_as_long_as_it_lives(rig: Rig) -> None:
    """A hold keeps them past their time: every sweep finds them, and none asks again."""
    from orchestrator.engine import holds

    order = holds.Order("legal", "litigation", "gdpr-17-3-e", "2099-01-01", ("crm/invoices",))
    held = holds.place(rig.store, rig.clock, rig.keys, rig.chance, order, ["crm", "hr"])
    assert swept(rig).opened == 2
    again = swept(rig)
    assert (again.run, again.past, again.opened, again.known) == (2, 2, 0, 2)
    assert len(found_by(rig)) == 2
    holds.release(rig.store, rig.clock, held.hold_id, "legal")
    rig.pump()
    assert swept(rig).past == 0
    for one in found_by(rig):
        assert len(rig.records(one.request_id)) == 2, "erased, with a second record"


def test_i14_what_comes_back_after_it_was_erased_opens_another(rig: Rig) -> None:
    rows = {key: dict(one.cells) for key, one in rig.systems["crm"].rows["invoices"].items()}
    for one in [key for key in rows if not key.endswith("/0")]:
        del rig.systems["crm"].rows["invoices"][one]
    assert swept(rig).opened == 2
    assert len(rig.systems["crm"].rows["invoices"]) == 0
    for key, cells in rows.items():  # a backup brings them back
        rig.systems["crm"].add("invoices", key, cells)
    again = swept(rig)
    assert (again.opened, again.known) == (2, 0)
    assert len(found_by(rig)) == 4
    assert {one.cells["date"] for one in rig.systems["crm"].rows["invoices"].values()} == {"2025-01-15"}


def test_i14_what_comes_back_after_the_evidence_was_deleted_opens_another_too(rig: Rig) -> None:
    rows = {key: dict(one.cells) for key, one in rig.systems["crm"].rows["invoices"].items() if key.endswith("/0")}
    for one in [key for key in rig.systems["crm"].rows["invoices"] if not key.endswith("/0")]:
        del rig.systems["crm"].rows["invoices"][one]
    assert swept(rig).opened == 2
    with rig.store.write() as tx:
        tx.retire([one.request_id for one in found_by(rig)], "2026-03-02T12:00:00.000Z")
    assert found_by(rig) == []
    for key, cells in rows.items():
        rig.systems["crm"].add("invoices", key, cells)
    assert swept(rig).opened == 2
    assert len(found_by(rig)) == 2
    assert {key for key in rig.systems["crm"].rows["invoices"] if key.endswith("/0")} == set()


def test_what_names_nobody_goes_by_its_key(rig: Rig) -> None:
    rig.systems["crm"].add("invoices", "anonymous", {"customer": None, "date": "2010-01-01", "name": "masked"})
    assert swept(rig).opened == 3
    (one,) = [each for each in found_by(rig) if each.retention and each.retention.since == "2020-01-01"]
    (record,) = rig.records(one.request_id)
    assert record.identifier_kinds == (BY_KEY,)
    assert isinstance(record.systems[0].record_sets[0].outcome, Deleted)
    assert "anonymous" not in rig.systems["crm"].rows["invoices"]


def test_i09_what_several_share_is_left_and_counted(tmp_path: Path, templates: Templates) -> None:
    """Found by nothing but an IP address: nobody can say whose it is."""
    from connectors.datamap import Match

    by_ip = tuple(
        msgspec.structs.replace(one, match={"ip": (Match("ip"),)}) if one.name == "invoices" else one for one in SETS
    )
    rig = sweeping(tmp_path / "home", templates, sets=by_ip)
    for key, one in rig.systems["crm"].rows["invoices"].items():
        one.cells["ip"] = "10.1.2.3" if key.endswith("/0") else None
    before = rig.systems["crm"].dump()
    done = swept(rig)
    assert (done.past, done.unclear, done.opened) == (2, 2, 0)
    assert rig.systems["crm"].dump() == before


def test_two_pages_of_one_person_erase_once(tmp_path: Path, templates: Templates) -> None:
    rig = sweeping(tmp_path / "home", templates, SUBJECT)
    rig.engine.pace = SweepPace(rows_per_second=10_000, page_rows=1, page_found=1)
    for one in rig.systems["crm"].rows["invoices"].values():
        one.cells["date"] = PAST if one.cells["date"] == PAST else "2015-01-01"
    assert swept(rig).opened == 2
    outcomes = sorted(rig.records(one.request_id)[0].result for one in found_by(rig))
    assert outcomes == ["fulfilled", "nothing_held"], "the second waits for the first"
    assert rig.systems["crm"].rows["invoices"] == {}


def test_an_access_of_the_same_person_goes_first(rig: Rig) -> None:
    rig.submit("copy", Right.ACCESS, customer_id=SUBJECT.customer_id)
    ask(rig.store, rig.plan)
    rig.engine.turn_sweeps()
    tasks = rig.engine.next_tasks("crm")
    rig.engine.confirm(rig.execute("crm", tasks), tasks)
    rig.engine.apply_waiting()
    waits = [one.waits_for for one in found_by(rig) if one.waits_for]
    assert waits == [("copy",)]


# --- what goes wrong


def test_a_period_that_rests_on_nothing_is_not_swept(rig: Rig) -> None:
    aged(rig)
    repealed = _with_text(rig.plan, "fr-decret-2011-219")
    rig.plan = repealed
    rig.reopen()
    done = swept(rig)
    assert (done.state, done.reason, done.scanned) == ("stopped", "text_repealed", 0)
    assert _notices(rig)[-1] == ("dpo", {"reason": "text_repealed", "system": "crm", "record_set": "invoices"})


def _with_text(plan: Plan, text: str) -> Plan:
    def changed(one: Any) -> Any:
        if one.retain is None:
            return one
        return msgspec.structs.replace(one, retain=msgspec.structs.replace(one.retain, text=text))

    systems = [msgspec.structs.replace(one, record_sets=tuple(map(changed, one.record_sets))) for one in plan.systems]
    return msgspec.structs.replace(plan, systems=tuple(systems))


def _notices(rig: Rig) -> list[tuple[str, dict[str, str]]]:
    with rig.store.read() as tx:
        bodies = tx.connection.execute(sa.text("SELECT body FROM notices ORDER BY notice_id")).scalars().all()
    data = [msgspec.json.decode(one)["data"] for one in bodies]
    return [(one["to"], one["facts"]) for one in data if one["kind"] == "sweep_stopped"]


def test_a_set_that_left_the_data_map_stops(rig: Rig) -> None:
    ask(rig.store, rig.plan)
    rig.plan = msgspec.structs.replace(rig.plan, systems=rig.plan.systems[1:])
    rig.reopen()
    rig.engine.turn_sweeps()
    assert (row(rig).state, row(rig).reason) == ("stopped", "no_period")


def test_a_connector_that_cannot_look_is_said(rig: Rig) -> None:
    rig.systems["crm"].fault("raise", "sweep", error=PermanentError("no_capability"))
    done = swept(rig)
    assert (done.state, done.reason) == ("stopped", "no_capability")
    assert _notices(rig)[-1][0] == "system-owner"


def test_a_system_that_is_away_is_asked_again_and_told_of(rig: Rig) -> None:
    rig.systems["crm"].fault("raise", "sweep", error=TransientError("away"), times=7)
    ask(rig.store, rig.plan)
    for _ in range(7):
        assert rig.engine.turn_sweeps() == 1
        rig.turn()
        assert (row(rig).state, row(rig).reason) == ("running", "away")
        assert rig.engine.turn_sweeps() == 0, "not at once"
        rig.clock.move(hours=5)
    assert _notices(rig) == [("system-owner", {"reason": "away", "system": "crm", "record_set": "invoices"})]
    done = swept(rig)
    assert (done.run, done.state, done.reason, done.failures, done.opened) == (1, "done", "", 0, 2)


def test_a_page_that_nobody_answers_is_asked_for_again(rig: Rig) -> None:
    ask(rig.store, rig.plan)
    rig.engine.turn_sweeps()
    (late,) = rig.engine.next_tasks("crm")
    rig.clock.move(minutes=59)
    assert rig.engine.turn_sweeps() == 0
    rig.clock.move(minutes=1)
    assert rig.engine.turn_sweeps() == 1
    (again,) = rig.engine.next_tasks("crm")
    assert again.task_id != late.task_id
    assert _notices(rig) == [("system-owner", {"reason": "no_answer", "system": "crm", "record_set": "invoices"})]
    assert rig.engine.confirm(rig.execute("crm", [late])) == 0, "the one that came too late"
    assert swept(rig).opened == 2


def test_an_answer_that_makes_no_sense_stops_it(rig: Rig) -> None:
    from schemas.codec import decode_confirmation, decode_event
    from schemas.wrapping import confirmation_event

    ask(rig.store, rig.plan)
    rig.engine.turn_sweeps()
    tasks = rig.engine.next_tasks("crm")
    key = rig.keys.system("crm")
    said = decode_confirmation(bytes(decode_event(rig.execute("crm", tasks)[0]).data))
    empty = msgspec.structs.replace(said, outcomes={"invoices": Located(1)}, sealed="")
    assert rig.engine.confirm([confirmation_event(empty, key)], tasks) == 1
    assert (row(rig).state, row(rig).reason) == ("stopped", "malformed_answer")
    assert found_by(rig) == []


def test_another_system_cannot_answer_a_page(rig: Rig) -> None:
    from schemas.codec import decode_confirmation, decode_event
    from schemas.wrapping import confirmation_event

    ask(rig.store, rig.plan)
    rig.engine.turn_sweeps()
    tasks = rig.engine.next_tasks("crm")
    said = decode_confirmation(bytes(decode_event(rig.execute("crm", tasks)[0]).data))
    forged = msgspec.structs.replace(said, system="hr", sealed="")
    rig.engine.confirm([confirmation_event(forged, rig.keys.system("hr"))])
    assert row(rig).task_id == tasks[0].task_id, "it is still waited for"
    assert rig.engine.next_tasks("crm") == tasks


def test_nobody_can_hand_in_a_request_of_this_kind_from_outside(rig: Rig) -> None:
    from orchestrator.engine.receiving import _OWN_SOURCES
    from orchestrator.engine.swept import SOURCE

    assert SOURCE in _OWN_SOURCES


# --- when


def test_the_schedule_sweeps_by_itself_and_a_day_later_again(rig: Rig) -> None:
    assert rig.engine.turn_sweeps() == 0, "nothing is swept unless somebody said so"
    rig.engine.pace = msgspec.structs.replace(PAGE, every_hours=24)
    rig.clock.move(seconds=1)
    assert rig.engine.turn_sweeps() == 1
    while row(rig).state == "running":
        rig.clock.move(seconds=1)
        rig.engine.turn_sweeps()
        rig.turn()
    assert (row(rig).run, row(rig).opened) == (1, 2)
    rig.clock.move(hours=23)
    assert rig.engine.turn_sweeps() == 0
    rig.clock.move(hours=1)
    assert rig.engine.turn_sweeps() == 1
    assert row(rig).run == 2


def test_one_that_runs_is_not_begun_again(rig: Rig) -> None:
    (first,) = ask(rig.store, rig.plan)
    assert (first.state, first.run) == ("requested", 1)
    rig.engine.turn_sweeps()
    (second,) = ask(rig.store, rig.plan, ["crm"])
    assert (second.state, second.run) == ("running", 1)


@pytest.mark.parametrize("systems", [["hr"], ["nothing"], ["crm", "hr"]])
def test_a_system_without_a_period_is_refused(rig: Rig, systems: list[str]) -> None:
    with pytest.raises(UsageError):
        ask(rig.store, rig.plan, systems)
    with rig.store.read() as tx:
        assert tx.sweeps() == []


def test_a_store_without_any_period_says_so(tmp_path: Path, templates: Templates) -> None:
    plain = tuple(one for one in SETS if one.retain is None)
    rig = Rig(tmp_path / "home", templates, plain)
    with pytest.raises(UsageError) as caught:
        ask(rig.store, rig.plan)
    assert "none" in (caught.value.fix or "")


# --- whatever dies when


def _end(rig: Rig) -> dict[str, Any]:
    requests = sorted(found_by(rig), key=lambda one: one.request_id)
    return {
        "requests": [(one.request_id, one.phase, one.result) for one in requests],
        "sweep": (row(rig).state, row(rig).scanned, row(rig).past, row(rig).opened + row(rig).known),
        "crm": rig.systems["crm"].dump(),
        "outbox": rig.rows("outbox"),
        "dead": rig.dead(),
        "replay": rig.engine.audit(),
    }


def _on(rig: Rig) -> None:
    """Work to the end of the sweep that was asked for."""
    rig.engine.pace = PAGE
    for _ in range(80):
        rig.clock.move(seconds=1)
        if not rig.engine.turn_sweeps() + rig.turn() and row(rig).state not in sweeps.OPEN:
            return
    raise AssertionError("the sweep does not come to an end")


@pytest.mark.parametrize("after", [False, True])
def test_i11_a_sweep_goes_on_wherever_its_process_dies(tmp_path: Path, templates: Templates, *, after: bool) -> None:
    whole = sweeping(tmp_path / "whole", templates, SUBJECT, OTHER, NEIGHBOURS[1])
    ask(whole.store, whole.plan)
    _on(whole)
    expected = _end(whole)
    whole.close()
    died, at = 0, 1
    while True:
        rig = sweeping(tmp_path / f"at-{at}", templates, SUBJECT, OTHER, NEIGHBOURS[1])
        ask(rig.store, rig.plan)
        death = Death(rig, at, after=after)
        try:
            _on(rig)
        except Killed:
            died += 1
        death.take_away()
        survived = death.left > 0
        rig.close()
        rig.reopen()
        _on(rig)
        assert _end(rig) == expected, f"died at statement {at}"
        rig.close()
        shutil.rmtree(rig.home)
        if survived:
            break
        at += 7
    assert died > 5


def test_an_unknown_action_of_an_older_worker_is_noticed(rig: Rig) -> None:
    """It answers nothing: the page is asked for again, and its owner called; never silence."""
    ask(rig.store, rig.plan)
    rig.engine.turn_sweeps()
    (task,) = rig.engine.next_tasks("crm")
    assert task.action is Action.SWEEP
    rig.clock.move(hours=2)
    rig.engine.turn_sweeps()
    assert row(rig).reason == "no_answer"
