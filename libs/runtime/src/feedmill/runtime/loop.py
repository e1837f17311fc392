"""The consumer loop: assignment -> poll -> process -> idle, until told to stop; then drain.

A processor owns what a batch means. The loop owns patience: when a step raises Transient it pauses the partitions,
keeps polling (the membership lives on) and tries the same step again, until it succeeds or the assignment changes.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from feedmill.runtime import metrics
from feedmill.runtime.deadline import Deadline
from feedmill.runtime.health import Health
from feedmill.runtime.kafka import Consumer
from feedmill.runtime.outcome import Fatal, Overtaken, Record, TopicPartition, Transient

log = logging.getLogger("feedmill.loop")

_topic = attrgetter("topic")
LAG_INTERVAL_S = 1.0
"""How often the metric is renewed."""


class LoopSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    max_records: int = Field(default=2_000, ge=1, description="records a batch may hold")
    poll_timeout_ms: int = Field(default=100, ge=1)
    spacing_ms: int = Field(
        default=5, ge=0, le=1_000, description="least time from the begin of a batch that is not full to the next one's"
    )
    retry_initial_ms: int = Field(default=20, ge=1)
    retry_max_ms: int = Field(default=1_000, ge=1)
    drain_timeout_ms: int = Field(default=8_000, ge=100, description="from SIGTERM to the end, at most")


class Processor(Protocol):
    """What a service does with its records. Called from the loop's thread only."""

    def assigned(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        """The next offset to read of each partition. Called again (same or other partitions) whenever starts change."""

    def revoked(self) -> None:
        """Every partition is gone: forget what is not finished. May still commit; must not raise for being refused."""

    def process(self, records: Sequence[Record]) -> None:
        """Take a whole batch. After Transient it is called again with the very same list; so it must be repeatable."""

    def idle(self) -> None:
        """Called each turn, also without records: time-based work. May raise Transient."""

    def drain(self, deadline: Deadline) -> None:
        """Finish what was taken, commit it. Raises Transient or Fatal where that is not possible in time."""


class _Abandoned(Exception):
    """The assignment changed while a batch waited: it belongs to the next owner now."""


@dataclass(slots=True)
class Loop:
    consumer: Consumer
    processor: Processor
    stop: threading.Event
    settings: LoopSettings
    health: Health
    """Told of each turn (liveness is progress) and of the broker."""
    _next_batch_at_s: float = 0.0
    _lag_shown_at_s: float = 0.0
    _lag_shown: frozenset[TopicPartition] = field(default=frozenset())

    def run(self) -> None:
        """Until `stop` is set; then drains within its deadline. Raises Fatal."""
        while not self.stop.is_set():
            try:
                self._turn()
            except _Abandoned:
                log.info("batch given up: the assignment changed")
            except Overtaken as reason:
                log.warning("starting again from what is stored: %s", reason)
                self.consumer.hold()
            self._tell()
        self.health.drain()
        self._drain()

    def _tell(self) -> None:
        self.health.progressed()
        self.health.report("kafka", up=self.consumer.joined and self.consumer.available)
        if time.monotonic() - self._lag_shown_at_s > LAG_INTERVAL_S:
            self._lag_shown_at_s = time.monotonic()
            self._show_lag()

    def _show_lag(self) -> None:
        lag = self.consumer.lag()
        for partition in self._lag_shown | lag.keys():  # what is another's now is no lag of ours
            metrics.LAG_RECORDS.at(partition.topic, str(partition.partition)).set(lag.get(partition, 0))
        self._lag_shown = frozenset(lag)

    def _turn(self) -> None:
        if self.consumer.waiting_to_start:
            self._patiently("start", self._start)
        self.stop.wait(max(0.0, self._next_batch_at_s - time.monotonic()))
        records = self._poll(self.settings.max_records, self.settings.poll_timeout_ms / 1_000)
        if records:
            full = len(records) == self.settings.max_records
            self._next_batch_at_s = time.monotonic() + (0.0 if full else self.settings.spacing_ms / 1_000)
            self._count(records)
            with metrics.BATCH_DURATION.at("process").time():
                self._patiently("process", partial(self.processor.process, records))
        self._patiently("finish", self.processor.idle)

    def _count(self, records: Sequence[Record]) -> None:
        metrics.BATCH_RECORDS.at("poll").observe(len(records))
        for topic, number in Counter(map(_topic, records)).items():
            metrics.RECORDS_READ.at(topic).inc(number)

    def _start(self) -> None:
        self.consumer.start(self.processor.assigned(self.consumer.assignment))

    def _poll(self, max_records: int, timeout_s: float) -> list[Record]:
        try:
            return self.consumer.poll(max_records, timeout_s)
        except Transient as reason:
            log.warning("poll: %s", reason)
            return []

    def _patiently(self, name: str, step: Callable[[], None]) -> None:
        """Repeat `step` on Transient while polling paused partitions. Raises _Abandoned, Overtaken, Fatal."""
        generation = self.consumer.generation
        wait_ms = self.settings.retry_initial_ms
        paused = False
        try:
            while True:
                try:
                    return step()
                except Transient as reason:
                    metrics.STEP_RETRIES.at(name).inc()
                    log.warning("waiting to %s: %s", name, reason)
                if self.stop.is_set():
                    raise _Abandoned
                paused = paused or self._pause()
                self._keep_alive(wait_ms, generation)
                wait_ms = min(self.settings.retry_max_ms, wait_ms * 2)
        finally:
            if paused and not self.consumer.waiting_to_start and self.consumer.generation == generation:
                self.consumer.resume()

    def _pause(self) -> bool:
        self.consumer.pause()
        return True

    def _keep_alive(self, wait_ms: float, generation: int) -> None:
        wait_s = wait_ms * random.uniform(0.5, 1.0) / 1_000  # noqa: S311 (jitter)
        came_through = self._poll(1, wait_s)
        self._tell()
        if self.consumer.generation != generation:
            raise _Abandoned
        if came_through:
            raise Overtaken("a record came through the pause")

    def _drain(self) -> None:
        deadline = Deadline(self.settings.drain_timeout_ms / 1_000)
        while True:
            try:
                return self.processor.drain(deadline)
            except Transient as reason:
                if deadline.passed:
                    raise Fatal(f"could not drain within {self.settings.drain_timeout_ms} ms: {reason}") from reason
            except Overtaken:
                return
