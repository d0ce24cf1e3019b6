"""Whatever a record says, no letter says more; and whatever a consistent record says, there is a letter for it."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.letters import checking, samples, writing
from orchestrator.letters.case import Case, lines_of
from orchestrator.letters.errors import OverclaimError
from orchestrator.letters.template import Shape, Template
from orchestrator.runtime import letters
from schemas.completion import CompletionRecord
from schemas.outcomes import Anonymised, Attested, Deleted, Kept, KeptWhy, NothingHeld, Notified
from schemas.outcomes import Final as FinalOutcome

TEMPLATES = {code: letters.load(code, None) for code in letters.SHIPPED}
AT = st.sampled_from(["2026-01-01T00:00:00.000Z", "2026-02-10T09:00:00.000Z"])
DAYS = st.dates(min_value=dt.date(2026, 3, 1)).map(str)
COUNTS = st.integers(0, 10**6)
SHA = "0" * 64
ERASED: st.SearchStrategy[FinalOutcome] = st.one_of(
    st.just(NothingHeld()),
    st.builds(Deleted, before=COUNTS, method=st.just("delete"), looked_at=AT),
    st.builds(Anonymised, before=COUNTS, method=st.just("mask"), looked_at=AT),
    st.builds(
        Kept,
        count=COUNTS,
        why=st.sampled_from(KeptWhy),
        text=st.sampled_from(["gdpr-17-3-e", "policy:three_years", "fr-ccom-l123-22"]),
        until=DAYS,
        review_by=st.none() | DAYS,
        erased=COUNTS,
        masked=st.booleans(),
    ),
    st.builds(Attested, role=st.sampled_from(["dpo", "atelier_xiv"]), date=DAYS, document_sha256=st.just(SHA)),
    st.builds(Notified, recipient=st.just("LiveE")),
)
REASONS = st.dictionaries(
    st.sampled_from(["hr", "logs", "crm/h"]),
    st.sampled_from(
        [
            "out of the scope of the request",
            "GDPR Art. 11: cannot be identified there; would help: email",
            "GDPR Art. 11: cannot be identified there; would help: none",
            "not subject to this right: GDPR Art. 20(1)(a): rests on neither consent nor contract",
            "no such system is connected",
        ]
    ),
    max_size=2,
)
RESULTS = ("", "fulfilled", "partly_fulfilled", "nothing_held", "withdrawn", "refused", "lapsed", "unidentifiable")


@st.composite
def records(draw: st.DrawFn, number: int = 1, results: tuple[str, ...] = ("",)) -> CompletionRecord:
    return samples.record(
        "erasure",
        tuple(draw(st.lists(ERASED, min_size=1, max_size=4))),
        number=number,
        result=draw(st.sampled_from(results)),
        not_searched=draw(REASONS),
        recipients=tuple(
            {one.recipient: one for one in draw(st.lists(st.sampled_from(samples.OTHERS), max_size=3))}.values()
        ),
        backups=draw(st.none() | st.integers(1, 400)),
    )


@st.composite
def cases(draw: st.DrawFn, results: tuple[str, ...] = ("",)) -> Case:
    before = tuple(draw(records(number)) for number in range(1, draw(st.integers(0, 2)) + 1))
    return samples._answered(draw(records(len(before) + 1, results)), *before)


def all_gone(record: CompletionRecord) -> bool:
    return record.result == "fulfilled" and all(
        isinstance(line.outcome, Deleted | NothingHeld) and line.assurance == "verified" for _, line in lines_of(record)
    )


@given(cases(), st.sampled_from(sorted(TEMPLATES)))
@settings(max_examples=300, deadline=None)
def test_there_is_a_letter_for_every_record_and_it_leaves_nothing_out(case: Case, code: str) -> None:
    said = checking.handed_out(TEMPLATES[code], case).said
    record = case.records[-1]
    for place, line in lines_of(record):
        mine = [one for one in said if one.place == place]
        if isinstance(line.outcome, Kept | Attested | Notified | Deleted | Anonymised):
            assert mine, place
        if isinstance(line.outcome, Attested):
            assert {one.key for one in mine} == {"attested"}
    for place in record.not_searched:
        assert any(one.place == place for one in said)
    for of in record.recipients:
        told = [one for one in said if one.place == f"@{of.recipient}"]
        if of.withheld:
            assert told == []
            assert not any("Police" in one.text for one in said)
        elif of.outcome is not None:
            assert told


@given(cases(RESULTS), st.sampled_from(sorted(TEMPLATES)))
@settings(max_examples=300, deadline=None)
def test_no_letter_that_is_handed_out_says_more_than_the_record(case: Case, code: str) -> None:
    try:
        letter = checking.handed_out(TEMPLATES[code], case)
    except OverclaimError:
        return
    record = case.records[-1]
    keys = {one.key for one in letter.said}
    if "all_erased" in keys:
        assert all_gone(record)
        assert not any(one.role == "processor" and one.outcome is not None for one in record.recipients)
        assert not record.not_searched
    if "nothing_held" in keys:
        assert all(isinstance(line.outcome, NothingHeld) for _, line in lines_of(record))
    if keys & {"erased", "came_back", "erased_later"}:
        assert any(isinstance(line.outcome, Deleted) for _, line in lines_of(record))
    if "all_gone" in keys:
        assert all(isinstance(line.outcome, Deleted | Anonymised | NothingHeld) for _, line in lines_of(record))
    if "nothing_kept" in keys:
        last = {place: line.outcome for one in case.records for place, line in lines_of(one)}
        assert not any(isinstance(one, Kept | Attested) for one in last.values())


CLAIMING = sorted(
    (kind, one.key)
    for kind, some in TEMPLATES["en"].letters.items()
    if kind in {"answer", "later"}
    for one in some
    if one.shape.when
    and set(one.shape.claims) & {"erased_all", "gone_all", "erased_some", "nothing_erased", "nothing_kept"}
)


def boastful(template: Template, kind: str, key: str) -> Template:
    """Take the condition away from one sentence, so that it is always written."""
    changed = tuple(
        msgspec.structs.replace(one, shape=Shape(one.shape.claims)) if one.key == key else one
        for one in template.letters[kind]
    )
    return msgspec.structs.replace(template, letters=template.letters | {kind: changed})


@pytest.mark.parametrize(("kind", "key"), CLAIMING)
@given(case=cases())
@settings(max_examples=60, deadline=None)
def test_a_template_that_claims_more_is_refused_on_every_record_that_does_not_bear_it(
    kind: str, key: str, case: Case
) -> None:
    shy, loud = TEMPLATES["en"], boastful(TEMPLATES["en"], kind, key)
    if writing.kind_of(case) != kind:
        return
    wrong = list(checking.problems(case, writing.write(loud, case)))
    written = key in {one.key for one in writing.write(shy, case).said}
    if key == "all_erased":
        assert bool(wrong) is not written
    if written:
        assert not wrong
    elif wrong:
        assert {one.key for one in wrong} == {key}
        assert wrong[0].where.startswith("en.toml (shipped):")
        assert wrong[0].fix
        with pytest.raises(OverclaimError):
            checking.handed_out(loud, case)


@pytest.mark.parametrize(("kind", "key"), CLAIMING)
def test_the_samples_find_each_of_them_before_a_record_comes(kind: str, key: str) -> None:
    found = checking.tried(boastful(TEMPLATES["en"], kind, key), samples.cases())
    assert key in {one.key for one in found}
