"""Receipts: each opens the evidence of its own request, is given while it is open, and leads to nobody."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from rich.pretty import pretty_repr

from connectors.testing.canary import find_canaries
from connectors.testing.people import OTHER, SUBJECT
from orchestrator.core.model import Phase
from orchestrator.engine import Submitted, wire
from orchestrator.engine import receipts as engine_receipts
from orchestrator.engine.intake import Prepared
from orchestrator.errors import UsageError
from orchestrator.ledger import entries
from schemas import receipts
from schemas.codec import decode_event, encode
from schemas.errors import SchemaError
from schemas.identifiers import Identifier
from schemas.particulars import Sealing
from schemas.publishing import request_event
from schemas.requests import RequestForm, Right, utc
from schemas.sealing import Binding
from tests.support import events
from tests.support.rig import PLAIN, Rig, Templates

OWN = receipts.made(b"made by a shop.")


@pytest.fixture
def rig(tmp_path: Path, templates: Templates) -> Rig:
    rig = Rig(tmp_path / "home", templates, PLAIN)
    rig.seed(SUBJECT, OTHER)
    return rig


def submitted(rig: Rig, request_id: str, email: str = SUBJECT.email, commitment: str | None = None) -> str:
    form = RequestForm(Right.ERASURE, (Identifier("email", email),), request_id=request_id, receipt_sha256=commitment)
    (done,) = rig.intake.submit([form])
    return done.receipt


def given(rig: Rig, request_id: str) -> str:
    return engine_receipts.given(rig.store, rig.keys, rig.chance, request_id)


def opened(rig: Rig, *shown: str) -> dict[str, tuple[str, ...]]:
    with rig.store.read() as tx:
        return engine_receipts.opened(tx, rig.keys, shown)


def commitments(rig: Rig, request_id: str) -> set[str | None]:
    """What every document of a request says: its records, and the statement that it was received."""
    with rig.store.read() as tx:
        documents = [row.statement for row in tx.leaves_of(request_id) if row.statement is not None]
    said = [entries.read(one) for one in documents]
    found = {one.receipt_sha256 for one in said if isinstance(one, entries.Received)}
    return found | {one.receipt_sha256 for one in rig.records(request_id)}


def test_it_opens_the_evidence_of_its_own_request_and_of_no_other(rig: Rig) -> None:
    mine, yours = submitted(rig, "r1"), submitted(rig, "r2", OTHER.email)
    rig.pump()
    assert commitments(rig, "r1") == {receipts.commitment(mine)}
    assert commitments(rig, "r2") == {receipts.commitment(yours)}
    strange = receipts.made(bytes(15))
    assert opened(rig, mine, yours, strange) == {mine: ("r1",), yours: ("r2",), strange: ()}


def test_it_is_found_before_the_request_is_begun_too(rig: Rig) -> None:
    mine = submitted(rig, "r1")
    submitted(rig, "r2")
    assert opened(rig, mine.lower()) == {mine.lower(): ("r1",)}
    assert given(rig, "r1") == mine


def test_it_is_given_again_until_the_request_closes_and_then_gone_to_the_last_byte(rig: Rig) -> None:
    mine = submitted(rig, "r1")
    rig.engine.apply_waiting()
    assert given(rig, "r1") == mine
    rig.turn()
    assert given(rig, "r1") == mine
    rig.pump()
    assert rig.state("r1").phase is Phase.CLOSED
    with pytest.raises(UsageError) as caught:
        given(rig, "r1")
    assert caught.value.why == "it went when the request closed"
    assert opened(rig, mine) == {mine: ("r1",)}
    rig.close()


def test_what_outlives_the_close_keeps_no_receipt(tmp_path: Path, templates: Templates) -> None:
    rig = Rig(tmp_path / "home", templates)
    rig.seed(SUBJECT)
    mine = submitted(rig, "r1")
    rig.pump()
    with rig.store.read() as tx:
        capsule = rig.engine._box.open("r1", tx.capsules(["r1"])["r1"])
    assert capsule.identifiers
    assert capsule.receipt == ""
    rig.clock.move(days=366 * 11)
    rig.pump()
    assert [one.number for one in rig.records("r1")] == [1, 2]
    assert commitments(rig, "r1") == {receipts.commitment(mine)}
    with pytest.raises(UsageError, match="not kept"):
        given(rig, "r1")


def test_i04_it_never_stands_in_a_byte_of_the_store_or_of_a_message(rig: Rig) -> None:
    mine = submitted(rig, "r1")
    values = [mine, mine.replace("-", "")]

    def searched() -> list[str]:
        files = b"".join(file.read_bytes() for file in sorted(rig.home.rglob("*")) if file.is_file())
        return find_canaries(files, values)

    assert searched() == []
    rig.engine.apply_waiting()
    tasks = rig.engine.next_tasks("crm")
    assert find_canaries(b"".join(encode(one) for one in tasks), values) == []
    assert searched() == []
    rig.pump()
    assert searched() == []


def test_i04_nothing_that_holds_it_shows_it(rig: Rig) -> None:
    mine = submitted(rig, "r1")
    (row,) = rig.history("r1")
    held = [Submitted("r1", new=True, receipt=mine), Prepared(row, mine), Sealing((), {}, mine), wire.Receipt(mine)]
    capsule = rig.engine._box.new()
    capsule.receipt = mine
    for one in [*held, capsule]:
        assert mine not in repr(one) + str(one) + pretty_repr(one)


def test_the_same_form_again_changes_nothing_and_gives_nothing(rig: Rig) -> None:
    mine = submitted(rig, "r1")
    assert submitted(rig, "r1") == ""
    assert given(rig, "r1") == mine
    rig.pump()
    assert submitted(rig, "r2") != mine


def test_each_of_several_has_its_own(rig: Rig) -> None:
    forms = [RequestForm(Right.ACCESS, (Identifier("email", SUBJECT.email),)) for _ in range(3)]
    assert len({one.receipt for one in rig.intake.submit(forms)}) == 3


# -- of other programs -------------------------------------------------------------------------------------
def published(rig: Rig, request_id: str, **more: str) -> bytes:
    """Seal an object as docs/wire-format.md says."""
    identifiers = [{"kind": "email", "value": SUBJECT.email}]
    plain = msgspec.json.encode({"identifiers": identifiers, **more})
    public = rig.keys.intake.public()
    sealed = public.seal(plain, Binding(req=request_id, use="request"), nonce=rig.chance(12), ephemeral=rig.chance(32))
    raw = events.request_event(public, rig.clock, rig.chance, request_id, email=SUBJECT.email)
    data = msgspec.json.decode(bytes(decode_event(raw).data)) | {"sealed": sealed}
    return events.changed(raw, data=msgspec.Raw(msgspec.json.encode(data)))


def test_a_program_that_made_it_gives_the_commitment_alone(rig: Rig) -> None:
    rig.engine.receive([published(rig, "r1", receipt_sha256=receipts.commitment(OWN))])
    assert opened(rig, OWN) == {OWN: ("r1",)}
    with pytest.raises(UsageError) as caught:
        given(rig, "r1")
    assert "kept it to the person" in str(caught.value.why)
    assert submitted(rig, "r2", commitment=receipts.commitment(OWN)) == ""
    assert opened(rig, OWN) == {OWN: ("r1", "r2")}
    with pytest.raises(UsageError, match="not kept"):
        given(rig, "r2")


def test_a_program_may_seal_the_receipt_itself_so_that_it_can_be_given_again(rig: Rig) -> None:
    rig.engine.receive([published(rig, "r1", receipt=OWN.lower())])
    assert given(rig, "r1") == OWN
    rig.pump()
    assert opened(rig, OWN) == {OWN: ("r1",)}


@pytest.mark.parametrize(
    "more",
    [
        {"receipt": OWN[:-1] + "Z"},
        {"receipt": OWN, "receipt_sha256": "0" * 64},
        {"receipt_sha256": OWN},
        {"receipt": ""},
    ],
)
def test_a_receipt_that_is_none_is_not_passed_over(rig: Rig, more: dict[str, str]) -> None:
    rig.engine.receive([published(rig, "r1", **more)])
    if any(more.values()):
        assert rig.dead() == [("r1", "SchemaError")]
    else:
        assert receipts.read(given(rig, "r1"))


def test_i05_one_that_came_without_gets_the_same_one_however_often_it_is_read(
    rig: Rig, tmp_path: Path, templates: Templates
) -> None:
    event = events.request_event(rig.keys.intake.public(), rig.clock, rig.chance, "r1", email=SUBJECT.email)
    another = events.request_event(rig.keys.intake.public(), rig.clock, rig.chance, "r2", email=SUBJECT.email)
    rig.engine.receive([event, another])
    mine = given(rig, "r1")
    assert mine != given(rig, "r2")
    # The store was lost and the topic is read again, with other chance: what the person was given holds.
    other = Rig(tmp_path / "other", templates, PLAIN)
    other.seed(SUBJECT)
    other.chance(99)
    other.engine.receive([event])
    assert given(other, "r1") == mine
    other.pump()
    assert commitments(other, "r1") == {receipts.commitment(mine)}
    assert other.engine.audit() == []


def test_it_is_made_of_a_key_and_of_chance_and_of_no_identifier(rig: Rig) -> None:
    form = RequestForm(Right.ERASURE, (Identifier("email", SUBJECT.email),))
    public = rig.keys.intake.public()

    def of(chance: bytes, email: str = SUBJECT.email, request_id: str = "r") -> str:
        one = msgspec.structs.replace(form, identifiers=(Identifier("email", email),))
        event = request_event(
            one, public, request_id=request_id, source="/x", now=utc(rig.clock.now()),
            chance=lambda count: (chance * count)[:count],
        )  # fmt: skip
        return wire.open_request(event, request_id, rig.keys).receipt.shown

    assert of(b"a") == of(b"a", OTHER.email)
    assert len({of(b"a"), of(b"b"), of(b"a", request_id="q")}) == 3


# -- what has none -----------------------------------------------------------------------------------------
def test_a_request_from_before_there_were_receipts_has_none(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    submitted(rig, "r1")
    monkeypatch.setattr("orchestrator.engine.wire.Receipt", lambda *_: wire.NO_RECEIPT)
    rig.engine.apply_waiting()
    monkeypatch.undo()
    rig.pump()
    assert commitments(rig, "r1") == {None}
    assert "receipt_sha256" not in msgspec.to_builtins(rig.records("r1")[0])
    with pytest.raises(UsageError, match="no receipt"):
        given(rig, "r1")


def test_what_is_not_there_or_cannot_be_read(rig: Rig) -> None:
    with pytest.raises(UsageError, match="no request nobody"):
        given(rig, "nobody")
    with pytest.raises(SchemaError):
        opened(rig, OWN[:-2])
    submitted(rig, "r1")
    with rig.store.write() as tx:
        tx.connection.exec_driver_sql("UPDATE journal SET wire = CAST('{}' AS BLOB)")
    with pytest.raises(UsageError, match="no receipt"):
        given(rig, "r1")
