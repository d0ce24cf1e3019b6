from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import Holding, Presence, SetReport
from connectors.datamap import RecordSet, Retain
from connectors.verdict import Evidence, judge
from schemas.outcomes import (
    Anonymised,
    Deleted,
    Kept,
    KeptWhy,
    NothingHeld,
    Pending,
    Survived,
    Unverifiable,
    is_final,
)
from schemas.tasks import Instruction

GONE, ANONYMISED, MASKED, PRESENT = Presence.GONE, Presence.ANONYMISED, Presence.MASKED, Presence.PRESENT
AT = "2026-03-01T12:00:00.000Z"
LATER = "2026-03-02T00:00:00Z"
RETAIN = Retain(KeptWhy.LEGAL_OBLIGATION, "text", 120, "date", {"name": "masked"})
BARE = Retain(KeptWhy.LEGAL_OBLIGATION, "text", 120, "date")

PLAIN = RecordSet(name="s")
CHILD = RecordSet(name="s", parent="p")
ANON = RecordSet(name="s", erase="anonymise")
MASKING = RecordSet(name="s", retain=RETAIN)
DATED = RecordSet(name="s", retain=BARE)
WITH_PARENT = RecordSet(name="s", erase="with_parent", parent="p", retain=RETAIN)

ERASE = Instruction()
KEEP = Instruction(keep=KeptWhy.LEGAL_OBLIGATION, text="text", period_months=120)


def seen(
    presence: dict[str, Presence] | None = None,
    *,
    handle: str = "",
    report: SetReport | None = None,
    fresh: Holding | None = None,
) -> Evidence:
    return Evidence(tuple(handle), report or SetReport(), fresh or Holding(), presence or {}, AT)


def kept(
    keys: str, erased: str = "", *, first: str | None = "2034-01-01", last: str | None = "2035-01-01"
) -> SetReport:
    return SetReport(tuple(erased), tuple(keys), "delete", first, last)


# --- without keep


def test_i01_nothing_known_and_nothing_found_is_nothing_held() -> None:
    assert judge(ERASE, PLAIN, seen()) == NothingHeld()


def test_i01_all_gone_is_deleted_with_the_larger_count() -> None:
    both = seen({"a": GONE, "b": GONE}, handle="a", report=SetReport(erased=("b",)))
    assert judge(ERASE, PLAIN, both) == Deleted(2, "delete", AT)
    assert judge(Instruction(found=5), PLAIN, both) == Deleted(5, "delete", AT)


def test_i02_a_rerun_that_finds_nothing_left_reports_what_discovery_found() -> None:
    assert judge(Instruction(found=3), PLAIN, seen()) == Deleted(3, "delete", AT)


@pytest.mark.parametrize(
    ("record_set", "evidence", "count", "detail"),
    [
        (PLAIN, seen({"a": PRESENT}, handle="a"), 1, "still_there"),
        (PLAIN, seen({"a": PRESENT}, report=SetReport(erased=("a",))), 1, "still_there"),
        (PLAIN, seen({"a": PRESENT}, handle="a", fresh=Holding(("a",))), 1, "still_there"),
        (PLAIN, seen({"a": MASKED}, handle="a"), 1, "mask"),
        (PLAIN, seen({"a": ANONYMISED}, handle="a"), 1, "still_there"),
        (PLAIN, seen({"a": GONE}, handle="a", fresh=Holding(("b", "c"))), 2, "found_again"),
        (PLAIN, seen({"a": PRESENT}, handle="a", fresh=Holding(("b",))), 2, "still_there"),
        (PLAIN, seen({"a": PRESENT}, report=SetReport(kept=("a",))), 1, "still_there"),
        (CHILD, seen({"a": PRESENT}, handle="a"), 1, "orphans"),
        (CHILD, seen({"a": PRESENT}, handle="a", fresh=Holding(("a",))), 1, "still_there"),
        (ANON, seen({"a": PRESENT}, report=SetReport(erased=("a",), method="anonymise")), 1, "mask"),
        (ANON, seen({"a": MASKED}, handle="a"), 1, "mask"),
        (ANON, seen({"a": PRESENT}, handle="a"), 1, "still_there"),
        (ANON, seen({"a": ANONYMISED}, handle="a", fresh=Holding(("a",))), 1, "found_again"),
    ],
)
def test_i01_what_is_left_survived(record_set: RecordSet, evidence: Evidence, count: int, detail: str) -> None:
    assert judge(ERASE, record_set, evidence) == Survived(count, detail)


def test_anonymised_rows_count_as_anonymised_only_where_the_data_map_says_so() -> None:
    report = SetReport(erased=("a",), method="anonymise")
    assert judge(ERASE, ANON, seen({"a": ANONYMISED}, report=report)) == Anonymised(1, "anonymise", AT)
    assert not is_final(judge(ERASE, PLAIN, seen({"a": ANONYMISED}, report=report)))


def test_a_rerun_names_the_method_of_rows_anonymised_before_the_crash() -> None:
    assert judge(ERASE, ANON, seen({"a": ANONYMISED}, handle="a")) == Anonymised(1, "anonymise", AT)


def test_a_key_that_was_not_looked_at_proves_nothing() -> None:
    assert judge(ERASE, PLAIN, seen({}, handle="a")) == Unverifiable("no_answer_for_key")


def test_a_row_that_moved_to_a_new_key_is_anonymised_not_deleted() -> None:
    report = SetReport(erased=("a",), method="anonymise")
    assert judge(ERASE, ANON, seen({"a": GONE}, handle="a", report=report)) == Anonymised(1, "anonymise", AT)
    assert judge(Instruction(found=1), ANON, seen(report=SetReport(method="anonymise"))) == Anonymised(
        1, "anonymise", AT
    )


# --- with keep


def test_i08_kept_is_masked_dated_and_counted() -> None:
    evidence = seen({"a": MASKED, "b": MASKED, "c": GONE}, handle="abc", report=kept("ab", "c"))
    assert judge(KEEP, MASKING, evidence) == Kept(
        2, KeptWhy.LEGAL_OBLIGATION, "text", "2035-01-01", "2034-01-01", erased=1, masked=True, looked_at=AT
    )


def test_a_masked_line_that_goes_by_another_key_counts_once() -> None:
    evidence = seen({"l": GONE, "t": MASKED}, handle="l", report=kept("t"))
    outcome = judge(Instruction(KeptWhy.LEGAL_OBLIGATION, "text", None, 120, found=1), MASKING, evidence)
    assert isinstance(outcome, Kept)
    assert (outcome.count, outcome.erased) == (1, 0)


def test_what_a_killed_run_erased_counts_when_it_is_run_again() -> None:
    evidence = seen({"a": MASKED, "b": GONE}, handle="ab", report=kept("a"))
    outcome = judge(Instruction(KeptWhy.LEGAL_OBLIGATION, "text", None, 120, found=2), MASKING, evidence)
    assert isinstance(outcome, Kept)
    assert (outcome.count, outcome.erased) == (1, 1)


def test_kept_rows_may_be_found_by_a_fresh_search() -> None:
    evidence = seen({"a": MASKED}, handle="a", report=kept("a"), fresh=Holding(("a",)))
    assert isinstance(judge(KEEP, MASKING, evidence), Kept)


def test_kept_without_a_mask_in_the_data_map_is_not_called_masked() -> None:
    outcome = judge(KEEP, DATED, seen({"a": PRESENT}, handle="a", report=kept("a")))
    assert isinstance(outcome, Kept)
    assert not outcome.masked


def test_children_kept_with_their_parent_need_no_mask_of_their_own() -> None:
    outcome = judge(KEEP, WITH_PARENT, seen({"a": PRESENT}, handle="a", report=kept("a")))
    assert isinstance(outcome, Kept)
    assert not outcome.masked


def test_what_somebody_has_to_look_at_first_stays_unmasked_until_that_day() -> None:
    hold = Instruction(KeptWhy.HOLD, "gdpr-17-3-e", found=1, review_by="2027-06-01")
    for evidence in (
        seen({"a": PRESENT}, handle="a", report=kept("a")),
        seen({"a": PRESENT}, report=kept("a", last=None)),
    ):
        assert judge(hold, MASKING, evidence) == Kept(
            1, KeptWhy.HOLD, "gdpr-17-3-e", review_by="2027-06-01", looked_at=AT
        )


def test_the_last_date_defaults_to_the_first() -> None:
    outcome = judge(KEEP, DATED, seen({"a": PRESENT}, report=kept("a", last=None)))
    assert isinstance(outcome, Kept)
    assert outcome.until == outcome.review_by == "2034-01-01"


@pytest.mark.parametrize(
    ("evidence", "outcome"),
    [
        (seen({"a": PRESENT}, report=kept("a")), Survived(1, "mask")),
        (seen({"a": MASKED, "b": PRESENT}, handle="ab", report=kept("a")), Survived(1, "still_there")),
        (seen({"a": MASKED, "b": PRESENT}, report=kept("a", "b")), Survived(1, "still_there")),
        (seen({"a": MASKED}, report=kept("a", "a")), Survived(1, "mask")),
        (seen({"a": MASKED}, report=kept("a"), fresh=Holding(("a", "z"))), Survived(1, "found_again")),
        (seen({"a": GONE}, report=kept("a")), Unverifiable("kept_is_gone")),
        (seen({"a": MASKED}, report=kept("a", first=None)), Unverifiable("kept_without_date")),
    ],
)
def test_i08_what_is_not_properly_kept_is_not_final(evidence: Evidence, outcome: object) -> None:
    assert judge(KEEP, MASKING, evidence) == outcome


def test_nothing_kept_is_judged_as_an_erasure() -> None:
    assert judge(KEEP, MASKING, seen({"a": GONE}, handle="a")) == Deleted(1, "delete", AT)
    assert judge(KEEP, MASKING, seen({"a": PRESENT}, handle="a")) == Survived(1, "still_there")
    assert judge(KEEP, MASKING, seen()) == NothingHeld()


# --- pending


def test_lines_of_a_live_file_are_pending() -> None:
    report = SetReport(erased=("a",), pending=LATER, pending_count=2)
    evidence = seen({"a": GONE}, report=report, fresh=Holding(("x", "y"), pending=LATER, pending_count=2))
    assert judge(ERASE, PLAIN, evidence) == Pending(LATER, "live_file", 2)


def test_a_live_file_that_took_a_line_after_the_erasure_is_pending_too() -> None:
    evidence = seen(fresh=Holding(("x",), pending=LATER, pending_count=1))
    assert judge(ERASE, PLAIN, evidence) == Pending(LATER, "live_file", 1)


@pytest.mark.parametrize(
    "evidence",
    [
        seen({"a": PRESENT}, report=SetReport(erased=("a",), pending=LATER, pending_count=1)),
        seen(
            report=SetReport(pending=LATER, pending_count=1),
            fresh=Holding(("x", "y"), pending=LATER, pending_count=1),
        ),
    ],
)
def test_i01_other_records_that_survive_are_not_hidden_by_a_live_file(evidence: Evidence) -> None:
    outcome = judge(ERASE, PLAIN, evidence)
    assert isinstance(outcome, Survived)
    assert outcome.count == 1


# --- for any evidence at all

KEYS = st.lists(st.sampled_from("abcdef"), unique=True).map(tuple)
DATES = st.sampled_from([None, "2034-01-01"])
WAITS = st.sampled_from([None, LATER])
REPORTS = st.builds(
    SetReport,
    erased=KEYS,
    kept=KEYS,
    method=st.sampled_from(["delete", "anonymise"]),
    due_first=DATES,
    due_last=DATES,
    pending=WAITS,
    pending_count=st.integers(0, 6),
)
HOLDINGS = st.builds(Holding, keys=KEYS, pending=WAITS, pending_count=st.integers(0, 6))
EVIDENCE = st.builds(
    Evidence,
    handle=KEYS,
    report=REPORTS,
    fresh=HOLDINGS,
    presence=st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(Presence), min_size=0)
    | st.fixed_dictionaries(dict.fromkeys("abcdef", st.sampled_from(Presence))),
    looked_at=st.just(AT),
)
INSTRUCTIONS = st.builds(Instruction, keep=st.none() | st.sampled_from(KeptWhy), found=st.integers(0, 4))
SETS = st.sampled_from([PLAIN, CHILD, ANON, MASKING, DATED, WITH_PARENT])


@given(INSTRUCTIONS, SETS, EVIDENCE)
def test_i01_no_final_outcome_while_anything_is_left(
    instruction: Instruction, record_set: RecordSet, evidence: Evidence
) -> None:
    allowed = set(evidence.report.kept) if instruction.keep is not None else set()
    left = {key for key in evidence.known - allowed if evidence.presence.get(key) in {PRESENT, MASKED, None}}
    outcome = judge(instruction, record_set, evidence)
    if left or set(evidence.fresh.keys) - allowed or evidence.report.pending or evidence.fresh.pending:
        assert not is_final(outcome)


@given(INSTRUCTIONS, SETS, EVIDENCE)
def test_i01_a_final_outcome_matches_what_was_seen(
    instruction: Instruction, record_set: RecordSet, evidence: Evidence
) -> None:
    outcome = judge(instruction, record_set, evidence)
    sights = {evidence.presence.get(key) for key in evidence.known}
    match outcome:
        case Deleted(before=before):
            assert sights <= {GONE}
            assert before > 0
        case Anonymised():
            assert ANONYMISED in sights or evidence.report.method == "anonymise"
            assert sights <= {GONE, ANONYMISED}
        case Kept(count=count, review_by=review_by, masked=masked):
            assert instruction.keep is not None
            assert count == len(evidence.report.kept) > 0
            assert review_by is not None
            assert not masked or PRESENT not in sights
        case NothingHeld():
            assert instruction.found == 0
            assert not evidence.handle
        case _:
            assert not is_final(outcome)


@given(INSTRUCTIONS, SETS, EVIDENCE)
def test_a_worse_sight_never_gives_a_better_outcome(
    instruction: Instruction, record_set: RecordSet, evidence: Evidence
) -> None:
    if not is_final(judge(instruction, record_set, evidence)):
        return
    for key in evidence.known - set(evidence.report.kept):
        worse = msgspec.structs.replace(evidence, presence={**evidence.presence, key: PRESENT})
        assert not is_final(judge(instruction, record_set, worse))
