"""The enricher as it runs (group, memory, dead letters, commits) beside a plain loop over the same records."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any

import msgspec

from bench import in_loop, kafka_side
from bench.harness import Figure, Plan, Told, at_least, interleave
from bench.records import raws
from bench.topics import empty_log, make_topic
from feedmill.contracts.headers import CE_TYPE
from feedmill.contracts.topics import ACTIVITY_ENRICHED, ACTIVITY_PUBLISHED
from feedmill.contracts.verbs import VERBS
from feedmill.enricher.lane import Lane, lanes_from_tail
from feedmill.enricher.pipeline import Pipeline
from feedmill.enricher.processor import Enricher
from feedmill.enricher.settings import EnricherSettings
from feedmill.runtime.dead_letters import RejectLimit
from feedmill.runtime.kafka import Consumer, LogReader, Producer
from feedmill.runtime.outcome import TopicPartition
from feedmill.runtime.settings import KafkaSettings
from feedmill.testkit.platform import Platform

RECORDS = 120_000
PLAIN = "bench.plain"
"""Where the plain loop writes: a topic of its own, with as many partitions."""
GROUP = "bench-enricher"

_DECODERS = {verb.type.encode(): msgspec.json.Decoder(verb.struct) for verb in VERBS.values()}


def product(bootstrap_servers: str, count: int) -> float:
    """Records a second: read, decoded, told apart, enriched, written, acknowledged, committed."""
    settings = EnricherSettings(kafka=KafkaSettings(bootstrap_servers=bootstrap_servers))

    def lanes_of(partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, Lane]:
        with LogReader(settings.kafka) as reader:
            return lanes_from_tail(reader, partitions, settings.memory_ids_per_partition)

    with closing(Producer(settings.kafka, gapless=True)) as producer:

        def enricher(consumer: Callable[[], Consumer]) -> Enricher:
            return Enricher(
                consumer=consumer,
                producer=producer,
                pipeline=Pipeline(),
                lanes_of=lanes_of,
                commit_interval_ms=settings.commit_interval_ms,
                full_batch_records=settings.loop.max_records,
                reject_limit=RejectLimit(settings.max_rejects_in_a_row),
            )

        return count / in_loop.seconds(settings.kafka, GROUP, ACTIVITY_PUBLISHED.name, count, enricher, settings.loop)


def plain(bootstrap_servers: str, starts: list[int], count: int) -> float:
    """Records a second: consume, decode, produce to the same partition with the same headers, acknowledged."""
    producer = kafka_side.producer(bootstrap_servers)
    producer.list_topics(timeout=10)  # connected, as the product is when its clock starts
    decoders = _DECODERS
    with kafka_side.reader(bootstrap_servers) as reader:
        started_s = time.perf_counter()
        for messages in kafka_side.drain(reader, ACTIVITY_PUBLISHED.name, starts, count):
            for message in messages:
                headers: list[Any] = message.headers()
                value = message.value()
                decoders[dict(headers)[CE_TYPE]].decode(value)
                producer.produce(PLAIN, value, message.key(), message.partition(), headers=headers)
            producer.poll(0)
        assert producer.flush(60) == 0, "not acknowledged in time"
        return count / (time.perf_counter() - started_s)


def run(platform: Platform, plan: Plan, told: Told) -> list[Figure]:
    kafka = platform.connections.kafka
    empty_log(kafka)
    make_topic(kafka, PLAIN, ACTIVITY_ENRICHED.partitions)
    count = plan.records(RECORDS, at_least=20_000)
    seeds = itertools.count(1)
    starts: list[int] = []

    def product_case() -> float:
        return product(kafka, count)

    def plain_case() -> float:
        return plain(kafka, starts, count)

    def prepare() -> None:
        starts[:] = kafka_side.ends(kafka, ACTIVITY_PUBLISHED.name, ACTIVITY_PUBLISHED.partitions)
        kafka_side.fill(kafka, ACTIVITY_PUBLISHED.name, raws(count, next(seeds)))

    taken = interleave({"enricher": product_case, "plain loop": plain_case}, plan, told, prepare)
    ours, others = taken["enricher"], taken["plain loop"]
    return [
        Figure(
            "enricher",
            f"{count:,} records, a mix of verbs",
            "records/s",
            ours.values,
            others.values,
            "records/s consume → decode → produce",
            at_least(0.5, floor=0.1),
            notes=f"processor a record {ours.cpu_us(count):.1f} µs beside {others.cpu_us(count):.1f} µs",
        )
    ]
