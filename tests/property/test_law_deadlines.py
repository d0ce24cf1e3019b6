"""What holds for every date: after the receipt, on an open day, never after the stricter promise, monotone."""

from __future__ import annotations

import datetime as dt

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from orchestrator.law.calendars import closed
from orchestrator.law.deadlines import answer_due, extension_on
from orchestrator.law.questions import Pause, Promise, Question
from orchestrator.law.regimes import REASONS, RIGHTS

CODES = ("FR", "FR-57", "ES", "ES-MD", "GB", "GB-ENG", "GB-SCT", "GB-NIR", "DE", "DE-BY", "NL", "BE", "NO", "US-CA")
EXTENDABLE = ("access", "portability", "erasure", "rectification")
DAYS = st.dates(dt.date(2023, 3, 29), dt.date(2060, 12, 31))
PROMISES = st.builds(Promise, months=st.integers(0, 3)) | st.builds(Promise, days=st.integers(0, 120))


@st.composite
def pauses(draw: st.DrawFn, received: dt.date) -> Pause:
    asked = received + dt.timedelta(days=draw(st.integers(0, 45)))
    begun = asked + dt.timedelta(days=draw(st.integers(-3, 3)))
    begun = max(begun, received)
    length = draw(st.none() | st.integers(0, 90))
    ended = None if length is None else max(begun, asked) + dt.timedelta(days=length)
    return Pause(begun, ended, draw(st.sampled_from(REASONS)), asked)


@st.composite
def questions(draw: st.DrawFn, rights: tuple[str, ...] = EXTENDABLE) -> Question:
    received = draw(DAYS)
    hour = draw(st.none() | st.integers(0, 23))
    text = received.isoformat() if hour is None else f"{received}T{hour:02}:30:00Z"
    return Question(
        right=draw(st.sampled_from(rights)),
        received=text,
        calendars=tuple(draw(st.lists(st.sampled_from(CODES), min_size=1, max_size=6, unique=True))),
        pauses=tuple(draw(st.lists(pauses(received), max_size=3))),
        promise=draw(st.none() | PROMISES),
        as_of=draw(st.none() | DAYS),
        target_hours=draw(st.integers(0, 1000)),
    )


@given(question=questions())
def test_a_deadline_never_lies_before_receipt(question: Question) -> None:
    found = answer_due(question)
    assert found.received <= found.target_by <= found.due
    assert found.received < found.due
    assert found.notice_by is None or found.received < found.notice_by
    assert found.rule.isascii()
    assert "\n" not in found.rule


@given(question=questions())
def test_a_deadline_never_lies_on_a_day_that_is_closed_where_it_was_decided(question: Question) -> None:
    # Calendar days of California end on any day; and a promise that has no working day in it ends as it stands.
    found = answer_due(question)
    assume(found.regime != "california")
    between = (found.received + dt.timedelta(days=n + 1) for n in range((found.due - found.received).days))
    if not found.promised or any(closed(found.calendar, one) is None for one in between):
        assert closed(found.calendar, found.due) is None


@given(question=questions(), promise=PROMISES)
def test_a_deadline_never_lies_after_the_stricter_promise(question: Question, promise: Promise) -> None:
    bound = answer_due(msgspec.structs.replace(question, promise=promise))
    bare = answer_due(msgspec.structs.replace(question, promise=None, pauses=()))
    promised = promise.end(bound.received)
    if promised is not None and promised < bare.received + dt.timedelta(days=28):
        assert bound.due <= promised  # shorter than any law's period here
    assert bound.due <= answer_due(msgspec.structs.replace(question, promise=None)).due


@given(question=questions(), more=st.lists(st.sampled_from(CODES), max_size=4))
def test_more_calendars_never_give_a_later_date(question: Question, more: list[str]) -> None:
    wider = msgspec.structs.replace(question, calendars=(*question.calendars, *more))
    assert answer_due(wider).due <= answer_due(question).due


@given(question=questions(), order=st.randoms(use_true_random=False))
def test_the_order_of_calendars_and_pauses_changes_no_date(question: Question, order: object) -> None:
    calendars, waits = list(question.calendars), list(question.pauses)
    order.shuffle(calendars)  # type: ignore[attr-defined]
    order.shuffle(waits)  # type: ignore[attr-defined]
    one = answer_due(question)
    other = answer_due(msgspec.structs.replace(question, calendars=tuple(calendars), pauses=tuple(waits)))
    assert (one.due, one.calendar, one.rule, one.notice_by) == (other.due, other.calendar, other.rule, other.notice_by)


@given(question=questions())
def test_a_pause_never_moves_the_notice_and_never_makes_the_answer_earlier(question: Question) -> None:
    found, bare = answer_due(question), answer_due(msgspec.structs.replace(question, pauses=()))
    assert found.notice_by == bare.notice_by
    assert found.confirm_by == bare.confirm_by
    assert found.due >= bare.due


@given(question=questions())
def test_an_extension_is_never_earlier_and_is_told_by_the_notice(question: Question) -> None:
    found = answer_due(question)
    assert found.notice_by is not None
    extended = answer_due(msgspec.structs.replace(question, extended_on=found.notice_by))
    assert extended.due >= found.due
    assert extended.extended
    assert extension_on(question, found.notice_by).allowed
    assert not extension_on(question, found.notice_by + dt.timedelta(days=1)).allowed


@given(question=questions(RIGHTS))
def test_a_later_receipt_never_has_an_earlier_date(question: Question) -> None:
    # Of the same law (a complaint in the UK has 30 days from 19 June 2026), and without pauses: those are dates.
    assume(question.calendars != ("US-CA",) or question.right in EXTENDABLE)  # which knows no complaint
    received = question.received[:10]
    following = (dt.date.fromisoformat(received) + dt.timedelta(days=1)).isoformat()
    assume(not received <= "2026-06-19" <= following)
    one = msgspec.structs.replace(question, pauses=(), received=received)
    assert answer_due(one).due <= answer_due(msgspec.structs.replace(one, received=following)).due
