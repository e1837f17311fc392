"""What the ledger reads of the log: each raw record as the event it stands for, a chunk of offsets at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from feedmill.cli.ledger_stores import CHUNK
from feedmill.contracts import headers
from feedmill.contracts.ids import event_id_of_article, event_id_of_place
from feedmill.contracts.topics import ARTICLE_PUBLISHED
from feedmill.contracts.verbs import BARE, BY_TYPE
from feedmill.runtime.deadline import Deadline
from feedmill.runtime.kafka import LogReader
from feedmill.runtime.outcome import Record, TopicPartition

READ_TIMEOUT_S: Final = 3_600.0
UNREADABLE: Final = "?"
UUID_BYTES: Final = 16
_VERBS: Final = {type_.encode(): verb for type_, verb in BY_TYPE.items()}

Origins = set[tuple[str, int, int]]
Span = tuple[int, int]
"""Offsets [low, high) of one chunk."""


class Entry(NamedTuple):
    """One raw record: whose event it is. `dead`: a dead letter names its place, or the place it was replayed from."""

    offset: int
    event_id: bytes
    verb: str
    dead: bool


def spans(bounds: tuple[int, int]) -> Iterator[Span]:
    """The bounds cut at multiples of CHUNK."""
    low, end = bounds
    while low < end:
        high = min(end, (low // CHUNK + 1) * CHUNK)
        yield low, high
        low = high


def entries(
    reader: LogReader, partition: TopicPartition, asked: Sequence[Span], dead: Origins
) -> Iterator[tuple[Span, list[Entry]]]:
    """Each span with its records; spans that lie side by side are read in one go."""
    for run in _runs(asked):
        left = iter(run)
        span, found = next(left), list[Entry]()
        for record in reader.read({partition: (run[0][0], run[-1][1])}, Deadline(READ_TIMEOUT_S)):
            while record.offset >= span[1]:
                yield span, found
                span, found = next(left), []
            found.append(_entry(record, dead))
        yield span, found
        yield from ((span, []) for span in left)


def _runs(asked: Sequence[Span]) -> Iterator[list[Span]]:
    run: list[Span] = []
    for span in asked:
        if run and run[-1][1] != span[0]:
            yield run
            run = []
        run.append(span)
    if run:
        yield run


class _ArticleName(msgspec.Struct):
    id: str
    time: int


def _entry(record: Record, dead: Origins) -> Entry:
    said = dict(record.headers)  # of two of one name the last, as `Record.header`
    place = (record.topic, record.partition, record.offset)
    origin = (_origin(said) or place) if headers.DLQ_TOPIC in said else place
    verb = _VERBS.get(said.get(headers.CE_TYPE, b"")) or BARE.get(record.topic)
    return Entry(
        record.offset,
        _event_id(record, said.get(headers.EVENT_ID), origin),
        verb.name if verb else UNREADABLE,
        bool(dead) and (place in dead or origin in dead),
    )


def _event_id(record: Record, given: bytes | None, origin: tuple[str, int, int]) -> bytes:
    """As the enricher makes it. Of what cannot be read: its place; only a dead letter can be there for it."""
    try:
        if given is not None:
            if len(found := bytes.fromhex(given.decode().replace("-", ""))) == UUID_BYTES:
                return found
        elif record.topic == ARTICLE_PUBLISHED.name:
            said = msgspec.json.decode(record.value or b"", type=_ArticleName)
            return event_id_of_article(record.topic, said.id, said.time).bytes
    except (ValueError, msgspec.MsgspecError):
        pass
    return event_id_of_place(*origin).bytes


def _origin(said: Mapping[str, bytes]) -> tuple[str, int, int] | None:
    topic, partition, offset = (
        said.get(name) for name in (headers.DLQ_TOPIC, headers.DLQ_PARTITION, headers.DLQ_OFFSET)
    )
    if topic is None or partition is None or offset is None or not (partition.isdigit() and offset.isdigit()):
        return None
    return topic.decode("utf-8", "replace"), int(partition), int(offset)
