"""The report of months of simulated requests, every figure of which is counted again (``tests.support.recount``)."""

from __future__ import annotations

import datetime as dt
import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from orchestrator.files.reports import html
from orchestrator.report import california_paper, period, processing, processing_paper
from orchestrator.report.processing_gaps import gaps
from orchestrator.report.sections import document
from orchestrator.report.writing import csv_table, csv_text, markdown
from orchestrator.runtime import policies
from orchestrator.store import reporting, statutory
from tests.simulation.varied import CHANNELS, CONTROLLERS, OWNERS, RIGHTS, Varied
from tests.support.browser import DESKTOP, PHONE, opened
from tests.support.cli import CommandLine
from tests.support.policies import ODIGO
from tests.support.recount import Store, recount
from tests.support.recount_california import recount as recount_california

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.timeout(300)]

PERIODS = [("2026-01-20", "2026-05-10", "2026-05-11"), ("2026-03-01", "2026-03-31", "2026-04-01")]
FIRST, LAST, _ = PERIODS[0]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Varied]:
    made = Varied(tmp_path_factory.mktemp("lived"), 11, 600, 130, 30)
    made.run()
    yield made
    made.store.close()


def _report(lived: Varied, first: str, last: str) -> tuple[str, dict[str, Any]]:
    now = f"{lived.clock.at.date()}T00:00:00.000Z"
    found = reporting.report(lived.store, period.read(first, last, now), OWNERS)
    told: dict[str, Any] = json.loads(msgspec.json.encode(found))
    return now, told


def test_the_months_were_about_something(lived: Varied) -> None:
    _, made = _report(lived, FIRST, LAST)
    assert made["received_total"] > 400
    assert {one["controller"] for one in made["received"]} == {*CONTROLLERS}
    assert {one["result"] for one in made["received"]} >= {
        "fulfilled", "partly_fulfilled", "nothing_held", "refused", "withdrawn", "identity_not_established", "open",
    }  # fmt: skip
    assert {one["right"] for one in made["times"]} == {*RIGHTS, "all"}
    assert {one["kind"] for one in made["caught"]} == {"survived", "unverifiable", "contradictory_answer"}
    assert 0 < made["returned"]["came_back"][0]["count"] < made["returned"]["looked"][0]["count"]
    assert {one["owner"] for one in made["systems"]} == {*OWNERS.values()}
    for name in ("extensions", "refusals", "kept", "owed", "overdue", "afresh", "attested", "paused_days", "unread"):
        assert made[name], name


@pytest.mark.parametrize(("first", "last", "end"), PERIODS)
def test_every_figure_is_counted_again(lived: Varied, first: str, last: str, end: str) -> None:
    """Also whatever figure is new: what the recount does not have differs."""
    now, made = _report(lived, first, last)
    with sqlite3.connect(lived.store.engine.url.database or "") as database:
        counted = recount(Store(database, first, end), last, now, OWNERS)
    assert {name: made[name] for name in counted} == counted
    assert made.keys() == counted.keys(), "a figure that nobody counts again"


@pytest.mark.parametrize(("first", "last", "end"), PERIODS)
def test_every_figure_of_california_is_counted_again(lived: Varied, first: str, last: str, end: str) -> None:
    now = f"{lived.clock.at.date()}T00:00:00.000Z"
    found = statutory.california(lived.store, period.read(first, last, now))
    made: dict[str, Any] = json.loads(msgspec.json.encode(found))
    with sqlite3.connect(lived.store.engine.url.database or "") as database:
        counted = recount_california(Store(database, first, end), {"acme-us"})
    assert {name: made.pop(name) for name in counted} == counted
    assert {name: made.pop(name) for name in ("v", "first", "last", "made_at", "over")} == {
        "v": 1, "first": first, "last": last, "made_at": now, "over": True,
    }  # fmt: skip
    assert made == {"log_may_end": f"{lived.clock.at.year - 2}{now[4:10]}"}, "a figure that nobody counts again"
    assert len(counted["log"]) > 20
    assert {one["manner"] for one in counted["log"]} == {*CHANNELS}
    assert sum(one["received"] for one in counted["metrics"]) == len(counted["log"])


def test_i04_no_person_is_in_any_form(lived: Varied) -> None:
    now = f"{lived.clock.at.date()}T00:00:00.000Z"
    found = reporting.report(lived.store, period.read(FIRST, LAST, now), OWNERS)
    log = statutory.california(lived.store, period.read(FIRST, LAST, now))
    papers = (document(found), california_paper.document(log))
    figures = (msgspec.json.encode(one).decode() for one in (found, log))
    tables = (csv_text(found), csv_table(california_paper.COLUMNS, california_paper.log_rows(log)))
    for text in (*map(html, papers), *map(markdown, papers), *figures, *tables):
        assert "@" not in re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)
        assert "sim.example" not in text


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", [PHONE, DESKTOP])
@pytest.mark.parametrize("name", ["figures", "california", "processing"])
def test_its_page_is_read_on_every_screen_and_by_everybody(
    lived: Varied, browser: Browser, tmp_path: Path, name: str, size: tuple[int, int], dark: bool
) -> None:
    days = period.read(FIRST, LAST, f"{lived.clock.at.date()}T00:00:00.000Z")
    match name:
        case "figures":
            paper = document(reporting.report(lived.store, days, OWNERS))
        case "california":
            paper = california_paper.document(statutory.california(lived.store, days))
        case _:
            register, on = policies.load(ODIGO), dt.date(2026, 7, 1)
            found = processing.compute(register, [], on, gaps(register, [], [], on))
            paper = processing_paper.document(found)
    file = tmp_path / "page.html"
    file.write_text(html(paper), encoding="utf-8")
    with opened(browser, file.as_uri(), size, dark=dark) as seen:
        assert (seen.faults(), seen.requests, seen.said, seen.too_wide()) == ([], [file.as_uri()], [], 0)


def test_a_report_and_a_day_on_the_command_line(expunge: CommandLine, tmp_path: Path) -> None:
    today = dt.datetime.now(dt.UTC).date().isoformat()
    days = ("--from", today, "--to", today)
    assert expunge("report", *days) == 0
    assert "Nothing was received and nothing was completed in this period." in expunge.out
    assert expunge("today") == 0
    assert "nothing needs anybody now" in expunge.err
    expunge.submit()
    expunge.is_done()
    found = expunge.json("report", *days)
    assert (found["received_total"], found["completed_total"], found["over"]) == (1, 1, False)
    assert {one["system"] for one in found["systems"]} >= {"crm"}
    for ending, begins in (("html", b"<!doctype html>"), ("md", b"# Requests"), ("csv", b"table,row"), ("json", b"{")):
        file = tmp_path / f"report.{ending}"
        assert expunge("report", *days, "-O", str(file)) == 0
        assert file.read_bytes().startswith(begins)
        assert file.stat().st_mode & 0o777 == 0o600
    assert "exists" in expunge.error(2, "report", *days, "-O", str(tmp_path / "report.csv"))["what"]
    file = tmp_path / "report.pdf"
    printed = expunge("report", *days, "-O", str(file))
    if printed == 0:
        assert file.read_bytes().startswith(b"%PDF-1.7")
    else:
        assert (printed, file.exists()) == (2, False), "without the library nothing is written"
        assert "pip install" in expunge.err or "apt-get install" in expunge.err
    assert expunge("report", *days, "--format", "csv") == 0
    assert expunge.out.startswith("table,row")
    california = ("report", *days, "--log", "california")
    assert expunge(*california, "--format", "csv") == 0
    assert expunge.out.splitlines() == ["request_id,received_on,nature,right,manner,responded_on,response,basis"]
    assert "nobody knows under which law" in expunge.err, "this installation names no country"
    assert expunge.json(*california)["unknown_law"] == 1
    assert expunge(*california) == 0
    assert "11 CCR 7102" in expunge.out


def test_a_period_that_makes_no_sense_writes_nothing(expunge: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    wrong = {
        ("2026-02-01", "2026-01-01"): "the period ends before it begins",
        ("2026-01-01", "2999-01-01"): "the period ends in the future",
        ("2026-01-01", "soon"): "'soon' is no date",
    }
    for (first, last), what in wrong.items():
        assert expunge.error(2, "report", "--from", first, "--to", last, "-O", str(file))["what"] == what
    unknown = expunge.error(2, "report", "--from", "2026-01-01", "--to", "2026-01-02", "-O", str(tmp_path / "a.docx"))
    assert "cannot be told" in unknown["what"]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["company"]
