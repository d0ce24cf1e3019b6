"""``expunge doctor``: every fault has a finding, what cannot be told is not green, and nothing personal is shown."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import Any

from orchestrator.runtime.embedded import Embedded
from tests.support.cli import WHO, CommandLine
from tests.support.company import made_up


def examined(expunge: CommandLine, code: int) -> dict[str, dict[str, Any]]:
    assert expunge("doctor", "-o", "json") == code, expunge.out + expunge.err
    worst: dict[str, dict[str, Any]] = {}
    for one in json.loads(expunge.out):
        if worst.get(one["check"], {"level": "ok"})["level"] == "ok":
            worst[one["check"]] = one
    return worst


def configure(expunge: CommandLine, text: str) -> None:
    file = expunge.home / "expunge.toml"
    file.write_text(file.read_text() + text)


def test_a_sound_installation_has_no_finding(expunge: CommandLine) -> None:
    found = examined(expunge, 0)
    assert {one["level"] for one in found.values()} == {"ok"}
    assert {"keys", "migrations", "clocks", "backlog", "cache", "broker", "system crm"} <= set(found)
    assert expunge("doctor") == 0


def test_a_dead_letter_a_key_and_a_clock_are_found_and_hide_nothing_of_each_other(expunge: CommandLine) -> None:
    with Embedded.open(expunge.home) as home:
        home.engine.receive([f"garbage {made_up(WHO).email}".encode()])
    expunge.submit()
    with closing(sqlite3.connect(expunge.home / "expunge.db")) as database, database:
        database.execute("UPDATE journal SET observed_at = '2999-01-01T00:00:00.000Z'")
    (expunge.home / "keys" / "store.jwk").chmod(0o644)
    found = examined(expunge, 1)
    assert [found[name]["level"] for name in ("backlog", "clocks", "keys")] == ["finding"] * 3
    assert found["system crm"]["level"] == "ok"
    assert found["backlog"]["fix"]


def test_tables_of_another_version(expunge: CommandLine) -> None:
    with closing(sqlite3.connect(expunge.home / "expunge.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    assert "newer" in examined(expunge, 1)["migrations"]["text"]


def test_a_cache_that_is_away_is_unknown_and_never_green(expunge: CommandLine) -> None:
    configure(expunge, '\n[redis]\nurl = "redis://127.0.0.1:1/0"\n')
    found = examined(expunge, 3)["cache"]
    assert (found["level"], found["unreachable"]) == ("unknown", True)


def test_a_broker_that_is_away_is_unknown_and_never_green(expunge: CommandLine) -> None:
    configure(expunge, '\n[kafka]\nbootstrap_servers = ["127.0.0.1:1"]\nrequest_timeout_ms = 1500\n')
    # In a process of its own: the library leaves sockets behind when nobody answers.
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "orchestrator",
        "doctor",
        "-o",
        "json",
        "--home",
        str(expunge.home),
    ]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert done.returncode == 3, done.stderr
    (found,) = [one for one in json.loads(done.stdout) if one["check"] == "broker"]
    assert (found["level"], found["unreachable"]) == ("unknown", True)
