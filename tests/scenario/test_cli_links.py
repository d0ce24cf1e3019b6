"""A copy by a link, on the command line: made, fetched from the served page, listed, called back."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import httpx2
import pytest

from tests.scenario import test_cli_journey as journey
from tests.scenario.test_cli_journey import Shell, only_crm, request, write

template, home, shell = journey.template, journey.home, journey.shell


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
        return port


def answered(url: str, server: subprocess.Popen[bytes], log: Path) -> httpx2.Response:
    """Ask until the server is there."""
    deadline = time.monotonic() + 30
    while True:
        with contextlib.suppress(httpx2.TransportError):
            return httpx2.get(url)
        assert time.monotonic() < deadline
        assert server.poll() is None, log.read_text()
        time.sleep(0.1)


@pytest.fixture
def ready(home: Path, tmp_path: Path, shell: Shell) -> int:
    """A copy that is ready; gives the port that links lead to."""
    only_crm(home)
    port = free_port()
    file = home / "expunge.toml"
    file.write_text(f'{file.read_text()}\n[web]\nurl = "http://127.0.0.1:{port}/"\nport = {port}\n')
    shell("submit", write(tmp_path / "copy.json", request(7, "copy", "access")))
    assert shell("run", "--until-idle") == 0
    return port


def test_a_person_fetches_their_copy_by_link_and_code(ready: int, home: Path, tmp_path: Path, shell: Shell) -> None:
    made = shell.json("link", "make", "copy")
    assert made["url"].startswith(f"http://127.0.0.1:{ready}/")
    log = tmp_path / "served.log"
    with (
        log.open("wb") as out,
        subprocess.Popen(
            [sys.executable, "-m", "orchestrator", "link", "serve"],
            stdout=out,
            stderr=out,
            env=os.environ | {"EXPUNGE_HOME": str(home)},
        ) as server,
    ):
        try:
            page = answered(made["url"], server, log)
            assert page.status_code == 200
            assert httpx2.post(made["url"], data={"code": "00000000"}).status_code in (403, 200)
            found = httpx2.post(made["url"], data={"code": made["code"]})
            assert found.status_code == 200
            (tmp_path / "copy.zip").write_bytes(found.content)
            with zipfile.ZipFile(tmp_path / "copy.zip") as copy:
                assert copy.testzip() is None
            (one,) = shell.json("link", "list", "copy")
            assert (one["begun"], one["left"], one["state"]) == (1, 2, "open")
            shell("link", "revoke", made["link"])
            assert httpx2.get(made["url"]).status_code == 410
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(20)
    said = log.read_bytes()
    token = made["url"].rpartition("/")[2]
    assert token.encode() not in said
    assert made["code"].encode() not in said
    raw = b"".join(one.read_bytes() for one in home.rglob("expunge.db*"))
    assert token.encode() not in raw
    assert shell("link", "list", "copy") == 0
    assert "revoked" in shell.out


def test_what_is_wrong_is_said_with_its_fix(ready: int, home: Path, shell: Shell) -> None:
    made = shell.json("link", "make", "copy")
    assert "a link to this copy before" in shell.error(2, "link", "make", "copy")["what"]
    assert shell("link", "make", "copy", "--verified-again") == 0
    assert re.search(r"code: \d{4} \d{4}", shell.out)
    assert shell.json("link", "code", made["link"])["code"] != made["code"]
    assert "no such link" in shell.error(2, "link", "revoke", "nothing")["what"]
    file = home / "expunge.toml"
    whole = file.read_text()
    file.write_text(whole.replace("http://127.0.0.1", "http://privacy.example.org"))
    wrong = shell.error(2, "link", "make", "copy", "--verified-again")
    assert "without TLS" in wrong["what"]
    assert wrong["where"].startswith(f"{file}:")
    file.write_text(whole.replace("[web]\n", "[web]\n#"))
    assert "not configured" in shell.error(2, "link", "serve")["what"]
