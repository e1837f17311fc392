"""Ranges on their way into ClickHouse, side by side; within a partition a table at a time, the facts first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass, field

from feedmill.feed_writer.clickhouse.block import Block
from feedmill.feed_writer.clickhouse.buffer import Buffer
from feedmill.feed_writer.clickhouse.kind import People
from feedmill.feed_writer.row import Position
from feedmill.runtime.outcome import DeadLetter, TopicPartition, Transient

Insert = Callable[[Sequence[Block], str, People], None]
"""Blocks, token, whose texts are among them."""


@dataclass(slots=True)
class Leg:
    """One partition's range: the blocks that stand for it whoever inserts them, and where the partition stands then."""

    partition: TopicPartition
    token: str
    blocks: Sequence[Block]
    taken: Position
    rows: int
    oldest_ms: int | None
    people: People
    inserted: bool = False

    @classmethod
    def of(cls, buffer: Buffer) -> Leg:
        rows = buffer.rows
        return cls(
            buffer.partition,
            buffer.range().token,
            buffer.kind.blocks_of(rows),
            buffer.taken,
            len(rows),
            rows[0].accepted_ms if rows else None,
            buffer.kind.people_of(rows),
        )


@dataclass(slots=True)
class Flight:
    """Used by one thread, but for its inserts."""

    legs: Sequence[Leg]
    letters: Sequence[DeadLetter]
    """To be published behind the position: only where that guard is off."""
    rejected: int
    _running: list[Future[None]] = field(default_factory=list)
    _gives_up: bool = False
    failed: bool = False
    """All have ended, some without success."""

    def take_off(self, pool: Executor, insert: Insert) -> None:
        """Start what is not in yet: again, after a failure."""
        self._gives_up = self.failed = False
        self._running = [pool.submit(self._insert, leg, insert) for leg in self.legs if not leg.inserted]

    def _insert(self, leg: Leg, insert: Insert) -> None:
        if self._gives_up:  # one has failed: the others do not wait for a store that is away, one after the other
            raise Transient("clickhouse: another range was not taken")
        try:
            insert(leg.blocks, leg.token, leg.people)
        except BaseException:
            self._gives_up = True
            raise
        leg.inserted = True

    def landed(self, patience_s: float) -> bool:
        """Whether all are in; False while some are on their way. Raises the first failure, when all have ended."""
        if wait(self._running, patience_s).not_done:
            return False
        errors = [error for future in self._running if (error := future.exception()) is not None]
        self.failed = bool(errors)
        for error in sorted(errors, key=lambda each: isinstance(each, Transient)):
            raise error
        return True

    @property
    def moved(self) -> Mapping[TopicPartition, Position]:
        return {leg.partition: leg.taken for leg in self.legs}

    @property
    def rows(self) -> int:
        return sum(leg.rows for leg in self.legs)

    @property
    def oldest_ms(self) -> int | None:
        return min((leg.oldest_ms for leg in self.legs if leg.oldest_ms is not None), default=None)
