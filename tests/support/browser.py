"""A real browser for what people read: Chromium, driven by Playwright; it reaches this machine only.

``EXPUNGE_TEST_CHROMIUM`` names the program, else ``/usr/bin/chromium``; a test that finds none skips (``CI=true``:
fails). ``browser`` lives as long as one module's tests: Playwright's loop runs in the thread of the tests, where those
of other modules start loops of their own.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support.absent import SERVICE_ABSENT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PHONE: Final = (390, 844)
DESKTOP: Final = (1280, 900)
"""Width and height of a window, in CSS pixels."""
_FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
)
_WIDTHS: Final = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"


def program() -> str:
    """Give the browser's path; skips where there is none."""
    found = os.environ.get("EXPUNGE_TEST_CHROMIUM", "/usr/bin/chromium")
    if not Path(found).is_file():
        pytest.skip(f"{SERVICE_ABSENT} chromium; there is no {found}")
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A running Chromium."""
    path = program()
    # lazy: half a second of imports
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        yield one
        one.close()


class Seen:
    """A page as it was opened, and what it did meanwhile."""

    def __init__(self, page: Page) -> None:
        """Watch a page that has not been opened."""
        self.page = page
        self.requests: list[str] = []
        """Every address that was asked for."""
        self.said: list[str] = []
        """What the browser wrote to its console, refusals of the Content-Security-Policy among it."""
        page.on("request", lambda one: self.requests.append(one.url))
        page.on("console", lambda one: self.said.append(one.text))
        page.on("pageerror", lambda one: self.said.append(str(one)))

    def too_wide(self) -> int:
        """Give by how many pixels the page is wider than its window."""
        wide, window = self.page.evaluate(_WIDTHS)
        return int(wide) - int(window)

    def faults(self) -> list[str]:
        """Give what axe finds, each with where."""
        from axe_playwright_python.sync_playwright import Axe

        found: list[dict[str, Any]] = Axe().run(self.page).response["violations"]
        return [f"{one['id']}: {[node['target'] for node in one['nodes']]}" for one in found]


@contextlib.contextmanager
def opened(browser: Browser, address: str, size: tuple[int, int], *, dark: bool = False) -> Iterator[Seen]:
    """Open one page, as a person does: scripts are allowed, so that one that should not be there would run."""
    width, height = size
    with contextlib.closing(
        browser.new_context(viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light")
    ) as context:
        seen = Seen(context.new_page())
        seen.page.goto(address, wait_until="load")
        yield seen
