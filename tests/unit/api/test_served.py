"""The pages of a link as they are served: uvicorn, a real browser on a phone and a desk, and what is logged of it."""

from __future__ import annotations

import contextlib
import io
import socket
import threading
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import uvicorn

from connectors.testing.people import SUBJECT
from orchestrator.api.handing_over import application
from orchestrator.engine.handing import Links
from orchestrator.runtime.clock import chance
from schemas.requests import Right
from tests.support.browser import DESKTOP, PHONE, Seen
from tests.support.rig import Rig

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@contextlib.contextmanager
def served(links: Links, rig: Rig) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(
            application(links, rig.settings.exports), access_log=False, log_level="warning", lifespan="off"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.mark.parametrize("size", [PHONE, DESKTOP])
@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_person_fetches_their_copy_with_a_browser(
    rig: Rig, browser: Browser, size: tuple[int, int], language: str, capfd: pytest.CaptureFixture[str]
) -> None:
    rig.seed(SUBJECT)
    rig.submit("r1", Right.ACCESS, email=SUBJECT.email)
    rig.pump()
    links = Links(rig.store, rig.keys, rig.clock, chance)
    made = links.make("r1", "dpo")
    with served(links, rig) as base:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, locale=language, accept_downloads=True
        )
        seen = Seen(context.new_page())
        seen.page.goto(f"{base}/{made.token}")
        assert seen.page.locator("html").get_attribute("lang") == language
        assert seen.faults() == []
        assert seen.too_wide() <= 0
        seen.page.get_by_role("textbox").fill(f"{(int(made.code) + 1) % 10**8:08}")
        seen.page.get_by_role("button").click()
        assert seen.page.get_by_role("alert").is_visible()
        assert seen.faults() == []
        seen.page.get_by_role("textbox").fill(made.code)
        with seen.page.expect_download() as fetched:
            seen.page.get_by_role("button").click()
        assert fetched.value.suggested_filename == "copy.zip"
        with zipfile.ZipFile(io.BytesIO(fetched.value.path().read_bytes())) as copy:
            assert copy.testzip() is None
        assert {one for one in seen.requests if not one.startswith(base)} == set()
        context.close()
    said = capfd.readouterr()
    for secret in (made.token, made.code):
        assert secret not in said.out + said.err
