"""Records that are changed and stay: what ``execute`` makes of it, whatever the connector does or says (I1, I4, I9)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from connectors.changes import Capability, Change, ChangeReport, Standing
from connectors.contract import ChangeOrder, Connector
from connectors.errors import MisconfiguredError, PermanentError, TransientError
from connectors.exports import ExportSink, read_export
from connectors.jobs import Job, opened
from connectors.testing.canary import find_canaries
from connectors.testing.desk import NOW, Answer, Desk
from connectors.testing.fake import DEFAULT_SETS, FakeConnector, FakeSystem
from connectors.testing.people import OTHER, STRANGER, SUBJECT
from connectors.testing.stand import listening
from connectors.testing.wrapper import Wrapper
from connectors.verdict import Changed, judge_change
from schemas.codec import encode
from schemas.outcomes import (
    Exported,
    Failed,
    FailureKind,
    Lifted,
    NothingHeld,
    Outcome,
    Rectified,
    Restricted,
    Stopped,
    Survived,
    Unverifiable,
    is_final,
)
from schemas.requests import utc
from schemas.tasks import CHANGES, Action, FieldValue, Instruction, Secret

AT = utc(NOW)
WHO = {"email": SUBJECT.email, "customer_id": SUBJECT.customer_id}
RIGHT: dict[str, dict[str, FieldValue]] = {"contacts": {"name": "Quillan Rectified-Name"}}
NO_CAPABILITY = Failed(FailureKind.PERMANENT, "no_capability")
DONE: dict[Action, Outcome] = {
    Action.RECTIFY: Rectified(1, AT),
    Action.RESTRICT: Restricted(1, AT),
    Action.LIFT: Lifted(1, AT),
    Action.STOP: Stopped(("marketing",), 1, AT),
}
UNDONE = {
    Action.RECTIFY: "not_rectified",
    Action.RESTRICT: "not_restricted",
    Action.LIFT: "still_restricted",
    Action.STOP: "not_stopped",
}
ACTIONS = list(DONE)


@pytest.fixture
def system() -> FakeSystem:
    made = FakeSystem()
    for one in (SUBJECT, OTHER):
        made.seed(one)
    return made


@pytest.fixture
def desk(system: FakeSystem) -> Desk:
    return Desk(system.open)


def ordered(desk: Desk, action: Action, handle: str = "", who: dict[str, str] | None = None, **more: Any) -> Answer:
    """Order a change of the contacts."""
    given: dict[str, Any] = {
        "corrections": RIGHT if action is Action.RECTIFY else {},
        "purposes": ["marketing"] if action is Action.STOP else [],
        "record_sets": [] if action is Action.RECTIFY else ["contacts"],
    }
    return desk.run([desk.task(action, who or WHO, handle=handle, **given | more)])[0]


def contact(system: FakeSystem, person: Any = SUBJECT) -> dict[str, Any]:
    return system.rows["contacts"][f"{system.key(person)}/0"].cells


@pytest.mark.parametrize("action", ACTIONS)
def test_it_is_done_seen_on_another_connection_and_told(system: FakeSystem, desk: Desk, action: Action) -> None:
    if action is Action.LIFT:
        ordered(desk, Action.RESTRICT)
    opened_before = system.opened
    answer = ordered(desk, action)
    assert answer.outcomes == {"contacts": DONE[action]}
    assert system.opened == system.closed == opened_before + 2
    cells = contact(system)
    assert cells["name"] == (RIGHT["contacts"]["name"] if action is Action.RECTIFY else SUBJECT.name)
    assert cells["restricted"] is (action is Action.RESTRICT)
    assert cells["marketing"] == ("no" if action is Action.STOP else "yes")
    assert contact(system, OTHER)["name"] == OTHER.name
    assert len(desk.keys(answer)["contacts"]) == 1


@pytest.mark.parametrize("action", ACTIONS)
def test_again_it_is_the_same(system: FakeSystem, desk: Desk, action: Action) -> None:
    ordered(desk, action)
    between = system.dump()
    assert ordered(desk, action).outcomes == {"contacts": DONE[action]}
    assert system.dump() == between


@pytest.mark.parametrize("action", ACTIONS)
def test_nothing_is_held_of_a_stranger(system: FakeSystem, desk: Desk, action: Action) -> None:
    before = system.dump()
    answer = ordered(desk, action, who={"email": STRANGER.email})
    assert answer.outcomes == {"contacts": NothingHeld()}
    assert system.dump() == before


def test_without_record_sets_all_of_them_are_meant(desk: Desk) -> None:
    outcomes = ordered(desk, Action.RESTRICT, record_sets=[]).outcomes
    assert outcomes == {
        "contacts": Restricted(1, AT), "invoices": Restricted(2, AT), "notes": NO_CAPABILITY, "profiles": NO_CAPABILITY,
    }  # fmt: skip


def test_where_nothing_is_held_nobody_has_to_do_anything(desk: Desk) -> None:
    outcomes = ordered(desk, Action.RESTRICT, who={"customer_id": STRANGER.customer_id}, record_sets=[]).outcomes
    assert set(outcomes.values()) == {NothingHeld()}


def test_a_record_set_that_is_not_there_is_not_fine(desk: Desk) -> None:
    outcomes = ordered(desk, Action.RESTRICT, record_sets=["contacts", "letters"]).outcomes
    assert outcomes == {"contacts": Restricted(1, AT), "letters": Unverifiable("unknown_record_set")}


@pytest.mark.parametrize("action", ACTIONS)
def test_a_connector_without_the_capability_says_so_and_is_not_asked(system: FakeSystem, action: Action) -> None:
    class Plain(Wrapper):
        @property
        def capabilities(self) -> frozenset[Capability]:
            return frozenset()

    before = system.dump()
    assert ordered(Desk(lambda: Plain(system.open())), action).outcomes == {"contacts": NO_CAPABILITY}
    assert {name for name, _ in system.calls} == {"record_sets", "locate"}
    assert system.dump() == before


def test_capabilities_are_the_methods_that_a_class_overrides(system: FakeSystem) -> None:
    class Bare(Connector):
        record_sets = check = locate = erase = present = export = Wrapper.__dict__["locate"]

    class Restricts(Bare):
        restrict = lift = FakeConnector.restrict

    assert Bare.__new__(Bare).capabilities == frozenset()
    assert Restricts.__new__(Restricts).capabilities == {Capability.RESTRICT, Capability.LIFT}
    assert system.open().capabilities == frozenset(Capability)
    for name in (*Capability, "inspect"):
        arguments: tuple[Any, ...] = ([],) if name != "inspect" else (Capability.STOP, [])
        with pytest.raises(PermanentError, match="no_capability"):
            getattr(Bare.__new__(Bare), name)(*arguments)


def test_all_purposes_that_can_be_stopped_are_and_the_rest_is_left_to_a_person(system: FakeSystem, desk: Desk) -> None:
    outcomes = ordered(desk, Action.STOP, purposes=["marketing", "research"]).outcomes
    assert outcomes == {"contacts": NO_CAPABILITY}
    assert contact(system)["marketing"] == "no"
    both = ordered(desk, Action.STOP, purposes=["marketing", "profiling", "marketing"]).outcomes
    assert both == {"contacts": Stopped(("marketing", "profiling"), 1, AT)}
    assert contact(system)["profiling"] is None


def test_corrections_of_what_cannot_be_corrected_leave_the_others_alone(system: FakeSystem, desk: Desk) -> None:
    outcomes = ordered(desk, Action.RECTIFY, corrections=RIGHT | {"invoices": {"name": "X"}}).outcomes
    assert outcomes == {"contacts": Rectified(1, AT), "invoices": NO_CAPABILITY}
    assert contact(system)["name"] == RIGHT["contacts"]["name"]


@pytest.mark.parametrize(
    ("action", "more", "code"),
    [
        (Action.RECTIFY, {"corrections": {"contacts": {"name": "Right", "nom": "X"}}}, "unknown_field"),
        (Action.RECTIFY, {"corrections": RIGHT | {"profiles": {"email": "x@y.example"}}}, "unknown_field"),
        (Action.RECTIFY, {"corrections": {}}, "no_correction"),
        (Action.RECTIFY, {"corrections": {"contacts": {}}}, "no_correction"),
        # Nothing to correct in one of them: every record of it would pass for corrected.
        (Action.RECTIFY, {"corrections": RIGHT | {"profiles": {}}}, "no_correction"),
        (Action.STOP, {"purposes": []}, "no_purpose"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_as_a_whole(
    system: FakeSystem, desk: Desk, action: Action, more: dict[str, Any], code: str
) -> None:
    before = system.dump()
    outcomes = ordered(desk, action, **more).outcomes
    assert set(outcomes.values()) == {Failed(FailureKind.PERMANENT, code)}
    assert system.dump() == before
    assert not {str(one) for one in Action} & {name for name, _ in system.calls}


@pytest.mark.parametrize("action", ACTIONS)
def test_an_order_whose_lease_is_over_is_refused(system: FakeSystem, desk: Desk, action: Action) -> None:
    before = system.dump()
    late = utc(NOW - dt.timedelta(seconds=1))
    assert ordered(desk, action, not_after=late).outcomes == {
        "contacts": Failed(FailureKind.TRANSIENT, "lease_expired")
    }
    assert ordered(desk, action, not_after="soon").outcomes == {
        "contacts": Failed(FailureKind.PERMANENT, "malformed_task")
    }
    assert system.dump() == before


@pytest.mark.parametrize("action", ACTIONS)
def test_a_worker_that_wakes_after_its_lease_does_nothing(system: FakeSystem, desk: Desk, action: Action) -> None:
    class Sleeps(Wrapper):
        @property
        def capabilities(self) -> frozenset[Capability]:
            desk.now = NOW + dt.timedelta(hours=2)
            return super().capabilities

    before = system.dump()
    desk.open_connector = lambda: Sleeps(system.open())
    # The lease is looked at before and after: here it ends in between.
    answer = ordered(desk, action)
    assert answer.outcomes == {"contacts": Failed(FailureKind.TRANSIENT, "lease_expired")}
    assert system.dump() == before


@pytest.mark.parametrize("action", ACTIONS)
def test_i09_too_many_records_stop_it(system: FakeSystem, action: Action) -> None:
    before = system.dump()
    handle = ordered(Desk(system.open), Action.LIFT).handle
    for used in ("", handle):
        outcomes = ordered(Desk(system.limited(0)), action, used).outcomes
        assert outcomes == {"contacts": Failed(FailureKind.PERMANENT, "max_records")}
    assert system.dump() == before


@pytest.mark.parametrize("action", [Action.RECTIFY, Action.RESTRICT, Action.STOP])
@pytest.mark.parametrize("kind", ["lie", "keep_row"])
def test_i01_said_and_not_done_is_never_final(system: FakeSystem, desk: Desk, action: Action, kind: Any) -> None:
    system.fault(kind, action.value)
    assert ordered(desk, action).outcomes == {"contacts": Survived(1, UNDONE[action])}


def test_i01_a_restriction_that_stays_is_not_lifted(system: FakeSystem, desk: Desk) -> None:
    ordered(desk, Action.RESTRICT)
    system.fault("lie", "lift")
    assert ordered(desk, Action.LIFT).outcomes == {"contacts": Survived(1, "still_restricted")}


@pytest.mark.parametrize("action", ACTIONS)
def test_i01_a_record_that_the_connector_passed_over_is_found(system: FakeSystem, action: Action) -> None:
    class Overlooks(FakeConnector):
        def _change_for(self, capability: Capability, order: ChangeOrder) -> dict[str, ChangeReport]:
            return {name: ChangeReport() for name in order.changes}

    ordered(Desk(system.open), Action.RESTRICT)
    outcomes = ordered(Desk(lambda: Overlooks(system)), action).outcomes
    # What was so before may be called done; what was not may not.
    assert outcomes == {"contacts": DONE[action] if action is Action.RESTRICT else Survived(1, UNDONE[action])}


@pytest.mark.parametrize("action", ACTIONS)
def test_i01_a_change_that_loses_the_record_is_none(system: FakeSystem, action: Action) -> None:
    class Loses(FakeConnector):
        def _write(self, one: Any, keys: Any, capability: Any, change: Any, values: Any) -> None:
            for key in list(self._system.rows[one.name]):
                if key.startswith(system.key(SUBJECT)):
                    del self._system.rows[one.name][key]

    outcomes = ordered(Desk(lambda: Loses(system)), action).outcomes
    assert outcomes == {"contacts": Unverifiable("changed_is_gone")}


@pytest.mark.parametrize("action", ACTIONS)
def test_i01_a_second_look_on_the_same_connector_does_not_count(system: FakeSystem, action: Action) -> None:
    only = system.open()
    answer = ordered(Desk(lambda: only), action)
    assert answer.outcomes == {"contacts": Unverifiable("not_a_fresh_connection")}
    assert answer.handle


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("method", ["locate", "inspect"])
@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ValueError(SUBJECT.email), Unverifiable("second_look_failed")),
        (TransientError("busy"), Failed(FailureKind.TRANSIENT, "busy")),
        (MisconfiguredError("table"), Failed(FailureKind.MISCONFIGURED, "table")),
    ],
)
def test_i01_a_second_look_that_fails(
    system: FakeSystem, desk: Desk, action: Action, method: Any, error: Exception, outcome: Outcome
) -> None:
    handle = desk.locate(WHO).handle
    system.fault("raise", method, error=error)
    answer = ordered(desk, action, handle)
    assert answer.outcomes == {"contacts": outcome}
    assert desk.keys(answer)["contacts"]


@pytest.mark.parametrize("kind", ["no_answer", "answer_twice", "wrong_task", "malformed"])
@pytest.mark.parametrize("inspect", [True, False])
@pytest.mark.parametrize("action", ACTIONS)
def test_i01_an_answer_that_is_none_is_never_final(
    system: FakeSystem, desk: Desk, action: Action, kind: Any, inspect: bool
) -> None:
    method: Any = "inspect" if inspect else action.value
    system.fault(kind, method)
    (outcome,) = ordered(desk, action).outcomes.values()
    assert isinstance(outcome, Unverifiable)


def test_one_failing_subject_does_not_fail_the_batch(system: FakeSystem, desk: Desk) -> None:
    system.fault("raise", "restrict", only=OTHER.email, error=ValueError("x"))
    people = [SUBJECT, OTHER, STRANGER]
    tasks = [desk.task(Action.RESTRICT, {"email": one.email}, record_sets=["contacts"]) for one in people]
    outcomes = [one.outcomes["contacts"] for one in desk.run(tasks)]
    assert outcomes == [Restricted(1, AT), Failed(FailureKind.PERMANENT, "ValueError"), NothingHeld()]


def test_of_a_restriction_and_its_end_in_one_batch_the_restriction_stays(system: FakeSystem, desk: Desk) -> None:
    restrict, lift = (desk.task(one, WHO, record_sets=["contacts"]) for one in (Action.RESTRICT, Action.LIFT))
    desk.run([restrict, lift])
    assert contact(system)["restricted"] is True


def test_a_corrected_identifier_is_seen_by_its_key(system: FakeSystem, desk: Desk) -> None:
    who = {"email": SUBJECT.email}
    handle = desk.locate(who).handle
    right = {"contacts": {"email": "right@kanary.example"}}
    answer = desk.rectify(who, right, handle)
    assert answer.outcomes == {"contacts": Rectified(1, AT)}
    # Run again after a crash: nothing but the handle leads there, and it is still not "nothing held".
    assert desk.rectify(who, right, handle).outcomes == {"contacts": Rectified(1, AT)}
    assert desk.rectify(who, right, answer.handle).outcomes == {"contacts": Rectified(1, AT)}


def test_a_restricted_record_is_erased_like_any_other(system: FakeSystem, desk: Desk) -> None:
    ordered(desk, Action.RESTRICT)
    instructions = {one.name: Instruction() for one in DEFAULT_SETS}
    assert all(is_final(one) for one in desk.erase(WHO, instructions).outcomes.values())
    assert f"{system.key(SUBJECT)}/0" not in system.rows["contacts"]


# --- the verdict


def seen(standing: dict[str, Standing], known: str = "", said: str = "", *, able: bool = True) -> Changed:
    return Changed(frozenset(known), frozenset(said), standing, able, AT)


YES, NO, GONE = Standing.AS_ORDERED, Standing.NOT_AS_ORDERED, Standing.GONE


@pytest.mark.parametrize("capability", Capability)
@pytest.mark.parametrize(
    ("evidence", "outcome"),
    [
        (seen({}), NothingHeld()),
        (seen({}, able=False), NothingHeld()),
        (seen({}, "a", able=False), NO_CAPABILITY),
        (seen({"a": YES}, "a", able=False), NO_CAPABILITY),
        (seen({"a": GONE}, "a"), NothingHeld()),
        (seen({"a": GONE}, "a", "a"), Unverifiable("changed_is_gone")),
        (seen({"a": YES}, "ab"), Unverifiable("no_answer_for_key")),
        (seen({"a": YES}, "a", "b"), Unverifiable("no_answer_for_key")),
        (seen({"a": YES, "b": NO}, "ab", "ab"), None),
        (seen({"a": YES, "b": NO}, "ab", able=False), None),
    ],
)
def test_what_is_not_seen_is_never_final(capability: Capability, evidence: Changed, outcome: Outcome | None) -> None:
    wanted = outcome or Survived(1, UNDONE[Action(capability)])
    assert judge_change(capability, ("ads",), evidence) == wanted


@pytest.mark.parametrize("capability", Capability)
def test_what_is_seen_counts_whoever_did_it(capability: Capability) -> None:
    outcome = judge_change(capability, ("marketing",), seen({"a": YES, "b": YES, "c": GONE}, "abc", "a"))
    given: dict[Capability, Outcome] = {
        Capability.RECTIFY: Rectified(2, AT),
        Capability.RESTRICT: Restricted(2, AT),
        Capability.LIFT: Lifted(2, AT),
        Capability.STOP: Stopped(("marketing",), 2, AT),
    }
    assert outcome == given[capability]


# --- I4


@pytest.mark.parametrize("action", ACTIONS)
def test_i04_no_value_leaves_in_clear(system: FakeSystem, desk: Desk, action: Action) -> None:
    secret = "Quillan Rectified-Name"
    for method in ("*", action.value, "inspect"):
        system.fault("leak", method, times=3)
    system.fault("raise", action.value, error=PermanentError(secret), times=1)
    with listening() as heard:
        answers = [ordered(desk, action), ordered(desk, action)]
    values = (*SUBJECT.values(), secret)
    assert not find_canaries(heard(), values)
    assert not find_canaries(b"".join(encode(one.confirmation) for one in answers), values)


def test_i04_what_holds_a_correction_does_not_show_it(desk: Desk) -> None:
    task = desk.task(Action.RECTIFY, WHO, corrections=RIGHT)
    job = opened(task, desk.key)
    assert isinstance(job, Job)
    change = Change(values=RIGHT["contacts"])
    report = ChangeReport((SUBJECT.email,), (SUBJECT.email,))
    shown: list[Callable[[object], str]] = [repr, str]
    for one in (job, change, ChangeOrder(job.subject, {"contacts": change}), report, Secret((), corrections=RIGHT)):
        assert not find_canaries(
            b"".join(show(one).encode() for show in shown), ("Quillan Rectified-Name", *WHO.values())
        )
    assert "Rectified" not in repr(Secret((), corrections=RIGHT).__rich_repr__())
    assert job.corrections == RIGHT


# --- export of what the person provided


def exported(tmp_path: Any, system: FakeSystem, fields: dict[str, list[str]]) -> tuple[Answer, list[Any]]:
    desk = Desk(system.open, ExportSink(tmp_path))
    answer = desk.export(WHO, fields)
    files = {one.file for one in answer.outcomes.values() if isinstance(one, Exported)}
    rows = [
        row
        for file in files
        for row in read_export(desk.exports.path(file), desk.key, answer.confirmation.task_id)  # type: ignore[union-attr]
    ]
    return answer, rows


def test_only_the_fields_named_are_copied(tmp_path: Any, system: FakeSystem) -> None:
    answer, rows = exported(tmp_path, system, {"contacts": ["name", "email"]})
    assert list(answer.outcomes) == ["contacts"]
    assert rows == [("contacts", {"name": SUBJECT.name, "email": SUBJECT.email.upper()})]
    both, rows = exported(tmp_path, system, {"contacts": ["name"], "profiles": ["name"]})
    assert set(both.outcomes) == {"contacts", "profiles"}
    assert sorted(rows) == [("contacts", {"name": SUBJECT.name}), ("profiles", {"name": SUBJECT.name})]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"contacts": ["name", "id"]}, "unknown_field"),
        ({"contacts": []}, "unknown_field"),
        ({"invoices": ["total"]}, "unknown_field"),
        ({"contacts": ["name"], "letters": ["name"]}, "unknown_record_set"),
    ],
)
def test_what_the_person_did_not_provide_is_not_copied(
    tmp_path: Any, system: FakeSystem, fields: dict[str, list[str]], code: str
) -> None:
    answer, rows = exported(tmp_path, system, fields)
    assert set(answer.outcomes.values()) == {Failed(FailureKind.PERMANENT, code)}
    assert rows == []
    assert not any(one.is_file() for one in tmp_path.rglob("*"))


def test_every_action_that_changes_is_tried_here() -> None:
    assert set(ACTIONS) == CHANGES == {Action(one) for one in Capability}
