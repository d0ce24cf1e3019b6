"""Sweep tasks: what a page says, by data subject, and what is not believed of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from connectors.contract import Connector
from connectors.errors import TransientError
from connectors.past import PastPage, PastQuestion, PastRecord
from connectors.sweeping import by_subject
from connectors.testing.desk import Answer, Desk
from connectors.testing.fake import FakeSystem
from connectors.testing.people import NEIGHBOURS, SUBJECT
from connectors.testing.wrapper import Wrapper
from schemas.identifiers import Identifier, Strength
from schemas.outcomes import Facts, Failed, FailureKind, Located, NothingHeld, Unverifiable
from schemas.tasks import Action, Link, Page, Sweep

DAY = dt.date(2025, 1, 15)


def swept(desk: Desk, handle: str = "", **changed: Any) -> Answer:
    wanted = Sweep(**{"record_set": "invoices", "up_to": "2024-12-31", "rows": 100, "found": 100, **changed})
    return desk.run([desk.task(Action.SWEEP, {}, handle=handle, request_id="sweep", sweep=wanted)])[0]


def page(answer: Answer) -> Page:
    assert answer.findings.page is not None
    return answer.findings.page


@pytest.fixture
def system() -> FakeSystem:
    system = FakeSystem()
    for person in (SUBJECT, *NEIGHBOURS):
        system.seed(person)
    return system


def test_a_sweep_tells_who_has_something_past(system: FakeSystem) -> None:
    desk = Desk(system.open)
    answer = swept(desk)
    people = 1 + len(NEIGHBOURS)
    assert answer.outcomes == {"invoices": Located(people, Facts("2024-06-30", "2024-06-30"))}
    assert answer.handle == "", "there is no further page"
    assert page(answer).scanned == 2 * people
    who = {one.identifiers for one in page(answer).past}
    assert (Identifier("customer_id", SUBJECT.customer_id),) in who
    assert len(who) == people
    assert {(one.count, one.last) for one in page(answer).past} == {(1, "2024-06-30")}


def test_records_of_one_person_are_one_group(system: FakeSystem) -> None:
    found = page(swept(Desk(system.open), up_to="2025-12-31")).past
    assert {(one.count, one.last) for one in found} == {(2, "2025-01-15")}


def test_nothing_past_is_nothing_held_and_undated_records_are_counted(system: FakeSystem) -> None:
    system.add("invoices", "z", {"customer": "17", "date": None})
    answer = swept(Desk(system.open), up_to="2000-01-01")
    assert answer.outcomes == {"invoices": NothingHeld()}
    assert page(answer) == Page(2 * (1 + len(NEIGHBOURS)) + 1, undated=1)


def test_a_sweep_goes_on_where_it_was(system: FakeSystem) -> None:
    desk, handle, keys, scanned = Desk(system.open), "", list[tuple[Identifier, ...]](), 0
    while True:
        answer = swept(desk, handle, rows=3, up_to="2025-12-31")
        keys += [one.identifiers for one in page(answer).past]
        scanned += page(answer).scanned
        handle = answer.handle
        if not handle:
            break
    assert scanned == 2 * (1 + len(NEIGHBOURS))
    assert set(keys) == {(Identifier("customer_id", one.customer_id),) for one in (SUBJECT, *NEIGHBOURS)}


def test_a_connector_that_cannot_look_says_so(system: FakeSystem) -> None:
    class Plain(Wrapper):
        @property
        def sweeps(self) -> bool:
            return False

    answer = swept(Desk(lambda: Plain(system.open())))
    assert answer.outcomes == {"invoices": Failed(FailureKind.PERMANENT, "no_capability")}


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"record_set": "contacts"}, "no_period"),
        ({"record_set": "notes"}, "no_period"),
        ({"record_set": "nothing"}, "unknown_record_set"),
        ({"rows": 0}, "no_sweep"),
        ({"found": 0}, "no_sweep"),
        ({"up_to": "2026-02-30"}, "no_sweep"),
    ],
)
def test_a_wrong_sweep_is_refused(system: FakeSystem, changed: dict[str, Any], code: str) -> None:
    answer = swept(Desk(system.open), **changed)
    assert answer.outcomes == {changed.get("record_set", "invoices"): Failed(FailureKind.PERMANENT, code)}
    assert answer.findings.page is None


def test_a_task_without_a_sweep_is_refused(system: FakeSystem) -> None:
    desk = Desk(system.open)
    answer = desk.run([desk.task(Action.SWEEP, {})])[0]
    assert set(answer.outcomes.values()) == {Failed(FailureKind.PERMANENT, "no_sweep")}


def test_a_failure_keeps_the_place(system: FakeSystem) -> None:
    desk = Desk(system.open)
    first = swept(desk, rows=3)
    system.fault("raise", "sweep", error=TransientError("busy"), times=1)
    failed = swept(desk, first.handle, rows=3)
    assert failed.outcomes == {"invoices": Failed(FailureKind.TRANSIENT, "busy")}
    assert desk.keys(failed) == desk.keys(first)


def record(key: str, *links: Link, anchor: dt.date = DAY) -> PastRecord:
    return PastRecord(key, anchor, links)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "done",
        {"records": []},
        PastPage((record("a"),), scanned=0),
        PastPage((record("a"), record("a")), scanned=2),
        PastPage((record("a", anchor=dt.date(2030, 1, 1)),), scanned=1),
        PastPage(tuple(record(str(number)) for number in range(101)), scanned=100),
        PastPage(scanned=101),
        PastPage(scanned=-1),
        PastPage(scanned=1, undated=2),
        PastPage((record(""),), scanned=1),
        PastPage((PastRecord("a", "2020-01-01"),), scanned=1),  # type: ignore[arg-type]
        PastPage(("a",), scanned=1),  # type: ignore[arg-type]
        PastPage(scanned="many"),  # type: ignore[arg-type]
        PastPage(records=5),  # type: ignore[arg-type]
    ],
)
def test_i01_a_page_that_does_not_fit_is_not_believed(system: FakeSystem, answer: Any) -> None:
    class Strange(Wrapper):
        def past(self, question: PastQuestion) -> PastPage:
            page: PastPage = answer
            return page

    said = swept(Desk(lambda: Strange(system.open())), up_to="2026-12-31")
    believed = said.outcomes == {"invoices": Located(1, Facts("2020-01-01", "2020-01-01"))}
    assert believed or said.outcomes == {"invoices": Unverifiable("malformed_answer")}
    # A date as text is a date that can be read, and is read.
    assert believed is (isinstance(answer, PastPage) and answer.records == (PastRecord("a", "2020-01-01"),))  # type: ignore[arg-type]


def test_a_page_that_gets_no_further_is_not_asked_for_again(system: FakeSystem) -> None:
    class Stuck(Wrapper):
        def past(self, question: PastQuestion) -> PastPage:
            return PastPage(scanned=1, after="a")

    open_connector: Callable[[], Connector] = lambda: Stuck(system.open())  # noqa: E731
    desk = Desk(open_connector)
    first = swept(desk)
    assert first.handle
    assert swept(desk, first.handle).outcomes == {"invoices": Unverifiable("no_progress")}


def unique(value: str) -> Link:
    return Link("email", value, Strength.UNIQUE)


def shared(value: str) -> Link:
    return Link("ip", value, Strength.SHARED)


def test_i09_only_unique_identifiers_make_one_person_of_two_records() -> None:
    records = [
        record("a", unique("ada@x.example"), shared("10.0.0.1")),
        record("b", unique("bob@x.example"), shared("10.0.0.1")),
        record("c", unique("ada@x.example"), Link("customer_id", "7", Strength.UNIQUE)),
        record("d", Link("customer_id", "7", Strength.UNIQUE)),
    ]
    groups = {names: [one.key for one in some] for names, some in by_subject(records)}
    assert groups == {
        (Identifier("customer_id", "7"), Identifier("email", "ada@x.example")): ["a", "c", "d"],
        (Identifier("email", "bob@x.example"),): ["b"],
    }


def test_two_groups_that_turn_out_to_be_one_person_are_joined() -> None:
    records = [
        record("a", unique("ada@x.example")),
        record("b", unique("bob@x.example")),
        record("c", unique("bob@x.example"), unique("ada@x.example")),
    ]
    ((names, some),) = by_subject(records)
    assert names == (Identifier("email", "ada@x.example"), Identifier("email", "bob@x.example"))
    assert sorted(one.key for one in some) == ["a", "b", "c"]


def test_i09_what_names_nobody_goes_by_its_key_and_what_names_several_is_left() -> None:
    groups = list(by_subject([record("a"), record("b"), record("c", shared("10.0.0.1"))]))
    assert [(names, [one.key for one in some]) for names, some in groups] == [
        ((), ["a"]),
        ((), ["b"]),
        (None, ["c"]),
    ]


def test_i04_what_was_found_never_shows_itself(system: FakeSystem) -> None:
    answer = swept(Desk(system.open))
    found = page(answer).past[0]
    said = f"{found!r} {found.__rich_repr__()} {record('secret', unique('ada@x.example'))!r}"
    said += f"{PastQuestion('s', DAY, 1, 1, 'secret')!r} {PastPage(after='secret')!r}"
    assert "secret" not in said
    assert "ada" not in said
    assert found.identifiers[0].value not in said
