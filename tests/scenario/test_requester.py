"""Somebody asks for somebody else: proof, rights, expiry, who gets the answer; minors; the dead."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from orchestrator.cli import deciding
from orchestrator.runtime.clock import ShiftedClock
from schemas.codec import decode, decode_event
from schemas.published import Notice
from schemas.requests import Right
from tests.support.cli import REQUEST, WHO, CommandLine, identified_by
from tests.support.company import made_up
from tests.support.home import outcomes_of, records_of

TODAY = dt.datetime.now(dt.UTC).date()


def asks(requester: dict[str, Any] | None, right: Right = Right.ERASURE, **more: Any) -> dict[str, Any]:
    one = identified_by(("email", made_up(WHO).email), ("ip", made_up(WHO).ip), request_id=REQUEST, **more)
    return {**one, "right": right.value, **({"requester": requester} if requester else {})}


def agent(**more: Any) -> dict[str, Any]:
    given = {"relation": "agent", "proof": "power_of_attorney", "rights": ["erasure"], "answer_to": "requester"}
    return {**given, **more}


def run(expunge: CommandLine, code: int = 0) -> None:
    assert expunge("run", "--until-idle") == code, expunge.err


def told(expunge: CommandLine) -> dict[str, str]:
    """Kind of notice -> whom it goes to; the last one of its kind."""
    with closing(sqlite3.connect(expunge.home / "expunge.db")) as database:
        rows = database.execute("SELECT body FROM notices ORDER BY rowid").fetchall()
    notices = [decode(bytes(decode_event(bytes(body)).data), Notice) for (body,) in rows]
    return {one.kind: one.to for one in notices}


def reasons(expunge: CommandLine) -> list[str]:
    return [one["reason"] for one in expunge.json("show", REQUEST)["attention"]]


def test_an_agent_in_time_gets_the_answer(expunge: CommandLine) -> None:
    expunge.submit(asks(agent(valid_until=(TODAY + dt.timedelta(days=90)).isoformat())))
    run(expunge)
    assert told(expunge)["answer"] == "requester"
    (record,) = records_of(expunge.home, REQUEST)
    assert record.requester == "agent"
    assert expunge.company.traces_of(WHO) == []


def test_a_power_of_attorney_that_expires_while_it_runs(expunge: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = (TODAY + dt.timedelta(days=3)).isoformat()
    expunge.submit(asks(agent(valid_until=ends), identity="unverified"))
    run(expunge, 1)
    clock = ShiftedClock()
    clock.shift = dt.timedelta(days=5)
    monkeypatch.setattr(deciding, "SystemClock", lambda: clock)
    expunge.later(days=5)
    run(expunge, 1)
    page = expunge.json("show", REQUEST)
    assert {one["reason"] for one in page["attention"]} == {"identity_unverified", "proof_ended"}
    refused = expunge.error(2, "identity", "confirm", REQUEST, "--method", "callback")
    assert "holds no more" in refused["what"]
    last = (TODAY + dt.timedelta(days=60)).isoformat()
    assert expunge("identity", "confirm", REQUEST, "--method", "proof_of_mandate", "--valid-until", last) == 0
    run(expunge)
    assert expunge.json("show", REQUEST)["requester"]["valid_until"] == last


@pytest.mark.parametrize("who", [agent(rights=["access"]), agent(proof=""), {"relation": "lawyer", "rights": []}])
def test_a_proof_that_does_not_cover_it_touches_nothing(expunge: CommandLine, who: dict[str, Any]) -> None:
    before = expunge.company.contents()
    expunge.submit(asks(who))
    run(expunge, 1)
    assert reasons(expunge) == ["requester_unproven"]
    assert expunge.company.contents() == before
    assert expunge("identity", "refuse", REQUEST, "--reason", "no_mandate") == 0
    run(expunge)
    (record,) = records_of(expunge.home, REQUEST)
    assert (record.result, expunge.company.contents() == before) == ("identity_not_established", True)
    assert told(expunge)["answer"] == "subject"


@pytest.mark.parametrize(
    ("who", "rule"),
    [
        (agent(valid_until="2026-02-31"), "request.requester.date"),
        (agent(proof="Jane Doe, her sister"), "request.requester.code"),
        (agent(document_sha256="abc"), "request.requester.digest"),
    ],
)
def test_what_is_no_code_never_gets_in(expunge: CommandLine, who: dict[str, Any], rule: str) -> None:
    before = expunge.rows()
    refused = expunge.error(2, "submit", expunge.file(asks(who)))
    assert refused["why"] == rule
    assert "Jane" not in json.dumps(refused)
    assert expunge.rows() == before


def test_the_contact_of_a_requester_is_not_taken_in(expunge: CommandLine) -> None:
    refused = expunge.error(2, "submit", expunge.file(asks(agent(email="agent@example.org"))))
    assert "unknown field" in refused["what"]
    assert refused["where"].endswith("$.requester")


def test_a_minor_has_a_ground_of_its_own_and_others_are_to_be_told(expunge: CommandLine) -> None:
    parent = {"relation": "parent", "proof": "birth_certificate"}
    expunge.submit(asks(parent, minor_at_collection=True))
    run(expunge)
    (record,) = records_of(expunge.home, REQUEST)
    rules = {line.rule for system in record.systems for line in system.record_sets}
    assert "erase:gdpr-17-1-f" in rules
    assert "erase:gdpr-17-1" not in rules
    assert told(expunge)["tell_other_controllers"] == "dpo"
    assert outcomes_of(record)


def test_an_heir_is_never_an_ordinary_request(expunge: CommandLine) -> None:
    before = expunge.company.contents()
    expunge.submit(asks({"relation": "heir", "proof": "certificate_of_inheritance"}))
    run(expunge, 1)
    assert reasons(expunge) == ["data_of_the_dead"]
    assert "does not allow erasure" in expunge.error(2, "decide-dead", REQUEST, "--why", "estate")["what"]
    assert expunge.company.contents() == before
    assert (
        expunge("refuse", REQUEST, "--ground", "data_of_the_dead", "--reason", "no_estate", "--text", "fr-lil-84") == 0
    )
    run(expunge)
    (record,) = records_of(expunge.home, REQUEST)
    assert (record.result, record.ground, record.requester) == ("refused", "data_of_the_dead", "heir")
    assert expunge.company.contents() == before
