"""The part of a reading, a content's category or an article that its headers say, and the columns made of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from msgspec import Struct

from feedmill.contracts import headers
from feedmill.contracts.errors import Code, Rejected
from feedmill.feed_writer.clickhouse import native
from feedmill.feed_writer.clickhouse.block import MILLIS, versions
from feedmill.feed_writer.take_apart import number, uuid_bytes
from feedmill.feed_writer.values import parsed
from feedmill.runtime.outcome import Record

T = TypeVar("T")


class Place(Struct, frozen=True, gc=False):
    """Which event, and where and when the log took it. `event_id` in 16 bytes."""

    event_id: bytes
    accepted_ms: int
    partition: int
    source_offset: int
    enriched_ms: int
    enriched_offset: int
    origin_offset: int


def said_by(
    record: Record, said: Mapping[str, bytes], source_offset: int, type: bytes, decode: Callable[[bytes], T]
) -> tuple[Place, T] | Rejected:
    """A record of a topic with one type: its place and its value."""
    event_id = uuid_bytes(said.get(headers.EVENT_ID))
    accepted_ms, origin_offset = number(said, headers.ACCEPTED_AT), number(said, headers.ORIGIN_OFFSET)
    if event_id is None or accepted_ms is None or (headers.ORIGIN_OFFSET in said and origin_offset is None):
        return Rejected(Code.BAD_ENVELOPE, "event-id, accepted-at or origin-offset header missing or unreadable")
    if said.get(headers.CE_TYPE, type) != type:
        return Rejected(Code.UNKNOWN_VERSION, "a type or version this sink does not know", headers.CE_TYPE)
    if record.value is None:
        return Rejected(Code.NO_VALUE, "a null value that is no marker")
    value = parsed(record.value, decode)
    if isinstance(value, Rejected):
        return value
    origin = source_offset if origin_offset is None else max(0, origin_offset)
    place = Place(event_id, accepted_ms, record.partition, source_offset, record.timestamp_ms, record.offset, origin)
    return place, value


def columns_of(places: Sequence[Place]) -> dict[str, tuple[str, bytes]]:
    """event_id, accepted_at, source_partition, source_offset, enriched_at, enriched_offset, version."""
    return {
        "event_id": ("UUID", native.uuids([place.event_id for place in places])),
        "accepted_at": (MILLIS, native.integers("q", [place.accepted_ms for place in places])),
        "source_partition": ("Int32", native.integers("i", [place.partition for place in places])),
        "source_offset": ("Int64", native.integers("q", [place.source_offset for place in places])),
        "enriched_at": (MILLIS, native.integers("q", [place.enriched_ms for place in places])),
        "enriched_offset": ("Int64", native.integers("q", [place.enriched_offset for place in places])),
        "version": versions([place.origin_offset for place in places]),
    }
