"""A consumer of few lines on a real Kafka, with the orchestrator's own events: each counts once, if it holds."""

from __future__ import annotations

import datetime as dt
import io
import json
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from connectors.testing.canary import find_canaries
from orchestrator.keys.signing import RecordSigner
from orchestrator.ledger import record
from schemas import batches
from schemas.codec import decode_event, encode
from schemas.requests import Right
from schemas.topics import COMPLETIONS
from tests.support import bus
from tests.support.bus import wait_for
from tests.support.company import Company, made_up
from tests.support.distributed import Installation, Workers
from tests.support.home import erasure, form

pytestmark = pytest.mark.timeout(300)
SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "examples" / "consume.py"


class Consumer:
    """The script as a process; what it says goes to files."""

    def __init__(self, installation: Installation, folder: Path, reader: str) -> None:
        self._out, self._err = folder / "out", folder / "err"
        arguments = (installation.kafka, reader, folder / "seen.db", installation.settings.keys / "record.pub.jwk")
        with self._out.open("ab") as out, self._err.open("ab") as err:
            command = [sys.executable, "-W", "ignore", str(SCRIPT), *map(str, arguments)]
            self.process = subprocess.Popen(command, stdout=out, stderr=err)

    @property
    def acted(self) -> list[dict[str, str]]:
        return [json.loads(one) for one in self._out.read_text("utf-8").splitlines()]

    @property
    def said(self) -> list[str]:
        return self._err.read_text("utf-8").splitlines()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def reader() -> str:
    return bus.unique("consumer")


@pytest.fixture
def company(tmp_path: Path) -> Company:
    return Company.build(tmp_path / "company", 12, dt.datetime.now(dt.UTC).date())


@pytest.fixture
def installation(company: Company, kafka: str, postgres: str) -> Installation:
    return Installation(company.home, kafka, postgres)


@pytest.fixture
def started(installation: Installation, tmp_path: Path, reader: str) -> Iterator[list[Consumer]]:
    made = [Consumer(installation, tmp_path, reader)]
    yield made
    for one in made:
        one.kill()


def test_it_is_as_short_as_the_page_says() -> None:
    code = set()
    for one in tokenize.generate_tokens(io.StringIO(SCRIPT.read_text("utf-8")).readline):
        if one.type in {tokenize.NAME, tokenize.OP} and not one.line.startswith(("import ", "from ")):
            code.add(one.start[0])
    assert len(code) <= 29, "the page says fewer than thirty"


def test_each_completion_is_acted_on_once_and_only_if_it_holds(
    company: Company,
    installation: Installation,
    workers: Workers,
    started: list[Consumer],
    reader: str,
    tmp_path: Path,
) -> None:
    numbers = list(company.people)[:4]
    forms = [erasure(f"r{n}", email=made_up(n).email) for n in numbers[:3]]
    forms.append(form(Right.ACCESS, f"r{numbers[3]}", email=made_up(numbers[3]).email))
    wanted = {f"r{n}.1" for n in numbers}
    consumer = started[0]
    with installation.orchestrate("plain") as orchestrator:
        installation.publish(forms)
        wait_for(lambda: {one["record_id"] for one in consumer.acted} == wanted, 150)
        code, said = orchestrator.stop()
        assert code == 0, said
    told = {one.request_id: one for one in installation.records().values()}
    assert {one["record_id"]: (one["result"], one["headline"]) for one in consumer.acted} == {
        one.record_id: (one.result, one.headline) for one in told.values()
    }
    # As after a crash of the orchestrator: the same bytes again, and of the consumer: killed, and its place forgotten.
    consumer.kill()
    first, whole = installation.completions()[0]
    bus.write(installation.kafka, COMPLETIONS.name, batches.pack([whole, whole]))
    event = decode_event(whole)
    stranger = RecordSigner(bytes(32))
    forged = record.sign(msgspec.structs.replace(told[first.request_id], salt=""), bytes(32), stranger).decode()
    altered = first.jws[:-4] + ("AAAA" if first.jws[-4:] != "AAAA" else "BBBB")
    lies = [
        encode(msgspec.structs.replace(event, id=f"lie{n}", data=msgspec.Raw(encode(data))))
        for n, data in enumerate(
            [
                msgspec.structs.replace(first, jws=forged),
                msgspec.structs.replace(first, jws=altered),
                first,  # an old record under another id
            ]
        )
    ]
    other = encode(msgspec.structs.replace(event, id="other", type="org.example.other.v1"))
    bus.write(
        installation.kafka, COMPLETIONS.name, [b"\xff not json", b"[1, null]", b"3", *batches.pack([*lies, other])]
    )
    again = Consumer(installation, tmp_path, f"{reader}-new")
    started.append(again)
    last = b"".join(encode(msgspec.structs.replace(event, id="end", data=msgspec.Raw(b"{}"))) for _ in range(1))
    bus.write(installation.kafka, COMPLETIONS.name, [last])
    wait_for(lambda: len(again.said) >= len(lies) + 4, 90)
    assert again.process.poll() is None, again.said
    assert len(again.acted) == len(wanted), "acted on one of them twice, or on what nobody signed"
    assert sorted(again.said) == sorted(
        [
            "not believed: KeyError",  # a stranger's key; the event without a record
            "not believed: KeyError",
            "not believed: BadSignatureError",
            "not believed: ValueError",
            *["not believed: TypeError"] * 3,  # 1, null and 3 are no events
        ]
    ), again.said
    assert workers.failures == []
    for n in numbers:
        for file in (tmp_path / "out", tmp_path / "err", tmp_path / "seen.db"):
            assert find_canaries(file.read_bytes(), made_up(n).values()) == [], file
