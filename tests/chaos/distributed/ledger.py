"""What stands in the orchestrator's store when everything is over, and what an operator does about it."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence

import msgspec
import psycopg

from orchestrator.core.model import Attention
from orchestrator.core.work import INFORMS
from orchestrator.engine.stored import read_state
from orchestrator.engine.waiting import resume
from orchestrator.errors import UsageError
from orchestrator.files import package
from orchestrator.runtime.clock import SystemClock
from orchestrator.runtime.orchestrator import Orchestrator
from orchestrator.settings import Settings
from orchestrator.store.opening import open_store
from schemas.requests import Right


class Stored(msgspec.Struct):
    """What counts.

    Attributes:
        phases: Request id -> phase.
        records: (record id, request id, number, JWS).
        intake: How often each request counts as received.
        dead: Dead letters by error.
        incidents: By reason.
        journal: Events that counted.
        strayed: Requests whose journal does not lead to their state.
        packages: Request id of an access -> what is in its package.
    """

    phases: dict[str, str]
    records: list[tuple[str, str, int, bytes]]
    intake: Counter[str]
    dead: Counter[str]
    incidents: int
    journal: int
    strayed: list[str] = []
    packages: dict[str, bytes] = {}


def stored(url: str) -> Stored:
    """Read it."""
    with psycopg.connect(url) as db:
        phases: dict[str, str] = dict(db.execute("SELECT request_id, phase FROM requests").fetchall())
        records = [
            (*row[:3], bytes(row[3])) for row in db.execute("SELECT record_id, request_id, number, jws FROM records")
        ]
        intake = Counter(row[0] for row in db.execute("SELECT request_id FROM journal WHERE type = 'RequestAccepted'"))
        dead = Counter(row[0] for row in db.execute("SELECT error FROM dead_letters"))
        incidents = db.execute("SELECT count(*) FROM journal WHERE type = 'Incident'").fetchone()
        journal = db.execute("SELECT count(*) FROM journal").fetchone()
    return Stored(phases, records, intake, dead, incidents[0] if incidents else 0, journal[0] if journal else 0)


def attention(url: str) -> list[tuple[str, Attention]]:
    """Give every request that waits for a person, and why; what only informs is left out."""
    with psycopg.connect(url) as db:
        rows = db.execute("SELECT request_id, state FROM requests WHERE attention > 0").fetchall()
    states = [(request_id, read_state(request_id, state)) for request_id, state in rows]
    return [(one, why) for one, state in states for why in state.attention if why.reason not in INFORMS]


def go_on(settings: Settings, request_ids: Sequence[str]) -> None:
    """Say for each request that its cause is mended, as `expunge retry` does."""
    store = open_store(settings)
    try:
        for one in request_ids:
            try:
                resume(store, SystemClock(), one, "dpo")
            except UsageError:
                continue  # it went on by itself meanwhile
    finally:
        store.close()


def inspect(settings: Settings, found: Stored) -> None:
    """Replay every journal, and open every access package."""
    with Orchestrator.open(settings) as one:
        found.strayed = one.engine.audit()
        with one.store.read() as tx:
            states = {request_id: read_state(request_id, blob) for request_id, blob in tx.all_states()}
        for request_id, state in states.items():
            if state.right is Right.ACCESS and state.package_sha256:
                out = io.BytesIO()
                package.deliver(settings.exports / state.package, one.engine.package_key(request_id), out)
                found.packages[request_id] = out.getvalue()
