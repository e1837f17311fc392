"""What one partition has taken in since its last insert. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from feedmill.feed_writer.clickhouse.ranges import Range
from feedmill.feed_writer.row import Decoded, Position, Row
from feedmill.runtime.outcome import DeadLetter, Record, TopicPartition


@dataclass(slots=True)
class Buffer:
    """`inserted`: all below is in; `taken`: all below is in or in `rows`. `begun`: bounds that are committed."""

    partition: TopicPartition
    inserted: Position
    begun: Range | None
    taken: Position = field(init=False)
    rows: list[Row] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    """Not acknowledged yet."""
    rejected: int = 0

    def __post_init__(self) -> None:
        self.taken = self.inserted

    def add(self, decoded: Decoded) -> None:
        """Of this partition alone."""
        self.rows += decoded.rows
        self.letters = [*self.letters, *decoded.rejected]
        self.rejected += len(decoded.rejected)
        self.taken = decoded.moved[self.partition]

    @property
    def moved(self) -> bool:
        return self.taken != self.inserted

    @property
    def complete(self) -> bool:
        """Nothing is missing for an insert: no bounds are committed, or all they hold is here."""
        return self.begun is None or self.taken.next_offset >= self.begun.end

    def range(self) -> Range:
        """What an insert of all that is here would hold; the committed bounds where there are some."""
        return self.begun or Range(
            self.partition, self.inserted.next_offset, self.taken.next_offset, self.inserted.source_offset
        )

    def finish(self) -> None:
        """All taken is in."""
        self.inserted, self.begun = self.taken, None
        self.rows, self.letters, self.rejected = [], [], 0


def not_taken(records: Iterable[Record], buffer: Buffer) -> list[Record]:
    """Those of this buffer's partition that it has not: the same batch may come again after Transient."""
    at = buffer.taken.next_offset
    return [r for r in records if r.partition == buffer.partition.partition and r.offset >= at]


def cut(records: Sequence[Record], buffer: Buffer) -> tuple[Sequence[Record], Sequence[Record]]:
    """Records in committed bounds, and those behind them: a range is inserted with exactly its bounds."""
    if buffer.begun is None:
        return records, ()
    end = buffer.begun.end
    inside = [record for record in records if record.offset < end]
    return inside, records[len(inside) :]
