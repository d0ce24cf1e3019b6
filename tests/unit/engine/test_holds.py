"""The registry of legal holds over a real store: whom a hold reaches, whatever was known when, and nobody slips by."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from connectors.testing.people import OTHER, SUBJECT, Person
from orchestrator.engine import holds
from orchestrator.engine.holds import Order, Told
from orchestrator.errors import UsageError
from schemas.identifiers import Identifier
from schemas.outcomes import Kept, KeptWhy
from schemas.requests import RequestForm, Right
from tests.support.rig import PostgresRig, Rig, Templates


@pytest.fixture(params=["sqlite", "postgres"])
def rig(request: pytest.FixtureRequest, tmp_path: Path, templates: Templates) -> Iterator[Rig]:
    if request.param == "sqlite":
        made = Rig(tmp_path / "home", templates)
    else:
        made = PostgresRig(tmp_path / "home", templates, request.getfixturevalue("postgres"))
    yield made
    made.close()


ORDER = Order("legal", "litigation", "gdpr-17-3-e", "2027-01-01")


def about(person: Person, kind: str = "email") -> Order:
    found = (Identifier(kind, person.identifiers()[kind]),)
    return msgspec.structs.replace(ORDER, identifiers=found)


def place(rig: Rig, order: Order) -> Told:
    return holds.place(rig.store, rig.clock, rig.keys, rig.chance, order)


def release(rig: Rig, hold_id: str) -> Told:
    return holds.release(rig.store, rig.clock, hold_id, "legal")


def kept(rig: Rig, request_id: str) -> set[str]:
    """Give the record sets that the last record says a hold keeps."""
    return {
        f"{system.system}/{line.name}"
        for system in rig.records(request_id)[-1].systems
        for line in system.record_sets
        if isinstance(line.outcome, Kept) and line.outcome.why is KeptWhy.HOLD
    }


def test_a_new_request_of_the_person_finds_the_hold_and_a_bystander_is_erased(rig: Rig) -> None:
    rig.seed(SUBJECT, OTHER)
    assert place(rig, about(SUBJECT)).requests == 0
    rig.submit("r1", email=SUBJECT.email)
    rig.submit("r2", email=OTHER.email)
    before = rig.systems["crm"].rows["contacts"].copy()
    rig.pump()
    assert kept(rig, "r1")
    assert not kept(rig, "r2")
    left = rig.systems["crm"].rows["contacts"]
    assert len(before) > len(left) > 0
    assert list(rig.engine.audit()) == []


def test_an_open_request_is_told_and_what_has_not_left_is_called_back(rig: Rig) -> None:
    rig.seed(SUBJECT)
    rig.submit("r1", email=SUBJECT.email)
    rig.engine.apply_waiting()
    told = place(rig, about(SUBJECT))
    assert told.requests == 1
    rig.pump()
    assert rig.state("r1").hold_version == 1
    assert "HoldPlaced" in [row.type for row in rig.history("r1")]
    assert kept(rig, "r1")
    release(rig, told.hold_id)
    rig.pump()
    assert not kept(rig, "r1")
    assert len(rig.records("r1")) == 2
    assert list(rig.engine.audit()) == []


def test_from_the_moment_it_is_noted_no_order_leaves_that_it_may_be_about(rig: Rig) -> None:
    rig.seed(SUBJECT, OTHER)
    for one, person in (("r1", SUBJECT), ("r2", OTHER)):
        rig.submit(one, email=person.email)
    rig.engine.apply_waiting()
    while not (tasks := rig.engine.next_tasks("crm")) or not tasks[0].instructions:
        for name in rig.systems:
            some = rig.engine.next_tasks(name)
            rig.engine.confirm(rig.execute(name, some), some)
    assert {one.request_id for one in tasks} == {"r1", "r2"}
    place(rig, about(SUBJECT))
    # Nobody has applied it yet: a timer or an answer may come first, and the order must not leave meanwhile.
    assert {one.request_id for one in rig.engine.next_tasks("crm")} == {"r2"}
    assert {one.request_id for one in rig.engine.release("crm", 10)} == {"r2"}
    rig.pump()
    assert kept(rig, "r1")
    assert not kept(rig, "r2")


def test_a_hold_by_an_identifier_that_only_the_search_finds_reaches_the_request_before_anything_leaves(
    rig: Rig,
) -> None:
    rig.seed(SUBJECT)
    place(rig, about(SUBJECT, "customer_id"))
    rig.submit("r1", email=SUBJECT.email)
    before = {name: dict(rows) for name, rows in rig.systems["crm"].rows.items()}
    rig.pump()
    assert rig.state("r1").holds
    assert kept(rig, "r1")
    assert rig.systems["crm"].rows == before
    assert list(rig.engine.audit()) == []


def test_a_hold_placed_after_the_search_found_its_identifier_reaches_the_request(rig: Rig) -> None:
    rig.seed(SUBJECT)
    rig.submit("r1", email=SUBJECT.email)
    rig.engine.apply_waiting()
    tasks = rig.engine.next_tasks("crm")
    rig.engine.confirm(rig.execute("crm", tasks), tasks)
    assert place(rig, about(SUBJECT, "customer_id")).requests == 1


def test_a_hold_on_a_record_set_reaches_every_erasure_and_no_access(rig: Rig) -> None:
    rig.seed(SUBJECT)
    rig.submit("r1", email=SUBJECT.email)
    rig.submit("r2", Right.ACCESS, email=OTHER.email)
    rig.engine.apply_waiting()
    assert place(rig, msgspec.structs.replace(ORDER, scope=("crm/contacts",))).requests == 1
    rig.submit("r3", email=OTHER.email)
    rig.engine.apply_waiting()
    assert len(rig.state("r3").holds) == 1
    assert rig.state("r2").holds == ()


def test_released_before_it_was_taken_in_it_is_over_all_the_same(rig: Rig) -> None:
    rig.seed(SUBJECT)
    rig.submit("r1", email=SUBJECT.email)
    rig.engine.apply_waiting()
    told = place(rig, about(SUBJECT))
    assert release(rig, told.hold_id).requests == 1
    rig.pump()
    assert rig.state("r1").holds == ()
    assert not kept(rig, "r1")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"owner": ""}, "owner"),
        ({"owner": "Mary Jones of Legal"}, "owner"),
        ({"reason": ""}, "reason"),
        ({"text": "nonsense"}, "nobody knows"),
        ({"text": "fr-decret-2011-219"}, "repealed"),
        ({"review_by": ""}, "day of review"),
        ({"review_by": "2026-03-01"}, "day of review"),
        ({"review_by": "2027-02-30"}, "day of review"),
        ({"scope": ()}, "everything of everybody"),
        ({"scope": ("crm/nonsense",)}, "there is no crm/nonsense"),
        ({"anchor_from": "2026-13-01"}, "no date"),
        ({"anchor_from": "2026-02-01", "anchor_to": "2026-01-01"}, "ends before it begins"),
        ({"identifiers": (Identifier("ip", "10.0.0.1"),)}, "one person's own"),
    ],
)
def test_what_is_missing_or_wrong_is_said_and_nothing_is_written(
    rig: Rig, changes: dict[str, object], says: str
) -> None:
    order = msgspec.structs.replace(ORDER, **({"scope": ("crm",)} | changes))
    with pytest.raises(UsageError, match=says):
        place(rig, order)
    assert rig.rows("holds") == rig.rows("journal") == []


@pytest.mark.parametrize(
    ("scope", "here", "taken"),
    [
        ("payroll", ("crm", "payroll"), True),
        ("payroll/slips", ("payroll", "payroll/slips"), True),
        ("payroll/slip", ("payroll", "payroll/slips"), False),
        ("payroll/slip", ("payroll",), True),  # its data map is not here: any record set may be one of it
        ("crm/nonsense", ("crm",), False),  # the plans know all of it
        ("payroll", ("crm",), False),
    ],
)
def test_a_system_that_was_connected_since_the_last_plan_may_be_held(
    rig: Rig, scope: str, here: tuple[str, ...], *, taken: bool
) -> None:
    order = msgspec.structs.replace(ORDER, scope=(scope,))
    if taken:
        holds.place(rig.store, rig.clock, rig.keys, rig.chance, order, here)
    else:
        with pytest.raises(UsageError, match=f"there is no {scope}"):
            holds.place(rig.store, rig.clock, rig.keys, rig.chance, order, here)
    assert len(rig.rows("holds")) == taken


def test_what_is_not_there_and_what_is_over_cannot_be_released(rig: Rig) -> None:
    with pytest.raises(UsageError, match="there is no hold nonsense"):
        release(rig, "nonsense")
    told = place(rig, about(SUBJECT))
    release(rig, told.hold_id)
    with pytest.raises(UsageError, match="was released before"):
        release(rig, told.hold_id)


def test_i04_whom_a_hold_is_about_is_in_the_store_as_keyed_digests_and_goes_with_it(rig: Rig) -> None:
    told = place(rig, about(SUBJECT))
    assert len(rig.rows("hold_subjects")) == 1
    stored = b"".join(one.read_bytes() for one in rig.home.glob("expunge.db*"))
    assert SUBJECT.email.encode() not in stored
    release(rig, told.hold_id)
    assert rig.rows("hold_subjects") == []


def test_a_rule_of_the_policy_is_held_against_the_policy(rig: Rig) -> None:
    order = msgspec.structs.replace(about(SUBJECT), text="policy:disputes")
    with pytest.raises(UsageError, match="the policy has no such rule") as caught:
        holds.place(rig.store, rig.clock, rig.keys, rig.chance, order, (), {"policy:invoices": 12})
    assert "policy:invoices" in caught.value.fix
    with rig.store.read() as tx:
        assert tx.holds() == []
    known = {"policy:disputes": 0}
    assert holds.place(rig.store, rig.clock, rig.keys, rig.chance, order, (), known).hold_id


def test_s29_a_rectification_is_told_of_a_hold_whenever_it_is_placed(rig: Rig) -> None:
    rig.seed(SUBJECT)
    form = RequestForm(
        Right.RECTIFICATION,
        (Identifier("email", SUBJECT.email),),
        request_id="right",
        corrections={"crm/contacts": {"name": "Other Name"}},
    )
    rig.intake.submit([form])
    rig.engine.apply_waiting()
    assert place(rig, about(SUBJECT)).requests == 1
    rig.pump()
    assert kept(rig, "right") == {"crm/contacts"}
    assert rig.state("right").forgotten
    rig.intake.submit([msgspec.structs.replace(form, request_id="again")])
    rig.pump()
    assert kept(rig, "again") == {"crm/contacts"}
    assert {row.cells["name"] for row in rig.systems["crm"].rows["contacts"].values()} != {"Other Name"}
    assert rig.engine.audit() == []
