"""What a program finds in free text, and that what is held back is nowhere while everything else stays."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.passages import Decided, Passage, Review
from orchestrator.files import passages
from orchestrator.runtime import reviewing
from orchestrator.runtime.reviewing import HELD, Look, Watched

OWN = frozenset({"ada@example.org", "+33123456789", "10.0.0.7", "4711"})
LOOK = Look({"crm/notes": Watched(("body",), always=False)}, OWN)


def seen(text: str) -> list[tuple[str, str]]:
    return [(one.kind, text[one.start : one.end]) for one in passages.find(text, OWN)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("write to bob@example.org.", [("email", "bob@example.org")]),
        ("write to Ada@Example.org!", []),
        ("call +33 6 12 34 56 78 today", [("phone", "+33 6 12 34 56 78")]),
        ("call +33 1 23 45 67 89 today", []),
        ("call 06 12 34 56 78 today", [("number", "06 12 34 56 78")]),
        ("call 01 23 45 67 89 today", [("number", "01 23 45 67 89")]),
        ("from 10.0.0.7 and 10.0.0.77", [("ip", "10.0.0.77")]),
        ("from 2001:db8::1 at 12:30:45", [("ip", "2001:db8::1")]),
        ("999.1.1.1 is none", []),
        ("to GB82 WEST 1234 5698 7654 32 please", [("iban", "GB82 WEST 1234 5698 7654 32")]),
        ("to GB82 WEST 1234 5698 7654 33 please", [("number", "1234 5698 7654 33")]),
        ("", []),
        ("on 2026-03-01 at noon", []),
        ("his brother: 06 12 47 11 78", [("number", "06 12 47 11 78")]),
        ("his card: 4711 1111 1111 1111", [("number", "4711 1111 1111 1111")]),
        ("half of hers: 123456789", [("number", "123456789")]),
        ("hers: 33123456789", []),
    ],
)
def test_addresses_and_numbers_of_others_are_proposed(text: str, found: list[tuple[str, str]]) -> None:
    assert seen(text) == found


@given(st.text(max_size=300))
def test_any_text_gives_passages_in_order_none_within_another(text: str) -> None:
    found = passages.find(text, OWN)
    assert all(0 <= one.start < one.end <= len(text) for one in found)
    assert all(one.end <= other.start for one, other in itertools.pairwise(found))


def rows(*texts: Any) -> list[tuple[str, dict[str, Any]]]:
    return [("notes", {"id": at, "body": text}) for at, text in enumerate(texts)]


def decided(*of: Passage, ground: str = "rights_of_others", done: bool = True) -> Review:
    return Review("2026-01-01T00:00:00.000Z", {}, (Decided("dpo", ground, of),), done)


def test_only_what_nobody_decided_is_counted() -> None:
    some = rows("bob@example.org, eve@example.org", "nothing", None, 7)
    assert reviewing.undecided([("crm", some)], LOOK, None) == {"crm/notes": 2}
    bob = Passage("crm/notes", 0, "body", 0, 15)
    assert reviewing.undecided([("crm", some)], LOOK, decided(bob)) == {"crm/notes": 1}
    both = Passage("crm/notes", 0, "body", 0, 32)
    assert reviewing.undecided([("crm", some)], LOOK, decided(both)) == {}
    # Of the same place in another record, or in another system, nothing is decided.
    assert reviewing.undecided([("hr", some)], LOOK, None) == {}
    assert reviewing.undecided([("crm", rows("x", "bob@example.org"))], LOOK, decided(bob)) == {"crm/notes": 1}


@pytest.mark.parametrize(
    ("field", "row", "seen"),
    [
        ("messages.body", {"messages": '[{"body": "ask bob@example.org"}]'}, {"messages"}),
        ("user", {"user.note": "ask bob@example.org", "user.id": 7, "username": "x"}, {"user.note"}),
        ("*", {"line": "ask bob@example.org", "at": "eve@example.org"}, {"line", "at"}),
        ("user.note", {"user.note": "ask bob@example.org", "user.notes": "x"}, {"user.note"}),
    ],
)
def test_a_field_of_nested_records_is_looked_through_wherever_its_text_is_exported(
    field: str, row: dict[str, Any], seen: set[str]
) -> None:
    look = Look({"logs/chat": Watched((field, field), always=False)}, OWN)
    read = list(reviewing.texts("logs", [("chat", row)], look))
    assert [place for *_, place, _ in read] == sorted(seen), "each once"
    assert reviewing.undecided([("logs", [("chat", row)])], look, None) == {"logs/chat": len(seen)}


def test_where_somebody_reads_everything_they_are_asked_once() -> None:
    look = Look({"crm/notes": Watched(("body",), always=True)}, OWN)
    some = rows("nothing that a program finds")
    assert reviewing.undecided([("crm", some)], look, None) == {"crm/notes": 0}
    assert reviewing.undecided([("crm", some)], look, decided(done=False)) == {"crm/notes": 0}
    assert reviewing.undecided([("crm", some)], look, decided()) == {}
    assert reviewing.undecided([("crm", rows("", "  ", None))], look, None) == {}, "there is nothing to read"


def test_a_text_that_no_program_looks_through_is_read_by_somebody() -> None:
    long = "a" * (passages.LONGEST + 1) + " bob@example.org"
    assert reviewing.undecided([("crm", rows(long))], LOOK, None) == {"crm/notes": 0}


@given(
    st.lists(st.text(alphabet="abc<>&\"' ,;=\n", max_size=30), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30), st.integers(1, 10)), max_size=8),
)
def test_what_is_held_back_is_nowhere_and_everything_else_is_as_it_was(
    texts: list[str], cuts: list[tuple[int, int, int]]
) -> None:
    held = [Passage("crm/notes", row, "body", start, start + length) for row, start, length in cuts]
    made = list(reviewing.without("crm", rows(*texts), decided(*held)))
    for at, (text, (_, row)) in enumerate(zip(texts, made, strict=True)):
        kept = [
            char
            for place, char in enumerate(text)
            if not any(one.row == at and one.start <= place < one.end for one in held)
        ]
        assert row["body"].replace(HELD, "") == "".join(kept)
        assert row["id"] == at


def test_what_is_given_and_what_is_no_text_stays() -> None:
    given_ = decided(Passage("crm/notes", 0, "body", 0, 3), ground="own_data")
    assert list(reviewing.without("crm", rows("abcdef"), given_)) == rows("abcdef")
    number = decided(Passage("crm/notes", 0, "body", 0, 3), Passage("crm/notes", 0, "gone", 0, 3))
    assert list(reviewing.without("crm", rows(123456), number)) == rows(123456)
    assert list(reviewing.without("crm", rows("a"), None)) == rows("a")


def test_i04_what_to_look_for_hides_the_person() -> None:
    assert "ada" not in repr(LOOK)
