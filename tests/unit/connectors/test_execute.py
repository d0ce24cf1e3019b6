from __future__ import annotations

import contextlib
import datetime as dt
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import Connector, ErasureOrder, Holding, SetReport, Subject, TaskId
from connectors.errors import ConnectorError, MisconfiguredError, PermanentError, TransientError
from connectors.execute import execute
from connectors.exports import ExportSink, read_export
from connectors.testing.canary import find_canaries
from connectors.testing.desk import NOW, SYSTEM, Answer, Desk
from connectors.testing.fake import DEFAULT_SETS, FakeConnector, FakeSet, FakeSystem
from connectors.testing.fake_store import Kind
from connectors.testing.people import NEIGHBOURS, OTHER, STRANGER, SUBJECT, Person, person
from connectors.testing.wrapper import Wrapper
from schemas.codec import encode
from schemas.identifiers import Strength
from schemas.outcomes import (
    Anonymised,
    Deleted,
    Exported,
    Facts,
    Failed,
    FailureKind,
    Kept,
    KeptWhy,
    Located,
    NothingHeld,
    Survived,
    Unverifiable,
    is_final,
)
from schemas.sealing import SharedKey
from schemas.tasks import CHANGES, WHOLE_SYSTEM, Action, Instruction, Link, Sweep, Task

TRANSIENT, PERMANENT, MISCONFIGURED = FailureKind.TRANSIENT, FailureKind.PERMANENT, FailureKind.MISCONFIGURED
NAMES = [one.name for one in DEFAULT_SETS]
ERASE = {name: Instruction() for name in NAMES}
KEEP = {**ERASE, "invoices": Instruction(keep=KeptWhy.LEGAL_OBLIGATION, text="test", period_months=120)}


def who(one: Person = SUBJECT) -> dict[str, str]:
    return {"email": one.email, "customer_id": one.customer_id}


@pytest.fixture
def system() -> FakeSystem:
    system = FakeSystem()
    for one in (*NEIGHBOURS, SUBJECT):
        system.seed(one)
    return system


@pytest.fixture
def desk(system: FakeSystem, tmp_path: Path) -> Desk:
    return Desk(system.open, ExportSink(tmp_path))


def everything(answer: Answer) -> set[Any]:
    assert set(answer.outcomes) == set(NAMES)
    return set(answer.outcomes.values())


# --- the plain way


def test_locate_counts_and_gives_links_and_a_handle(desk: Desk) -> None:
    answer = desk.locate(who())
    assert answer.outcomes == {
        "contacts": Located(1),
        "notes": Located(2),
        "invoices": Located(2, Facts("2024-06-30", "2025-01-15")),
        "profiles": Located(1),
    }
    assert set(answer.links) == {
        Link("customer_id", SUBJECT.customer_id, Strength.UNIQUE),
        Link("phone", SUBJECT.phone, Strength.SHARED),
    }
    assert {name: len(keys) for name, keys in desk.keys(answer).items()} == {
        "contacts": 1,
        "notes": 2,
        "invoices": 2,
        "profiles": 1,
    }


def test_an_unknown_subject_is_nothing_held(desk: Desk) -> None:
    answer = desk.locate(who(STRANGER))
    assert everything(answer) == {NothingHeld()}
    assert desk.keys(answer) == {}


def test_erase_gives_verified_outcomes_and_remembers_what_is_kept(system: FakeSystem, desk: Desk) -> None:
    answer = desk.erase(who(), KEEP, desk.locate(who()).handle)
    at = "2026-03-01T12:00:00.000Z"
    assert answer.outcomes["contacts"] == Deleted(1, "delete", at)
    assert answer.outcomes["notes"] == Deleted(2, "delete", at)
    assert answer.outcomes["profiles"] == Anonymised(1, "anonymise", at)
    assert answer.outcomes["invoices"] == Kept(
        2, KeptWhy.LEGAL_OBLIGATION, "test", "2035-01-15", "2034-06-30", masked=True, looked_at=at
    )
    kept = f"{system.key(SUBJECT)}/"
    # The anonymised profile is not remembered: its key would lead back to the person.
    assert desk.keys(answer) == {"invoices": [f"{kept}0", f"{kept}1"]}


def test_i08_what_was_kept_is_erased_by_its_handle_when_its_time_comes(system: FakeSystem, desk: Desk) -> None:
    kept = desk.erase(who(), KEEP, desk.locate(who()).handle)
    due = desk.erase({}, {**ERASE, "invoices": Instruction(found=2)}, kept.handle)
    assert isinstance(due.outcomes["invoices"], Deleted)
    assert not any(key.startswith(f"{system.key(SUBJECT)}/") for key in system.rows["invoices"])


def test_some_past_their_date_are_erased_and_the_others_kept(desk: Desk) -> None:
    keep = Instruction(KeptWhy.LEGAL_OBLIGATION, "test", "2024-12-31", 120, found=2)
    outcome = desk.erase(who(), {**KEEP, "invoices": keep}).outcomes["invoices"]
    assert isinstance(outcome, Kept)
    assert (outcome.count, outcome.erased) == (1, 1)


def test_export_writes_what_is_held(desk: Desk, tmp_path: Path) -> None:
    answer = desk.export(who())
    one = answer.outcomes["notes"]
    assert isinstance(one, Exported)
    assert one.count == 2
    rows = list(read_export(tmp_path / one.file, desk.key, answer.confirmation.task_id))
    assert len(rows) == 6
    assert {"text": f"called {SUBJECT.name}"} in [row for name, row in rows if name == "notes"]
    assert answer.findings.links == ()


def test_an_export_of_nothing_leaves_no_file(desk: Desk, tmp_path: Path) -> None:
    assert everything(desk.export(who(STRANGER))) == {NothingHeld()}
    assert not list(tmp_path.iterdir())


def test_actions_may_be_mixed_and_keep_their_order(desk: Desk) -> None:
    tasks = [
        desk.task(Action.ERASE, who(), instructions=ERASE),
        desk.task(Action.LOCATE, who(OTHER)),
        desk.task(Action.EXPORT, who()),
        desk.task(Action.LOCATE, who(STRANGER)),
    ]
    answers = desk.run(tasks)
    assert [one.confirmation.task_id for one in answers] == [one.task_id for one in tasks]
    assert [one.confirmation.action for one in answers] == [one.action for one in tasks]
    # The copy is made before the records go.
    assert isinstance(answers[2].outcomes["contacts"], Exported)
    assert isinstance(answers[0].outcomes["contacts"], Deleted)


def test_i03_a_task_that_stands_twice_is_carried_out_once(system: FakeSystem, desk: Desk) -> None:
    task = desk.task(Action.ERASE, who(), instructions=ERASE)
    one, other = desk.run([task, task])
    assert one.outcomes == other.outcomes
    assert ("erase", 1) in system.calls


def test_one_id_for_two_tasks_is_an_error(desk: Desk) -> None:
    task = desk.task(Action.ERASE, who(), instructions=ERASE)
    other = msgspec.structs.replace(task, hold_version=7)
    assert everything(desk.run([task, other])[1]) == {Failed(PERMANENT, "task_id_twice")}


def test_no_tasks_no_confirmations(desk: Desk) -> None:
    assert desk.run([]) == []


def test_a_batch_is_one_call_each(system: FakeSystem, desk: Desk) -> None:
    desk.run([desk.task(Action.ERASE, who(one), instructions=ERASE) for one in (SUBJECT, OTHER, STRANGER)])
    assert [call for call in system.calls if call[0] != "record_sets"] == [("erase", 3), ("locate", 3), ("present", 2)]
    assert system.opened == system.closed == 2


# --- seals


def test_an_unknown_key_is_waited_for(desk: Desk) -> None:
    task = desk.task(Action.LOCATE, who())
    desk.key = SharedKey("k2", bytes(32))
    assert everything(desk.run([task])[0]) == {Failed(TRANSIENT, "unknown_key")}


def test_a_seal_for_another_task_does_not_open(desk: Desk) -> None:
    one, other = desk.task(Action.LOCATE, who()), desk.task(Action.LOCATE, who(OTHER))
    moved = msgspec.structs.replace(one, sealed=other.sealed)
    answers = desk.run([moved, other])
    assert set(answers[0].outcomes.values()) == {Failed(PERMANENT, "seal")}
    assert answers[1].outcomes["contacts"] == Located(1)


@pytest.mark.parametrize("sealed", ["", "a.b.c", "....", "\u2713....", "x" * 100])
def test_a_broken_seal_is_permanent(desk: Desk, sealed: str) -> None:
    task = msgspec.structs.replace(desk.task(Action.LOCATE, who()), sealed=sealed)
    assert everything(desk.run([task])[0]) == {Failed(PERMANENT, "seal")}


def test_a_handle_of_another_request_does_not_open(desk: Desk) -> None:
    handle = desk.locate(who()).handle
    task = desk.task(Action.LOCATE, who(), handle=handle, request_id="r2")
    assert everything(desk.run([task])[0]) == {Failed(PERMANENT, "seal")}


def test_a_secret_of_the_wrong_shape_is_a_malformed_task(desk: Desk) -> None:
    from schemas.sealing import Binding

    task = desk.task(Action.LOCATE, who())
    bound = Binding(req=task.request_id, task=task.task_id, sys=SYSTEM, use="task")
    task = msgspec.structs.replace(task, sealed=desk.key.seal(b'{"identifiers": 5}', bound, nonce=os.urandom(12)))
    assert everything(desk.run([task])[0]) == {Failed(PERMANENT, "malformed_task")}


# --- leases and instructions


def test_an_expired_lease_is_refused(system: FakeSystem, desk: Desk) -> None:
    before = system.dump()
    task = desk.task(Action.ERASE, who(), instructions=ERASE, not_after="2026-03-01T11:59:59Z")
    assert everything(desk.run([task])[0]) == {Failed(TRANSIENT, "lease_expired")}
    assert system.dump() == before


def test_a_lease_that_ends_now_still_holds(desk: Desk) -> None:
    task = desk.task(Action.ERASE, who(), instructions=ERASE, not_after="2026-03-01T13:00:00+01:00")
    assert all(map(is_final, desk.run([task])[0].outcomes.values()))


def test_a_lease_that_ends_before_the_deed_is_refused_though_it_held_when_the_batch_began(
    system: FakeSystem, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = system.dump()
    zombie, fresh = (
        desk.task(Action.ERASE, who(), instructions=ERASE, not_after=f"2026-03-01T{hour}:00:00Z") for hour in (12, 23)
    )
    times = iter([dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)])
    later = dt.datetime(2026, 3, 1, 12, 0, 1, tzinfo=dt.UTC)
    # The process is paused after it has looked at the leases, and wakes when another worker has the task.
    answers = execute(system.open, [zombie], desk.key, now=lambda: next(times, later), nonce=lambda: os.urandom(12))
    assert set(answers[0].outcomes.values()) == {Failed(TRANSIENT, "lease_expired")}
    assert system.dump() == before
    times = iter([dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)])
    both = execute(system.open, [zombie, fresh], desk.key, now=lambda: next(times, later), nonce=lambda: os.urandom(12))
    assert set(both[0].outcomes.values()) == {Failed(TRANSIENT, "lease_expired")}
    assert all(map(is_final, both[1].outcomes.values()))


def test_a_lease_that_cannot_be_read_is_refused(desk: Desk) -> None:
    task = desk.task(Action.ERASE, who(), instructions=ERASE, not_after="tomorrow")
    assert everything(desk.run([task])[0]) == {Failed(PERMANENT, "malformed_task")}


@pytest.mark.parametrize("missing", NAMES)
def test_a_missing_instruction_refuses_the_whole_task(system: FakeSystem, desk: Desk, missing: str) -> None:
    before = system.dump()
    some = {name: one for name, one in ERASE.items() if name != missing}
    assert everything(desk.erase(who(), some)) == {Failed(PERMANENT, "no_instruction")}
    assert system.dump() == before


def test_i01_a_record_set_that_is_not_in_the_data_map_is_not_done(desk: Desk) -> None:
    answer = desk.erase(who(), {**ERASE, "archive": Instruction()})
    assert answer.outcomes["archive"] == Unverifiable("unknown_record_set")


def test_i09_more_than_max_records_found_before_stops(system: FakeSystem) -> None:
    desk = Desk(system.limited(1))
    answer = desk.erase(who(), ERASE, desk.locate(who()).handle)
    assert everything(answer) == {Failed(PERMANENT, "max_records")}
    assert ("erase", 1) not in system.calls


def test_i09_the_connector_stops_at_max_records(system: FakeSystem) -> None:
    desk = Desk(system.limited(1))
    assert everything(desk.erase(who(), ERASE)) == {Failed(PERMANENT, "max_records")}


# --- exceptions


def order(desk: Desk, action: Action, identifiers: Mapping[str, str]) -> Task:
    """Make a task of any action that can be carried out."""
    corrections = {"contacts": {"name": "Right"}} if action is Action.RECTIFY else {}
    sets = ["contacts"] if action in CHANGES else []
    sweep = Sweep("invoices", "2026-01-01", 100, 100) if action is Action.SWEEP else None
    return desk.task(
        action,
        identifiers,
        instructions=ERASE,
        corrections=corrections,
        purposes=["marketing"],
        record_sets=sets,
        sweep=sweep,
    )


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (TransientError("busy"), TRANSIENT, "busy"),
        (MisconfiguredError("table", "no table contacts"), MISCONFIGURED, "table"),
        (PermanentError("missing_table"), PERMANENT, "missing_table"),
        (ValueError(SUBJECT.email), PERMANENT, "ValueError"),
        (ConnectorError("odd"), PERMANENT, "odd"),
        (PermanentError(f"row of {SUBJECT.name}"), PERMANENT, "PermanentError"),
        (PermanentError(SUBJECT.customer_id), PERMANENT, "PermanentError"),
        (PermanentError(cast("Any", 5)), PERMANENT, "PermanentError"),
    ],
)
def test_an_exception_becomes_a_failure_with_a_code(
    system: FakeSystem, desk: Desk, action: Action, error: Exception, kind: FailureKind, code: str
) -> None:
    method = cast("Any", action.value)
    system.fault("raise", method, error=error)
    answer = desk.run([order(desk, action, who())])[0]
    names = ["contacts"] if action in CHANGES else ["invoices"] if action is Action.SWEEP else NAMES
    assert answer.outcomes == dict.fromkeys(names, Failed(kind, code))


def test_i04_a_code_that_is_an_identifier_does_not_leave(system: FakeSystem, desk: Desk) -> None:
    system = FakeSystem([FakeSet(name="s", match=DEFAULT_SETS[0].match | {"username": ()})])
    system.fault("raise", "locate", error=PermanentError("kanary_4"))
    answer = Desk(system.open).locate({"username": "kanary_4"})
    assert answer.outcomes == {"s": Failed(PERMANENT, "PermanentError")}


@pytest.mark.parametrize("method", ["locate", "erase", "export"])
def test_one_bad_subject_is_found_by_bisection(system: FakeSystem, desk: Desk, method: str) -> None:
    system.fault("raise", cast("Any", method), error=ValueError(SUBJECT.email), only=OTHER.email)
    people = [SUBJECT, *NEIGHBOURS, STRANGER]
    tasks = [desk.task(Action(method), who(one), instructions=ERASE) for one in people]
    answers = dict(zip(people, desk.run(tasks), strict=True))
    assert everything(answers.pop(OTHER)) == {Failed(PERMANENT, "ValueError")}
    for answer in answers.values():
        assert not any(isinstance(one, Failed) for one in answer.outcomes.values())


def test_a_transient_error_is_not_bisected(system: FakeSystem, desk: Desk) -> None:
    system.fault("raise", "locate", error=TransientError("busy"), only=OTHER.email)
    answers = desk.run([desk.task(Action.LOCATE, who(one)) for one in (SUBJECT, OTHER)])
    assert [everything(one) for one in answers] == [{Failed(TRANSIENT, "busy")}] * 2
    assert [call for call in system.calls if call[0] == "locate"] == [("locate", 2)]


def test_after_an_exception_a_new_connection_is_used(system: FakeSystem, desk: Desk) -> None:
    system.fault("raise", "locate", error=ValueError("x"), times=1)
    answers = desk.run([desk.task(Action.LOCATE, who(one)) for one in (SUBJECT, OTHER)])
    assert all(one.outcomes["contacts"] == Located(1) for one in answers)
    assert system.opened == system.closed == 2


@pytest.mark.parametrize("method", ["open", "record_sets"])
@pytest.mark.parametrize("action", list(Action))
def test_a_system_that_does_not_open_fails_as_a_whole(
    system: FakeSystem, desk: Desk, action: Action, method: Any
) -> None:
    system.fault("raise", method, error=TransientError("away"))
    answer = desk.run([desk.task(action, who(), instructions=ERASE if action is Action.ERASE else {})])[0]
    names = NAMES if action is Action.ERASE else [WHOLE_SYSTEM]
    assert answer.outcomes == dict.fromkeys(names, Failed(TRANSIENT, "away"))


def test_failures_keep_the_handle(system: FakeSystem, desk: Desk) -> None:
    located = desk.locate(who())
    system.fault("raise", "erase", error=TransientError("busy"))
    assert desk.keys(desk.erase(who(), ERASE, located.handle)) == desk.keys(located)


def test_a_keyboard_interrupt_gets_through(desk: Desk) -> None:
    class Interrupted(FakeConnector):
        def locate(self, subjects: Sequence[Subject]) -> Any:
            raise KeyboardInterrupt

    system = FakeSystem()
    desk.open_connector = lambda: Interrupted(system)
    with pytest.raises(KeyboardInterrupt):
        desk.locate(who())


def test_a_failing_close_changes_nothing(system: FakeSystem) -> None:
    class Sticky(Wrapper):
        def close(self) -> None:
            raise OSError(SUBJECT.email)

    answer = Desk(lambda: Sticky(system.open())).erase(who(), ERASE)
    assert all(map(is_final, answer.outcomes.values()))


# --- answers that are none


@pytest.mark.parametrize("method", ["locate", "erase", "present"])
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("no_answer", "no_answer"),
        ("answer_twice", "answered_twice"),
        ("wrong_task", "wrong_task"),
        ("malformed", "malformed_answer"),
    ],
)
def test_i01_an_answer_that_proves_nothing(
    system: FakeSystem, desk: Desk, method: Any, kind: Kind, reason: str
) -> None:
    system.fault(kind, method, only=SUBJECT.email)
    tasks = [desk.task(Action.ERASE, who(one), instructions=ERASE) for one in (OTHER, SUBJECT, NEIGHBOURS[0])]
    good, bad, also = desk.run(tasks)
    assert everything(bad) == {Unverifiable(reason)}
    assert all(map(is_final, [*good.outcomes.values(), *also.outcomes.values()]))


class Answers(Wrapper):
    """Answers ``locate`` with whatever it is given."""

    def __init__(self, inner: Connector, spoil: Any) -> None:
        super().__init__(inner)
        self._spoil = spoil

    def locate(self, subjects: Sequence[Subject]) -> Any:
        return self._spoil(self.inner.locate(subjects))


def spoilt(system: FakeSystem, spoil: Any) -> Answer:
    return Desk(lambda: Answers(system.open(), spoil)).locate(who())


@pytest.mark.parametrize("raw", [None, 5, "done", b"done", [1], [("t1",)], [(5, {})], [("t1", {}, {})]])
def test_a_whole_answer_of_the_wrong_type(system: FakeSystem, raw: Any) -> None:
    assert everything(spoilt(system, lambda _: raw)) == {Unverifiable("malformed_answer")}


def test_pairs_are_read(system: FakeSystem) -> None:
    assert spoilt(system, lambda answer: list(answer.items())).outcomes["contacts"] == Located(1)
    assert spoilt(system, lambda answer: iter(answer.items())).outcomes["contacts"] == Located(1)


def test_a_missing_record_set_is_named(system: FakeSystem) -> None:
    answer = spoilt(system, lambda answer: {k: {n: h for n, h in v.items() if n != "notes"} for k, v in answer.items()})
    assert answer.outcomes["notes"] == Unverifiable("no_answer_for_record_set")
    assert answer.outcomes["contacts"] == Located(1)


def test_an_added_record_set_spoils_the_answer(system: FakeSystem) -> None:
    answer = spoilt(system, lambda answer: {k: {**v, "more": Holding()} for k, v in answer.items()})
    assert everything(answer) == {Unverifiable("malformed_answer")}


@pytest.mark.parametrize(
    "holding",
    [
        None,
        {},
        Holding(cast("Any", "ab")),
        Holding(cast("Any", (1,))),
        Holding(("a", "a")),
        Holding(("\ud800",)),
        Holding(("a",), links=cast("Any", ("x",))),
        Holding(("a",), links=cast("Any", None)),
        Holding(("a",), links=(Link("nonsense", "x", Strength.UNIQUE),)),
        Holding(("a",), links=(Link("email", "\ud800", Strength.UNIQUE),)),
        Holding(("a",), links=(Link("email", "x", cast("Any", "strong")),)),
        Holding(("a",), links=(Link("email", cast("Any", 5), Strength.UNIQUE),)),
        Holding(("a",), facts=cast("Any", None)),
        Holding(("a",), facts=Facts(anchor_first=SUBJECT.name)),
        Holding(("a",), facts=Facts(anchor_last="20240101")),
        Holding(("a",), facts=Facts(persons=-1)),
        Holding(("a",), facts=Facts(anchor_missing=cast("Any", True))),
        Holding(("a",), pending="soon", pending_count=1),
        Holding(("a",), pending="2026-03-02T00:00:00", pending_count=1),
        Holding(("a",), pending_count=2),
        Holding(("a",), pending_count=-1),
        Holding(("a",), durable=cast("Any", "yes")),
    ],
)
def test_a_holding_of_the_wrong_form_spoils_its_record_set_only(system: FakeSystem, holding: Any) -> None:
    answer = spoilt(system, lambda answer: {k: {**v, "notes": holding} for k, v in answer.items()})
    assert answer.outcomes["notes"] == Unverifiable("malformed_answer")
    assert answer.outcomes["contacts"] == Located(1)


@pytest.mark.parametrize(
    "report",
    [
        None,
        SetReport(erased=cast("Any", 5)),
        SetReport(kept=("a", "a")),
        SetReport(method=SUBJECT.name),
        SetReport(method=""),
        SetReport(method=cast("Any", None)),
        SetReport(due_first="soon"),
        SetReport(due_last=SUBJECT.email),
        SetReport(pending=SUBJECT.email),
        SetReport(pending_count=cast("Any", 1.5)),
    ],
)
def test_a_report_of_the_wrong_form_spoils_its_record_set_only(system: FakeSystem, report: Any) -> None:
    class Reports(Wrapper):
        def erase(self, orders: Sequence[ErasureOrder]) -> Any:
            return {k: {**v, "notes": report} for k, v in self.inner.erase(orders).items()}

    answer = Desk(lambda: Reports(system.open())).erase(who(), ERASE)
    assert answer.outcomes.pop("notes") == Unverifiable("malformed_answer")  # type: ignore[attr-defined]
    assert all(map(is_final, answer.outcomes.values()))


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        ({}, "no_answer_for_key"),
        ("gone", "malformed_answer"),
        ({"a": "gone"}, "malformed_answer"),
        (None, "malformed_answer"),
    ],
)
def test_a_second_look_that_does_not_answer(system: FakeSystem, seen: Any, reason: str) -> None:
    class Blind(Wrapper):
        def present(self, looks: Any) -> Any:
            return {k: {**v, "contacts": seen} for k, v in self.inner.present(looks).items()}

    answer = Desk(lambda: Blind(system.open())).erase(who(), ERASE)
    assert answer.outcomes["contacts"] == Unverifiable(reason)
    assert is_final(answer.outcomes["invoices"])


JUNK = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.binary(max_size=5) | st.builds(Holding) | st.builds(SetReport),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["t1", "t2", "contacts", "notes", "invoices", "profiles", "x"]), inner, max_size=5
        )
        | st.tuples(inner, inner)
    ),
    max_leaves=12,
)


@given(JUNK, st.sampled_from(Action))
def test_execute_never_raises_and_believes_no_junk(junk: Any, action: Action) -> None:
    class Junk(Wrapper):
        def locate(self, subjects: Any) -> Any:
            return junk

        def erase(self, orders: Any) -> Any:
            return junk

        def present(self, looks: Any) -> Any:
            return junk

        def export(self, subject: Any, into: Any) -> None:
            into.write(junk, junk)

        def rectify(self, orders: Any) -> Any:
            return junk

        restrict = lift = stop = rectify

        def inspect(self, capability: Any, inspections: Any) -> Any:
            return junk

        def past(self, question: Any) -> Any:
            return junk

    desk = Desk(lambda: Junk(FakeSystem().open()))
    tasks = [order(desk, action, who(one)) for one in (SUBJECT, OTHER)]
    answers = desk.run(tasks)
    assert [one.confirmation.task_id for one in answers] == ["t1", "t2"]
    for answer in answers:
        assert encode(answer.confirmation)
        for one in answer.outcomes.values():
            # An honest-looking empty holding or report is believed: it is what a healthy connector says.
            assert isinstance(one, Located | NothingHeld) or not is_final(one)


# --- the second look


@pytest.mark.parametrize("kind", ["lie", "keep_row", "resurrect", "orphan"])
def test_i01_said_and_not_done_survives(system: FakeSystem, desk: Desk, kind: Kind) -> None:
    located = desk.locate(who())
    system.fault(kind, "erase")
    answer = desk.erase(who(), ERASE, located.handle)
    notes = answer.outcomes["notes"]
    assert isinstance(notes, Survived)
    assert (notes.count, notes.detail) == (2, "orphans" if kind == "orphan" else "still_there")
    assert desk.keys(answer)["notes"] == desk.keys(located)["notes"]


def test_i01_a_mask_that_leaves_the_name_survives(system: FakeSystem, desk: Desk) -> None:
    system.fault("bare_mask", "erase")
    assert desk.erase(who(), KEEP).outcomes["invoices"] == Survived(2, "mask")


@pytest.mark.parametrize("method", ["locate", "present"])
@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ValueError(SUBJECT.email), Unverifiable("second_look_failed")),
        (PermanentError("missing_table"), Unverifiable("second_look_failed")),
        (TransientError("busy"), Failed(TRANSIENT, "busy")),
        (MisconfiguredError("table"), Failed(MISCONFIGURED, "table")),
    ],
)
def test_i01_a_second_look_that_fails(
    system: FakeSystem, desk: Desk, method: Any, error: Exception, outcome: Any
) -> None:
    system.fault("raise", method, error=error)
    assert everything(desk.erase(who(), ERASE)) == {outcome}


def test_i01_a_second_look_on_the_same_connector_does_not_count(system: FakeSystem) -> None:
    only = system.open()
    assert everything(Desk(lambda: only).erase(who(), ERASE)) == {Unverifiable("not_a_fresh_connection")}


def test_i01_the_second_look_uses_nothing_that_an_opener_holds(system: FakeSystem) -> None:
    class Holding:
        strict = 0

        def __call__(self) -> Connector:
            return system.open()

        def hold(self) -> None: ...

        def rest(self) -> None: ...

        def fresh(self) -> Any:
            Holding.strict += 1
            return system.open

    desk = Desk(Holding())
    desk.locate(who())
    assert Holding.strict == 0
    assert Deleted in {type(one) for one in everything(desk.erase(who(), ERASE))}
    assert Holding.strict == 1


def test_the_second_search_is_made_without_keys(system: FakeSystem) -> None:
    class Nosy(Wrapper):
        def locate(self, subjects: Sequence[Subject]) -> Any:
            searched.extend(subjects)
            return self.inner.locate(subjects)

    searched: list[Subject] = []
    desk = Desk(lambda: Nosy(system.open()))
    located = desk.locate(who())
    searched.clear()
    desk.erase(who(), ERASE, located.handle)
    assert [dict(one.keys) for one in searched] == [{}]


# --- control records

CONTROLLED = [
    msgspec.structs.replace(one, control={"email": "Control@quill-example.org"})
    if one.name in {"contacts", "profiles"}
    else one
    for one in DEFAULT_SETS
]


def controlled(*, contacts: bool) -> FakeSystem:
    system = FakeSystem(CONTROLLED)
    if contacts:
        system.add("contacts", "control", {"id": "0", "email": "control@quill-example.org"})
    system.add("profiles", "control", {"email": "control@quill-example.org", "name": None})
    return system


def test_i01_nothing_held_needs_the_control_record(tmp_path: Path) -> None:
    missed = Unverifiable("control_not_found")
    for found, outcome in ((True, NothingHeld()), (False, missed)):
        desk = Desk(controlled(contacts=found).open, ExportSink(tmp_path))
        for answer in (desk.locate(who()), desk.erase(who(), ERASE), desk.export(who())):
            assert answer.outcomes["contacts"] == outcome
            assert answer.outcomes["profiles"] == answer.outcomes["notes"] == NothingHeld()


def test_i01_deleted_and_anonymised_need_the_control_record() -> None:
    system = controlled(contacts=False)
    system.seed(SUBJECT)
    desk = Desk(system.open)
    assert desk.locate(who()).outcomes["contacts"] == Located(1)
    answer = desk.erase(who(), ERASE)
    assert answer.outcomes["contacts"] == Unverifiable("control_not_found")
    assert isinstance(answer.outcomes["profiles"], Anonymised)


def test_a_failing_subject_does_not_take_the_control_along() -> None:
    system = controlled(contacts=True)
    system.seed(SUBJECT)
    system.fault("raise", "locate", error=ValueError("x"), only=OTHER.email)
    desk = Desk(system.open)
    good, bad = desk.run([desk.task(Action.LOCATE, who(one)) for one in (STRANGER, OTHER)])
    assert good.outcomes["contacts"] == NothingHeld()
    assert everything(bad) == {Failed(PERMANENT, "ValueError")}


# --- many identifiers, many keys


def test_a_subject_with_many_identifiers_is_searched_in_pieces(system: FakeSystem, desk: Desk) -> None:
    emails = [person(number).email for number in range(1000)]
    many = {"email": emails, "customer_id": [SUBJECT.customer_id]}
    one = desk.task(Action.LOCATE, many)
    other = desk.task(Action.LOCATE, who(STRANGER))
    answer, nothing = desk.run([one, other])
    assert [call for call in system.calls if call[0] == "locate"] == [("locate", 2), ("locate", 1), ("locate", 1)]
    # Two persons are in the store under these addresses; each record counts once.
    contacts = answer.outcomes["contacts"]
    assert isinstance(contacts, Located)
    assert (contacts.count, contacts.facts.persons) == (2, 2)
    assert answer.outcomes["invoices"] == Located(2, Facts("2024-06-30", "2025-01-15"))
    assert everything(nothing) == {NothingHeld()}


def test_an_erasure_with_many_identifiers_is_done_in_pieces(system: FakeSystem, desk: Desk) -> None:
    many = {"email": [person(number).email for number in range(1000)], "customer_id": SUBJECT.customer_id}
    answer = desk.erase(many, KEEP)
    contacts = answer.outcomes["contacts"]
    assert isinstance(contacts, Deleted)
    assert contacts.before == 2
    assert isinstance(answer.outcomes["invoices"], Kept)


def test_a_piece_that_fails_fails_the_task(system: FakeSystem, desk: Desk) -> None:
    system.fault("raise", "*", error=PermanentError("broken"), only=person(999).email)
    many = {"email": [person(number).email for number in range(1000)]}
    assert everything(desk.locate(many)) == {Failed(PERMANENT, "broken")}
    assert everything(desk.erase(many, ERASE)) == {Failed(PERMANENT, "broken")}


@pytest.mark.parametrize(("count", "remembered"), [(10_000, 10_000), (10_001, 0)])
def test_a_handle_holds_all_durable_keys_or_none(system: FakeSystem, count: int, remembered: int) -> None:
    many = tuple(f"{number:05d}" for number in range(count))

    def spoil(answer: Mapping[TaskId, Any]) -> Any:
        more = {"notes": Holding(many), "invoices": Holding(("line",), durable=False)}
        return {task_id: {**held, **more} for task_id, held in answer.items()}

    desk = Desk(lambda: Answers(system.open(), spoil))
    keys = desk.keys(desk.locate(who()))
    assert len(keys.get("notes", ())) == remembered, "above max_records nothing is erased before a new search"
    assert "invoices" not in keys


def test_identifiers_of_other_kinds_are_not_shown_to_the_connector(system: FakeSystem) -> None:
    class Nosy(Wrapper):
        def locate(self, subjects: Sequence[Subject]) -> Any:
            searched.extend(subjects)
            return self.inner.locate(subjects)

    searched: list[Subject] = []
    Desk(lambda: Nosy(system.open())).locate({**who(), "phone": SUBJECT.phone})
    assert set(searched[0].identifiers) == {"email", "customer_id"}


# --- exports that go wrong


def test_without_a_folder_an_export_is_misconfigured(system: FakeSystem) -> None:
    assert everything(Desk(system.open).export(who())) == {Failed(MISCONFIGURED, "no_export_folder")}


def test_a_full_disk_is_transient(system: FakeSystem, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    desk = Desk(system.open, ExportSink(tmp_path / "file"))
    assert everything(desk.export(who())) == {Failed(TRANSIENT, "export_write")}


@pytest.mark.parametrize(
    ("name", "row", "code"), [("more", {}, "unknown_record_set"), ("notes", {"a": b"x"}, "export_row")]
)
def test_an_error_the_connector_swallows_still_fails_the_export(
    system: FakeSystem, tmp_path: Path, name: str, row: Any, code: str
) -> None:
    class Careless(Wrapper):
        def export(self, subject: Any, into: Any) -> None:
            self.inner.export(subject, into)
            with contextlib.suppress(PermanentError):
                into.write(name, row)

    desk = Desk(lambda: Careless(system.open()), ExportSink(tmp_path))
    assert everything(desk.export(who())) == {Failed(PERMANENT, code)}
    assert not list(tmp_path.iterdir())


# --- what stands in a confirmation


@pytest.mark.parametrize(
    ("name", "shown"),
    [("sql/0.1.0", "sql/0.1.0"), (f"sql {SUBJECT.email}", "connector"), ("", "connector"), (None, "connector")],
)
def test_the_name_of_the_connector(system: FakeSystem, name: Any, shown: str) -> None:
    class Named(Wrapper):
        def __init__(self, inner: Connector) -> None:
            super().__init__(inner)
            self.name = name

    assert Desk(lambda: Named(system.open())).locate(who()).confirmation.connector == shown


@pytest.mark.parametrize("sets", [(), ("contacts",), (DEFAULT_SETS[0], DEFAULT_SETS[0]), None])
def test_record_sets_that_are_none(system: FakeSystem, sets: Any) -> None:
    class Odd(Wrapper):
        def record_sets(self) -> Any:
            return sets

    (outcome,) = Desk(lambda: Odd(system.open())).locate(who()).outcomes.values()
    assert isinstance(outcome, Failed)
    assert outcome.kind is PERMANENT


def test_i04_the_clear_part_holds_no_canary(system: FakeSystem, desk: Desk) -> None:
    answers = [desk.locate(who()), desk.export(who()), desk.erase(who(), KEEP)]
    clear = b"".join(encode(answer.confirmation) for answer in answers)
    assert not find_canaries(clear, SUBJECT.values())


def test_the_clock_is_asked_for(system: FakeSystem) -> None:
    desk = Desk(system.open)
    ticks = iter(NOW + dt.timedelta(seconds=step) for step in range(100))
    task = desk.task(Action.ERASE, who(), instructions=ERASE)
    (done,) = execute(system.open, [task], desk.key, now=lambda: next(ticks), nonce=lambda: os.urandom(12))
    contacts = done.outcomes["contacts"]
    assert isinstance(contacts, Deleted)
    assert contacts.looked_at < done.acted_at


# --- pieces that fail in part


class Spoilt(Wrapper):
    """Spoils one record set in the call that holds a given address."""

    def __init__(self, inner: Connector, address: str, method: str) -> None:
        super().__init__(inner)
        self._address = address
        self._method = method

    def _spoil(self, answer: Mapping[TaskId, Any], subjects: Sequence[Subject]) -> Any:
        hit = {one.task_id for one in subjects if self._address in one.identifiers.get("email", ())}
        return {task_id: {**sets, "notes": None} if task_id in hit else sets for task_id, sets in answer.items()}

    def locate(self, subjects: Sequence[Subject]) -> Any:
        answer = self.inner.locate(subjects)
        return self._spoil(answer, subjects) if self._method == "locate" else answer

    def erase(self, orders: Sequence[ErasureOrder]) -> Any:
        answer = self.inner.erase(orders)
        return self._spoil(answer, [order.subject for order in orders]) if self._method == "erase" else answer


@pytest.mark.parametrize("place", [0, -1])
@pytest.mark.parametrize("method", ["locate", "erase"])
def test_i01_a_record_set_spoilt_in_one_piece_is_spoilt(system: FakeSystem, place: int, method: str) -> None:
    emails = sorted(person(number).email for number in range(600))
    desk = Desk(lambda: Spoilt(system.open(), emails[place], method))
    answer = desk.erase({"email": emails}, ERASE)
    assert answer.outcomes["notes"] == Unverifiable("malformed_answer")
    assert isinstance(answer.outcomes["contacts"], Deleted)
    if method == "locate":
        assert desk.locate({"email": emails}).outcomes["notes"] == Unverifiable("malformed_answer")


def test_a_task_whose_first_piece_failed_is_not_pursued(system: FakeSystem, desk: Desk) -> None:
    emails = sorted(person(number).email for number in range(600))
    system.fault("raise", "erase", error=PermanentError("broken"), only=emails[0])
    assert everything(desk.erase({"email": emails}, ERASE)) == {Failed(PERMANENT, "broken")}
    assert [call for call in system.calls if call[0] == "erase"] == [("erase", 1)]


def test_a_search_whose_first_piece_failed_failed(system: FakeSystem, desk: Desk) -> None:
    emails = sorted(person(number).email for number in range(600))
    system.fault("raise", "locate", error=PermanentError("broken"), only=emails[0])
    assert everything(desk.locate({"email": emails})) == {Failed(PERMANENT, "broken")}


def test_a_second_search_that_is_spoilt_spoils_its_record_set(system: FakeSystem) -> None:
    desk = Desk(lambda: Spoilt(system.open(), SUBJECT.email, "locate"))
    answer = desk.erase(who(), ERASE)
    assert answer.outcomes["notes"] == Unverifiable("malformed_answer")
    assert is_final(answer.outcomes["contacts"])
