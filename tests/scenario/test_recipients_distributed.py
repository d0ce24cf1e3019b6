"""Processors of the worked example over Kafka and PostgreSQL: one silent, one with an exception, the same record."""

from __future__ import annotations

import datetime as dt
import threading
from contextlib import closing
from pathlib import Path

import pytest

from connectors.testing.canary import find_canaries
from orchestrator.cli import main, queries
from orchestrator.core.model import RequestState
from orchestrator.runtime.clock import ShiftedClock
from orchestrator.runtime.orchestrator import Orchestrator
from orchestrator.store.opening import open_store
from orchestrator.store.store import SqlStore
from schemas.outcomes import Attested, Kept, KeptWhy, Notified
from schemas.topics import NOTICES
from tests.scenario.test_recipients import FIVE, PROSPECT, gone, lines, settle
from tests.support import bus
from tests.support.bus import wait_for
from tests.support.distributed import Installation, Workers
from tests.support.home import erasure
from tests.support.odigo import build

pytestmark = [pytest.mark.timeout(240)]


def state_in(store: SqlStore) -> RequestState | None:
    with store.read() as tx:
        found = tx.states(["one"])
    return queries.page(store, "one").state if found else None


def silent(store: SqlStore) -> bool:
    state = state_in(store)
    return state is not None and any(one.reason == "recipient_silent" for one in state.attention)


@pytest.mark.parametrize("kind", ["plain", "faust"])
def test_s23_s24_s25_s26_s27_s48_one_is_silent_and_one_keeps_something(
    kind: str, tmp_path: Path, kafka: str, postgres: str
) -> None:
    home = build(tmp_path / "home", wider=True, asks=True)
    settle(home)
    installation = Installation(home, kafka, postgres)
    document = tmp_path / "answer.eml"
    document.write_text("It is done.\n")
    store = open_store(installation.settings)

    def command(*arguments: str) -> None:
        assert main([*arguments, "--home", str(home)]) == 0, arguments

    def answer(name: str, *more: str) -> None:
        command("attest", "one", name, "--document", str(document), "--found", "1", *more)

    def asked() -> bool:
        state = state_in(store)
        return state is not None and set(state.recipients) == {*FIVE, "group-uk"}

    def waits_for_wpvip() -> bool:
        state = state_in(store)
        return state is not None and [name for name, one in state.recipients.items() if one.open] == ["wpvip"]

    with closing(store), Workers(installation) as workers:
        with installation.orchestrate(kind) as process:
            installation.publish([erasure("one", email=PROSPECT)])
            wait_for(asked, 120)
            wait_for(lambda: gone(home), 90)
            for name in (*FIVE, "group-uk"):
                command("task", "sent", "one", name)
            for name in ("atelier-xiv", "livee", "logmein"):
                answer(name, "--done")
            answer("eventbrite", "--exception", "e", "--text", "gdpr-17-3-e", "--until", "2099-01-01")
            wait_for(waits_for_wpvip, 60)
            code, said = process.stop()
        assert code == 0, said

        clock = ShiftedClock()
        clock.shift = dt.timedelta(days=25)
        with Orchestrator.open(installation.settings, clock=clock) as later:
            stop = threading.Event()
            thread = threading.Thread(target=later.run, args=("plain", stop))
            thread.start()
            try:
                wait_for(lambda: silent(store), 60)
            finally:
                stop.set()
                thread.join(60)
        assert not thread.is_alive()
        state = state_in(store)
        assert state is not None
        (called,) = (one for one in state.attention if one.reason == "recipient_silent")
        assert (called.system, called.since[:10] < state.due_on) == ("wpvip", True)
        assert not installation.records(), "silence never completes"

        with installation.orchestrate(kind) as process:
            answer("wpvip", "--done")
            wait_for(lambda: "one" in installation.records(), 90)
            code, said = process.stop()
        assert code == 0, said
        assert workers.failures == []

    told = lines(installation.records()["one"])
    assert {name for name in FIVE if isinstance(told[name].outcome, Attested)} == {*FIVE} - {"eventbrite"}
    assert told["eventbrite"].outcome == Kept(1, KeptWhy.LEGAL_CLAIMS, "gdpr-17-3-e", until="2099-01-01")
    assert told["group-uk"].outcome == Notified("group-uk")
    raw = b"".join(one.value for topic in installation.topics for one in bus.read(kafka, topic))
    assert b"recipient_reminder" in b"".join(one.value for one in bus.read(kafka, NOTICES.name))
    assert find_canaries(raw, [PROSPECT]) == []
