"""Some lines of a record shown alone: they hold for both verifiers, the others stay hidden, and nothing else passes."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.errors import VerificationError
from orchestrator.keys.signing import RecordSigner, RecordVerifier
from orchestrator.ledger import jws, outline
from orchestrator.ledger import record as ledger
from orchestrator.ledger.trust import RecordKey, Trust
from schemas.completion import JWS_TYP, CompletionRecord, OwedLine, RecipientLine, Sources
from schemas.outcomes import Attested, Notified
from schemas.sealing import b64u, unb64u
from tests.support.absent import SERVICE_ABSENT
from tests.support.ledgers import SIGNER as LEDGER
from tests.unit.ledger.test_record import JWS, KEY, RECORD, SALT, SIGNER

ROOT: Final = Path(__file__).parents[3]
SALTS: Final = outline.salts(b"k" * 32, RECORD.record_id)
OUTLINE: Final = outline.make(JWS, SALTS, SIGNER)
PLACES: Final = sorted(outline.lines_of(json.loads(unb64u(JWS.split(b".")[1].decode()))))
TRUST: Final = Trust([RecordKey(KEY)])


def shown(*places: str, record: bytes = JWS, signed: bytes = OUTLINE, salts: outline.Salts = SALTS) -> bytes:
    return outline.disclose(record, signed, places, salts)


def check(raw: bytes) -> outline.Shown:
    return TRUST.disclosure(outline.read(raw))


def altered(raw: bytes, change: Any) -> bytes:
    said = json.loads(raw)
    change(said)
    return jws.canonical(said)


def resigned(change: Any, signer: RecordSigner = SIGNER, typ: str = outline.TYP) -> bytes:
    """An outline as somebody would make who holds the key, with the first line shown."""
    said = json.loads(unb64u(OUTLINE.split(b".")[1].decode()))
    change(said)
    return shown(PLACES[0], signed=jws.signed(jws.canonical(said), typ, signer))


def rich() -> CompletionRecord:
    """A record with lines of every kind, one recipient twice."""
    told = (
        RecipientLine("house", "processor", ("crm/invoices",), Attested("dpo", "2026-01-02", "0" * 64)),
        RecipientLine("house", "recipient", ("crm/invoices",), Notified("house")),
    )
    by_hand = (RECORD.systems[0].record_sets[0],)
    owed = (OwedLine("retention", "2030-05-05", "crm/invoices"),)
    return msgspec.structs.replace(
        RECORD,
        recipients=told,
        by_hand=by_hand,
        owed=owed,
        scope=("crm", "hr"),
        sources=Sources({"crm": "1" * 64}, "2" * 64),
    )


def test_every_line_can_be_shown_alone_and_says_how_many_are_hidden() -> None:
    assert PLACES == ["not_searched/hr", "plan_sha256", "systems/crm/contacts", "systems/crm/invoices"]
    for place in PLACES:
        found = check(shown(place))
        assert list(found.lines) == [place]
        assert found.hidden == 3
        assert found.head.headline == RECORD.headline
        assert found.head.systems == ()
    all_of_it = check(shown(*PLACES))
    assert all_of_it.hidden == 0
    kept = all_of_it.lines["systems/crm/invoices"]
    assert isinstance(kept, outline.SystemPart)
    assert kept.record_set == next(one for one in RECORD.systems[0].record_sets if one.name == "invoices")


def test_lines_of_every_kind_come_back_as_they_are() -> None:
    one = rich()
    raw = jws.signed(ledger.canonical(msgspec.structs.replace(one, salt=b64u(SALT))), JWS_TYP, SIGNER)
    places = list(outline.lines_of(json.loads(unb64u(raw.split(b".")[1].decode()))))
    signed = outline.make(raw, SALTS, SIGNER)
    found = check(outline.disclose(raw, signed, places, SALTS))
    assert found.hidden == 0
    assert found.lines["recipients/0/house"] == one.recipients[0]
    assert found.lines["recipients/1/house"] == one.recipients[1]
    assert found.lines["by_hand/0/contacts"] == one.by_hand[0]
    assert found.lines["owed/0"] == one.owed[0]
    assert found.lines["sources"] == one.sources
    assert found.lines["scope"] == one.scope
    outline.agrees(signed, raw, SALTS, KEY)
    head = set(json.loads(unb64u(raw.split(b".")[1].decode()))) - {"salt", *outline.__dict__["_HIDDEN"]}
    assert set(json.loads(unb64u(signed.split(b".")[1].decode()))["head"]) == head, "nothing of a record gets lost"


def test_what_is_hidden_is_not_in_the_file_and_cannot_be_guessed_without_its_salt() -> None:
    raw = shown("not_searched/hr")
    payload = unb64u(json.loads(raw)["outline"].split(".")[1])
    for word in (b"contacts", b"invoices", b64u(SALT).encode(), b'"crm"'):
        assert word not in payload
        assert word not in raw
    # Whoever knows the line exactly, but not its salt, finds none of the digests.
    line = outline.lines_of(json.loads(unb64u(JWS.split(b".")[1].decode())))["systems/crm/contacts"]
    guess = b64u(outline.__dict__["_digest"]("systems/crm/contacts", line, bytes(32)))
    assert guess not in json.loads(payload)["lines"]
    assert len({SALTS(place) for place in PLACES} | {SALT}) == len(PLACES) + 1


def test_the_order_of_the_digests_says_nothing() -> None:
    lines = json.loads(unb64u(OUTLINE.split(b".")[1].decode()))["lines"]
    assert lines == sorted(lines)


def test_an_outline_agrees_with_its_record_and_no_other() -> None:
    outline.agrees(OUTLINE, JWS, SALTS, KEY)
    other = ledger.sign(msgspec.structs.replace(RECORD, due_at="2099-01-01"), SALT, SIGNER)
    with pytest.raises(VerificationError, match="not that of the record"):
        outline.agrees(OUTLINE, other, SALTS, KEY)


def test_one_made_later_says_so() -> None:
    later = outline.make(JWS, SALTS, SIGNER, "2027-01-01T00:00:00.000Z")
    assert check(shown(PLACES[0], signed=later)).made_at == "2027-01-01T00:00:00.000Z"
    assert check(shown(PLACES[0])).made_at is None


def _doubled(said: dict[str, Any]) -> None:
    said["lines"].append(said["lines"][0])


def _other_salt(said: dict[str, Any]) -> None:
    said["lines"][0]["salt"] = b64u(bytes(32))


def _short_salt(said: dict[str, Any]) -> None:
    said["lines"][0]["salt"] = b64u(bytes(16))


def _other_place(said: dict[str, Any]) -> None:
    said["lines"][0]["place"] = "systems/crm/contacts"


def _no_such_place(said: dict[str, Any]) -> None:
    said["lines"][0]["place"] = "heads/crm"


def _more(said: dict[str, Any]) -> None:
    said["more"] = 1


def _more_in_line(said: dict[str, Any]) -> None:
    said["lines"][0]["more"] = 1


def _altered_line(said: dict[str, Any]) -> None:
    said["lines"][0]["line"]["record_set"]["outcome"]["count"] = 1


def _unknown_in_line(said: dict[str, Any]) -> None:
    said["lines"][0]["line"]["more"] = 1


def _nothing_shown(said: dict[str, Any]) -> None:
    said["lines"] = []


def _record_for_outline(said: dict[str, Any]) -> None:
    said["outline"] = JWS.decode()


def _other_version(said: dict[str, Any]) -> None:
    said["v"] = 2


FORGED: Final = {
    "doubled": (_doubled, "twice"),
    "other_salt": (_other_salt, "not one of the record's"),
    "short_salt": (_short_salt, "not a disclosure"),
    "other_place": (_other_place, "not a disclosure"),
    "no_such_place": (_no_such_place, "not a disclosure"),
    "more": (_more, "not a disclosure"),
    "more_in_line": (_more_in_line, "not a disclosure"),
    "altered_line": (_altered_line, "not one of the record's"),
    "unknown_in_line": (_unknown_in_line, "not a disclosure|not one of the record's"),
    "nothing_shown": (_nothing_shown, "not a disclosure"),
    "record_for_outline": (_record_for_outline, "expected way"),
    "other_version": (_other_version, "not a disclosure"),
}


def _lines_in_head(said: dict[str, Any]) -> None:
    said["head"]["not_searched"] = {}


def _other_record(said: dict[str, Any]) -> None:
    said["record_id"] = "other.1"


def _unsorted(said: dict[str, Any]) -> None:
    said["lines"].reverse()


def _no_digest(said: dict[str, Any]) -> None:
    said["record_sha256"] = "0"


def _not_the_line(said: dict[str, Any]) -> None:
    said["lines"] = said["lines"][:0]


BY_THE_KEY: Final = {
    "lines_in_head": (_lines_in_head, "not a disclosure|holds lines"),
    "other_record": (_other_record, "not a disclosure|another record"),
    "unsorted": (_unsorted, "not in order"),
    "no_digest": (_no_digest, "not a disclosure"),
    "not_the_line": (_not_the_line, "not one of the record's"),
}


def _refused() -> dict[str, tuple[bytes, str]]:
    whole = shown("systems/crm/invoices")
    found = {name: (altered(whole, change), why) for name, (change, why) in FORGED.items()}
    found |= {name: (resigned(change), why) for name, (change, why) in BY_THE_KEY.items()}
    stranger = RecordSigner(bytes(range(1, 33)))
    found["another_key"] = (resigned(lambda _: None, stranger), "another key than")
    found["another_kind"] = (resigned(lambda _: None, typ=JWS_TYP), "expected way")
    found["not_canonical"] = (whole.replace(b'","lines":', b'", "lines":'), "canonical")
    found["line_twice_as_key"] = (whole[:-1] + b',"v":1}', "canonical|not a disclosure")
    found["no_json"] = (b"{", "not a disclosure|not JSON")
    found["deep"] = (b'{"a":' + b"[" * 100_000, "not a disclosure|not JSON")
    return found


@pytest.mark.parametrize("name", sorted(_refused()))
def test_what_is_forged_is_refused_with_the_reason(name: str) -> None:
    raw, why = _refused()[name]
    with pytest.raises(VerificationError, match=why):
        check(raw)


def test_an_outline_is_no_record_and_an_unknown_line_cannot_be_shown() -> None:
    with pytest.raises(VerificationError, match="expected way"):
        ledger.verify(OUTLINE, KEY)
    with pytest.raises(LookupError):
        shown("systems/crm/nothing")


def test_a_retired_key_counts_for_what_was_completed_before_it_was_retired() -> None:
    read = outline.read(shown(PLACES[0]))
    Trust([RecordKey(KEY, retired_at="2099-01-01T00:00:00.000Z")]).disclosure(read)
    with pytest.raises(VerificationError, match="retired before"):
        Trust([RecordKey(KEY, retired_at=RECORD.completed_at)]).disclosure(read)
    lost = Trust([RecordKey(KEY, lost_at=7)])
    with pytest.raises(VerificationError, match="a place in the ledger"):
        lost.disclosure(read)
    lost.disclosure(read, lambda _: 6)
    with pytest.raises(VerificationError, match="after it was lost"):
        lost.disclosure(read, lambda _: 7)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_altered_byte_is_believed(data: st.DataObject) -> None:
    raw = bytearray(shown("systems/crm/invoices"))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(VerificationError):
        check(bytes(raw))


def test_both_verifiers_refuse_every_altered_byte_and_every_forgery(tmp_path: Path) -> None:
    raw = shown("systems/crm/invoices")
    for at in range(len(raw)):
        bad = bytearray(raw)
        bad[at] ^= 1 << (at % 8)
        with pytest.raises(VerificationError):
            check(bytes(bad))
    if shutil.which("node") is None:
        pytest.skip(f"{SERVICE_ABSENT} node")
    refused = {name: bad for name, (bad, _) in _refused().items()}
    files = []
    for name, one in {"good": raw, "all": shown(*PLACES) + b"\n", **refused}.items():
        files.append(tmp_path / name)
        files[-1].write_bytes(one)
    (tmp_path / "record.pub.jwk").write_text(json.dumps({"kty": "OKP", "crv": "Ed25519", "x": b64u(SIGNER.public)}))
    cases = {"files": list(map(str, files)), "proof": None, "flip": str(tmp_path / "good")}
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    command = ["node", str(ROOT / "tests/support/lines_each.mjs"), str(ROOT / "docs/examples/verify.mjs")]
    done = subprocess.run(
        [*command, str(tmp_path / "record.pub.jwk"), LEDGER.vkey, str(tmp_path / "cases.json")],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["accepted"], found["crashed"]) == ([], [])
    said = dict(zip([one.name for one in files], found["files"], strict=True))
    assert (said.pop("good"), said.pop("all")) == (None, None)
    assert {name: why for name, why in said.items() if why is None or why.startswith("CRASH")} == {}


def test_the_key_of_the_signature_is_that_of_the_record() -> None:
    assert jws.kid_of(OUTLINE) == jws.kid_of(JWS) == RecordVerifier(SIGNER.public).kid
