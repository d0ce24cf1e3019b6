import datetime as dt
import json

import pytest

from orchestrator.cli.forms import RefusedError, read_forms
from orchestrator.errors import UsageError

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
CANARY = "canary.4711"


def form(value: str = "a@mail.example", **more: object) -> dict[str, object]:
    return {"right": "erasure", "identifiers": [{"kind": "email", "value": value}], **more}


def lines_of(*forms: dict[str, object]) -> bytes:
    return "".join(json.dumps(one) + "\n" for one in forms).encode()


def refused(raw: bytes) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        read_forms(raw, "file", now=NOW)
    assert CANARY not in str(caught.value) + str(caught.value.more) + caught.value.fix + caught.value.where
    return caught.value


@pytest.mark.parametrize(
    "raw",
    [
        json.dumps(form()).encode(),
        json.dumps(form(), indent=4).encode(),
        b"\xef\xbb\xbf\n\n" + json.dumps(form()).encode() + b"\r\n",
        json.dumps([form()], indent=1).encode(),
        b"{\n}\n".replace(b"\n}\n", json.dumps(form())[1:].encode()),
    ],
)
def test_one_request_may_be_written_in_many_ways(raw: bytes) -> None:
    (found,) = read_forms(raw, "file", now=NOW)
    assert found.form.identifiers[0].value == "a@mail.example"


def test_lines_and_arrays_are_several_requests_in_order() -> None:
    three = [form(f"{name}@mail.example", request_id=name) for name in "abc"]
    by_line = read_forms(lines_of(*three).replace(b"\n", b"\n\n"), "file", now=NOW)
    by_array = read_forms(json.dumps(three, indent=1).encode(), "file", now=NOW)
    assert [one.form for one in by_line] == [one.form for one in by_array]
    assert [one.form.request_id for one in by_line] == ["a", "b", "c"]
    assert [one.line for one in by_line] == [1, 3, 5]


def test_one_wrong_line_refuses_all_and_names_line_field_rule_and_fix() -> None:
    error = refused(lines_of(form(), form(f"{CANARY}@"), form()))
    assert error.where == "file:2 $.identifiers[0].value"
    assert error.why == "identifier.email"
    assert error.fix == "name@domain, RFC 5321"
    assert "1 of 3 are wrong; none was taken in" in error.what


def test_the_line_of_a_field_in_a_long_object_is_named() -> None:
    wrong = form()
    wrong["identifiers"] = [{"kind": "email", "value": "a@mail.example"}, {"kind": "phone", "value": CANARY}]
    text = json.dumps(wrong, indent=2)
    error = refused(text.encode())
    assert error.where == f"file:{text[: text.index(CANARY)].count(chr(10)) + 1} $.identifiers[1].value"


def test_the_line_of_a_field_in_the_second_object_of_an_array_is_named() -> None:
    text = json.dumps([form(), form(locale="?")], indent=2)
    assert refused(text.encode()).where == f"file:{text[: text.index('locale')].count(chr(10)) + 1} $[1].locale"


def test_broken_json_names_its_line() -> None:
    text = json.dumps(form(), indent=2).replace('"kind": "email",', '"kind" "email",')
    line = text[: text.index('"kind" "email"')].count("\n") + 1
    assert refused(text.encode()).where == f"file:{line}"


def test_broken_json_in_an_array_names_its_line() -> None:
    text = json.dumps([form(), form()], indent=0).replace("]\n}\n]", "]\n}\n")
    with pytest.raises(UsageError) as caught:
        read_forms(text.encode(), "file", now=NOW)
    assert caught.value.where.startswith("file:")


def test_a_broken_line_among_good_ones_names_its_line() -> None:
    assert refused(lines_of(form()) + b'{"right": }\n' + lines_of(form())).where == "file:2"
    assert refused(b'{"right": }\n' + lines_of(form())).where == "file:1"


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        (b"nonsense", "message.malformed"),
        (b"\xff\xfe{}", "message.malformed"),
        (b'{"right": "erasure", "identifiers": []}', "request.identifiers.none"),
        (b'{"right": "steal", "identifiers": []}', "message.malformed"),
        (json.dumps(form(rihgt="x")).encode(), "message.unknown_field"),
        (json.dumps(form(received_at="2027-01-01T00:00:00Z")).encode(), "request.received_at.future"),
        (json.dumps(form(received_at="2026-01-01T00:00:00")).encode(), "time.zone"),
        (json.dumps(form("x" * (11 << 20))).encode(), "message.size"),
        (b"[1, 2]", "message.malformed"),
        (b'["' + CANARY.encode() + b'"]', "message.malformed"),
        (b'{"a":' * 5000, "message.malformed"),
    ],
)
def test_bad_input_names_the_rule(raw: bytes, rule: str) -> None:
    error = refused(raw)
    assert error.why == rule
    assert error.fix
    assert all(error.more) and not any(one.endswith(("()", "; ")) for one in error.more)  # noqa: PT018


@pytest.mark.parametrize("wrap", [b"%b", b"[%b]", b"\n\n[%b]"])
def test_bytes_that_are_no_utf8_are_found_at_their_line(wrap: bytes) -> None:
    one = json.dumps(form("caf\u00e9@mail.example"), indent=1, ensure_ascii=False).encode("latin-1")
    raw = wrap % one
    line = raw[: raw.index(b"\xe9")].count(b"\n") + 1
    with pytest.raises(UsageError) as caught:
        read_forms(raw, "file", now=NOW)
    assert caught.value.where == f"file:{line}"
    assert "UTF-8" in caught.value.what
    assert caught.value.fix


@pytest.mark.parametrize("cut", [1, 2, 20])
def test_json_that_is_cut_off_is_said_to_end_too_early(cut: int) -> None:
    raw = json.dumps(form(), indent=1).encode()[:-cut]
    error = refused(raw)
    assert "cut off" in error.what
    assert error.where == f"file:{len(raw.splitlines())}"


def test_many_findings_are_told_up_to_a_limit() -> None:
    error = refused(lines_of(*[form(CANARY) for _ in range(25)]))
    assert error.what.endswith("25 of 25 are wrong; none was taken in")
    assert len(error.more) == 10
    assert error.more[0].startswith("file:2 $.identifiers[0].value: not an e-mail address")
    assert error.more[-1] == "and 15 others"


@pytest.mark.parametrize("raw", [b"", b"\n \n", b"[]"])
def test_nothing_is_no_request(raw: bytes) -> None:
    with pytest.raises(UsageError) as caught:
        read_forms(raw, "file", now=NOW)
    assert caught.value.what == "no request"


def test_an_array_on_one_line_says_which_request_is_wrong() -> None:
    raw = json.dumps([form(), form(CANARY)]).encode()
    assert refused(raw).where == "file:1 $[1].identifiers[0].value"
