"""The ledger: what the log accepted is what the stores have, and dead letters for the rest; else the ids that differ.

    1  how far every store has come       nothing beyond is judged
    2  dead letters, by their origin
    3  each store's fingerprints of those ranges: one pass, a number for each partition, 20,000 offsets and verb
    4  the raw topics are read; where a fingerprint differs, and only there, ids are compared one by one
    5  of articles: as many rows of entities as were found

Memory is bounded by the dead letters, the fingerprints and one chunk's ids. A repeat (a client's retry) is in the log
twice and in the stores once, where its first copy lay: its chunk differs and is settled by its ids.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from feedmill.cli.dead_letters import letters
from feedmill.cli.ledger_stores import CHUNK, Bounds, Cell, Print, Row, Store, print_of
from feedmill.contracts import headers
from feedmill.contracts.ids import event_id_of_article, event_id_of_place
from feedmill.contracts.topics import ARTICLE_PUBLISHED, RAW
from feedmill.contracts.verbs import BARE, BY_TYPE
from feedmill.runtime.deadline import Deadline
from feedmill.runtime.kafka import LogReader
from feedmill.runtime.outcome import Record, TopicPartition
from feedmill.runtime.settings import KafkaSettings

READ_TIMEOUT_S: Final = 3_600.0
UNREADABLE: Final = "?"
SHOWN_DIFFERENCES: Final = 10_000
"""Of more only the number is kept."""

Origins = set[tuple[str, int, int]]
Prints = defaultdict[tuple[int, int], dict[str, Print]]
"""Partition and chunk -> verb -> fingerprint."""
NOTHING: Final = Print(0, 0)


class Difference(NamedTuple):
    """`missing`: the log has it, the store has not; `extra`: the store has what lies nowhere in the log; `incomplete`:
    it is there, and not all rows that were made of it (an article's entities)."""

    what: str
    store: str
    topic: str
    partition: int
    offset: int
    verb: str
    event_id: str


@dataclass(slots=True)
class Line:
    """One verb of one partition. records = events + repeats + dead; each store must have the events."""

    topic: str
    partition: int
    verb: str
    records: int = 0
    repeats: int = 0
    dead: int = 0
    stores: dict[str, int] = field(default_factory=dict)
    different: int = 0


@dataclass(slots=True)
class Ledger:
    lines: dict[tuple[str, int, str], Line] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    different: int = 0
    judged: dict[TopicPartition, tuple[int, int]] = field(default_factory=dict)

    def line(self, topic: str, partition: int, verb: str) -> Line:
        return self.lines.setdefault((topic, partition, verb), Line(topic, partition, verb))

    def differs(self, difference: Difference) -> None:
        self.different += 1
        self.line(difference.topic, difference.partition, difference.verb).different += 1
        if len(self.differences) < SHOWN_DIFFERENCES:
            self.differences.append(difference)


class Entry(NamedTuple):
    """One raw record: whose event it is. `dead`: a dead letter names its place, or the place it was replayed from."""

    offset: int
    event_id: bytes
    verb: str
    dead: bool


def audit(
    kafka: KafkaSettings, stores: Sequence[Store], wanted: Bounds, moved_on: Callable[[], None] = lambda: None
) -> Ledger:
    """Judge those ranges of the raw topics, as far as every store that keeps them has come. Raises Transient.

    `moved_on` is called after each chunk: this may take long.
    """
    ledger = Ledger(judged=_settled(stores, wanted))
    dead = {letter.origin for letter in letters(kafka)}
    prints = {
        (store.name, topic.name): _by_chunk(store.prints(topic.name, ledger.judged))
        for store in stores
        for topic in RAW
        if topic.name in store.topics
    }
    with LogReader(kafka) as reader:
        for partition, bounds in sorted(ledger.judged.items()):
            keeping = [store for store in stores if partition.topic in store.topics]
            for chunk, entries in _chunks(reader, partition, bounds, dead):
                _judge(ledger, keeping, prints, partition, chunk, entries)
                moved_on()
    for store in stores:
        for topic in store.topics:
            for row in store.incomplete(topic, ledger.judged):
                ledger.differs(_difference("incomplete", store, TopicPartition(topic, row.partition), row))
    return ledger


def _by_chunk(prints: Mapping[Cell, Print]) -> Prints:
    found: Prints = defaultdict(dict)
    for cell, of_cell in prints.items():
        found[cell.partition, cell.chunk][cell.verb] = of_cell
    return found


def _settled(stores: Sequence[Store], wanted: Bounds) -> dict[TopicPartition, tuple[int, int]]:
    applied = {store.name: store.applied() for store in stores}
    settled = {}
    for partition, (low, high) in wanted.items():
        ends = [applied[s.name].get(partition, -1) + 1 for s in stores if partition.topic in s.topics]
        if (end := min([high, *ends])) > low:
            settled[partition] = (low, end)
    return settled


def _chunks(
    reader: LogReader, partition: TopicPartition, bounds: tuple[int, int], dead: Origins
) -> Iterator[tuple[int, list[Entry]]]:
    chunk, entries = bounds[0] // CHUNK, list[Entry]()
    for record in reader.read({partition: bounds}, Deadline(READ_TIMEOUT_S)):
        if record.offset // CHUNK != chunk:
            yield chunk, entries
            chunk, entries = record.offset // CHUNK, []
        entries.append(_entry(record, dead))
    yield chunk, entries


class _ArticleName(msgspec.Struct):
    id: str
    time: int


def _entry(record: Record, dead: Origins) -> Entry:
    place = (record.topic, record.partition, record.offset)
    origin = _origin(record) or place
    kind = (record.header(headers.CE_TYPE) or b"").decode("utf-8", "replace")
    verb = BY_TYPE.get(kind) or BARE.get(record.topic)
    return Entry(
        record.offset,
        _event_id(record, origin),
        verb.name if verb else UNREADABLE,
        place in dead or origin in dead,
    )


def _event_id(record: Record, origin: tuple[str, int, int]) -> bytes:
    """As the enricher makes it. Of what cannot be read: its place; only a dead letter can be there for it."""
    given = record.header(headers.EVENT_ID)
    try:
        if given is not None:
            return UUID(given.decode()).bytes
        if record.topic == ARTICLE_PUBLISHED.name:
            said = msgspec.json.decode(record.value or b"", type=_ArticleName)
            return event_id_of_article(record.topic, said.id, said.time).bytes
    except (ValueError, msgspec.MsgspecError):
        pass
    return event_id_of_place(*origin).bytes


def _origin(record: Record) -> tuple[str, int, int] | None:
    topic, partition, offset = (
        record.header(name) for name in (headers.DLQ_TOPIC, headers.DLQ_PARTITION, headers.DLQ_OFFSET)
    )
    if topic is None or partition is None or offset is None or not (partition.isdigit() and offset.isdigit()):
        return None
    return topic.decode("utf-8", "replace"), int(partition), int(offset)


def _judge(
    ledger: Ledger,
    stores: Sequence[Store],
    prints: Mapping[tuple[str, str], Prints],
    partition: TopicPartition,
    chunk: int,
    entries: Sequence[Entry],
) -> None:
    by_verb: dict[str, dict[bytes, Entry]] = defaultdict(dict)
    for entry in entries:
        line = ledger.line(partition.topic, partition.partition, entry.verb)
        line.records += 1
        line.repeats += entry.event_id in by_verb[entry.verb]
        by_verb[entry.verb].setdefault(entry.event_id, entry)
    kept = {store.name: prints[store.name, partition.topic][partition.partition, chunk] for store in stores}
    for verb in sorted({*by_verb, *(verb for of_store in kept.values() for verb in of_store)}):
        events = by_verb[verb]
        line = ledger.line(partition.topic, partition.partition, verb)
        expected, excused = print_of(events), set[bytes]()
        for store in stores:
            found = kept[store.name].get(verb, NOTHING)
            line.stores[store.name] = line.stores.get(store.name, 0) + found.events
            if found != expected:
                excused |= _compare(ledger, store, partition, chunk, (verb, events), found)
        dead = {event_id for event_id in excused if events[event_id].dead}
        line.dead += len(dead)
        line.repeats += len(excused - dead)


def _compare(
    ledger: Ledger,
    store: Store,
    partition: TopicPartition,
    chunk: int,
    of_verb: tuple[str, Mapping[bytes, Entry]],
    found: Print,
) -> set[bytes]:
    """Id by id. Those events that need not have a row here: they lie elsewhere (a repeat), or died."""
    verb, events = of_verb
    rows = {row.event_id: row for row in store.by_id(partition.topic, list(events))}
    here = {i for i, row in rows.items() if _lies_in(row, partition, chunk)}
    excused = set(rows) - here
    for event_id in events.keys() - rows.keys():
        entry = events[event_id]
        if entry.dead:
            excused.add(event_id)
        else:
            ledger.differs(
                _difference("missing", store, partition, Row(event_id, partition.partition, entry.offset, verb))
            )
    if found.events > len(here):
        low, high = ledger.judged[partition]
        low, high = max(low, chunk * CHUNK), min(high, (chunk + 1) * CHUNK)
        for row in store.by_place(partition.topic, partition.partition, low, high):
            if row.verb == verb and row.event_id not in events:
                ledger.differs(_difference("extra", store, partition, row))
    return excused


def _lies_in(row: Row, partition: TopicPartition, chunk: int) -> bool:
    return row.partition == partition.partition and row.offset // CHUNK == chunk


def _difference(what: str, store: Store, partition: TopicPartition, row: Row) -> Difference:
    return Difference(
        what, store.name, partition.topic, partition.partition, row.offset, row.verb, str(UUID(bytes=row.event_id))
    )
