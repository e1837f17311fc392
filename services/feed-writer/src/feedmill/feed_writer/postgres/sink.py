"""The Postgres sink: a `Processor` whose rows and positions move in one transaction.

1  dead letters of the batch are acknowledged     or no position moves past them
2  rows and positions are committed together      compare-and-set: only from where this process believes they are
3  the group's offset is committed                for lag tools only: the next start reads the positions

In a backlog (full batches) a thread of its own does steps 1 and 2, and the loop's reads on and takes the next batch
apart meanwhile; any smaller batch the loop's own thread finishes: handing it over and back would win nothing. One batch
is written at a time, in the log's order.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from feedmill.contracts.errors import Code, Rejected
from feedmill.feed_writer.decode import decode, origin_of
from feedmill.feed_writer.poison import find_poison
from feedmill.feed_writer.postgres.apply import Move
from feedmill.feed_writer.postgres.store import Poisoned, PostgresStore
from feedmill.feed_writer.row import START, Decoded, Position, Row
from feedmill.runtime.dead_letters import DeadLetters, RejectLimit
from feedmill.runtime.deadline import Deadline
from feedmill.runtime.failpoints import Guard, guarded
from feedmill.runtime.kafka import Commit
from feedmill.runtime.outcome import DeadLetter, Overtaken, Record, TopicPartition, Transient

log = logging.getLogger("feedmill.feed_writer")


class Offsets(Protocol):
    """What a sink needs of its consumer."""

    def commit(self, commits: Mapping[TopicPartition, Commit]) -> None: ...


@dataclass(slots=True)
class _Work:
    """One batch on its way; a repeated call goes on where the last one stopped."""

    records: Sequence[Record]
    decoded: Decoded[Row]
    moves: Mapping[TopicPartition, Move]
    rows: list[Row]
    letters: list[DeadLetter]
    """Not acknowledged yet."""
    rejected: int
    running: Future[None] | None = None


class PostgresSink:
    def __init__(
        self,
        *,
        store: PostgresStore,
        dead_letters: DeadLetters,
        reject_limit: RejectLimit,
        offsets: Callable[[], Offsets],
        commit_interval_ms: int,
        full_batch_records: int,
        observe: Callable[[Decoded[Row]], None],
    ) -> None:
        self._store = store
        self._dead_letters = dead_letters
        self._reject_limit = reject_limit
        self._offsets = offsets
        self._commit_interval_s = commit_interval_ms / 1_000
        self._full_batch_records = full_batch_records
        self._observe = observe
        self._writer = ThreadPoolExecutor(1, "write")
        self._taken_to: dict[TopicPartition, Position] = {}
        """Where each partition stands once all that was taken is written."""
        self._uncommitted: dict[TopicPartition, Commit] = {}
        self._committed_at_s = 0.0
        self._taken: _Work | None = None
        self._written: _Work | None = None
        """To be finished, by the writer or here; outcome not seen yet."""
        self._reads_on = False
        self._opened = 0

    def assigned(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        self.revoked()
        self._taken_to = self._stored(partitions)
        return {partition: position.next_offset for partition, position in self._taken_to.items()}

    def _stored(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, Position]:
        found = self._writer.submit(self._store.positions, partitions).result()
        self._opened = self._store.opened
        return found

    def revoked(self) -> None:
        """What is being written may still be committed: the next owner's expectation then fails, and it reads again."""
        self._taken = self._written = None
        self._taken_to, self._uncommitted = {}, {}
        self._reads_on = False

    def process(self, records: Sequence[Record]) -> None:
        work = self._taken
        if work is None or work.records is not records:
            work = self._taken = self._take(records)
        if self._written is not work:
            self._settle()
            self._written = work
        self._reads_on = len(records) >= self._full_batch_records
        if self._reads_on:
            self._hand_over(work)
        else:
            self._settle()
        self._taken = None

    def _take(self, records: Sequence[Record]) -> _Work:
        decoded = decode(records, self._taken_to, find_holes=guarded(Guard.NO_HOLES))
        moves = {tp: Move(self._taken_to.get(tp, START), new) for tp, new in decoded.moved.items()}
        self._taken_to.update(decoded.moved)
        return _Work(records, decoded, moves, first_of_each(decoded.rows), decoded.rejected, len(decoded.rejected))

    def _hand_over(self, work: _Work) -> None:
        work.running = self._writer.submit(self._finish, work)

    def _settle(self) -> None:
        """Wait until what was handed over is kept. Raises what kept it from that; called again it is tried again."""
        work = self._written
        if work is None:
            return
        running, work.running = work.running, None
        if running is None:
            self._finish(work)
        else:
            running.result()
        self._written = None
        self._uncommitted.update({tp: Commit(at.next_offset) for tp, at in work.decoded.moved.items()})
        self._observe(work.decoded)
        self._reject_limit.check(rows=len(work.rows), rejected=work.rejected)

    def _finish(self, work: _Work) -> None:
        """In the writer's thread, or in the loop's while that one has nothing to do."""
        self._publish(work)  # 1
        while poisoned := self._write(work):  # 2
            rejected = {(letter.record.partition, letter.record.offset) for letter in poisoned}
            work.rows = [row for row in work.rows if (row.partition, row.enriched_offset) not in rejected]
            work.letters = [*work.letters, *poisoned]
            work.rejected += len(poisoned)
            self._publish(work)
        self._dead_letters.publish(work.letters)

    def _publish(self, work: _Work) -> None:
        """With the guard off the letters wait until the position has moved past them."""
        if guarded(Guard.DEAD_LETTER_FIRST):
            self._dead_letters.publish(work.letters)
            work.letters = []

    def _write(self, work: _Work) -> list[DeadLetter]:
        """Empty once rows and positions are kept; else the records that can never be, and nothing is kept."""
        try:
            self._store.write(work.rows, work.moves)
        except Poisoned:
            return self._poison_of(work)
        return []

    def _poison_of(self, work: _Work) -> list[DeadLetter]:
        found = find_poison(work.rows, self._store.refusal)
        if not found:
            raise Transient("postgres: refused a batch and none of its records")
        records = {(record.partition, record.offset): record for record in work.records}
        letters = []
        for row, reason in found:
            record = records[row.partition, row.enriched_offset]
            letters.append(DeadLetter(record, Rejected(Code.REFUSED_BY_STORE, reason), origin_of(record)))
        log.warning("postgres refuses %d of %d records", len(letters), len(work.rows))
        return letters

    def idle(self) -> None:
        if self._reads_on:  # a full batch was just handed over: more is waiting
            self._reads_on = False
            return
        self._settle()
        if self._store.is_unseen:
            self._writer.submit(self._store.probe).result()
        if self._taken_to and self._store.opened != self._opened and self._stored([*self._taken_to]) != self._taken_to:
            raise Overtaken("behind a new connection the positions are others: Postgres came back from a backup?")
        if self._uncommitted and time.monotonic() - self._committed_at_s >= self._commit_interval_s:
            self._commit()

    def _commit(self) -> None:
        self._committed_at_s = time.monotonic()
        moved, self._uncommitted = self._uncommitted, {}
        try:
            self._offsets().commit(moved)  # 3
        except Transient as reason:
            log.info("offsets for lag tools not committed: %s", reason)

    def drain(self, deadline: Deadline) -> None:
        """What was taken and not written is read again by the next owner."""
        if self._written is not None and self._written.running is not None:
            try:
                self._settle()
            except (Transient, Overtaken) as reason:
                log.info("left to the next owner: %s", reason)
        if self._uncommitted:
            self._commit()
        self._writer.shutdown(wait=False)


def first_of_each(rows: Sequence[Row]) -> list[Row]:
    """Of rows of one event the first, as the log has them; what lies further apart the key of `activity` catches."""
    first: dict[bytes, Row] = {}
    for row in rows:
        first.setdefault(row.event_id, row)
    return list(first.values())
