"""One of several processes that write leaves and number them, until it is killed: ``ledger_worker.py URL NAME``.

It says every batch it has committed, on a line of its own, so that whoever killed it knows what must be there.
"""

from __future__ import annotations

import sys
from pathlib import Path

import sqlalchemy as sa

from orchestrator.store.database import open_sqlite
from orchestrator.store.postgres import PostgresStore, open_postgres
from orchestrator.store.store import SqlStore
from tests.support.ledgers import add, leaf, sequencer


def opened(url: str) -> SqlStore:
    made = sa.make_url(url)
    if made.get_backend_name() == "sqlite":
        return SqlStore(open_sqlite(Path(made.database or "")), "store.db")
    return PostgresStore(open_postgres(made), "store.db")


def main(url: str, name: str) -> None:
    store = opened(url)
    numbering = sequencer(store)
    for turn in range(1_000_000):
        batch = f"{name}.{turn}"
        add(store, *(leaf(f"{batch}.{at}", fact) for at in range(5) for fact in ("received", "completed")))
        print(batch, flush=True)
        numbering.turn()


if __name__ == "__main__":
    main(*sys.argv[1:])
