"""The product's consumer loop around a processor, until a number of records has gone through, timed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing

from feedmill.runtime.deadline import Deadline
from feedmill.runtime.health import Health
from feedmill.runtime.kafka import Consumer, GroupSettings
from feedmill.runtime.loop import Loop, LoopSettings, Processor
from feedmill.runtime.outcome import Record, TopicPartition
from feedmill.runtime.settings import KafkaSettings

MakeProcessor = Callable[[Callable[[], Consumer]], Processor]
"""Given what will be its consumer, the processor."""


class Timed:
    """A processor with a clock, from the starting offsets known to the last record done."""

    def __init__(self, inner: Processor, count: int, stop: threading.Event) -> None:
        self._inner = inner
        self._left = count
        self._stop = stop
        self._started_s = 0.0
        self.took_s = 0.0

    def assigned(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        starts = self._inner.assigned(partitions)
        self._started_s = time.perf_counter()
        return starts

    def process(self, records: Sequence[Record]) -> None:
        self._inner.process(records)
        self._left -= len(records)
        if self._left <= 0:
            self._stop.set()

    def idle(self) -> None:
        self._inner.idle()

    def revoked(self) -> None:
        self._inner.revoked()

    def drain(self, deadline: Deadline) -> None:
        self._inner.drain(deadline)
        self.took_s = time.perf_counter() - self._started_s


def seconds(
    kafka: KafkaSettings,
    group: str,
    topic: str,
    count: int,
    make: MakeProcessor,
    loop: LoopSettings = LoopSettings(),  # noqa: B008 (frozen)
    *,
    gather_ms: int = 0,
) -> float:
    """How long the product took for `count` records of the topic, group and settings as in the service."""
    stop = threading.Event()
    processor = make(lambda: consumer)
    timed = Timed(processor, count, stop)
    settings = GroupSettings()
    revoked = processor.revoked
    with closing(Consumer(kafka, group, [topic], settings, on_revoked=revoked, gather_ms=gather_ms)) as consumer:
        Loop(consumer, timed, stop, loop, Health("bench")).run()
    return timed.took_s
