import json
import subprocess
import sys

import pytest
import typer

from connectors.errors import MisconfiguredError, TransientError, UnavailableError
from orchestrator.cli import main
from orchestrator.cli.guard import explain, guarded, wants_json
from orchestrator.errors import DependencyError, ExpungeError, UsageError, VerificationError
from schemas.errors import SchemaError

CANARY = "canary.4711@mail.example"


def raising(error: BaseException) -> int:
    def call() -> int:
        raise error

    return guarded(call)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ExpungeError("w"), 1),
        (UsageError("w"), 2),
        (DependencyError("w"), 3),
        (VerificationError("w"), 4),
        (SchemaError("r", "m"), 2),
        (MisconfiguredError("c", "m"), 2),
        (TransientError("c"), 3),
        (UnavailableError("c", "m"), 3),
        (typer.BadParameter("m"), 2),
        (typer.Abort(), 130),
        (KeyboardInterrupt(), 130),
        (PermissionError(13, "Permission denied", "a file"), 3),
        (ValueError("m"), 1),
    ],
)
def test_every_error_has_its_exit_code_and_no_traceback(
    error: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert raising(error) == code
    out, err = capsys.readouterr()
    assert not out
    assert "Traceback" not in err


def test_an_error_says_what_where_why_and_fix(capsys: pytest.CaptureFixture[str]) -> None:
    raising(UsageError("it is wrong", where="file:7", why="a reason", fix="do this"))
    assert capsys.readouterr().err == "error: it is wrong\n  where: file:7\n  why:   a reason\n  fix:   do this\n"


def test_a_configuration_error_names_file_and_line() -> None:
    assert explain(MisconfiguredError("c", "m", file="map.toml", line=7)).where == "map.toml:7"
    assert explain(MisconfiguredError("c", "m", file="map.toml")).where == "map.toml"


def test_an_unexpected_error_hides_its_message(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EXPUNGE_DEBUG", raising=False)
    raising(KeyError(CANARY))
    err = capsys.readouterr().err
    assert "KeyError" in err
    assert "reference test_guard:" in err
    assert "EXPUNGE_DEBUG=1" in err
    assert CANARY not in err


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPUNGE_DEBUG", "1")
    raising(KeyError("k"))
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["-o", "json"], ["list", "-ojson"], ["--output=json"], ["--output", "json"]])
def test_errors_are_json_where_json_was_asked_for(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    def call() -> int:
        raise UsageError("w", fix="f")

    assert guarded(call, arguments) == 2
    told = json.loads(capsys.readouterr().err)["error"]
    assert told == {"kind": "usage", "what": "w", "fix": "f", "exit_code": 2}


@pytest.mark.parametrize("arguments", [[], ["-o"], ["-o", "text"], ["json"], ["--output=text"]])
def test_errors_are_text_otherwise(arguments: list[str]) -> None:
    assert not wants_json(arguments)


def test_a_reader_who_has_seen_enough_is_no_error() -> None:
    script = (
        "import sys; from orchestrator.cli.guard import guarded\n"
        "def call():\n"
        "    while True: print('x' * 1000, flush=True)\n"
        "sys.exit(guarded(call))"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        said = process.stderr.read()
        assert process.wait(30) == 0
    assert said == b""


@pytest.mark.parametrize("arguments", [[], ["keys"]])
def test_nothing_said_is_answered_with_the_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("Usage: expunge")
    assert "error" not in shown.err
    assert "fix:" not in shown.err


@pytest.mark.parametrize(
    "group", ["", "kafka", "store", "keys", "dead-letters", "cache", "suppression", "identity", "fee"]
)
def test_the_help_cuts_no_line_short(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*filter(None, [group]), "--help"]) == 0
    assert "..." not in capsys.readouterr().out.replace("[ARGS]...", "")
