"""What one partition has taken in since its last insert began. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from feedmill.feed_writer.clickhouse.kind import Kind
from feedmill.feed_writer.clickhouse.ranges import Range
from feedmill.feed_writer.row import Decoded, Position
from feedmill.runtime.outcome import DeadLetter, Record, TopicPartition


@dataclass(slots=True)
class Buffer:
    """`left`: all below has left this buffer, in or on its way in; `taken`: all below has left or is in `rows`.
    `begun`: bounds that are committed."""

    partition: TopicPartition
    kind: Kind[Any]
    left: Position
    begun: Range | None
    taken: Position = field(init=False)
    rows: list[Any] = field(default_factory=list)
    """Of the kind's own type."""
    letters: list[DeadLetter] = field(default_factory=list)
    """Not acknowledged yet."""
    rejected: int = 0

    def __post_init__(self) -> None:
        self.taken = self.left

    def add(self, decoded: Decoded[Any]) -> None:
        """Of this partition alone."""
        self.rows += decoded.rows
        self.letters = [*self.letters, *decoded.rejected]
        self.rejected += len(decoded.rejected)
        self.taken = decoded.moved[self.partition]

    @property
    def moved(self) -> bool:
        return self.taken != self.left

    @property
    def complete(self) -> bool:
        """Nothing is missing for an insert: no bounds are committed, or all they hold is here."""
        return self.begun is None or self.taken.next_offset >= self.begun.end

    def range(self) -> Range:
        """What an insert of all that is here would hold; the committed bounds where there are some."""
        return self.begun or Range(
            self.partition, self.left.next_offset, self.taken.next_offset, self.left.source_offset
        )

    def storages(self, more: Iterable[Any] = ()) -> int:
        """ClickHouse partitions that an insert of what is here, and of `more`, would touch."""
        storage_of = self.kind.storage_of
        if storage_of is None:
            return 1
        return len({storage_of(row) for rows in (self.rows, more) for row in rows})

    def leave(self) -> None:
        """All taken is on its way."""
        self.left, self.begun = self.taken, None
        self.rows, self.letters, self.rejected = [], [], 0


def not_taken(records: Iterable[Record], buffer: Buffer) -> list[Record]:
    """Those of this buffer's partition that it has not: the same batch may come again after Transient."""
    at = buffer.taken.next_offset
    return [r for r in records if r.offset >= at]


def cut(records: Sequence[Record], buffer: Buffer) -> tuple[Sequence[Record], Sequence[Record]]:
    """Records in committed bounds, and those behind them: a range is inserted with exactly its bounds."""
    if buffer.begun is None:
        return records, ()
    end = buffer.begun.end
    inside = [record for record in records if record.offset < end]
    return inside, records[len(inside) :]
