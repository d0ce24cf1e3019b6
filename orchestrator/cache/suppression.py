"""The suppression cache: one hash, digest -> entries, and in the same hash the marker that says how complete it is.

Why a lost cache can never read as "not erased" (I10):

* Marker and entries are fields of *one* key. Whatever takes entries away (FLUSHALL, eviction, expiry, a restart without
  or with an older file, a replica that lags) leaves the marker away too, or older with them.
* The marker says: everything that the store had committed before ``as_of`` is here. ``as_of`` is Redis's own time,
  taken before the store was asked. A miss counts only while the marker is at most ``FRESH`` old.
* ``as_of`` moves only if the marker still carries the token of the feed that the store knows as its last one. So a hash
  that lost a feed is never called complete again; ``rebuild`` makes a new one beside it and swaps (RENAME).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from orchestrator.cache.connection import friendly
from orchestrator.engine.suppressing import Entry

if TYPE_CHECKING:
    from redis import Redis

KEY: Final = "expunge:suppression"
MARKER: Final = "marker"
"""A field of another length than a digest, so that the two never meet."""
FRESH: Final = 5.0
"""Seconds: how old a miss may be. A feed comes every second."""
_EARLY: Final = 0.5
"""Seconds that Redis's clock may seem to run backwards (a failover) before the marker counts no more."""
_ABANDONED: Final = 900
"""Seconds after which a rebuild that was killed leaves nothing behind."""

_SECOND: Final = 1_000_000
Entries = Mapping[bytes, Sequence[bytes]]

_WRITE: Final = """
local told = redis.call('HGET', KEYS[1], 'marker')
if not told or cjson.decode(told).token ~= ARGV[1] then return 0 end
if #ARGV > 3 then redis.call('HSET', KEYS[1], unpack(ARGV, 4)) end
if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], 'marker', ARGV[2]) end
if ARGV[3] ~= '' then redis.call('EXPIRE', KEYS[1], ARGV[3]) end
return 1
"""
_SWAP: Final = """
local told = redis.call('HGET', KEYS[1], 'marker')
if not told or cjson.decode(told).token ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'marker', ARGV[2])
redis.call('PERSIST', KEYS[1])
redis.call('RENAME', KEYS[1], KEYS[2])
return 1
"""
_PRUNE: Final = """
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then return redis.call('HDEL', KEYS[1], ARGV[1]) end
return 0
"""
_CHUNK: Final = 1000
"""Entries in one call of a script; Lua takes at most 8,000 arguments."""


class Marker(msgspec.Struct):
    """What the hash says of itself. ``as_of``: microseconds of Redis's clock; 0 while it is being built."""

    token: str
    as_of: int


class Looked(msgspec.Struct):
    """What the cache knows. ``complete``: who is not in ``found`` is not suppressed. ``age`` in seconds."""

    found: dict[bytes, list[Entry]]
    complete: bool = False
    token: str = ""
    age: float | None = None


_ENTRIES: Final = msgspec.json.Decoder(list[Entry])
_MARKER: Final = msgspec.json.Decoder(Marker)


class SuppressionCache:
    """The hash in Redis. Every method raises DependencyError where Redis cannot be used."""

    def __init__(self, redis: Redis, key: str = KEY) -> None:
        self._redis: Any = redis
        self._key = key

    def now(self) -> int:
        """Give Redis's time, microseconds."""
        with friendly():
            return _micros(self._redis.time())

    def look(self, digests: Sequence[bytes]) -> Looked:
        """Look digests up."""
        with friendly():
            pipe = self._redis.pipeline(transaction=False)
            pipe.hmget(self._key, [MARKER, *digests])
            pipe.time()  # after the look, so that a miss is never younger than it seems
            values, now = pipe.execute()
        looked = Looked({})
        try:
            for digest, value in zip(digests, values[1:], strict=True):
                if value is not None:
                    looked.found[digest] = _ENTRIES.decode(value)
            if values[0] is not None:
                marker = _MARKER.decode(values[0])
                looked.token = marker.token
                looked.age = (_micros(now) - marker.as_of) / _SECOND
                looked.complete = -_EARLY <= looked.age <= FRESH
        except msgspec.MsgspecError:
            return Looked({})  # somebody else writes there: nothing of it counts
        return looked

    def marker(self) -> Looked:
        """Tell how complete it is."""
        return self.look(())

    def feed(self, expected: str, token: str, as_of: int, entries: Entries) -> bool:
        """Add entries and move the marker on; False if this is not the hash that was fed last.

        The entries go first, in parts, the marker last: a feed that breaks off has only said too little.
        """
        parts = list(_parts(entries))
        for part in parts:
            if not self._write(self._key, expected, b"", "", part):
                return False
        return self._write(self._key, expected, msgspec.json.encode(Marker(token, as_of)), "", ())

    def begin(self, token: str) -> str:
        """Begin a hash beside the one that is; gives its key."""
        key = f"{self._key}:building:{token}"
        with friendly():
            pipe = self._redis.pipeline(transaction=True)
            pipe.hset(key, MARKER, msgspec.json.encode(Marker(token, 0)))
            pipe.expire(key, _ABANDONED)
            pipe.execute()
        return key

    def add(self, key: str, token: str, entries: Entries) -> bool:
        """Add entries to what ``begin`` began; False if it is gone (a flush)."""
        return all(self._write(key, token, b"", str(_ABANDONED), part) for part in _parts(entries))

    def swap(self, key: str, token: str, new: str, as_of: int) -> bool:
        """Put the new hash in the place of the old, at one instant; False if it is gone."""
        with friendly():
            told = msgspec.json.encode(Marker(new, as_of))
            return bool(self._redis.eval(_SWAP, 2, key, self._key, token, told))

    def discard(self, key: str) -> None:
        """Drop what ``begin`` began."""
        with friendly():
            self._redis.unlink(key)

    def prune(self, today: str, progress: Callable[[int], None] = lambda _: None) -> int:
        """Remove digests whose every entry is over; returns how many."""
        pruned = 0
        with friendly():
            for field, value in self._redis.hscan_iter(self._key, count=_CHUNK):
                if field != MARKER.encode() and all(one.until <= today for one in _decoded(value)):
                    pruned += int(self._redis.eval(_PRUNE, 1, self._key, field, value))
                    progress(pruned)
        return pruned

    def size(self) -> int:
        """Count digests."""
        with friendly():
            return max(0, int(self._redis.hlen(self._key)) - 1)

    def _write(self, key: str, token: str, marker: bytes, expire: str, part: Sequence[bytes]) -> bool:
        with friendly():
            return bool(self._redis.eval(_WRITE, 1, key, token, marker, expire, *part))


def _parts(entries: Entries) -> Iterable[list[bytes]]:
    flat = [piece for digest, some in entries.items() for piece in (digest, b"[" + b",".join(some) + b"]")]
    for start in range(0, len(flat), 2 * _CHUNK):
        yield flat[start : start + 2 * _CHUNK]


def _decoded(value: bytes) -> list[Entry]:
    try:
        return _ENTRIES.decode(value)
    except msgspec.MsgspecError:
        return [Entry("", "9999")]  # not ours to remove


def _micros(time: tuple[int, int]) -> int:
    return time[0] * _SECOND + time[1]
