"""The shell of the enricher: dead letters, then enriched records, then the commit, in this order.

    1  dead letters of the batch are acknowledged        or nothing of the batch is written
    2  enriched records and markers are acknowledged     in source order, partition by partition
    3  the raw offset is committed                       at an interval, on revocation, on drain

A crash between 1 and 2 repeats dead letters (their origin tells); between 2 and 3 the work is read again and what the
own output's tail holds is not written again. Full batches mean a backlog: their acknowledgements are awaited together,
a bounded number of records at a time, when the next batch is ready to be sent; any smaller batch waits for its own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from feedmill.enricher.lane import Lane
from feedmill.enricher.pipeline import Outgoing, Pipeline
from feedmill.runtime.dead_letters import DeadLetters, RejectLimit
from feedmill.runtime.deadline import Deadline
from feedmill.runtime.failpoints import Guard, Point, guarded, hit
from feedmill.runtime.kafka import Commit, Consumer, Producer
from feedmill.runtime.outcome import DeadLetter, Fatal, Record, TopicPartition, Transient

log = logging.getLogger("feedmill.enricher")

MAX_UNACKED_RECORDS = 10_000
"""Records sent and not yet seen acknowledged, at most: what a backlog may keep in the client's memory (6 MB)."""
ACK_WAIT_S = 0.5
"""How long a flush may keep the loop from polling; what is not acknowledged by then is waited for again."""


@dataclass(slots=True)
class _Work:
    """One batch on its way; a repeated call goes on where the last one stopped."""

    records: Sequence[Record]
    outgoing: list[Outgoing]
    rejected: list[DeadLetter]
    sent: bool = False


class Enricher:
    """A `Processor` of the loop. One producer without holes writes both enriched records and dead letters."""

    def __init__(
        self,
        *,
        consumer: Callable[[], Consumer],
        producer: Producer,
        pipeline: Pipeline,
        lanes_of: Callable[[Sequence[TopicPartition]], Mapping[TopicPartition, Lane]],
        commit_interval_ms: int,
        full_batch_records: int,
        reject_limit: RejectLimit,
    ) -> None:
        self._consumer = consumer
        self._producer = producer
        self._dead_letters = DeadLetters(producer, ack_timeout_s=ACK_WAIT_S)
        self._pipeline = pipeline
        self._lanes_of = lanes_of
        self._commit_interval_s = commit_interval_ms / 1_000
        self._full_batch_records = full_batch_records
        self._reject_limit = reject_limit
        self._lanes: Mapping[TopicPartition, Lane] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._committed_at_s = time.monotonic()
        self._work: _Work | None = None
        self._unacked: dict[Lane, int] = {}
        self._unacked_records = 0
        self._more_comes = False
        """The last batch was full: the next one, when it is ready to be sent, will find it acknowledged."""

    def assigned(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        self._producer.flush(ACK_WAIT_S)  # what still is on its way belongs to the tail that is read now
        committed = self._consumer().committed(partitions)
        self._forget_work()
        self._lanes = self._lanes_of(partitions)
        self._committed = {tp: commit.offset for tp, commit in committed.items()}
        for tp, lane in self._lanes.items():
            lane.next_offset = self._committed.get(tp, 0)
            self._mark(lane)
        self._producer.flush(ACK_WAIT_S)
        return {tp: lane.next_offset for tp, lane in self._lanes.items()}

    def _mark(self, lane: Lane) -> None:
        """Where the commit is ahead of the own output's tail, say so: the sinks' positions must get there too."""
        last = lane.next_offset - 1
        if last > lane.written:
            marker = self._pipeline.marker(lane, last)
            self._producer.send(*marker)
            lane.written = last

    def revoked(self) -> None:
        try:
            self._commit()
        except Transient as reason:
            log.info("left without a last commit, the next owner reads some records again: %s", reason)
        self._lanes = {}
        self._forget_work()

    def _forget_work(self) -> None:
        self._work = None
        self._more_comes = False
        self._unacked = {}
        self._unacked_records = 0

    def process(self, records: Sequence[Record]) -> None:
        work = self._work
        if work is None or work.records is not records:
            outgoing, rejected = self._pipeline(self._lanes, records)
            work = self._work = _Work(records, outgoing, rejected)
        self._finish(work)

    def _finish(self, work: _Work) -> None:
        letters_first = guarded(Guard.DEAD_LETTER_FIRST)
        if not work.sent:
            if self._unacked_records >= MAX_UNACKED_RECORDS:
                self._await_acks()
            self._commit_if_due()
            hit(Point.ENRICHER_BEFORE_SEND)
            if letters_first:
                self._dead_letters.publish(work.rejected)  # 1
            self._producer.send_many(work.outgoing)  # 2
            work.sent = True
            hit(Point.ENRICHER_AFTER_SEND)
            lanes = self._lanes.values()
            self._unacked = {lane: lane.read + 1 for lane in lanes if lane.read >= lane.next_offset}
            self._unacked_records += len(work.records)
        self._more_comes = not work.rejected and len(work.records) >= self._full_batch_records
        if not self._more_comes:
            self._await_acks()
        self._work = None
        if work.rejected:
            self._commit()
            if not letters_first:
                self._dead_letters.publish(work.rejected)
        self._reject_limit.check(rows=len(work.records) - len(work.rejected), rejected=len(work.rejected))

    def _await_acks(self) -> None:
        """What was sent is kept: the offsets behind it may be committed. Raises Transient."""
        if not self._unacked:
            return
        self._producer.flush(ACK_WAIT_S)
        hit(Point.ENRICHER_AFTER_ACK)
        for lane, next_offset in self._unacked.items():
            lane.next_offset = next_offset
        self._unacked = {}
        self._unacked_records = 0

    def _commit_if_due(self) -> None:
        if time.monotonic() - self._committed_at_s >= self._commit_interval_s:
            self._await_acks()
            self._commit()

    def idle(self) -> None:
        if self._more_comes:
            self._more_comes = False  # the next batch settles it; where none comes, the next call of this
        else:
            self._commit_if_due()

    def _commit(self) -> None:
        self._committed_at_s = time.monotonic()
        moved = {
            tp: Commit(lane.next_offset)
            for tp, lane in self._lanes.items()
            if lane.next_offset > self._committed.get(tp, 0)
        }
        if not moved:
            return
        self._consumer().commit(moved)  # 3
        self._committed.update({tp: commit.offset for tp, commit in moved.items()})
        hit(Point.ENRICHER_AFTER_COMMIT)

    def drain(self, deadline: Deadline) -> None:
        if self._work is not None or self._unacked:
            try:
                if self._work is not None:
                    self._finish(self._work)
                self._await_acks()
            except Transient as reason:
                if not deadline.passed:
                    raise
                self._producer.purge()
                raise Fatal(f"not acknowledged in time, the next start repeats the work: {reason}") from reason
        self._commit()
