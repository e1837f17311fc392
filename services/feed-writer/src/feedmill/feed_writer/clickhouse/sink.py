"""The ClickHouse sink: a `Processor` that inserts ranges of a partition, each exactly once.

    1  dead letters of the range are acknowledged      or no position moves past them
    2  its bounds are committed to the group           the fence: no insert where this generation is refused
    3  its rows are inserted, table by table           under a token made of the bounds
    4  its position is inserted                        for those who wait for it
    5  its end is committed to the group               where the next owner starts

A crash between 2 and 5 leaves bounds behind: whoever owns the partition next reads the same records, makes the same
rows and inserts them under the same token, so that what was in already stays out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from feedmill.feed_writer.clickhouse.buffer import Buffer, cut, not_taken
from feedmill.feed_writer.clickhouse.ranges import finished, standing
from feedmill.feed_writer.clickhouse.store import ClickHouseStore
from feedmill.feed_writer.clickhouse.tables import blocks_of
from feedmill.feed_writer.decode import decode
from feedmill.feed_writer.row import Decoded
from feedmill.feed_writer.settings import ClickHouseSinkSettings
from feedmill.runtime.dead_letters import DeadLetters, RejectLimit
from feedmill.runtime.deadline import Deadline
from feedmill.runtime.failpoints import Guard, Point, guarded, hit
from feedmill.runtime.kafka import Commit
from feedmill.runtime.outcome import DeadLetter, Record, TopicPartition


class Offsets(Protocol):
    """What this sink needs of its consumer."""

    def commit(self, commits: Mapping[TopicPartition, Commit]) -> None: ...

    def committed(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, Commit]: ...


class ClickHouseSink:
    def __init__(
        self,
        *,
        store: ClickHouseStore,
        dead_letters: DeadLetters,
        reject_limit: RejectLimit,
        offsets: Callable[[], Offsets],
        settings: ClickHouseSinkSettings,
        observe: Callable[[Decoded], None],
    ) -> None:
        self._store = store
        self._dead_letters = dead_letters
        self._reject_limit = reject_limit
        self._offsets = offsets
        self._settings = settings
        self._observe = observe
        self._buffers: dict[TopicPartition, Buffer] = {}
        self._oldest_at_s: float | None = None
        self._letters: list[DeadLetter] = []

    def assigned(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        committed = self._offsets().committed(partitions)
        self._forget()
        self._buffers = {tp: Buffer(tp, *standing(tp, committed.get(tp))) for tp in partitions}
        return {tp: buffer.inserted.next_offset for tp, buffer in self._buffers.items()}

    def revoked(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._buffers, self._oldest_at_s, self._letters = {}, None, []

    def process(self, records: Sequence[Record]) -> None:
        for buffer in self._buffers.values():
            inside, behind = cut(not_taken(records, buffer), buffer)
            self._take(buffer, inside)
            if buffer.begun is not None and buffer.complete:
                self._flush([buffer])
            self._take(buffer, behind)
        if self._is_full():
            self._flush(self._ready())

    def _take(self, buffer: Buffer, records: Sequence[Record]) -> None:
        if not records:
            return
        positions = {buffer.partition: buffer.taken}
        decoded = decode(records, positions, find_holes=guarded(Guard.NO_HOLES))
        buffer.add(decoded)
        self._observe(decoded)
        if self._oldest_at_s is None:
            self._oldest_at_s = time.monotonic()

    def _is_full(self) -> bool:
        sizes = [len(buffer.rows) for buffer in self._buffers.values()]
        return sum(sizes) >= self._settings.buffer_rows or max(sizes, default=0) >= self._settings.flush_rows

    def _ready(self) -> list[Buffer]:
        return [buffer for buffer in self._buffers.values() if buffer.moved and buffer.complete]

    def idle(self) -> None:
        self._store.probe()
        if self._oldest_at_s is None:
            return
        if (time.monotonic() - self._oldest_at_s) * 1_000 >= self._settings.flush_after_ms:
            self._flush(self._ready())

    def drain(self, deadline: Deadline) -> None:
        """Whatever is here goes in; a range whose records are not all here is left to the next owner."""
        self._flush(self._ready())

    def _flush(self, buffers: Sequence[Buffer]) -> None:
        """Raises Transient at any step; called again it goes on with the same bounds and tokens."""
        if buffers:
            letters_first = guarded(Guard.DEAD_LETTER_FIRST)
            if letters_first:
                self._publish(buffers)  # 1
            self._begin([buffer for buffer in buffers if buffer.rows])  # 2
            for buffer in buffers:
                self._store.insert(blocks_of(buffer.rows), buffer.range().token)  # 3
            hit(Point.CLICKHOUSE_AFTER_INSERT)
            self._store.set_positions({buffer.partition: buffer.taken for buffer in buffers})  # 4
            hit(Point.CLICKHOUSE_AFTER_POSITION)
            self._offsets().commit({buffer.partition: finished(buffer.taken) for buffer in buffers})  # 5
            if not letters_first:
                self._publish(buffers)
            self._end(buffers)
        if not any(buffer.moved for buffer in self._buffers.values()):
            self._oldest_at_s = None

    def _publish(self, buffers: Sequence[Buffer]) -> None:
        letters = [letter for buffer in buffers for letter in buffer.letters]
        if letters != self._letters:  # else the same are on their way: publish only waits for them
            self._letters = letters
        self._dead_letters.publish(self._letters)
        for buffer in buffers:
            buffer.letters = []
        self._letters = []

    def _begin(self, buffers: Sequence[Buffer]) -> None:
        """One synchronous commit for all bounds that are not committed yet. Raises Fenced: then nothing is inserted."""
        if not guarded(Guard.BOUNDS):
            return
        fresh = {buffer.partition: buffer.range() for buffer in buffers if buffer.begun is None}
        self._offsets().commit({tp: bounds.begun() for tp, bounds in fresh.items()})
        for buffer in buffers:
            buffer.begun = buffer.range()
        if fresh:
            hit(Point.CLICKHOUSE_AFTER_BOUNDS)

    def _end(self, buffers: Sequence[Buffer]) -> None:
        rows = sum(len(buffer.rows) for buffer in buffers)
        rejected = sum(buffer.rejected for buffer in buffers)
        for buffer in buffers:
            buffer.finish()
        self._reject_limit.check(rows=rows, rejected=rejected)
