"""What waits in the journal: requests, retries, and what one request tells another."""

from __future__ import annotations

import msgspec
import pytest

from connectors.testing.people import OTHER, SUBJECT
from orchestrator.core import machine
from orchestrator.core.events import Event, RequestAccepted
from orchestrator.core.model import LOGIC, Phase, RequestState
from orchestrator.core.plan import Plan
from orchestrator.engine import Engine, Intake, batch, stored
from orchestrator.engine.capsule import Capsule, CapsuleBox
from orchestrator.engine.stored import load_state, parts_of, state_bytes
from orchestrator.errors import DependencyError, UsageError
from orchestrator.ports import JournalRow
from orchestrator.runtime.clock import chance
from orchestrator.store.store import SqlTransaction
from schemas.errors import SchemaError
from schemas.identifiers import Identifier
from schemas.requests import RequestForm, Right, Scope
from schemas.sealing import IntakePrivateKey
from tests.support.rig import Rig


def _form(request_id: str | None, email: str = SUBJECT.email, right: Right = Right.ERASURE) -> RequestForm:
    return RequestForm(right, (Identifier("email", email),), request_id=request_id)


# -- taking in ----------------------------------------------------------------------------------------------
def test_the_same_request_again_is_the_same_and_another_under_its_id_is_refused(rig: Rig) -> None:
    (first,) = rig.intake.submit([_form("r1")])
    rig.clock.move(hours=1)
    (second,) = rig.intake.submit([_form("r1", SUBJECT.email.upper())])
    assert (first.new, second.new) == (True, False)
    for other in (_form("r1", OTHER.email), _form("r1", right=Right.ACCESS)):
        with pytest.raises(UsageError, match="exists with other content"):
            rig.intake.submit([other])
    rig.engine.apply_waiting()
    assert rig.intake.submit([_form("r1")])[0].new is False, "also once it is under way"
    assert len(rig.history("r1")) == 1


def test_all_of_many_requests_are_taken_in_or_none(rig: Rig) -> None:
    rig.intake.submit([_form("r1")])
    with pytest.raises(UsageError):
        rig.intake.submit([_form("r2"), _form("r1", OTHER.email), _form("r3")])
    with pytest.raises(SchemaError):
        rig.intake.submit([_form("r2"), _form("r3", "not an address")])
    assert rig.history("r2") == rig.history("r3") == []
    done = rig.intake.submit([_form("r2"), _form("r2"), _form(None), _form(None)])
    assert [one.new for one in done] == [True, False, True, True]
    assert done[2].request_id != done[3].request_id


def test_the_same_id_twice_with_other_content_in_one_call_is_refused(rig: Rig) -> None:
    with pytest.raises(UsageError):
        rig.intake.submit([_form("r2"), _form("r2", OTHER.email)])
    assert rig.history("r2") == []


def test_ten_thousand_identifiers_are_refused_and_five_hundred_work(rig: Rig) -> None:
    many = tuple(Identifier("email", f"someone{number}@example.org") for number in range(10_000))
    with pytest.raises(SchemaError, match="10000 identifiers"):
        rig.intake.submit([RequestForm(Right.ERASURE, many)])
    rig.intake.submit([RequestForm(Right.ERASURE, many[:500], request_id="r1")])
    rig.pump()
    assert rig.state("r1").phase is Phase.CLOSED


def test_a_scope_that_names_an_unknown_system_stops_and_says_so(rig: Rig) -> None:
    rig.seed(SUBJECT)
    form = msgspec.structs.replace(_form("r1"), scope=Scope(("crm", "payroll")))
    rig.intake.submit([form])
    rig.pump()
    (attention,) = rig.state("r1").attention
    assert (attention.reason, attention.owner) == ("unknown_system", "dpo")
    assert "payroll" in (attention.system, attention.detail)
    assert rig.state("r1").phase is not Phase.CLOSED
    assert rig.systems["hr"].calls.count(("locate", 1)) == 0


def test_nothing_of_the_person_is_in_the_journal(rig: Rig) -> None:
    rig.intake.submit([_form("r1")])
    for _ in range(2):
        (row,) = rig.history("r1")
        assert SUBJECT.email.encode() not in repr(row).encode()
        rig.engine.apply_waiting()


# -- poison -------------------------------------------------------------------------------------------------
def _journal(rig: Rig, request_id: str, wire: bytes, kind: str = "org.expunge.dsr.request-received.v1") -> None:
    row = JournalRow("/elsewhere", f"e-{request_id}-{kind}", request_id, kind, "", b"h", None, wire, "waiting")
    with rig.store.write() as tx:
        tx.journal([row])


@pytest.mark.parametrize("wire", [b"", b"\xff", b"{}", b"[" * 100_000])
def test_bytes_that_do_not_open_stop_nobody_else(rig: Rig, wire: bytes) -> None:
    _journal(rig, "bad", wire)
    rig.submit("r1", email=SUBJECT.email)
    assert rig.engine.apply_waiting() == 2
    assert rig.state("r1").phase is Phase.DISCOVERING
    assert [one[0] for one in rig.dead()] == ["bad"]
    assert rig.engine.apply_waiting() == 0
    assert [row.verdict for row in rig.history("bad")] == ["dead"]


def test_a_request_journaled_for_another_is_buried(rig: Rig) -> None:
    rig.submit("r1", email=SUBJECT.email)
    (row,) = rig.history("r1")
    assert row.wire is not None
    _journal(rig, "r2", row.wire)
    rig.engine.apply_waiting()
    assert rig.dead() == [("r2", "SealError")]
    with pytest.raises(UsageError, match="no request r2"), rig.store.read() as tx:
        load_state(tx, "r2")


def test_identifiers_that_were_not_normalised_are_not_searched_for(rig: Rig) -> None:
    # They would be found nowhere, and read as "nothing held" (I1).
    from schemas import envelope
    from schemas.codec import encode
    from schemas.envelope import CloudEvent
    from schemas.requests import RequestReceived, utc
    from schemas.sealing import Binding

    now = utc(rig.clock.now())
    plain = encode([Identifier("email", "no address at all")])
    public = rig.keys.intake.public()
    sealed = public.seal(plain, Binding(req="r1", use="request"), nonce=b"n" * 12, ephemeral=b"e" * 32)
    data = encode(RequestReceived("r1", Right.ERASURE, now, sealed))
    event = CloudEvent("r1", "/elsewhere", envelope.REQUEST_RECEIVED, "1.0", "r1", now, msgspec.Raw(data))
    _journal(rig, "r1", encode(event))
    rig.engine.apply_waiting()
    assert rig.dead() == [("r1", "InvalidIdentifierError")]


def test_a_waiting_event_that_cannot_be_read_stops_nobody_else(rig: Rig) -> None:
    _journal(rig, "bad", b"rubbish", "Resumed")
    rig.submit("r1", email=SUBJECT.email)
    while rig.engine.apply_waiting():
        pass
    assert rig.state("r1").phase is Phase.DISCOVERING
    assert [one[0] for one in rig.dead()] == ["bad"]


def test_a_request_from_elsewhere_under_a_known_id_is_ignored(rig: Rig) -> None:
    rig.submit("r1", email=SUBJECT.email)
    (row,) = rig.history("r1")
    assert row.wire is not None
    rig.engine.apply_waiting()
    before = rig.state("r1")
    _journal(rig, "r1", row.wire)
    rig.engine.apply_waiting()
    assert rig.state("r1") == before
    assert [one.verdict for one in rig.history("r1")] == ["applied", "ignored: the request is already known"]


def test_a_request_sealed_to_another_key_waits_and_says_which_key(rig: Rig) -> None:
    rig.submit("r1", email=SUBJECT.email)
    mine = rig.keys.intake
    rig.keys.intake = IntakePrivateKey("another", bytes(32))
    with pytest.raises(UsageError, match="another intake key") as caught:
        rig.engine.apply_waiting()
    assert "intake.jwk" in caught.value.fix
    rig.keys.intake = mine
    rig.engine.apply_waiting()
    assert rig.state("r1").phase is Phase.DISCOVERING, "nothing was lost"


def test_a_bug_on_one_request_stops_only_that_one(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    real = machine.step

    def step(plan: Plan, state: RequestState | None, event: Event, newer: Plan | None = None) -> machine.Step:
        if event.request_id == "r2" and isinstance(event, RequestAccepted):
            raise ZeroDivisionError
        return real(plan, state, event, newer)

    monkeypatch.setattr(machine, "step", step)
    for name in ("r1", "r2", "r3"):
        rig.intake.submit([_form(name, f"{name}@example.org", Right.ACCESS)])
    assert rig.engine.apply_waiting() == 3
    assert rig.dead() == [("r2", "ZeroDivisionError")]
    assert {str(row[1]) for row in rig.rows("subjects")} == {"r1", "r3"}, "of nobody a digest stays that is not needed"


# -- one person, several requests ---------------------------------------------------------------------------
@pytest.mark.parametrize("order", ["access first", "erasure first", "apart"])
def test_an_erasure_waits_for_an_open_access_of_the_same_person(rig: Rig, order: str) -> None:
    rig.seed(SUBJECT)
    forms = [_form("access", right=Right.ACCESS), _form("erasure")]
    for form in reversed(forms) if order == "erasure first" else forms:
        rig.intake.submit([form])
        if order == "apart":
            rig.engine.apply_waiting()
    rig.engine.apply_waiting()
    assert rig.state("erasure").waits_for == ("access",)
    rig.pump()
    assert rig.state("erasure").phase is Phase.CLOSED
    exported = rig.records("access")[0]
    assert exported.result == "fulfilled", "the copy was made before anything was erased"
    assert rig.rows("waits") == []
    assert rig.engine.audit() == []


def test_an_access_that_waits_for_a_person_holds_the_erasure_visibly(rig: Rig) -> None:
    from connectors.errors import PermanentError

    rig.seed(SUBJECT)
    rig.systems["crm"].fault("raise", "export", error=PermanentError("broken"))
    rig.intake.submit([_form("access", right=Right.ACCESS), _form("erasure")])
    rig.pump()
    assert set(rig.reasons("access")) == {"failed"}
    assert rig.state("erasure").phase is Phase.DECIDING
    assert rig.state("erasure").next_timer() is not None, "it does not wait in silence (I6)"
    rig.clock.move(days=25)
    rig.pump()
    assert "deadline_near" in rig.reasons("erasure")
    assert rig.state("erasure").waits_for == ("access",)
    rig.systems["crm"].faults.clear()
    rig.engine.resume("access", "operator")
    rig.pump()
    assert rig.state("erasure").phase is Phase.CLOSED


def test_an_access_that_closes_at_once_is_nobody_to_wait_for(rig: Rig) -> None:
    forms = [
        RequestForm(Right.ACCESS, (Identifier("account_id", "42"),), request_id="access"),
        RequestForm(Right.ERASURE, (Identifier("account_id", "42"),), request_id="erasure"),
    ]
    rig.intake.submit(forms)
    rig.pump()
    assert rig.state("access").phase is rig.state("erasure").phase is Phase.CLOSED


def test_an_access_that_could_not_be_taken_in_is_nobody_to_wait_for(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    real = machine.step

    def step(plan: Plan, state: RequestState | None, event: Event, newer: Plan | None = None) -> machine.Step:
        if event.request_id == "access":
            raise ZeroDivisionError
        return real(plan, state, event, newer)

    monkeypatch.setattr(machine, "step", step)
    rig.intake.submit([_form("erasure"), _form("access", right=Right.ACCESS)])
    rig.pump()
    assert rig.state("erasure").phase is Phase.CLOSED


def test_others_do_not_wait(rig: Rig) -> None:
    rig.intake.submit([_form("access", right=Right.ACCESS), _form("erasure", OTHER.email)])
    rig.engine.apply_waiting()
    assert rig.state("erasure").waits_for == ()


# -- retries ------------------------------------------------------------------------------------------------
def test_a_retry_needs_a_request_that_waits_for_a_person(rig: Rig) -> None:
    with pytest.raises(UsageError, match="no request"):
        rig.engine.resume("r1", "operator")
    rig.submit("r1", email=SUBJECT.email)
    rig.engine.apply_waiting()
    with pytest.raises(UsageError, match="does not wait"):
        rig.engine.resume("r1", "operator")


def test_a_retry_pressed_twice_is_one_and_a_later_one_counts_again(rig: Rig) -> None:
    rig.submit("r1", email=SUBJECT.email)
    rig.engine.apply_waiting()
    for number in (1, 2, 3):
        tasks = rig.engine.next_tasks("crm")
        rig.clock.move(hours=9)
        rig.engine.confirm([], tasks or rig.engine.next_tasks("crm"))
        rig.engine.resume("r1", "operator")
        rig.engine.resume("r1", "operator")
        rig.engine.apply_waiting()
        assert sum(row.type == "Resumed" for row in rig.history("r1")) == number
        assert rig.reasons("r1") == []


# -- versions -----------------------------------------------------------------------------------------------
def test_a_state_of_a_newer_version_stops_the_worker_and_is_left_alone(rig: Rig) -> None:
    rig.submit("r1", email=SUBJECT.email)
    rig.engine.apply_waiting()
    tasks = rig.engine.next_tasks("crm")
    answers = rig.execute("crm", tasks)
    newer = msgspec.structs.replace(rig.state("r1"), logic=LOGIC + 1)
    unreadable = msgspec.msgpack.encode({"logic": LOGIC + 1, "phase": "a phase of the future"})
    for blob in (state_bytes(newer), unreadable):
        with rig.store.write() as tx:
            assert isinstance(tx, SqlTransaction)
            tx.connection.exec_driver_sql("UPDATE requests SET state = ?", (blob,))
        with pytest.raises(UsageError, match="newer version") as caught:
            rig.engine.confirm(answers, tasks)
        assert "install" in caught.value.fix
        rig.clock.move(days=30)
        with pytest.raises(UsageError, match="newer version"):
            rig.engine.fire_timers()
        _journal(rig, "r1", b"x" * 3, "Resumed")
        with pytest.raises(UsageError, match="newer version"):
            rig.engine.apply_waiting()
        with rig.store.write() as tx:
            tx.take_waiting(tx.waiting(9))
        assert rig.dead() == []
        with rig.store.read() as tx, pytest.raises(UsageError, match="newer version"):
            load_state(tx, "r1")
    for broken in (b"", b"\xc1", bytes(9)):
        with rig.store.write() as tx:
            assert isinstance(tx, SqlTransaction)
            tx.connection.exec_driver_sql("UPDATE requests SET state = ?", (broken,))
        with rig.store.read() as tx, pytest.raises((DependencyError, UsageError)):
            load_state(tx, "r1")


def test_what_this_version_does_not_know_is_a_newer_versions_whatever_its_number_says(rig: Rig) -> None:
    """A version that forgot to count up: its field would be dropped, and its phase buried as a bug of an event."""
    rig.submit("r1", email=SUBJECT.email)
    rig.engine.apply_waiting()
    tasks = rig.engine.next_tasks("crm")
    answers = rig.execute("crm", tasks)
    plain = msgspec.to_builtins(rig.state("r1"))
    system = plain["systems"]["crm"]
    for newer in (
        plain | {"patience": "long"},
        plain | {"phase": "a phase of the future"},
        plain | {"systems": plain["systems"] | {"crm": system | {"shift": 3}}},
        plain | {"systems": plain["systems"] | {"crm": system | {"outcomes": {"notes": {"outcome": "shredded"}}}}},
    ):
        blob = msgspec.msgpack.encode(newer)
        with rig.store.write() as tx:
            assert isinstance(tx, SqlTransaction)
            tx.connection.exec_driver_sql("UPDATE requests SET state = ?", (blob,))
        for work in (
            lambda: rig.engine.confirm(answers, tasks),
            lambda: rig.engine.receive(answers),
            lambda: rig.engine.package_key("r1"),
            rig.engine.audit,
        ):
            with pytest.raises(UsageError, match="newer version"):
                work()
        assert rig.dead() == []
        with rig.store.read() as tx:
            assert tx.states(["r1"]) == {"r1": blob}


def test_a_plan_or_an_event_of_a_newer_version_stops_the_worker_too(rig: Rig) -> None:
    rig.submit("r1", email=SUBJECT.email)
    rig.engine.apply_waiting()
    answers = rig.execute("crm", rig.engine.next_tasks("crm"))
    with rig.store.write() as tx:
        assert isinstance(tx, SqlTransaction)
        body = tx.plan(rig.plan.digest())
        assert body is not None
        newer = body.replace(b'"policy_version":', b'"mercy":"none","policy_version":')
        tx.connection.exec_driver_sql("UPDATE plans SET body = ?", (newer,))
    other = msgspec.structs.replace(rig.plan, policy_version="later")
    with pytest.raises(UsageError, match="newer version"):
        Engine(rig.store, rig.keys, rig.clock, rig.chance, other).receive(answers)
    _journal(rig, "r1", b"{}", "Pardoned")
    with pytest.raises(UsageError, match="newer version"):
        rig.engine.apply_waiting()
    assert rig.dead() == []


def test_whoever_writes_a_state_says_which_version_it_is(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.submit("r1", email=SUBJECT.email)
    rig.engine.apply_waiting()
    for module in (batch, stored):
        monkeypatch.setattr(module, "LOGIC", LOGIC + 1)
    rig.engine.receive(rig.execute("crm", rig.engine.next_tasks("crm")))
    assert rig.state("r1").logic == LOGIC + 1
    assert rig.engine.audit() == []


def test_a_request_is_decided_under_the_plan_it_came_with(rig: Rig) -> None:
    rig.seed(SUBJECT)
    rig.submit("r1", email=SUBJECT.email)
    rig.engine.apply_waiting()
    later = msgspec.structs.replace(rig.plan, policy_version="later")
    rig.engine = Engine(rig.store, rig.keys, rig.clock, rig.chance, later)
    rig.pump()
    assert rig.records("r1")[0].policy_version == "test"
    rig.submit("r2", email=OTHER.email)
    rig.pump()
    assert rig.records("r2")[0].policy_version == "later"
    assert rig.engine.audit() == []


def test_a_plan_that_is_missing_is_told(rig: Rig) -> None:
    rig.submit("r1", email=SUBJECT.email)
    rig.engine.apply_waiting()
    with rig.store.write() as tx:
        assert isinstance(tx, SqlTransaction)
        tx.connection.exec_driver_sql("DELETE FROM plans")
    rig.engine = Engine(
        rig.store, rig.keys, rig.clock, rig.chance, msgspec.structs.replace(rig.plan, policy_version="x")
    )
    with pytest.raises(DependencyError, match="plan"):
        rig.engine.confirm(rig.execute("crm", rig.engine.next_tasks("crm")))
    assert rig.dead() == []


# -- capsules -----------------------------------------------------------------------------------------------
def test_i04_a_capsule_hides_what_it_holds(rig: Rig) -> None:
    from rich.pretty import pretty_repr

    capsule = Capsule(b"s" * 16, {}, {})
    capsule.add("email", SUBJECT.email)
    assert SUBJECT.email not in repr(capsule)
    assert SUBJECT.email not in pretty_repr(capsule)


def test_a_capsule_opens_only_for_its_request_and_key() -> None:
    box = CapsuleBox(b"k" * 32, chance)
    sealed = box.seal("r1", box.new())
    assert box.open("r1", sealed).identifiers == {}
    for other, name in ((box, "r2"), (CapsuleBox(b"x" * 32, chance), "r1")):
        with pytest.raises(DependencyError, match="cannot be opened"):
            other.open(name, sealed)


def test_references_of_one_person_differ_from_request_to_request(rig: Rig) -> None:
    rig.intake.submit([_form("r1"), _form("r2")])
    rig.engine.apply_waiting()
    assert rig.state("r1").known[0].ref != rig.state("r2").known[0].ref
    assert parts_of("r1", state_bytes(rig.state("r1"))) == []
    assert isinstance(rig.intake, Intake)
