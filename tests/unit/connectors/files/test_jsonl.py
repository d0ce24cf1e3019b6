from __future__ import annotations

import json
from pathlib import Path

import pytest

from connectors.contract import ErasureOrder
from connectors.errors import PermanentError
from schemas.tasks import Instruction
from tests.unit.connectors.files.store import EVENTS, Store, subject

ADA = "ada@x.org"
MANY = EVENTS.replace('files = "*"', 'files = "*"\nmatch.username = [{ field = "who" }]')
ANYWHERE = """
[[record_set]]
name = "lines"
files = "*"
match.email = [{ field = "*" }]
match.customer_id = [{ field = "n" }]
"""
MASK = """
[[record_set]]
name = "lines"
files = "*"
match.email = [{ field = "user.email" }]
match.ip = [{ field = "ip" }]
[record_set.retain]
why = "exception_17_3_b"
text = "test.text"
months = 1
anchor = "at"
mask = { "user.email" = "{random}", ip = "{random}", "user.name" = "gone" }
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path, EVENTS, kind="events")


@pytest.mark.parametrize(
    ("kind", "value", "line"),
    [
        ("email", ADA, rb'{"user": {"email": "\u0061d\u0061@x.org"}}'),
        ("email", ADA, b'{"user": {"email": " ADA@X.org "}}'),
        ("email", ADA, rb'{"user": {"email": "\tada@x.org\n"}}'),
        ("email", ADA, b'{"user.email": "ada@x.org"}'),
        ("email", ADA, b'{"user": [{"email": "b@x.org"}, {"email": ["c@x.org", "ada@x.org"]}]}'),
        ("email", ADA, b'{"user": {"email": "ada@x.org", "email": "bob@x.org"}}'),
        ("email", ADA, b'\xef\xbb\xbf{"user": {"email": "ada@x.org"}}'),
        ("email", "kim@x.org", '{"user": {"email": "\u212aim@x.org"}}'.encode()),
        ("email", "josé@x.org", '{"user": {"email": "JOSE\u0301@x.org"}}'.encode()),
        ("email", "josé@x.org", rb'{"user": {"email": "jos\u00E9@x.org"}}'),
        ("phone", "+33123456789", b'{"phone": "+33 (0)1 23-45.67 89"}'),
        ("phone", "+33123456789", b'{"phone": "0033123456789"}'),
        ("ip", "2001:db8::1", b'{"ip": "2001:0DB8:0:0::1"}'),
        ("ip", "10.0.0.1", b'{"ip": "::ffff:a00:1"}'),
        ("ip", "10.0.0.1", b'{"ip": "::ffff:10.0.0.1"}'),
        ("customer_id", "a/b", rb'{"id": "a\/b"}'),
        ("customer_id", 'q"q', rb'{"id": "q\"q"}'),
        ("customer_id", "42", b'{"id": 42}'),
        ("customer_id", "42", b'{"id": 42.0}'),
        ("customer_id", "12345678901234567890123", b'{"id": 12345678901234567890123}'),
        ("customer_id", "/", rb'{"id": "\/"}'),
    ],
)
def test_mapped_field_is_found_however_it_is_spelled(store: Store, kind: str, value: str, line: bytes) -> None:
    store.put("a.jsonl", b'{"id": "other"}\n' + line + b"\n\n")
    assert store.count(**{kind: value}) == 1


@pytest.mark.parametrize(
    ("kind", "value", "line"),
    [
        ("email", ADA, b'{"user": {"email": "bob@x.org"}, "note": "about ada@x.org"}'),
        ("email", ADA, b'{"user": {"email": "xada@x.org"}}'),
        ("email", ADA, b'{"user": {"email": null}, "ada@x.org": 1}'),
        ("customer_id", "42", b'{"id": 421, "n": 42}'),
        ("customer_id", "1", b'{"id": true}'),
        ("customer_id", "42", b'{"id": 42.5}'),
        ("phone", "+33123456789", b'{"phone": "+33123456780", "id": "23456789"}'),
    ],
)
def test_other_places_and_other_values_are_not_a_match(store: Store, kind: str, value: str, line: bytes) -> None:
    store.put("a.jsonl", line + b"\n")
    assert store.count(**{kind: value}) == 0


@pytest.mark.parametrize(
    "line",
    [
        b'{"user": {"email": "ada@x.org"',
        b'["ada@x.org"]',
        b'"ada@x.org"',
        rb'{"user": {"email": "\u0041da@x.org"',
        b'{"user": {"email": "ada@x.org"}} {}',
        b"[" * 5000 + b'"ada@x.org"' + b"]" * 5000,
    ],
)
def test_line_that_cannot_be_read_and_may_be_theirs_stops_the_work(store: Store, line: bytes) -> None:
    before = b'{"user": {"email": "ada@x.org"}}\n' + line + b"\n"
    store.put("a.jsonl", before)
    with pytest.raises(PermanentError, match=r"^unreadable_line$"):
        store.count(email=ADA)
    with pytest.raises(PermanentError, match=r"^unreadable_line$"):
        store.erase(subject(email=ADA))
    assert store.get("a.jsonl") == before


def test_broken_line_of_somebody_else_stops_nobody(store: Store) -> None:
    store.put("a.jsonl", rb'{"user": {"email": "\u0042ob@x.org' + b'\n{"user": {"email": "ada@x.org"}}\n')
    assert store.count(email=ADA) == 1
    with pytest.raises(PermanentError, match="unreadable_line"):
        store.count(email="bob@x.org")


@pytest.mark.parametrize("value", ["+33123456789", "123"])
def test_broken_line_with_their_phone_stops_the_work(store: Store, value: str) -> None:
    store.put("a.jsonl", b'{"phone": "+33 1 23 45 67 89\n')
    with pytest.raises(PermanentError, match="unreadable_line"):
        store.count(phone=value)


def test_links_are_what_the_data_map_yields(store: Store) -> None:
    store.jsonl("a.jsonl", {"id": 7, "user": {"email": ADA, "name": "Ada"}}, {"id": "", "user": {"email": ADA}})
    links = {(link.kind, link.value, link.strength.value) for link in store.holding(subject(email=ADA)).links}
    assert links == {("customer_id", "7", "unique"), ("name", "Ada", "weak")}


def test_anywhere_looks_into_every_text_of_a_record(tmp_path: Path) -> None:
    store = Store(tmp_path, ANYWHERE, kind="events")
    store.jsonl("a.jsonl", {"a": [{"m": "mail of ada@x.org."}]}, {"a": "?e=ada%40x.org"}, {"a": "ada@x.organic"})
    assert store.count(email=ADA) == 2
    assert store.count(customer_id="1") == 0


def test_export_flattens_records(store: Store) -> None:
    store.jsonl("a.jsonl", {"id": 1, "user": {"email": ADA, "tags": ["a", "é"]}, "ok": True, "none": None, "x": 1.5})
    store.jsonl("b.jsonl", {"id": 2, "user": {"email": "bob@x.org"}})
    assert store.export(subject(email=ADA)) == [
        {"id": 1, "user.email": ADA, "user.tags": '["a", "é"]', "ok": True, "none": None, "x": 1.5}
    ]


def test_two_subjects_of_one_record_lose_it_together(store: Store) -> None:
    store.jsonl("a.jsonl", {"id": 1, "user": {"email": ADA}}, {"id": 2})
    orders = [
        ErasureOrder(subject("t1", email=ADA), {"lines": Instruction()}),
        ErasureOrder(subject("t2", customer_id="1"), {"lines": Instruction()}),
    ]
    reports = store.open().erase(orders)
    assert [len(one["lines"].erased) for one in reports.values()] == [1, 1]
    assert store.get("a.jsonl") == b'{"id": 2}\n'


def test_masked_record_keeps_everything_but_the_person(tmp_path: Path) -> None:
    from schemas.outcomes import KeptWhy

    store = Store(tmp_path, MASK, kind="events")
    row = {"at": "2024-01-31T10:00:00Z", "user": {"email": ADA, "name": "Ada"}, "ip": "10.0.0.1", "total": 1.5}
    other = b'{"at":"2024-01-31", "user":{"email":"bob@x.org","name":"Bob"}}\r\n'
    store.put("a.jsonl", json.dumps(row).encode() + b"\r\n" + other)
    keep = Instruction(keep=KeptWhy.LEGAL_OBLIGATION, period_months=1)
    report = store.erase(subject(email=ADA), keep)
    assert (report.erased, len(report.kept), report.method) == ((), 1, "pseudonymise")
    assert (report.due_first, report.due_last) == ("2024-02-29", "2024-02-29")
    first, rest = store.get("a.jsonl").split(b"\r\n", 1)
    assert rest == other
    masked = json.loads(first)
    token = masked["ip"]
    assert token.startswith("erased-")
    assert masked == row | {"user": {"email": token, "name": "gone"}, "ip": token}
    assert store.count(email=ADA) == 0
    assert list(store.look(subject(email=ADA), report.kept).values()) == ["masked"]
    assert store.holding(subject(email=ADA, keys=report.kept)).links == ()


def test_mask_that_leaves_a_field_is_not_masked(tmp_path: Path) -> None:
    from schemas.outcomes import KeptWhy

    store = Store(tmp_path, MASK, kind="events")
    store.jsonl("a.jsonl", {"at": "2024-01-31", "user": {"email": ADA, "name": "Ada"}})
    report = store.erase(subject(email=ADA), Instruction(keep=KeptWhy.LEGAL_OBLIGATION, period_months=1))
    store.put("a.jsonl", store.get("a.jsonl").replace(b'"gone"', b'"Ada"'))
    assert list(store.look(subject(email=ADA), report.kept).values()) == ["present"]


def test_two_keepers_of_one_record_both_find_it_again(tmp_path: Path) -> None:
    from schemas.outcomes import KeptWhy

    store = Store(tmp_path, MASK, kind="events")
    store.jsonl("a.jsonl", {"at": "2024-01-31", "user": {"email": ADA}, "ip": "10.0.0.1"})
    keep = {"lines": Instruction(keep=KeptWhy.LEGAL_OBLIGATION, period_months=1)}
    one, two = subject("t1", email=ADA), subject("t2", ip="10.0.0.1")
    reports = store.open().erase([ErasureOrder(one, keep), ErasureOrder(two, keep)])
    for who in (one, two):
        kept = reports[who.task_id]["lines"].kept
        assert list(store.look(who, kept).values()) == ["masked"]


def test_unreadable_because_of_numbers_too_long(store: Store) -> None:
    store.put("a.jsonl", b'{"id": ' + b"1" * 5000 + b', "user": {"email": "ada@x.org"}}\n')
    with pytest.raises(PermanentError, match="unreadable_line"):
        store.count(email=ADA)


def test_mask_anywhere_in_a_record(tmp_path: Path) -> None:
    from schemas.outcomes import KeptWhy

    mask = 'retain = { why = "hold", text = "t", months = 1, anchor = "at", mask = { "*" = "{random}" } }\n'
    store = Store(tmp_path, ANYWHERE.replace('match.customer_id = [{ field = "n" }]\n', mask), kind="events")
    row = {
        "at": "2024-01-31",
        "notes": ["mail of ada@x.org", {"é": "ada@x.org."}],
        "n": 1.5,
        "of": "bob@x.org",
        "z": None,
    }
    store.put("a.jsonl", json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode())
    report = store.erase(subject(email=ADA), Instruction(keep=KeptWhy.HOLD, period_months=1))
    text = store.get("a.jsonl").decode()
    token = json.loads(text)["notes"][1]["é"].rstrip(".")
    assert text.replace(token, ADA) == json.dumps(row, ensure_ascii=False, separators=(",", ":"))
    assert list(store.look(subject(email=ADA), report.kept).values()) == ["masked"]


@pytest.mark.parametrize("value", ["+33123456789", "12"])
def test_phone_anywhere_in_a_record(tmp_path: Path, value: str) -> None:
    store = Store(tmp_path, ANYWHERE.replace("match.email", "match.phone"), kind="events")
    spaced = " ".join(value)
    store.jsonl("a.jsonl", {"a": f"call {spaced} now"}, {"a": f"call 9{value[1:]}9"})
    assert store.count(phone=value) == 1


def test_values_compared_as_the_data_map_says(tmp_path: Path) -> None:
    cases = ANYWHERE.replace('field = "*"', 'field = "m", case = "lower"').replace('"n" }', '"n", case = "digits" }')
    store = Store(tmp_path, cases.replace("match.email", "match.account_id"), kind="events")
    store.jsonl("a.jsonl", {"m": "aBc-1"}, {"n": "12 34-56"}, {"n": 123456}, {"n": 1234567})
    assert store.count(account_id="ABC-1") == 1
    assert store.count(customer_id="123-456") == 2
