from __future__ import annotations

import base64
import hashlib
from urllib.parse import quote, quote_plus

import pytest

from connectors.testing.canary import canary_forms, find_canaries

VALUE = "K. Añary+4@quill.example"
RAW = VALUE.encode()


@pytest.mark.parametrize(
    "leak",
    [
        RAW,
        VALUE.lower().encode(),
        VALUE.upper().encode(),
        VALUE.encode("utf-16"),
        VALUE.encode("utf-16-be"),
        quote(VALUE, safe="").encode(),
        quote_plus(VALUE).encode(),
        ascii({"mail": VALUE}).encode(),
        *(hashlib.new(name, RAW).hexdigest().encode() for name in ("md5", "sha1", "sha256")),
        *(hashlib.new(name, VALUE.lower().encode()).hexdigest().upper().encode() for name in ("md5", "sha1", "sha256")),
        *(base64.b64encode(hashlib.new(name, RAW).digest()) for name in ("md5", "sha1", "sha256")),
        *(base64.urlsafe_b64encode(hashlib.new(name, RAW).digest()) for name in ("md5", "sha1", "sha256")),
        hashlib.sha256(RAW).digest(),
        *(base64.b64encode(b"x" * shift + RAW + b"y" * shift) for shift in range(6)),
        *(base64.urlsafe_b64encode(b"\xff" * shift + RAW + b"\xff" * shift) for shift in range(6)),
    ],
)
def test_a_leak_is_found_in_every_form(leak: bytes) -> None:
    assert find_canaries(b"before " + leak + b" after", ["other-value", VALUE]) == [VALUE]


def test_other_values_are_not_found() -> None:
    assert find_canaries(b"K. Anary+4@quill.example " + hashlib.sha256(b"x").digest(), [VALUE]) == []


def test_no_form_is_so_short_that_chance_finds_it() -> None:
    assert min(map(len, canary_forms("7"))) == 1
    assert min(map(len, canary_forms("a@b.c"))) >= 4
    assert len(set(canary_forms(VALUE))) == len(canary_forms(VALUE))
