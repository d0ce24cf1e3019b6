"""Receipts over Kafka and PostgreSQL: made by the orchestrator or by who publishes, and in no byte anybody reads."""

from __future__ import annotations

import datetime as dt
import io
import json
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.kafka.publisher import Publisher
from connectors.testing.canary import find_canaries
from orchestrator.cli import main
from orchestrator.store import tables
from orchestrator.store.opening import open_store
from schemas import receipts
from schemas.identifiers import Identifier
from schemas.requests import RequestForm, Right
from tests.support import bus
from tests.support.company import Company, made_up
from tests.support.distributed import Installation

pytestmark = [pytest.mark.timeout(240)]
OWN = receipts.made(b"made by a shop.")
FIRST, SECOND = 1001, 1002


@pytest.fixture
def company(tmp_path: Path) -> Company:
    return Company.build(tmp_path, 4, dt.date(2026, 3, 1))


@pytest.fixture
def installation(company: Company, kafka: str, postgres: str) -> Installation:
    return Installation(company.home, kafka, postgres)


@pytest.mark.usefixtures("workers")
def test_a_receipt_goes_from_the_topic_to_the_person_and_opens_the_signed_record(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(*arguments: str, typed: str = "") -> Any:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed.encode())))
        capsys.readouterr()
        code = main([*arguments, "--home", str(installation.home), "-o", "json"])
        out, err = capsys.readouterr()
        return json.loads(out) if code in {0, 1} and out else err

    def form(request_id: str, who: int, **more: Any) -> RequestForm:
        return RequestForm(Right.ERASURE, (Identifier("email", made_up(who).email),), request_id=request_id, **more)

    with installation.orchestrate("plain") as process:
        with Publisher(installation.kafka, installation.settings.keys / "intake.pub.jwk") as publisher:
            publisher.submit(form("bare", FIRST, identity="unverified"))
            publisher.submit(form("own", SECOND, receipt_sha256=receipts.commitment(OWN)))
        bus.wait_for(lambda: "own" in installation.records(), 90)
        bus.wait_for(lambda: told("list", "--attention"), 90)
        made = told("receipt", "bare")["receipt"]
        letter = told("letter", "bare", "--kind", "receipt")
        assert made in letter["text"]
        told("identity", "confirm", "bare", "--method", "callback")
        bus.wait_for(lambda: "bare" in installation.records(), 90)
        code, said = process.stop()
        assert code == 0, said
    for name, receipt in (("bare", made), ("own", OWN)):
        assert installation.records()[name].receipt_sha256 == receipts.commitment(receipt)
        found = told("claim", typed=receipt.lower())
        assert isinstance(found, dict), found
        assert [one["request_id"] for one in found["requests"]] == [name]
    assert "not kept" in told("receipt", "bare")
    assert "not kept" in told("receipt", "own")

    # I4: neither of them in a topic, a log or a table, and what they open is there.
    messages = [one for topic in installation.topics for one in bus.read(installation.kafka, topic)]
    topics = b"\n".join(b"%b %b %b" % (one.key or b"", one.value, repr(one.headers).encode()) for one in messages)
    with closing(open_store(installation.settings)) as store, store.read() as tx:
        rows = [row for table in tables.metadata.sorted_tables for row in tx.connection.execute(sa.select(table))]
    stored = b"\n".join(
        bytes(cell) if isinstance(cell, bytes | memoryview) else str(cell).encode() for row in rows for cell in row
    )
    secrets = [text for one in (made, OWN) for text in (one, one.replace("-", ""))]
    for place in (topics, stored, said.encode()):
        assert find_canaries(place, secrets) == []
    assert receipts.commitment(OWN).encode() in stored
