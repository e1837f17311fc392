"""Reading dead letters, and putting them back where they came from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

from feedmill.contracts import headers
from feedmill.contracts.topics import DEAD_LETTERS, RAW
from feedmill.runtime.deadline import Deadline
from feedmill.runtime.kafka import Admin, LogReader, Producer
from feedmill.runtime.outcome import Record, TopicPartition, Transient
from feedmill.runtime.settings import KafkaSettings

READ_TIMEOUT_S = 60.0
ACK_TIMEOUT_S = 30.0


class NoSuchLetter(Exception):
    """Nothing in any dead-letter topic is called so; says how to find the names."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A record of a dead-letter topic. `origin` is where it lay in the raw topic."""

    record: Record
    reason: str
    origin: tuple[str, int, int]

    @property
    def place(self) -> str:
        """Its name: `<topic>.dlq/<partition>:<offset>`."""
        return f"{self.record.topic}/{self.record.partition}:{self.record.offset}"

    @property
    def origin_place(self) -> str:
        topic, partition, offset = self.origin
        return f"{topic}/{partition}:{offset}"

    @property
    def at(self) -> str:
        moment = datetime.fromtimestamp(self.record.timestamp_ms / 1000, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    @property
    def event_id(self) -> str | None:
        return text_of(self.record.header(headers.EVENT_ID))

    def summary(self) -> dict[str, object]:
        """As `feedmill dlq list --json` gives it: topic, partition and offset are the origin's."""
        topic, partition, offset = self.origin
        return {
            "topic": topic,
            "partition": partition,
            "offset": offset,
            "reason": self.reason,
            "at": self.at,
            "event_id": self.event_id,
            "dead_letter": self.place,
        }


def text_of(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")


def letter_of(record: Record) -> Letter:
    def said(name: str) -> str:
        return text_of(record.header(name)) or ""

    origin = (said(headers.DLQ_TOPIC), int(said(headers.DLQ_PARTITION)), int(said(headers.DLQ_OFFSET)))
    return Letter(record, said(headers.DLQ_REASON), origin)


def letters(settings: KafkaSettings, topic: str | None = None) -> list[Letter]:
    """Every dead letter, or those of one topic (a raw, enriched or dead-letter name). Raises Transient."""
    existing = Admin(settings).partitions(timeout_s=5)
    wanted = [
        t.name for t in DEAD_LETTERS if t.name in existing and topic in (None, t.name, t.name.removesuffix(".dlq"))
    ]
    with LogReader(settings) as reader:
        partitions = [TopicPartition(name, p) for name in wanted for p in range(existing[name])]
        ranges = {partition: reader.ends(partition) for partition in partitions}
        found = [letter_of(record) for record in reader.read(ranges, Deadline(READ_TIMEOUT_S))]
    return sorted(found, key=lambda letter: (letter.record.timestamp_ms, letter.place))


def named(found: Sequence[Letter], names: Sequence[str]) -> list[Letter]:
    """By place, by origin (`activity.published.v1/3:1042`) or by event id, in the order found."""
    chosen = [n for n in found if not {n.place, n.origin_place, n.event_id or ""}.isdisjoint(names)]
    known = {name for n in chosen for name in (n.place, n.origin_place, n.event_id)}
    missing = [name for name in names if name not in known]
    if missing:
        raise NoSuchLetter(f"no dead letter is called {', '.join(missing)}: feedmill dlq list shows them")
    return chosen


def replay(settings: KafkaSettings, chosen: Sequence[Letter]) -> int:
    """Append each once to its raw topic, on its old partition, with its origin in the headers; how many there were.

    A letter that is in the dead-letter topic twice (a crash wrote it again) is one. Raises Transient or Fatal.
    """
    once = {letter.origin: letter for letter in chosen}
    with closing(Producer(settings, gapless=False)) as producer:
        for letter, original in originals(settings, list(once.values())):
            topic, partition, _ = letter.origin
            kept = [(n, v) for n, v in original.headers if n not in ORIGIN_HEADERS and n != headers.DLQ_REASON]
            producer.send(topic, original.key, original.value, kept + origin_headers(letter), partition)
        producer.flush(ACK_TIMEOUT_S)
    return len(once)


ORIGIN_HEADERS = (headers.DLQ_TOPIC, headers.DLQ_PARTITION, headers.DLQ_OFFSET)


def origin_headers(letter: Letter) -> list[tuple[str, bytes]]:
    return [(name, str(value).encode()) for name, value in zip(ORIGIN_HEADERS, letter.origin, strict=True)]


def originals(settings: KafkaSettings, chosen: Sequence[Letter]) -> Iterator[tuple[Letter, Record]]:
    """The raw record of each: the letter itself, or for a sink's letter what lies at its origin in the raw topic."""
    raw = {f"{topic.name}.dlq" for topic in RAW}
    with LogReader(settings) as reader:
        for letter in chosen:
            if letter.record.topic in raw:
                yield letter, letter.record
                continue
            topic, partition, offset = letter.origin
            place = {TopicPartition(topic, partition): (offset, offset + 1)}
            found = list(reader.read(place, Deadline(READ_TIMEOUT_S)))
            if not found:
                raise Transient(f"{letter.origin_place} cannot be read: nothing was replayed")
            yield letter, found[0]
