"""Who asks for what at the same time (decision 11).

An erasure waits for copies and restrictions of its person, and for an erasure that was begun before it. Who waits for
whom has no circle: an erasure is told what to wait for when it is confirmed who asks, and before that nobody waits for
it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from orchestrator.core.events import OtherOpened
from orchestrator.core.plan import MARKETING
from orchestrator.core.rulings import Ended, Hold
from orchestrator.engine import wire
from orchestrator.engine.batch import INTERNAL_SOURCE, Batch
from orchestrator.engine.capsule import subject_ref
from orchestrator.engine.conflicts import AWAITED, ENDING, HELD, ended, lifts, share, stands
from orchestrator.engine.wire import OpenedRequest
from orchestrator.ports import JournalRow
from schemas.codec import encode
from schemas.identifiers import Strength, strength_of
from schemas.requests import Right


class People:
    """Recognises requests of one person, among those that are open and those of this batch."""

    def __init__(
        self, batch: Batch, key: bytes, opened: Iterable[OpenedRequest], confirmed: Sequence[str] = ()
    ) -> None:
        """Digest the unique identifiers of new requests, and ask the store once who else has them.

        ``confirmed``: older requests of which it may be known now who asks.
        """
        opened = list(opened)
        self._batch = batch
        self._refs = {
            one.message.request_id: sorted(
                {subject_ref(key, i.kind, i.value) for i in one.identifiers if strength_of(i.kind) is Strength.UNIQUE}
            )
            for one in opened
        }
        self._scopes = {one.message.request_id: one.message.scope.systems for one in opened}
        named = batch.plans.current.marketing_purposes or MARKETING
        # An objection to marketing restricts nothing: it waits for nobody (Art. 21(3)).
        self._marketing = {
            one.message.request_id for one in opened if one.message.purposes and set(one.message.purposes) <= {*named}
        }
        for request_id, ref in batch.tx.subject_refs(confirmed) if confirmed else ():
            self._refs.setdefault(request_id, []).append(ref)
        refs = sorted({ref for some in self._refs.values() for ref in some})
        batch.tx.one_person(refs)
        self._erasures: dict[bytes, set[str]] = {}
        self._first: dict[bytes, set[str]] = {}
        for ref, request_id, right in batch.tx.same_subject(refs) if refs else ():
            if right == Right.ERASURE:
                self._erasures.setdefault(ref, set()).add(request_id)
            if right in AWAITED or right in ENDING:
                self._first.setdefault(ref, set()).add(request_id)
        asking = {one.message.request_id for one in opened if one.message.right is Right.ACCESS}
        wanted = sorted({ref for request_id in asking for ref in self._refs[request_id]})
        self._copies: dict[bytes, set[str]] = {}
        for ref, request_id in batch.tx.copies(wanted) if wanted else ():
            self._copies.setdefault(ref, set()).add(request_id)
        self._subjects: list[dict[str, object]] = []
        self._waits: list[dict[str, str]] = []

    def first(self) -> set[str]:
        """Give the requests that somebody may have to wait for; load them, so that none closes meanwhile."""
        return {one for some in self._first.values() for one in some}

    def waits_for(self, request_id: str, right: Right) -> tuple[str, ...]:
        """Give the requests that a new request has to wait for."""
        if right is Right.ERASURE:
            return self._standing(request_id, self._scopes[request_id])
        if right is Right.RESTRICTION or (right is Right.OBJECTION and request_id not in self._marketing):
            found = {one for ref in self._refs[request_id] for one in self._first.get(ref, ())}
            return tuple(sorted(one for one in found if lifts(self._batch.plan_of(one), self._batch.states[one])))
        return ()

    def _standing(self, request_id: str, scope: Collection[str]) -> tuple[str, ...]:
        found = {one for ref in self._refs.get(request_id, ()) for one in self._first.get(ref, ())} - {request_id}
        # Looked at again: one may have closed before its row was locked.
        standing = [state for one in found if stands(state := self._batch.states[one])]
        return tuple(sorted(one.request_id for one in standing if one.right is not Right.ERASURE or share(scope, one)))

    def confirmed(self, request_id: str) -> None:
        """Let an erasure of which it is known now who asks wait for those that were begun meanwhile."""
        state = self._batch.states[request_id]
        for other in self._standing(request_id, state.scope) if stands(state) else ():
            if other not in state.waits_for and self._batch.states[other].right is Right.ERASURE:
                self._wait(request_id, other, erases=True)

    def ended(self, request_id: str, right: Right) -> tuple[Ended, ...]:
        """Give the uses that the person of a new erasure has ended before."""
        if right is not Right.ERASURE:
            return ()
        found = sorted({one for ref in self._refs[request_id] for one in self._first.get(ref, ())})
        return tuple(each for one in found for each in ended(self._batch.plan_of(one), self._batch.states[one]))

    def copies(self, request_id: str, right: Right) -> int:
        """Count the copies that the person got before, as far as that is still known (S32)."""
        if right is not Right.ACCESS:
            return 0
        return len({one for ref in self._refs[request_id] for one in self._copies.get(ref, ())})

    def holds(self, request_id: str, right: Right) -> tuple[Hold, ...]:
        """Give the legal holds that reach a new request."""
        return self._batch.holds.on(self._refs[request_id]) if right in HELD else ()

    def accepted(self, request_id: str, right: Right, others: tuple[str, ...]) -> None:
        """Take in that a request counts; one that went to the dead letters is nobody to wait for."""
        refs = self._refs[request_id]
        self._subjects += [{"subject_ref": ref, "request_id": request_id, "right": right.value} for ref in refs]
        self._waits += [{"other": other, "request_id": request_id} for other in others]
        if right is Right.RESTRICTION:
            self._hold_back(request_id, {one for ref in refs for one in self._erasures.get(ref, ())})
        if right in ENDING or (right in AWAITED and stands(self._batch.states[request_id])):
            for ref in refs:
                self._first.setdefault(ref, set()).add(request_id)

    def _hold_back(self, restriction: str, erasures: set[str]) -> None:
        """Let open erasures of the person wait: an event of their own, applied with what waits."""
        for one in sorted(erasures):
            self._wait(one, restriction)

    def _wait(self, request_id: str, other: str, *, erases: bool = False) -> None:
        event = OtherOpened(request_id=request_id, observed_at=self._batch.now, other=other, erases=erases)
        body, event_id = encode(event), f"{request_id}.waits.{other}"
        row = JournalRow(
            INTERNAL_SOURCE, event_id, request_id, OtherOpened.__name__, self._batch.now, wire.digest(body)[0], None,
            body, "waiting",
        )  # fmt: skip
        self._batch.journal.append(row)
        self._waits.append({"other": other, "request_id": request_id})

    def write(self) -> None:
        """Write what was accepted."""
        gone = {request_id for request_id in self._refs if self._forgotten(request_id)}
        self._batch.tx.add_subjects([one for one in self._subjects if one["request_id"] not in gone])
        self._batch.tx.add_waits(self._waits)

    def _forgotten(self, request_id: str) -> bool:
        state = self._batch.states.get(request_id)
        return state is not None and state.forgotten
