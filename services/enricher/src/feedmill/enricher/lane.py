"""One raw partition and its enriched twin: what is written already, and what has been seen."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from feedmill.contracts import headers
from feedmill.contracts.topics import ACTIVITY_PUBLISHED, ENRICHED_OF
from feedmill.enricher.memory import SeenIds
from feedmill.runtime.deadline import Deadline
from feedmill.runtime.kafka import LogReader
from feedmill.runtime.outcome import Record, TopicPartition

log = logging.getLogger("feedmill.enricher")

TAIL_READ_TIMEOUT_S = 60.0


@dataclass(slots=True, eq=False)
class Lane:
    raw: TopicPartition
    seen: SeenIds
    written: int = -1
    """The highest source offset known to be in the enriched partition; -1: none."""
    read: int = -1
    """The highest raw offset that went through the pipeline."""
    next_offset: int = 0
    """The raw offset to commit: everything before it is written, dropped or a dead letter, and acknowledged."""
    enriched_topic: str = field(init=False)

    def __post_init__(self) -> None:
        self.enriched_topic = ENRICHED_OF[self.raw.topic].name

    def remember(self, written: Record) -> None:
        """Take in one record of our own output, in its order. A record that is none of ours says nothing about it."""
        source_offset = written.header(headers.SOURCE_OFFSET)
        if source_offset is None or not source_offset.isdigit():
            log.warning("%s:%d has no %s: not ours", written.topic_partition, written.offset, headers.SOURCE_OFFSET)
            return
        self.written = max(self.written, int(source_offset))
        event_id = written.header(headers.EVENT_ID)
        if event_id is not None:
            self.seen.add(id_bytes(event_id))


def id_bytes(event_id: bytes) -> bytes:
    """A uuid's text, as in the header, in its 16 bytes. ValueError where it is none."""
    value = bytes.fromhex(event_id.decode("ascii").replace("-", ""))
    if len(value) != 16:
        raise ValueError("not a uuid")
    return value


def lanes_from_tail(
    reader: LogReader, partitions: Sequence[TopicPartition], memory_ids: int
) -> Mapping[TopicPartition, Lane]:
    """A lane for each raw partition, its memory rebuilt from the tail of its own output. Raises Transient.

    Elsewhere than among activities a tenth is remembered: most producers send no ids there, so none of theirs repeats.
    """
    ids = {tp: memory_ids if tp.topic == ACTIVITY_PUBLISHED.name else max(1, memory_ids // 10) for tp in partitions}
    lanes = {tp: Lane(tp, SeenIds(ids[tp])) for tp in partitions}
    by_output = {TopicPartition(lane.enriched_topic, tp.partition): lane for tp, lane in lanes.items()}
    ranges = {}
    for output in by_output:
        low, high = reader.ends(output)
        ranges[output] = (max(low, high - ids[by_output[output].raw]), high)
    for record in reader.read(ranges, Deadline(TAIL_READ_TIMEOUT_S)):
        by_output[record.topic_partition].remember(record)
    return lanes
