"""`expunge run` as a process: signals, and two at once."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.cli import main
from orchestrator.cli.demo.story import furnish


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    furnish(folder, 1, dt.date(2026, 11, 23))
    return folder


@contextmanager
def running(home: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "orchestrator", "run", "--home", str(home), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            assert process.stderr.readline().startswith("working")
            yield process
        finally:
            if process.poll() is None:
                process.kill()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_ends_the_run_cleanly(home: Path, number: signal.Signals, code: int) -> None:
    with running(home) as process:
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert out == ""
    assert err == "0 open, 0 closed, 0 need attention\n"


def test_a_running_daemon_takes_what_others_submit_and_is_alone(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = {"right": "erasure", "request_id": "one", "identifiers": [{"kind": "applicant_id", "value": "1"}]}
    (tmp_path / "r.json").write_text(json.dumps(request), encoding="utf-8")
    with running(home) as process:
        assert main(["submit", str(tmp_path / "r.json"), "--home", str(home)]) == 0
        until = time.monotonic() + 30
        phase = ""
        while phase != "closed" and time.monotonic() < until:
            capsys.readouterr()
            main(["list", "--home", str(home), "-o", "json"])
            phase = json.loads(capsys.readouterr().out)[0]["phase"]
        assert phase == "closed"
        assert main(["run", "--home", str(home), "--until-idle"]) == 3
        assert "another `expunge run` works on this store" in capsys.readouterr().err
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 0


def test_asking_on_a_terminal(home: Path) -> None:
    import pty

    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "orchestrator", "submit", "--home", str(home)]
    with subprocess.Popen(command, stdin=follower, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        os.close(follower)
        answers = ["steal", "erasure", "emial", "email", "not an address", "email", "a@mail.example", "", "y"]
        os.write(leader, "".join(f"{one}\n" for one in answers).encode())
        out, err = process.communicate(timeout=30)
        os.close(leader)
    assert process.returncode == 0, err.decode()
    said = err.decode()
    assert "did you mean 'email'?" in said
    assert "not an e-mail address" in said
    assert "1 taken in" in said
    assert len(out.decode().strip()) == 36
