"""Which legal holds reach a request: those that are about everybody, and those about its person."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.core.model import Known
from orchestrator.core.rulings import Hold
from orchestrator.engine.capsule import Capsule, subject_ref
from orchestrator.ports import HoldRow, Transaction
from schemas.identifiers import Identifier, Strength, strength_of


class Reach:
    """The holds that stand while one transaction lasts; asked of the store once, and only if somebody needs them."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._standing: list[HoldRow] | None = None

    def on(self, refs: Iterable[bytes]) -> tuple[Hold, ...]:
        """Give the holds that reach a request of the person with these digests, the oldest first."""
        if self._standing is None:
            # Whoever places one waits until this transaction ends, and then sees the requests it has written.
            self._tx.among_people()
            self._standing = self._tx.standing_holds()
        if not self._standing:
            return ()
        ids = self._tx.held_people(list(refs))
        return tuple(as_hold(one) for one in self._standing if not one.by_person or one.hold_id in ids)

    def found(self, key: bytes, capsule: Capsule, links: Iterable[Known]) -> tuple[Hold, ...]:
        """Give the holds that reach a person who turned out to have these identifiers, too."""
        return self.on(refs_of(key, (Identifier(*capsule.identifiers[one.ref]) for one in links)))


def refs_of(key: bytes, identifiers: Iterable[Identifier]) -> list[bytes]:
    """Give the digests of those identifiers that are one person's own."""
    own = [one for one in identifiers if strength_of(one.kind) is Strength.UNIQUE]
    return sorted({subject_ref(key, one.kind, one.value) for one in own})


def as_hold(row: HoldRow) -> Hold:
    """Give a hold as the core knows it."""
    scope = tuple(row.scope.split(" ")) if row.scope else ()
    return Hold(
        row.hold_id,
        row.reason,
        row.text,
        row.owner,
        row.review_by,
        row.placed_at,
        scope,
        row.anchor_from,
        row.anchor_to,
    )
