"""A receipt opens exactly its own commitment, and a typo opens none."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from schemas import receipts
from schemas.errors import SchemaError

CHANCE = st.binary(min_size=receipts.CHANCE, max_size=receipts.CHANCE)


def is_refused(text: str) -> bool:
    try:
        receipts.commitment(text)
    except SchemaError:
        return True
    return False


@given(st.lists(CHANCE, min_size=2, max_size=50, unique=True))
def test_among_many_it_opens_its_own_alone(chances: list[bytes]) -> None:
    made = {receipts.made(one) for one in chances}
    opened = {receipts.commitment(one): one for one in made}
    assert len(opened) == len(made)
    assert all(receipts.commitment(one.lower().replace("-", " ")) == receipts.commitment(one) for one in made)


@given(CHANCE, st.integers(0, receipts.LENGTH - 1), st.sampled_from(receipts.ALPHABET))
def test_every_wrong_symbol_is_caught(chance: bytes, place: int, other: str) -> None:
    plain = receipts.made(chance).replace("-", "")
    assume(plain[place] != other)
    assert is_refused(plain[:place] + other + plain[place + 1 :])


@given(CHANCE, st.integers(0, receipts.LENGTH - 2))
def test_every_swap_of_two_neighbours_is_caught(chance: bytes, place: int) -> None:
    plain = receipts.made(chance).replace("-", "")
    assume(plain[place] != plain[place + 1])
    assert is_refused(plain[:place] + plain[place + 1] + plain[place] + plain[place + 2 :])


@given(CHANCE, st.integers(0, receipts.LENGTH - 1))
def test_a_lost_or_doubled_symbol_is_caught(chance: bytes, place: int) -> None:
    plain = receipts.made(chance).replace("-", "")
    assert is_refused(plain[:place] + plain[place + 1 :])
    assert is_refused(plain[:place] + plain[place] + plain[place:])


@given(st.text(max_size=60))
def test_whatever_is_typed_is_read_or_refused_and_never_breaks(text: str) -> None:
    if not is_refused(text):
        assert receipts.read(receipts.read(text)) == receipts.read(text)
