"""Two versions side by side (decision 12): nothing is wiped, nothing buried, and the older one refuses what is newer.

The newer version is another program on disk (``tests/support/newer.py``), started like this one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.keyfile import SystemKeys, intake_key
from connectors.worker import Order, Worker
from orchestrator import settings as configuration
from orchestrator.core.model import LOGIC
from orchestrator.runtime.clock import SystemClock, chance
from orchestrator.runtime.systems import openers
from schemas import batches
from schemas.codec import decode_event
from schemas.requests import RequestForm, Right, Scope
from schemas.topics import CONFIRMATIONS, DEAD_LETTERS, tasks_of
from tests.support import bus, newer
from tests.support.bus import wait_for
from tests.support.company import bystanders_differ, made_up
from tests.support.fleet import Fleet
from tests.support.home import erasure, outcomes_of
from tests.support.working import ending

pytestmark = [pytest.mark.timeout(240)]


def test_a_worker_of_the_next_version_beside_one_of_this_and_an_orchestrator_of_this(
    fleet: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its answers have a field and an outcome that this orchestrator has never heard of."""
    next_version = newer.worker(tmp_path / "next")
    # One who is not in HR shifts the turn: two messages a person, and partitions are taken in turn.
    people = [1002, 1003, 1005, 1006, 1008, 1009, 1011]
    before = fleet.company.snapshot_bystanders(people)
    orchestrator, crm = fleet.orchestrate(), fleet.start("connect", "crm")
    this, other = fleet.start("connect", "hr"), fleet.start("connect", "hr", tree=next_version)
    asked: list[int] = []
    with ending(orchestrator, crm, this, other):
        stuck, closed = set[str](), set[str]()
        while not (stuck and closed):
            asked.append(people[len(asked)])
            fleet.one.publish([erasure(f"r{asked[-1]}", email=made_up(asked[-1]).email)])
            wait_for(lambda: fleet.phases().get(f"r{asked[-1]}") in {("closed", 0), ("acting", 2)}, 60)
            stuck = {name for name, (_, people) in fleet.phases().items() if people}
            closed = {f"r{n}" for n in asked if n % 3 == 0} - stuck
        answers = [one for one in fleet.events(CONFIRMATIONS.name) if one["data"]["action"] == "erase"]
        shredded = {one["subject"] for one in answers if b"shredded" in msgspec.json.encode(one)}
        assert any("witness" in one["data"] and "expungeregion" in one for one in answers)
        assert any("witness" not in one["data"] for one in answers)
        assert stuck == shredded, "an outcome that is not known is parked, and nothing else is"
        understood = {f"r{n}" for n in asked} - stuck
        assert set(fleet.one.records()) == understood, "nothing is called done without being understood"
        assert other.end()[0] == 0, other.said()
        capsys.readouterr()
        for name in sorted(stuck):
            assert fleet.expunge("show", name, "-o", "json") == 1
            assert "unverifiable" in capsys.readouterr().out
            assert fleet.expunge("retry", name) == 0
        wait_for(lambda: set(fleet.phases().values()) == {("closed", 0)}, 60)
        assert [one.end()[0] for one in (orchestrator, crm, this)] == [0, 0, 0]
    fleet.nothing_is_buried()
    for name, record in fleet.one.records().items():
        outcome = msgspec.to_builtins(outcomes_of(record)["hr/applicants"])
        held = ("deleted", 1) if int(name[1:]) % 3 == 0 else ("nothing_held", 0)
        assert (outcome["outcome"], outcome.get("before", 0)) == held, f"{name}: what was found is not forgotten"
    assert not any("hr.sqlite/applicants" in places for places in fleet.company.traces(asked).values())
    assert bystanders_differ(before, fleet.company.contents(), people) == []


def test_an_orchestrator_of_this_version_releases_what_the_next_one_wrote_whole_and_refuses_its_states(
    fleet: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    next_version = newer.orchestrator(tmp_path / "next")
    numbers = [1000, 1001, 1002]
    forms = [msgspec.structs.replace(erasure(f"r{n}", email=made_up(n).email), scope=Scope(("crm",))) for n in numbers]
    topic = tasks_of("crm").name
    first = fleet.orchestrate(next_version)
    with ending(first):
        fleet.one.publish(forms)
        wait_for(lambda: len(fleet.events(topic)) == 3, 60)
        _answer(fleet, fleet.events(topic))
        wait_for(lambda: len(fleet.events(topic)) == 6, 60)  # what was found is searched by once more
        assert first.end()[0] == 0, first.said()
    _in_flight(fleet, 1)
    second = fleet.orchestrate(next_version)
    with ending(second):
        _answer(fleet, [one for one in fleet.events(topic) if ".locate.2" in one["id"]])
        wait_for(lambda: _orders(fleet), 60)  # one is out, two wait for their turn
        assert second.end()[0] == 0, second.said()
    left = fleet.rows("SELECT body FROM outbox WHERE published_at IS NULL")
    assert b'"erase"' in b"".join(bytes(row[0]) for row in left), "an order with a lease is still to be released"
    states = fleet.states()
    assert {msgspec.msgpack.decode(one)["logic"] for one in states.values()} == {LOGIC + 1}

    _in_flight(fleet, 100)
    old = fleet.orchestrate()
    with ending(old):
        wait_for(lambda: len(_orders(fleet)) == 3, 60)
        events = fleet.events(topic)
        assert {one.get("expungeregion") for one in events} == {"north"}
        assert {one["data"].get("urgency") for one in events} == {"soon"}
        assert all(one["data"]["not_after"] for one in _orders(fleet))
        # A worker of this version takes them for authentic, and does them; what it says is of a newer request.
        worker = fleet.start("connect", "crm")
        with ending(worker):
            old.process.wait(60)
            assert old.process.returncode == 2
            assert "newer version" in old.said()
            assert fleet.states() == states, "not a byte was rewritten"
            fleet.nothing_is_buried()
            capsys.readouterr()
            for command in (("show", "r1000"), ("store", "check"), ("retry", "r1000")):
                assert fleet.expunge(*command) == 2
                assert "newer version" in capsys.readouterr().err
            assert fleet.states() == states
            # Side by side: the next version goes on, whatever becomes of this one's partitions.
            beside, upgraded = fleet.orchestrate(), fleet.orchestrate(next_version)
            with ending(beside, upgraded):
                for n in (1003, 1004, 1005):
                    fleet.one.publish([msgspec.structs.replace(forms[0], request_id=f"r{n}", identifiers=_who(n))])
                wait_for(lambda: [one[0] for one in fleet.phases().values()] == ["closed"] * 6, 90)
                assert upgraded.end()[0] == 0, upgraded.said()
                assert beside.end()[0] in {0, 2}, beside.said()
            assert worker.end()[0] == 0
    fleet.nothing_is_buried()
    assert len(fleet.one.records()) == 6
    assert all(msgspec.msgpack.decode(one)["patience"] == "long" for one in fleet.states().values() if _new(one))


def _orders(fleet: Fleet) -> list[dict[str, Any]]:
    return [one for one in fleet.events(tasks_of("crm").name) if one["data"]["action"] == "erase"]


def _new(state: bytes) -> bool:
    return bool(msgspec.msgpack.decode(state)["logic"] > LOGIC)


def _who(number: int) -> Any:
    return erasure("x", email=made_up(number).email).identifiers


def _in_flight(fleet: Fleet, count: int) -> None:
    file = fleet.company.home / "expunge.toml"
    lines = [one for one in file.read_text().splitlines() if not one.startswith("in_flight")]
    file.write_text("\n".join([*lines, f"in_flight = {count}"]) + "\n")  # [kafka] is the last table


def _answer(fleet: Fleet, events: Sequence[dict[str, Any]]) -> None:
    """Answer these tasks as one worker would, in one message."""
    settings = configuration.load(fleet.company.home)
    keys, intake = SystemKeys(settings.keys, "crm"), intake_key(settings.keys)
    worker = Worker("crm", openers(settings)["crm"], keys, intake, now=SystemClock().now, chance=chance)
    orders = [one for event in events for one in worker.read(msgspec.json.encode(event)) if isinstance(one, Order)]
    assert len(orders) == len(events)
    bus.write(fleet.one.kafka, CONFIRMATIONS.name, batches.pack(worker.carry_out(orders)))


def test_a_database_that_a_newer_version_migrated_ends_who_runs_and_refuses_who_starts(fleet: Fleet) -> None:
    running = fleet.orchestrate()
    with ending(running):
        fleet.one.publish([RequestForm(Right.ERASURE, _who(1000), request_id="r1")])
        wait_for(lambda: "r1" in fleet.phases(), 60)
        states = fleet.states()
        fleet.rows("UPDATE alembic_version SET version_num = '9999'")
        running.process.wait(40)
        assert running.process.returncode == 2
        assert "newer version" in running.said()
    for command in (("orchestrate", "--bus", "plain"), ("orchestrate", "--bus", "faust"), ("store", "migrate")):
        late = fleet.start(*command)
        with ending(late):
            late.process.wait(40)
            assert late.process.returncode == 2
            assert json.loads(late.said().splitlines()[-1])["error"]["fix"] == "install the newer version"
    assert fleet.states() == states
    assert [decode_event(msgspec.json.encode(one)).id for one in fleet.events(DEAD_LETTERS.name)] == []
