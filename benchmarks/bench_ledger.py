"""Speed of the ledger at 100,000 leaves: append by four writers at once, a proof, and full verification of the bundle.

A third each are receipts, records and answers, as they are with erasures; records are signed with a real key, and are
verified one by one like everything else. Each append is measured whole: the leaf's row, its number, the tree, the
checkpoint, and the commits (SQLite, ``synchronous=FULL``).
"""

from __future__ import annotations

import random
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from benchmarks.table import Row, row
from orchestrator.engine.sequencing import LedgerKeys, Sequencer
from orchestrator.keys import KeyFolder, create_missing, trusting
from orchestrator.keys.notes import LedgerVerifier
from orchestrator.ledger import bundle, entries, record
from orchestrator.ports import LeafRow
from orchestrator.runtime import exporting
from orchestrator.runtime.clock import SystemClock, chance
from orchestrator.store import tables as t
from orchestrator.store.database import open_sqlite
from orchestrator.store.migrate import migrate
from orchestrator.store.store import SqlStore
from schemas.codec import decode
from schemas.completion import CompletionRecord

EXAMPLE = Path(__file__).parents[1] / "schemas/v1/examples/valid/completion-record.json"
WRITERS = 4
BATCH = 200
AT = "2026-03-01T12:00:00.000Z"


def _facts(sample: CompletionRecord, keys: KeyFolder, name: str) -> tuple[list[LeafRow], dict[str, Any]]:
    one = msgspec.structs.replace(
        sample, request_id=name, record_id=f"{name}.1", number=1, follows=None, result="partly_fulfilled"
    )
    jws = record.sign(one, chance(32), keys.signer)
    received = entries.written(entries.Received(1, name, "erasure", ("acme",), AT, "2026-04-01", ""), chance(32))
    answered = entries.written(entries.Answered(1, name, f"{name}.1", AT, "0" * 64, ""), chance(32))
    leaves = [
        LeafRow(name, "received", AT, entries.entry_of(received), received),
        LeafRow(name, "completed", AT, entries.entry_of(jws), None),
        LeafRow(name, "answered.1", AT, entries.entry_of(answered), answered),
    ]
    return leaves, {"record_id": f"{name}.1", "request_id": name, "number": 1, "completed_at": AT, "jws": jws}


def measure(count: int) -> dict[str, float]:
    """Give the figures for about ``count`` leaves."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        create_missing(home / "keys", (), chance)
        keys = KeyFolder(home / "keys", ())
        sample = decode(EXAMPLE.read_bytes(), CompletionRecord)
        made = [_facts(sample, keys, f"r{at:06}") for at in range(count // 3)]
        store = SqlStore(open_sqlite(home / "store.db"), "store.db")
        migrate(store.engine)

        def own(origin: str) -> LedgerKeys:
            signers = keys.ledger(origin)
            return LedgerKeys(signers[0].name, signers, [LedgerVerifier.of(one.vkey) for one in signers])

        def write(mine: list[tuple[list[LeafRow], dict[str, Any]]]) -> None:
            held = SqlStore(open_sqlite(home / "store.db", busy_seconds=120), "store.db")
            numbering = Sequencer(held, own, SystemClock())
            for start in range(0, len(mine), BATCH):
                some = mine[start : start + BATCH]
                with held.write() as tx:
                    tx.add_leaves([leaf for leaves, _ in some for leaf in leaves])
                    tx.add_records([one for _, one in some])
                numbering.turn()
            held.close()

        threads = [threading.Thread(target=write, args=(made[at::WRITERS],)) for at in range(WRITERS)]
        cpu, began = time.process_time(), time.perf_counter()
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        Sequencer(store, own, SystemClock()).turn()
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        with store.read() as tx:
            size = exporting.newest(tx)[1].size
            gaps = tx.connection.execute(sa.select(sa.func.count(), sa.func.max(t.leaves.c.number))).one()
        if (size, *gaps) != (3 * len(made), 3 * len(made), 3 * len(made) - 1):
            raise SystemExit("a leaf is missing, or a number was given twice")
        rng = random.Random(7)
        taken = []
        for _ in range(100):
            name = f"r{rng.randrange(len(made)):06}"
            start = time.perf_counter()
            with store.read() as tx:
                found = exporting.proofs(tx, name)
            taken.append((time.perf_counter() - start) * 1000 / len(found))
        start = time.perf_counter()
        files = exporting.whole(store, keys)
        exported = time.perf_counter() - start
        origin = own("").origin
        trust = trusting.pinned([home / "keys/record.pub.jwk"], [keys.ledger(origin)[0].vkey], None)
        start, used = time.perf_counter(), time.process_time()
        report = bundle.check(files, trust)
        verified, used = time.perf_counter() - start, time.process_time() - used
        if report.checked != dict.fromkeys(("received", "completed", "answered"), len(made)):
            raise SystemExit("not every document was checked")
        store.close()
    return {
        "leaves": size,
        "append_ms": seconds * 1000 / size,
        "append_cpu_ms": cpu * 1000 / size,
        "proof_ms": statistics.median(taken),
        "export_s": exported,
        "verify_s": verified,
        "verify_cpu_s": used,
        "checkpoints": report.checkpoints,
    }


def run(scale: float) -> list[Row]:
    """Measure against the goals."""
    one = measure(max(3_000, int(100_000 * scale)))
    return [
        row(f"append, {WRITERS} writers, {one['leaves']:.0f} leaves", round(one["append_ms"], 3), "ms/leaf", at_most=1),
        row("  CPU", round(one["append_cpu_ms"], 3), "ms/leaf"),
        row("proof, median of 100", round(one["proof_ms"], 2), "ms", at_most=10),
        row("export of the whole ledger", round(one["export_s"], 1), "s"),
        row(f"full verification ({one['checkpoints']:.0f} checkpoints)", round(one["verify_s"], 1), "s", at_most=60),
        row("  CPU", round(one["verify_cpu_s"], 1), "s"),
    ]
