"""Filling topics and draining them with the bare client: what the product is held against."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from bench.records import Outgoing as Outgoing

PRODUCER: Mapping[str, Any] = {
    "acks": "all",
    "enable.idempotence": True,
    "compression.type": "lz4",
    "queue.buffering.max.messages": 500_000,
    "queue.buffering.max.kbytes": 1_048_576,
}
CONSUME = 1_000
"""Records a call takes: the sweet spot of this client."""


def producer(bootstrap_servers: str, **more: Any) -> Producer:
    return Producer({"bootstrap.servers": bootstrap_servers, "linger.ms": 5, **PRODUCER, **more})


def fill(bootstrap_servers: str, topic: str, records: Iterable[Outgoing]) -> None:
    """Returns once every record is acknowledged; raises where one is not."""
    failed: list[Any] = []
    client = producer(bootstrap_servers, on_delivery=lambda error, _: failed.append(error) if error else None)
    for _, key, value, headers, partition in records:
        while True:
            try:
                client.produce(topic, value, key, partition, headers=headers)
                break
            except BufferError:
                client.poll(0.1)
        client.poll(0)
    if client.flush(60) or failed:
        raise KafkaException(failed[0] if failed else "not acknowledged in time")


def ends(bootstrap_servers: str, topic: str, partitions: int) -> list[int]:
    client = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "bench"})
    try:
        return [client.get_watermark_offsets(TopicPartition(topic, p), timeout=10)[1] for p in range(partitions)]
    finally:
        client.close()


@contextmanager
def reader(bootstrap_servers: str) -> Iterator[Consumer]:
    """Connected: a clock started now measures no handshake.

    Where its prefetched records fill their queue it looks again soon, as the product does: the client's own second
    would be in one round and not in another.
    """
    client = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "bench",
            "enable.auto.commit": False,
            "fetch.min.bytes": 1,
            "fetch.queue.backoff.ms": 5,
        }
    )
    try:
        client.list_topics(timeout=10)
        yield client
    finally:
        client.close()


def drain(client: Consumer, topic: str, starts: list[int], count: int) -> Iterator[list[Any]]:
    """`count` messages from the given offsets on, as the client's `consume` gives them."""
    client.assign([TopicPartition(topic, partition, offset) for partition, offset in enumerate(starts)])
    deadline_s = time.monotonic() + 120
    while count > 0:
        messages = client.consume(CONSUME, 1.0)
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{count} records of {topic} did not come")
        count -= len(messages)
        yield messages
