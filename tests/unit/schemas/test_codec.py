"""Bytes in: strict for what people hand in, tolerant for what we consume, and no library error ever escapes."""

from __future__ import annotations

import enum
import json
import uuid
from typing import Annotated, Any, Literal

import msgspec
import pytest

from schemas import codec
from schemas.errors import MalformedMessageError, SchemaError, UnknownFieldError
from schemas.identifiers import Identifier
from schemas.outcomes import Deleted, Located, NothingHeld, Outcome, Unverifiable, is_final
from schemas.requests import MAX_FORM_BYTES, RequestForm, RequestReceived, Right
from schemas.tasks import Action, Confirmation, Findings, Instruction, Task

FORM = b'{"right":"erasure","identifiers":[{"kind":"email","value":"a@example.org"}]%s}'
TIME = "2026-01-31T09:31:00.000Z"
ANSWER: dict[str, Any] = {
    "task_id": "r.1",
    "request_id": "r",
    "system": "crm",
    "action": "locate",
    "connector": "sql/0.1.0",
    "acted_at": TIME,
    "outcomes": {"contacts": {"outcome": "located", "count": 2}},
}
EVENT: dict[str, Any] = {
    "id": "1",
    "source": "/intake",
    "type": "t",
    "specversion": "1.0",
    "subject": "r",
    "time": TIME,
    "data": {},
}
DEEP = b"[" * 100_000 + b"]" * 100_000


def _json(message: dict[str, Any], **changes: Any) -> bytes:
    return json.dumps({**message, **changes}).encode()


def _answer(**outcomes: Any) -> Confirmation:
    return codec.decode_confirmation(_json(ANSWER, outcomes=outcomes))


# -- strict ---------------------------------------------------------------------------------------------


def test_a_form_is_read() -> None:
    form = codec.decode_form(FORM % b',"scope":{"systems":["crm"]}')
    assert form == RequestForm(Right.ERASURE, (Identifier("email", "a@example.org"),), scope=form.scope)
    assert form.scope.systems == ("crm",)


@pytest.mark.parametrize(
    ("more", "where", "fix"),
    [
        (b',"chanel":"web"', "$.chanel", "did you mean 'channel'?"),
        (b',"scope":{"system":[]}', "$.scope.system", "did you mean 'systems'?"),
        (b',"scope":{"zzz":1}', "$.scope", "known: systems"),
        (b',"ann.example@example.org":1', "$", "known: right,"),
        (b',"local e":1', "$", "did you mean 'locale'?"),
        (b',"outcome":1', "$", "known: right,"),
    ],
)
def test_an_unknown_field_is_an_error_with_a_suggestion(more: bytes, where: str, fix: str) -> None:
    with pytest.raises(UnknownFieldError) as caught:
        codec.decode_form(FORM % more)
    assert caught.value.rule == "message.unknown_field"
    assert caught.value.where == where
    assert fix in caught.value.fix


@pytest.mark.parametrize("value", [b"1e999", b"-1e999", b"9" * 5000, b"0." + b"1" * 5000, b'"' + b"x" * 5000 + b'"'])
def test_what_an_unknown_field_holds_does_not_matter(value: bytes) -> None:
    with pytest.raises(UnknownFieldError):
        codec.decode_form(FORM % (b',"zzz":' + value))


@pytest.mark.parametrize(
    "raw",
    [
        FORM % b',"right":"access"',
        FORM % b',"scope":{"systems":[],"systems":["crm"]}',
        b'{"right":"access","identifiers":[{"kind":"email","value":"a@b.example","value":"c@d.example"}]}',
    ],
)
def test_a_field_that_stands_twice_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedMessageError) as caught:
        codec.decode_form(raw)
    assert caught.value.rule == "message.duplicate_field"


def test_a_form_of_10_mb_is_refused_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = FORM % (b',"channel":"' + b"x" * 10_000_000 + b'"')
    monkeypatch.setattr(codec, "decode", lambda *_: pytest.fail("parsed"))
    with pytest.raises(MalformedMessageError) as caught:
        codec.decode_form(raw)
    assert caught.value.rule == "message.size"
    assert str(MAX_FORM_BYTES) in caught.value.fix


def test_a_form_of_just_the_largest_size_is_read() -> None:
    raw = FORM % b""
    assert codec.decode_form(raw + b" " * (MAX_FORM_BYTES - len(raw))).right is Right.ERASURE


def test_unknown_fields_are_found_inside_mappings_and_unions_and_their_keys_are_not_named() -> None:
    raw = _json(ANSWER, outcomes={"canary": {"outcome": "located", "count": 1, "facts": {"person": 2}}})
    with pytest.raises(UnknownFieldError) as caught:
        codec.forbid_unknown(raw, codec.decode(raw, Confirmation))
    assert caught.value.where == "$.outcomes[...].facts.person"
    codec.forbid_unknown(_json(ANSWER), codec.decode(_json(ANSWER), Confirmation))


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b'{"a":"\xff"}', DEEP])
def test_forbid_unknown_refuses_what_is_not_json(raw: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        codec.forbid_unknown(raw, {})


# -- hostile bytes --------------------------------------------------------------------------------------

GARBAGE = [
    b"",
    b" ",
    b"null",
    b"[]",
    b"{}",
    b"5",
    b'"x"',
    b"\x00",
    b"\xff\xfe{}",
    b"\xef\xbb\xbf{}",
    b"\x80" * 100,
    b"{" * 1000,
    DEEP,
    b"\x1f\x8b\x08\x00",
    b"NaN",
    b'{"a":1,}',
    b"{'a':1}",
    b'"\\ud800"',
]


@pytest.mark.parametrize("raw", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_is_a_malformed_message_for_every_reader(raw: bytes) -> None:
    for read in (codec.decode_form, codec.decode_event, codec.decode_confirmation):
        with pytest.raises(MalformedMessageError):
            read(raw)
    for kind in (Task, RequestReceived, RequestForm):
        with pytest.raises(MalformedMessageError):
            codec.decode(raw, kind)


@pytest.mark.parametrize(
    ("read", "raw"),
    [
        (codec.decode_form, FORM % (b',"zzz":' + DEEP)),
        (codec.decode_event, _json(EVENT, data="@").replace(b'"@"', DEEP)),
        (codec.decode_event, _json(EVENT, zzz="@").replace(b'"@"', DEEP)),
        (codec.decode_confirmation, _json(ANSWER, zzz="@").replace(b'"@"', DEEP)),
        (codec.decode_confirmation, _json(ANSWER, outcomes={"a": "@"}).replace(b'"@"', DEEP)),
        (codec.decode_confirmation, _json(ANSWER, sealed="@").replace(b"@", b"\xff")),
        (codec.decode_confirmation, _json(ANSWER, system="@").replace(b"@", b"\xff")),
        (codec.decode_event, _json(EVENT, data="@").replace(b"@", b"\xff")),
        (codec.decode_event, _json(EVENT, data="@").replace(b"@", b"\xed\xa0\x80")),
    ],
    ids=range(9),
)
def test_deep_nesting_and_invalid_utf8_anywhere_are_malformed(read: Any, raw: bytes) -> None:
    with pytest.raises(MalformedMessageError) as caught:
        read(raw)
    assert caught.value.message.startswith("not valid JSON in UTF-8")


def test_invalid_utf8_inside_one_outcome_leaves_the_others() -> None:
    raw = _json(ANSWER, outcomes={"a": {"outcome": "deleted", "before": 1, "method": "@", "looked_at": TIME}, "b": {}})
    answer = codec.decode_confirmation(raw.replace(b"@", b"\xff").replace(b"{}", b'{"outcome":"nothing_held"}'))
    assert answer.outcomes == {"a": Unverifiable("malformed_outcome"), "b": NothingHeld()}


def test_10_mb_of_text_is_read_without_trouble_and_without_quoting_it() -> None:
    text = "canary" * 1_700_000
    assert len(codec.decode_event(_json(EVENT, data=text)).data) > 10_000_000
    with pytest.raises(SchemaError) as caught:
        codec.decode(_json(ANSWER, connector=text), Confirmation)
    assert len(str(caught.value)) < 200
    assert "canary" not in str(caught.value)


def test_the_byte_at_which_json_breaks_is_named() -> None:
    with pytest.raises(MalformedMessageError, match=r"\(byte 7\)"):
        codec.decode_form(b'{"a":1,}')


# -- tolerant -------------------------------------------------------------------------------------------


def test_a_consumer_ignores_what_it_does_not_know() -> None:
    assert codec.decode(_json(ANSWER, later={"any": [1]}), Confirmation) == codec.decode_confirmation(_json(ANSWER))
    assert codec.decode_event(_json(EVENT, comexampleextension="x")).id == "1"


def test_an_unknown_outcome_is_unverifiable_and_the_others_are_kept() -> None:
    answer = _answer(
        contacts={"outcome": "shredded", "count": 1},
        invoices={"outcome": "deleted", "before": 1, "method": "delete", "looked_at": TIME},
    )
    assert answer.outcomes == {
        "contacts": Unverifiable("unknown_outcome"),
        "invoices": Deleted(1, "delete", TIME),
    }
    assert (answer.task_id, answer.request_id, answer.system) == ("r.1", "r", "crm")
    assert (answer.action, answer.connector, answer.acted_at, answer.sealed) == (Action.LOCATE, "sql/0.1.0", TIME, "")


@pytest.mark.parametrize(
    "outcome",
    [
        {"outcome": "deleted", "before": -1, "method": "delete", "looked_at": TIME},
        {"outcome": "deleted", "before": 2**53, "method": "delete", "looked_at": TIME},
        {"outcome": "deleted", "before": True, "method": "delete", "looked_at": TIME},
        {"outcome": "deleted", "before": 1.5, "method": "delete", "looked_at": TIME},
        {"outcome": "deleted", "before": 1, "method": "delete"},
        {"outcome": "deleted", "before": 1, "method": "delete", "looked_at": "2026-01-31T09:31:00"},
        {"outcome": "deleted", "before": 1, "method": "ann@example.org", "looked_at": TIME},
        {"outcome": "deleted", "before": 1, "method": "a\nb", "looked_at": TIME},
        {"outcome": "kept", "count": 1, "why": "because", "text": "t"},
        {"outcome": "kept", "count": 1, "why": "hold", "text": "t", "until": "31.12.2036"},
        {"outcome": "located", "count": 1, "facts": {"anchor_last": "2026-1-1"}},
        {"outcome": ["deleted"]},
        {"outcome": None},
        {},
        [],
        None,
        "deleted",
    ],
)
def test_i01_a_malformed_outcome_is_never_final(outcome: Any) -> None:
    answer = _answer(contacts=outcome)
    assert answer.outcomes == {"contacts": Unverifiable("malformed_outcome")}
    assert not is_final(answer.outcomes["contacts"])


def test_is_final_is_what_the_closed_union_says() -> None:
    assert is_final(NothingHeld())
    assert is_final(Deleted(1, "delete", TIME))
    assert not is_final(Located(1))
    assert {one.__struct_config__.tag for one in Outcome.__args__} >= {"nothing_held", "deleted", "survived"}


def test_a_confirmation_is_read_from_the_raw_data_of_an_event() -> None:
    event = codec.decode_event(_json(EVENT, data=ANSWER))
    assert codec.decode_confirmation(event.data).outcomes == {"contacts": Located(2)}
    event = codec.decode_event(_json(EVENT, data={**ANSWER, "outcomes": {"x": 5}}))
    assert codec.decode_confirmation(event.data).outcomes == {"x": Unverifiable("malformed_outcome")}


def test_identifiers_from_a_sealed_request_are_held_against_the_rules_of_a_form() -> None:
    raw = b'[{"kind":"email","value":" Ann@EXAMPLE.org"},{"kind":"email","value":"ann@example.org"}]'
    assert codec.decode_identifiers(raw) == (Identifier("email", "ann@example.org"),)
    for raw, rule in ((b"[]", "request.identifiers.none"), (b'[{"kind":"ip","value":"x"}]', "identifier.ip")):
        with pytest.raises(SchemaError) as caught:
            codec.decode_identifiers(raw)
        assert caught.value.rule == rule


# -- writing --------------------------------------------------------------------------------------------


def test_the_bytes_of_a_message_are_the_same_each_time() -> None:
    one = Task("t", "r", "crm", Action.ERASE, "x", instructions={"b": Instruction(), "a": Instruction()})
    other = Task("t", "r", "crm", Action.ERASE, "x", instructions={"a": Instruction(), "b": Instruction()})
    assert codec.encode(one) == codec.encode(other)
    assert b" " not in codec.encode(one)
    assert codec.encode(Findings()) == b"{}"
    assert codec.encode({"k": "\u00e9"}) == '{"k":"\u00e9"}'.encode()


def test_i04_a_text_without_utf8_form_is_refused_without_being_quoted() -> None:
    with pytest.raises(MalformedMessageError) as caught:
        codec.encode(Identifier("name", "canary\ud800"))
    assert caught.value.rule == "message.encoding"
    assert "canary" not in str(caught.value)
    assert caught.value.__suppress_context__


# -- what an error may say ------------------------------------------------------------------------------

CANARY = "Canary`$' - at `$.leak`"


class _Number(enum.IntEnum):
    ONE = 1


class _Closed(msgspec.Struct, forbid_unknown_fields=True):
    a: int = 0


class _Checked(msgspec.Struct):
    a: str = ""

    def __post_init__(self) -> None:
        raise ValueError(self.a)


class _Tagged(msgspec.Struct, tag=77):
    pass


class _TaggedToo(msgspec.Struct, tag=78):
    pass


class _Deep(msgspec.Struct):
    many: list[dict[str, tuple[Right, ...]]]


@pytest.mark.parametrize(
    ("kind", "value", "where"),
    [
        (Right, CANARY, "$"),
        (_Number, 4711, "$"),
        (Literal["a"], CANARY, "$"),
        (Literal[1], 4711, "$"),
        (Outcome, {"outcome": CANARY}, "$.outcome"),
        (_Tagged | _TaggedToo, {"type": 4711}, "$.type"),
        (_Closed, {CANARY: 4711}, "$"),
        (_Checked, {"a": CANARY}, "$"),
        (dict[int, int], {CANARY: 4711}, "$"),
        (dict[Right, int], {CANARY: 4711}, "$"),
        (dict[str, int], {CANARY: CANARY}, "$[...]"),
        (_Deep, {"many": [{}, {CANARY: ["access", CANARY]}]}, "$.many[1][...][1]"),
        (uuid.UUID, CANARY, "$"),
        (bytes, CANARY, "$"),
        (Annotated[str, msgspec.Meta(pattern="^[a-z]+$")], CANARY, "$"),
        (Annotated[str, msgspec.Meta(max_length=3)], CANARY, "$"),
        (Annotated[int, msgspec.Meta(le=3)], 4711, "$"),
        (tuple[int, int], [4711], "$"),
        (Task, {"task_id": CANARY}, "$"),
        (RequestForm, {"right": "access", "identifiers": [{"kind": CANARY, "value": 4711}]}, "$.identifiers[0].value"),
        (RequestReceived, {"request_id": CANARY}, "$.request_id"),
    ],
)
def test_i04_the_error_has_the_right_place_and_no_value(kind: Any, value: Any, where: str) -> None:
    with pytest.raises(MalformedMessageError) as caught:
        codec.decode(json.dumps(value).encode(), kind)
    assert caught.value.where == where
    text = str(caught.value)
    assert "anary" not in text
    assert "leak" not in text
    assert "4711" not in text
    assert caught.value.__suppress_context__, "the library's error, which quotes, is not shown with ours"


def test_a_wrong_right_lists_the_rights() -> None:
    with pytest.raises(MalformedMessageError) as caught:
        codec.decode_form(b'{"right":"oblivion","identifiers":[]}')
    assert caught.value.fix == f"one of: {', '.join(Right)}"
    with pytest.raises(MalformedMessageError) as caught:
        codec.decode_form(b'{"right":"access","identifiers":5}')
    assert caught.value.fix.startswith('one JSON object: {"right": "erasure"')


def test_an_error_reads_as_place_cause_and_fix() -> None:
    assert str(SchemaError("r", "is wrong", where="$.a", fix="do b")) == "$.a: is wrong (do b)"
    assert str(SchemaError("r", "is wrong")) == "$: is wrong"
