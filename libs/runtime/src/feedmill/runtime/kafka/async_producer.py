"""The door's producer: many requests wait for the acknowledgement of their records on one event loop.

The loop itself serves delivery reports, each millisecond while some are due and whenever it sends: a thread for them
would take the interpreter's lock once a record, from the very loop that the answers wait for. A batch has one future,
whatever its size. Large batches go by a client of their own, which waits longer for more to send at once: in few
requests they cost less, here and at the broker, and nobody waits for one record.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import count
from typing import Any, Final, NamedTuple

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import Producer as _Producer
from pydantic import BaseModel, ConfigDict, Field

from feedmill.runtime.kafka.client import FatalErrors, client_config, log
from feedmill.runtime.settings import KafkaSettings

SERVE_S: Final = 0.001
"""How often delivery reports are looked for while some are due."""
SERVE_IDLE_S: Final = 0.1
"""And while none are: errors come the same way."""

Message = tuple[str, str | bytes | None, bytes, Sequence[tuple[str, str | bytes]]]
"""topic, key, value, headers. Text is sent as UTF-8: the client encodes it without another object."""


class AsyncProducerSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    linger_ms: float = Field(default=0.5, ge=0, le=1_000)
    bulk_linger_ms: float = Field(default=3.0, ge=0, le=1_000, description="for batches of at least bulk_records")
    bulk_records: int = Field(default=100, ge=1)
    max_queued_records: int = Field(default=100_000, ge=1_000, description="not yet acknowledged; beyond it: QueueFull")
    max_queued_kib: int = Field(default=131_072, ge=1_024)
    delivery_timeout_ms: int = Field(default=30_000, ge=1_000)
    probe_interval_ms: int = Field(default=1_000, ge=10, description="how often an unreachable broker is asked again")


class QueueFull(Exception):
    """Nothing of the batch was taken: too many records wait for the broker already."""


class Ack(NamedTuple):
    """Where the log keeps a record, or (`error`) why it is not, or not surely, there."""

    partition: int
    offset: int
    error: str | None = None


class _Pending:
    """One batch on its way: its acknowledgements in the order sent. most: how many records it may have."""

    __slots__ = ("acks", "future", "most")

    def __init__(self, most: int, future: asyncio.Future[list[Ack]]) -> None:
        self.acks: list[Ack] = []
        self.most = most
        self.future = future


_NOT_QUEUED = KafkaError(KafkaError._QUEUE_FULL)
_NOT_SENT = Ack(-1, -1, "not-sent")
_NO_RECORD: Final = -1
"""In place of a record's index: there are fewer than there might have been."""
_new = tuple.__new__


def _reports(pending: _Pending, finished: Callable[[_Pending, bool], None]) -> Callable[..., None]:
    """Who is told of each record, `most` times in all: by the loop, or by the thread that flushes at the end.

    Counting is one step of C, so that neither needs a lock. A function and not a method: half the price of a call.
    """
    acks, next_to_zero = pending.acks, count(1 - pending.most).__next__

    def reported(index: int, error: KafkaError | None, message: Any) -> None:
        if error is None:
            acks[index] = _new(Ack, (message.partition(), message.offset(), None))
        elif index != _NO_RECORD:
            acks[index] = Ack(-1, -1, error.name())
        if next_to_zero() == 0:
            finished(pending, error is None)

    return reported


class AsyncProducer:
    """`send_batch` from the event loop it was made on; `close` flushes, so that everybody waiting gets an answer."""

    def __init__(self, settings: KafkaSettings, producer_settings: AsyncProducerSettings) -> None:
        self._settings = producer_settings
        self._loop = asyncio.get_running_loop()
        self._errors = FatalErrors()
        self._away = False
        self._closing = False
        self._in_flight = 0
        self._done: list[_Pending] = []
        self._lock = threading.Lock()
        self._single = self._client(settings, producer_settings.linger_ms)
        self._bulk = self._client(settings, producer_settings.bulk_linger_ms)
        self._clients = (self._single, self._bulk)
        self._probing: asyncio.Task[None] | None = None
        self._hurries = False
        self._timer = self._loop.call_later(SERVE_IDLE_S, self._tick)

    def _client(self, settings: KafkaSettings, linger_ms: float) -> _Producer:
        own = self._settings
        return _Producer(
            client_config(
                settings,
                **{
                    "acks": "all",
                    "enable.idempotence": True,
                    "delivery.timeout.ms": own.delivery_timeout_ms,
                    "linger.ms": linger_ms,
                    "compression.type": "lz4",
                    "message.max.bytes": 1_048_576,
                    "queue.buffering.max.messages": own.max_queued_records + 20_000,
                    "queue.buffering.max.kbytes": own.max_queued_kib,
                    "error_cb": self._on_error,
                },
            )
        )

    @property
    def available(self) -> bool:
        """False while no broker can be reached: an honest 503 now is better than one in 30 s."""
        return not self._away

    @property
    def queued_records(self) -> int:
        return self._in_flight

    def check(self) -> None:
        """Raises Fatal where the client is beyond repair."""
        self._errors.check()

    def send_batch(self, parts: Iterable[Sequence[Message]], most: int) -> asyncio.Future[list[Ack]]:
        """All acknowledgements, in the order of the messages. Raises QueueFull with nothing taken of `parts`.

        parts: each is asked for when the one before it is on its way, so that who makes them need not keep them; with
        `most` messages in all. A record that is not, or not surely, kept has `Ack.error`. Records of one key stay in
        their order, in a batch and behind whatever was acknowledged before it.
        """
        if self._in_flight + most > self._settings.max_queued_records and self._in_flight:
            raise QueueFull
        future: asyncio.Future[list[Ack]] = self._loop.create_future()
        pending = _Pending(most, future)
        if most == 0:
            future.set_result(pending.acks)
            return future
        with self._lock:
            self._in_flight += most
        client = self._bulk if most >= self._settings.bulk_records else self._single
        reported = _reports(pending, self._finish)
        try:
            for messages in parts:
                self._send(client, messages, pending.acks, reported)
        finally:
            for _ in range(most - len(pending.acks)):
                reported(_NO_RECORD, _NOT_QUEUED, None)
        self._serve()
        if not self._hurries:
            self._timer.cancel()
            self._schedule()
        return future

    @staticmethod
    def _send(client: _Producer, messages: Sequence[Message], acks: list[Ack], reported: Callable[..., None]) -> None:
        produce, first = client.produce, len(acks)
        acks += [_NOT_SENT] * len(messages)
        for index, (topic, key, value, headers) in enumerate(messages, first):
            try:  # by place: names cost a dict each
                produce(topic, value, key, -1, partial(reported, index), None, 0, headers)
            except BufferError:
                reported(index, _NOT_QUEUED, None)
            except KafkaException as exception:
                reported(index, exception.args[0], None)

    def _finish(self, pending: _Pending, delivered: bool) -> None:
        """The last of a batch is known."""
        with self._lock:
            self._in_flight -= pending.most
            self._done.append(pending)
        if delivered:
            self._away = False

    def _tick(self) -> None:
        self._schedule()
        self._serve()

    def _schedule(self) -> None:
        self._hurries = self._in_flight > 0
        self._timer = self._loop.call_later(SERVE_S if self._hurries else SERVE_IDLE_S, self._tick)

    def _serve(self) -> None:
        """Take the delivery reports and errors that have come, and answer whose batch is complete."""
        for client in self._clients:
            client.poll(0)
        if self._done:
            self._answer()

    def _answer(self) -> None:
        with self._lock:
            done, self._done = self._done, []
        for pending in done:
            if not pending.future.done():
                pending.future.set_result(pending.acks)

    def _on_error(self, error: KafkaError) -> None:
        self._errors(error)
        if error.code() == KafkaError._ALL_BROKERS_DOWN and not self._away:
            log.warning("no broker can be reached; writes answer 503 until one can")
            self._away = True
            self._loop.call_soon_threadsafe(self._begin_to_probe)

    def _begin_to_probe(self) -> None:
        if self._probing is None or self._probing.done():
            self._probing = self._loop.create_task(self._keep_probing())

    async def _keep_probing(self) -> None:
        """While no broker can be reached, ask for one at an interval; first at once, it may be back already."""
        while self._away and not self._closing:
            await asyncio.to_thread(self._probe)
            if self._away:
                await asyncio.sleep(self._settings.probe_interval_ms / 1_000)

    def _probe(self) -> None:
        try:
            self._single.list_topics(timeout=1)
        except KafkaException:
            return
        self._away = False
        log.info("the broker can be reached again")

    def purge(self) -> None:
        """Whoever still waits is answered at once: not, or not surely, kept."""
        for client in self._clients:
            client.purge()

    async def close(self, timeout_s: float) -> None:
        """Waits for what is on its way, at most so long; the rest is answered with an error. Idempotent."""
        self._closing = True
        await asyncio.gather(*(asyncio.to_thread(_flush_or_purge, client, timeout_s) for client in self._clients))
        self._timer.cancel()
        if self._probing is not None:
            self._probing.cancel()
        self._answer()


def _flush_or_purge(client: _Producer, timeout_s: float) -> None:
    if client.flush(timeout_s):
        client.purge()
        client.flush(1)
