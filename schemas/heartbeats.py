"""Heartbeats: a worker says that it is there, so that a silent system is visible (I12).

They go to a topic of their own: nothing of a request hangs on them, and whoever wants to know reads the end of it.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from schemas.fields import Id, Time, Word

EVERY_SECONDS: Final = 10.0
"""How often; three that are missing in a row are silence."""


class Heartbeat(msgspec.Struct, frozen=True, omit_defaults=True):
    """A worker is there.

    Attributes:
        worker: A random name of the process, new at each start.
        connector: Name and version of the connector, e.g. ``sql/0.1.0``.
        at: The worker's clock, which may be wrong.
        state: ``standby`` waits for the lock of a file system, ``waiting_for_key`` for a key that a task is sealed
            with.
        kids: Ids of the keys that the worker accepts; a new key is activated once every worker names it.
    """

    system: Id
    worker: Id
    connector: Word
    at: Time
    state: Literal["ready", "working", "standby", "waiting_for_key", "stopping"]
    kids: tuple[Word, ...] = ()
