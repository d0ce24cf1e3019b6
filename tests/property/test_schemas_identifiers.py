"""Normalisation is idempotent, and the form and the store agree on it, for any text."""

from __future__ import annotations

import ipaddress
import sys
import unicodedata

import pytest
from email_validator import validate_email
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.errors import InvalidIdentifierError
from schemas.identifiers import _PLAIN_EMAIL, _PLAIN_LENGTH, KINDS, MAX_LENGTH, canonical, parse

KIND = st.sampled_from([*sorted(KINDS), "x_card"])
ANY = st.text(st.characters(codec=None), max_size=60)
EMAIL = st.builds("{}@{}.{}".format, ANY, st.text(max_size=20), st.sampled_from(["org", "example", "ÉU", "test"]))
PHONE = st.text(st.sampled_from("0123456789+()-./ \u00a0\u202a\uff0b\u0663telx;#,"), max_size=30)
IP = st.one_of(st.ip_addresses().map(str), st.text("0123456789abcdefABCDEF:.%/", max_size=40))
VALUE = st.one_of(ANY, EMAIL, PHONE, IP)


@settings(deadline=None)
@given(kind=KIND, value=VALUE)
@example(kind="phone", value="0+033")
@example(kind="phone", value="(((0)0)0)33")
@example(kind="email", value="\u0130\u0345@x.org")
@example(kind="ip", value="FE80::1%\u0130")
@example(kind="username", value="\u0390\u0301")
def test_canonical_is_idempotent(kind: str, value: str) -> None:
    once = canonical(kind, value)
    assert canonical(kind, once) == once
    assert once == once.strip()


def _allowed(kind: str, value: str) -> bool:
    try:
        parse(kind, value)
    except InvalidIdentifierError as error:
        if len(value.strip()) >= 8 and value.strip() in str(error):
            pytest.fail("the error quotes the value (I4)")
        return False
    return True


@settings(deadline=None)
@given(kind=KIND, value=VALUE)
def test_a_form_and_a_store_agree(kind: str, value: str) -> None:
    if not _allowed(kind, value):
        return
    parsed = parse(kind, value)
    assert parsed.value == canonical(kind, value)
    assert parse(kind, parsed.value) == parsed, "what was accepted is accepted again, and stays"
    assert 0 < len(parsed.value) <= MAX_LENGTH
    assert unicodedata.is_normalized("NFC", parsed.value)
    parsed.value.encode("utf-8")


@settings(deadline=None)
@given(address=st.ip_addresses(v=6))
@example(address=ipaddress.IPv6Address("::ffff:10.0.0.1"))
def test_every_spelling_of_an_ipv6_address_is_one_value(address: ipaddress.IPv6Address) -> None:
    spellings = {str(address), address.exploded, address.exploded.upper(), address.compressed}
    assert len({canonical("ip", one) for one in spellings}) == 1


@settings(deadline=None)
@given(address=st.ip_addresses(v=4))
def test_an_ipv4_mapped_address_is_its_ipv4_address(address: ipaddress.IPv4Address) -> None:
    assert canonical("ip", f"::ffff:{address}") == str(address) == parse("ip", f"::FFFF:{address}").value


@settings(deadline=None)
@given(digits=st.text("0123456789", min_size=1, max_size=15), parts=st.lists(st.sampled_from(" -./()"), max_size=15))
def test_the_way_a_number_is_written_does_not_matter(digits: str, parts: list[str]) -> None:
    plain = "+4" + digits
    written = "+4" + "".join(a + b for a, b in zip(digits, [*parts, *[""] * len(digits)], strict=False))
    if "(0)" not in written:  # (0) is the national zero, and is dropped
        assert canonical("phone", written) == plain
    assert canonical("phone", plain.replace("+", "00", 1)) == plain


def test_canonical_is_idempotent_on_every_character_that_changes() -> None:
    every = map(chr, range(sys.maxunicode + 1))
    changing = [one for one in every if one.lower() != one or unicodedata.normalize("NFC", one) != one]
    assert len(changing) > 2000
    for kind in KINDS:
        for one in changing:
            for text in (one, f"{one}\u0301", f"e{one}"):
                once = canonical(kind, text)
                if canonical(kind, once) != once:
                    pytest.fail(f"{kind}: {text!a}")


@settings(deadline=None, max_examples=100)
@given(text=st.from_regex(_PLAIN_EMAIL))
def test_what_counts_as_plain_without_asking_the_library_is_valid_for_it(text: str) -> None:
    address = text[:_PLAIN_LENGTH] if len(text) > _PLAIN_LENGTH else text
    if _PLAIN_EMAIL.match(address):
        assert validate_email(address, check_deliverability=False, test_environment=True).normalized == address
