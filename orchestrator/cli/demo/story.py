"""Plays the demo: makes the company, submits both requests, waits for the live log, and shows what became of it all.

Everything goes through the same parts as in earnest; only the clock is moved on by a day, and the log is rotated by
hand, since nobody wants to wait for midnight.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from orchestrator.cli import homes, queries
from orchestrator.cli.demo import company as making
from orchestrator.cli.demo import picture, witness
from orchestrator.cli.demo.company import Company
from orchestrator.cli.demo.picture import Told
from orchestrator.cli.running import progress
from orchestrator.cli.screen import Screen
from orchestrator.core.model import Phase, RequestState
from orchestrator.errors import UsageError
from orchestrator.keys import read_public
from orchestrator.ledger.record import verify
from orchestrator.runtime.clock import ShiftedClock
from orchestrator.runtime.embedded import Embedded
from schemas.identifiers import Identifier
from schemas.outcomes import Pending
from schemas.requests import RequestForm, Right

ACCESS: Final = "demo-access"
ERASURE: Final = "demo-erasure"
_FILES: Final = homes.FILES / "demo" / "home"
_MARGIN: Final = dt.timedelta(minutes=1)


def demo(screen: Screen, keep: Path | None, seed: int) -> int:
    """Play the demo.

    Args:
        screen: Where it is shown.
        keep: Folder that stays, with everything in it; None: a temporary one.
        seed: Which company.

    Returns:
        0 if both requests were closed and everything held, else 1.

    Raises:
        UsageError: the folder to keep is not empty.
    """
    with _folder(keep) as home:
        clock = ShiftedClock()
        one = furnish(home, seed, clock.now().date())
        if not screen.json:
            picture.opening(screen.out, one)
        told = _play(screen, home, one, clock)
        told.home = str(keep.resolve()) if keep else None
        screen.data(told, lambda out: picture.ending(out, told))
    return 0 if told.fine else 1


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="expunge-demo-") as name:
            yield Path(name)
        return
    if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise UsageError("the folder is not empty", where=str(keep), fix="name a new folder")
    keep.mkdir(mode=0o700, parents=True, exist_ok=True)
    yield keep


def furnish(home: Path, seed: int, today: dt.date) -> Company:
    """Make the company, its data maps and a home folder for them."""
    one = making.build(home / "company", seed, today)
    (home / "maps").mkdir(mode=0o700)
    homes.place(_FILES / "expunge.toml", home / "expunge.toml")
    for source in (_FILES / "maps").iterdir():
        homes.place(source, home / "maps" / source.name)
    if not one.parquet:
        file = home / "maps" / "events.toml"
        file.write_text(file.read_text(encoding="utf-8").replace("*.parquet", "*.jsonl"), encoding="utf-8")
    homes.prepare(home)
    return one


def _play(screen: Screen, home: Path, one: Company, clock: ShiftedClock) -> Told:
    before, traces = witness.others(one), witness.traces(one)
    person = one.subject
    identifiers = (Identifier("email", person.email), Identifier("phone", person.phone), Identifier("ip", person.ip))
    forms = [RequestForm(right, identifiers, request_id=name) for right, name in _WANTED]
    with Embedded.open(home, clock=clock) as pipeline:
        pipeline.intake.submit(forms)
        _work(screen, pipeline)
        access, first = _state(pipeline, ACCESS), _state(pipeline, ERASURE)
        if not screen.json:
            picture.first_pass(screen.out, access, first)
        waiting = [
            moment.due for name, moment in first.timers.items() if name.startswith("pending:") and _waits_for_log(first)
        ]
        if waiting:
            making.rotate(one.folder)
            clock.shift = dt.datetime.fromisoformat(max(waiting)) - clock.now() + _MARGIN
            _work(screen, pipeline)
        last = _state(pipeline, ERASURE)
        return Told(
            access=picture.told_of(access),
            erasure=picture.told_of(last),
            waited=bool(waiting),
            records=_verified(home, pipeline),
            others=before.total(),
            others_changed=witness.missing(before, witness.others(one)),
            traces_before=traces,
            traces_after=witness.traces(one),
            lines=picture.lines(access, last),
        )


_WANTED: Final = ((Right.ACCESS, ACCESS), (Right.ERASURE, ERASURE))


def _work(screen: Screen, pipeline: Embedded) -> None:
    with progress(screen, pipeline.store) as shown:
        pipeline.run(until_idle=True, progress=shown)


def _state(pipeline: Embedded, request_id: str) -> RequestState:
    return queries.page(pipeline.store, request_id).state


def _waits_for_log(state: RequestState) -> bool:
    return any(isinstance(one, Pending) for system in state.systems.values() for one in system.outcomes.values())


def _verified(home: Path, pipeline: Embedded) -> int:
    """Check every record of closed requests as a third party would: with the public key file alone.

    Raises:
        VerificationError: one does not hold.
    """
    key = read_public(home / "keys" / "record.pub.jwk")
    count = 0
    for _, request_id in _WANTED:
        if _state(pipeline, request_id).phase is Phase.CLOSED:
            verify(queries.record(pipeline.store, request_id, None).jws, key)
            count += 1
    return count


__all__ = ["ACCESS", "ERASURE", "demo", "furnish"]
