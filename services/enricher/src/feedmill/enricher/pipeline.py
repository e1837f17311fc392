"""decode -> drop repeats -> enrich, one poll's records at a time. Changes its lanes, touches nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec

from feedmill.contracts.errors import Rejected
from feedmill.contracts.headers import (
    ACCEPTED_AT,
    CE_TYPE,
    DLQ_OFFSET,
    DLQ_PARTITION,
    DLQ_REASON,
    DLQ_TOPIC,
    EVENT_ID,
    MARKER,
    MARKER_VALUE,
    ORIGIN_OFFSET,
    SOURCE_FROM,
    SOURCE_OFFSET,
)
from feedmill.enricher.articles import ReadArticle
from feedmill.enricher.columns import usual
from feedmill.enricher.decode import Event, decode
from feedmill.enricher.enrich import bare_article, enrich
from feedmill.enricher.lane import Lane
from feedmill.enricher.splice import spliced
from feedmill.runtime.failpoints import Guard, guarded
from feedmill.runtime.kafka import Headers
from feedmill.runtime.outcome import DeadLetter, Record, TopicPartition

Outgoing = tuple[str, bytes | None, bytes | None, Headers, int]
"""topic, key, value, headers, partition"""

_encode = msgspec.json.Encoder().encode
_NOT_KEPT: Final = (DLQ_REASON, DLQ_TOPIC, DLQ_PARTITION, DLQ_OFFSET)
_MARKER: Final = (MARKER, MARKER_VALUE)


class Pipeline:
    """Every record leaves a trace: an enriched record, a dead letter, or (a repeat) a position that moves past it."""

    def __init__(self, read_article: ReadArticle = bare_article) -> None:
        self._read_article = read_article
        self._remembers = guarded(Guard.MEMORY)

    def __call__(
        self, lanes: Mapping[TopicPartition, Lane], records: Sequence[Record]
    ) -> tuple[list[Outgoing], list[DeadLetter]]:
        """Records at or below a lane's `written` are in the output already and are passed over."""
        outgoing: list[Outgoing] = []
        rejected: list[DeadLetter] = []
        passed: dict[Lane, int] = {}
        topic, partition, accepted_ms = "", -1, None
        for record, done in zip(records, usual(records), strict=True):
            if record.partition != partition or record.topic != topic:
                topic, partition = record.topic, record.partition
                lane = lanes[topic, partition]  # type: ignore[index]  # a TopicPartition is such a tuple
                written = b"%d" % lane.written
            lane.read = offset = record.offset
            if offset <= lane.written:
                continue
            if done is None:
                one = self._one(lane, record, rejected)
                if one is None:
                    passed[lane] = offset
                    continue
                kept, value = one
            else:
                event_id, value = done
                if not lane.seen.add(event_id) and self._remembers:
                    passed[lane] = offset
                    continue
                kept = record.headers
            if record.timestamp_ms != accepted_ms:
                accepted_ms = record.timestamp_ms
                accepted = (ACCEPTED_AT, b"%d" % accepted_ms)
            source = b"%d" % offset
            added = [*kept, (SOURCE_OFFSET, source), (SOURCE_FROM, written), accepted]
            outgoing.append((lane.enriched_topic, record.key, value, added, partition))
            lane.written, written = offset, source
        for lane, offset in passed.items():
            if offset > lane.written:
                outgoing.append(self.marker(lane, offset))
                lane.written = offset
        return outgoing, rejected

    def _one(self, lane: Lane, record: Record, rejected: list[DeadLetter]) -> tuple[Headers, bytes] | None:
        """Headers and value of a record that is not usual; None for a repeat and for what is rejected."""
        event = decode(record)
        if isinstance(event, Rejected):
            rejected.append(DeadLetter(record, event, _origin(record)))
            return None
        is_new = lane.seen.add(event.id)
        # a replayed dead letter passes: the stores' keys know whether they have it
        if is_new or event.origin_offset is not None or not self._remembers:
            return _kept(record, event), spliced(event) or _encode(enrich(event, self._read_article))
        return None

    def marker(self, lane: Lane, offset: int) -> Outgoing:
        """Moves the sinks' positions to `offset` where no enriched record does."""
        added = [_MARKER, (SOURCE_OFFSET, b"%d" % offset), (SOURCE_FROM, b"%d" % lane.written)]
        return (lane.enriched_topic, None, None, added, lane.raw.partition)


def _kept(record: Record, event: Event) -> Headers:
    """The raw record's headers, each once, as they came wherever nothing is to be changed."""
    named = event.headers
    if event.origin_offset is None and EVENT_ID in named:
        return record.headers if len(record.headers) == len(named) else list(named.items())
    if EVENT_ID not in named:
        named[EVENT_ID] = str(UUID(bytes=event.id)).encode()
        named[CE_TYPE] = event.verb.type.encode()
    if event.origin_offset is not None:
        for name in _NOT_KEPT:
            named.pop(name, None)
        named[ORIGIN_OFFSET] = b"%d" % event.origin_offset
    return list(named.items())


def _origin(record: Record) -> tuple[str, int, int]:
    """A dead letter that dies again keeps its first origin, where that is readable."""
    topic, partition, offset = (record.header(n) for n in (DLQ_TOPIC, DLQ_PARTITION, DLQ_OFFSET))
    if topic == record.topic.encode() and partition == b"%d" % record.partition and offset and offset.isdigit():
        return record.topic, record.partition, int(offset)
    return record.topic, record.partition, record.offset
