"""What a record can come to: a row, a rejection (a value) or a wait (Transient).

    Exception
    ├── Transient         a store or broker is away; the same work is tried again
    │   └── Fenced        this generation no longer owns its partitions; the work belongs to the next owner
    ├── Overtaken         somebody else moved the position: drop the batch, start again from what is stored
    └── Fatal             nothing more may be done by this process; it ends non-zero, the supervisor restarts it

Poison is no exception: it is a `Rejected` value that ends in a dead letter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from msgspec import Struct

from feedmill.contracts.errors import Rejected


class Transient(Exception):
    """A store or broker is away. Never skip, never commit: pause, keep polling, try the same batch again."""


class Fenced(Transient):
    """The group moved on: this process's generation may not commit any more."""


class Overtaken(Exception):
    """Another writer moved a position we expected to move: drop the batch and start from what is stored."""


class Fatal(Exception):
    """An invariant does not hold or a client is beyond repair: stop with nothing more committed."""


class TopicPartition(NamedTuple):
    """Equal to the plain tuple, so that a hot path may look up `(topic, partition)`."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}"


class Record(Struct, frozen=True, gc=False):
    """One record as read from the log. `timestamp_ms` is the broker's (LogAppendTime)."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]

    @property
    def topic_partition(self) -> TopicPartition:
        return TopicPartition(self.topic, self.partition)

    def header(self, name: str) -> bytes | None:
        """The last header of that name: a replay adds headers behind those it keeps."""
        for key, value in reversed(self.headers):
            if key == name:
                return value
        return None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that can never succeed, why, and the place in a raw topic it came from."""

    record: Record
    rejected: Rejected
    origin: tuple[str, int, int]
