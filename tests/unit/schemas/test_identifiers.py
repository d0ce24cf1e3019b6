"""Normalisation tables, refusals, and errors that never hold the value (I4)."""

from __future__ import annotations

import pytest
from rich.pretty import pretty_repr

from schemas.errors import InvalidIdentifierError
from schemas.identifiers import KINDS, MAX_LENGTH, Identifier, Strength, canonical, check_kind, parse, strength_of
from schemas.tasks import Findings, Link

NORMAL = [
    ("email", "ann@example.org", "ann@example.org"),
    ("email", "  Ann.Example@EXAMPLE.org\t", "ann.example@example.org"),
    ("email", "o'brien+news@example.org", "o'brien+news@example.org"),
    ("email", "zoe\u0308@example.org", "zo\u00eb@example.org"),
    ("email", "info@EX\u00c4MPLE.org", "info@ex\u00e4mple.org"),
    ("phone", "+33123456789", "+33123456789"),
    ("phone", "+33 1 23 45 67 89", "+33123456789"),
    ("phone", "0033 1-23-45-67-89", "+33123456789"),
    ("phone", "+33 (0)1.23.45.67.89", "+33123456789"),
    ("phone", "(+33) 1 23 45 67 89", "+33123456789"),
    ("phone", "tel:+33-1-23-45-67-89", "+33123456789"),
    ("phone", "+49 30/123 456", "+4930123456"),
    ("phone", "\uff0b33\u00a01\u201123456789", "+33123456789"),
    ("phone", "+\u0663\u0663\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669", "+33123456789"),
    ("ip", " 10.0.0.1 ", "10.0.0.1"),
    ("ip", "2001:0DB8:0:0::0001", "2001:db8::1"),
    ("ip", "::ffff:10.0.0.1", "10.0.0.1"),
    ("ip", "::FFFF:0a00:0001", "10.0.0.1"),
    ("ip", "fe80::1%eth0", "fe80::1%eth0"),
    ("name", "  Zoe\u0308 ", "Zo\u00eb"),
    ("name", "\u0645\u06cc\u200c\u0646\u0627", "\u0645\u06cc\u200c\u0646\u0627"),
    ("username", "\u00c5sa", "\u00e5sa"),
    ("customer_id", " AbC-1 ", "AbC-1"),
    ("x_card", "AbC", "AbC"),
]


@pytest.mark.parametrize(("kind", "value", "normal"), NORMAL)
def test_a_value_is_normalised_the_same_way_everywhere(kind: str, value: str, normal: str) -> None:
    assert parse(kind, value) == Identifier(kind, normal)
    assert canonical(kind, value) == normal
    assert canonical(kind, normal) == normal


@pytest.mark.parametrize(
    "value",
    [
        "'; DROP TABLE customers; --",
        '" OR ""="',
        "%_%",
        "(a+)+$",
        ".*",
        "[^x]",
        "\\d{9}",
        "${jndi:ldap://x}",
        "{{7*7}}",
        "../../etc/passwd",
        "=cmd()",
        "<script>",
    ],
)
def test_metacharacters_are_just_data(value: str) -> None:
    assert parse("customer_id", value).value == value
    assert canonical("username", value) == value.lower()


REFUSED = [
    ("email", "ann", "identifier.email"),
    ("email", "@example.org", "identifier.email"),
    ("email", "ann@", "identifier.email"),
    ("email", "a@b@example.org", "identifier.email"),
    ("email", "a b@example.org", "identifier.email"),
    ("email", "ann@localhost", "identifier.email"),
    ("email", "ann@[10.0.0.1]", "identifier.email"),
    ("email", "ann..x@example.org", "identifier.email"),
    ("email", "x" * 65 + "@example.org", "identifier.email"),
    ("email", "ann@example\u3002org", "identifier.email"),
    ("phone", "01 23 45 67 89", "identifier.phone"),
    ("phone", "33123456780", "identifier.phone"),
    ("phone", "+1", "identifier.phone"),
    ("phone", "+", "identifier.phone"),
    ("phone", "+" + "9" * 40, "identifier.phone"),
    ("phone", "+999123456789", "identifier.phone"),
    ("phone", "call me", "identifier.phone"),
    ("phone", "+331234567 ext 89", "identifier.phone"),
    ("phone", "+331234567;ext=89", "identifier.phone"),
    ("phone", "+33123456789 / +33123456780", "identifier.phone"),
    ("phone", "33+123456789", "identifier.phone"),
    ("phone", "++33123456789", "identifier.phone"),
    ("ip", "10.0.0.256", "identifier.ip"),
    ("ip", "010.0.0.1", "identifier.ip"),
    ("ip", "10.0.0.0/8", "identifier.ip"),
    ("ip", "167772161", "identifier.ip"),
    ("ip", "2001:db8::1::2", "identifier.ip"),
    ("ip", "::g", "identifier.ip"),
    ("name", "", "identifier.empty"),
    ("name", " \t\n", "identifier.empty"),
    ("customer_id", "x" * (MAX_LENGTH + 1), "identifier.length"),
    ("name", "\U0001d160" * 200, "identifier.length"),
    ("customer_id", "a\x00b", "identifier.characters"),
    ("customer_id", "a\nb", "identifier.characters"),
    ("customer_id", "a\x85b", "identifier.characters"),
    ("username", "ann\u202egro", "identifier.characters"),
    ("username", "ann\u2066x", "identifier.characters"),
    ("username", "ann\u061cx", "identifier.characters"),
    ("username", "ann\u200dx", "identifier.characters"),
    ("name", "a\u200bb", "identifier.characters"),
    ("name", "a\u2028b", "identifier.characters"),
    ("name", "a\u00adb", "identifier.characters"),
    ("name", "a\u2060b", "identifier.characters"),
    ("name", "a\U000e0041b", "identifier.characters"),
    ("name", "\ufeffann", "identifier.characters"),
    ("name", "a\ud800b", "identifier.characters"),
    ("emial", "ann@example.org", "identifier.kind"),
    ("X_CARD", "1", "identifier.kind"),
    ("x_", "1", "identifier.kind"),
    ("x_card\n", "1", "identifier.kind"),
    ("x_" + "a" * 41, "1", "identifier.kind"),
]


@pytest.mark.parametrize(("kind", "value", "rule"), REFUSED)
def test_i04_a_refusal_names_the_rule_and_never_the_value(kind: str, value: str, rule: str) -> None:
    with pytest.raises(InvalidIdentifierError) as caught:
        parse(kind, value, where="$.identifiers[3].value")
    error = caught.value
    assert error.rule == rule
    assert error.where == ("$.identifiers[3].kind" if rule == "identifier.kind" else "$.identifiers[3].value")
    assert len(value.strip()) < 4 or value.strip() not in str(error)
    assert error.fix or rule == "identifier.empty"


def test_the_longest_value_is_accepted() -> None:
    assert len(parse("customer_id", "x" * MAX_LENGTH).value) == MAX_LENGTH


def test_a_value_must_be_text() -> None:
    with pytest.raises(InvalidIdentifierError) as caught:
        parse("customer_id", 4711)  # type: ignore[arg-type]
    assert caught.value.rule == "identifier.type"


@pytest.mark.parametrize(
    ("stored", "found"),
    [
        ("+331234567 ext 89", "+331234567 ext 89"),
        ("+331234567#89", "+331234567#89"),
        ("+33123456789, +33123456780", "+33123456789, +33123456780"),
        ("01 23 45 67 89", "0123456789"),
        ("(0)1 23", "0123"),
        ("0(0)33 1", "+331"),
        ("\u202a+33 1 23 45 67 89\u202c", "+33123456789"),
        ("n/a", "n/a"),
    ],
)
def test_a_stored_phone_never_becomes_another_persons_number(stored: str, found: str) -> None:
    assert canonical("phone", stored) == found
    assert canonical("phone", found) == found


@pytest.mark.parametrize("stored", ["Unknown", "FE80::1%", "10.0.0.1:8080", "\u0130"])
def test_a_stored_text_that_is_no_address_stays_findable(stored: str) -> None:
    once = canonical("ip", stored)
    assert once == canonical("ip", once)
    assert once.casefold() == stored.casefold()


def test_a_kind_close_to_a_known_one_is_suggested_and_others_are_not_echoed() -> None:
    with pytest.raises(InvalidIdentifierError, match="did you mean 'email'") as caught:
        check_kind("e-mail", where="$.kind")
    assert caught.value.where == "$.kind"
    with pytest.raises(InvalidIdentifierError) as caught:
        check_kind("ann.example@example.org")
    assert "ann" not in str(caught.value)
    assert "known kinds" in caught.value.fix


def test_i09_only_some_kinds_are_followed_on_their_own() -> None:
    assert strength_of("email") is Strength.UNIQUE
    assert strength_of("ip") is Strength.SHARED
    assert strength_of("name") is Strength.WEAK
    assert strength_of("x_card") is Strength.UNIQUE
    assert all(check_kind(kind) == kind for kind in KINDS)


def test_i04_no_way_of_showing_an_identifier_shows_its_value() -> None:
    identifier = Identifier("email", "canary@example.org")
    link = Link("phone", "canary", Strength.UNIQUE)
    shown = [repr(identifier), str(identifier), f"{identifier!s}", pretty_repr(identifier), repr([identifier])]
    shown += [repr(link), str(link), pretty_repr(link), repr(Findings((link,))), pretty_repr(Findings((link,)))]
    assert not any("canary" in one for one in shown)
    assert "email" in shown[0]
    assert all("unique" in one for one in shown[5:])
