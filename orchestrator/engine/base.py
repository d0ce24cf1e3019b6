"""What every part of the engine works with: store, keys, clock, chance, and one batch at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Final

from orchestrator.core.plan import Plan
from orchestrator.engine.batch import Batch
from orchestrator.engine.capsule import CapsuleBox
from orchestrator.engine.hints import Hints, Holdback
from orchestrator.engine.stored import Plans
from orchestrator.errors import DependencyError, UsageError
from orchestrator.ports import Chance, Clock, Keyring, Store
from schemas.codec import encode
from schemas.requests import utc

BATCH: Final = 200
"""Events a transaction: below 10 the commits dominate, above 500 the memory does (architecture.md section 9)."""
STOPS: Final = (DependencyError, UsageError)
"""What no event is to blame for: store, keys, version. The worker stops."""


class Base:
    """Common to all parts."""

    def __init__(self, store: Store, keys: Keyring, clock: Clock, chance: Chance, plan: Plan) -> None:
        self.store = store
        self.keys = keys
        self._clock = clock
        self._chance = chance
        self._box = CapsuleBox(keys.store, chance)
        self._plans = Plans(plan)
        self.hints = Hints()
        self._holdback = Holdback(plan.limits)
        with store.read() as tx:
            known = tx.plan(self._plans.digest) is not None
        if not known:  # so that programs which only look need not write
            with store.write() as tx:
                tx.save_plan(self._plans.digest, encode(plan))

    @contextlib.contextmanager
    def _batch(self) -> Iterator[Batch]:
        """One write transaction: what the body steps is written at its end, all or nothing."""
        with self.store.write() as tx:
            batch = Batch(tx, self._plans, self.keys, self._box, self._chance, utc(self._clock.now()))
            yield batch
            batch.flush()
        batch.note(self.hints)


def one_by_one(call: Callable[[], int], limit: int) -> int:
    """Call for one event at a time, up to a limit or until there is none; returns how many there were."""
    done = 0
    for _ in range(limit):
        count = call()
        if not count:
            break
        done += count
    return done
