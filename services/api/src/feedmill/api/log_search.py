"""The log, searched for one event that no store has: what waits, and what went to a dead-letter topic.

Bounded in records and in time; one search at a time.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import UUID

from feedmill.api.settings import TraceSettings
from feedmill.api.wire import Hop, Trace
from feedmill.contracts import headers, topics
from feedmill.contracts.ids import event_id_of_place
from feedmill.contracts.times import short_time
from feedmill.contracts.topics import Topic
from feedmill.runtime.deadline import Deadline
from feedmill.runtime.kafka import Admin, LogReader
from feedmill.runtime.outcome import Record, TopicPartition, Transient
from feedmill.runtime.position import Place
from feedmill.runtime.settings import KafkaSettings

Ranges = dict[TopicPartition, tuple[int, int]]


class KafkaSearch:
    """`applied()` gives the highest raw offset applied at each place."""

    def __init__(
        self, kafka: KafkaSettings, settings: TraceSettings, applied: Callable[[], Mapping[Place, int]]
    ) -> None:
        self._kafka = kafka
        self._settings = settings
        self._applied = applied
        self._admin = Admin(kafka)
        self._thread = ThreadPoolExecutor(1, "log-search")

    async def find(self, event_id: UUID) -> Trace:
        """`pending`, `dead-lettered` or `unknown`. Raises Transient when the log is away or it takes too long."""
        deadline = Deadline(self._settings.search_s)
        try:
            async with asyncio.timeout(self._settings.search_s):
                return await asyncio.get_running_loop().run_in_executor(self._thread, self._find, event_id, deadline)
        except TimeoutError as error:
            raise Transient("other searches are going on") from error

    def close(self) -> None:
        """Wait for nothing."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _find(self, event_id: UUID, deadline: Deadline) -> Trace:
        with LogReader(self._kafka) as reader:
            return _Search(reader, event_id, deadline).through(self._ranges(deadline))

    def _ranges(self, deadline: Deadline) -> tuple[Ranges, Ranges, Ranges]:
        """Where to look: raw records not applied, dead letters, and the enriched tails."""
        ends = self._admin.ends(_partitions(topics.ALL), deadline.left_s)
        applied = self._applied()
        most = self._settings.search_records
        raw = {tp: (max(applied.get(tp, -1) + 1, ends[tp] - most, 0), ends[tp]) for tp in _partitions(topics.RAW)}
        letters = {
            tp: (max(ends[tp] - self._settings.search_dead_letters, 0), ends[tp])
            for tp in _partitions(topics.DEAD_LETTERS)
        }
        enriched = {tp: (max(ends[tp] - most, 0), ends[tp]) for tp in _partitions(topics.ENRICHED)}
        return raw, letters, enriched


class _Search:
    def __init__(self, reader: LogReader, event_id: UUID, deadline: Deadline) -> None:
        self._reader = reader
        self._event_id = event_id
        self._event_id_text = str(event_id).encode()
        self._deadline = deadline

    def through(self, ranges: tuple[Ranges, Ranges, Ranges]) -> Trace:
        raw_ranges, letter_ranges, enriched_ranges = ranges
        raw = self._first(raw_ranges, self._is_it)
        replayed = raw is not None and raw.header(headers.DLQ_TOPIC) is not None
        letter = None if replayed else self._first(letter_ranges, self._is_it)
        if letter is not None:
            return self._dead(letter)
        if raw is None:
            return Trace(self._event_id, None, "unknown", None, None, [])
        return self._pending(raw, enriched_ranges)

    def _pending(self, raw: Record, enriched_ranges: Ranges) -> Trace:
        hops = [_hop("accepted", raw)]
        place = TopicPartition(topics.ENRICHED_OF[raw.topic].name, raw.partition)
        source = str(raw.offset).encode()
        enriched = self._first(
            {place: enriched_ranges[place]},
            lambda r: r.header(headers.SOURCE_OFFSET) == source and r.header(headers.MARKER) is None,
        )
        if enriched is not None:
            hops.append(_hop("enriched", enriched))
        return Trace(self._event_id, _text(raw, headers.CE_TYPE), "pending", None, None, hops)

    def _first(self, ranges: Ranges, is_it: Callable[[Record], bool]) -> Record | None:
        return next((record for record in self._reader.read(ranges, self._deadline) if is_it(record)), None)

    def _is_it(self, record: Record) -> bool:
        named = record.header(headers.EVENT_ID)
        if named is not None:
            return named == self._event_id_text
        return event_id_of_place(*_origin(record)) == self._event_id

    def _dead(self, letter: Record) -> Trace:
        topic, partition, offset = _origin(letter)
        place = TopicPartition(topic, partition)
        original = self._first({place: (offset, offset + 1)}, lambda record: True)
        at = None if original is None else _time(original)
        hops = [Hop("accepted", at, topic, partition, offset)]
        reason = _text(letter, headers.DLQ_REASON)
        return Trace(self._event_id, _text(letter, headers.CE_TYPE), "dead-lettered", reason, None, hops)


def _partitions(of: Iterable[Topic]) -> list[TopicPartition]:
    return [TopicPartition(topic.name, partition) for topic in of for partition in range(topic.partitions)]


def _origin(record: Record) -> tuple[str, int, int]:
    """The raw record's place: a dead letter says it in its headers, a raw record is there."""
    topic, partition, offset = (
        record.header(n) for n in (headers.DLQ_TOPIC, headers.DLQ_PARTITION, headers.DLQ_OFFSET)
    )
    if topic is None or partition is None or offset is None:
        return record.topic, record.partition, record.offset
    return topic.decode(), int(partition), int(offset)


def _hop(name: str, record: Record) -> Hop:
    return Hop(name, _time(record), record.topic, record.partition, record.offset)  # type: ignore[arg-type]


def _time(record: Record) -> str:
    return short_time(datetime.fromtimestamp(record.timestamp_ms / 1_000, UTC))


def _text(record: Record, header: str) -> str | None:
    value = record.header(header)
    return None if value is None else value.decode("utf-8", "replace")
