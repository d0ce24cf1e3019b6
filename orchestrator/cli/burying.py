"""``expunge dead-letters list|show|redrive``: events that could not be applied. Their content is never shown (I4).

A letter lives until it is redriven or discarded; its bytes go with the capsule of its request (decision 9), those of
an event that never became a request after a week (``runtime.sweeping``). The line itself (class, place, time) stays:
it is evidence.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, Protocol

import msgspec
import sqlalchemy as sa
from rich.console import Console

from orchestrator.cli import listing
from orchestrator.cli.desk import Desk
from orchestrator.engine import Engine
from orchestrator.engine.capsule import CapsuleBox
from orchestrator.errors import UsageError
from orchestrator.runtime.clock import chance
from orchestrator.store import tables as t
from orchestrator.store.opening import is_shared
from orchestrator.store.store import SqlStore
from schemas.codec import decode_event
from schemas.envelope import CONFIRMATION, REQUEST_RECEIVED
from schemas.errors import SchemaError

_D: Final = t.dead_letters.c


class Letter(msgspec.Struct, omit_defaults=True):
    """What may be seen of a letter. ``type`` is the class of event, where the bytes are one."""

    id: int
    request_id: str
    source: str
    event_id: str
    observed_at: str
    error: str
    size: int
    type: str = ""
    redrivable: bool = False


class _Row(NamedTuple):
    id: int
    request_id: str
    source: str
    event_id: str
    observed_at: str
    error: str
    sealed: bytes


class Redriven(msgspec.Struct):
    """What became of one.

    ``applied``, ``known`` (it had counted before), ``parked``, ``buried`` (again), ``gone``, ``not_redrivable``;
    ``published`` for a task that a worker had buried.
    """

    id: int | str
    outcome: str


def show_list(desk: Desk, limit: int) -> int:
    """List letters, newest first; as ``expunge list --dead``."""
    return listing.show_list(desk, "dead", limit)


def show(desk: Desk, number: int) -> int:
    """Show one letter: its metadata, its size, and whether it can be redriven.

    Raises:
        UsageError: no such letter.
    """
    settings = desk.settings()
    box = CapsuleBox(desk.own_keys(settings).store, chance)
    with desk.store(settings) as store:
        (row,) = _rows(store, [number])
        letter = _letter(row, box)
    desk.screen.data(letter, lambda out: _print(out, letter))
    return 0


def redrive(desk: Desk, numbers: Sequence[int], *, everything: bool) -> int:
    """Apply the original events again, as if they came now. What counted before counts no second time.

    Returns:
        1 if one was buried again or has no bytes any more.

    Raises:
        UsageError: no such letter, or none was named. DependencyError: the store cannot be used.
    """
    if not numbers and not everything:
        raise UsageError("which one?", where="dead-letters redrive", fix="name numbers of the list, or say --all")
    told: list[Redriven] = []
    with _opened(desk) as home:
        box = CapsuleBox(home.engine.keys.store, chance)
        rows = _rows(home.store, numbers)
        for row in sorted(rows, key=lambda one: one.id):
            letter = _letter(row, box)
            if not letter.redrivable:
                told.append(Redriven(row.id, "gone" if not letter.size else "not_redrivable"))
                continue
            raw = box.open_bytes(row.request_id, row.sealed)
            before = _newest(home.store), _parked(home.store)
            counted = home.engine.receive([raw])
            after = _newest(home.store), _parked(home.store)
            still = "buried" if after[0] != before[0] else ("parked" if after[1] != before[1] else "known")
            told.append(Redriven(row.id, "applied" if counted else still))
            _drop(home.store, row.id)
    lines = "\n".join(f"{one.id}: {one.outcome.replace('_', ' ')}" for one in told) or "nothing to redrive"
    desk.screen.data(told, lambda out: out.print(lines))
    return 1 if any(one.outcome in {"buried", "gone", "not_redrivable"} for one in told) else 0


@contextlib.contextmanager
def _opened(desk: Desk) -> Iterator[_Home]:
    """Open the engine as the processes of this installation do, whichever runtime it is."""
    settings = desk.settings()
    if is_shared(settings):
        from orchestrator.runtime.orchestrator import Orchestrator

        with Orchestrator.open(settings) as one:
            yield one
        return
    from orchestrator.runtime.embedded import Embedded

    with Embedded.open(desk.home) as home:
        yield home


class _Home(Protocol):
    """What both runtimes have."""

    engine: Engine
    store: SqlStore


def _rows(store: SqlStore, numbers: Sequence[int]) -> list[_Row]:
    query = sa.select(_D.id, _D.request_id, _D.source, _D.event_id, _D.observed_at, _D.error, _D.sealed)
    with store.read() as tx:
        rows = [_Row(*row) for row in tx.connection.execute(query.where(_D.id.in_(numbers)) if numbers else query)]
    if missing := set(numbers) - {row.id for row in rows}:
        raise UsageError(
            f"there is no dead letter {min(missing)}", where="dead_letters", fix="see `expunge dead-letters list`"
        )
    return rows


def _letter(row: _Row, box: CapsuleBox) -> Letter:
    raw = box.open_bytes(row.request_id, bytes(row.sealed)) if row.sealed else b""
    try:
        kind = decode_event(raw).type
    except SchemaError:
        kind = ""
    # A type of somebody's own could say anything.
    known = kind in {REQUEST_RECEIVED, CONFIRMATION}
    return Letter(*row[:6], len(raw), kind if known else "", known)


def _newest(store: SqlStore) -> int:
    with store.read() as tx:
        return int(tx.connection.execute(sa.select(sa.func.max(_D.id))).scalar() or 0)


def _parked(store: SqlStore) -> int:
    with store.read() as tx:
        return int(tx.connection.execute(sa.select(sa.func.count()).select_from(t.parked)).scalar() or 0)


def _drop(store: SqlStore, number: int) -> None:
    with store.write() as tx:
        tx.connection.execute(sa.delete(t.dead_letters).where(_D.id == number))


def _print(out: Console, one: Letter) -> None:
    redrive = "yes" if one.redrivable else ("no: its bytes are gone" if not one.size else "no: not an event of ours")
    for name, value in (
        ("number", str(one.id)),
        ("request", one.request_id),
        ("from", one.source),
        ("event", one.event_id),
        ("when", one.observed_at),
        ("error", one.error),
        ("type", one.type or "unknown"),
        ("size", f"{one.size} bytes, sealed"),
        ("redrive", redrive),
    ):
        out.print(f"{name + ':':<9}{value}", soft_wrap=True)
