"""One event a request, key checked, acknowledgement awaited, beside the same route without Kafka."""

from __future__ import annotations

import itertools
from statistics import median

from bench import doors
from bench.client import Answered, Load
from bench.doors import Door
from bench.harness import Figure, Plan, Told, at_least, at_most, interleave, quantile
from feedmill.testkit.platform import Platform

CONNECTIONS = 32
SECONDS = 5.0
WARM_S = 5.0
"""A broker compiles in its first seconds what it is asked for often: half a short run's rounds would be that."""
RATE = 2_000.0
OPEN_CONNECTIONS = 64


def run(platform: Platform, plan: Plan, told: Told) -> list[Figure]:
    with doors.door(platform) as with_log, doors.door_without_log(platform) as without_log:
        key = doors.service_key(platform)
        seeds = itertools.count(1)

        def load(door: Door, rate: float | None = None, seconds: float = plan.seconds(SECONDS)) -> Answered:
            requests = doors.single_requests(key, next(seeds))
            connections = OPEN_CONNECTIONS if rate else CONNECTIONS
            return door.take(Load(door.port, requests, connections, seconds, rate))

        told("warm-up")
        load(with_log, seconds=WARM_S)
        taken = interleave(
            {"with Kafka": lambda: load(with_log).per_s, "without": lambda: load(without_log).per_s}, plan, told
        )
        cpu_us = f"{median(with_log.cpu_us):.0f} µs beside {median(without_log.cpu_us):.0f} µs"
        told(f"open loop at {RATE:,.0f} events/s")
        timed = [load(with_log, RATE) for _ in range(plan.rounds)]
    return [
        Figure(
            "ingest-single",
            f"{CONNECTIONS} connections, a post a request",
            "requests/s",
            taken["with Kafka"].values,
            taken["without"].values,
            "requests/s of the same route without Kafka",
            at_least(0.7, floor=0.4),
            notes=f"the door's processor a request {cpu_us}",
        ),
        *_latencies(timed),
    ]


def _latencies(timed: list[Answered]) -> list[Figure]:
    p50 = [quantile(one.latencies_ms, 0.50) for one in timed]
    p99 = [quantile(one.latencies_ms, 0.99) for one in timed]
    late = sum(one.unanswered for one in timed)
    notes = f"{sum(one.ok for one in timed):,} answers, {late} not within 5 s; highest {_highest(timed):.0f} ms"
    what = f"open loop, {RATE:,.0f} events/s: answered with ack"
    return [
        Figure("ingest-single", f"{what}, p50", "ms", p50),
        Figure("ingest-single", f"{what}, p99", "ms", p99, goal=at_most(10.0), notes=notes),
    ]


def _highest(timed: list[Answered]) -> float:
    return median(max(one.latencies_ms) for one in timed)
