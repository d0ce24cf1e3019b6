"""Figures of a small period, each of which can be counted by hand."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest

from orchestrator.files.reports import html
from orchestrator.report.charts import WIDTH, charts
from orchestrator.report.computing import compute
from orchestrator.report.facts import Backlog, Caught, Facts, First, Owed, RequestFact
from orchestrator.report.figures import Report
from orchestrator.report.period import read
from orchestrator.report.sections import EMPTY, document, sections
from orchestrator.report.writing import csv_text, markdown
from schemas.completion import KIND, STATEMENT, CompletionRecord, RecipientLine, RecordSetLine, SystemLine
from schemas.outcomes import Anonymised, Attested, Deleted, Exported, Kept, KeptWhy, Notified
from schemas.outcomes import Final as FinalOutcome

AT = "2026-06-10T09:00:00.000Z"
LAW = KeptWhy.LEGAL_OBLIGATION
PERIOD = read("2026-06-01", "2026-06-30", "2026-07-15T12:00:00.000Z")
KEPT = Kept(4, LAW, "fr-ccom-l123-22", "2036-01-01", "2030-01-01", erased=2)


def record(request_id: str, completed_at: str, number: int = 1, **more: Any) -> CompletionRecord:
    lines: dict[str, FinalOutcome] = more.pop("lines", {"crm/contacts": Deleted(3, "delete", AT)})
    systems: dict[str, list[RecordSetLine]] = {}
    for place, outcome in lines.items():
        system, _, name = place.partition("/")
        assurance = "attested" if isinstance(outcome, Attested) else "verified"
        systems.setdefault(system, []).append(RecordSetLine(name, outcome, "rule", assurance))
    given: dict[str, Any] = {
        "right": "erasure", "controllers": ("acme",), "received_at": "2026-06-02T09:00:00.000Z", "due_at": "2026-07-02",
        "result": "fulfilled", "headline": "deleted",
    }  # fmt: skip
    return CompletionRecord(
        v=1, kind=KIND, record_id=f"{request_id}.{number}", number=number, request_id=request_id, due_rule="rule",
        completed_at=completed_at, identifier_kinds=("email",), not_searched={}, plan_sha256="0", policy_version="1",
        statement=STATEMENT, salt="s",
        systems=tuple(SystemLine(name, "c/1", AT, "0", tuple(sets)) for name, sets in systems.items()),
        **(given | more),
    )  # fmt: skip


def asked(request_id: str, received_at: str = "2026-06-02T09:00:00.000Z", **more: Any) -> RequestFact:
    given: dict[str, Any] = {"right": "erasure", "controllers": ("acme",), "due_on": "2026-07-02", "closed": True}
    return RequestFact(request_id=request_id, received_at=received_at, **(given | more))


def facts(*records: CompletionRecord, requests: list[RequestFact] | None = None, **more: Any) -> Facts:
    firsts = {one.request_id: First(one.completed_at, one.result) for one in records if one.number == 1}
    given: dict[str, Any] = {
        "answered": {}, "caught": [], "unread": {}, "owners": {}, "backlog": {}, "heard": {}, "owed": [],
    }  # fmt: skip
    requests = requests if requests is not None else [asked(one) for one in firsts]
    inside = [one for one in records if PERIOD.holds(one.completed_at)]
    return Facts(requests=requests, firsts=firsts, records=inside, **(given | more))


def test_what_came_is_counted_by_right_controller_and_result() -> None:
    found = compute(
        PERIOD,
        facts(
            record("done", "2026-06-10T09:00:00.000Z"),
            record("later", "2026-07-03T09:00:00.000Z", result="nothing_held"),
            requests=[
                asked("done"),
                asked("later"),
                asked("two", controllers=("acme", "beta"), closed=False),
                asked("nobody", controllers=(), closed=False, due_on="2026-06-30"),
                asked("before", "2026-05-31T23:59:59.999Z", closed=False, due_on="2026-06-29"),
                asked("after", "2026-07-01T00:00:00.000Z", closed=False),
                asked("swept", asked=False, closed=False, due_on="2026-06-03"),
                asked("forgotten", "2025-01-01T00:00:00.000Z", due_on="2025-02-01"),
            ],
        ),
    )
    assert [(one.controller, one.result, one.count) for one in found.received] == [
        ("(none named)", "open", 1),
        ("acme", "fulfilled", 1),
        ("acme", "nothing_held", 1),
        ("acme", "open", 1),
        ("beta", "open", 1),
    ]
    assert (found.received_total, found.unasked) == (4, 1)
    assert [(one.month, one.received) for one in found.months] == [("2026-06", 4)]
    # What was completed only after the period was open at its end; what has no record any more was not.
    assert found.open == 4
    assert [one.request_id for one in found.overdue] == ["before", "nobody"]


def test_a_day_that_is_not_over_is_not_missed() -> None:
    now = read("2026-06-01", "2026-06-30", "2026-06-30T12:00:00.000Z")
    found = compute(now, facts(requests=[asked("open", closed=False, due_on="2026-06-30")]))
    assert (found.open, found.overdue, found.over) == (1, [], False)


def test_times_and_margins_are_of_first_records_in_the_period() -> None:
    found = compute(
        PERIOD,
        facts(
            record("quick", "2026-06-03T09:00:00.000Z"),
            record("late", "2026-06-30T23:00:00.000Z", due_at="2026-06-28", right="access"),
            record("again", "2026-06-20T09:00:00.000Z", 2),
            record("swept", "2026-06-29T09:00:00.000Z", origin="retention", due_at="2026-06-01"),
            answered={"quick": "2026-06-03T10:00:00.000Z"},
        ),
    )
    assert found.completed_total == 2
    assert found.afresh == 1
    by = {one.right: one for one in found.times}
    assert list(by) == ["access", "erasure", "all"]
    assert by["erasure"].complete.median == 86_400
    assert by["erasure"].answer.median == 90_000
    assert by["access"].answer.count == 0
    assert by["all"].late == by["access"].late == 1
    assert (by["all"].margin.median, by["all"].margin.slowest) == (13, -2)
    assert [(one.request_id, one.margin) for one in found.slowest] == [("late", -2), ("quick", 29)]
    assert [one.count for one in found.margins] == [1, 0, 0, 0, 0, 1]


def test_extensions_pauses_and_refusals() -> None:
    found = compute(
        PERIOD,
        facts(
            record("paused", AT, paused_days=4),
            record("no", AT, result="refused", ground="excessive", lines={}),
            requests=[
                asked("a", extended="complexity", extended_at="2026-06-30T23:00:00.000Z"),
                asked("b", extended="complexity", extended_at="2026-07-01T00:00:00.000Z"),
            ],
        ),
    )
    assert [(one.what, one.count) for one in found.extensions] == [("complexity", 1)]
    assert (found.paused_requests, found.paused_days) == (1, 4)
    assert [(one.what, one.count) for one in found.refusals] == [("excessive", 1)]


def test_what_is_kept_goes_by_the_last_word() -> None:
    other = Kept(1, KeptWhy.HOLD, "de-hgb-257", None, "2027-01-01")
    found = compute(
        PERIOD,
        facts(
            record("a", AT, lines={"crm/invoices": KEPT, "crm/notes": other}),
            record("b", AT, lines={"crm/invoices": KEPT}),
            record("b", AT, 2, lines={"crm/invoices": Deleted(4, "delete", AT)}),
            record("c", AT, recipients=(RecipientLine("mailer", "processor", outcome=KEPT, assurance="attested"),)),
        ),
    )
    assert [(one.why, one.text, one.requests, one.records, one.first, one.last, one.undated) for one in found.kept] == [
        ("exception_17_3_b", "fr-ccom-l123-22", 2, 8, "2030-01-01", "2036-01-01", 0),
        ("hold", "de-hgb-257", 1, 1, "2027-01-01", "2027-01-01", 1),
    ]
    assert found.recipients[0].keeps == 1


def test_lines_are_verified_or_attested_and_a_silent_system_is_seen() -> None:
    lines: dict[str, FinalOutcome] = {
        "crm/contacts": Deleted(3, "delete", AT),
        "crm/log": Anonymised(2, "mask", AT),
        "crm/invoices": KEPT,
        "paper/files": Attested("owner", "2026-06-09", "0"),
        "shop/orders": Exported(5, "f", "0"),
    }
    hand = (RecordSetLine("answer", Attested("dpo", "2026-06-09", "0"), "rule", "attested"),)
    told = RecipientLine("ads", "recipient", outcome=Notified("ads"), assurance="attested")
    not_told = RecipientLine("ads", "recipient", why_not="impossible")
    found = compute(
        PERIOD,
        facts(
            record("a", AT, lines=lines, by_hand=hand, recipients=(told,)),
            record("b", AT, lines={}, recipients=(not_told,)),
            owners={"crm": "sales", "silent": "it"},
            backlog={"shop": Backlog(7, "2026-05-01T00:00:00.000Z")},
            heard={"crm": AT},
            caught=[Caught("crm", "survived", "a"), Caught("crm", "survived", "a"), Caught("", "unusable_answer", "b")],
            unread={"SchemaError": 2},
            owed=[Owed("retention", "t", "2027-01-01", "2036-01-01"), Owed("retention", "t", "2026-12-01", None)],
        ),
    )
    by = {one.system: one for one in found.systems}
    assert list(by) == ["crm", "paper", "shop", "silent"]
    crm = by["crm"]
    assert (crm.erased, crm.anonymised, crm.kept, crm.verified, crm.attested, crm.caught) == (5, 2, 4, 3, 0, 2)
    assert (by["paper"].attested, by["paper"].owner, by["shop"].copied) == (1, "", 5)
    assert (by["shop"].backlog, by["shop"].backlog_since) == (7, "2026-05-01T00:00:00.000Z")
    assert (by["silent"].owner, by["silent"].last_answer) == ("it", None)
    assert (found.verified, found.attested) == (4, 2)
    assert (found.recipients[0].told, found.recipients[0].not_told) == (1, 1)
    assert [(one.system, one.kind, one.count, one.requests) for one in found.caught] == [
        ("", "unusable_answer", 1, 1),
        ("crm", "survived", 2, 1),
    ]
    assert [(one.kind, one.count, one.first, one.last) for one in found.owed] == [
        ("retention", 2, "2026-12-01", "2036-01-01")
    ]
    said = markdown(document(found))
    assert "| silent | it | 0 | - | never | 0 |" in said
    assert "2 events could not be applied" in said


def test_i14_what_came_back_is_told_from_what_was_only_looked_at() -> None:
    nothing = {"result": "nothing_held", "lines": {}}
    found = compute(
        PERIOD,
        facts(
            record("a", AT, 2, looked_again="recheck", **nothing),
            record("b", AT, 2, looked_again="recheck"),
            record("c", AT, 3, looked_again="restored:2026-06-01T00:00:00.000Z"),
            record("d", AT, 2, looked_again="restored:2026-06-01T00:00:00.000Z", **nothing),
            record("e", AT, 4, looked_again="due"),
            looks={"recheck": 40, "restored": 2},
        ),
    )
    back = found.returned
    assert [(one.what, one.count) for one in back.looked] == [("recheck", 40), ("restored", 2), ("due", 1)]
    assert [(one.what, one.count) for one in back.came_back] == [("due", 1), ("recheck", 1), ("restored", 1)]
    assert back.records == 9
    assert found.completed_total == found.afresh == 0
    assert not found.empty


def empty() -> Report:
    return compute(PERIOD, facts(owners={"crm": "sales"}))


def test_an_empty_period_says_so_in_every_form() -> None:
    found = empty()
    assert found.empty
    assert EMPTY in markdown(document(found))
    assert EMPTY in html(document(found))
    assert '<svg class="chart"' not in html(document(found))
    assert ["received_total", "0", "", "0"] in list(csv.reader(io.StringIO(csv_text(found))))


HOSTILE = "<script>alert(1)</script>|*x*"


def test_nothing_that_was_configured_becomes_markup_or_a_formula() -> None:
    found = compute(
        PERIOD,
        facts(
            record("a", AT, controllers=(HOSTILE,)),
            requests=[asked("a", controllers=(HOSTILE,)), asked("=1+1", controllers=("=cmd()",))],
            owners={"crm": "=cmd()"},
        ),
    )
    page = html(document(found))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    said = markdown(document(found))
    assert "<script" not in said.replace("\\<", "")
    assert re.search(r"\\\|\\\*x\\\*", said)
    cells = [row[3] for row in csv.reader(io.StringIO(csv_text(found)))]
    assert "'=cmd()" in cells
    assert not [one for one in cells if one.startswith("=")]


class _Looks(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.outside += [value for name, value in attrs if name in {"src", "href", "xlink:href"} and value]


@pytest.mark.parametrize("found", [empty(), compute(PERIOD, facts(record("a", AT)))], ids=["empty", "one"])
def test_the_page_has_no_script_and_nothing_from_outside(found: Report) -> None:
    seen = _Looks()
    page = html(document(found))
    seen.feed(page)
    assert not {"script", "img", "link", "iframe", "form", "object"} & set(seen.tags)
    assert seen.outside == []
    assert not re.search(r"@import|url\((?!#)", page)
    assert seen.tags.count("h1") == 1


def test_every_chart_has_its_numbers_on_it_and_in_words() -> None:
    page = html(
        document(compute(PERIOD, facts(record("a", AT), record("b", "2026-06-30T09:00:00.000Z", due_at="2026-06-01"))))
    )
    assert page.count('<svg class="chart"') == 2
    assert "Jun 2026: 2 received, 2 completed" in page
    assert re.search(r"<rect class=\"bar alarm\"[^>]*></rect>\s*<text[^>]*>1 \(50 %\)</text>", page)


@pytest.mark.parametrize(
    ("first", "count"), [("2026-01-01", 0), ("2025-01-01", 0), ("2023-01-01", 0), ("2026-06-01", 123_456)]
)
def test_no_number_of_a_chart_stands_on_another(first: str, count: int) -> None:
    found = compute(read(first, "2026-06-30", PERIOD.made_at), facts(record("a", AT)))
    for one in found.months:
        one.received += count + 998
        one.completed += count + 998
    for chart in charts(found).values():
        boxes = []
        for bar in chart.bars:
            wide = 8.5 * len(bar.said)
            left = bar.at_x - (wide / 2 if bar.anchor == "middle" else 0)
            boxes.append((left, bar.at_y - 11, left + wide, bar.at_y))
            assert 0 <= left <= left + wide <= WIDTH
            assert 0 <= bar.y <= bar.y + bar.height <= chart.height
        for place, a in enumerate(boxes):
            for b in boxes[place + 1 :]:
                apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
                assert apart, (chart.name, a, b)


def test_the_json_reads_back_as_the_same_report() -> None:
    found = compute(PERIOD, facts(record("a", AT)))
    assert msgspec.json.decode(msgspec.json.encode(found), type=Report) == found


def test_csv_has_every_figure_of_the_json() -> None:
    found = compute(PERIOD, facts(record("a", AT), owners={"crm": "sales"}))
    rows = {(table, row, field): value for table, row, field, value in csv.reader(io.StringIO(csv_text(found)))}
    assert rows["systems", "1", "erased"] == "3"
    assert rows["times", "1", "complete.median"] == str(found.times[0].complete.median)
    assert rows["over", "0", ""] == "true"
    assert {table for table, _, _ in rows} - {"table"} >= {"received", "months", "times", "margins", "systems"}


def test_a_code_means_what_it_means_in_its_table() -> None:
    """A restriction is a right and something owed; a recipient is a role and something owed; a system is an id."""
    told = RecipientLine("printer", "recipient", outcome=Notified("printer"))
    one = record("a", AT, right="restriction", recipients=(told,), lines={"up_date/notes": Deleted(1, "delete", AT)})
    found = compute(
        PERIOD,
        facts(one, requests=[asked("a", right="restriction")], owed=[Owed("restriction", "", "2027-01-01", None)]),
    )
    rows = {section.title: section.rows for section in sections(found)}
    assert rows["Requests received"][0][0] == "restriction"
    assert rows["Processors and recipients"][0][1] == "recipient"
    assert rows["What is still owed"][0][0] == "restricted: to be looked at again"
    assert rows["Systems"][0][0] == "up_date"
