"""Freezes the contract of ``expunge.completions`` with a release: ``python -m tests.golden.freeze 0.1.0``.

A folder has the schemas as they were published, and events as they travelled, signed with a key that anybody knows.
What is frozen is never written again: today's readers have to read it, and today's events have to fit its schemas, for
ever.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from orchestrator.core.effects import Complete
from orchestrator.core.events import Event
from orchestrator.core.machine import Step, step
from orchestrator.core.plan import Plan
from orchestrator.engine.wire import completion_event
from orchestrator.keys.signing import RecordSigner
from orchestrator.ledger import record
from schemas import generate
from schemas.completion import CompletionRecord, Sources

HERE: Final = Path(__file__).parent
CONTRACT: Final = HERE / "contract" / "v1"
SCHEMAS: Final = ("cloud-event", "completion", "completion-record")
SIGNER: Final = RecordSigner(bytes(range(32)))
SOURCES: Final = Sources({"crm": "1" * 64}, "2" * 64)


def journeys() -> Iterator[tuple[str, list[CompletionRecord]]]:
    """Give the records of every golden history, as a plan of today makes them."""
    for file in sorted((HERE / "histories").glob("*.json")):
        stored = json.loads(file.read_text("utf-8"))
        plan = msgspec.structs.replace(msgspec.convert(stored["plan"], Plan), sources=SOURCES)
        steps: list[Step] = []
        for told in stored["steps"]:
            steps.append(step(plan, steps[-1].state if steps else None, msgspec.convert(told["event"], Event)))
        yield file.stem, [one.record for made in steps for one in made.effects if isinstance(one, Complete)]


def events() -> Iterator[bytes]:
    """Give an event for each of these records, as it travels."""
    for name, records in journeys():
        for one in records:
            request_id = name.replace("_", "-")
            named = msgspec.structs.replace(
                one,
                request_id=request_id,
                record_id=f"{request_id}.{one.number}",
                follows=f"{request_id}.{one.number - 1}" if one.follows else None,
            )
            row = {
                "record_id": named.record_id,
                "request_id": request_id,
                "number": one.number,
                "completed_at": one.completed_at,
                "jws": record.sign(named, bytes(32), SIGNER),
            }
            yield completion_event(row, one.completed_at)


def freeze(version: str, folder: Path = CONTRACT) -> Path:
    """Write what a release promises; an existing folder is left alone.

    Raises:
        FileExistsError: it is frozen already.
    """
    made = folder / version
    made.mkdir(parents=True)
    for name in SCHEMAS:
        text = generate.text_of(generate.schema_of(name))
        (made / f"{name}{generate.SUFFIX}").write_text(text, encoding="utf-8")
    (made / "events.jsonl").write_bytes(b"".join(one + b"\n" for one in events()))
    return made


if __name__ == "__main__":
    sys.stdout.write(f"{freeze(sys.argv[1])}\n")
