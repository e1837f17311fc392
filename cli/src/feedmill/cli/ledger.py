"""The ledger: what the log accepted is what the stores have, and dead letters for the rest; else the ids that differ.

    1  how far every store has come       nothing beyond is judged
    2  dead letters, by their origin
    3  each store's fingerprints of those ranges: one pass, a number for each partition, 20,000 offsets and verb
    4  the raw topics are read, but for what held before and has the same fingerprints still; where one differs from the
       log's, and only there, ids are compared one by one
    5  of articles: as many rows of entities as were found

Memory is bounded by the dead letters, the fingerprints and one chunk's ids. A repeat (a client's retry) is in the log
twice and in the stores once, where its first copy lay: its chunk differs and is settled by its ids.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from uuid import UUID

from feedmill.cli.dead_letters import letters
from feedmill.cli.ledger_log import Entry, Span, entries, spans
from feedmill.cli.ledger_stores import CHUNK, Bounds, Cell, Print, Row, Store, print_of
from feedmill.contracts.topics import RAW
from feedmill.runtime.kafka import LogReader
from feedmill.runtime.outcome import TopicPartition
from feedmill.runtime.settings import KafkaSettings

SHOWN_DIFFERENCES: Final = 10_000
"""Of more only the number is kept."""

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
class Tally:
    """Of one verb in one chunk, as `Line`."""

    records: int = 0
    repeats: int = 0
    dead: int = 0


@dataclass(frozen=True, slots=True)
class Judged:
    """A chunk of the log: what is in it, what each store had of it. `holds`: without a difference or a dead letter."""

    kept: Mapping[str, Mapping[str, Print]]
    tallies: Mapping[str, Tally]
    holds: bool


@dataclass(slots=True)
class Memory:
    """Chunks that held. The log does not change, so one holds as long as each store's fingerprints of it stay the same:
    a row that is taken away, moved or added changes them.
    """

    known: dict[tuple[TopicPartition, Span], Judged] = field(default_factory=dict)

    def agrees(self, partition: TopicPartition, span: Span, kept: Mapping[str, Mapping[str, Print]]) -> Judged | None:
        found = self.known.get((partition, span))
        return found if found is not None and found.kept == kept else None


@dataclass(slots=True)
class Ledger:
    lines: dict[tuple[str, int, str], Line] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    different: int = 0
    judged: dict[TopicPartition, tuple[int, int]] = field(default_factory=dict)

    def line(self, topic: str, partition: int, verb: str) -> Line:
        return self.lines.setdefault((topic, partition, verb), Line(topic, partition, verb))

    def add(self, partition: TopicPartition, judged: Judged) -> None:
        for verb, tally in judged.tallies.items():
            line = self.line(partition.topic, partition.partition, verb)
            line.records += tally.records
            line.repeats += tally.repeats
            line.dead += tally.dead
        for store, of_store in judged.kept.items():
            for verb in judged.tallies:
                line = self.line(partition.topic, partition.partition, verb)
                line.stores[store] = line.stores.get(store, 0) + of_store.get(verb, NOTHING).events

    def differs(self, difference: Difference) -> None:
        self.different += 1
        self.line(difference.topic, difference.partition, difference.verb).different += 1
        if len(self.differences) < SHOWN_DIFFERENCES:
            self.differences.append(difference)


def audit(
    kafka: KafkaSettings,
    stores: Sequence[Store],
    wanted: Bounds,
    memory: Memory | None = None,
    moved_on: Callable[[], None] = lambda: None,
) -> Ledger:
    """Judge those ranges of the raw topics, as far as every store that keeps them has come. Raises Transient.

    `memory`: of an audit before; what it found to hold, and where no store has changed, is not read again. `moved_on`
    is called after each chunk: this may take long.
    """
    ledger = Ledger(judged=_settled(stores, wanted))
    dead = {letter.origin for letter in letters(kafka)}
    prints = {
        (store.name, topic.name): _by_chunk(store.prints(topic.name, ledger.judged))
        for store in stores
        for topic in RAW
        if topic.name in store.topics
    }
    memory = memory or Memory()
    judged: dict[tuple[TopicPartition, Span], Judged] = {}
    with LogReader(kafka) as reader:
        for partition, bounds in sorted(ledger.judged.items()):
            keeping = [store for store in stores if partition.topic in store.topics]
            kept = {
                span: {s.name: prints[s.name, partition.topic][partition.partition, span[0] // CHUNK] for s in keeping}
                for span in spans(bounds)
            }
            known = {span: found for span in kept if (found := memory.agrees(partition, span, kept[span]))}
            for span, found in known.items():
                judged[partition, span] = found
            for span, events in entries(reader, partition, [span for span in kept if span not in known], dead):
                judged[partition, span] = _judge(ledger, keeping, kept[span], partition, span, events)
                moved_on()
            for span in kept:
                ledger.add(partition, judged[partition, span])
    memory.known = {place: found for place, found in judged.items() if found.holds}
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


def _judge(
    ledger: Ledger,
    stores: Sequence[Store],
    kept: Mapping[str, Mapping[str, Print]],
    partition: TopicPartition,
    span: Span,
    entries: Sequence[Entry],
) -> Judged:
    by_verb: dict[str, dict[bytes, Entry]] = defaultdict(dict)
    tallies: dict[str, Tally] = defaultdict(Tally)
    for entry in entries:
        tallies[entry.verb].records += 1
        tallies[entry.verb].repeats += entry.event_id in by_verb[entry.verb]
        by_verb[entry.verb].setdefault(entry.event_id, entry)
    different = ledger.different
    for verb in sorted({*by_verb, *(verb for of_store in kept.values() for verb in of_store)}):
        events = by_verb[verb]
        expected, excused = print_of(events), set[bytes]()
        for store in stores:
            found = kept[store.name].get(verb, NOTHING)
            if found != expected:
                excused |= _compare(ledger, store, partition, span, (verb, events), found)
        dead = {event_id for event_id in excused if events[event_id].dead}
        tallies[verb].dead += len(dead)
        tallies[verb].repeats += len(excused - dead)
    holds = ledger.different == different and not any(tally.dead for tally in tallies.values())
    return Judged(kept, dict(tallies), holds)


def _compare(
    ledger: Ledger,
    store: Store,
    partition: TopicPartition,
    span: Span,
    of_verb: tuple[str, Mapping[bytes, Entry]],
    found: Print,
) -> set[bytes]:
    """Id by id. Those events that need not have a row here: they lie elsewhere (a repeat), or died."""
    verb, events = of_verb
    rows = {row.event_id: row for row in store.by_id(partition.topic, list(events))}
    here = {i for i, row in rows.items() if _lies_in(row, partition, span[0] // CHUNK)}
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
        for row in store.by_place(partition.topic, partition.partition, *span):
            if row.verb == verb and row.event_id not in events:
                ledger.differs(_difference("extra", store, partition, row))
    return excused


def _lies_in(row: Row, partition: TopicPartition, chunk: int) -> bool:
    return row.partition == partition.partition and row.offset // CHUNK == chunk


def _difference(what: str, store: Store, partition: TopicPartition, row: Row) -> Difference:
    return Difference(
        what, store.name, partition.topic, partition.partition, row.offset, row.verb, str(UUID(bytes=row.event_id))
    )
