"""Positions in the raw topics, as `Feedmill-Position` carries them: `topic/partition:offset,…`."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

HEADER: Final = "Feedmill-Position"
CHANNEL: Final = "feedmill_applied"
"""Where the Postgres sink says what it has committed, in the header's form; topics as `sink_position` has them."""
MAX_ENTRIES: Final = 256  # far above all raw partitions together; bounds the work of one header
_ENTRY: Final = re.compile(r"([A-Za-z0-9._-]{1,249})/(\d{1,6}):(\d{1,19})", re.ASCII)
_MAX_OFFSET: Final = 2**63 - 1

Place = tuple[str, int]
"""A raw topic's name and a partition of it."""


class BadPosition(ValueError):
    """The header cannot be read; the message names the header and does not echo its value."""


@dataclass(frozen=True, slots=True)
class Positions:
    """For each place the highest offset meant: "everything up to and including it".

    A value: merging is by maximum, so it commutes and is idempotent. Empty asks for nothing.
    """

    offsets: Mapping[Place, int] = field(default_factory=dict)

    @classmethod
    def parse(cls, headers: Iterable[str]) -> Self:
        """Read all values of the header, one request may repeat it. Raises BadPosition."""
        offsets: dict[Place, int] = {}
        for entry in (part.strip(" \t") for value in headers for part in value.split(",")):
            if not entry:
                continue
            match = _ENTRY.fullmatch(entry)
            if match is None or int(match[3]) > _MAX_OFFSET:
                raise BadPosition(f"{HEADER} must be topic/partition:offset[,topic/partition:offset…]")
            place = (match[1], int(match[2]))
            offsets[place] = max(offsets.get(place, -1), int(match[3]))
            if len(offsets) > MAX_ENTRIES:
                raise BadPosition(f"{HEADER} names more than {MAX_ENTRIES} partitions")
        return cls(offsets)

    @classmethod
    def of(cls, topic: str, partition: int, offset: int) -> Self:
        """One record's position."""
        return cls({(topic, partition): offset})

    def merge(self, other: "Positions") -> "Positions":
        """Both: at each place the higher offset."""
        merged = dict(self.offsets)
        for place, offset in other.offsets.items():
            merged[place] = max(merged.get(place, -1), offset)
        return Positions(merged)

    def only(self, topics: Iterable[str]) -> "Positions":
        """What a store heeds that keeps just these raw topics."""
        kept = frozenset(topics)
        return Positions({place: offset for place, offset in self.offsets.items() if place[0] in kept})

    def missing_from(self, applied: Mapping[Place, int]) -> "Positions":
        """What is still to come; `applied` holds the highest offset applied at each place, absent is none."""
        return Positions({p: offset for p, offset in self.offsets.items() if applied.get(p, -1) < offset})

    def __str__(self) -> str:
        return ",".join(f"{topic}/{partition}:{offset}" for topic, partition, offset in self)

    def __iter__(self) -> Iterator[tuple[str, int, int]]:
        return iter(sorted((topic, partition, offset) for (topic, partition), offset in self.offsets.items()))

    def __bool__(self) -> bool:
        return bool(self.offsets)
