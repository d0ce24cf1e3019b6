"""The suppression API's other side: answers by the cache, else by the store, else "unknown"; and keeps the cache fed.

Whatever is away makes an answer slower or "unknown", never "not erased" (I10).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from connectors.signals import SILENT, Signals
from orchestrator.cache.suppression import Looked, SuppressionCache
from orchestrator.engine.suppressing import Entry, Question, Verdict, verdict
from orchestrator.errors import DependencyError, ExpungeError
from orchestrator.ports import Chance, Clock
from orchestrator.store import suppressions as stored
from orchestrator.store.store import SqlStore

FEED_SECONDS: Final = 1.0
PRUNE_SECONDS: Final = 3600.0
TRIES: Final = 3
"""Rebuilds that a flush undid, before we give up."""

_ENTRY: Final = msgspec.json.Decoder(Entry)


class Suppression:
    """Answers, feeds and rebuilds. ``cache`` is None where there is no Redis: then the store answers alone."""

    def __init__(
        self,
        store: SqlStore,
        cache: SuppressionCache | None,
        clock: Clock,
        chance: Chance,
        signals: Signals = SILENT,
    ) -> None:
        self._store = store
        self._cache = cache
        self._clock = clock
        self._chance = chance
        self._signals = signals
        self._reachable = True

    def speak(self, signals: Signals) -> None:
        """Speak through these from now on."""
        self._signals = signals

    # -- answers ------------------------------------------------------------------------------------------
    def answer(self, questions: Sequence[Question]) -> list[Verdict]:
        """Answer questions, in their order. Never raises."""
        digests = list(dict.fromkeys(one.digest for one in questions))
        cached = self._look(digests)
        known: dict[bytes, list[Entry]] | None = cached.found if cached.complete else None
        if known is None:
            known = self._from_store(digests)
        today = self._clock.now().date().isoformat()
        answers: list[Verdict] = []
        for one in questions:
            if known is not None:
                answers.append(verdict(known.get(one.digest, ()), one, today))
            else:
                # An old cache may still say yes; its silence says nothing.
                yes = verdict(cached.found.get(one.digest, ()), one, today) == "erased"
                answers.append("erased" if yes else "unknown")
        for each in answers:
            self._signals.count("expunge_suppression_answers_total", answer=each)
        return answers

    def _look(self, digests: Sequence[bytes]) -> Looked:
        if self._cache is None:
            return Looked({})
        try:
            looked = self._cache.look(digests)
        except ExpungeError as error:
            self._away(error)
            return Looked({})
        self._back()
        return looked

    def _from_store(self, digests: Sequence[bytes]) -> dict[bytes, list[Entry]] | None:
        try:
            with self._store.read() as tx:
                found = stored.of(tx, digests)
        except ExpungeError as error:
            self._signals.count("expunge_store_failures_total", what="requests")
            self._signals.log("store.unreachable", error=error)
            return None
        return {digest: [_ENTRY.decode(one) for one in some] for digest, some in found.items()}

    # -- feeding ------------------------------------------------------------------------------------------
    def feed(self) -> bool:
        """Bring the cache up to the store; False if it has to be rebuilt.

        Raises:
            DependencyError: Redis or the store cannot be used.
        """
        cache = self._needed()
        as_of = cache.now()  # before the store is asked: what is committed by then is seen
        with self._store.read() as tx:
            last = stored.last_feed(tx)
            there = bool(stored.unfed(tx))
        if not there:
            return cache.feed(last.token, last.token, as_of, {})
        with self._store.write() as tx:
            last = stored.last_feed(tx, lock=True)
            feed = stored.begin_feed(tx, self._token())
            entries = stored.of(tx, stored.fed_after(tx, last.number))
            # Where this fails the rows count as fed and are not, but then no cache has this token either.
            return cache.feed(last.token, feed.token, as_of, entries)

    def rebuild(self, progress: Callable[[int], None] = lambda _: None) -> int:
        """Make the cache anew beside the old one, and swap; returns how many identifiers it holds.

        May run while everything runs, and more than once. Killed, it leaves nothing but a key that expires.

        Raises:
            DependencyError: Redis or the store cannot be used, or Redis was flushed again and again.
        """
        for _ in range(TRIES):
            if (count := self._rebuilt(progress)) is not None:
                self._signals.log("cache.rebuilt", count=count)
                return count
        raise DependencyError(
            "the cache was flushed while it was rebuilt, each time",
            where="[redis]",
            fix="find who flushes it, then run `expunge cache rebuild` again; meanwhile the store answers",
        )

    def _rebuilt(self, progress: Callable[[int], None]) -> int | None:
        cache = self._needed()
        with self._store.write() as tx:
            # What is in no feed yet counts as fed from here: the pages below hold it. The old cache, which does not,
            # carries another token from now on, so nobody calls it complete any more.
            begun = stored.begin_feed(tx, self._token())
        key = cache.begin(begun.token)
        count = 0
        with self._store.read() as tx:
            for page in stored.pages(tx):
                if not cache.add(key, begun.token, page):
                    return None
                count += len(page)
                progress(count)
        as_of = cache.now()
        with self._store.write() as tx:
            new = stored.begin_feed(tx, self._token())
            late = stored.of(tx, stored.fed_after(tx, begun.number))
            if not (cache.add(key, begun.token, late) and cache.swap(key, begun.token, new.token, as_of)):
                return None
        return count

    def check(self) -> dict[str, int]:
        """Hold the cache against the store: how many are ``stored``, ``missing`` or ``different``, digest by digest.

        Raises:
            DependencyError: Redis or the store cannot be used.
        """
        cache = self._needed()
        found = {"stored": 0, "missing": 0, "different": 0}
        with self._store.read() as tx:
            waiting = set(stored.unfed(tx))
            for page in stored.pages(tx):
                cached = cache.look(list(page)).found
                found["stored"] += len(page)
                for digest, some in page.items():
                    if digest in waiting:
                        continue
                    if digest not in cached:
                        found["missing"] += 1
                    elif sorted(cached[digest]) != sorted(_ENTRY.decode(one) for one in some):
                        found["different"] += 1
        return found

    def run(self, stop: threading.Event) -> None:
        """Feed until stopped; rebuild what was lost. Without a cache, only wait."""
        pruned = 0.0
        while not stop.is_set():
            self._signals.alive()
            if self._cache is None:
                stop.wait(FEED_SECONDS)
                continue
            try:
                complete = self.feed()
                if not complete:
                    self._signals.log("cache.incomplete")
                    self.rebuild(lambda _: self._signals.alive())
                    complete = True
                self._back()
                pruned += FEED_SECONDS
                if pruned >= PRUNE_SECONDS:
                    pruned = 0.0
                    self._needed().prune(self._clock.now().date().isoformat())
            except ExpungeError as error:
                complete = False
                self._away(error)
            self._signals.gauge("expunge_cache_complete", 1.0 if complete else 0.0)
            stop.wait(FEED_SECONDS)

    def _needed(self) -> SuppressionCache:
        if self._cache is None:
            raise LookupError("no cache is configured")
        return self._cache

    def _token(self) -> str:
        return self._chance(12).hex()

    def _away(self, error: ExpungeError) -> None:
        self._signals.count("expunge_cache_failures_total")
        if self._reachable:
            self._reachable = False
            self._signals.log("cache.unreachable", error=error)

    def _back(self) -> None:
        if not self._reachable:
            self._reachable = True
            self._signals.log("cache.reachable")
