"""What the group's committed metadata says: where a partition stands, and the range an insert was begun for. Pure.

{"applied": 41}                                       between inserts: all below the committed offset is in
{"applied": 41, "start": 50, "end": 90}               an insert of [50, 90) was begun; whoever owns the partition
                                                      finishes it with exactly these bounds
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from msgspec import Struct

from feedmill.feed_writer.row import START, Position
from feedmill.runtime.kafka import Commit
from feedmill.runtime.outcome import Fatal, TopicPartition


class _Metadata(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    applied: int
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Range:
    """Enriched offsets [start, end) of one partition; `applied`: the raw offset applied before start."""

    partition: TopicPartition
    start: int
    end: int
    applied: int

    @property
    def token(self) -> str:
        """Names the rows of this range: the same token with other rows would lose them in silence."""
        return f"{self.partition.topic}:{self.partition.partition}:{self.start}-{self.end}"

    def begun(self) -> Commit:
        return Commit(self.start, _encoded(_Metadata(self.applied, self.start, self.end)))


def finished(position: Position) -> Commit:
    return Commit(position.next_offset, _encoded(_Metadata(position.source_offset)))


def standing(partition: TopicPartition, commit: Commit | None) -> tuple[Position, Range | None]:
    """Where to start, and the range to finish first. Raises Fatal where the metadata cannot be what a sink wrote."""
    if commit is None:
        return START, None
    if not commit.metadata:  # somebody moved the group by hand: the filter stops loudly where that leaves a hole
        return Position(START.source_offset, commit.offset), None
    try:
        said = msgspec.json.decode(commit.metadata, type=_Metadata)
    except msgspec.DecodeError as error:
        raise Fatal(f"{partition}: committed metadata {commit.metadata!r} is none of ours: {error}") from error
    position = Position(said.applied, commit.offset)
    if said.start is None or said.end is None:
        return position, None
    if not said.start == commit.offset < said.end:
        raise Fatal(f"{partition}: committed bounds {commit.metadata!r} do not fit offset {commit.offset}")
    return position, Range(partition, said.start, said.end, said.applied)


def _encoded(metadata: _Metadata) -> str:
    return msgspec.json.encode(metadata).decode()
