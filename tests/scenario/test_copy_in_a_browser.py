"""Copies of real requests, opened as a person opens them: unpacked, on a phone and on a desktop, in Chromium.

On every page: axe finds no fault, nothing is asked from outside, nothing runs, nothing is wider than the window.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.browser import DESKTOP, PHONE, opened
from tests.support.chinook import needs_data
from tests.support.copies import LUIS, of_chinook, of_nobody, of_the_demo

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHINOOK = pytest.param("chinook", marks=[pytest.mark.real_data, needs_data])


@dataclasses.dataclass
class Copies:
    """The copies of this module, each made when it is first asked for."""

    folder: Path
    made: dict[str, Path] = dataclasses.field(default_factory=dict)

    def give(self, name: str) -> Path:
        if name not in self.made:
            makers = {"chinook": of_chinook, "demo": of_the_demo, "told": of_nobody}
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                self.made[name] = makers[name](self.folder / name)
        return self.made[name]


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Copies:
    return Copies(tmp_path_factory.mktemp("copies"))


def pages_of(copy: Path) -> list[Path]:
    return sorted(copy.rglob("*.html"))


@pytest.mark.parametrize("name", [CHINOOK, "demo"])
def test_no_page_asks_anybody_for_anything_or_is_too_wide(browser: Browser, copies: Copies, name: str) -> None:
    copy = copies.give(name)
    found = [file.as_uri() for file in pages_of(copy)]
    assert len(found) > 5
    with opened(browser, found[0], PHONE) as seen:
        for address in found:
            seen.page.goto(address)
            for width, height in (PHONE, DESKTOP):
                seen.page.set_viewport_size({"width": width, "height": height})
                assert seen.too_wide() <= 0, (address, width)
        assert seen.requests == [found[0], *found]
        assert seen.said == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("name", "page"),
    [
        pytest.param("chinook", "index.html", marks=CHINOOK.marks),
        pytest.param("chinook", "data/crm/contacts.html", marks=CHINOOK.marks),
        pytest.param("chinook", "data/crm/invoice_lines.html", marks=CHINOOK.marks),
        ("demo", "index.html"),
        ("demo", "data/logs/access.html"),
        ("told", "index.html"),
        ("told", "about.html"),
        ("told", "data/_ta_/hostile_.html"),
    ],
)
def test_axe_finds_no_fault_in_any_kind_of_page(
    browser: Browser, copies: Copies, name: str, page: str, dark: bool
) -> None:
    with opened(browser, (copies.give(name) / page).as_uri(), PHONE, dark=dark) as seen:
        assert seen.faults() == []
        seen.page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
        assert dark or seen.faults() == []


def test_what_is_hostile_runs_nowhere_and_widens_nothing(browser: Browser, copies: Copies) -> None:
    copy = copies.give("told")
    found = [file.as_uri() for file in pages_of(copy)]
    with opened(browser, found[0], PHONE) as seen:
        for address in found:
            seen.page.goto(address)
            assert seen.too_wide() <= 0, address
        assert seen.requests == [found[0], *found]
        assert seen.said == []
        seen.page.goto((copy / "data/_ta_/hostile_.html").as_uri())
        text = seen.page.inner_text("main")
        assert "<script>" in text
        assert "[caractère U+202E]" in text
        assert "\u202e" not in text


def test_a_table_prints_as_a_table_and_the_way_back_is_left_out(browser: Browser, copies: Copies) -> None:
    with opened(browser, (copies.give("demo") / "data/crm/invoices.html").as_uri(), DESKTOP) as seen:
        seen.page.emulate_media(media="print")
        assert seen.page.locator(".back").first.is_hidden()
        assert seen.page.locator("thead").is_visible()
        assert seen.page.pdf(format="A4").startswith(b"%PDF")


@pytest.mark.real_data
@needs_data
def test_a_person_finds_their_data_by_following_links(browser: Browser, copies: Copies) -> None:
    copy = copies.give("chinook")
    with opened(browser, (copy / "index.html").as_uri(), PHONE) as seen:
        seen.page.get_by_role("link", name="Contacts", exact=True).click()
        assert LUIS in seen.page.inner_text("main")
        assert "São José dos Campos" in seen.page.inner_text("main")
        seen.page.get_by_role("link", name="Back to the overview").first.click()
        assert seen.page.url == (copy / "index.html").as_uri()


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@pytest.mark.parametrize("name", [CHINOOK, "demo"])
def test_frictionless_accepts_the_package(copies: Copies, name: str) -> None:
    import frictionless

    with inside(copies.give(name)):
        report: Any = frictionless.validate("datapackage.json")
    assert report.valid, report.flatten(["name", "type", "message"])
    described = json.loads((copies.give(name) / "datapackage.json").read_bytes())
    assert report.stats["tasks"] == len(described["resources"]) > 7


def test_frictionless_would_see_a_file_that_was_changed(tmp_path: Path) -> None:
    import shutil

    import frictionless

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        copy = of_the_demo(tmp_path)
    shutil.copy(copy / "data" / "hr" / "documents.csv", copy / "data" / "crm" / "contacts.csv")
    with inside(copy):
        report: Any = frictionless.validate("datapackage.json")
    assert {one[0] for one in report.flatten(["type"])} >= {"hash-count"}
