"""The registry of legal holds, as a part of every transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from orchestrator.ports.rows import HoldRow


class HoldRegistry(Protocol):
    """Legal holds, and the erasures they may reach."""

    def among_people(self) -> None:
        """Wait until nobody places or releases a hold; nobody can until this transaction ends."""
        ...

    def everybody(self) -> None:
        """Wait until nobody decides about any person, or asks for holds; nobody can until this transaction ends."""
        ...

    def add_hold(self, row: HoldRow, refs: Sequence[bytes]) -> None:
        """Note a hold, and the keyed digests of whom it is about."""
        ...

    def release_hold(self, hold_id: str, at: str, role: str) -> None:
        """Note that a hold is over, and forget whom it was about."""
        ...

    def hold(self, hold_id: str) -> HoldRow | None:
        """Give one hold."""
        ...

    def holds(self) -> list[HoldRow]:
        """Give all holds, the standing ones first."""
        ...

    def standing_holds(self) -> list[HoldRow]:
        """Give the holds that were not released, the oldest first."""
        ...

    def held_people(self, refs: Sequence[bytes]) -> set[str]:
        """Give the ids of the holds that are about one of these people."""
        ...

    def erasures(self) -> Iterator[tuple[str, bytes, bytes]]:
        """Give (request id, state, sealed capsule) of every erasure that something still leads to the person of."""
        ...

    def all_erasures(self) -> Iterator[tuple[str, bytes]]:
        """Give (request id, state) of every erasure, also of those that nothing leads to the person of any more."""
        ...

    def subjects_of(self, refs: Sequence[bytes]) -> set[str]:
        """Give the requests that were made with one of these identifiers, closed ones too."""
        ...

    def unheard(self, request_ids: Sequence[str]) -> set[str]:
        """Give those of these requests that an event waits for, which was accepted and is not applied yet."""
        ...

    def waiting_holds(self, hold_id: str) -> set[str]:
        """Give the requests that a hold was told to, and that have not taken it in yet."""
        ...

    def all_plans(self) -> list[bytes]:
        """Give every plan that requests were ever decided under."""
        ...
