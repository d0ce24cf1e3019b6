"""The receipt of a request: written for people, and read as people type."""

from __future__ import annotations

import hashlib

import pytest

from schemas import receipts
from schemas.errors import SchemaError

CHANCE = bytes(range(100, 115))
RECEIPT = receipts.made(CHANCE)
PLAIN = RECEIPT.replace("-", "")


def test_it_is_five_groups_of_five_and_the_same_for_the_same_chance() -> None:
    assert RECEIPT == receipts.made(CHANCE) != receipts.made(bytes(15))
    assert [len(one) for one in RECEIPT.split("-")] == [5] * 5
    assert set(PLAIN) <= set(receipts.ALPHABET)


@pytest.mark.parametrize("chance", [b"", bytes(14), bytes(16)])
def test_another_amount_of_chance_is_a_mistake(chance: bytes) -> None:
    with pytest.raises(ValueError, match="15 random bytes"):
        receipts.made(chance)


@pytest.mark.parametrize("chance", [bytes(15), b"\xff" * 15, CHANCE])
def test_the_check_symbol_is_crockford_s(chance: bytes) -> None:
    plain = receipts.made(chance).replace("-", "")
    number = sum(receipts.ALPHABET.index(one) * 32**place for place, one in enumerate(reversed(plain[:-1])))
    assert receipts.ALPHABET.index(plain[-1]) == number % 37


@pytest.mark.parametrize(
    "typed",
    [
        PLAIN,
        RECEIPT.lower(),
        f"  {RECEIPT}\r\n",
        " ".join(RECEIPT.split("-")),
        RECEIPT.replace("-", "\u2013"),
        RECEIPT.replace("0", "o").replace("1", "l"),
        RECEIPT.replace("0", "O").replace("1", "I"),
    ],
)
def test_it_is_read_as_people_type(typed: str) -> None:
    assert receipts.read(typed) == RECEIPT
    assert receipts.commitment(typed) == receipts.commitment(RECEIPT)


def test_what_looks_alike_is_forgiven() -> None:
    zeros = receipts.made(bytes(15))
    assert receipts.read(zeros.replace("0", "O")) == zeros
    ones = next(one for n in range(999) if "1" in (one := receipts.made(n.to_bytes(15, "big"))))
    assert receipts.read(ones.replace("1", "I")) == receipts.read(ones.replace("1", "l")) == ones


@pytest.mark.parametrize(
    ("typed", "rule"),
    [
        ("", "receipt.length"),
        (PLAIN[:-1], "receipt.length"),
        (PLAIN + "0", "receipt.length"),
        (PLAIN[:3] + "U" + PLAIN[4:], "receipt.character"),
        (PLAIN[:3] + "\u00e9" + PLAIN[4:], "receipt.character"),
        ("ann@example.org", "receipt.character"),
        (PLAIN[:3] + ("2" if PLAIN[3] != "2" else "3") + PLAIN[4:], "receipt.check"),
    ],
)
def test_what_is_none_is_refused_without_what_was_typed(typed: str, rule: str) -> None:
    with pytest.raises(SchemaError) as caught:
        receipts.read(typed)
    assert caught.value.rule == rule
    assert caught.value.fix
    assert not typed or typed not in str(caught.value)
    with pytest.raises(SchemaError):
        receipts.commitment(typed)


def test_the_commitment_can_be_made_by_any_shell() -> None:
    assert receipts.commitment(RECEIPT) == hashlib.sha256(b"expunge-receipt-v1\0" + PLAIN.encode()).hexdigest()


@pytest.mark.parametrize("given", ["", RECEIPT, PLAIN, "0" * 63, "A" * 64, "0" * 64 + "\n"])
def test_a_receipt_has_no_place_where_its_commitment_belongs(given: str) -> None:
    with pytest.raises(SchemaError) as caught:
        receipts.checked_commitment(given)
    assert caught.value.rule == "receipt.commitment"
    assert not given or given not in str(caught.value)


def test_a_commitment_or_none_passes() -> None:
    receipts.checked_commitment(None)
    receipts.checked_commitment(receipts.commitment(RECEIPT))
