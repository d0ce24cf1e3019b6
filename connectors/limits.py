"""How fast a system may be worked on: ``rate = "50/second"``, tasks of all its workers together.

What is left is counted in Redis, which may be flushed or away at any moment (I10). Flushed, counting begins anew. Away,
each worker keeps to its own share of the rate, as large as its share of the partitions: together they are never faster
than the system was promised, only slower. It says so, and tries Redis again. Nobody waits for ever: a count that gives
nothing for several periods is not believed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from connectors.errors import MisconfiguredError
from connectors.pace import Bucket, Rate
from connectors.signals import SILENT, Signals

if TYPE_CHECKING:
    from limits.strategies import RateLimiter

_PREFIX: Final = "expunge:rate"
_TRY_AGAIN: Final = 5.0
"""Seconds after which Redis is asked again."""
_PATIENCE: Final = 4
"""Periods without a single task after which the shared count is not believed: it may lie, and nobody else tells."""
_LEAST_PATIENCE: Final = 10.0


class Limiter:
    """One system's rate, shared by its workers where there is a Redis. For one thread at a time."""

    def __init__(
        self,
        system: str,
        rate: Rate,
        *,
        redis_url: str = "",
        timeout_ms: int = 500,
        signals: Signals = SILENT,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; nothing is opened yet.

        Raises:
            MisconfiguredError: the libraries are not installed, or the URL is none.
        """
        self._system = system
        self._rate = rate
        self._signals = signals
        self._monotonic = monotonic
        self._own = Bucket(rate, monotonic)
        self._strategy = _shared(redis_url, timeout_ms) if redis_url else None
        self._away_until = float("-inf")
        self._dry_since: float | None = None
        self._degraded = False

    def grant(self, most: int, share: float) -> int:
        """Give how many tasks may be carried out now; never waits longer than one call of Redis.

        Args:
            most: At most so many.
            share: What part of the rate is ours where the others cannot be asked, 0 to 1.

        Returns:
            0 to ``most``; these count as carried out. After 0, ask again a little later.
        """
        now = self._monotonic()
        if self._strategy is not None and now >= self._away_until:
            granted = self._ask(most, now)
            if granted is not None:
                return granted
            self._away_until = now + _TRY_AGAIN
        if self._strategy is not None:
            self._signals.count("expunge_rate_degraded_total", system=self._system)
        return self._own.grant(most, share)

    def waited(self, seconds: float) -> None:
        """Note that the rate made a worker wait."""
        self._signals.count("expunge_rate_waits_total", system=self._system)
        self._signals.log("rate.waited", system=self._system, seconds=seconds)

    def _ask(self, most: int, now: float) -> int | None:
        """Ask Redis; None where it cannot be asked, or cannot be believed."""
        from limits import RateLimitItemPerSecond

        if self._strategy is None:
            return None
        item = RateLimitItemPerSecond(self._rate.amount, self._rate.seconds)
        try:
            left = self._strategy.get_window_stats(item, self._system).remaining
            wanted = min(most, left, self._rate.amount)
            granted = wanted if wanted > 0 and self._strategy.hit(item, self._system, cost=wanted) else 0
        except Exception as error:  # noqa: BLE001 - whatever a cache says or does, work goes on without it (I10)
            self._degrade(error)
            return None
        if granted:
            self._dry_since = None
            self._degraded = False
            return granted
        self._dry_since = now if self._dry_since is None else self._dry_since
        if now - self._dry_since > max(_LEAST_PATIENCE, _PATIENCE * self._rate.seconds):
            self._dry_since = None
            self._degrade(None)
            return None
        return 0

    def _degrade(self, error: Exception | None) -> None:
        if not self._degraded:
            self._degraded = True
            self._signals.log("rate.degraded", system=self._system, error=error)


def _shared(url: str, timeout_ms: int) -> RateLimiter:
    try:
        from limits.storage import RedisStorage
        from limits.strategies import SlidingWindowCounterRateLimiter
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError:
        fix = "install expunge[distributed]"
        raise MisconfiguredError("rate", "redis or limits is not installed", fix=fix) from None
    seconds = timeout_ms / 1000
    options: dict[str, object] = {
        "socket_timeout": seconds, "socket_connect_timeout": seconds, "retry": Retry(NoBackoff(), 0), "protocol": 2,
    }  # fmt: skip
    try:
        return SlidingWindowCounterRateLimiter(RedisStorage(url, key_prefix=_PREFIX, **options))  # type: ignore[arg-type]  # passed on as they are
    except ValueError:
        # Its message may quote the URL, and that a password.
        fix = "redis://host:6379/0"
        raise MisconfiguredError("rate", "[redis] url is not the URL of a Redis", fix=fix) from None
