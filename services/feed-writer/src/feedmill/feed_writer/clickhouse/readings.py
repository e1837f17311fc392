"""reading.enriched.v1 -> fact_reading. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from feedmill.contracts import times
from feedmill.contracts.errors import Code, Rejected
from feedmill.contracts.verbs import VERBS
from feedmill.feed_writer.clickhouse import native
from feedmill.feed_writer.clickhouse.block import Block, block_of
from feedmill.feed_writer.clickhouse.kind import Kind
from feedmill.feed_writer.clickhouse.place import Place, columns_of, said_by
from feedmill.runtime.outcome import Record

_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_TYPE = VERBS["read"].type.encode()


class _Reading(Struct, frozen=True, gc=False):
    """`EnrichedReading` as a sink reads it."""

    user_id: str
    content_id: str
    read_percent: Annotated[float, Meta(ge=0, le=100)]
    updated_at: str


class ReadingRow(Struct, frozen=True, gc=False):
    place: Place
    user_id: str
    content_id: str
    read_percent: float
    day: int
    """Since 1970-01-01."""
    month: str
    """YYYY-MM."""

    @property
    def accepted_ms(self) -> int:
        return self.place.accepted_ms


_decode = msgspec.json.Decoder(_Reading).decode


def row_of(record: Record, said: Mapping[str, bytes], source_offset: int) -> ReadingRow | Rejected:
    found = said_by(record, said, source_offset, _TYPE, _decode)
    if isinstance(found, Rejected):
        return found
    place, reading = found
    day = _day(reading.updated_at)
    if day is None:
        return Rejected(Code.BAD_TIME, "no day of the years that are stored", "updated_at")
    return ReadingRow(place, reading.user_id, reading.content_id, reading.read_percent, day, reading.updated_at[:7])


@lru_cache(maxsize=4_096)
def _day(text: str) -> int | None:
    try:
        return times.parse_date(text).toordinal() - _EPOCH_ORDINAL
    except ValueError:
        return None


def blocks_of(rows: Sequence[ReadingRow]) -> list[Block]:
    if not rows:
        return []
    return [
        block_of(
            "fact_reading",
            len(rows),
            **columns_of([row.place for row in rows]),
            user_id=("String", native.words([row.user_id for row in rows])),
            content_id=("String", native.words([row.content_id for row in rows])),
            read_percent=("Float64", native.floats([row.read_percent for row in rows])),
            updated_at=("Date", native.integers("H", [row.day for row in rows])),
        )
    ]


def _month(row: ReadingRow) -> str:
    return row.month


READINGS = Kind(row_of, blocks_of, storage_of=_month)
