"""Enriched records -> rows, rejections and positions, whatever the topic. Pure: the same records from the same
positions, the same result.

The filter is what makes a sink's "once" cheap: per partition the source offset only grows and has no holes, so what is
at or below the position was applied before, and a record whose writer already knew of more than the position says that
something is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from feedmill.contracts import headers, topics
from feedmill.contracts.errors import Code, Rejected
from feedmill.feed_writer.row import START, Decoded, Position
from feedmill.runtime.outcome import DeadLetter, Fatal, Record, TopicPartition

RowT = TypeVar("RowT")
Judge = Callable[[Record, Mapping[str, bytes], int], RowT | Rejected]
"""A record that is no marker and no repeat, its headers by name, its source offset -> a row, or why it can be none."""


def take_apart(
    records: Iterable[Record],
    positions: Mapping[TopicPartition, Position],
    judge: Judge[RowT],
    *,
    find_holes: bool,
) -> Decoded[RowT]:
    """A batch, in its order. Raises Fatal where a partition stands below what its writer had written."""
    result: Decoded[RowT] = Decoded()
    lanes: dict[tuple[str, int], _Lane] = {}
    for record in records:
        where = (record.topic, record.partition)
        lane = lanes.get(where)
        if lane is None:
            lane = lanes[where] = _Lane(record.topic_partition, positions)
        lane.next_offset = record.offset + 1
        said = dict(record.headers)
        source_offset, source_from = number(said, headers.SOURCE_OFFSET), number(said, headers.SOURCE_FROM)
        if source_offset is None or source_from is None:
            outcome: RowT | Rejected = Rejected(Code.BAD_ENVELOPE, "no source-offset and source-from headers")
        elif source_offset <= lane.applied:
            result.repeats += 1
            continue
        else:
            if find_holes and source_from > lane.applied:
                raise Fatal(
                    f"{record.topic}/{record.partition} at {record.offset}: its writer had written source offset "
                    f"{source_from}, but only {lane.applied} is applied here: records are missing"
                )
            lane.applied = source_offset
            if headers.MARKER in said:
                continue
            outcome = judge(record, said, source_offset)
        if isinstance(outcome, Rejected):
            result.rejected.append(DeadLetter(record, outcome, origin_of(record)))
        else:
            result.rows.append(outcome)
    result.moved = {lane.partition: Position(lane.applied, lane.next_offset) for lane in lanes.values()}
    return result


class _Lane:
    """One partition while a batch is taken apart."""

    __slots__ = ("applied", "next_offset", "partition")

    def __init__(self, partition: TopicPartition, positions: Mapping[TopicPartition, Position]) -> None:
        at = positions.get(partition, START)
        self.partition, self.applied, self.next_offset = partition, at.source_offset, at.next_offset


def origin_of(record: Record) -> tuple[str, int, int]:
    """Where a record first was: its place in the raw topic, or its own where it does not say."""
    source_offset = number(dict(record.headers), headers.SOURCE_OFFSET)
    raw = topics.RAW_OF.get(record.topic)
    if source_offset is None or raw is None:
        return record.topic, record.partition, record.offset
    return raw.name, record.partition, source_offset


def uuid_bytes(text: bytes | None) -> bytes | None:
    """A uuid in its usual text form -> its 16 bytes."""
    if text is None or len(text) != 36:
        return None
    try:
        value = bytes.fromhex(text.decode("ascii").replace("-", ""))
    except ValueError:
        return None
    return value if len(value) == 16 else None


def number(said: Mapping[str, bytes], name: str) -> int | None:
    """Decimal text of an offset or of milliseconds; -1 is one, any other negative number is not."""
    text = said.get(name)
    if text is None or len(text) > _MAX_DIGITS:
        return None
    if text.isdigit():
        return int(text)
    return -1 if text == b"-1" else None


_MAX_DIGITS = 18
"""Fits 64 bits whatever the digits."""
