from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.connectors.files.store import TEXT, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path, TEXT)


FOUND = [
    ("ip", "10.0.0.1", b"10.0.0.1 - - GET"),
    ("ip", "10.0.0.1", b"from 10.0.0.1."),
    ("ip", "10.0.0.1", b"peer=10.0.0.1:8080"),
    ("ip", "10.0.0.1", b"::ffff:10.0.0.1 GET"),
    ("ip", "10.0.0.1", b"::FFFF:0a00:0001 GET"),
    ("ip", "2001:db8::1", b"[2001:db8::1]:443"),
    ("ip", "2001:db8::1", b"2001:0DB8:0:0:0:0:0:1 GET"),
    ("ip", "2001:db8::1", b"from 2001:db8::1."),
    ("email", "ada@x.org", b"to=<ada@x.org>,"),
    ("email", "ada@x.org", b"ADA@X.ORG"),
    ("email", "ada@x.org", b"GET /?email=ada%40x.org&a=1"),
    ("email", "ada@x.org", b"GET /?q=%20ada%40x.org%20"),
    ("email", "ada@x.org", rb"{\x22m\x22:\x22ada@x.org\x22}"),
    ("email", "ada@x.org", rb'"hello\nada@x.org"'),
    ("email", "ada@x.org", b"Write to ada@x.org."),
    ("email", "ada@x.org", "“ada@x.org”".encode()),
    ("email", "ada@x.org", b"bad \xff\xfe bytes ada@x.org \xe9"),
    ("email", "ada+news@x.org", b"?e=ada%2Bnews%40x.org"),
    ("email", "josé@x.org", "JOSÉ@x.org".encode()),
    ("email", "josé@x.org", "jose\u0301@x.org".encode()),
    ("email", "josé@x.org", "josé@x.org".encode("latin-1")),
    ("email", "josé@x.org", b"?e=jos%c3%a9%40x.org"),
    ("phone", "+33123456789", b"call +33 1 23 45 67 89 now"),
    ("phone", "+33123456789", b"call +33 (0)1.23.45.67.89"),
    ("phone", "+33123456789", b"0033123456789"),
    ("phone", "+33123456789", b"tel=%2B33123456789"),
    ("customer_id", "C-123", b"GET /customers/C-123.json"),
    ("customer_id", "C-123", b"id=C-123."),
    ("username", "ada", b"user=Ada logged in"),
    ("name", "Ada Lovelace", b"?n=Ada+Lovelace"),
    ("name", "Ada Lovelace", b"?n=Ada%20Lovelace"),
]
NOT_FOUND = [
    ("ip", "10.0.0.1", b"10.0.0.11 - -"),
    ("ip", "10.0.0.1", b"110.0.0.1 - -"),
    ("ip", "10.0.0.1", b"10.0.0.1.5"),
    ("ip", "10.0.0.1", b"5.10.0.0.1"),
    ("ip", "2001:db8::1", b"2001:db8::11"),
    ("ip", "2001:db8::1", b"2001:db8:1::1"),
    ("email", "a@b.c", b"xa@b.c"),
    ("email", "a@b.c", b"a@b.co"),
    ("email", "a@b.c", b"a@b.c.uk"),
    ("email", "a@b.c", b"x.a@b.c"),
    ("email", "a@b.c", b"x+a@b.c"),
    ("email", "a@b.c", b"a@b.c-d.org"),
    ("email", "a@b.c", b"%41a@b.c"),
    ("email", "a@b.c", "éa@b.c".encode()),
    ("email", "a@b.c", "éa@b.c".encode("latin-1")),
    ("phone", "+33123456789", b"331234567890"),
    ("phone", "+33123456789", b"133123456789"),
    ("phone", "+33123456789", b"+33 1 23 45 67 8 x 9"),
    ("customer_id", "C-123", b"c-123"),
    ("customer_id", "C-123", b"AC-123"),
    ("customer_id", "C-123", b"C-123-4"),
    ("customer_id", "1", b"1.5 and 2.1"),
    ("username", "ada", b"ada@example.org"),
    ("username", "ada", b"ada.lovelace"),
    ("username", "ada", b"canada"),
]


@pytest.mark.parametrize(("kind", "value", "line"), FOUND)
def test_whole_token_is_found_however_it_is_spelled(store: Store, kind: str, value: str, line: bytes) -> None:
    store.put("a.log", b"first\n" + line + b"\nlast\n")
    assert store.count(**{kind: value}) == 1


@pytest.mark.parametrize(("kind", "value", "line"), NOT_FOUND)
def test_part_of_another_token_is_not_found(store: Store, kind: str, value: str, line: bytes) -> None:
    store.put("a.log", b"first\n" + line + b"\nlast\n")
    assert store.count(**{kind: value}) == 0


def test_one_value_that_is_part_of_another_keeps_both_apart(store: Store) -> None:
    store.put("a.log", b"10.0.0.1 x\n10.0.0.11 y\n")
    assert store.count(ip="10.0.0.1") == store.count(ip="10.0.0.11") == 1
