"""Bytes by key in Redis (or Valkey), for a while. What cannot be had in time is not there: no read fails by it."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import MaxConnectionsError, RedisError

from feedmill.api.settings import CacheSettings
from feedmill.runtime import logs, metrics

ERRORS: Final = (RedisError, OSError, TimeoutError)
AWAY, SKIPPED = "away", "skipped"

log = logs.get("feedmill.cache")


class Cache:
    """With a circuit: after an error or a silence it is passed over for a while, then one caller tries it again.

    Not a dependency of the service's health, as everything works without it.
    """

    def __init__(self, settings: CacheSettings, clock_s: Callable[[], float] = monotonic) -> None:
        assert settings.url is not None
        self._redis = Redis.from_url(
            settings.url.get_secret_value(),
            retry=Retry(NoBackoff(), 0),
            max_connections=settings.connections,
            protocol=2,  # one round trip less to connect
            socket_timeout=None,  # the time of the whole call is bounded here
        )
        self._timeout_s = settings.timeout_ms / 1_000
        self._away_s = settings.away_ms / 1_000
        self._clock_s = clock_s
        self._up = True
        self._skipped_until_s = 0.0

    async def get(self, key: str) -> bytes | None:
        """None: not there, or it cannot be asked."""
        found = await self._asked(lambda: self._redis.get(key))
        return found if isinstance(found, bytes) else None

    async def put(self, key: str, value: bytes, ttl_ms: int) -> None:
        """Perhaps."""
        await self._asked(lambda: self._redis.set(key, value, px=ttl_ms))

    async def close(self) -> None:
        await self._redis.aclose()

    async def _asked(self, call: Callable[[], Awaitable[object]]) -> object:
        if not self._up:
            now_s = self._clock_s()
            if now_s < self._skipped_until_s:
                metrics.CACHE.at(SKIPPED).inc()
                return None
            self._skipped_until_s = now_s + self._away_s  # this caller tries, nobody else meanwhile
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await call()
        except MaxConnectionsError:
            metrics.CACHE.at(SKIPPED).inc()  # busy, not away
            return None
        except ERRORS as error:
            self._went(error)
            return None
        if not self._up:
            self._up = True
            log.info("cache_back")
        return answer

    def _went(self, error: Exception) -> None:
        metrics.CACHE.at(AWAY).inc()
        self._skipped_until_s = self._clock_s() + self._away_s
        if self._up:
            self._up = False
            log.warning("cache_away", reason=type(error).__name__)
