"""The ClickHouse sink: a `Processor` that inserts ranges of a partition, each exactly once.

    1  dead letters of the range are acknowledged      or no position moves past them
    2  its bounds are committed to the group           the fence: no insert where this generation is refused
    3  its rows are inserted, table by table           under a token made of the bounds
    4  its position is inserted                        for those who wait for it
    5  its end is committed to the group               where the next owner starts

A crash between 2 and 5 leaves bounds behind: whoever owns the partition next reads the same records, makes the same
rows and inserts them under the same token, so that what was in already stays out.

Step 3 is done by a few threads, the partitions' ranges side by side, while this one reads on and takes apart. One
flight of ranges is in the air at a time, so that a partition has one range begun and its ranges keep their order.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from operator import attrgetter
from typing import Any, Protocol

from feedmill.feed_writer.clickhouse.buffer import Buffer, cut, not_taken
from feedmill.feed_writer.clickhouse.flight import Flight, Leg
from feedmill.feed_writer.clickhouse.kind import Kind
from feedmill.feed_writer.clickhouse.ranges import finished, standing
from feedmill.feed_writer.clickhouse.store import ClickHouseStore
from feedmill.feed_writer.observe import Observe
from feedmill.feed_writer.settings import ClickHouseSinkSettings
from feedmill.feed_writer.take_apart import take_apart
from feedmill.runtime.dead_letters import DeadLetters, RejectLimit
from feedmill.runtime.deadline import Deadline
from feedmill.runtime.failpoints import Guard, Point, guarded, hit
from feedmill.runtime.kafka import Commit
from feedmill.runtime.outcome import DeadLetter, Record, TopicPartition, Transient

PATIENCE_S = 5.0
"""How long the loop may wait for a flight before it polls again; far below what liveness calls stalled (30 s)."""

_place = attrgetter("topic", "partition")


class Offsets(Protocol):
    """What this sink needs of its consumer."""

    def commit(self, commits: Mapping[TopicPartition, Commit]) -> None: ...

    def committed(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, Commit]: ...


class ClickHouseSink:
    def __init__(
        self,
        *,
        store: ClickHouseStore,
        kinds: Mapping[str, Kind[Any]],
        dead_letters: DeadLetters,
        reject_limit: RejectLimit,
        offsets: Callable[[], Offsets],
        settings: ClickHouseSinkSettings,
        observe: Observe,
    ) -> None:
        self._store = store
        self._kinds = kinds
        self._dead_letters = dead_letters
        self._reject_limit = reject_limit
        self._offsets = offsets
        self._settings = settings
        self._observe = observe
        self._pool = ThreadPoolExecutor(settings.insert_threads, "insert")
        self._buffers: dict[TopicPartition, Buffer] = {}
        self._oldest_at_s: float | None = None
        self._letters: list[DeadLetter] = []
        self._flight: Flight | None = None

    def assigned(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        committed = self._offsets().committed(partitions)
        self._forget()
        self._store.forget_erasures()
        for tp in partitions:
            self._buffers[tp] = Buffer(tp, self._kinds[tp.topic], *standing(tp, committed.get(tp)))
        return {tp: buffer.left.next_offset for tp, buffer in self._buffers.items()}

    def revoked(self) -> None:
        """What is in the air may still come down: under its token, so the next owner's insert of it is the same."""
        self._forget()

    def _forget(self) -> None:
        self._buffers, self._oldest_at_s, self._letters, self._flight = {}, None, [], None

    def process(self, records: Sequence[Record]) -> None:
        self._settle()
        for place, group in groupby(sorted(records, key=_place), key=_place):  # stable: within a partition as they came
            buffer = self._buffers.get(TopicPartition(*place))
            if buffer is None:
                continue
            inside, behind = cut(not_taken(group, buffer), buffer)
            self._take(buffer, inside)
            if buffer.begun is not None and buffer.complete:
                self._launch([buffer])
            self._take(buffer, behind)
        if self._is_full():
            self._launch(self._ready())

    def _take(self, buffer: Buffer, records: Sequence[Record]) -> None:
        if not records:
            return
        decoded = take_apart(
            records, {buffer.partition: buffer.taken}, buffer.kind.judge, find_holes=guarded(Guard.NO_HOLES)
        )
        if buffer.begun is None and buffer.storages(decoded.rows) > self._settings.insert_partitions:
            if buffer.moved:
                self._launch([buffer])
                return self._take(buffer, records)
            if len(records) > 1:
                self._take(buffer, records[: len(records) // 2])
                return self._take(buffer, records[len(records) // 2 :])
        buffer.add(decoded)
        self._observe.taken(decoded)
        if self._oldest_at_s is None:
            self._oldest_at_s = time.monotonic()

    def _is_full(self) -> bool:
        sizes = [len(buffer.rows) for buffer in self._buffers.values()]
        return sum(sizes) >= self._settings.buffer_rows or max(sizes, default=0) >= self._settings.flush_rows

    def _ready(self) -> list[Buffer]:
        return [buffer for buffer in self._buffers.values() if buffer.moved and buffer.complete]

    def idle(self) -> None:
        self._store.probe()
        self._settle()
        if self._flight is not None or self._oldest_at_s is None:
            return
        if (time.monotonic() - self._oldest_at_s) * 1_000 >= self._settings.flush_after_ms:
            self._launch(self._ready())

    def drain(self, deadline: Deadline) -> None:
        """Whatever is here goes in; a range whose records are not all here is left to the next owner."""
        self._launch(self._ready())
        self._land(deadline.slice_s(PATIENCE_S))
        self._pool.shutdown(wait=False)

    def _launch(self, buffers: Sequence[Buffer]) -> None:
        """Raises Transient; called again it goes on with the same bounds."""
        self._land()
        if buffers:
            if guarded(Guard.DEAD_LETTER_FIRST):
                self._publish(buffers)  # 1
            self._begin([buffer for buffer in buffers if buffer.rows])  # 2
            letters = [letter for buffer in buffers for letter in buffer.letters]
            self._flight = Flight(
                [Leg.of(buffer) for buffer in buffers], letters, sum(buffer.rejected for buffer in buffers)
            )
            for buffer in buffers:
                buffer.leave()
            self._flight.take_off(self._pool, self._store.insert)  # 3
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

    def _land(self, patience_s: float = PATIENCE_S) -> None:
        """Wait for what is in the air. Raises Transient where that takes longer."""
        self._settle(patience_s)
        if self._flight is not None:
            raise Transient("clickhouse: an insert is still on its way")

    def _settle(self, patience_s: float = 0.0) -> None:
        """Finish what has landed. Raises Transient where something failed; called again that starts anew."""
        flight = self._flight
        if flight is None:
            return
        if flight.failed:
            flight.take_off(self._pool, self._store.insert)
            patience_s = max(patience_s, PATIENCE_S)
        if flight.landed(patience_s):
            self._finish(flight)

    def _finish(self, flight: Flight) -> None:
        hit(Point.CLICKHOUSE_AFTER_INSERT)
        self._store.set_positions(flight.moved)  # 4
        hit(Point.CLICKHOUSE_AFTER_POSITION)
        self._offsets().commit({tp: finished(at) for tp, at in flight.moved.items()})  # 5
        hit(Point.CLICKHOUSE_AFTER_COMMIT)
        self._flight = None
        self._dead_letters.publish(flight.letters)
        self._observe.written(flight.rows, flight.moved, flight.oldest_ms)
        self._reject_limit.check(rows=flight.rows, rejected=flight.rejected)
