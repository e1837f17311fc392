"""The pipelines' producer: acknowledged by all, idempotent, without holes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import Producer as _Producer

from feedmill.runtime.failpoints import Guard, guarded
from feedmill.runtime.kafka.client import FatalErrors, Headers, client_config, raised_from
from feedmill.runtime.outcome import Fatal, Transient
from feedmill.runtime.settings import KafkaSettings

LINGER_MS = 5.0
"""Every batch ends with a flush, which waits for no linger; till then it makes requests large: half as many."""
NAIVE_TIMEOUT_MS = 3_000
"""With the guard against holes off: a record is given up after this, and nobody looks."""


class Producer:
    """Acknowledged by all in-sync replicas, idempotent, for pipelines.

    With `gapless` a record is never given up and a later one never lands past a failed one: any failure is Fatal.
    """

    def __init__(self, settings: KafkaSettings, *, gapless: bool, linger_ms: float = LINGER_MS) -> None:
        self._errors = FatalErrors()
        self._failed: KafkaError | None = None
        self._looks = not gapless or guarded(Guard.NO_HOLES)
        gapless = gapless and self._looks
        self._producer = _Producer(
            client_config(
                settings,
                **{
                    "acks": "all",
                    "enable.idempotence": True,
                    "enable.gapless.guarantee": gapless,
                    "message.timeout.ms": 0 if gapless else 30_000 if self._looks else NAIVE_TIMEOUT_MS,
                    "linger.ms": linger_ms,
                    "compression.type": "lz4",
                    "message.max.bytes": 2_097_152,
                    "queue.buffering.max.messages": 200_000,
                    "queue.buffering.max.kbytes": 131_072,
                    "error_cb": self._errors,
                    "on_delivery": self._delivered,
                    "delivery.report.only.error": True,  # who waits, waits for all: `flush`
                },
            )
        )

    def _delivered(self, error: KafkaError, _message: Any) -> None:
        if self._looks:
            self._failed = self._failed or error

    def send(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers, partition: int = -1) -> None:
        """Queue one record; `flush` says when it is kept. A full queue makes this wait, never drop."""
        while True:
            try:
                self._producer.produce(topic, value, key, partition, headers=headers)
                return
            except BufferError:
                self._producer.poll(0.05)
                self._check()
            except KafkaException as exception:
                raise raised_from(exception) from exception

    def send_many(self, messages: Sequence[tuple[str, bytes | None, bytes | None, Headers, int]]) -> None:
        """Queue all of them, in their order, as `send` does."""
        produce = self._producer.produce
        for topic, key, value, headers, partition in messages:
            try:
                produce(topic, value, key, partition, None, None, 0, headers)  # by place: names cost a dict each
            except (BufferError, KafkaException):
                self.send(topic, key, value, headers, partition)

    def serve(self) -> None:
        """Handle delivery reports without waiting."""
        self._producer.poll(0)
        self._check()

    def flush(self, timeout_s: float) -> None:
        """Returns once every record sent is acknowledged. Raises Transient when that takes longer, Fatal on a loss."""
        left = self._producer.flush(timeout_s)
        self._check()
        if left:
            raise Transient(f"kafka: {left} records not acknowledged within {timeout_s} s")

    def _check(self) -> None:
        self._errors.check()
        if self._failed is not None:
            raise Fatal(f"kafka: a record could not be delivered: {self._failed.str()}")

    def purge(self) -> None:
        """Give up what is not acknowledged yet: the caller commits nothing more and ends."""
        self._producer.purge()
        self._producer.flush(1)

    def close(self) -> None:
        """Purges what was not flushed: a clean end flushes first."""
        self.purge()
