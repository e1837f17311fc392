"""What both sinks write: one activity with its place in the log, and how far a partition has come."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from msgspec import Struct

from feedmill.runtime.outcome import DeadLetter, TopicPartition

NO_CONTENT = "null"
"""A content that was left out is JSON's null."""


class Thing(Struct, frozen=True, gc=False):
    """The object an activity is about; all but type and id only where the activity created it."""

    type: str
    id: int
    content: str
    """JSON text as it travelled: neither sink takes it apart."""
    title: str | None
    url: str | None
    canonical_url: str | None
    tags: list[str]
    mentions: list[str]


class Target(Struct, frozen=True, gc=False):
    type: str
    id: int


class User(Struct, frozen=True, gc=False):
    """What user-created and user-updated say; None has not changed. `uuid` as 32 hex digits."""

    id: int
    handle: str | None
    uuid: str | None
    name: str | None
    email: str | None
    college: str | None


class Read(Struct, frozen=True, gc=False):
    """How far someone has read one of their feeds."""

    feed: str
    through: datetime
    only_seen: bool


class Row(Struct, frozen=True, gc=False):
    """One activity, ready to be written."""

    partition: int
    enriched_offset: int
    enriched_ms: int
    """LogAppendTime of the enriched topic."""
    accepted_ms: int
    """LogAppendTime of the raw topic."""
    source_offset: int
    origin_offset: int
    """Decides who was last: the source offset, or where a replayed dead letter first was."""
    event_id: bytes
    """16 bytes."""
    verb: str
    actor_id: int
    occurred_at: datetime
    since: datetime | None
    space_id: int | None
    object: Thing | None
    target: Target | None
    user: User | None
    read: Read | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """How far a partition has come: the highest raw offset applied, and the enriched offset to read next."""

    source_offset: int = -1
    next_offset: int = 0


START = Position()

RowT = TypeVar("RowT")


@dataclass(slots=True)
class Decoded(Generic[RowT]):
    """One batch, taken apart. `moved`: where each partition stands once rows and dead letters are kept."""

    rows: list[RowT] = field(default_factory=list)
    rejected: list[DeadLetter] = field(default_factory=list)
    moved: dict[TopicPartition, Position] = field(default_factory=dict)
    repeats: int = 0
    """Records at or below their partition's position: applied before."""
