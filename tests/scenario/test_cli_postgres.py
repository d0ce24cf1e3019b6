"""The commands on a store in PostgreSQL: everything but `expunge run`, which is the embedded runtime's."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.execute import execute
from connectors.exports import ExportSink
from orchestrator import settings as configuration
from orchestrator.engine import Engine
from orchestrator.keys import KeyFolder
from orchestrator.runtime import packing
from orchestrator.runtime.clock import SystemClock, chance
from orchestrator.runtime.systems import openers, plan_of
from orchestrator.store.opening import open_store
from schemas.wrapping import confirmation_event
from tests.support.cli import REQUEST, WHO, CommandLine, identified_by
from tests.support.company import made_up


@pytest.fixture
def shared(expunge: CommandLine, postgres: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[CommandLine]:
    """A home folder whose store is a database of PostgreSQL, named by the environment."""
    file = expunge.home / "expunge.toml"
    file.write_text(f'{file.read_text()}\n[store]\nurl_env = "TEST_STORE_URL"\n')
    monkeypatch.setenv("TEST_STORE_URL", postgres)
    (expunge.home / "expunge.db").unlink()
    yield expunge
    assert not (expunge.home / "expunge.db").exists(), "no command makes a SQLite file beside it"


def work(home: Path) -> None:
    """Do what orchestrator and workers do, in this thread."""
    settings = configuration.load(home)
    clock, sink = SystemClock(), ExportSink(settings.exports)
    opened = openers(settings)
    keys = KeyFolder(settings.keys, list(opened))
    store = open_store(settings)
    engine = Engine(store, keys, clock, chance, plan_of(settings, opened))
    engine.apply_waiting()
    for _ in range(20):
        for name, opener in opened.items():
            if tasks := engine.next_tasks(name):
                key = keys.system(name)
                done = execute(opener, tasks, key, now=clock.now, nonce=lambda: chance(12), exports=sink)
                engine.receive([confirmation_event(one, key) for one in done])
        for request_id, job in engine.next_packages():
            packet = packing.packet_of(engine, request_id)
            packing.note(
                engine, request_id, job, packing.attempt(settings.exports, packet, job, sink, keys, chance), sink
            )
    store.close()


def test_every_command_but_run(shared: CommandLine, tmp_path: Path) -> None:
    assert shared.error(2, "list")["fix"] == "run `expunge store migrate`"
    assert shared("store", "migrate") == 0, shared.err
    assert shared("store", "migrate") == 0
    assert shared("check") == 0, shared.out
    shared.submit()
    copy = identified_by(("email", made_up(WHO + 1).email), request_id="copy") | {"right": "access"}
    assert shared("submit", shared.file(copy)) == 0
    assert shared("submit", shared.file(copy)) == 0, "again: it is the same"
    assert {one["request_id"] for one in shared.json("list")} == {REQUEST, "copy"}
    assert "expunge orchestrate" in shared.error(2, "run", "--until-idle")["fix"]
    work(shared.home)
    assert shared("show", "copy") == 0, shared.out
    assert shared.json("letter", "copy")["kind"] == "answer"
    assert "copy" in [one["key"] for one in shared.json("letter", "copy", "--language", "fr")["sentences"]]
    assert shared("package", "copy", "-O", str(tmp_path / "copy.zip")) == 0, shared.err
    assert zipfile.is_zipfile(tmp_path / "copy.zip")
    assert shared("show", REQUEST) in {0, 1}
    assert shared("store", "check") == 0, shared.out


def test_a_retry_is_noted_for_whoever_works(shared: CommandLine) -> None:
    assert shared("store", "migrate") == 0
    one = identified_by(("email", made_up(WHO).email), request_id="lost", scope={"systems": ["crm", "nowhere"]})
    assert shared("submit", shared.file(one)) == 0
    work(shared.home)
    assert shared("show", "lost") == 1
    assert shared("retry", "lost") == 0, shared.err
    work(shared.home)
    assert shared("store", "check") == 0, shared.out


def test_init_brings_the_tables_too(shared: CommandLine) -> None:
    from orchestrator.cli import main

    assert main(["init", str(shared.home)]) == 0
    assert shared("check") == 0, shared.out


def test_a_server_that_is_away_and_a_variable_that_is_missing(
    shared: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_STORE_URL", "postgresql://postgres:secret@127.0.0.1:1/expunge")
    for command in (("list",), ("store", "check"), ("store", "migrate")):
        told = shared.error(3, *command)
        assert told["what"] == "the database cannot be reached"
        assert told["where"] == "127.0.0.1/expunge"
        assert "secret" not in str(told)
    monkeypatch.delenv("TEST_STORE_URL")
    assert "TEST_STORE_URL is not set" in shared.error(2, "list")["what"]
    assert "TEST_STORE_URL" not in os.environ
