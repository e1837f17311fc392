"""A log of which only its ends are known: for tests of those who ask how far it reaches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from feedmill.runtime.outcome import TopicPartition, Transient


@dataclass(slots=True)
class LogEnds:
    """`ends` as feedmill.runtime.kafka.Admin has it; partitions not set are empty."""

    known: dict[TopicPartition, int] = field(default_factory=dict)
    away: bool = False

    def reaches(self, topic: str, partition: int, end: int) -> None:
        """The offset the next record will get."""
        self.known[TopicPartition(topic, partition)] = end

    def ends(self, partitions: Sequence[TopicPartition], timeout_s: float = 5) -> Mapping[TopicPartition, int]:
        if self.away:
            raise Transient("the log is away")
        return {tp: self.known.get(tp, 0) for tp in partitions}
