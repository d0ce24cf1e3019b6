"""Opens Redis, and turns its errors into ours. A call never takes longer than ``[redis] timeout_ms``."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from orchestrator.errors import DependencyError, UsageError
from orchestrator.settings.services import RedisSettings

if TYPE_CHECKING:
    from redis import Redis


def url_of(settings: RedisSettings) -> str:
    """Give the URL; empty where there is no Redis.

    Raises:
        UsageError: the environment variable that is named is not set.
    """
    if not settings.url_env:
        return settings.url
    url = os.environ.get(settings.url_env, "")
    if not url:
        raise UsageError(
            f"the environment variable {settings.url_env} is not set",
            where="[redis] url_env",
            fix=f"export {settings.url_env}=redis://:password@host:6379/0",
        )
    return url


def connect(settings: RedisSettings) -> Redis:
    """Give a client; nothing is opened yet.

    Raises:
        UsageError: no Redis is configured, the library is not installed, or the URL is none.
    """
    url = url_of(settings)
    if not url:
        raise UsageError(
            "no Redis is configured", where="[redis]", fix='url = "redis://host:6379/0" under [redis], or url_env'
        )
    try:
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError:
        raise UsageError("redis is not installed", fix="install expunge[distributed]") from None
    seconds = settings.timeout_ms / 1000
    try:
        return Redis.from_url(
            url,
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            decode_responses=False,
        )
    except ValueError:
        # Its message may quote the URL, and that a password.
        raise UsageError("not the URL of a Redis", where="[redis]", fix="redis://host:6379/0") from None


@contextlib.contextmanager
def friendly() -> Iterator[None]:
    """Turn Redis's errors into ours; never a key or a value.

    Raises:
        DependencyError: it cannot be reached, is loading, is full, or refuses us.
    """
    from redis import RedisError

    try:
        yield
    except RedisError as error:
        raise DependencyError(
            "Redis cannot be used",
            where="[redis]",
            why=type(error).__name__,
            fix="start it, or check [redis]; meanwhile the store is asked: slower, never wrong",
        ) from None
