"""First pages with the cache and without: hot readers, so that nearly every page is a hit; and what a miss costs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import psycopg2
import uvloop

from bench import client, doors
from bench.client import Load
from bench.doors import Door
from bench.feeds.apis import an_api
from bench.feeds.pages import BUSY, CONNECTIONS, SECONDS
from bench.feeds.world import Network, build
from bench.harness import Figure, Plan, Told, interleave, quantile
from feedmill.api.cache import Cache
from feedmill.api.main import POINT_LOOKUPS
from feedmill.api.queries.profile import exists
from feedmill.api.settings import CacheSettings
from feedmill.runtime.health import Health
from feedmill.runtime.postgres import Postgres
from feedmill.runtime.settings import PostgresSettings
from feedmill.testkit.platform import Platform
from feedmill.testkit.redis import start_redis
from feedmill.testkit.running import Bench

RATE = 300.0
"""Pages a second of the open loop: what one core takes with ease."""
HOT = Network(authors=400, posts=25, readers=200, follows=20)
PULLED = replace(BUSY, readers=100)
URL, TTL = "FEEDMILL_API__CACHE__URL", "FEEDMILL_API__CACHE__PAGE_TTL_S"
EXISTS_TASKS, EXISTS_CALLS = 16, 500


@dataclass(slots=True)
class Case:
    """An api, whose feeds are asked, and what came of it."""

    door: Door
    requests: Sequence[bytes]
    rate: float | None = None
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)

    def take(self, plan: Plan) -> float:
        answered = self.door.take(Load(self.door.port, self.requests, CONNECTIONS, plan.seconds(SECONDS), self.rate))
        self.p50_ms.append(quantile(answered.latencies_ms, 0.50))
        self.p99_ms.append(quantile(answered.latencies_ms, 0.99))
        return answered.per_s

    def latency_ms(self, share: int) -> list[float]:
        """Round by round, without the one that warms up."""
        return (self.p50_ms if share == 50 else self.p99_ms)[1:]


def run(platform: Platform, plan: Plan, told: Told) -> list[Figure]:
    told("writing feeds")
    dsn = platform.connections.postgres
    build(dsn, HOT)
    build(dsn, PULLED)
    _pull(dsn)
    key = doors.service_key(platform)
    hot, pulled = _requests(HOT, key), _requests(PULLED, key)
    with Bench() as bench:
        url = start_redis(bench).url
        with (
            an_api(platform, "off", {}) as off,
            an_api(platform, "on", {URL: url, TTL: "30"}) as on,
            an_api(platform, "missing", {URL: url, TTL: "0.05"}) as missing,
        ):
            cases = {
                "off": Case(off, hot), "on": Case(on, hot), "missing": Case(missing, hot),
                "pulled, off": Case(off, pulled), "pulled, on": Case(on, pulled),
                "steady, off": Case(off, hot, RATE), "steady, on": Case(on, hot, RATE),
            }  # fmt: skip
            taken = interleave({name: partial(case.take, plan) for name, case in cases.items()}, plan, told)
        asked = interleave(
            {"postgres": lambda: _run(_postgres_us(dsn)), "redis": lambda: _run(_redis_us(url))},
            plan, told,
        )  # fmt: skip
    rates = {name: taken[name].values for name in cases}
    steady = {name: cases[f"steady, {name}"] for name in ("on", "off")}
    return [
        Figure(
            "cache", "hot first pages, 20 follows, pushed, cache on", "req/s", rates["on"], rates["off"], "req/s off",
        ),
        Figure(
            "cache", "hot first pages, 200 follows, pulled, cache on", "req/s", rates["pulled, on"],
            rates["pulled, off"], "req/s off",
        ),
        Figure("cache", "pushed, every page a miss", "req/s", rates["missing"], rates["off"], "req/s off"),
        *(
            Figure("cache", f"{RATE:,.0f} pages/s, pushed, cache on, p{share}", "ms", steady["on"].latency_ms(share),
                   steady["off"].latency_ms(share), "ms off")
            for share in (50, 99)
        ),
        Figure("cache", "a user exists, by Redis", "µs", asked["redis"].values, asked["postgres"].values,
               "µs by Postgres's index; both of this process's time, 16 at once"),
    ]  # fmt: skip


def _run(measured: Coroutine[Any, Any, float]) -> float:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(measured)


def _pull(dsn: str) -> None:
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        between = (PULLED.first_reader, PULLED.first_reader + PULLED.readers - 1)
        cursor.execute("UPDATE follow_edge SET push = 0 WHERE follower_id BETWEEN %s AND %s", between)
        cursor.execute("DELETE FROM home_feed WHERE reader_id BETWEEN %s AND %s", between)
        cursor.execute("DELETE FROM feed_reader WHERE reader_id BETWEEN %s AND %s", between)


def _requests(network: Network, key: str) -> list[bytes]:
    return [client.request("GET", f"/v1/users/{reader}/feed", key) for reader in network.reader_ids()]


async def _postgres_us(dsn: str) -> float:
    settings = PostgresSettings.model_validate({"dsn": dsn})
    async with Postgres(settings, Health("bench"), application="bench", session=POINT_LOOKUPS) as postgres:
        return await _each_us(lambda: exists(postgres, HOT.first_reader))


async def _redis_us(url: str) -> float:
    cache = Cache(CacheSettings.model_validate({"url": url, "timeout_ms": 1_000}))
    await cache.put("feedmill:user:1", b"1", 60_000)
    try:
        return await _each_us(lambda: cache.get("feedmill:user:1"))
    finally:
        await cache.close()


async def _each_us(ask: Callable[[], Awaitable[object]]) -> float:
    async def many() -> None:
        for _ in range(EXISTS_CALLS):
            assert await ask()

    began_s = time.perf_counter()
    await asyncio.gather(*(many() for _ in range(EXISTS_TASKS)))
    return (time.perf_counter() - began_s) / (EXISTS_TASKS * EXISTS_CALLS) * 1e6
