"""Clock, chance and keys: what no pure function may ask for by itself."""

from __future__ import annotations

import datetime as dt
from typing import Protocol

from schemas.sealing import IntakePrivateKey, SharedKey


class Clock(Protocol):
    """Where time comes from; the only one is ``runtime.clock``, tests bring their own."""

    def now(self) -> dt.datetime:
        """Give the current time, with zone UTC."""
        ...


class Chance(Protocol):
    """Where randomness comes from."""

    def __call__(self, count: int) -> bytes:
        """Give ``count`` random bytes fit for keys and nonces."""
        ...


class Signer(Protocol):
    """Signs completion records (Ed25519)."""

    kid: str

    def sign(self, data: bytes) -> bytes:
        """Give the 64-byte signature."""
        ...


class Keyring(Protocol):
    """All keys of an orchestrator. Keys of the store are others than keys of transport (decision 8).

    Attributes:
        store: 32 bytes; seals capsules at rest.
        subject: 32 bytes; recognises requests of the same person.
        log: 32 bytes; salts completion records, and makes receipts where a request came without one.
    """

    store: bytes
    subject: bytes
    log: bytes
    intake: IntakePrivateKey

    @property
    def signer(self) -> Signer:
        """Give the key that signs records."""
        ...

    def refresh(self) -> None:
        """Take up what was rotated meanwhile. Called before every transaction; never raises."""
        ...

    def system(self, name: str) -> SharedKey:
        """Give the key shared with one system.

        Raises:
            UsageError: there is none; refuse to start.
        """
        ...
