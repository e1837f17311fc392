"""Enriched records as the product's own pipeline makes them, in the topic and in memory."""

from __future__ import annotations

import time
from collections import Counter

from bench import kafka_side
from bench.records import raws
from feedmill.contracts.topics import ACTIVITY_ENRICHED, ACTIVITY_PUBLISHED
from feedmill.enricher.lane import Lane
from feedmill.enricher.memory import SeenIds
from feedmill.enricher.pipeline import Pipeline
from feedmill.runtime.outcome import Record, TopicPartition


class EnrichedLog:
    """Every call of `more` goes on where the last one ended: no repeats, no holes."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._pipeline = Pipeline()
        partitions = [TopicPartition(ACTIVITY_PUBLISHED.name, p) for p in range(ACTIVITY_PUBLISHED.partitions)]
        self._lanes = {tp: Lane(tp, SeenIds(1)) for tp in partitions}
        self._raw_ends: Counter[int] = Counter()
        self._ends: Counter[int] = Counter()
        self._seed = 0

    @property
    def starts(self) -> list[int]:
        """The next offset of each partition of the enriched topic."""
        return [self._ends[p] for p in range(ACTIVITY_ENRICHED.partitions)]

    def more(self, count: int) -> list[Record]:
        """Appends them to the topic, and returns them as a consumer will get them, partitions mixed."""
        self._seed += 1
        outgoing, rejected = self._pipeline(self._lanes, [self._raw(raw) for raw in raws(count, self._seed)])
        assert not rejected, rejected[0].rejected
        kafka_side.fill(self._bootstrap_servers, ACTIVITY_ENRICHED.name, outgoing)
        return [self._read(message) for message in outgoing]

    def _raw(self, raw: kafka_side.Outgoing) -> Record:
        _, key, value, headers, _ = raw
        partition = int(key or b"0") % ACTIVITY_PUBLISHED.partitions
        offset = self._raw_ends[partition]
        self._raw_ends[partition] += 1
        return Record(ACTIVITY_PUBLISHED.name, partition, offset, _now_ms(), key, value, headers)

    def _read(self, message: kafka_side.Outgoing) -> Record:
        topic, key, value, headers, partition = message
        offset = self._ends[partition]
        self._ends[partition] += 1
        return Record(topic, partition, offset, _now_ms(), key, value, headers)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
