"""Records that can never succeed, written straight to Kafka past the door."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from confluent_kafka import KafkaError, Message, Producer

from chaos.ledger import LedgerWriter
from chaos.observed import ENRICHED, RAW

Headers = list[tuple[str, bytes]]

NEAR_THE_LIMIT_BYTES = 500_000
"""Below the raw topic's 524,288, far above what the door lets through."""


@dataclass(frozen=True, slots=True)
class Poison:
    """One bad record; it is keyed as its actor's own, so that it lies between good neighbours."""

    name: str
    key: bytes
    value: bytes | None
    headers: Headers


def envelope(event_id: str, verb_and_version: str = "post.v1", time: str = "2026-11-21T10:00:00Z") -> Headers:
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", event_id.encode()),
        ("ce_source", b"chaos/poison"),
        ("ce_type", f"feedmill.{verb_and_version}".encode()),
        ("ce_time", time.encode()),
        ("event-id", event_id.encode()),
    ]


def post(actor: int, content: str = "fine") -> bytes:
    """A good post's value; every poison is one with one thing wrong."""
    body = {"actor_id": actor, "object": {"type": "post", "id": 9_000_000, "content": content}}
    return json.dumps(body, ensure_ascii=False).encode()


KINDS: dict[str, Callable[[int, str], tuple[bytes | None, Headers]]] = {
    "truncated JSON": lambda actor, i: (post(actor)[:-9], envelope(i)),
    "NUL in a text": lambda actor, i: (post(actor, "@@").replace(b"@@", rb"a\u0000b"), envelope(i)),
    "a lone surrogate": lambda actor, i: (post(actor, "@@").replace(b"@@", rb"\ud800"), envelope(i)),
    "NaN": lambda actor, i: (post(actor).replace(b'"fine"', b"NaN"), envelope(i)),
    "a naive time": lambda actor, i: (post(actor), envelope(i, time="2026-11-21T10:00:00")),
    "an unknown verb": lambda actor, i: (post(actor), envelope(i, "dance.v1")),
    "a null value": lambda actor, i: (None, envelope(i)),
    "a version of the future": lambda actor, i: (
        json.dumps({"actor_id": actor, "object": {"type": "post", "id": 1}}).encode(),
        envelope(i, "like.v99"),
    ),
    "a value near the topic's limit": lambda actor, i: (post(actor, "x" * NEAR_THE_LIMIT_BYTES), envelope(i)),
}


def make(name: str, rng: random.Random, actors: range) -> Poison:
    actor = rng.choice(actors)
    event_id = str(uuid.UUID(int=rng.getrandbits(128), version=4))
    value, headers = KINDS[name](actor, event_id)
    return Poison(name, str(actor).encode(), value, headers)


class Planter:
    """Writes poison and takes its place down in the ledger."""

    def __init__(self, kafka: str, ledger: LedgerWriter, rng: random.Random, actors: range) -> None:
        self._kafka = kafka
        self._ledger = ledger
        self._rng = rng
        self._actors = actors

    def plant(self, count: int = 1) -> None:
        """Into the raw topic, one of each kind in turn of the dice."""
        for name in self._rng.choices(list(KINDS), k=count):
            poison = make(name, self._rng, self._actors)
            self.write(poison)

    def write(self, poison: Poison) -> tuple[int, int]:
        partition, offset = produce(self._kafka, RAW, poison.key, poison.value, poison.headers)
        self._ledger.poison(poison.name, RAW, partition, offset)
        return partition, offset

    def plant_behind_the_enricher(self) -> None:
        """Into the enriched topic: what only a sink can reject."""
        key = str(self._rng.choice(self._actors)).encode()
        partition, offset = produce(self._kafka, ENRICHED, key, b"{}", [("event-id", b"none")])
        self._ledger.poison("no source-offset", ENRICHED, partition, offset)


def produce(kafka: str, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> tuple[int, int]:
    """One record, acknowledged; partitioned as every client of ours does. Returns (partition, offset)."""
    places: list[tuple[int, int]] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            raise RuntimeError(f"{topic}: {error}")
        partition, offset = message.partition(), message.offset()
        assert partition is not None
        assert offset is not None
        places.append((partition, offset))

    producer = Producer({"bootstrap.servers": kafka, "enable.idempotence": True, "message.max.bytes": 2_000_000})
    producer.produce(topic, value, key, on_delivery=delivered, headers=headers)
    if producer.flush(30):
        raise RuntimeError(f"{topic}: not acknowledged in 30 s")
    return places[0]
