"""Dead letters over a real broker and PostgreSQL: a worker's goes to the worker again, the store's is applied again."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.contract import Connector
from connectors.keyfile import SystemKeys, intake_key
from connectors.worker import Unread, Worker
from orchestrator.cli import main
from orchestrator.runtime.clock import SystemClock, chance
from orchestrator.runtime.orchestrator import Orchestrator
from schemas import batches
from schemas.codec import decode_event, encode
from schemas.topics import DEAD_LETTERS
from tests.support import bus
from tests.support.company import Company, made_up
from tests.support.distributed import Installation
from tests.support.home import erasure
from tests.support.working import Post, Process, ending

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def company(tmp_path: Path) -> Company:
    return Company.build(tmp_path / "company", 6, dt.date(2026, 3, 1))


@pytest.fixture
def installation(company: Company, kafka: str, postgres: str) -> Installation:
    return Installation(company.home, kafka, postgres)


def expunge(capsys: pytest.CaptureFixture[str], home: Path, *arguments: str) -> tuple[int, Any]:
    capsys.readouterr()
    code = main([*arguments, "--home", str(home), "-o", "json"])
    out, err = capsys.readouterr()
    assert made_up(1001).email not in out + err
    return code, json.loads(out) if out else json.loads(err.splitlines()[-1])


def bury(installation: Installation, *raws: bytes) -> None:
    """Let a worker of an older version bury what it could not read."""
    folder = installation.settings.keys
    worker = Worker(
        "crm", _no_store, SystemKeys(folder, "crm"), intake_key(folder), now=SystemClock().now,
        chance=chance,
    )  # fmt: skip
    letters = worker.bury([Unread(one, "UnknownFieldError") for one in raws])
    bus.write(installation.kafka, DEAD_LETTERS.name, batches.pack(letters))


def test_a_task_that_a_worker_buried_reaches_it_again_and_is_answered(
    company: Company, installation: Installation, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    post = Post(company, installation.kafka)
    email = made_up(1001).email
    bury(installation, post.locate("t-buried", email), b"garbage of " + email.encode())
    code, found = expunge(capsys, company.home, "dead-letters", "workers")
    assert (code, [one.get("redrivable", False) for one in found]) == (0, [True, False])
    assert {one["system"] for one in found} == {"crm"}
    places = [one["place"] for one in found]
    code, told = expunge(capsys, company.home, "dead-letters", "redrive", *places)
    assert (code, [one["outcome"] for one in told]) == (1, ["published", "not_redrivable"])
    worker = Process(company.home, tmp_path / "crm.log", "connect", "crm")
    with ending(worker):
        answers = post.wait("t-buried")
        assert worker.end()[0] == 0, worker.said()
    assert len(answers["t-buried"]) == 1
    assert expunge(capsys, company.home, "dead-letters", "redrive", "0:999999:0")[0] == 2
    assert expunge(capsys, company.home, "dead-letters", "redrive", "0:1:0", "7")[0] == 2
    assert main(["dead-letters", "workers", "--home", str(company.home)]) == 0
    assert "UnknownFieldError" in capsys.readouterr().out
    _, checks = expunge(capsys, company.home, "doctor")
    (named,) = [one for one in checks if one["check"] == "letters of workers"]
    assert (named["level"], named["text"][:10]) == ("finding", "2 messages")


def test_a_letter_of_the_store_on_postgres_is_applied_once(
    company: Company, installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    from orchestrator.engine import Intake

    intake = Intake(None, installation.keys, SystemClock(), chance)  # type: ignore[arg-type]  # it asks no store
    row = intake._sealed(erasure("r-portal", email=made_up(1001).email), dt.datetime.now(dt.UTC)).row
    raw = encode(msgspec.structs.replace(decode_event(row.wire or b""), source="/portal"))
    with Orchestrator.open(installation.settings) as one, one.engine._batch() as batch:
        batch.bury("/portal", "e1", "r-portal", "ValueError", raw)
        batch.bury("/portal", "e1", "r-portal", "ValueError", raw)
    code, told = expunge(capsys, company.home, "dead-letters", "redrive", "--all")
    assert (code, [one["outcome"] for one in told]) == (0, ["applied", "known"])
    assert expunge(capsys, company.home, "show", "r-portal")[1]["right"] == "erasure"
    assert expunge(capsys, company.home, "dead-letters", "list")[1] == []


def _no_store() -> Connector:
    raise AssertionError("who buries opens no store")
