"""Requests over a real Kafka and a real PostgreSQL: published, worked on by processes, completed by signed records."""

from __future__ import annotations

import datetime as dt
import signal
from pathlib import Path

import msgspec
import pytest

from orchestrator.bus.offsets import Brokers
from orchestrator.store.opening import open_store
from schemas.requests import Right
from schemas.topics import DEAD_LETTERS, REQUESTS
from tests.support import bus
from tests.support.bus import wait_for
from tests.support.company import Company, made_up
from tests.support.distributed import Installation, Workers
from tests.support.home import erasure, form

pytestmark = [pytest.mark.timeout(240)]
TODAY = dt.date(2026, 3, 1)


@pytest.fixture(params=["plain", "faust"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def company(tmp_path: Path) -> Company:
    return Company.build(tmp_path, 40, TODAY)


@pytest.fixture
def installation(company: Company, kafka: str, postgres: str) -> Installation:
    return Installation(company.home, kafka, postgres)


def done(one: Installation) -> set[str]:
    return {completion.request_id for completion, _ in one.completions() if completion.number == 1}


def test_published_requests_are_completed_and_sigterm_ends_with_zero(
    company: Company, installation: Installation, workers: Workers, kind: str
) -> None:
    numbers = list(company.people)[:6]
    bystanders = company.snapshot_bystanders(numbers[:5])
    forms = [erasure(f"r{n}", email=made_up(n).email) for n in numbers[:5]]
    forms.append(form(Right.ACCESS, f"r{numbers[5]}", email=made_up(numbers[5]).email))
    with installation.orchestrate(kind) as process:
        installation.publish(forms)
        bus.write(installation.kafka, REQUESTS.name, [b"garbage", b'{"specversion":"1.0"}', b"[1,2]"])
        wait_for(lambda: done(installation) == {f"r{n}" for n in numbers}, 90)
        wait_for(lambda: len(bus.read(installation.kafka, DEAD_LETTERS.name)) > 0)
        code, said = process.stop()
    assert code == 0, said
    records = installation.records()
    assert set(records) == {f"r{n}" for n in numbers}
    assert company.snapshot_bystanders(numbers[:5]) == bystanders
    package = list(installation.settings.exports.glob("*.package"))
    assert len(package) == 1
    assert not list(installation.settings.exports.glob("*.export")), "what was packed is not kept twice"


def test_a_killed_orchestrator_loses_nothing_and_says_nothing_twice_in_other_words(
    company: Company, installation: Installation, workers: Workers, kind: str
) -> None:
    numbers = list(company.people)[:24]
    forms = [erasure(f"r{n}", email=made_up(n).email) for n in numbers]
    with installation.orchestrate(kind) as process:
        installation.publish(forms[:8])
        wait_for(lambda: workers.seen, 60)
        installation.publish(forms[8:])
        assert process.stop(signal.SIGKILL)[0] == -signal.SIGKILL
    with installation.orchestrate(kind) as process:
        wait_for(lambda: done(installation) == {f"r{n}" for n in numbers}, 120)
        assert process.stop()[0] == 0
    said: dict[str, set[bytes]] = {}
    for completion, raw in installation.completions():
        said.setdefault(completion.record_id, set()).add(raw)
    assert all(len(raws) == 1 for raws in said.values()), "published again means: the same bytes"
    assert all(len(raws) == 1 for raws in workers.seen.values()), "the same for tasks"
    store = open_store(installation.settings)
    with store.read() as tx:
        kept = [tx.history(f"r{n}") for n in numbers]
    store.close()
    assert all(kept)
    assert len(installation.records()) == len(numbers)


def test_two_orchestrators_share_the_work(
    company: Company, installation: Installation, workers: Workers, kind: str
) -> None:
    numbers = list(company.people)[:20]
    with installation.orchestrate(kind) as first, installation.orchestrate(kind) as second:
        for n in numbers:
            installation.publish([erasure(f"r{n}", email=made_up(n).email)])
        wait_for(lambda: done(installation) == {f"r{n}" for n in numbers}, 120)
        assert first.stop()[0] == 0
        assert second.stop()[0] == 0
    assert len(installation.records()) == len(numbers)


def test_a_group_that_is_ahead_of_a_restored_store_refuses_to_start(installation: Installation, kind: str) -> None:
    bus.write(installation.kafka, REQUESTS.name, [b"garbage"] * 3)
    with Brokers(installation.settings.kafka) as brokers:
        brokers.rewind(installation.settings.kafka.orchestrator_group, {(REQUESTS.name, 0): 2})
    code, said = installation.orchestrate(kind).end()
    assert code == 3
    assert "store and brokers do not fit" in said
    assert "expunge store recover" in said


def test_a_missing_topic_is_named(installation: Installation, kind: str) -> None:
    bus.delete(installation.kafka, ["expunge.tasks.crm"])
    code, said = installation.orchestrate(kind).end()
    assert code == 2
    assert "expunge.tasks.crm" in said
    assert "expunge kafka apply" in said


def test_the_store_going_away_ends_the_process_and_nothing_is_acknowledged(
    company: Company, installation: Installation, postgres_server: object, kind: str
) -> None:
    with installation.orchestrate(kind) as process:
        wait_for(lambda: _joined(installation), 30)
        postgres_server.drop(installation.settings.store_url)  # type: ignore[attr-defined]  # the fixture's own type
        installation.publish([erasure("r1", email=made_up(company.people[0]).email)])
        code, said = process.end()
    assert code == 3, said
    with Brokers(installation.settings.kafka) as brokers:
        found = brokers.partitions(installation.settings.kafka.orchestrator_group, [REQUESTS.name])
    assert all(not one.committed for one in found)


def _joined(installation: Installation) -> bool:
    from kafka.admin import KafkaAdminClient

    from connectors.kafka.client import client_options

    admin = KafkaAdminClient(**client_options(installation.settings.kafka))
    try:
        group = installation.settings.kafka.orchestrator_group
        found = msgspec.json.encode(admin.describe_groups([group]), enc_hook=str)
        return b"Stable" in found
    finally:
        admin.close()
