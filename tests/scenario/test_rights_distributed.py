"""Rights over a real Kafka and a real PostgreSQL store: published, carried out by a worker, decided beside it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from orchestrator.keys import read_public
from orchestrator.ledger.record import verify
from schemas.completion import CompletionRecord
from schemas.identifiers import Identifier
from schemas.outcomes import Exported, Lifted, Rectified, Restricted, Stopped
from schemas.particulars import Corrections
from schemas.requests import RequestForm, Right
from tests.support import bus
from tests.support.bus import wait_for
from tests.support.distributed import Installation
from tests.support.home import outcomes_of
from tests.support.shop import ANN, CANARY, Shop, untouched

pytestmark = [pytest.mark.timeout(240)]
WHO = (Identifier("email", ANN),)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    made = Shop(tmp_path, monkeypatch)
    file = made.home / "expunge.toml"
    file.write_text(file.read_text() + "\n[limits]\nlift_notice_hours = 0\n")
    return made


@pytest.fixture
def installation(shop: Shop, kafka: str, postgres: str) -> Installation:
    return Installation(shop.home, kafka, postgres)


def records(one: Installation, request_id: str) -> list[CompletionRecord]:
    key = read_public(one.settings.keys / "record.pub.jwk")
    return [verify(done.jws.encode(), key) for done, _ in one.completions() if done.request_id == request_id]


def _has_a_record(one: Installation, request_id: str) -> bool:
    return len(records(one, request_id)) == 1


@pytest.mark.usefixtures("workers")
@pytest.mark.parametrize("kind", ["plain", "faust"])
def test_every_right_that_changes_records(shop: Shop, installation: Installation, kind: str) -> None:
    corrections: Corrections = {"crm/contacts": {"city": CANARY}}
    scoring = ("scoring",)
    with installation.orchestrate(kind) as process:
        installation.publish(
            [
                RequestForm(Right.RECTIFICATION, WHO, request_id="rect", corrections=corrections),
                RequestForm(
                    Right.WITHDRAWAL_OF_CONSENT, WHO, request_id="stop", purposes=("marketing",), identity="unverified"
                ),
                RequestForm(Right.PORTABILITY, WHO, request_id="port"),
                RequestForm(Right.RESTRICTION, WHO, request_id="limit"),
            ]
        )
        wait_for(lambda: {"rect", "stop", "port", "limit"} <= set(installation.records()), 90)
        found = {name: outcomes_of(one) for name, one in installation.records().items()}
        assert isinstance(found["rect"]["crm/contacts"], Rectified)
        assert isinstance(found["stop"]["crm/contacts"], Stopped)
        assert isinstance(found["port"]["crm/contacts"], Exported)
        assert {type(one) for one in found["limit"].values()} == {Restricted}
        row = shop.row("customers", 1)
        assert (row["city"], row["marketing_ok"], row["restricted"]) == (CANARY, 0, 1)
        shop("lift", "limit")
        wait_for(lambda: len(records(installation, "limit")) == 2, 60)
        assert {type(one) for one in outcomes_of(records(installation, "limit")[1]).values()} == {Lifted}
        assert shop.row("customers", 1)["restricted"] == 0
        for decided, word in (("--override", "refused"), ("--uphold", "fulfilled")):
            installation.publish([RequestForm(Right.OBJECTION, WHO, request_id=word, purposes=scoring)])
            wait_for(lambda: shop.row("scores", 1)["restricted"] == 1, 60)
            shop("balance", word, decided, "--reason", "weighed")
            wait_for(partial(_has_a_record, installation, word), 60)
            assert records(installation, word)[0].result == word
        assert shop.row("scores", 1) == {"id": 1, "email": ANN, "score": 50, "restricted": 0, "scoring_ok": 0}
        installation.publish([RequestForm(Right.ERASURE, WHO, request_id=one) for one in ("gone", "again")])
        wait_for(lambda: {"gone", "again"} <= set(installation.records()), 60)
        assert installation.records()["gone"].result == "fulfilled"
        assert installation.records()["again"].result == "nothing_held", "it ran after the first, not beside it"
        code, said = process.stop()
    assert code == 0, said
    untouched(shop)
    for topic in installation.topics:
        assert not any(CANARY.encode() in one.value for one in bus.read(installation.kafka, topic))
