"""A program in another language against a running installation: nothing of ours in it but what the docs say."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from pathlib import Path

import pytest

from orchestrator.keys import read_public
from orchestrator.ledger.record import verify
from schemas import receipts
from tests.support import bus
from tests.support.company import Company, bystanders_differ, made_up
from tests.support.distributed import Installation, Workers

pytestmark = pytest.mark.timeout(300)


def test_node_has_a_person_erased_everywhere_and_reads_the_signed_record(
    node: Path, tmp_path: Path, kafka: str, postgres: str
) -> None:
    company = Company.build(tmp_path / "company", 6, dt.datetime.now(dt.UTC).date())
    who, other = sorted(company.people)[:2]
    installation = Installation(company.home, kafka, postgres)
    before = company.snapshot_bystanders([who])
    person = made_up(who)
    form = {
        "right": "erasure",
        "identifiers": [{"kind": "email", "value": person.email}, {"kind": "ip", "value": person.ip}],
    }
    public = installation.settings.keys / "intake.pub.jwk"
    workers = Workers(installation)
    with workers, installation.orchestrate("plain") as orchestrator:
        done = subprocess.run(
            ["node", "publish.mjs", kafka, str(public), bus.unique("node")],
            cwd=node, input=json.dumps(form), capture_output=True, text=True, check=False, timeout=200,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("\n") == 3, done.stdout + done.stderr
        request_id, receipt, completion = done.stdout.splitlines()
        told = json.loads(completion)
        code, said = orchestrator.stop()
        assert code == 0, said
    assert workers.failures == []
    assert told["request_id"] == request_id
    record = verify(told["jws"].encode(), read_public(installation.settings.keys / "record.pub.jwk"))
    assert record.request_id == request_id
    assert record.receipt_sha256 == receipts.commitment(receipt)
    assert receipt not in said
    assert {one.system for one in record.systems} == set(installation.systems), record
    # What is true of the stores, and not only what is said: the live log is left to its rotation, and said to be kept.
    left = company.traces_of(who)
    assert not [one for one in left if "crm" in str(one) or "events" in str(one)], left
    assert bystanders_differ(before, company.contents(), [who]) == []
    assert company.traces_of(other)
    said_by_us = done.stdout + done.stderr + said
    assert person.email not in said_by_us
