"""Batches of 500 over HTTP, one worker, every event judged and acknowledged, beside the Python client's `produce`."""

from __future__ import annotations

import itertools
import json
import random
import time
from statistics import median

from bench import client, doors, kafka_side
from bench.client import PLACE, Load
from bench.harness import Figure, Plan, Told, at_least, interleave
from bench.records import raws
from bench.topics import make_topic
from feedmill.contracts.topics import ACTIVITY_PUBLISHED
from feedmill.testkit.platform import Platform

BATCH = 500
CONNECTIONS = 8
SECONDS = 4.0
WARM_SECONDS = 12.0
"""A broker compiles what it does most in its first half minute: up to a core that it never takes again."""
RECORDS = 300_000
PLAIN = "bench.produced"
MIX = ("post", "like", "share", "comment", "follow")
WEIGHTS = (40, 35, 10, 10, 5)


def batches(key: str, seed: int, count: int = 20, size: int = BATCH) -> list[bytes]:
    """Requests of `size` events each, in the mix of verbs of the other benches."""
    rng = random.Random(seed)
    requests = []
    for _ in range(count):
        events = [
            doors.event(rng.choices(MIX, WEIGHTS)[0], rng.randint(1, 5_000), f"{seed}-{PLACE.decode()}-{n}", rng)
            for n in range(size)
        ]
        body = json.dumps(events, separators=(",", ":")).encode()
        requests.append(client.request("POST", "/v1/events", key, body))
    return requests


def produce(bootstrap_servers: str, count: int) -> float:
    """Records a second, from the first `produce` to the last acknowledgement; the records are made beforehand."""
    records = list(raws(count, 1))
    failed: list[object] = []
    producer = kafka_side.producer(
        bootstrap_servers, **{"linger.ms": 0.5}, on_delivery=lambda error, _: failed.append(error) if error else None
    )
    began_s = time.perf_counter()
    for _, key, value, headers, _ in records:
        while True:
            try:
                producer.produce(PLAIN, value, key, headers=headers)
                break
            except BufferError:
                producer.poll(0.05)
    left = producer.flush(60)
    took_s = time.perf_counter() - began_s
    assert not left, "not acknowledged in time"
    assert not failed, failed[0]
    return count / took_s


def run(platform: Platform, plan: Plan, told: Told) -> list[Figure]:
    kafka = platform.connections.kafka
    make_topic(kafka, PLAIN, ACTIVITY_PUBLISHED.partitions)
    count = plan.records(RECORDS, at_least=50_000)
    with doors.door(platform) as door:
        key = doors.service_key(platform)
        seeds = itertools.count(1)

        def load(seconds: float = SECONDS) -> float:
            requests = batches(key, next(seeds))
            answered = door.take(Load(door.port, requests, CONNECTIONS, plan.seconds(seconds)), BATCH)
            return answered.per_s * BATCH

        told("warm-up of the broker")
        load(WARM_SECONDS)
        taken = interleave({"door": load, "produce": lambda: produce(kafka, count)}, plan, told)
    cpu_us = f"{median(door.cpu_us):.1f} µs beside {taken['produce'].cpu_us(count):.1f} µs"
    return [
        Figure(
            "ingest-batch",
            f"batches of {BATCH}, {CONNECTIONS} connections, 1 worker",
            "events/s",
            taken["door"].values,
            taken["produce"].values,
            "records/s of Python `produce` with the same keys and headers",
            at_least(0.3, floor=0.06),
            notes=f"the door's processor an event {cpu_us}",
        )
    ]
