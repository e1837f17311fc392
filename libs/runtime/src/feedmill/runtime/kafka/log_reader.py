"""Reading the log outside any group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer as _Consumer
from confluent_kafka import KafkaException
from confluent_kafka import TopicPartition as _TopicPartition

from feedmill.runtime.deadline import Deadline
from feedmill.runtime.kafka.client import (
    FETCH_BACKOFF_MS,
    FETCH_MAX_BYTES,
    FETCH_PARTITION_BYTES,
    FatalErrors,
    client_config,
    raised,
    raised_from,
    record_of,
)
from feedmill.runtime.outcome import Record, TopicPartition, Transient
from feedmill.runtime.settings import KafkaSettings


class LogReader:
    """Reads the log outside any group: ends, ranges and tails. Not thread-safe; use as a context manager."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._errors = FatalErrors()
        self._consumer = _Consumer(
            client_config(
                settings,
                **{
                    "group.id": "feedmill-log-reader",  # demanded by the client, never joined
                    "enable.auto.commit": False,
                    "auto.offset.reset": "earliest",
                    "fetch.message.max.bytes": FETCH_PARTITION_BYTES,
                    "fetch.max.bytes": FETCH_MAX_BYTES,
                    "fetch.queue.backoff.ms": FETCH_BACKOFF_MS,
                    "queued.min.messages": 5_000,
                    "queued.max.messages.kbytes": 8_192,
                    "error_cb": self._errors,
                },
            )
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ends(self, partition: TopicPartition, timeout_s: float = 5) -> tuple[int, int]:
        """First offset kept and the offset the next record will get."""
        try:
            low, high = self._consumer.get_watermark_offsets(
                _TopicPartition(partition.topic, partition.partition), timeout=timeout_s
            )
        except KafkaException as exception:
            raise raised_from(exception) from exception
        return int(low), int(high)

    def offsets_at(
        self, partitions: Sequence[TopicPartition], time_ms: int, timeout_s: float = 10
    ) -> dict[TopicPartition, int]:
        """The first offset appended at or after the time (ms since 1970); the partition's end where there is none."""
        asked = [_TopicPartition(tp.topic, tp.partition, time_ms) for tp in partitions]
        try:
            found = self._consumer.offsets_for_times(asked, timeout=timeout_s)
        except KafkaException as exception:
            raise raised_from(exception) from exception
        offsets = {}
        for partition in found:
            if partition.error is not None:
                raise raised(partition.error)
            place = TopicPartition(partition.topic, partition.partition)
            offsets[place] = partition.offset if partition.offset >= 0 else self.ends(place, timeout_s)[1]
        return offsets

    def read(self, ranges: Mapping[TopicPartition, tuple[int, int]], deadline: Deadline) -> Iterator[Record]:
        """Every record of the half-open ranges, per partition in order. Raises Transient at the deadline."""
        open_ranges = {tp: bounds for tp, bounds in ranges.items() if bounds[0] < bounds[1]}
        if not open_ranges:
            return
        self._consumer.assign([_TopicPartition(tp.topic, tp.partition, low) for tp, (low, _) in open_ranges.items()])
        try:
            while open_ranges:
                self._errors.check()
                if deadline.passed:
                    raise Transient(f"kafka: reading {len(open_ranges)} partitions took longer than allowed")
                for message in self._consumer.consume(1_000, deadline.slice_s(0.05)):
                    if message.error() is not None:
                        raise raised(message.error())
                    partition = TopicPartition(message.topic(), message.partition())
                    bounds = open_ranges.get(partition)
                    if bounds is None:
                        continue
                    if message.offset() < bounds[1]:
                        yield record_of(message)
                    if message.offset() >= bounds[1] - 1:
                        del open_ranges[partition]
        except KafkaException as exception:
            raise raised_from(exception) from exception
        finally:
            self._consumer.unassign()

    def tail(self, partition: TopicPartition, records: int, deadline: Deadline) -> list[Record]:
        """The last `records` of the partition, oldest first."""
        low, high = self.ends(partition, deadline.slice_s(5))
        return list(self.read({partition: (max(low, high - records), high)}, deadline))

    def close(self) -> None:
        self._consumer.close()
