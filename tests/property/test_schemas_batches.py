import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.batches import MANY, MAX_BYTES, MAX_EVENTS, ONE, Unreadable, content_type, pack, unpack

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
EVENTS = st.dictionaries(st.text(), JSON, max_size=5)


def _encoded(event: object, indent: int | None = None) -> bytes:
    return json.dumps(event, indent=indent).encode()


@given(st.lists(st.builds(_encoded, EVENTS, st.sampled_from([None, 1])), max_size=250))
def test_events_come_back_in_their_order_as_the_very_bytes_that_were_packed(events: list[bytes]) -> None:
    values = pack(events)
    assert [one for value in values for one in unpack(value)] == events
    assert len(values) == -(-len(events) // MAX_EVENTS)


@given(
    st.lists(st.binary(min_size=2, max_size=400).map(bytes.hex), max_size=40), st.integers(1, 9), st.integers(2, 999)
)
def test_a_value_with_several_events_keeps_to_both_bounds(texts: list[str], most: int, size: int) -> None:
    events = [_encoded({"t": text}) for text in texts]
    values = pack(events, most=most, size=size)
    assert [one for value in values for one in unpack(value)] == events
    for value in values:
        inside = unpack(value)
        assert len(inside) <= most
        assert len(value) <= size or len(inside) == 1


@given(st.lists(st.binary(max_size=40), min_size=2, max_size=60), st.data())
def test_packing_is_as_tight_as_the_bounds_allow(raws: list[bytes], data: st.DataObject) -> None:
    events = [_encoded(raw.hex().join("{}")) for raw in raws]
    size = data.draw(st.integers(10, 300))
    values = pack([b"{" + b" " * (len(one) - 2) + b"}" for one in events], most=7, size=size)
    for one, following in itertools.pairwise(values):
        inside, after = unpack(one), unpack(following)
        assert isinstance(after[0], bytes)
        joined = sum(len(event) + 1 for event in inside if isinstance(event, bytes)) + len(after[0]) + 2
        assert len(inside) == 7 or joined > size


@given(st.binary(max_size=300) | st.binary(max_size=300).map(b"[".__add__))
def test_no_bytes_raise_and_none_vanish(value: bytes) -> None:
    found = unpack(value)
    assert found
    for one in found:
        raw = one.raw if isinstance(one, Unreadable) else one
        assert raw in value


@given(st.lists(st.builds(_encoded, EVENTS), min_size=1, max_size=20), st.data())
def test_what_is_no_event_leaves_its_neighbours_alone(events: list[bytes], data: st.DataObject) -> None:
    bad = data.draw(JSON.filter(lambda one: not isinstance(one, dict)).map(_encoded))
    at = data.draw(st.integers(0, len(events)))
    inside = [*events[:at], bad, *events[at:]]
    space = data.draw(st.sampled_from([b",", b" , ", b"\n,\t"]))
    found = unpack(b" [ " + space.join(inside) + b" ] ")
    assert found == [*events[:at], Unreadable(bad, "not_an_object"), *events[at:]]


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (b"", "not_an_object"),
        (b" \n", "not_an_object"),
        (b"[]", "batch_empty"),
        (b'[{"a": 1}, {"b"', "batch_malformed"),
        (b"[" * 100_000, "batch_malformed"),
        (b"[" + b"0," * 500_000 + b"0]", "batch_too_many"),
    ],
)
def test_a_value_without_events_is_one_thing_for_the_dead_letters(value: bytes, error: str) -> None:
    assert unpack(value) == [Unreadable(value, error)]


def test_a_single_value_is_handed_on_unread() -> None:
    assert unpack(b"\xff garbage") == [b"\xff garbage"]
    assert unpack(b' {"id": "1"}') == [b' {"id": "1"}']


def test_bytes_that_are_not_utf8_inside_one_event_condemn_only_that_one() -> None:
    good, bad = b'{"id":"1"}', b'{"id":"\xff"}'
    assert unpack(b"[" + bad + b"," + good + b"]") == [bad, good]


def test_the_largest_number_of_events_is_read() -> None:
    events = [b"{}"] * MAX_EVENTS
    assert unpack(b"[" + b",".join(events) + b"]") == events


def test_an_event_above_the_bound_of_a_batch_goes_alone() -> None:
    large = _encoded({"t": "x" * MAX_BYTES})
    assert pack([b"{}", large, b"{}"]) == [b"{}", large, b"{}"]


def test_the_content_type_says_which_it_is() -> None:
    assert content_type(b'{"id": "1"}') == ONE
    assert content_type(pack([b"{}", b"{}"])[0]) == MANY


def test_what_cannot_be_read_is_not_shown() -> None:
    assert "secret" not in repr(Unreadable(b"secret", "not_an_object"))
