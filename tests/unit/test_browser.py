"""The browser of the tests sees what it has to see: otherwise pages would pass that should not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.absent import SERVICE_ABSENT
from tests.support.browser import DESKTOP, PHONE, opened, program

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_FINE = (
    """<!doctype html><html lang="en"><head><title>Fine</title></head><body><main><h1>Fine</h1></main></body></html>"""
)
_BAD = """<!doctype html><html><head><title>Bad</title></head><body><main><h1>Bad</h1><img src="https://else.example/x">
<script>console.log("it ran")</script><div style="width: 900px">wide</div></main></body></html>"""


def _file(folder: Path, text: str) -> str:
    (folder / "page.html").write_text(text)
    return (folder / "page.html").as_uri()


def test_a_fine_page_has_no_finding(browser: Browser, tmp_path: Path) -> None:
    address = _file(tmp_path, _FINE)
    with opened(browser, address, PHONE) as seen:
        assert (seen.faults(), seen.requests, seen.said, seen.too_wide()) == ([], [address], [], 0)


def test_faults_scripts_requests_and_widths_are_seen(browser: Browser, tmp_path: Path) -> None:
    address = _file(tmp_path, _BAD)
    with opened(browser, address, PHONE) as seen:
        faults = " ".join(seen.faults())
        assert "html-has-lang" in faults
        assert "image-alt" in faults
        assert "https://else.example/x" in seen.requests
        assert "it ran" in seen.said
        assert seen.too_wide() > 400
    with opened(browser, address, DESKTOP) as seen:
        assert seen.too_wide() == 0


def test_no_browser_is_told_as_an_absent_service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EXPUNGE_TEST_CHROMIUM", str(tmp_path / "none"))
    with pytest.raises(pytest.skip.Exception, match=f"{SERVICE_ABSENT} chromium; there is no "):
        program()
