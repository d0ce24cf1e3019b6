"""California's log and figures: each kind, each response, each ground; and what is not known is not counted."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from orchestrator.files.reports import html
from orchestrator.law.california import KINDS, nature_of
from orchestrator.law.regimes import RIGHTS
from orchestrator.report.california import California, ConsumerFact, compute
from orchestrator.report.california_paper import COLUMNS, NONE, document, log_rows
from orchestrator.report.period import read
from orchestrator.report.writing import csv_table, markdown

PERIOD = read("2026-01-01", "2026-12-31", "2027-03-01T10:00:00.000Z")
HERE = ("US-CA",)


def fact(request_id: str, right: str = "erasure", **more: Any) -> ConsumerFact:
    given = {"received_at": "2026-02-01T09:00:00.000Z", "calendars": HERE, "result": "fulfilled", "channel": "web"}
    return ConsumerFact(request_id, right, **(given | {"answered_at": "2026-02-11T20:00:00.000Z"} | more))


def made(*facts: ConsumerFact) -> California:
    return compute(PERIOD, facts)


def test_every_right_is_one_kind_or_none() -> None:
    assert [one.nature for one in KINDS] == ["delete", "correct", "know", "opt_out", "limit"]
    assert [one.text[-3:] for one in KINDS] == ["(A)", "(B)", "(C)", "(D)", "(E)"]
    assert {one: nature_of(one) for one in RIGHTS} == {
        "access": "know", "portability": "know", "erasure": "delete", "rectification": "correct",
        "restriction": "limit", "objection": "opt_out", "withdrawal_of_consent": "opt_out", "complaint": None,
        "safeguard_copy": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("result", "ground", "response", "basis", "because"),
    [
        ("fulfilled", "", "complied", [], []),
        ("nothing_held", "", "nothing_held", [], []),
        ("withdrawn", "", "withdrawn", [], []),
        ("", "", "open", [], []),
        ("refused", "excessive", "denied", ["excessive"], ["other"]),
        ("refused", "cannot_identify", "denied", ["cannot_identify"], ["not_verifiable"]),
        ("identity_not_established", "", "denied", ["identity_not_established"], ["not_verifiable"]),
        ("unidentifiable", "", "denied", ["unidentifiable"], ["not_verifiable"]),
        ("lapsed", "", "denied", ["lapsed"], ["not_verifiable"]),
        ("not_subject", "", "denied", ["not_subject"], ["other"]),
        ("a_result_of_tomorrow", "", "denied", ["a_result_of_tomorrow"], ["other"]),
    ],
)
def test_each_result_is_one_response(
    result: str, ground: str, response: str, basis: list[str], because: list[str]
) -> None:
    found = made(fact("a", result=result, ground=ground))
    (row,) = found.log
    assert (row.response, row.basis) == (response, basis)
    assert [one.what for one in found.denied_because] == because
    delete = found.metrics[0]
    assert delete.received == 1
    assert getattr(delete, response) == 1


def test_what_is_kept_or_not_searched_is_the_basis_of_a_denial_in_part() -> None:
    kept = (("exception_17_3_b", "fr-ccom-l123-22"), ("exception_17_3_b", "fr-ccom-l123-22"), ("hold", "gdpr-17-3-e"))
    found = made(
        fact("a", result="partly_fulfilled", kept=kept, not_searched=2),
        fact("b", result="partly_fulfilled", not_searched=1),
    )
    assert [one.basis for one in found.log] == [
        ["kept: exception_17_3_b, fr-ccom-l123-22", "kept: hold, gdpr-17-3-e", "not searched: 2"],
        ["not searched: 1"],
    ]
    assert {one.what: one.count for one in found.denied_because} == {"exempt": 1, "other": 1}
    assert found.metrics[0].complied_in_part == 2


def test_days_are_calendar_days_and_the_median_of_those_who_were_told() -> None:
    found = made(
        fact("a", answered_at="2026-02-02T00:00:00.000Z"),
        fact("b", answered_at="2026-02-11T20:00:00.000Z"),
        fact("c", answered_at="", result=""),
        fact("d", result="withdrawn", answered_at="2026-04-01T00:00:00.000Z"),
    )
    delete = found.metrics[0]
    assert (delete.received, delete.responded, delete.median_days) == (4, 2, 5)
    assert found.metrics[1].median_days is None


def test_only_what_is_known_to_be_under_this_law_is_counted() -> None:
    found = made(
        fact("a"),
        fact("both", calendars=("FR", "US-CA")),
        fact("other", calendars=("FR", "GB")),
        fact("nowhere", calendars=None),
        fact("none", calendars=()),
        fact("texas", calendars=("US-TX",)),
        fact("no-such", calendars=("XX",)),
        fact("before", calendars=HERE, received_at="2021-01-01T00:00:00.000Z"),
        fact("complaint", right="complaint"),
    )
    assert [one.request_id for one in found.log] == ["a", "both"]
    assert (found.other_law, found.unknown_law) == (1, 4)
    assert [(one.what, one.count) for one in found.not_counted] == [("complaint", 1)]
    assert "Of 4 requests nobody knows" in document(found).warning


def test_the_log_has_to_be_kept_for_24_months() -> None:
    assert made().log_may_end == "2025-03-01"


def test_a_manner_that_nobody_noted_is_said() -> None:
    found = made(fact("a", channel=""), fact("b"))
    assert {one.what: one.count for one in found.manners} == {"unknown": 1, "web": 1}
    assert [one.manner for one in found.log] == ["", "web"]


def test_every_form_says_what_is_not_known_and_the_log_is_a_table() -> None:
    found = made(fact("a", result="refused", ground="excessive"))
    for text in (html(document(found)), markdown(document(found)).replace("\\", "")):
        for word in ("11 CCR 7102(a)(1)(A)", "11 CCR 7102(a)(1)(F)", "a resident of California, is not known"):
            assert word in text
    table = list(csv.reader(io.StringIO(csv_table(COLUMNS, log_rows(found)))))
    assert table == [
        [*COLUMNS],
        ["a", "2026-02-01", "delete", "erasure", "web", "2026-02-11", "denied", "excessive"],
    ]
    assert document(made()).warning == NONE
