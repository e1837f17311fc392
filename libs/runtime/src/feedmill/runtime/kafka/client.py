"""What every client has in common: configuration, records, and which error means what."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from operator import itemgetter
from sys import intern
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message

from feedmill.runtime.outcome import Fatal, Fenced, Record, Transient
from feedmill.runtime.settings import KafkaSettings

log = logging.getLogger("feedmill.kafka")

FETCH_PARTITION_BYTES: Final = 262_144
"""Compressed, of one partition and fetch; a larger record comes alone. Small, because it grows tenfold unpacked."""
FETCH_MAX_BYTES: Final = 2_097_152
FETCH_BACKOFF_MS: Final = 5
"""How long a reader whose prefetched records fill their queue waits before it looks again. The client's own 1,000 make
a fast reader stand still most of the time: 60,000 records of a tail took 6 s.
"""

Headers = list[tuple[str, bytes]]

_FENCED: Final = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError._ASSIGNMENT_LOST,
        KafkaError._STATE,
    }
)
_FATAL: Final = frozenset(
    {
        KafkaError._FATAL,
        KafkaError._AUTHENTICATION,
        KafkaError._SSL,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError._FENCED,
    }
)


def is_fatal(error: KafkaError) -> bool:
    return bool(error.fatal()) or error.code() in _FATAL


def raised(error: KafkaError) -> Exception:
    if is_fatal(error):
        return Fatal(f"kafka: {error.str()}")
    if error.code() in _FENCED:
        return Fenced(f"kafka: {error.str()}")
    return Transient(f"kafka: {error.str()}")


def raised_from(exception: KafkaException) -> Exception:
    return raised(exception.args[0])


def client_config(settings: KafkaSettings, **more: Any) -> dict[str, Any]:
    return {
        "bootstrap.servers": settings.bootstrap_servers,
        "socket.keepalive.enable": True,
        "socket.nagle.disable": True,
        "socket.timeout.ms": 10_000,
        "reconnect.backoff.ms": 20,
        "reconnect.backoff.max.ms": 500,
        "allow.auto.create.topics": False,
        "log_level": 3,
        "logger": log,
        **more,
    }


def record_of(message: Any) -> Record:
    return Record(
        message.topic(),
        message.partition(),
        message.offset(),
        message.timestamp()[1],
        message.key(),
        message.value(),
        message.headers() or [],
    )


_milliseconds: Final = itemgetter(1)


def records_of(messages: Sequence[Any]) -> list[Record]:
    """`record_of` each, field by field: half the price, as no line of Python runs for a record. Topics are shared."""
    headers: Iterable[Any] = [given or [] for given in map(Message.headers, messages)]
    return list(
        map(
            Record,
            map(intern, map(Message.topic, messages)),
            map(Message.partition, messages),
            map(Message.offset, messages),
            map(_milliseconds, map(Message.timestamp, messages)),
            map(Message.key, messages),
            map(Message.value, messages),
            headers,
        )
    )


class FatalErrors:
    """Collects what librdkafka reports out of band; `check` raises it on the caller's own thread."""

    def __init__(self) -> None:
        self._fatal: KafkaError | None = None

    def __call__(self, error: KafkaError) -> None:
        if is_fatal(error):
            self._fatal = self._fatal or error

    def check(self) -> None:
        if self._fatal is not None:
            raise Fatal(f"kafka: {self._fatal.str()}")
