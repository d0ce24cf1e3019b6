"""Runs the real command line on a made-up company, and holds every command to what each of them promises.

Whatever is wrong: never a traceback, never a value of the person (invariant I4), and with ``-o json`` an error that is
one JSON document on stderr with what, where and how to mend it.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import ahocorasick_rs
import pytest
import typer.main

from connectors.testing.canary import canary_forms
from orchestrator.cli import app, main
from orchestrator.runtime import embedded
from orchestrator.runtime.clock import ShiftedClock
from tests.support.company import Company, Snapshot, bystanders_differ, made_up

WHO: Final = 1001
CANARY: Final = "canary4711"
SECRETS: Final = (CANARY, made_up(WHO).email, made_up(WHO).phone, made_up(WHO).name)
REQUEST: Final = "erase-one"
_FINDER: Final = ahocorasick_rs.BytesAhoCorasick(sorted({form for one in SECRETS for form in canary_forms(one)}))

_COMMANDS: Final = typer.main.get_command(app.app)
"""What ``app.app()`` makes afresh at each call, which is most of the time that a refusal takes."""


def identified_by(*pairs: tuple[str, str], **more: Any) -> dict[str, Any]:
    """Give an erasure request as a person hands it in."""
    return {"right": "erasure", "identifiers": [{"kind": kind, "value": value} for kind, value in pairs], **more}


def found_in(data: bytes) -> bool:
    """Tell whether some form of some value of the person stands in the bytes."""
    return bool(_FINDER.find_matches_as_indexes(data))


class CommandLine:
    """``expunge ... --home`` of one company."""

    def __init__(self, company: Company, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.company = company
        self.home = company.home
        self._capsys = capsys
        self._monkeypatch = monkeypatch
        monkeypatch.setattr(app, "app", _COMMANDS)
        self.out = self.err = ""
        self.before: Snapshot = {}

    def __call__(self, *arguments: str) -> int:
        """Run a command; ``out`` and ``err`` are what it said."""
        self._capsys.readouterr()
        code = main([*arguments, "--home", str(self.home)])
        self.out, self.err = self._capsys.readouterr()
        said = self.out + self.err
        assert "Traceback" not in said
        assert "this should not have happened" not in said
        assert not found_in(said.encode("utf-8", "surrogatepass"))
        return code

    def json(self, *arguments: str) -> Any:
        """Run a command that works, and read its data."""
        assert self(*arguments, "-o", "json") in {0, 1}, self.err
        return json.loads(self.out)

    def error(self, code: int, *arguments: str) -> dict[str, Any]:
        """Run a command that must fail; people and programs are told the same."""
        assert self(*arguments) == code, self.out + self.err
        text = self.err
        assert text.startswith("error: ")
        assert self.out == ""
        assert self(*arguments, "-o", "json") == code
        assert self.out == ""
        told: dict[str, Any] = json.loads(self.err)["error"]
        assert told["exit_code"] == code
        for name in ("what", "where", "why", "fix"):
            assert told.get(name, "") in text
        assert told["what"]
        assert told.get("where"), told
        assert told.get("fix"), told
        return told

    def submit(self, body: Any = None) -> None:
        """Take in the erasure of the one person, or another request."""
        who = made_up(WHO)
        one = identified_by(("email", who.email), ("ip", who.ip), request_id=REQUEST)
        self.before = self.company.snapshot_bystanders([WHO])
        assert self("submit", self.file(body or one)) == 0, self.err

    def file(self, body: Any, name: str = "request.json") -> str:
        """Write a file of requests beside the home folder; gives its name."""
        file = self.company.root / name
        file.write_bytes(body if isinstance(body, bytes) else json.dumps(body).encode())
        return str(file)

    def typed(self, raw: bytes) -> None:
        """Let these bytes come from stdin."""
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))

    def later(self, **span: float) -> None:
        """Move the clock of ``expunge run``."""
        clock = ShiftedClock()
        clock.shift = dt.timedelta(**span)
        self._monkeypatch.setattr(embedded, "SystemClock", lambda: clock)

    def rows(self) -> dict[str, list[Any]]:
        """Give everything in the product's own database: to see that nothing has changed."""
        with closing(sqlite3.connect(self.home / "expunge.db")) as database:
            names = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return {name: database.execute(f"SELECT * FROM [{name}]").fetchall() for name in names}

    def open_requests(self) -> list[str]:
        """Give the ids of what is not closed."""
        return [one["request_id"] for one in self.json("list", "--open")]

    def is_done(self, code: int = 0) -> None:
        """Run until idle: the request closes with a record, no trace is left, the others are untouched."""
        assert self("run", "--until-idle") == code, self.err + (str(self("show", REQUEST)) and self.out)
        assert self("show", REQUEST) == 0
        assert "closed" in self.out.splitlines()[0]
        assert self("record", REQUEST) == 0
        assert self.company.traces_of(WHO) == []
        assert bystanders_differ(self.before, self.company.contents(), [WHO]) == []

    def nothing_leaked(self) -> None:
        """No value of the person in the home folder, in any form, in no file and no file name."""
        for file in sorted(self.home.rglob("*")):
            data = b"" if file.is_dir() else file.read_bytes()
            assert not found_in(str(file).encode() + b"\n" + data), file.name


def edit(file: Path, old: str, new: str) -> None:
    """Change one place of a text file."""
    text = file.read_text()
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file.name}"
    file.write_text(text.replace(old, new))
