"""A signed record: it verifies, nothing altered does, and it never says more than its lines (I1, I13)."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws as joserfc_jws
from joserfc.jwk import OKPKey

from orchestrator.core import aggregate, completion, procedures, recipients, recipients_told
from orchestrator.errors import VerificationError
from orchestrator.keys.signing import RecordSigner, RecordVerifier
from orchestrator.ledger import claims
from orchestrator.ledger import record as ledger
from schemas.completion import JWS_TYP, CompletionRecord, RecipientLine, RecordSetLine, SystemLine
from schemas.errors import SchemaError
from schemas.outcomes import (
    Anonymised,
    Attested,
    Deleted,
    Exported,
    Kept,
    KeptWhy,
    Lifted,
    NothingHeld,
    Notified,
    Outcome,
    Rectified,
    Restricted,
    Stopped,
)
from schemas.sealing import b64u, unb64u
from tests.support.stories import TEN_YEARS, Story, at, contacts, deleted, found, invoices, plan, system

SIGNER = RecordSigner(bytes(range(32)))
KEY = RecordVerifier(SIGNER.public)
SALT = bytes(32)


def one_record() -> CompletionRecord:
    story = Story(plan(system("crm", contacts(), invoices(kinds=("email",))), system("hr", contacts(kinds=()))))
    story.answer("crm", {"contacts": found(2), "invoices": found(3, last="2020-05-05")})
    kept = Kept(3, TEN_YEARS.why, TEN_YEARS.text, "2030-05-05", "2028-01-01", masked=True, looked_at=at())
    story.answer("crm", {"contacts": deleted(2), "invoices": kept})
    return story.records[0]


RECORD = one_record()
JWS = ledger.sign(RECORD, SALT, SIGNER)


def signed(payload: bytes, header: dict[str, Any] | bytes | None = None, signer: RecordSigner = SIGNER) -> bytes:
    """Sign anything, as somebody would who holds the key and means ill, or errs."""
    if header is None:
        header = {"alg": "Ed25519", "kid": signer.kid, "typ": JWS_TYP}
    head = header if isinstance(header, bytes) else rfc8785.dumps(header)
    data = f"{b64u(head)}.{b64u(payload)}".encode()
    return data + b"." + b64u(signer.sign(data)).encode()


def payload(**changes: Any) -> bytes:
    plain = json.loads(unb64u(JWS.split(b".")[1].decode()))
    plain.update(changes)
    return rfc8785.dumps({name: value for name, value in plain.items() if value is not None})


def lines(right: str, *outcomes: Outcome, **changes: Any) -> CompletionRecord:
    """A record with these lines; an attested one says so."""
    sets = tuple(
        RecordSetLine(f"set{n}", one, "rule", "attested" if isinstance(one, Attested) else "verified")  # type: ignore[arg-type]  # also what is not final
        for n, one in enumerate(outcomes)
    )
    systems = (SystemLine("crm", "crm/1", at(), "0" * 64, sets),) if sets else ()
    base = msgspec.structs.replace(RECORD, right=right, systems=systems, not_searched={}, **changes)
    return msgspec.structs.replace(base, salt=b64u(SALT))


def verified(one: CompletionRecord) -> CompletionRecord:
    """Verify what somebody signed who does not look at it first."""
    return ledger.verify(signed(ledger.canonical(msgspec.structs.replace(one, salt=b64u(SALT)))), KEY)


# -- what holds -------------------------------------------------------------------------------------------
def test_what_was_signed_is_what_is_verified() -> None:
    assert ledger.verify(JWS, KEY) == msgspec.structs.replace(RECORD, salt=b64u(SALT))
    assert ledger.verify(JWS + b"\n", KEY).record_id == "req.1"


def test_i13_another_implementation_verifies_it() -> None:
    key = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": b64u(SIGNER.public)})
    found_there = joserfc_jws.deserialize_compact(JWS, key, algorithms=["Ed25519"])
    assert json.loads(found_there.payload)["record_id"] == "req.1"
    assert found_there.protected == {"alg": "Ed25519", "kid": key.thumbprint(), "typ": "dsr-completion+jws"}


def test_i13_what_another_implementation_signs_is_verified() -> None:
    key = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": b64u(SIGNER.public), "d": b64u(bytes(range(32)))})
    header = {"alg": "Ed25519", "kid": SIGNER.kid, "typ": JWS_TYP}
    made = joserfc_jws.serialize_compact(header, payload(), key, algorithms=["Ed25519"])
    assert ledger.verify(made.encode(), KEY).record_id == "req.1"


def test_the_older_name_of_the_algorithm_is_known() -> None:
    made = signed(payload(), {"alg": "EdDSA", "kid": SIGNER.kid, "typ": JWS_TYP})
    assert ledger.verify(made, KEY).record_id == "req.1"


def test_the_payload_is_rfc_8785() -> None:
    raw = unb64u(JWS.split(b".")[1].decode())
    assert raw == rfc8785.dumps(msgspec.to_builtins(msgspec.structs.replace(RECORD, salt=b64u(SALT))))


@settings(deadline=None, max_examples=40)
@given(st.text(max_size=30), st.dictionaries(st.text(max_size=5), st.text(max_size=10), max_size=4))
def test_the_payload_is_rfc_8785_whatever_the_texts(text: str, texts: dict[str, str]) -> None:
    one = msgspec.structs.replace(RECORD, due_rule=text, not_searched=texts)
    try:
        expected = rfc8785.dumps(msgspec.to_builtins(msgspec.structs.replace(one, salt=b64u(SALT))))
    except rfc8785.CanonicalizationError:
        return
    assert ledger.canonical(msgspec.structs.replace(one, salt=b64u(SALT))) == expected


@pytest.mark.parametrize(
    "changed",
    [
        {"due_rule": "ask ann@example.org"},
        {"policy_version": "as agreed with\nthe works council"},
        {"not_searched": {"hr": "Ann said that she never worked here"}},
        {"not_searched": {"hr/people of Ann": "out of the scope of the request"}},
        {"controllers": ("Acme, care of Mr Smith",)},
        {"ground": "she asks every week"},
        {"requester": "her sister"},
        {"statement": "It is all gone."},
        {"package_sha256": "copy-of-ann.zip"},
        {"recipients": (RecipientLine("mr smith", "processor", why_not="not asked"),)},
        {"recipients": (RecipientLine("x", "processor", why_not="he is on holiday"),)},
        {"systems": (SystemLine("crm", "sql/1", at(), "0" * 64, (RecordSetLine("a", NothingHeld(), "since ann"),)),)},
        {"systems": (SystemLine("crm", "/srv/x@y", at(), "0" * 64, ()),)},
    ],
)
def test_i04_no_free_text_is_signed(changed: dict[str, Any]) -> None:
    with pytest.raises(SchemaError, match="not in the form"):
        ledger.sign(msgspec.structs.replace(RECORD, **changed), SALT, SIGNER)


# -- what is altered --------------------------------------------------------------------------------------
def test_i13_every_single_altered_byte_is_refused() -> None:
    for place in range(len(JWS)):
        for flip in (0x01, 0x20, 0x80):
            altered = bytearray(JWS)
            altered[place] ^= flip
            with pytest.raises(VerificationError):
                ledger.verify(bytes(altered), KEY)


def test_i13_every_truncation_is_refused() -> None:
    for length in range(len(JWS)):
        with pytest.raises(VerificationError):
            ledger.verify(JWS[:length], KEY)


@given(st.binary(max_size=200))
def test_i13_rubbish_is_refused(rubbish: bytes) -> None:
    with pytest.raises(VerificationError):
        ledger.verify(rubbish, KEY)


@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=64))
def test_i13_rubbish_in_three_parts_is_refused(head: bytes, body: bytes, end: bytes) -> None:
    with pytest.raises(VerificationError):
        ledger.verify(".".join(map(b64u, (head, body, end))).encode(), KEY)


def test_i13_another_key_is_refused() -> None:
    other = RecordSigner(bytes(32))
    with pytest.raises(VerificationError, match="another key"):
        ledger.verify(ledger.sign(RECORD, SALT, other), KEY)
    # Also where it borrows the name of the right one.
    header = {"alg": "Ed25519", "kid": SIGNER.kid, "typ": JWS_TYP}
    with pytest.raises(VerificationError, match="signature"):
        ledger.verify(signed(payload(), header, other), KEY)


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "ed25519"},
        {"typ": "JWT"},
        {"jwk": "x"},
        {"crit": "b64"},
        {"b64": "false"},
        {"x5c": "x"},
    ],
)
def test_i13_nothing_in_the_header_is_trusted(change: dict[str, str]) -> None:
    header = {"alg": "Ed25519", "kid": SIGNER.kid, "typ": JWS_TYP} | change
    with pytest.raises(VerificationError, match="expected way"):
        ledger.verify(signed(payload(), header), KEY)


def test_i13_no_signature_at_all_is_refused() -> None:
    head = b64u(rfc8785.dumps({"alg": "none", "kid": SIGNER.kid, "typ": JWS_TYP}))
    with pytest.raises(VerificationError):
        ledger.verify(f"{head}.{b64u(payload())}.".encode(), KEY)


def test_i13_an_hmac_under_the_public_key_is_refused() -> None:
    import hmac

    head = b64u(rfc8785.dumps({"alg": "HS256", "kid": SIGNER.kid, "typ": JWS_TYP}))
    data = f"{head}.{b64u(payload())}".encode()
    mac = b64u(hmac.digest(SIGNER.public, data, hashlib.sha256)).encode()
    with pytest.raises(VerificationError):
        ledger.verify(data + b"." + mac, KEY)


@pytest.mark.parametrize("header", [b"[]", b"{}", b'{"alg":1}', b"\xff", b'"x"'])
def test_i13_odd_headers_are_refused(header: bytes) -> None:
    with pytest.raises(VerificationError):
        ledger.verify(signed(payload(), header), KEY)


# -- what was signed in error -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"NaN",
        b"\xff",
        b'{"v":1}',
        json.dumps(json.loads(payload()), indent=1).encode(),
        json.dumps(dict(reversed(json.loads(payload()).items())), separators=(",", ":")).encode(),
        payload(v=2),
        payload(kind="other"),
        payload(salt=b64u(bytes(31))),
        payload(salt="AA=="),
        payload(record_id="req.2"),
        payload(number=2),
        payload(unknown_field=1),
        payload(result=None),
        payload(number=1.5),
    ],
)
def test_i13_a_payload_that_is_no_record_of_this_version_is_refused(content: bytes) -> None:
    with pytest.raises(VerificationError):
        ledger.verify(signed(content), KEY)


KEPT = Kept(1, KeptWhy.LEGAL_OBLIGATION, "text", "2030-01-01")
GONE = Deleted(1, "delete", at())
MASKED = Anonymised(1, "mask", at())
COPY = Exported(1, "file", "0" * 64)
WORD = Attested("dpo", "2026-01-01", "0" * 64)
NONE = NothingHeld()


@pytest.mark.parametrize(
    ("right", "outcomes", "result", "headline"),
    [
        ("erasure", (GONE, NONE), "fulfilled", "deleted"),
        ("erasure", (GONE, MASKED), "fulfilled", "anonymised"),
        ("erasure", (GONE, WORD), "fulfilled", "attested"),
        ("erasure", (GONE, KEPT), "partly_fulfilled", "kept"),
        ("erasure", (NONE,), "nothing_held", "nothing_held"),
        ("erasure", (), "unidentifiable", "not_searched"),
        ("access", (COPY, NONE), "fulfilled", "exported"),
        ("erasure", (GONE,), "partly_fulfilled", "kept"),  # another system still keeps something
        ("erasure", (GONE,), "partly_fulfilled", "not_searched"),
    ],
)
def test_a_record_that_says_what_its_lines_say_holds(
    right: str, outcomes: tuple[Outcome, ...], result: str, headline: str
) -> None:
    one = lines(right, *outcomes, result=result, headline=headline)
    assert verified(one) == one


@pytest.mark.parametrize(
    ("right", "outcomes", "result", "headline"),
    [
        ("erasure", (GONE, KEPT), "fulfilled", "kept"),
        ("erasure", (GONE, KEPT), "partly_fulfilled", "deleted"),
        ("erasure", (GONE, MASKED), "fulfilled", "deleted"),
        ("erasure", (GONE, WORD), "fulfilled", "anonymised"),
        ("erasure", (NONE,), "fulfilled", "nothing_held"),
        ("erasure", (), "fulfilled", "not_searched"),
        ("erasure", (), "nothing_held", "not_searched"),
        ("erasure", (), "nothing_held", "nothing_held"),
        ("erasure", (GONE, NONE), "nothing_held", "deleted"),
        ("erasure", (GONE,), "unidentifiable", "not_searched"),
        ("erasure", (GONE,), "all_done", "deleted"),
        ("erasure", (GONE,), "fulfilled", "splendid"),
        ("erasure", (COPY,), "fulfilled", "exported"),
        ("access", (GONE,), "fulfilled", "deleted"),
        ("access", (KEPT,), "partly_fulfilled", "kept"),
        ("erasure", (Rectified(1),), "fulfilled", "not_searched"),
        ("rectification", (Restricted(1),), "fulfilled", "not_searched"),
        ("oblivion", (Rectified(1),), "fulfilled", "not_searched"),
        ("erasure", (Kept(1, KeptWhy.HOLD, "text"),), "partly_fulfilled", "kept"),
        ("erasure", (Kept(1, KeptWhy.HOLD, "", "2030-01-01"),), "partly_fulfilled", "kept"),
    ],
)
def test_i01_a_record_that_claims_more_than_its_lines_is_refused(
    right: str, outcomes: tuple[Outcome, ...], result: str, headline: str
) -> None:
    with pytest.raises(VerificationError):
        verified(lines(right, *outcomes, result=result, headline=headline))


@pytest.mark.parametrize("reason", ["GDPR Art. 11: cannot be identified there", "no such system is connected", ""])
@pytest.mark.parametrize("result", ["fulfilled", "nothing_held"])
def test_i12_a_record_that_did_not_search_everything_is_never_fulfilled(reason: str, result: str) -> None:
    outcome: Outcome = GONE if result == "fulfilled" else NONE
    one = lines("erasure", outcome, result=result, headline="not_searched")
    with pytest.raises(VerificationError):
        verified(msgspec.structs.replace(one, not_searched={"hr": reason}))
    headline = "deleted" if result == "fulfilled" else "nothing_held"
    one = msgspec.structs.replace(one, headline=headline, not_searched={"hr": completion.OUT_OF_SCOPE})
    assert verified(one) == one


@pytest.mark.parametrize(
    ("again", "why", "holds"),
    [
        ("recheck", "the person came back themselves", True),
        (None, "the person came back themselves", False),
        ("recheck", "nobody wants to look", False),
    ],
)
def test_i14_only_a_look_at_who_came_back_themselves_leaves_them_alone(
    again: str | None, why: str, holds: bool
) -> None:
    one = msgspec.structs.replace(
        RECORD,
        systems=(),
        result="not_subject",
        headline="not_subject",
        not_searched={"crm/contacts": f"not subject to this right: {why}"},
        looked_again=again,
    )
    signed_one = ledger.sign(one, SALT, SIGNER)
    if holds:
        assert ledger.verify(signed_one, KEY).looked_again == again
        return
    with pytest.raises(VerificationError):
        ledger.verify(signed_one, KEY)


def test_i07_a_line_without_a_rule_is_refused() -> None:
    one = lines("erasure", GONE, result="fulfilled", headline="deleted")
    line = RecordSetLine("set", GONE, "")
    bare = SystemLine("crm", "crm/1", at(), "0" * 64, (line,))
    with pytest.raises(VerificationError, match="not a completion record"):
        verified(msgspec.structs.replace(one, systems=(bare,)))
    with pytest.raises(VerificationError, match="rule"):
        claims.supports(msgspec.structs.replace(one, systems=(bare,)))


@pytest.mark.parametrize(("outcome", "assurance"), [(GONE, "attested"), (WORD, "verified"), (GONE, "sworn")])
def test_a_line_that_claims_another_assurance_is_refused(outcome: Deleted | Attested, assurance: str) -> None:
    headline = "deleted" if outcome is GONE else "attested"
    one = lines("erasure", GONE, result="fulfilled", headline=headline)
    line = RecordSetLine("set", outcome, "rule", assurance)
    with pytest.raises(VerificationError, match="assurance"):
        claims.supports(msgspec.structs.replace(one, systems=(SystemLine("crm", "crm/1", at(), "0" * 64, (line,)),)))


def test_i03_a_record_set_that_stands_twice_is_refused() -> None:
    one = lines("erasure", GONE, result="fulfilled", headline="deleted")
    with pytest.raises(VerificationError, match="twice"):
        verified(msgspec.structs.replace(one, systems=one.systems * 2))
    twice = msgspec.structs.replace(one.systems[0], record_sets=one.systems[0].record_sets * 2)
    with pytest.raises(VerificationError, match="twice"):
        verified(msgspec.structs.replace(one, systems=(twice,)))


def test_i12_a_system_that_the_request_is_not_about_has_no_line() -> None:
    one = lines("erasure", GONE, result="fulfilled", headline="deleted")
    assert verified(msgspec.structs.replace(one, scope=("crm", "hr"))).scope == ("crm", "hr")
    with pytest.raises(VerificationError, match="not about"):
        verified(msgspec.structs.replace(one, scope=("hr",)))


@pytest.mark.parametrize(("right", "holds"), [("restriction", True), ("objection", True), ("erasure", False)])
def test_what_another_restriction_keeps_marked_is_a_line_of_these_rights_only(right: str, holds: bool) -> None:
    record = lines(right, result="fulfilled", headline="restricted", number=2, record_id="req.2")
    record = msgspec.structs.replace(record, not_searched={"crm/contacts": f"{procedures.STAYS}req-9"})
    if holds:
        assert verified(record).headline == "restricted"
        return
    with pytest.raises(VerificationError, match="weakest line"):
        verified(record)


@pytest.mark.parametrize("bound", [("acme-es",), ("acme", "acme-es", "acme-es")])
def test_s01_joint_controllers_without_the_one_that_was_asked_or_twice_are_refused(bound: tuple[str, ...]) -> None:
    one = RECORD
    both = ("acme-es", *one.controllers)
    assert verified(msgspec.structs.replace(one, bound_controllers=both)).bound_controllers == both
    with pytest.raises(VerificationError, match="joint controllers"):
        verified(msgspec.structs.replace(one, bound_controllers=bound))


def test_the_core_and_the_verifier_agree_on_the_words() -> None:
    assert claims._WEAKEST_FIRST == aggregate.WEAKEST_FIRST
    assert claims._OUT_OF_SCOPE == completion.OUT_OF_SCOPE
    assert {recipients_told.UNASKED, recipients_told.ENDED} == claims._UNASKED
    assert {one.value for one in recipients.ASKS} == claims._ASKED_ABOUT


def test_errors_say_what_to_do() -> None:
    with pytest.raises(VerificationError) as caught:
        ledger.verify(b"x", KEY)
    assert caught.value.exit_code == 4
    assert caught.value.fix


# -- what the newer rights may not claim ------------------------------------------------------------------
@pytest.mark.parametrize(
    ("right", "outcome", "why"),
    [
        ("rectification", Rectified(1), "second look"),
        ("restriction", Restricted(1), "second look"),
        ("objection", Stopped(("marketing",), 1), "second look"),
        ("withdrawal_of_consent", Stopped((), 1, at()), "purpose"),
        ("rectification", Rectified(0, at()), "no record"),
        ("objection", Restricted(1, at()), "claims to be fulfilled"),
        ("objection", Lifted(1, at()), "claims to be fulfilled"),
        ("restriction", Lifted(1, at()), "claims to be fulfilled"),
    ],
)
def test_i01_a_change_that_nobody_saw_or_that_is_not_the_right_is_refused(
    right: str, outcome: Outcome, why: str
) -> None:
    headline = claims._tag(outcome)
    with pytest.raises(VerificationError, match=why):
        verified(lines(right, outcome, result="fulfilled", headline=headline, number=1, record_id="req.1"))


def test_i01_what_was_done_besides_needs_its_second_look_too() -> None:
    one = lines("objection", Stopped(("scoring",), 1, at()), result="fulfilled", headline="lifted")
    (system,) = one.systems
    (line,) = system.record_sets
    for lifted, fine in ((Lifted(1, at()), True), (Lifted(1), False)):
        sets = (msgspec.structs.replace(line, also=(lifted,)),)
        made = msgspec.structs.replace(one, systems=(msgspec.structs.replace(system, record_sets=sets),))
        if fine:
            assert verified(made).headline == "lifted"
        else:
            with pytest.raises(VerificationError, match="second look"):
                verified(made)


def test_i01_a_lift_is_a_later_record() -> None:
    one = lines("restriction", Lifted(1, at()), result="fulfilled", headline="lifted", number=2, record_id="req.2")
    assert verified(one).number == 2


def test_i01_nobodys_word_stands_for_all_systems() -> None:
    said = RecordSetLine("erasure", Attested("dpo", "2026-01-01", "0" * 64), "answer", "attested")
    with pytest.raises(VerificationError, match="by hand"):
        verified(lines("erasure", by_hand=(said,), result="fulfilled", headline="attested"))


# -- what may be said of processors and recipients --------------------------------------------------------
SHA = "0" * 64
PROCESSOR = RecipientLine(
    "mailer", "processor", ("crm/set0",), Attested("processor", "2026-01-01", SHA), "attested", document_sha256=SHA
)
TOLD = RecipientLine("partner", "partner", ("crm/set0",), Notified("partner"), "attested")
KEEPS = msgspec.structs.replace(PROCESSOR, outcome=Kept(1, KeptWhy.LEGAL_CLAIMS, "gdpr-17-3-e", review_by="2030-01-01"))
NOBODY = RecipientLine("mailer", "processor", why_not="not concerned: nothing was held in its record sets")


def with_parties(*parties: RecipientLine, right: str = "erasure", **changes: Any) -> CompletionRecord:
    return msgspec.structs.replace(lines(right, GONE, **changes), recipients=parties)


@pytest.mark.parametrize(
    ("parties", "result", "headline"),
    [
        ((PROCESSOR, TOLD), "fulfilled", "attested"),
        ((TOLD,), "fulfilled", "deleted"),
        ((NOBODY,), "fulfilled", "deleted"),
        ((KEEPS,), "partly_fulfilled", "kept"),
        ((msgspec.structs.replace(NOBODY, why_not=recipients_told.ENDED),), "withdrawn", "not_searched"),
    ],
)
def test_what_is_said_of_processors_and_recipients_holds(
    parties: tuple[RecipientLine, ...], result: str, headline: str
) -> None:
    one = with_parties(*parties, result=result, headline=headline)
    assert verified(one) == one


def changed(one: RecipientLine, **more: Any) -> RecipientLine:
    return msgspec.structs.replace(one, **more)


@pytest.mark.parametrize(
    ("parties", "result", "headline"),
    [
        ((PROCESSOR,), "fulfilled", "deleted"),
        ((KEEPS,), "fulfilled", "kept"),
        ((KEEPS,), "partly_fulfilled", "attested"),
        ((changed(NOBODY, why_not=recipients_told.UNASKED),), "fulfilled", "deleted"),
        ((changed(NOBODY, why_not=recipients_told.ENDED),), "fulfilled", "not_searched"),
        ((changed(PROCESSOR, assurance="verified"),), "fulfilled", "attested"),
        ((changed(PROCESSOR, why_not="x"),), "fulfilled", "attested"),
        ((changed(PROCESSOR, document_sha256=""),), "fulfilled", "attested"),
        ((changed(PROCESSOR, outcome=Notified("mailer")),), "fulfilled", "attested"),
        ((changed(NOBODY, why_not=""),), "fulfilled", "deleted"),
        ((changed(NOBODY, assurance="attested"),), "fulfilled", "deleted"),
        ((changed(TOLD, outcome=PROCESSOR.outcome),), "fulfilled", "attested"),
        ((changed(KEEPS, outcome=Kept(1, KeptWhy.LEGAL_CLAIMS, "")),), "partly_fulfilled", "kept"),
        ((PROCESSOR, PROCESSOR), "fulfilled", "attested"),
    ],
)
def test_i01_a_record_that_claims_more_than_a_processor_said_is_refused(
    parties: tuple[RecipientLine, ...], result: str, headline: str
) -> None:
    with pytest.raises(VerificationError):
        verified(with_parties(*parties, result=result, headline=headline))


def test_only_an_erasure_has_exceptions_and_an_access_asks_nobody() -> None:
    corrected = lines("rectification", Rectified(1, at()), result="partly_fulfilled", headline="kept")
    with pytest.raises(VerificationError, match="only an erasure"):
        verified(msgspec.structs.replace(corrected, recipients=(KEEPS,)))
    copied = lines("access", COPY, result="fulfilled", headline="exported")
    with pytest.raises(VerificationError, match="nobody is asked"):
        verified(msgspec.structs.replace(copied, recipients=(NOBODY,)))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda raw: raw.replace(b'"v":1}', b'"v":1,"x":1}'), "not a completion record"),
        (lambda raw: raw.replace(b'"v":1}', b'"v":1,"v":1}'), "canonical form"),
        (lambda raw: raw.replace(b'"v":1}', b'"v":1.0}'), "not a completion record"),
        (lambda raw: raw.replace(b'{"complet', b'{ "complet', 1), "canonical form"),
        (lambda raw: raw[:-1], "not a completion record"),
        (lambda raw: raw + b"\n", "canonical form"),
    ],
)
def test_i13_what_is_not_written_the_one_way_is_refused(change: Any, why: str) -> None:
    raw = unb64u(JWS.split(b".")[1].decode())
    assert change(raw) != raw
    with pytest.raises(VerificationError, match=why):
        ledger.verify(signed(change(raw)), KEY)


def test_a_field_that_says_its_default_is_no_other_record() -> None:
    """Whoever writes defaults out is as right as who leaves them away."""
    raw = payload(extended=False)
    assert b'"extended":false' in raw
    assert ledger.verify(signed(raw), KEY).extended is False
