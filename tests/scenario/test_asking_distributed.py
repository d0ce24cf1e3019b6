"""Who asks, and what comes between, over Kafka and PostgreSQL: many requests at once, decided beside the processes."""

from __future__ import annotations

import datetime as dt
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli import main, queries
from orchestrator.core.model import RequestState
from orchestrator.store.opening import open_store
from orchestrator.store.store import SqlStore
from schemas.identifiers import Identifier
from schemas.outcomes import Deleted, Exported, Failed
from schemas.requesters import Relation, Requester
from schemas.requests import RequestForm, Right
from tests.support.bus import wait_for
from tests.support.company import Company, made_up
from tests.support.distributed import Installation
from tests.support.home import outcomes_of

pytestmark = [pytest.mark.timeout(240)]
TWICE, MINOR, UNKNOWN, CLIENT = range(1002, 1006)
CHANGED = 1001
"""Persons of the company: one who asks for two things, a minor, one nobody has verified, one with an agent, one who
changes their mind."""
YESTERDAY = (dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)).isoformat()


@pytest.fixture
def company(tmp_path: Path) -> Company:
    made = Company.build(tmp_path, 7, dt.date(2026, 3, 1))
    made.limits(retry_first_seconds=600)
    return made


@pytest.fixture
def installation(company: Company, kafka: str, postgres: str) -> Installation:
    return Installation(company.home, kafka, postgres)


def form(request_id: str, who: int, right: Right = Right.ERASURE, **more: Any) -> RequestForm:
    return RequestForm(right, (Identifier("email", made_up(who).email),), request_id=request_id, **more)


def state(store: SqlStore, request_id: str) -> RequestState | None:
    with store.read() as tx:
        found = tx.states([request_id])
    return queries.page(store, request_id).state if found else None


def waits_with(store: SqlStore, request_id: str, reason: str) -> bool:
    now = state(store, request_id)
    return now is not None and reason in [one.reason for one in now.attention]


@pytest.mark.usefixtures("workers")
def test_who_asks_and_for_whom(company: Company, installation: Installation) -> None:
    home = ("--home", str(company.home))
    expired = Requester(Relation.AGENT, "power_of_attorney", rights=("erasure",), valid_until=YESTERDAY)
    parent = Requester(Relation.PARENT, "birth_certificate")
    untouched = company.snapshot_bystanders([TWICE, MINOR, UNKNOWN])
    with installation.orchestrate("plain") as process, closing(open_store(installation.settings)) as store:
        installation.publish(
            [
                form("gone", TWICE),
                form("copy", TWICE, Right.ACCESS),
                form("child", MINOR, requester=parent, minor_at_collection=True),
                form("who", UNKNOWN, identity="unverified"),
                form("agent", CLIENT, requester=expired),
                RequestForm(
                    Right.ERASURE,
                    (Identifier("ip", "10.9.8.7"), Identifier("cookie_id", "c0ffee-4711")),
                    request_id="traces",
                ),
            ]
        )
        wait_for(lambda: waits_with(store, "who", "identity_unverified"), 90)
        wait_for(lambda: {"gone", "copy", "child", "traces"} <= set(installation.records()), 90)
        records = installation.records()
        # An access and an erasure of one person on one day: the copy first, and it has what was erased then.
        assert records["copy"].completed_at <= records["gone"].completed_at
        assert Exported in {type(one) for one in outcomes_of(records["copy"]).values()}
        assert Deleted in {type(one) for one in outcomes_of(records["gone"]).values()}
        # A minor at the time of collection has a ground of its own.
        rules = {line.rule for system in records["child"].systems for line in system.record_sets}
        assert "erase:gdpr-17-1-f" in rules
        # Known by an IP address and a cookie only: the crm was not searched, and what would help is said (Art. 11).
        assert records["traces"].result == "partly_fulfilled"
        assert "crm" not in {one.system for one in records["traces"].systems}
        assert "would help" in records["traces"].not_searched["crm"]
        assert "email" in records["traces"].not_searched["crm"]
        # Nobody had verified: nothing was searched until somebody did.
        assert not any(one.asked for one in getattr(state(store, "who"), "systems", {}).values())
        assert main(["identity", "confirm", "who", "--method", "callback", *home]) == 0
        wait_for(lambda: "who" in installation.records(), 90)
        assert installation.records()["who"].result in {"fulfilled", "partly_fulfilled"}
        # A power of attorney that has ended opens nothing.
        assert waits_with(store, "agent", "requester_unproven") or waits_with(store, "agent", "proof_ended")
        assert main(["identity", "refuse", "agent", "--reason", "no_mandate", *home]) == 0
        wait_for(lambda: "agent" in installation.records(), 90)
        assert (installation.records()["agent"].result, installation.records()["agent"].systems) == (
            "identity_not_established",
            (),
        )
        code, said = process.stop()
    assert code == 0, said
    assert company.snapshot_bystanders([TWICE, MINOR, UNKNOWN]) == untouched, "also of who had no mandate"


@pytest.mark.usefixtures("workers")
def test_withdrawn_in_the_middle_of_acting(company: Company, installation: Installation) -> None:
    def half_done() -> bool:
        now = state(store, "r1")
        if now is None:
            return False
        crm, hr = now.systems["crm"].outcomes.get("notes"), now.systems["hr"].outcomes.get("employees")
        return isinstance(crm, Deleted) and isinstance(hr, Failed)

    untouched = company.snapshot_bystanders([CHANGED])
    with installation.orchestrate("faust") as process, closing(open_store(installation.settings)) as store:
        with closing(sqlite3.connect(company.stores / "hr.sqlite", isolation_level=None)) as busy:
            busy.execute("BEGIN IMMEDIATE")
            installation.publish([form("r1", CHANGED)])
            wait_for(half_done, 90)
            assert main(["withdraw", "r1", "--home", str(company.home)]) == 0
            wait_for(lambda: "r1" in installation.records(), 90)
        record = installation.records()["r1"]
        assert (record.result, record.headline) == ("withdrawn", "not_searched")
        lines = outcomes_of(record)
        assert isinstance(lines["crm/notes"], Deleted), "what was done before is told"
        assert not any(name.startswith("hr/") for name in lines)
        assert "unproven" in record.not_searched["hr"]
        code, said = process.stop()
    assert code == 0, said
    assert company.snapshot_bystanders([CHANGED]) == untouched
