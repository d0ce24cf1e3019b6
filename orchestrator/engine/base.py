"""What every part of the engine works with: store, keys, clock, chance, and one batch at a time."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from connectors.signals import SILENT, Signals, why
from orchestrator.core.plan import Plan
from orchestrator.engine.batch import Batch
from orchestrator.engine.capsule import CapsuleBox
from orchestrator.engine.hints import Hints, Holdback
from orchestrator.engine.stored import Plans
from orchestrator.errors import ConflictError, ContentionError, DependencyError, UsageError
from orchestrator.ports import Chance, Clock, Keyring, Store, Transaction
from schemas.codec import encode
from schemas.fields import TEXT_PATTERN
from schemas.requesters import is_code
from schemas.requests import utc

_TEXT: Final = re.compile(TEXT_PATTERN)
BATCH: Final = 200
"""Events a transaction: below 10 the commits dominate, above 500 the memory does (architecture.md section 9)."""
TRIES: Final = 4
"""How often a transaction is tried that others were in the way of."""
STOPS: Final = (DependencyError, UsageError)
"""What no event is to blame for: store, keys, version. The worker stops."""

_T = TypeVar("_T")


class Base:
    """Common to all parts."""

    def __init__(
        self,
        store: Store,
        keys: Keyring,
        clock: Clock,
        chance: Chance,
        plan: Plan,
        *,
        publish: bool = False,
        signals: Signals = SILENT,
    ) -> None:
        """Open.

        Args:
            store: The authority.
            keys: What seals, opens and signs.
            clock: Stamps what is observed.
            chance: Nonces and ids.
            plan: What new requests go by.
            publish: There is a broker; records, notices and dead letters go out through it.
            signals: Where it says what became of events, once that is committed.
        """
        self.store = store
        self.keys = keys
        self._clock = clock
        self._chance = chance
        self._publish = publish
        self._signals = signals
        self._box = CapsuleBox(keys.store, chance)
        self._plans = Plans(plan)
        self.hints = Hints()
        self._holdback = Holdback(plan.limits)
        self._given: dict[str, frozenset[str]] = {}
        with store.read() as tx:
            known = tx.plan(self._plans.digest) is not None
        if not known:  # so that programs which only look need not write
            with store.write() as tx:
                tx.save_plan(self._plans.digest, encode(plan))

    @contextlib.contextmanager
    def _batch(self, what: str = "") -> Iterator[Batch]:
        """One write transaction: what the body steps is written at its end, all or nothing."""
        with self.store.write() as tx:
            batch = self._begin(tx)
            yield batch
            batch.flush()
        self._done(batch, what)

    def _done(self, batch: Batch, what: str) -> None:
        """Note what is left to do, and say what became of events; only once it is committed."""
        batch.note(self.hints)
        counted = {"applied": batch.applied, "ignored": batch.ignored, "duplicate": batch.repeated}
        for verdict, number in counted.items():
            if number:
                self._signals.count("expunge_events_total", number, what=what, verdict=verdict)
        for request_id, error in batch.buried:
            self._signals.log("event.buried", request_id=request_id, reason=why(error))
            self._signals.count("expunge_events_total", what=what, verdict="buried")
        for request_id, reason in batch.parked:
            if reason == "unknown_key":
                self._signals.log("key.unknown", request_id=request_id)
            self._signals.count("expunge_events_total", what=what, verdict="parked")

    def _is_given(self, task_id: str) -> bool:
        return any(task_id in some for some in self._given.values())

    def _begin(self, tx: Transaction) -> Batch:
        self.keys.refresh()
        now = utc(self._clock.now())
        own = (self._plans, self.keys, self._box, self._chance)
        return Batch(tx, *own, now, publish=self._publish, given=self._is_given)


def a_role(role: str) -> None:
    """Let a role through, and never a name: it is journaled, logged and told in clear (I4).

    Raises:
        UsageError: it is no code word. What was given is not repeated.
    """
    if not is_code(role):
        fix = "--role, a code word, e.g. dpo; never a name"
        raise UsageError("who decides is told by a role", where="--role", fix=fix)


def a_text(text: str) -> None:
    """Let the id of a legal text through, or ``policy:<rule>``, and nothing else: it stands in signed records (I4).

    Raises:
        UsageError: it is none. What was given is not repeated.
    """
    if text and not _TEXT.match(text):
        fix = "--text, the id of a text, e.g. gdpr-17-3-e, or policy:<rule>"
        raise UsageError("what something rests on is told by the id of a text", where="--text", fix=fix)


def again(call: Callable[[], _T]) -> _T:
    """Call, and once more where another process was first: what it wrote is seen then.

    Raises:
        ContentionError: others were first every time. ConflictError: so it was a mistake of ours.
    """
    for _ in range(TRIES - 1):
        try:
            return call()
        except (ConflictError, ContentionError):
            continue
    return call()


def one_by_one(call: Callable[[], int], limit: int) -> int:
    """Call for one event at a time, up to a limit or until there is none; returns how many there were."""
    done = 0
    for _ in range(limit):
        count = call()
        if not count:
            break
        done += count
    return done
