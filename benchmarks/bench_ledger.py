"""Speed of the ledger at 100,000 leaves: append by four writers at once, a proof, and full verification of the bundle.

A third each are receipts, records and answers, as they are with erasures; records are signed with a real key, and are
verified one by one like everything else. Writers are processes. Each append is measured whole: the leaf's row, its
number, the tree, the checkpoint, and the commits (SQLite with ``synchronous=FULL``, PostgreSQL as its server is set).
One of the writers is killed (SIGKILL) on the way and another goes on with its work; then numbers are held against what
there should be. With ``EXPUNGE_TEST_POSTGRES`` it is measured on that server as well, in a database of its own.

    python -m benchmarks.bench_ledger [--scale 0.1]
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from benchmarks.table import Row, row, show
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
from orchestrator.store.postgres import PostgresStore, open_postgres
from orchestrator.store.store import SqlStore
from schemas.codec import decode
from schemas.completion import CompletionRecord
from tests.support.services import Databases

EXAMPLE = Path(__file__).parents[1] / "schemas/v1/examples/valid/completion-record.json"
RESULTS = Path(__file__).parent / "results-ledger.json"
WRITERS = 4
BATCH = 200
AT = "2026-03-01T12:00:00.000Z"
Facts = tuple[list[LeafRow], dict[str, Any]]
"""The leaves of one request, and its record."""


def _facts(sample: CompletionRecord, keys: KeyFolder, name: str) -> Facts:
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


def _opened(url: str) -> SqlStore:
    made = sa.make_url(url)
    if made.get_backend_name() == "sqlite":
        return SqlStore(open_sqlite(Path(made.database or ""), busy_seconds=120), "store.db")
    return PostgresStore(open_postgres(made), "store")


def _sequencer(store: SqlStore, home: Path) -> Sequencer:
    keys = KeyFolder(home / "keys", ())

    def own(origin: str) -> LedgerKeys:
        signers = keys.ledger(origin)
        return LedgerKeys(signers[0].name, signers, [LedgerVerifier.of(one.vkey) for one in signers])

    return Sequencer(store, own, SystemClock())


def _write(url: str, home: Path, share: int, ready: Any, go: Any, spent: Any) -> None:
    """Write the batches of one share that are not there yet, as an engine's batch does, and number what waits."""
    store = _opened(url)
    numbering = _sequencer(store, home)
    batches = msgspec.msgpack.decode((home / f"share-{share}").read_bytes(), type=list[list[Facts]])
    ready.release()
    go.wait()
    used = resource.getrusage(resource.RUSAGE_SELF)
    for some in batches:
        with store.write() as tx:
            if tx.leaves_of(some[0][0][0].request_id):
                continue  # whoever was killed had committed it
            tx.add_leaves([leaf for leaves, _ in some for leaf in leaves])
            tx.add_records([one for _, one in some])
        numbering.turn()
    now = resource.getrusage(resource.RUSAGE_SELF)
    with spent.get_lock():
        spent.value += now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    store.close()


def _append(url: str, home: Path) -> tuple[float, float]:
    """Have all shares written at once; gives seconds of the clock and of CPU. One writer is killed and made good."""
    context = multiprocessing.get_context("spawn")
    ready, go, spent = context.Semaphore(0), context.Event(), context.Value("d", 0.0)

    def started(share: int) -> Any:
        one = context.Process(target=_write, args=(url, home, share, ready, go, spent))
        one.start()
        return one

    writers = [started(share) for share in range(WRITERS)]
    for _ in writers:
        ready.acquire()
    began = time.perf_counter()
    go.set()
    time.sleep(0.5)
    writers[0].kill()
    writers[0].join()
    writers[0] = started(0)
    for one in writers:
        one.join()
        if one.exitcode:
            raise SystemExit("a writer failed")
    store = _opened(url)
    _sequencer(store, home).turn()
    seconds = time.perf_counter() - began
    store.close()
    return seconds, spent.value


def measure(count: int, url: str, home: Path, keys: KeyFolder) -> dict[str, float]:
    """Give the figures for about ``count`` leaves in a store that is empty."""
    sample = decode(EXAMPLE.read_bytes(), CompletionRecord)
    made = [_facts(sample, keys, f"r{at:06}") for at in range(count // 3)]
    for share in range(WRITERS):
        mine = made[share::WRITERS]
        batches = [mine[at : at + BATCH] for at in range(0, len(mine), BATCH)]
        (home / f"share-{share}").write_bytes(msgspec.msgpack.encode(batches))
    store = _opened(url)
    migrate(store.engine)
    seconds, cpu = _append(url, home)
    with store.read() as tx:
        size = exporting.newest(tx)[1].size
        gaps = tx.connection.execute(
            sa.select(sa.func.count(), sa.func.count(sa.distinct(t.leaves.c.number)), sa.func.max(t.leaves.c.number))
        ).one()
    if (size, *gaps) != (3 * len(made), 3 * len(made), 3 * len(made), 3 * len(made) - 1):
        raise SystemExit("a leaf is missing, or a number was given twice")
    rng = random.Random(7)
    taken, single = [], []
    for _ in range(200):
        name = f"r{rng.randrange(len(made)):06}"
        start = time.perf_counter()
        with store.read() as tx:
            found = exporting.proofs(tx, name)
        single.append((time.perf_counter() - start) * 1000)
        taken.append(single[-1] / len(found))
    start = time.perf_counter()
    files = exporting.whole(store, keys)
    exported = time.perf_counter() - start
    signers = keys.ledger(_origin(keys))
    trust = trusting.pinned([home / "keys/record.pub.jwk"], [signers[0].vkey], None)
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
        "proofs_p99_ms": statistics.quantiles(single, n=100)[98],
        "export_s": exported,
        "verify_s": verified,
        "verify_cpu_s": used,
        "checkpoints": report.checkpoints,
    }


def _origin(keys: KeyFolder) -> str:
    return keys.ledger("")[0].name


@contextlib.contextmanager
def _stores() -> Iterator[dict[str, str]]:
    """Give the stores that there are, by what they are called: empty ones, which go afterwards."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        found = {"SQLite": f"sqlite:///{folder}/store.db"}
        given = os.environ.get("EXPUNGE_TEST_POSTGRES")
        if not given:
            yield found
            return
        server = Databases(given)
        url = server.create()
        try:
            yield {**found, "PostgreSQL": url}
        finally:
            server.drop(url)


def run(scale: float) -> list[Row]:
    """Measure against the goals."""
    count = max(3_000, int(100_000 * scale))
    rows: list[Row] = []
    with _stores() as stores:
        for name, url in stores.items():
            rows += _measured(name, url, count)
    return rows


def _measured(name: str, url: str, count: int) -> list[Row]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        create_missing(home / "keys", (), chance)
        one = measure(count, url, home, KeyFolder(home / "keys", ()))
    append = f"{name}: append, {WRITERS} processes, one killed, {one['leaves']:.0f} leaves"
    return [
        row(append, round(one["append_ms"], 3), "ms/leaf", at_most=1),
        row("  CPU of the writers", round(one["append_cpu_ms"], 3), "ms/leaf"),
        row(f"{name}: proof, median of 600", round(one["proof_ms"], 2), "ms", at_most=10),
        row("  all proofs of a request, p99", round(one["proofs_p99_ms"], 2), "ms"),
        row(f"{name}: export of the whole ledger", round(one["export_s"], 1), "s"),
        row(
            f"{name}: full verification ({one['checkpoints']:.0f} checkpoints)",
            round(one["verify_s"], 1),
            "s",
            at_most=60,
        ),
        row("  CPU", round(one["verify_cpu_s"], 1), "s"),
    ]


def main() -> int:
    """Run and print; 1 where a goal is missed at full size."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_ledger", description="Measure the ledger.")
    parser.add_argument("--scale", type=float, default=1.0)
    scale = parser.parse_args().scale
    load = os.getloadavg()[0]
    met = show(run(scale), f"scale {scale:g}, load before {load:.1f}", RESULTS)
    return 1 if scale >= 1 and not met else 0


if __name__ == "__main__":
    sys.exit(main())
