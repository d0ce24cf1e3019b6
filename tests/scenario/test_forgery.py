"""Somebody who can write to the topics lies: refused, visible, and the true request still ends truthfully."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.keyfile import SystemKeys, intake_key
from orchestrator.keys import intake
from orchestrator.runtime.clock import SystemClock, chance
from schemas import batches, envelope
from schemas.codec import encode
from schemas.envelope import CloudEvent
from schemas.requests import utc
from schemas.sealing import IntakePrivateKey, SharedKey
from schemas.tasks import Action
from schemas.topics import CONFIRMATIONS, DEAD_LETTERS, REQUESTS, tasks_of
from tests.support import bus
from tests.support.bus import wait_for
from tests.support.company import bystanders_differ, made_up
from tests.support.events import request_event
from tests.support.fleet import Fleet, logged, metrics
from tests.support.home import erasure, outcomes_of
from tests.support.working import ending

pytestmark = [pytest.mark.timeout(240)]
Json = dict[str, Any]
NOTHING = {name: {"outcome": "nothing_held"} for name in ("contacts", "notes", "invoices", "invoice_lines")}


def _raw(event: Json) -> bytes:
    return msgspec.json.encode(event)


def _changed(event: Json, data: Json | None = None, **more: Any) -> bytes:
    """The event with something else in it; its MAC stays what it was."""
    return _raw(event | more | {"data": event["data"] | (data or {})})


def _answer(key: SharedKey, task: Json, system: str, source: str, **more: Any) -> bytes:
    """An answer to a task, authenticated with a key that may not be the right one."""
    at = utc(SystemClock().now())
    data = encode(
        {
            "task_id": task["id"],
            "request_id": task["subject"],
            "system": system,
            "action": Action.LOCATE,
            "connector": "sql/0.1.0",
            "acted_at": at,
            "outcomes": NOTHING,
        }
        | more
    )
    return encode(
        CloudEvent(
            task["id"], source, envelope.CONFIRMATION, "1.0", task["subject"], at, msgspec.Raw(data),
            expungemac=key.mac(data),
        )
    )  # fmt: skip


def test_lies_in_the_topics_are_refused_and_seen_and_the_truth_is_told(
    fleet: Fleet, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    people = [1000, 1002]
    requests = {f"r{n}" for n in people}
    before = fleet.company.snapshot_bystanders([*people, 1005])
    hr = SystemKeys(fleet.company.home / "keys", "hr").active()
    topic, other = tasks_of("crm").name, tasks_of("hr").name
    keys = fleet.company.home / "keys"
    gone = request_event(intake_key(keys), SystemClock(), chance, "r1006", email=made_up(1006).email)
    old = intake.held(keys).active
    intake.activate(keys, intake.add(keys, chance).name.split(".")[1])
    intake.retire(keys, old, ())
    fleet.one.keys.refresh()  # those of the true publisher
    port = fleet.listening()
    orchestrator = fleet.orchestrate()
    with ending(orchestrator):
        fleet.listening_no_more(port)
        fleet.one.publish([erasure(f"r{n}", email=made_up(n).email) for n in people])
        wait_for(lambda: len(fleet.events(topic)) + len(fleet.events(other)) == 4, 60)
        (mine, yours), (foreign, _) = sorted(fleet.events(topic), key=_id), sorted(fleet.events(other), key=_id)

        # Tasks: moved to another request, made destructive, for another system, ordered by another system, by nobody.
        moved = {"request_id": yours["subject"], "task_id": yours["id"]}
        by_hr = encode(mine["data"])
        bus.write(
            fleet.one.kafka,
            topic,
            [
                _changed(mine, moved, subject=yours["subject"], id=yours["id"]),
                _raw(yours | {"data": yours["data"] | {"sealed": mine["data"]["sealed"]}}),
                _changed(mine, {"action": "erase", "instructions": {}}),
                _raw(foreign),
                _raw(mine | {"expungemac": hr.task_mac(by_hr)}),
                _raw({name: value for name, value in mine.items() if name != "expungemac"}),
            ],
        )
        # Confirmations: "nothing is held", says another system; in its own name; one that nobody knows.
        ghost = SharedKey("ghost", bytes(32))
        lies = [
            _answer(hr, mine, "crm", "/systems/crm"),
            _answer(hr, mine, "crm", "/systems/hr"),
            _answer(hr, mine, "hr", "/systems/crm"),
            _answer(hr, mine, "hr", "/systems/hr"),
            _answer(ghost, mine, "ghost", "/systems/ghost"),
        ]
        bus.write(fleet.one.kafka, CONFIRMATIONS.name, batches.pack(lies))
        # Requests sealed to a key that was retired, and to one that is not known (yet).
        unknown = IntakePrivateKey("of-somebody", bytes(range(32)))
        late = request_event(unknown.public(), SystemClock(), chance, "r1005", email=made_up(1005).email)
        bus.write(fleet.one.kafka, REQUESTS.name, [late, gone])
        wait_for(lambda: fleet.read_up() and fleet.rows("SELECT * FROM parked"), 60)
        assert fleet.phases() == dict.fromkeys(requests, ("discovering", 0)), "not one lie moved anything"

        workers = [fleet.start("connect", name) for name in ("crm", "hr")]
        with ending(*workers):
            fleet.one.publish([erasure("r1005", email=made_up(1005).email)])
            wait_for(lambda: fleet.closed({*requests, "r1005"}), 90)
            states = fleet.states()
            # Replays: all that was ever said, said again; and an old truth in new clothes.
            said = fleet.events(CONFIRMATIONS.name)
            true = [one for one in said if _raw(one) not in lies]
            locate = next(one for one in true if one["data"]["action"] == "locate" and one["subject"] == "r1000")
            bus.write(fleet.one.kafka, CONFIRMATIONS.name, batches.pack([*map(_raw, true)]))
            clothes = [_changed(locate, id="r1000.another"), _changed(locate, {"request_id": "r1002"}, subject="r1002")]
            bus.write(fleet.one.kafka, CONFIRMATIONS.name, clothes)
            wait_for(fleet.read_up, 60)
            assert fleet.states() == states
            assert all(one.end()[0] == 0 for one in workers)

        # Seen: in the dead letters, in the log, in the metrics, in the lists.
        errors = Counter(row[0] for row in fleet.rows("SELECT error FROM dead_letters"))
        assert errors == {"SealError": 5, "UsageError": 1, "RetiredKeyError": 1}
        buried = Counter(one["data"]["error"] for one in fleet.events(DEAD_LETTERS.name))
        assert buried == errors + Counter({"ForgedTask": 5, "AnotherSystem": 1})
        reasons = [Counter(one["reason"] for one in logged(it, "event.buried")) for it in (orchestrator, workers[0])]
        assert reasons == [{"forged": 5, "unknown_system": 1, "wrong_key": 1}, {"forged": 5, "moved": 1}]
        assert [one["request_id"] for one in logged(orchestrator, "key.unknown")] == ["r1005"]
        asserted = fleet.rows(
            "SELECT verdict FROM journal WHERE source = '/systems/hr' AND event_id = :id", id=mine["id"]
        )
        assert [one[0].partition(":")[0] for one in asserted] == ["ignored"], (
            "in its own name, it says nothing of another"
        )
        counted = metrics(port)
        assert counted['expunge_events_total{verdict="ignored",what="received"}'] >= 1
        name = 'expunge_events_total{verdict="%s",what="received"}'
        assert {one: counted.get(name % one) for one in ("buried", "parked")} == {"buried": 7, "parked": 1}
        assert counted[name % "duplicate"] >= len(true)
        assert counted["expunge_dead_letters"] == 7
        capsys.readouterr()
        assert fleet.expunge("list", "--parked", "-o", "json") == 0
        assert [one["reason"] for one in json.loads(capsys.readouterr().out)] == ["unknown_key"]
        assert orchestrator.end()[0] == 0

    # And the truth: each request once, with what was found and erased.
    assert Counter(done.request_id for done, _ in fleet.one.completions()) == dict.fromkeys([*requests, "r1005"], 1)
    for request_id, record in fleet.one.records().items():
        outcomes = outcomes_of(record)
        assert msgspec.to_builtins(outcomes["crm/contacts"])["outcome"] == "anonymised", request_id
        kind = "deleted" if int(request_id[1:]) % 3 == 0 else "nothing_held"
        assert msgspec.to_builtins(outcomes["hr/applicants"])["outcome"] == kind, request_id
    assert bystanders_differ(before, fleet.company.contents(), [*people, 1005]) == []


def _id(event: Json) -> str:
    return str(event["id"])
