"""`expunge run` as a process: signals, and two at once."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from connectors.signals import Part
from orchestrator import telemetry
from orchestrator.cli import main
from orchestrator.cli.demo.story import furnish
from orchestrator.runtime.embedded import Embedded
from tests.support.bus import wait_for
from tests.support.services import free_port


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


def ask(port: int, page: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{page}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def test_it_answers_probes_and_prometheus_where_a_port_is_configured(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    file = home / "expunge.toml"
    file.write_text(f"{file.read_text()}\n[telemetry]\nport = {port}\n")
    request = {"right": "erasure", "request_id": "one", "identifiers": [{"kind": "applicant_id", "value": "1"}]}
    (tmp_path / "r.json").write_text(json.dumps(request), encoding="utf-8")
    assert main(["submit", str(tmp_path / "r.json"), "--home", str(home)]) == 0
    command = [sys.executable, "-m", "orchestrator", "run", "--home", str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_for(lambda: ask(port, "/readyz")[0] == 200)
            assert ask(port, "/readyz")[1] == '{"ok":true,"parts":{"store":"ok"}}'
            assert ask(port, "/livez") == (200, '{"ok":true,"parts":{"loop":"ok"}}')
            wait_for(lambda: 'phase="closed"' in ask(port, "/metrics")[1])
            figures = ask(port, "/metrics")[1]
            assert 'expunge_up{part="store"} 1.0' in figures
            assert "expunge_dead_letters 0.0" in figures
            assert ask(port, "/anything")[0] == 404
            capsys.readouterr()
            assert main(["run", "--home", str(home), "--until-idle"]) == 3
            assert "another `expunge run`" in capsys.readouterr().err, "one that ends by itself needs no port"
            assert main(["run", "--home", str(home)]) == 3
            assert "port" in capsys.readouterr().err
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=30)
        finally:
            if process.poll() is None:
                process.kill()
    assert process.returncode == 0
    events = [json.loads(line)["event"] for line in err.splitlines() if line.startswith("{")]
    assert {"process.started", "health.listening", "process.ready", "process.stopping", "process.stopped"} <= set(
        events
    )


def test_a_loop_that_hangs_is_told_to_be_dead(home: Path) -> None:
    """Frozen long enough, its first answer after it wakes is that the loop did not go round."""
    port = free_port()
    file = home / "expunge.toml"
    file.write_text(f"{file.read_text()}\n[telemetry]\nport = {port}\nstall_seconds = 1\n")
    needs: tuple[Part, ...] = ("store",)
    with Embedded.open(home) as one, telemetry.running(one.settings.telemetry, "run", needs=needs) as speaks:
        one._signals = speaks
        stop = threading.Event()
        held = threading.Event()
        one._chores.turn = lambda: held.wait(30) and 0  # type: ignore[method-assign]
        thread = threading.Thread(target=one.run, kwargs={"until_idle": False, "stop": stop})
        thread.start()
        try:
            wait_for(lambda: ask(port, "/livez")[0] == 503)
            held.set()
            wait_for(lambda: ask(port, "/livez")[0] == 200)
        finally:
            held.set()
            stop.set()
            thread.join(30)


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
